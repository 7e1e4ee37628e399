"""Four frequency oracles: one value, a Hadamard row, bits for all values, a subset of values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from privet.dp.bernoulli import bernoulli_bits
from privet.dp.local.oracle import Array, FrequencyOracle, bits_for
from privet.entropy import Stream
from privet.errors import DataError

_BLOCK = 255 * 64


@dataclass(frozen=True)
class RandomisedResponse(FrequencyOracle):
    """Generalised randomised response (GRR): the true value, or any other one.

    The report is the true value with weight `favoured`, and each of the k - 1 others with weight
    `other` (Warner 1965; Kairouz, Bonawitz & Ramage 2016, k-RR). Best for few values.
    """

    name: ClassVar[str] = "grr"

    @property
    def _total(self) -> int:
        return self.odds.favoured + (self.domain_size - 1) * self.odds.other

    @property
    def p(self) -> Fraction:
        """Chance of the true value."""
        return Fraction(self.odds.favoured, self._total)

    @property
    def q(self) -> Fraction:
        """Chance of any one other value."""
        return Fraction(self.odds.other, self._total)

    @property
    def bits(self) -> int:
        """log2 k."""
        return bits_for(self.domain_size)

    def _draw(self, values: Array, stream: Stream) -> Array:
        """Reports in 0..k-1, (n,) int64: value + offset modulo k, the offset drawn by weight."""
        odds = self.odds
        drawn = stream.below(self._total, len(values)) - odds.favoured
        # Floor division gives -1 or less for the favoured weights: offset 0.
        offset = np.maximum(drawn // odds.other + 1, 0)
        reports = values + offset
        return np.asarray(np.where(reports < self.domain_size, reports, reports - self.domain_size))

    def counts(self, reports: Array) -> Array:
        """How often each value was reported."""
        codes = self._codes(np.asarray(reports), self.domain_size)
        return np.bincount(codes, minlength=self.domain_size)

    def supports(self, reports: Array) -> Array:
        """The value that was reported."""
        codes = self._codes(reports, self.domain_size)
        return np.asarray(codes[:, None] == np.arange(self.domain_size))

    def outputs(self) -> Array:
        """The values themselves."""
        return np.arange(self.domain_size)

    def chances(self, value: int) -> list[Fraction]:
        """p for the value, q for the others."""
        return [self.p if other == value else self.q for other in range(self.domain_size)]


@dataclass(frozen=True)
class HadamardResponse(FrequencyOracle):
    """Hadamard response: a column in which the value's row of a Hadamard matrix shows +1.

    K is the least power of two above k, H[x, y] = (-1)^popcount(x & y), and value v has the row
    v + 1. The report is a column y, drawn uniformly, after the sign of H[v + 1, y] was drawn with
    odds `favoured` to `other` for +1 (Acharya, Sun & Zhang 2019, section 4). A report takes
    log2 K bits and n of them are counted in n + K log K steps; as accurate as any where
    epsilon is small.
    """

    name: ClassVar[str] = "hadamard"

    @property
    def columns(self) -> int:
        """K."""
        return 1 << self.domain_size.bit_length()

    @property
    def p(self) -> Fraction:
        """Chance of a column with +1 in the true row."""
        return Fraction(self.odds.favoured, self.odds.favoured + self.odds.other)

    @property
    def q(self) -> Fraction:
        """Another row shows +1 in half of the columns with either sign in the true one."""
        return Fraction(1, 2)

    @property
    def bits(self) -> int:
        """log2 K."""
        return self.domain_size.bit_length()

    def _draw(self, values: Array, stream: Stream) -> Array:
        """Columns, (n,) int64 in 0..K-1."""
        rows, odds = values + 1, self.odds
        drawn = stream.below((odds.favoured + odds.other) << self.bits, len(rows))
        columns = drawn & (self.columns - 1)
        negative = (drawn >> self.bits) >= odds.favoured
        wrong = (np.bitwise_count(rows & columns) & 1).astype(bool) != negative
        # Flipping the lowest bit of the row maps columns of one sign onto those of the other,
        # one to one, so that the column stays uniform among those of the drawn sign.
        return np.where(wrong, columns ^ (rows & -rows), columns)

    def counts(self, reports: Array) -> Array:
        """Reports with +1 in each value's row, by a fast Walsh-Hadamard transform."""
        codes = self._codes(np.asarray(reports), self.columns)
        sums = hadamard_transform(np.bincount(codes, minlength=self.columns))
        return (len(codes) + sums[1 : self.domain_size + 1]) // 2

    def supports(self, reports: Array) -> Array:
        """The values whose row shows +1."""
        columns = self._codes(reports, self.columns)[:, None]
        rows = np.arange(1, self.domain_size + 1)
        return np.asarray((np.bitwise_count(columns & rows) & 1) == 0)

    def outputs(self) -> Array:
        """All columns."""
        return np.arange(self.columns)

    def chances(self, value: int) -> list[Fraction]:
        """p over K / 2 columns, 1 - p over the others."""
        plus = self.p * 2 / self.columns
        minus = (1 - self.p) * 2 / self.columns
        return [minus if ((value + 1) & y).bit_count() & 1 else plus for y in range(self.columns)]


