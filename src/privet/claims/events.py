"""Private releases as typed values, which accountants add up, guarantees name and ledgers keep.

Being data, they can be added up again later, with others, by a tighter accountant.

A noise multiplier is always the noise's standard deviation divided by the most that ONE unit
can add to the released sum, as Euclidean norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privet.errors import InvalidInput, one_of, positive, whole

Sampler = Literal["every-unit", "poisson", "fixed-size", "shuffled", "truncated-poisson"]
SAMPLERS: tuple[Sampler, ...] = (
    "every-unit",
    "poisson",
    "fixed-size",
    "shuffled",
    "truncated-poisson",
)


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noise on a sum over every unit, `count` times.

    Attributes:
        noise_multiplier: standard deviation over the most one unit adds.
        count: how many such releases, each with fresh noise, chosen adaptively or not.
        what: what is released, in words.
    """

    noise_multiplier: float
    count: int = 1
    what: str = "sum"
    sampler: Sampler = "every-unit"

    def __post_init__(self) -> None:
        positive(noise_multiplier=self.noise_multiplier)
        whole(count=self.count)
        one_of(SAMPLERS, sampler=self.sampler)
        if not isinstance(self.what, str):
            raise InvalidInput("what is released is said in words", value=type(self.what).__name__)

    def __str__(self) -> str:
        return (
            f"{self.count} x Gaussian(noise_multiplier={self.noise_multiplier!r}) "
            f"on every unit: {self.what}"
        )


@dataclass(frozen=True)
class PoissonGaussian(Gaussian):
    """Gaussian noise on a sum over units that each took part independently at `rate`."""

    rate: float = 1.0
    sampler: Sampler = "poisson"

    def __post_init__(self) -> None:
        super().__post_init__()
        if positive(rate=self.rate) > 1:
            raise InvalidInput("a sampling rate lies in (0, 1]", value=self.rate)

    def __str__(self) -> str:
        return (
            f"{self.count} x Gaussian(noise_multiplier={self.noise_multiplier!r}) on a "
            f"{self.sampler} sample at rate {self.rate!r}: {self.what}"
        )


Event = Gaussian | PoissonGaussian

EVENT_KINDS: dict[str, type[Gaussian]] = {
    "gaussian": Gaussian,
    "poisson-gaussian": PoissonGaussian,
}
"""The kinds of releases by their names in JSON."""
