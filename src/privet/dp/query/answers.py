"""From noisy sums to answers with errors: everything here is post-processing and costs nothing.

An `Output` makes one column of the answer. Evaluated on a group it gives a `Figure`: the value,
and the half-width of an interval that holds the un-noised value with 95 % probability. Counts
and sums have an error that no data enter; means and variances are quotients of noisy sums, and
theirs is worked out from released numbers alone (delta method; Casella & Berger 2002, 5.5.4).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from privet.dp.query.trees import Tree

Z95 = 1.959963984540054
"""The normal quantile at 97.5 %."""


class Figure(NamedTuple):
    """A value of an answer and its 95 % half-width; None where it has no error (a key)."""

    value: Any
    error: float | None = None


class Group(Protocol):
    """The released numbers of one group."""

    def key(self, index: int) -> Any:
        """The group's value of a key."""

    def total(self, index: int) -> tuple[float, float]:
        """A noisy measure and its standard deviation."""

    def tree(self, index: int) -> Tree:
        """The noisy counts of a tree measure."""


class Output(Protocol):
    """How one column of the answer is made."""

    def at(self, group: Group) -> Figure:
        """Its value and error in one group."""


@dataclass(frozen=True)
class KeyOf:
    """The value of a key."""

    index: int

    def at(self, group: Group) -> Figure:
        """The key itself, which is public or was released."""
        return Figure(group.key(self.index))


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: Any

    def at(self, group: Group) -> Figure:
        """The literal, which has no error."""
        del group
        return Figure(self.value, 0.0)


@dataclass(frozen=True)
class Total:
    """COUNT and SUM: a measure as it is; counts as whole numbers.

    A small count may come out negative. That is the noise: cut off at 0, sums over many groups
    would be too large.
    """

    measure: int
    whole: bool

    def at(self, group: Group) -> Figure:
        """The noisy measure."""
        value, deviation = group.total(self.measure)
        error = Z95 * deviation
        # Rounding can move the value by a half more.
        if not self.whole:
            return Figure(value, error)
        return Figure(round(value), error + 0.5 if error else 0.0)


@dataclass(frozen=True)
class Mean:
    """AVG: centre + centred sum / count, within the bounds."""

    total: int
    count: int
    centre: float
    half: float

    def at(self, group: Group) -> Figure:
        """The quotient of two noisy sums."""
        s, s_noise = group.total(self.total)
        n, n_noise = group.total(self.count)
        shift = max(-self.half, min(s / max(n, 1.0), self.half))
        spread = Z95 * math.hypot(s_noise, shift * n_noise)
        # By the least that the count may be, so that the interval is not too narrow.
        error = spread / max(n - Z95 * n_noise, 1.0)
        return Figure(self.centre + shift, min(error, 2 * self.half))


@dataclass(frozen=True)
class Variance:
    """VAR and STDDEV from centred moments; never negative.

    Attributes:
        squares: measure of (x - centre)^2 - half^2 / 2.
        total, count: of x - centre, and of values.
        sample: divide by count - 1.
        root: the standard deviation.
    """

    squares: int
    total: int
    count: int
    half: float
    sample: bool
    root: bool

    def at(self, group: Group) -> Figure:
        """Second moment less squared first, both noisy."""
        q, q_noise = group.total(self.squares)
        s, s_noise = group.total(self.total)
        n, n_noise = group.total(self.count)
        n = max(n, 2.0)
        most = self.half**2
        mean = max(-self.half, min(s / n, self.half))
        second = max(0.0, min(q / n + most / 2, most))
        bessel = n / (n - 1) if self.sample else 1.0
        value = max(second - mean**2, 0.0) * bessel
        by_count = abs(-(second - most / 2) + 2 * mean**2) * n_noise
        spread = Z95 * math.hypot(q_noise, 2 * mean * s_noise, by_count)
        error = min(spread / max(n - Z95 * n_noise, 1.0), most) * bessel
        if not self.root:
            return Figure(value, error)
        deviation = math.sqrt(value)
        low = math.sqrt(max(value - error, 0.0))
        return Figure(deviation, max(math.sqrt(value + error) - deviation, deviation - low))


@dataclass(frozen=True)
class Quantile:
    """A quantile read off a noisy tree of counts; share 0 is MIN and share 1 MAX.

    The least and the greatest value of a group are one person's and cannot be released: MIN and
    MAX are the values beyond which about as many rows lie as the noise can hide.
    """

    measure: int
    share: float

    def at(self, group: Group) -> Figure:
        """The value at which the noisy counts reach the share, and how far its rank's error
        moves it."""
        tree = group.tree(self.measure)
        value, low, high = tree.quantile(self.share)
        return Figure(value, max(high - value, value - low))


@dataclass(frozen=True)
class Linear:
    """first + factor * second, or factor * first where there is no second."""

    first: Output
    factor: float
    second: Output | None = None

    def at(self, group: Group) -> Figure:
        """Errors are added, since both sides may share their noise."""
        a = self.first.at(group)
        if self.second is None:
            return Figure(self.factor * a.value, abs(self.factor) * (a.error or 0.0))
        b = self.second.at(group)
        error = (a.error or 0.0) + abs(self.factor) * (b.error or 0.0)
        return Figure(a.value + self.factor * b.value, error)


@dataclass(frozen=True)
class Rounded:
    """ROUND of a noisy number."""

    inner: Output
    digits: int

    def at(self, group: Group) -> Figure:
        """Rounding adds half a digit to the error."""
        figure = self.inner.at(group)
        error = (figure.error or 0.0) + 0.5 * 10.0**-self.digits
        return Figure(round(figure.value, self.digits), error)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq, "NEQ": operator.ne, "LT": operator.lt, "LTE": operator.le,
    "GT": operator.gt, "GTE": operator.ge,
}


@dataclass(frozen=True)
class Compared:
    """A comparison of noisy columns; false where a side is NULL or the types differ."""

    word: str
    left: Output
    right: Output

    def at(self, group: Group) -> Figure:
        """Whether it holds of the released values."""
        a, b = self.left.at(group).value, self.right.at(group).value
        alike = isinstance(a, str) == isinstance(b, str)
        holds = a is not None and b is not None and alike and COMPARISONS[self.word](a, b)
        return Figure(bool(holds))


@dataclass(frozen=True)
class Logic:
    """AND, OR, NOT of comparisons."""

    word: str
    parts: tuple[Output, ...]

    def at(self, group: Group) -> Figure:
        """Whether it holds of the released values."""
        found = [bool(part.at(group).value) for part in self.parts]
        if self.word == "NOT":
            return Figure(not found[0])
        return Figure(all(found) if self.word == "AND" else any(found))
