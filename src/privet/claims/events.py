"""Private releases as typed values, which accountants add up, guarantees name and ledgers keep.

Being data, they can be added up again later, with others, by a tighter accountant.

A noise multiplier is always the noise's standard deviation divided by the most that ONE unit
can add to the released sum, as Euclidean norm.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

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

_KINDS: dict[str, type[Gaussian]] = {"gaussian": Gaussian, "poisson-gaussian": PoissonGaussian}


def event_to_json(event: Event) -> dict[str, Any]:
    """A JSON-compatible dict that `event_from_json` reads back to an equal value."""
    kind = next(name for name, cls in _KINDS.items() if type(event) is cls)
    return {"kind": kind, **asdict(event)}


def event_from_json(record: Any) -> Event:
    """The event that `event_to_json` wrote.

    Raises:
        InvalidInput: an unknown kind, or fields that are missing, unknown or out of range.
    """
    if not isinstance(record, dict):
        raise InvalidInput("a release is a JSON object", value=type(record).__name__)
    cls = _KINDS[one_of(tuple(_KINDS), kind=record.get("kind"))]
    given = {name: value for name, value in record.items() if name != "kind"}
    strange = sorted(set(given) - {field.name for field in fields(cls)})
    if strange:
        raise InvalidInput("unknown fields in a release", value=strange)
    if "noise_multiplier" not in given:
        raise InvalidInput("a release without its noise", bound="noise_multiplier")
    return cls(**given)