@dataclass(frozen=True)
class UnaryEncoding(FrequencyOracle):
    """Optimised unary encoding (OUE): one bit for each value.

    The true value's bit is a fair coin, every other bit is 1 with chance q = 1 / (1 + odds) (Wang
    et al. 2017, section 4.2). Reports are long; they suit where every value should be there or not
    at once.
    """

    name: ClassVar[str] = "oue"

    @property
    def q(self) -> Fraction:
        """Chance of a 1 for any one other value."""
        return Fraction(self.odds.other, self.odds.favoured + self.odds.other)

    @property
    def p(self) -> Fraction:
        """One half."""
        return Fraction(1, 2)

    @property
    def bits(self) -> int:
        """k."""
        return self.domain_size

    @property
    def _bytes(self) -> int:
        return (self.domain_size + 7) // 8

    def _draw(self, values: Array, stream: Stream) -> Array:
        """Bits, (n, ceil(k / 8)) uint8; value v is bit v % 8 (from the lowest) of byte v // 8."""
        out = bernoulli_bits(stream, self.q, (len(values), self.domain_size))
        place, own = values >> 3, (1 << (values & 7)).astype(np.uint8)
        coins = bernoulli_bits(stream, self.p, len(values))
        coins = np.unpackbits(coins, count=len(values), bitorder="little")
        rows = np.arange(len(values))
        out[rows, place] = (out[rows, place] & ~own) | own * coins
        return out

    def counts(self, reports: Array) -> Array:
        """Ones of each value."""
        reports = self._packed(reports)
        total = np.zeros(8 * self._bytes, np.int64)
        for start in range(0, len(reports), _BLOCK):
            block = np.unpackbits(reports[start : start + _BLOCK], axis=1, bitorder="little")
            if len(block) < _BLOCK:
                total += block.sum(axis=0, dtype=np.int64)
            else:  # sums of 255 bits fit a byte, which is several times faster
                small = block.reshape(-1, 255, block.shape[1]).sum(axis=1, dtype=np.uint8)
                total += small.sum(axis=0, dtype=np.int64)
        return total[: self.domain_size]

    def _packed(self, reports: Array) -> Array:
        reports = np.asarray(reports)
        if reports.dtype != np.uint8 or reports.ndim != 2 or reports.shape[1] != self._bytes:
            raise DataError("something is no report of oue", bound=f"(n, {self._bytes}) bytes")
        return reports

    def supports(self, reports: Array) -> Array:
        """The values whose bit is 1."""
        bits = np.unpackbits(self._packed(reports), axis=1, bitorder="little")
        return bits[:, : self.domain_size].astype(bool)

    def outputs(self) -> Array:
        """All 2^k patterns of bits."""
        numbers = np.arange(2**self.domain_size)[:, None] >> np.arange(self.domain_size)
        return np.packbits((numbers & 1).astype(np.uint8), axis=1, bitorder="little")

    def chances(self, value: int) -> list[Fraction]:
        """The product over the bits."""
        found = []
        for pattern in range(2**self.domain_size):
            ones = (pattern & ~(1 << value)).bit_count()
            zeros = self.domain_size - 1 - ones
            found.append(self.q**ones * (1 - self.q) ** zeros / 2)
        return found


