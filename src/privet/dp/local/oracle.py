"""What all frequency oracles share: reports that support values, and how to count them.

Every oracle here is pure (Wang, Blocki, Li & Jha 2017, section 3): a report supports some of the
values, the true one with chance p and any other one with chance q. So one estimator and one
variance serve all: with c_v the number of the n reports that support v,

    f_v = (c_v / n - q) / (p - q).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from privet.dp.local.odds import Odds
from privet.entropy import Stream
from privet.errors import DataError, InvalidInput, whole

Array = np.ndarray[Any, Any]
_BLOCK = 2**14
MOST_VALUES = 2**20
"""Values of a domain that is reported at once; larger ones are searched (`heavy_hitters`)."""


@dataclass(frozen=True)
class Frequencies:
    """Estimated shares of the values among those who reported.

    Attributes:
        shares: (k,) unbiased; they may be negative, and need not add up to 1.
        errors: (k,) standard errors, sampling of the reporting persons included.
        reports: how many reports were read.
    """

    shares: Array
    errors: Array
    reports: int

    def consistent(self) -> Array:
        """The nearest shares that are not negative and add up to 1, (k,).

        Post-processing, which costs nothing. It lowers the error and is no longer unbiased
        (Norm-Sub of Wang et al. 2020, "Locally differentially private frequency estimation with
        consistency"; the Euclidean projection on the simplex).
        """
        ranked = np.sort(self.shares)[::-1]
        excess = (np.cumsum(ranked) - 1.0) / np.arange(1, len(ranked) + 1)
        kept = int(np.flatnonzero(ranked > excess)[-1])
        return np.asarray(np.maximum(self.shares - excess[kept], 0.0))


@dataclass(frozen=True)
class FrequencyOracle(ABC):
    """One value of a known domain, randomised on the device of the one who has it.

    Attributes:
        domain_size: number of values k, 2 to 2**20; values are 0..k-1.
        epsilon: what one report may reveal, above 0; what exceeds 16 is not used.

    Formal guarantees:
        - For any two values and every report, the chances of the report differ by at most the
          rational factor `ratio` <= e^epsilon, given uniform random bits: all draws are of
          whole numbers, exactly uniform, and no probability is rounded after the draw. So a
          report is epsilon-locally differentially private (Kasiviswanathan et al. 2011).
        - Several reports of one person compose: their epsilons add up.
        - Estimates are unbiased, whatever the persons' values.
        - Not claimed: the running time is independent of the values (they are handled in
          batches of many persons here; on one device, an observer of its clock is not covered).
    """

    name: ClassVar[str]
    """One word, as files and tables call it."""

    domain_size: int
    epsilon: float

    def __post_init__(self) -> None:
        size = whole(least=2, domain_size=self.domain_size)
        if size > MOST_VALUES:
            raise InvalidInput(
                "the domain is too large to be reported at once", value=size,
                bound=f"<= {MOST_VALUES}",
                remedy="privet.dp.local.heavy_hitters(...)",
            )
        Odds.below(self.epsilon)  # refuses what is no budget

    @property
    def odds(self) -> Odds:
        """The weights that are drawn with."""
        return Odds.below(self.epsilon)

    @property
    def ratio(self) -> Fraction:
        """The greatest likelihood ratio of any report under two values, exactly."""
        return self.odds.ratio

    @property
    @abstractmethod
    def p(self) -> Fraction:
        """Chance that a report supports the true value."""

    @property
    @abstractmethod
    def q(self) -> Fraction:
        """Chance that a report supports any one other value."""

    @property
    @abstractmethod
    def bits(self) -> int:
        """Bits that one report takes."""

    def perturb(self, values: Any, *, stream: Stream) -> Array:
        """One report for each of (n,) values in 0..k-1: (n,) int64 codes, or (n, bytes) uint8.

        Raises:
            InvalidInput: a value lies outside the domain (it is not shown).
        """
        values = self._values(values)
        # Blocks stay in the cache, and need little memory beside the reports.
        blocks = [
            self._draw(values[start : start + _BLOCK], stream)
            for start in range(0, max(len(values), 1), _BLOCK)
        ]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    @abstractmethod
    def _draw(self, values: Array, stream: Stream) -> Array:
        """Reports of (n,) int64 values within the domain."""

    @abstractmethod
    def counts(self, reports: Array) -> Array:
        """How many reports support each value, (k,) int64.

        Raises:
            DataError: something is no report of this oracle.
        """

    @abstractmethod
    def supports(self, reports: Array) -> Array:
        """Which values each report supports, (n, k) bool; n k bytes.

        Raises:
            DataError: something is no report of this oracle.
        """

    def decode(self, reports: Any) -> Array:
        """Unbiased indicators of each reporter's value, (n, k) float64: (support - q) / (p - q)."""
        p, q = float(self.p), float(self.q)
        return np.asarray((self.supports(np.asarray(reports)) - q) / (p - q))

    @abstractmethod
    def outputs(self) -> Array:
        """Every possible report, in order; for small domains only."""

    @abstractmethod
    def chances(self, value: int) -> list[Fraction]:
        """The chance of each of `outputs` under one value, exactly; they add up to 1."""

    def estimate(self, reports: Any) -> Frequencies:
        """Shares of the values, with standard errors.

        Raises:
            DataError: there is no report, or something that is none.
        """
        reports = np.asarray(reports)
        return self.frequencies(self.counts(reports), len(reports))

    def frequencies(self, counts: Array, reports: int) -> Frequencies:
        """Shares from how many of the reports support each value, (k,).

        Raises:
            DataError: there is no report.
        """
        if reports < 1:
            raise DataError("there are no reports to estimate from", value=reports, bound=">= 1")
        p, q = float(self.p), float(self.q)
        shares = (np.asarray(counts) / reports - q) / (p - q)
        # Reports of persons drawn from a population: each supports v with this chance.
        chance = q + np.clip(shares, 0.0, 1.0) * (p - q)
        errors = np.sqrt(chance * (1 - chance) / reports) / (p - q)
        return Frequencies(shares, errors, reports)

    def variance(self, share: float, reports: int) -> float:
        """Variance that the randomiser adds to an estimated share, the persons being fixed.

        share p (1 - p) + (1 - share) q (1 - q), over reports (p - q)^2.
        """
        p, q = float(self.p), float(self.q)
        spread = share * p * (1 - p) + (1 - share) * q * (1 - q)
        return spread / (reports * (p - q) ** 2)

    def _values(self, values: Any) -> Array:
        found = np.asarray(values)
        inside = found.dtype.kind in "iu" and found.ndim == 1
        if not inside or (len(found) and not (found.min() >= 0 and found.max() < self.domain_size)):
            raise InvalidInput("a value lies outside the domain",
                               bound=f"(n,) whole numbers 0..{self.domain_size - 1}")
        return found.astype(np.int64, copy=False)

    def _codes(self, reports: Array, below: int) -> Array:
        good = reports.ndim == 1 and reports.dtype.kind in "iu"
        if not good or (len(reports) and not (reports.min() >= 0 and reports.max() < below)):
            raise DataError(f"something is no report of {self.name}",
                            bound=f"whole numbers 0..{below - 1}")
        return reports.astype(np.int64, copy=False)


def bits_for(outcomes: int) -> int:
    """Bits that tell so many outcomes apart."""
    return max(1, math.ceil(math.log2(outcomes)))
