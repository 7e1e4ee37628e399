"""One vector that holds every released score, as a sum of what each privacy unit adds to it.

A unit adds, for each protection, how well the model that was trained without it does on its
rows, and what its target is, so that the guess that looks at no feature can be scored from the
same sum. Each part is centred, which halves the most that one unit can add; a unit of which
nothing is there adds nothing. The argument: proofs/released-comparison.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from privet.data.types import Target
from privet.dp.clipping import exact_bits, rounded_down
from privet.protect.base import Array, Result, Rows
from privet.protect.choose import score

BINS = 16
"""Cells of a number's range, from which the mean predictor is scored."""


def cells(target: Target) -> int:
    """How many classes the target has, or cells its range."""
    return BINS if target.classes is None else len(target.classes)


def sensitivity(protections: int, target: Target) -> float:
    """The greatest Euclidean norm of what one unit adds.

    Each of the scores lies within 1/2 of its centre. The target is a point of the simplex over K
    cells, and the farthest from its middle are the corners, at sqrt(1 - 1/K).
    """
    return math.sqrt(protections / 4 + 1 - 1 / cells(target))


def merits(result: Result, x: Array, y: Array, target: Target) -> Array:
    """How well a model does on each row, (n,), from 0 to 1.

    For classes 1 where it is right; for numbers its absolute error as a share of the declared
    range (so that 0 is best), at most 1. Scores that are not finite count as the worst: no
    rows make this raise.
    """
    scores = score.raw_predictions(result, x)
    finite: Array = np.asarray(np.isfinite(scores).all(axis=1))
    scores = np.where(finite[:, None], scores, 0.0)
    if target.classes is None:
        error = np.abs(_inside(y) - np.clip(scores[:, 0], -1.0, 1.0)) / 2
        return np.where(finite, error, 1.0)
    if scores.shape[1] == 1:
        scores = np.column_stack([-scores[:, 0], scores[:, 0]])
    return np.asarray(finite & (scores.argmax(axis=1) == y), dtype=np.float64)


def targets(y: Array, target: Target) -> Array:
    """(n, K) one 1 in each row: the class, or the cell of the range."""
    count = cells(target)
    if target.classes is None:
        y = np.minimum(np.floor((_inside(y) + 1) / 2 * count), count - 1)
    return np.asarray(np.eye(count)[np.asarray(y, dtype=np.int64)])


def _inside(y: Array) -> Array:
    """Scaled numbers within their declared range; NaN is its middle."""
    return np.clip(np.nan_to_num(np.asarray(y, np.float64), nan=0.0), -1.0, 1.0)


def contributions(merit: Array, rows: Rows, target: Target) -> Array:
    """(units, P + K) what each unit adds, whole multiples of one power of two.

    Args:
        merit: (n, P) `merits` of each row under each protection.
        rows: their targets, units and weights; rows of weight 0 are not there.
        target: what is predicted.

    # Formal guarantees
    * A unit's line depends on its own rows alone, and is 0 if all have weight 0.
    * Its Euclidean norm is at most `sensitivity`, up to the rounding of a mean, and the sum of
      all lines is exact in float64.
    """
    values = np.column_stack([merit, targets(rows.y, target)])
    units = rows.facts.units or rows.facts.rows
    owner = np.arange(len(values)) if rows.unit is None else rows.unit
    there = np.ones(len(values)) if rows.weight is None else (rows.weight > 0).astype(np.float64)
    present = np.bincount(owner, weights=there, minlength=units)
    sums = np.stack(
        [np.bincount(owner, weights=there * column, minlength=units) for column in values.T], axis=1
    )
    means = np.clip(sums / np.maximum(present, 1.0)[:, None], 0.0, 1.0)
    centred = np.where(present[:, None] > 0, means - centre(merit.shape[1], target), 0.0)
    return rounded_down(centred, exact_bits(units, 1.0))


def centre(protections: int, target: Target) -> Array:
    """(P + K,) what is taken off each mean."""
    count = cells(target)
    return np.concatenate([np.full(protections, 0.5), np.full(count, 1 / count)])


@dataclass(frozen=True)
class Estimates:
    """Released figures, in the metric's own unit.

    Attributes:
        metric: "accuracy", or "mae" for a number.
        values: one per protection, within the metric's range.
        deviation: standard deviation of the noise on each.
        baseline: of the guess that looks at no feature.
        baseline_deviation: about the standard deviation of the noise on that.
    """

    metric: str
    values: tuple[float, ...]
    deviation: float
    baseline: float
    baseline_deviation: float


def estimates(noisy: Array, *, protections: int, units: int, scale: float, target: Target
              ) -> Estimates:
    """Read a noisy sum: post-processing, with public numbers alone.

    Args:
        noisy: (P + K,) the released sum.
        protections: P.
        units: public number of privacy units.
        scale: standard deviation of the noise on each part of the sum.
        target: what is predicted.
    """
    shares = centre(protections, target) + noisy / units
    # The shares of the cells add up to 1; noise along that direction can be taken off.
    parts = shares[protections:] + (1 - shares[protections:].sum()) / cells(target)
    guess, weights = _guess(parts, target)
    one = 1.0 if target.classes is not None else 2 * score.own_unit(target)
    return Estimates(
        metric="mae" if target.classes is None else "accuracy",
        values=tuple(one * float(v) for v in np.clip(shares[:protections], 0.0, 1.0)),
        deviation=one * scale / units,
        baseline=one * float(np.clip(guess, 0.0, 1.0)),
        baseline_deviation=one * scale / units * float(np.linalg.norm(weights - weights.mean())),
    )


def _guess(parts: Array, target: Target) -> tuple[float, Array]:
    """The score of the constant guess, and the weight of each cell's share in it."""
    if target.classes is not None:
        return float(parts.max()), np.eye(len(parts))[int(parts.argmax())]
    middles = (2 * np.arange(BINS) + 1) / BINS - 1
    mean = float(np.clip(parts @ middles, -1.0, 1.0))
    errors = np.abs(middles - mean) / 2
    return float(parts @ errors), errors
