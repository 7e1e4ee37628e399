"""Exact tables of the discrete Gaussian and Laplace laws, and exact decisions of close calls.

A `Law` on the integers is P(z) proportional to exp(-rate |z|^power): power 2 and rate
1 / (2 sigma^2) for the discrete Gaussian, power 1 and rate 1 / scale for the discrete Laplace.
With w = 2**s every magnitude is k w + y, 0 <= y < w, and

    exp(-rate |z|^power) = exp(-rate (k w)^power) * exp(-v),
    v = rate ((k w + y)^power - (k w)^power) >= 0.

The level k is drawn by inversion of its distribution function F, y uniformly, and the proposal
is accepted with probability exp(-v). For scales up to the `reach` of a law's table s = 0: then
y = v = 0, every proposal is accepted, and the level is the draw. Argument and error bounds:
proofs/discrete-samplers.md.

F is worked out in integers with a bound on the error, never in floating point. A kernel compares
the first 63 bits of a uniform number with floor(2**63 F); where they are equal, more bits are
drawn here until the outcome is certain.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privet.entropy import Stream

Words = NDArray[np.uint64]

LEVEL_BITS = 63  # of the word that chooses the level; the last bit is the sign
LAST = 2**LEVEL_BITS - 1
LEAST_SCALE, LARGEST_SCALE = Fraction(1, 2**10), Fraction(2**52)
_GUARD_BITS = 160  # beyond those of F: errors stay below 2**-100 of its last place
_REACH = {1: Fraction(2**8), 2: Fraction(2**10)}  # tables of about 10,000 levels
_TOP_BITS = 5  # otherwise the scale is 32 to 64 times w


class Tables(NamedTuple):
    """Constants of the kernels for one law.

    Attributes:
        thresholds: (T,) floor(2**63 F(k)) for k = 0.. as long as it is below 2**63 - 1, followed
            by 2**63 - 1, which every u that reaches it ties with.
        guide: (G,) G a power of two; the first level whose threshold is not below the least u
            that begins with these bits.
    """

    thresholds: Words
    guide: NDArray[np.uint16]


@dataclass(frozen=True)
class Law:
    """P(z) proportional to exp(-rate |z|^power) on the integers.

    Attributes:
        power: 2 for the discrete Gaussian, 1 for the discrete Laplace.
        scale: sigma, or the scale t of the Laplace law; any rational.
    """

    power: int
    scale: Fraction

    @property
    def rate(self) -> Fraction:
        """1 / t or 1 / (2 sigma^2)."""
        return 1 / (self.power * self.scale**self.power)

    @property
    def low_bits(self) -> int:
        """s: how many low bits of the magnitude are drawn uniformly; 0 where a table serves."""
        if self.scale <= _REACH[self.power]:
            return 0
        return _floor_log2(self.scale) - _TOP_BITS


def _floor_log2(value: Fraction) -> int:
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if value >= Fraction(2) ** guess else guess - 1


@lru_cache(maxsize=64)
def tables(law: Law) -> Tables:
    """The kernels' constants, worked out once per law."""
    floors = _floors(law, LEVEL_BITS)
    stop = next(k for k, least in enumerate(floors.least) if least >= LAST)
    if floors.least[:stop] != floors.most[:stop]:
        # Less likely than 2**-80 for any one law, and never seen.
        raise ArithmeticError("the precision of the table does not settle its entries")
    thresholds = np.array([*floors.least[:stop], LAST], np.uint64)
    guide_bits = 12 if stop < 1024 else 14
    starts = np.arange(2**guide_bits, dtype=np.uint64) << np.uint64(LEVEL_BITS - guide_bits)
    guide = np.searchsorted(thresholds, starts, side="left").astype(np.uint16)
    for shared in (thresholds, guide):
        shared.setflags(write=False)
    return Tables(thresholds, guide)


class _Floors(NamedTuple):
    """Least and greatest possible floor(2**bits F(k)), k = 0, 1, ...; they rise with k."""

    least: list[int]
    most: list[int]


