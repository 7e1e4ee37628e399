"""Gaussian noise on a grid: only integers are drawn, added and released.

A real-valued total is rounded to a grid of step scale / 2**32, exact discrete Gaussian noise of
2**32 steps is added in integers, and the sum is multiplied by the step. So no low-order bit of a
float carries anything about the data (Mironov 2012), and what rounding and float summation do
to the sensitivity is bounded by `slack`. The argument: proofs/noise-on-a-grid.md and
proofs/discrete-samplers.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.dp.discrete import discrete_gaussian
from privet.entropy import Stream
from privet.errors import InvalidInput, positive, whole

SIGMA = 2**32
# Clip to C (1 - CLIP_MARGIN); rounding and summation may use up the rest of C.
CLIP_MARGIN = 2.0**-10
# Total variation distance per draw between the discrete Gaussian and a rounded continuous one.
DISTANCE = 2.0**-68
_LARGEST = 2.0**52
_SCALE_BITS = 16


@dataclass(frozen=True)
class Grid:
    """The grid on which noise of one scale is drawn.

    The scale is rounded up to 16 significant bits (by less than 2**-15 of itself), so that any
    number of steps up to 2**37, which is 32 standard deviations, times the step is an exact
    float64.

    Attributes:
        scale: standard deviation of the noise, at least the one asked for.
        step: scale / 2**32.
    """

    scale: float

    def __post_init__(self) -> None:
        scale = positive(scale=self.scale)
        if not 2.0**-900 < scale < 2.0**900:
            raise InvalidInput(
                "scale is too small or too large for a grid", value=scale, bound="2**-900..2**900"
            )
        mantissa, exponent = math.frexp(scale)
        rounded = math.ceil(mantissa * 2**_SCALE_BITS)
        object.__setattr__(self, "scale", math.ldexp(rounded, exponent - _SCALE_BITS))

    @property
    def step(self) -> float:
        """Width of one grid cell."""
        return self.scale / SIGMA

    def units(self, total: NDArray[np.float64]) -> NDArray[np.int64]:
        """The nearest grid point of each total, as an integer; saturates at 2**52 steps.

        Total on all floats, so that no data make a release fail: NaN counts as 0. Saturation
        brings two values no further apart.
        """
        return self.cells(total).astype(np.int64)

    def cells(self, total: Any) -> NDArray[np.float64]:
        """The integers of `units` as floats, in an array of their own; exact, being below 2**53."""
        cells = np.array(total, np.float64)
        with np.errstate(over="ignore"):
            np.divide(cells, self.step, out=cells)
        np.clip(cells, -_LARGEST, _LARGEST, out=cells)
        np.copyto(cells, 0.0, where=np.isnan(cells))
        return np.rint(cells, out=cells)


def gaussian_noise(
    shape: int | tuple[int, ...], *, scale: float, stream: Stream
) -> NDArray[np.float64]:
    """Noise to add to totals that were rounded to `Grid(scale).step`.

    Returns:
        float64 of this shape; each divided by `Grid(scale).step` is exactly an integer, a draw
        of `discrete_gaussian` at sigma = 2**32. In a jit with x64, release
        `step * (jnp.rint(total / step) + jnp.rint(noise / step))`: both terms are integers.

    Raises:
        InvalidInput: scale is not positive and finite.
    """
    grid = Grid(scale)
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    drawn = discrete_gaussian(size, stream=stream, sigma=SIGMA)
    return (drawn.astype(np.float64) * grid.step).reshape(shape)


def release(total: Any, *, scale: float, stream: Stream) -> NDArray[np.float64]:
    """The Gaussian mechanism on a grid: step * (round(total / step) + discrete Gaussian).

    Args:
        total: float64 of any shape, whose sensitivity includes `slack`.
        scale: standard deviation of the noise on each coordinate.
        stream: where the noise comes from; never the same position twice.

    Returns:
        float64 of the same shape.

    Raises:
        InvalidInput: scale is not positive and finite. No data raise.

    Formal guarantees:
        - If |total - total'|_2 plus the rounding part of `slack` is at most S for all
          neighbours, the release has the privacy profile of the continuous Gaussian mechanism
          of noise multiplier scale / S, up to `discretisation_delta(total.size, epsilon)`.
        - The result is a function of the noisy integers alone.
    """
    grid = Grid(scale)
    cells = grid.cells(total)
    # Sums of integers below 2**53 are exact, as floats or not. No second array: for a model of
    # a quarter of a million parameters, making room for arrays took longer than the noise.
    cells += discrete_gaussian(cells.size, stream=stream, sigma=SIGMA).reshape(cells.shape)
    cells *= grid.step
    return cells


def discretisation_delta(draws: int, epsilon: float) -> float:
    """What to add to delta when discrete noise is accounted for as continuous noise.

    A continuous Gaussian rounded to the grid is post-processing of the continuous mechanism,
    and the discrete Gaussian at sigma = 2**32 is within 2**-68 of it in total variation per
    draw, so over all draws delta grows by at most (1 + e^epsilon) draws 2**-68
    (proofs/noise-on-a-grid.md, section 4). A million draws at epsilon = 1 add 1.3e-14.

    Args:
        draws: noise values drawn in all releases that epsilon stands for.
        epsilon: the epsilon of the claim.
    """
    # Past e^700 every delta is used up; the callers then refuse.
    return (1.0 + math.exp(min(epsilon, 700.0))) * whole(least=0, draws=draws) * DISTANCE


def slack(
    dimensions: int,
    terms: int,
    clip: float,
    *,
    scale: float | None = None,
    depth: int | None = None,
) -> float:
    """How much float64 arithmetic and the grid may add to the L2 sensitivity of a clipped sum.

    The sum of parts: sqrt(dimensions) steps for rounding to the grid; twice the worst error of
    summing `terms` vectors in any order (Higham 2002, section 4.2); the error of computing a
    norm and scaling by it (proofs/noise-on-a-grid.md, section 3).

    Args:
        dimensions: coordinates of one vector.
        terms: how many vectors are summed.
        clip: the L2 bound on each vector.
        scale: noise scale; by default the largest that this is meant for, 1024 * clip.
        depth: additions that any one term goes through, where it is known to be below
            terms - 1 (blocks of b rows: b + terms / b).

    Returns:
        an upper bound, in the units of clip.
    """
    dimensions, terms = whole(dimensions=dimensions), whole(terms=terms)
    clip = positive(clip=clip)
    step = Grid(1024.0 * clip if scale is None else scale).step
    roundoff = 2.0**-53
    # One more than the additions, for the division by the step.
    additions = roundoff * (terms if depth is None else depth + 1)
    if additions >= 0.5:
        return math.inf
    summing = 2.0 * terms * clip * additions / (1.0 - additions)
    norm = (dimensions + 8) * roundoff * clip
    return (math.sqrt(dimensions) * step + summing + norm) * (1.0 + 2.0**-40)


def clip_bound(
    dimensions: int,
    terms: int,
    clip: float,
    *,
    scale: float | None = None,
    depth: int | None = None,
) -> float:
    """The bound to clip to, so that the released sum has an L2 sensitivity of at most clip.

    Returns:
        clip * (1 - 2**-10).

    Raises:
        InvalidInput: the slack is larger than what that leaves.
    """
    extra = slack(dimensions, terms, clip, scale=scale, depth=depth)
    if extra > clip * CLIP_MARGIN:
        raise InvalidInput(
            f"rounding of {terms} terms in {dimensions} dimensions can exceed the clip margin",
            value=extra,
            bound=f"<= {clip * CLIP_MARGIN}",
            remedy="sum in blocks and pass their depth, or use fewer rows or less noise",
        )
    return clip * (1.0 - CLIP_MARGIN)
