"""The exact discrete Gaussian: tables, the NumPy kernel, and exact decisions of close calls.

Method (Karney 2016, algorithm N; Canonne, Kamath & Steinke 2020, section 5; argument in
proofs/discrete-gaussian.md), for sigma = 2**s. One proposal uses three 64-bit words (u, b, w):

1. k >= 0 with P(k) proportional to exp(-k^2/2): the k with F(k-1) <= U < F(k), where u holds
   the first 64 bits of the uniform U and F is the distribution function.
2. sign = top bit of b; y = the lowest s bits of b, uniform in 0..sigma-1.
3. Reject k = y = 0 with a negative sign. Accept if W < exp(-v), v = y (y + 2 k sigma) /
   (2 sigma^2), where w holds the first 64 bits of the uniform W.
4. The draw is sign * (k sigma + y).

Comparing the first 64 bits settles almost every draw. A kernel works in float64 and leaves a
proposal alone when u hits a threshold, or when w is within `MARGIN` of its probability, which
is far more than its rounding error; `decide` then settles it in exact arithmetic, with further
random bits if the first 64 are not enough.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privet.entropy import Stream

Words = NDArray[np.uint64]
Draws = NDArray[np.int64]

MAX_SIGMA_BITS = 40
# The computed exp(-v) is off by less than 2**-49 (proofs/discrete-gaussian.md, section 3).
MARGIN = 2.0**-44
SLICES = 64  # table of exp(-i / SLICES), followed by a polynomial of degree 6
_DIGITS = 60


class Tables(NamedTuple):
    """Constants of the kernels, the same for every sigma.

    Attributes:
        thresholds: (T,) floor(2**64 F(k)) for k = 0.. as long as it is below 2**64 - 1,
            followed by 2**64 - 1, at and beyond which the kernel does not decide.
        exponentials: (E,) exp(-i / SLICES), correctly rounded.
    """

    thresholds: Words
    exponentials: NDArray[np.float64]


class Progress(NamedTuple):
    """How far a kernel came: proposals used up, draws written, and why it stopped."""

    used: int
    written: int
    undecided: bool


# (words (m, 3), first proposal, out (n,), draws written, s, margin, tables) -> Progress.
Kernel = Callable[[Words, int, Draws, int, int, float, Tables], Progress]


def _exact(digits: int) -> Context:
    """Decimal arithmetic; its exp is correctly rounded (General Decimal Arithmetic, exp)."""
    return Context(prec=digits, Emax=10**9, Emin=-(10**9))


@cache
def _distribution(digits: int) -> tuple[Decimal, ...]:
    """F(0), F(1), ... up to where 1 - F is below the precision; error below 10**(5-digits)."""
    exact = _exact(digits + 5)
    last = int((2 * 2.4 * digits) ** 0.5) + 2  # exp(-last^2 / 2) < 10**-digits
    weights = [exact.exp(Decimal(-k * k) / 2) for k in range(last + 1)]
    total = Decimal(0)
    sums = [total := exact.add(total, weight) for weight in weights]
    return tuple(exact.divide(part, total) for part in sums)


@cache
def tables() -> Tables:
    """The kernels' constants, worked out once per process."""
    exact = _exact(_DIGITS)
    scaled = [int(exact.multiply(f, Decimal(2**64))) for f in _distribution(_DIGITS)]
    thresholds = [t for t in scaled if t < 2**64 - 1] + [2**64 - 1]
    # A proposal with k = T - 1 is left alone, so v < 1/2 + (T - 2) suffices.
    steps = range(SLICES * len(thresholds))
    exponentials = [float(exact.exp(exact.divide(Decimal(-i), Decimal(SLICES)))) for i in steps]
    return Tables(np.array(thresholds, np.uint64), np.array(exponentials, np.float64))


def numpy_kernel(
    words: Words, first: int, out: Draws, written: int, s: int, margin: float, constants: Tables
) -> Progress:
    """Work through proposals from `first` on until `out` is full, or one is undecided.

    Args:
        words: (m, 3) the random words (u, b, w) of m proposals.
        out: (n,) takes the accepted draws, from position `written` < n on.
    """
    u, b, w = words[first:].T
    k = np.searchsorted(constants.thresholds, u, side="right")
    hit = constants.thresholds[np.minimum(k, len(constants.thresholds)) - 1] == u
    y = (b & np.uint64(2**s - 1)).astype(np.int64)
    negative = b >= np.uint64(2**63)
    p = _exp_minus(y * 2.0**-s, np.minimum(k, len(constants.thresholds) - 1), constants)
    gap = p - w.astype(np.float64) * 2.0**-64
    void = negative & (k == 0) & (y == 0)
    undecided = (hit & (k > 0)) | (~void & (np.abs(gap) <= margin))
    stop = int(np.argmax(undecided)) if undecided.any() else len(u)
    accepted = np.flatnonzero((gap[:stop] > 0) & ~void[:stop])
    room = len(out) - written
    if len(accepted) >= room:
        accepted = accepted[:room]
        stop = int(accepted[-1]) + 1
    magnitude = (k[accepted].astype(np.int64) << s) + y[accepted]
    filled = written + len(accepted)
    out[written:filled] = np.where(negative[accepted], -magnitude, magnitude)
    return Progress(first + stop, filled, filled < len(out) and stop < len(u))


def _exp_minus(
    x: NDArray[np.float64], k: NDArray[np.int64], constants: Tables
) -> NDArray[np.float64]:
    """exp(-x (x + 2k) / 2) for x in [0, 1), with an absolute error below 2**-49."""
    v = x * (x + 2.0 * k) * 0.5
    slices = (v * SLICES).astype(np.int64)
    f = v - slices * (1.0 / SLICES)
    series = 1.0 - f * (1.0 / 6.0)
    for divisor in (5.0, 4.0, 3.0, 2.0):
        series = 1.0 - f * (1.0 / divisor) * series
    return constants.exponentials[slices] * (1.0 - f * series)


def decide(words: Words, s: int, stream: Stream) -> int | None:
    """The draw of one proposal in exact arithmetic, or None if it is rejected.

    Args:
        words: (3,) the proposal's (u, b, w).
        stream: gives further bits, only where the 64 bits of u or w leave the outcome open.
    """
    u, b, w = (int(word) for word in words)
    k = _exact_k(u, stream)
    y = b & (2**s - 1)
    negative = b >= 2**63
    if negative and k == 0 and y == 0:
        return None
    if not _exact_accept(w, y * (y + (k << (s + 1))), 2 * s + 1, stream):
        return None
    magnitude: int = (k << s) + y
    return -magnitude if negative else magnitude


def _exact_k(u: int, stream: Stream) -> int:
    """The least k with U < F(k), where u is the first 64 bits of U."""
    bits = 64
    while True:
        digits = bits // 3 + _DIGITS
        for k, f in enumerate(_distribution(digits)):
            least, most = _floor(f, bits, digits)
            if u < least:
                return k
            if u <= most:
                break  # U may lie on either side of F(k): more bits
        u, bits = (u << 64) | int(stream.words(1)[0]), bits + 64


def _exact_accept(w: int, numerator: int, power: int, stream: Stream) -> bool:
    """Whether W < exp(-numerator / 2**power), where w is the first 64 bits of W."""
    if numerator == 0:
        return True
    bits = 64
    while True:
        # exp(-v) is irrational for rational v != 0, so some number of bits decides.
        digits = bits // 3 + _DIGITS + power  # v is exact in this many digits
        exact = _exact(digits)
        v = exact.divide(Decimal(-numerator), Decimal(2**power))
        least, most = _floor(exact.exp(v), bits, digits)
        if w < least:
            return True
        if w > most:
            return False
        w, bits = (w << 64) | int(stream.words(1)[0]), bits + 64


def _floor(value: Decimal, bits: int, digits: int) -> tuple[int, int]:
    """Least and greatest possible floor(2**bits * value), which are equal but for a near tie.

    The value in [0, 1] is known to 10**(5 - digits), and 10**digits > 10**50 * 2**bits, so its
    error after scaling is far below the slack.
    """
    exact = _exact(digits)
    scaled = exact.multiply(value, Decimal(2**bits))
    slack = Decimal(10) ** -20
    return int(exact.subtract(scaled, slack)), int(exact.add(scaled, slack))