@dataclass(frozen=True)
class SubsetSelection(FrequencyOracle):
    """Subset selection, with subsets that take two numbers to name.

    The report is a subset of d of the values; those that hold the true value are favoured (Ye &
    Barg 2018; Wang et al. 2019). Instead of all subsets of size d, only the images a D + b of D =
    {0..d-1} under a != 0 and b modulo the least prime P >= k are used. These maps are doubly
    transitive, so that the true value is in the subset with the same chance p, and any other one
    with the same chance q, as with all subsets: accuracy is the same, and a report takes
    2 log2 P bits instead of k (proofs/local-randomisers.md, section 2). The most accurate oracle
    here, whatever epsilon; counting takes min(n, P^2) d steps.
    """

    name: ClassVar[str] = "subset"

    @cached_property
    def prime(self) -> int:
        """P."""
        return _prime_from(self.domain_size)

    @cached_property
    def size(self) -> int:
        """d, the nearest to P / (1 + e^epsilon), at least 1."""
        odds = self.odds
        return max(1, round(Fraction(self.prime * odds.other, odds.favoured + odds.other)))

    @property
    def _total(self) -> int:
        return self.size * self.odds.favoured + (self.prime - self.size) * self.odds.other

    @property
    def p(self) -> Fraction:
        """Chance that the subset holds the true value."""
        return Fraction(self.size * self.odds.favoured, self._total)

    @property
    def q(self) -> Fraction:
        """Chance that it holds any one other value."""
        return (self.p * (self.size - 1) + (1 - self.p) * self.size) / (self.prime - 1)

    @property
    def bits(self) -> int:
        """log2 of P (P - 1)."""
        return bits_for(self.prime * (self.prime - 1))

    def _draw(self, values: Array, stream: Stream) -> Array:
        """Codes (a - 1) P + b of subsets a D + b, (n,) int64.

        Of z, the place of the value in D's images, the first d are favoured; a is uniform, and
        b = value - a z.
        """
        odds, prime = self.odds, self.prime
        factor, drawn = _divided(stream.below((prime - 1) * self._total, len(values)), self._total)
        inside = self.size * odds.favoured
        place = np.where(
            drawn < inside, drawn // odds.favoured, self.size + (drawn - inside) // odds.other
        )
        shift = values + prime * prime - (factor + 1) * place  # not negative
        return factor * prime + _divided(shift, prime)[1]

    def counts(self, reports: Array) -> Array:
        """How many subsets hold each value."""
        codes = self._codes(np.asarray(reports), self.prime * (self.prime - 1))
        many = self.prime * (self.prime - 1) <= 4 * len(codes)
        if many:
            weight = np.bincount(codes, minlength=self.prime * (self.prime - 1))
            codes = np.arange(len(weight))
        else:
            weight = np.ones(len(codes), np.int64)
        factor, shift = _divided(codes, self.prime)
        total = np.zeros(self.prime, np.int64)
        for _ in range(self.size):
            # Weights are counts below 2^53, which float64 adds exactly.
            total += np.bincount(shift, weights=weight, minlength=self.prime).astype(np.int64)
            shift = shift + factor + 1
            shift = np.where(shift >= self.prime, shift - self.prime, shift)
        return total[: self.domain_size]

    def supports(self, reports: Array) -> Array:
        """The values in each subset."""
        factor, shift = _divided(self._codes(reports, self.prime * (self.prime - 1)), self.prime)
        found = np.zeros((len(shift), self.prime), bool)
        rows = np.arange(len(shift))
        for place in range(self.size):
            found[rows, _divided(shift + (factor + 1) * place, self.prime)[1]] = True
        return found[:, : self.domain_size]

    def outputs(self) -> Array:
        """The codes of all subsets, repeated ones under each of their names."""
        return np.arange(self.prime * (self.prime - 1))

    def chances(self, value: int) -> list[Fraction]:
        """By whether the subset holds the value."""
        inside = Fraction(self.odds.favoured, (self.prime - 1) * self._total)
        outside = Fraction(self.odds.other, (self.prime - 1) * self._total)
        found = []
        for code in range(self.prime * (self.prime - 1)):
            factor, shift = code // self.prime + 1, code % self.prime
            place = (value - shift) * pow(factor, -1, self.prime) % self.prime
            found.append(inside if place < self.size else outside)
        return found


def hadamard_transform(values: Array) -> Array:
    """Sums of (K,) whole numbers by the signs of every row of the Hadamard matrix, (K,) int64."""
    out = np.asarray(values, np.int64)
    width = 1
    while width < len(out):
        pairs = out.reshape(-1, 2, width)
        out = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        width *= 2
    return out


def _divided(numbers: Array, by: int) -> tuple[Array, Array]:
    """Quotient and remainder; by multiplication, which NumPy does faster than a remainder."""
    quotient = numbers // by
    return quotient, numbers - quotient * by


def _prime_from(least: int) -> int:
    candidate = least
    while any(candidate % divisor == 0 for divisor in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate
