"""Bounds of columns by differentially private histograms over grids that no data chose.

Two steps, each half of the budget:

1. A histogram over signed bins with the edges 1, 2, 5, 10, 20, ... (`decimal_edges`) finds the
   order of magnitude: the smallest run of bins that holds the wanted share of what is visible
   above the noise.
2. A histogram over `CELLS` equal cells of that interval cuts off ends that are known to be
   nearly empty, which matters for columns far from zero (years, body temperatures).

Both are discrete Gaussian noise on counts; the rest is post-processing. The signed logarithmic
histogram follows the bounding step of Wilson et al. 2020 ("Differentially private SQL with
bounded user contribution", section 5.1.1) and Google's `ApproxBounds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privet.dp.mechanisms import release
from privet.entropy import Stream
from privet.errors import InvalidBudget, InvalidInput, fraction, positive

if TYPE_CHECKING:
    from privet.claims import DPGuarantee

Array = NDArray[np.float64]

DECADES = (-6, 12)
CELLS = 40
# Noise alone passes this many deviations in one of the bins of step 1 once in 2700 times.
_VISIBLE = 4.5
_MOST_NOISE = 2.0**28


@cache
def decimal_edges() -> tuple[float, ...]:
    """The edges of step 1: plus or minus 1, 2, 5 times 10**-6 .. 10**11, and 10**12, in order.

    Powers of two were tried beside them on three data sets and a synthetic one at epsilon 0.5
    to 3: intervals 1.0 to 1.5 times as narrow, but up to 1.5 times as many values outside.
    """
    first, last = DECADES
    above = [float(f"{m}e{e}") for e in range(first, last) for m in (1, 2, 5)]
    above.append(float(f"1e{last}"))
    return (*(-edge for edge in reversed(above)), *above)


def private_bounds(
    values: Any,
    *,
    noise_multiplier: float,
    stream: Stream,
    coverage: float = 0.99,
) -> tuple[float, float]:
    """An interval that holds about `coverage` of the values, from noisy counts alone.

    Args:
        values: (n,) numbers; NaN counts nowhere, infinities count in the outermost bins.
        noise_multiplier: both steps together cost what one Gaussian mechanism with this noise
            multiplier costs, for one value.
        stream: where the noise comes from.
        coverage: the share of the values that the interval should hold.

    Returns:
        (low, high) with low < high, both finite. Without enough values to see anything above
        the noise, (-1e12, 1e12).

    Raises:
        InvalidInput: coverage or noise_multiplier out of range. No values raise.

    Formal guarantees:
        - Relation: one value replaced by NaN, or added or removed; its count changes in one bin
          of each of two histograms, so each has L2 sensitivity 1. Each gets noise of deviation
          sqrt(2) noise_multiplier, and Gaussian mechanisms chosen adaptively compose exactly
          (Dong, Roth & Su 2019, Cor. 3.3) to one of noise multiplier `noise_multiplier`.
        - Which bins exist in step 2 depends on the released counts of step 1 alone.
        - Not covered: time and memory, which grow with n.
    """
    noise_multiplier = positive(noise_multiplier=noise_multiplier)
    if noise_multiplier > _MOST_NOISE:
        raise InvalidBudget(
            "so much noise hides every count", value=noise_multiplier, bound="<= 2**28"
        )
    fraction(coverage=coverage)
    scale = noise_multiplier * math.sqrt(2.0)
    # Rounding both of two neighbouring counts to the grid moves them apart by at most a step,
    # 2**-32 scale, which this makes up for.
    scale *= 1.0 + scale * 2.0**-31
    values = np.asarray(values, np.float64).ravel()
    low, high = _magnitude(values, scale, stream, coverage)
    return _narrow(values, low, high, scale, stream, coverage)


def private_bounds_for(
    columns: Mapping[str, Any],
    *,
    epsilon: float,
    delta: float,
    stream: Stream,
    coverage: float = 0.99,
) -> tuple[dict[str, tuple[float, float]], DPGuarantee]:
    """Bounds of every column together, for one budget.

    Args:
        columns: (n,) numbers by name; a row is one person's.
        epsilon, delta: the budget of all columns together.
        stream: where the noise comes from.
        coverage: the share of each column's values that its bounds should hold.

    Returns:
        the bounds by name, and the guarantee.

    Raises:
        InvalidInput: no columns, or columns of different lengths.
        InvalidBudget: epsilon or delta out of range.

    Formal guarantees:
        - (epsilon, delta)-DP per row under zero-out: a row adds 1 to one bin per column, so the
          joint histogram of d columns has L2 sensitivity sqrt(d), and its noise grows by that.
        - A part of delta is set aside for noise on a grid (`mechanisms.discretisation_delta`).
        - Which rows are missing a value is covered: NaN adds to no bin.
    """
    if not columns:
        raise InvalidInput("there is no column to bound", value=list(columns))
    arrays = {name: np.asarray(column, np.float64).ravel() for name, column in columns.items()}
    if len({len(column) for column in arrays.values()}) > 1:
        raise InvalidInput(
            "columns of one table have the same length",
            value={name: len(column) for name, column in arrays.items()},
        )
    joint, _ = _joint_noise(len(arrays), epsilon, delta)
    single = joint * math.sqrt(len(arrays))
    bounds = {
        name: private_bounds(column, noise_multiplier=single, stream=stream, coverage=coverage)
        for name, column in arrays.items()
    }
    return bounds, bounds_guarantee(len(arrays), epsilon=epsilon, delta=delta, secret=stream.secret)


def bounds_guarantee(
    columns: int, *, epsilon: float, delta: float, secret: bool = True
) -> DPGuarantee:
    """What `private_bounds_for` guarantees for so many columns, known before any is read.

    Raises:
        InvalidBudget: epsilon or delta out of range.
    """
    from privet.claims import DPGuarantee, Gaussian
    from privet.dp.accounting import accountant_name

    joint, parts = _joint_noise(columns, epsilon, delta)
    return DPGuarantee(
        epsilon=float(epsilon),
        delta=float(delta),
        unit="row",
        relation="zero-out",
        accountant=accountant_name(),
        events=(
            Gaussian(joint, what=f"2 histograms of each of {columns} columns, as one release"),
        ),
        delta_split=parts,
        secret_noise=secret,
        provenance=("bounds from a differentially private histogram over a public grid",),
        assumptions=("one row is one person's; the number of rows is public",),
        checks=("every bound is a function of noisy counts: see privet.dp.bounds",),
    )


def _joint_noise(columns: int, epsilon: float, delta: float) -> tuple[float, dict[str, float]]:
    """Noise multiplier of all histograms as one release, and the parts of delta."""
    from privet.dp.accounting import MECHANISM, mu_for, split_delta

    parts = split_delta(epsilon, delta, columns * (len(decimal_edges()) - 1 + CELLS))
    return 1.0 / mu_for(epsilon, parts[MECHANISM]), parts


def _counts(values: Array, edges: Array, scale: float, stream: Stream) -> Array:
    """Noisy counts of the cells [e0, e1), [e1, e2), ...; values outside count at the ends."""
    cells = len(edges) - 1
    cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, cells - 1)
    exact = np.bincount(cell[~np.isnan(values)], minlength=cells).astype(np.float64)
    return release(exact, scale=scale, stream=stream)


def _magnitude(values: Array, scale: float, stream: Stream, coverage: float) -> tuple[float, float]:
    """Step 1: the smallest run of bins that covers what is visible, and one more on each side.

    The noise can hide a bin with up to `_VISIBLE` deviations of values, which in a small table
    is a good part of it; hence the neighbours, which step 2 takes off again where it can tell.
    """
    edges = np.array(decimal_edges())
    counts = _counts(values, edges, scale, stream)
    visible = np.where(counts > _VISIBLE * scale, counts, 0.0)
    if not visible.any():
        return float(edges[0]), float(edges[-1])
    first, last = _shortest(visible, coverage, np.diff(edges))
    return float(edges[max(first - 1, 0)]), float(edges[min(last + 2, len(edges) - 1)])


def _narrow(
    values: Array, low: float, high: float, scale: float, stream: Stream, coverage: float
) -> tuple[float, float]:
    """Step 2: cut both ends off as far as they are known to hold few values."""
    edges = np.linspace(low, high, CELLS + 1)
    inside = np.where((values >= low) & (values <= high), values, np.nan)
    counts = _counts(inside, edges, scale, stream)
    allowed = (1.0 - coverage) / 2.0 * max(float(counts.sum()), 0.0)
    first, last = (_empty(part, allowed, scale) for part in (counts, counts[::-1]))
    if first + last >= CELLS:
        return low, high
    return float(edges[first]), float(edges[CELLS - last])


def _empty(counts: Array, allowed: float, scale: float) -> int:
    """How many leading cells hold at most `allowed` values, with a deviation to spare."""
    if allowed < scale:
        return 0  # the noise would decide, and might cut off most of a small table
    most = np.cumsum(counts) + scale * np.sqrt(np.arange(1, len(counts) + 1))
    over = most > allowed
    return int(np.argmax(over)) if over.any() else len(counts)


def _shortest(counts: Array, coverage: float, widths: Array) -> tuple[int, int]:
    """First and last cell of the narrowest run that holds `coverage` of the counts."""
    wanted = coverage * counts.sum()
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    best = (0, len(counts) - 1)
    narrowest = math.inf
    for first in range(len(counts)):
        last = int(np.searchsorted(sums, sums[first] + wanted, side="left")) - 1
        if last >= len(counts) or last < first:
            continue
        width = float(widths[first : last + 1].sum())
        if width < narrowest:
            best, narrowest = (first, last), width
    return best
