"""The exact discrete Gaussian and Laplace samplers: what they promise, and their NumPy kernels.

Method (proofs/discrete-samplers.md; notation of `privet.dp.laws`). Up to sigma = 2**10, or scale
2**8 of the Laplace law, a draw uses one 64-bit word: its upper 63 bits u choose the magnitude by
inversion of the distribution function, the lowest is the sign. Beyond that (the idea of Karney
2016, algorithm N, with finer levels) a proposal uses two words:

1. The first chooses the level k by inversion, and the sign.
2. y = the lowest s bits of the second, uniform in 0..2**s - 1; its other bits begin W.
3. Reject k = y = 0 with a negative sign. Accept if W < exp(-v).
4. The draw is sign * (k 2**s + y).

The words settle almost every draw. A kernel leaves a proposal alone when u equals a threshold, or
W is within `MARGIN` of a probability worked out in float64, far more than its rounding error;
`laws.decide` then settles it in exact arithmetic, with further random bits where they are needed.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privet import native
from privet.dp.laws import LARGEST_SCALE, LEAST_SCALE, LEVEL_BITS, Law, Tables, decide, tables
from privet.entropy import Stream
from privet.errors import InvalidInput, positive, whole

Words = NDArray[np.uint64]
Draws = NDArray[np.int64]

# The computed exp(-v) is off by less than 2**-48 (proofs/discrete-samplers.md, section 4).
MARGIN = 2.0**-44
DEGREE = 11  # of the Taylor polynomial of exp(-v), v < 0.3
_BLOCK = 2**15  # proposals


class Progress(NamedTuple):
    """How far a kernel came: proposals used up, draws written, and whether one is undecided."""

    used: int
    written: int
    undecided: bool


class Slopes(NamedTuple):
    """v = x (square * x + cross * k + line) for y = x 2**s."""

    square: float
    cross: float
    line: float


class Kernels(NamedTuple):
    """One implementation of both methods.

    Attributes:
        inversion: (words (m, 1), first proposal, out (n,), draws written, tables) -> Progress.
        layered: (words (m, 2), first, out, written, tables, s, slopes, margin) -> Progress.
    """

    inversion: Callable[..., Progress]
    layered: Callable[..., Progress]


def discrete_gaussian(
    count: int, *, stream: Stream, sigma: int | float | Fraction
) -> NDArray[np.int64]:
    """Independent draws from the discrete Gaussian on the integers.

    Args:
        count: how many draws.
        stream: where the random bits come from.
        sigma: scale from 2**-10 to 2**52; a float stands for the rational that it is exactly.

    Returns:
        (count,) integers z with probability proportional to exp(-z^2 / (2 sigma^2)).

    Raises:
        InvalidInput: sigma is outside the range, or count is negative.

    Formal guarantees:
        - Given uniform bits, each draw has exactly this distribution, and draws are independent:
          no tail is cut, no probability is rounded (proofs/discrete-samplers.md; but for draws
          beyond 64 bits, less likely than 2**-2900, which raise OverflowError).
        - The compiled kernels and their NumPy twins give the same draws from the same stream.
        - Not claimed: running time or memory access is independent of the draws. Draws are made
          in batches of thousands, which hides single ones but is no proof against the timing
          attacks of Jin, McMurtry, Rubinstein & Ohrimenko 2021 (arXiv 2112.05307).
    """
    count = whole(least=0, count=count)
    return sample(count, stream, Law(2, _rational("sigma", sigma)), chosen())


def discrete_laplace(
    count: int, *, stream: Stream, scale: int | float | Fraction
) -> NDArray[np.int64]:
    """Independent draws from the discrete Laplace law (two-sided geometric) on the integers.

    Args:
        count: how many draws.
        stream: where the random bits come from.
        scale: from 2**-10 to 2**52; a float stands for the rational that it is exactly.

    Returns:
        (count,) integers z with probability proportional to exp(-|z| / scale).

    Raises:
        InvalidInput: the scale is outside the range, or count is negative.

    Formal guarantees: those of `discrete_gaussian`. Added to an integer that one unit changes by
        at most D, a draw gives (D / scale)-DP (Ghosh, Roughgarden & Sundararajan 2012).
    """
    count = whole(least=0, count=count)
    return sample(count, stream, Law(1, _rational("scale", scale)), chosen())


def _rational(name: str, value: Any) -> Fraction:
    """The exact value of a scale.

    Raises:
        InvalidInput: it is not a number in the range that the samplers cover.
    """
    positive(**{name: value})
    exact = Fraction(value if isinstance(value, numbers.Rational) else float(value))
    if not LEAST_SCALE <= exact <= LARGEST_SCALE:
        raise InvalidInput(
            f"{name} is outside what the exact samplers cover",
            value=value,
            bound="2**-10 to 2**52",
            remedy=f"{name}={'2.0**52' if exact > 1 else '2.0**-10'}, in another unit",
        )
    return exact


def chosen() -> Kernels:
    """The compiled kernels, or the NumPy twins where there are none."""
    return Kernels(
        native.kernel("inversion_block", TWINS.inversion),
        native.kernel("layered_block", TWINS.layered),
    )


def sample(count: int, stream: Stream, law: Law, kernels: Kernels, margin: float = MARGIN) -> Draws:
    """`count` draws of one law by one implementation; the public functions choose it.

    Args:
        margin: how near to its probability a proposal is decided exactly; a wider one changes
            the time but not the draws.
    """
    s, constants = law.low_bits, tables(law)
    run: Callable[..., Progress] = kernels.inversion
    if s:
        # W is known to its last bit only.
        margin += 2.0 ** (_cut(s) - 64)
        run = partial(kernels.layered, s=s, slopes=_slopes(law), margin=margin)
    out = np.empty(count, np.int64)
    written = 0
    buffer = np.empty((min(_BLOCK, _proposals(count, s)), 2 if s else 1), "<u8")
    while written < count:
        block = buffer[: _proposals(count - written, s)]
        stream.fill(block)
        words = block.astype(np.uint64, copy=False)
        used, undecided = 0, True
        while undecided and written < count:
            used, written, undecided = run(words, used, out, written, tables=constants)
            if undecided:
                draw = decide(words[used], law, stream)
                used += 1
                if draw is not None:
                    out[written] = draw
                    written += 1
    return out


def _proposals(missing: int, s: int) -> int:
    # An inversion always gives a draw; of the others at least 98 % are accepted.
    return missing + missing // 40 + 8 if s else missing


def _slopes(law: Law) -> Slopes:
    rate = law.rate * 2 ** (law.low_bits * law.power)
    if law.power == 1:
        return Slopes(0.0, 0.0, float(rate))
    return Slopes(float(rate), float(2 * rate), 0.0)


def _cut(s: int) -> int:
    # What is left of the second word fits a float64.
    return max(s, 12)


def _levels(
    first: Words, constants: Tables
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """k, whether u ties with its threshold, and whether the sign is negative, of first words."""
    u, negative = first >> np.uint64(1), (first & np.uint64(1)).astype(np.bool_)
    shift = LEVEL_BITS - (len(constants.guide).bit_length() - 1)
    k = constants.guide[(u >> np.uint64(shift)).astype(np.int64)].astype(np.int64)
    above = np.flatnonzero(u > constants.thresholds[k])
    k[above] = np.searchsorted(constants.thresholds, u[above], side="left")
    return k, u == constants.thresholds[k], negative


def _inversion(words: Words, first: int, out: Draws, written: int, tables: Tables) -> Progress:
    """Twin of inversion_block in native/samplers.cpp."""
    words = words[first : first + len(out) - written, 0]
    k, tied, negative = _levels(words, tables)
    stop = int(np.argmax(tied)) if tied.any() else len(words)
    out[written : written + stop] = np.where(negative[:stop], -k[:stop], k[:stop])
    return Progress(first + stop, written + stop, stop < len(words))


def _layered(
    words: Words,
    first: int,
    out: Draws,
    written: int,
    tables: Tables,
    s: int,
    slopes: Slopes,
    margin: float,
) -> Progress:
    """Twin of layered_block in native/samplers.cpp."""
    words = words[first:]
    k, tied, negative = _levels(words[:, 0], tables)
    second = np.ascontiguousarray(words[:, 1])
    y = (second & np.uint64(2**s - 1)).astype(np.int64)
    w = (second >> np.uint64(_cut(s))).astype(np.float64) * 2.0 ** (_cut(s) - 64)
    gap = exp_minus(y.astype(np.float64) * 2.0**-s, k, slopes) - w
    void = negative & (k == 0) & (y == 0)
    undecided = tied | (~void & (np.abs(gap) <= margin))
    stop = int(np.argmax(undecided)) if undecided.any() else len(words)
    accepted = np.flatnonzero((gap[:stop] > 0) & ~void[:stop])
    room = len(out) - written
    if len(accepted) >= room:
        accepted = accepted[:room]
        stop = int(accepted[-1]) + 1
    magnitude = (k[accepted] << s) + y[accepted]
    filled = written + len(accepted)
    out[written:filled] = np.where(negative[accepted], -magnitude, magnitude)
    return Progress(first + stop, filled, filled < len(out) and stop < len(words))


def exp_minus(x: NDArray[np.float64], k: NDArray[np.int64], slopes: Slopes) -> NDArray[np.float64]:
    """exp(-v) for x in [0, 1) and v < 0.3, with an absolute error below 2**-48."""
    v = x * (slopes.square * x + slopes.cross * k + slopes.line)
    total = np.full_like(v, _TAYLOR[DEGREE])
    for coefficient in _TAYLOR[DEGREE - 1 :: -1]:
        total = coefficient - v * total
    return total


def _taylor() -> list[float]:
    factorial, terms = 1, [1.0]
    for j in range(1, DEGREE + 1):
        factorial *= j
        terms.append(1.0 / factorial)
    return terms


_TAYLOR = _taylor()
TWINS = Kernels(_inversion, _layered)
