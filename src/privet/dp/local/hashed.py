"""Subset selection over domains too large to list: support is asked for, value by value.

The report is a line h(v) = c v + e modulo a prime P, with c != 0; it supports the values with
h(v) < d. Of the lines, those that support the true value are favoured. This is `SubsetSelection`
with 2^61 - 1 values, named by the map from values to places instead of the other way round; p, q
and privacy are argued for in proofs/local-randomisers.md, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from privet.dp.local.odds import Odds
from privet.dp.local.oracle import Array, Frequencies, bits_for
from privet.entropy import Stream
from privet.errors import DataError, InvalidInput

MERSENNE = 2**61 - 1
MOST_BITS = 60
_COIN_BITS = 62
_LOW31, _LOW30 = np.uint64(2**31 - 1), np.uint64(2**30 - 1)


@dataclass(frozen=True)
class HashedSubset:
    """A value of 0..P-1 for a prime P, randomised on its owner's device.

    Attributes:
        epsilon: what one report may reveal, above 0; what exceeds 16 is not used.
        prime: P; 2^61 - 1, or a smaller prime below 2^31.

    Formal guarantees: as those of `FrequencyOracle`; a report takes 2 log2 P bits.
    """

    epsilon: float
    prime: int = MERSENNE

    def __post_init__(self) -> None:
        Odds.below(self.epsilon)  # refuses what is no budget
        if self.prime != MERSENNE and not 2 <= self.prime < 2**31:
            raise InvalidInput("the prime is too large", value=self.prime, bound="2^61 - 1 or less "
                               "than 2^31")

    @cached_property
    def size(self) -> int:
        """d, the nearest to P / (1 + e^epsilon), at least 1."""
        odds = Odds.below(self.epsilon)
        return max(1, round(Fraction(self.prime * odds.other, odds.favoured + odds.other)))

    @cached_property
    def p(self) -> Fraction:
        """Chance of a line that supports the true value: a multiple of 2^-62, rounded down."""
        odds = Odds.below(self.epsilon)
        inside = self.size * odds.favoured
        exact = Fraction(inside, inside + (self.prime - self.size) * odds.other)
        return Fraction(int(exact * 2**_COIN_BITS), 2**_COIN_BITS)

    @property
    def q(self) -> Fraction:
        """Chance of a line that supports any one other value."""
        return (self.p * (self.size - 1) + (1 - self.p) * self.size) / (self.prime - 1)

    @property
    def ratio(self) -> Fraction:
        """The greatest likelihood ratio of any report under two values, exactly."""
        return self.p / self.size / ((1 - self.p) / (self.prime - self.size))

    @property
    def bits(self) -> int:
        """2 log2 P."""
        return 2 * bits_for(self.prime)

    def perturb(self, values: Array, *, stream: Stream) -> Array:
        """Lines (c, e) for (n,) values in 0..P-1: (n, 2) uint64.

        The place z of the value is drawn, favoured ones with chance p; c is uniform, and
        e = z - c v.
        """
        values = np.asarray(values).astype(np.uint64)
        n = len(values)
        inside = stream.below(2**_COIN_BITS, n) < int(self.p * 2**_COIN_BITS)
        near, far = stream.below(self.size, n), stream.below(self.prime - self.size, n)
        place = np.where(inside, near, far + self.size).astype(np.uint64)
        slope = (stream.below(self.prime - 1, n) + 1).astype(np.uint64)
        image = self._times(slope, values)
        prime = np.uint64(self.prime)
        return np.column_stack([slope, self._reduced(place + prime - image)])

    def supports(self, reports: Array, value: int) -> Array:
        """Which reports support one value, (n,) bool."""
        image = self._times(reports[:, 0], np.full(len(reports), value, np.uint64))
        return np.asarray(self._reduced(image + reports[:, 1]) < np.uint64(self.size))

    def counts(self, reports: Any, candidates: Array) -> Array:
        """How many reports support each candidate, (c,) int64; n c steps.

        Raises:
            DataError: something is no report.
        """
        found = np.asarray(reports)
        good = found.ndim == 2 and found.shape[1:] == (2,) and found.dtype == np.uint64
        if not good or (found >= np.uint64(self.prime)).any() or (found[:, 0] == 0).any():
            raise DataError("something is no report of a large domain",
                            bound=f"(n, 2) whole numbers below {self.prime}")
        return np.array([int(self.supports(found, int(v)).sum()) for v in candidates], np.int64)

    def frequencies(self, counts: Array, reports: int) -> Frequencies:
        """Shares from how many of the reports support each candidate, (c,)."""
        p, q = float(self.p), float(self.q)
        shares = (counts / reports - q) / (p - q)
        chance = q + np.clip(shares, 0.0, 1.0) * (p - q)
        errors = np.sqrt(chance * (1 - chance) / reports) / (p - q)
        return Frequencies(shares, errors, reports)

    def chances(self, value: int) -> list[Fraction]:
        """The chance of each line (c, e), c = 1.., e = 0.., under one value; for small primes."""
        near = self.p / self.size / (self.prime - 1)
        far = (1 - self.p) / (self.prime - self.size) / (self.prime - 1)
        return [near if (c * value + e) % self.prime < self.size else far
                for c in range(1, self.prime) for e in range(self.prime)]

    def _times(self, a: Array, b: Array) -> Array:
        """Products modulo P of (n,) uint64 below P."""
        if self.prime != MERSENNE:
            return a * b % np.uint64(self.prime)
        # a = a1 2^31 + a0, b likewise, and 2^61 = 1: every term below stays under 2^63.
        a1, a0 = a >> np.uint64(31), a & _LOW31
        b1, b0 = b >> np.uint64(31), b & _LOW31
        middle = a1 * b0 + a0 * b1
        high = np.uint64(2) * (a1 * b1) + (middle >> np.uint64(30))
        return self._reduced(self._reduced(high) + ((middle & _LOW30) << np.uint64(31))
                             + self._reduced(a0 * b0))

    def _reduced(self, numbers: Array) -> Array:
        """Numbers below 2^64 modulo P."""
        if self.prime != MERSENNE:
            return numbers % np.uint64(self.prime)
        folded = (numbers & np.uint64(MERSENNE)) + (numbers >> np.uint64(61))
        return np.where(folded >= np.uint64(MERSENNE), folded - np.uint64(MERSENNE), folded)
