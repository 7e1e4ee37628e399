"""What a computation cost, or is expected to cost."""

from __future__ import annotations

import html
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from privet.errors import InvalidInput

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Resources of one run.

    Attributes:
        seconds: wall-clock time.
        bytes_sent: bytes that each role sent, by role; empty when nothing left the process.
        rounds: communication rounds, counted on the longest dependency chain.
        peak_memory: bytes of resident memory of the process at the peak above the level at the
            start, or None where the platform does not tell. The first fit of its kind compiles
            its functions, and that is in the figure: often most of it where rows are few.
        depth: multiplicative depth on ciphertexts; 0 elsewhere.
        estimated: True for a plan made before anything ran.
    """

    seconds: float | None = None
    bytes_sent: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    peak_memory: int | None = None
    depth: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        numbers = (self.seconds, self.rounds, self.peak_memory, self.depth)
        for value in (*numbers, *self.bytes_sent.values()):
            if value is not None and not value >= 0:
                raise InvalidInput("a cost cannot be negative", value=value, bound=">= 0")

    @property
    def total_bytes(self) -> int:
        """Bytes sent by all roles together."""
        return sum(self.bytes_sent.values())

    def __add__(self, other: Cost) -> Cost:
        """The cost of one run after the other."""
        sent = {
            role: self.bytes_sent.get(role, 0) + other.bytes_sent.get(role, 0)
            for role in (*self.bytes_sent, *other.bytes_sent)
        }
        return Cost(
            seconds=_both(self.seconds, other.seconds, operator.add),
            bytes_sent=sent,
            rounds=self.rounds + other.rounds,
            peak_memory=_both(self.peak_memory, other.peak_memory, max),
            depth=max(self.depth, other.depth),
            estimated=self.estimated or other.estimated,
        )

    def as_estimate(self) -> Cost:
        """The same figures, marked as a plan."""
        return replace(self, estimated=True)

    def coarse(self) -> Cost:
        """The same cost without exact timings, which are functions of private rows.

        Seconds and memory are rounded up to 1, 2 or 5 times a power of ten.
        """
        seconds = None if self.seconds is None else _round_up(self.seconds, least=0.1)
        memory = self.peak_memory
        return replace(
            self,
            seconds=seconds,
            peak_memory=None if memory is None else int(_round_up(memory, least=1e7)),
        )

    def __str__(self) -> str:
        parts = []
        if self.seconds is not None:
            parts.append(f"{self.seconds:.3g} s")
        if self.peak_memory is not None:
            parts.append(f"{human_bytes(self.peak_memory)} peak memory")
        parts.append(f"{human_bytes(self.total_bytes)} sent")
        if self.rounds:
            parts.append(f"{self.rounds} rounds")
        if self.depth:
            parts.append(f"depth {self.depth}")
        return ("about " if self.estimated else "") + ", ".join(parts)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"


def human_bytes(count: int) -> str:
    """Bytes to three digits, in powers of a thousand, in which rounded figures look round.

    >>> human_bytes(200_000_000)
    '200 MB'
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB" if size < 999.5 else f"{size:.0f} TB"


def _round_up(value: float, *, least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below the value."""
    value = max(value, least)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))


def _both(
    first: Number | None, second: Number | None, combine: Callable[[Number, Number], Number]
) -> Number | None:
    """The two combined, or the one that is known."""
    if first is None or second is None:
        return second if first is None else first
    return combine(first, second)