@lru_cache(maxsize=8)
def _floors(law: Law, bits: int) -> _Floors:
    s = law.low_bits
    precision = bits + _GUARD_BITS
    weights = _weights(law.rate * 2 ** (s * law.power), law.power, precision)
    if s == 0:
        # The level is the magnitude, which stands for two draws unless it is 0.
        weights = [weights[0], *(2 * weight for weight in weights[1:])]
    # Each sum is too small by at most this (proofs/discrete-samplers.md, section 2).
    error = 10 * len(weights) ** 3
    total = sum(weights)
    floors, part = _Floors([], []), 0
    for weight in weights:
        part += weight
        floors.least.append((part << bits) // (total + error))
        floors.most.append(((part + error) << bits) // total)
    return floors


def _weights(rate: Fraction, power: int, precision: int) -> list[int]:
    """2**precision exp(-rate k^power) for k = 0.. until it is 0; too small by at most 2 (k+1)^2.

    For power 2, exp(-rate (k+1)^2) = exp(-rate k^2) exp(-rate (2k+1)), and the last factor is
    multiplied by exp(-2 rate) from one k to the next.
    """
    ratio = _exp_floor(rate, precision)
    step = _exp_floor(2 * rate, precision) if power == 2 else 1 << precision
    weight, weights = 1 << precision, []
    while weight:
        weights.append(weight)
        weight = (weight * ratio) >> precision
        ratio = (ratio * step) >> precision
    return [*weights, 0]


def _exp_floor(x: Fraction, bits: int) -> int:
    """An integer below 2**bits exp(-x) by less than 3, but never negative; x > 0."""
    digits = bits * 31 // 100 + 20
    scaled = _exact(digits).multiply(_exp(x, digits), Decimal(1 << bits))
    return max(0, math.floor(scaled) - 1)


def _exp(x: Fraction, digits: int) -> Decimal:
    """exp(-x) for x >= 0, with an absolute error below 10**(1 - digits)."""
    exact = _exact(digits)
    return exact.exp(exact.divide(Decimal(-x.numerator), Decimal(x.denominator)))


def _exact(digits: int) -> Context:
    """Decimal arithmetic; its exp is correctly rounded (General Decimal Arithmetic, exp)."""
    return Context(prec=digits, Emax=10**9, Emin=-(10**9))


def decide(words: Words, law: Law, stream: Stream) -> int | None:
    """The draw of one proposal in exact arithmetic, or None if it is rejected.

    Args:
        words: (1,) or (2,) the proposal's words, as in `privet.dp.discrete`.
        law: what is drawn.
        stream: gives further bits, only where those of the words leave the outcome open.
    """
    s = law.low_bits
    first = int(words[0])
    k, negative = _level(first >> 1, law, stream), bool(first & 1)
    if s == 0:
        return -k if negative else k
    y, w = int(words[1]) & ((1 << s) - 1), int(words[1]) >> s
    base = k << s
    magnitude = base + y
    if negative and magnitude == 0:
        return None
    v = law.rate * (magnitude**law.power - base**law.power)
    if not below_exp(v, w, 64 - s, stream):
        return None
    return -magnitude if negative else magnitude


def _level(u: int, law: Law, stream: Stream) -> int:
    """The least k with U < F(k), where u is the first 63 bits of U."""
    bits = LEVEL_BITS
    while True:
        floors = _floors(law, bits)
        k = bisect_left(floors.most, u)
        if u < floors.least[k]:
            return k
        # U may lie on either side of F(k): more bits.
        u, bits = (u << 64) | int(stream.words(1)[0]), bits + 64


def below_exp(v: Fraction, w: int, bits: int, stream: Stream) -> bool:
    """Whether W < exp(-v), where w is the first `bits` bits of the uniform W; v >= 0."""
    if v == 0:
        return True
    while True:
        # exp(-v) is irrational for rational v != 0, so some number of bits decides.
        least, most = exp_floors(v, bits)
        if w < least:
            return True
        if w > most:
            return False
        w, bits = (w << 64) | int(stream.words(1)[0]), bits + 64


def exp_floors(v: Fraction, bits: int) -> tuple[int, int]:
    """Least and greatest possible floor(2**bits exp(-v)), which are equal but for a near tie."""
    digits = bits * 31 // 100 + 60
    exact = _exact(digits)
    # The error of exp(-v) is below 10**(1 - digits), which 2**bits brings to 10**-58 at most.
    scaled = exact.multiply(_exp(v, digits), Decimal(1 << bits))
    slack = Decimal(10) ** -20
    least = max(0, math.floor(exact.subtract(scaled, slack)))
    return least, math.floor(exact.add(scaled, slack))
