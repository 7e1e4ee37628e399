"""Three randomisers for a number within bounds, on a grid: whole numbers in, whole numbers out.

The number is rounded to one of G + 1 grid points j, and every report is a whole number out of a
set that does not depend on it, drawn with whole-number weights (proofs/local-randomisers.md,
section 4). `decode` is linear in the report and unbiased for the grid point.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from privet.dp.local.odds import Odds
from privet.dp.local.oracle import Array, bits_for
from privet.entropy import Stream
from privet.errors import DataError, InvalidInput, whole

GRID = 2**16
_COIN_BITS = 16


@dataclass(frozen=True)
class Average:
    """An estimated mean.

    Attributes:
        mean: unbiased.
        error: its standard error, sampling of the reporting persons included.
        reports: how many reports were read.
    """

    mean: float
    error: float
    reports: int


@dataclass(frozen=True)
class NumberRandomiser(ABC):
    """A number within bounds, randomised on the device of the one who has it.

    Attributes:
        low, high: bounds known without the data, low < high; numbers beyond are clipped.
        epsilon: what one report may reveal, above 0; what exceeds 16 is not used.
        grid: steps G between low and high.

    Formal guarantees:
        - For any two numbers and every report, the chances of the report differ by at most the
          rational factor `ratio` <= e^epsilon, given uniform random bits: a report is
          epsilon-locally differentially private. No float that depends on the number is
          reported, so that its low-order bits tell nothing.
        - Several reports of one person compose: their epsilons add up.
        - The mean of decoded reports is unbiased up to the grid: (high - low) / 2G.
        - Not claimed: the running time is independent of the numbers.
    """

    name: ClassVar[str]
    """One word, as files and tables call it."""

    low: float
    high: float
    epsilon: float
    grid: int = GRID

    def __post_init__(self) -> None:
        width = float(self.high) - float(self.low)
        if not (math.isfinite(width) and width > 0):
            raise InvalidInput("bounds are out of order or not finite",
                               value=[self.low, self.high], bound="low < high",
                               remedy="low=0, high=100")
        Odds.below(self.epsilon)  # refuses what is no budget
        whole(grid=self.grid)

    @property
    def odds(self) -> Odds:
        """The weights that are drawn with."""
        return Odds.below(self.epsilon)

    @property
    def ratio(self) -> Fraction:
        """The greatest likelihood ratio of any report under two numbers, exactly."""
        return self.odds.ratio

    @property
    def bits(self) -> int:
        """Bits that one report takes."""
        return bits_for(self.outcomes)

    @property
    @abstractmethod
    def outcomes(self) -> int:
        """Reports are 0..outcomes-1."""

    @abstractmethod
    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """One report for each of (n,) grid points 0..G."""

    @abstractmethod
    def chances(self, point: int) -> list[Fraction]:
        """The chance of each report under one grid point, exactly; they add up to 1."""

    @abstractmethod
    def decode_grid(self, reports: Array) -> Array:
        """Unbiased grid points, (n,) float64; they lie far beyond 0..G."""

    @abstractmethod
    def variance(self, number: float) -> float:
        """Variance of one decoded report of this number, in the number's own unit squared."""

    def perturb(self, numbers: Any, *, stream: Stream) -> Array:
        """One report for each of (n,) numbers, (n,) int64.

        Raises:
            InvalidInput: something is no number; it is not shown. Infinite ones are clipped.
        """
        return self.perturb_grid(self.points(numbers), stream=stream)

    def points(self, numbers: Any) -> Array:
        """The grid points of (n,) numbers, (n,) int64 in 0..G."""
        found = np.asarray(numbers)
        if found.dtype.kind not in "iuf" or found.ndim != 1 or np.isnan(found).any():
            raise InvalidInput("something is no number", bound="(n,) numbers without gaps")
        share = (np.clip(found, self.low, self.high) - self.low) / (self.high - self.low)
        points: Array = np.clip(np.rint(share * self.grid), 0, self.grid).astype(np.int64)
        return points

    def decode(self, reports: Any) -> Array:
        """Unbiased numbers in their own unit, (n,) float64; most lie beyond the bounds.

        Raises:
            DataError: something is no report of this randomiser.
        """
        share = self.decode_grid(self.checked(reports)) / self.grid
        return np.asarray(self.low + (self.high - self.low) * share)

    def estimate(self, reports: Any) -> Average:
        """The mean, with its standard error.

        Raises:
            DataError: there are fewer than two reports, or something is none.
        """
        found = self.decode(reports)
        if len(found) < 2:
            raise DataError("there are too few reports to estimate from", value=len(found),
                            bound="at least 2")
        return Average(float(found.mean()), float(found.std(ddof=1) / len(found) ** 0.5),
                       len(found))

    def worst_variance(self) -> float:
        """The greatest `variance` over the bounds."""
        points = np.linspace(self.low, self.high, 33)
        return max(self.variance(float(point)) for point in points)

    def checked(self, reports: Any) -> Array:
        """The reports as (n,) int64.

        Raises:
            DataError: something is no report of this randomiser.
        """
        found = np.asarray(reports)
        good = found.ndim == 1 and found.dtype.kind in "iu"
        if not good or (len(found) and not (found.min() >= 0 and found.max() < self.outcomes)):
            raise DataError(f"something is no report of {self.name}",
                            bound=f"whole numbers 0..{self.outcomes - 1}")
        return found.astype(np.int64, copy=False)

    def _scaled(self, number: float) -> float:
        """The grid point of a number, not rounded."""
        inside = min(max(number, self.low), self.high)
        return (inside - self.low) / (self.high - self.low) * self.grid

    def _unit(self) -> float:
        return (self.high - self.low) / self.grid


