"""What randomisers of a number within bounds share: a grid, whole numbers in, whole numbers out.

The number is rounded to one of G + 1 grid points j, and every report is a whole number out of a
set that does not depend on it, drawn with whole-number weights (proofs/local-randomisers.md,
section 4). `decode` is linear in the report and unbiased for the grid point.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from privet.dp.local.odds import Odds
from privet.dp.local.oracle import Array, bits_for
from privet.entropy import Stream
from privet.errors import DataError, InvalidInput, whole

GRID = 2**16


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