@dataclass(frozen=True)
class Duchi(NumberRandomiser):
    """One bit whose mean is linear in the number (Duchi, Jordan & Wainwright 2018, section 3).

    The least variance where epsilon is small.
    """

    name: ClassVar[str] = "duchi"

    @property
    def outcomes(self) -> int:
        """0 and 1."""
        return 2

    @property
    def _total(self) -> int:
        return (self.odds.favoured + self.odds.other) * self.grid

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """1 with chance (B G + (A - B) j) / ((A + B) G)."""
        odds = self.odds
        limit = odds.other * self.grid + (odds.favoured - odds.other) * points
        return (stream.below(self._total, len(points)) < limit).astype(np.int64)

    def chances(self, point: int) -> list[Fraction]:
        """Of 0 and of 1."""
        odds = self.odds
        one = Fraction(odds.other * self.grid + (odds.favoured - odds.other) * point, self._total)
        return [1 - one, one]

    def decode_grid(self, reports: Array) -> Array:
        """The two points whose mixture has the right mean."""
        odds = self.odds
        total, gap = odds.favoured + odds.other, odds.favoured - odds.other
        ends = np.array([-odds.other, total - odds.other]) * (self.grid / gap)
        return np.asarray(ends[reports])

    def variance(self, number: float) -> float:
        """C^2 - t^2 on [-1, 1], C = (A + B) / (A - B)."""
        odds, half = self.odds, (self.high - self.low) / 2
        most = (odds.favoured + odds.other) / (odds.favoured - odds.other)
        scaled = 2 * self._scaled(number) / self.grid - 1
        return (most**2 - scaled**2) * half**2


@dataclass(frozen=True)
class Piecewise(NumberRandomiser):
    """A cell out of many, those in a window that moves with the number being favoured.

    The window has the width of the piecewise mechanism (Wang et al. 2019, "Collecting and
    analyzing multidimensional data with local differential privacy", section 3.1): W / G =
    e^(-epsilon / 2). Reports tell squares as well as means.
    """

    name: ClassVar[str] = "piecewise"

    @cached_property
    def window(self) -> int:
        """W, in cells."""
        return max(1, round(self.grid * math.exp(-min(self.epsilon, 16.0) / 2)))

    @property
    def outcomes(self) -> int:
        """N = G + W cells."""
        return self.grid + self.window

    @property
    def _total(self) -> int:
        return self.window * self.odds.favoured + self.grid * self.odds.other

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """A cell in j .. j + W - 1 with weight A each, any other with weight B."""
        odds, inside = self.odds, self.window * self.odds.favoured
        drawn = stream.below(self._total, len(points))
        other = (drawn - inside) // odds.other
        other = np.where(other < points, other, other + self.window)
        return np.where(drawn < inside, points + drawn // odds.favoured, other)

    def chances(self, point: int) -> list[Fraction]:
        """By whether the cell lies in the window."""
        odds = self.odds
        return [
            Fraction(odds.favoured if point <= cell < point + self.window else odds.other,
                     self._total)
            for cell in range(self.outcomes)
        ]

    @cached_property
    def _line(self) -> tuple[float, float]:
        """(c0, c1): the mean cell is c0 + c1 j."""
        odds, w, n = self.odds, self.window, self.outcomes
        gap = odds.favoured - odds.other
        start = Fraction(odds.other * (n * (n - 1) // 2) + gap * (w * (w - 1) // 2), self._total)
        return float(start), float(Fraction(gap * w, self._total))

    @cached_property
    def _curve(self) -> tuple[float, float]:
        """(s0, s1): the mean square of the cell is s0 + s1 j + c1 j^2."""
        odds, w, n = self.odds, self.window, self.outcomes
        gap = odds.favoured - odds.other
        start = Fraction(odds.other * _squares(n) + gap * _squares(w), self._total)
        return float(start), float(Fraction(gap * w * (w - 1), self._total))

    def decode_grid(self, reports: Array) -> Array:
        """(cell - c0) / c1."""
        start, slope = self._line
        return np.asarray((reports - start) / slope)

    def decode_squares(self, reports: Array) -> Array:
        """Unbiased squares of grid points, (n,) float64."""
        start, slope = self._curve
        rest = reports.astype(np.float64) ** 2 - start - slope * self.decode_grid(reports)
        return np.asarray(rest / self._line[1])

    def variance(self, number: float) -> float:
        """Of the cell, over c1^2."""
        point, (start, slope), (square, line) = self._scaled(number), self._line, self._curve
        spread = square + line * point + slope * point**2 - (start + slope * point) ** 2
        return spread / slope**2 * self._unit() ** 2


@dataclass(frozen=True)
class Hybrid(NumberRandomiser):
    """Piecewise with chance 1 - e^(-epsilon / 2), else Duchi; Duchi alone up to epsilon 0.61.

    The least worst-case variance of the three (Wang et al. 2019, section 3.2). The coin does not
    depend on the number; reports of Duchi come behind those of Piecewise.
    """

    name: ClassVar[str] = "hybrid"

    @cached_property
    def piecewise(self) -> Piecewise:
        """One of the two that are mixed."""
        return Piecewise(self.low, self.high, self.epsilon, self.grid)

    @cached_property
    def duchi(self) -> Duchi:
        """The other one."""
        return Duchi(self.low, self.high, self.epsilon, self.grid)

    @cached_property
    def share(self) -> Fraction:
        """Chance of Piecewise: a multiple of 2^-16."""
        if self.epsilon <= 0.61:
            return Fraction(0)
        return Fraction(round(2**_COIN_BITS * -math.expm1(-min(self.epsilon, 16.0) / 2)),
                        2**_COIN_BITS)

    @property
    def outcomes(self) -> int:
        """Those of both."""
        return self.piecewise.outcomes + 2

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """A report of either, by the coin."""
        if not self.share:
            return self.piecewise.outcomes + self.duchi.perturb_grid(points, stream=stream)
        coin = stream.below(2**_COIN_BITS, len(points)) < int(self.share * 2**_COIN_BITS)
        behind = self.piecewise.outcomes + self.duchi.perturb_grid(points, stream=stream)
        return np.where(coin, self.piecewise.perturb_grid(points, stream=stream), behind)

    def chances(self, point: int) -> list[Fraction]:
        """Those of both, by the chance of the coin."""
        first = [self.share * chance for chance in self.piecewise.chances(point)]
        return first + [(1 - self.share) * chance for chance in self.duchi.chances(point)]

    def decode_grid(self, reports: Array) -> Array:
        """By the one that was used."""
        cells = self.piecewise.outcomes
        return np.where(
            reports < cells,
            self.piecewise.decode_grid(reports),
            self.duchi.decode_grid(np.maximum(reports - cells, 0)),
        )

    def variance(self, number: float) -> float:
        """The mixture of both: either is unbiased."""
        share = float(self.share)
        return share * self.piecewise.variance(number) + (1 - share) * self.duchi.variance(number)


def _squares(count: int) -> int:
    """0^2 + 1^2 + ... + (count - 1)^2."""
    return (count - 1) * count * (2 * count - 1) // 6


NUMBERS: dict[str, type[NumberRandomiser]] = {
    randomiser.name: randomiser for randomiser in (Duchi, Piecewise, Hybrid)
}
"""By their names in files."""
