r"""Linear models from randomised products: each record reports a few entries of a moment matrix.

Least squares, and the quadratic that touches the logistic or softmax loss at zero scores, depend
on the rows through the means of products alone: of x_i x_j and x_i y, with x_0 = 1. Each record
reports s of these P products, chosen without looking at it, at epsilon / s each; the server
averages the decoded reports and solves. The loss is unbiased: its expectation over the reports is
the quadratic loss of the rows (for logistic regression the expansion log 2 - y z / 2 + z^2 / 8 of
Zhang et al. 2012, "Functional mechanism").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.dp.local.layout import share_of
from privet.dp.local.numbers import Hybrid
from privet.entropy import Stream

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Products:
    """The products that records report, known from bounds alone.

    Attributes:
        first, second: (P,) places in z = (x, 1, targets) whose product it is.
        low, high: (P,) bounds of the products; 0 is within them.
        features: d.
        targets: number of target columns: classes, or 1.
    """

    first: Array
    second: Array
    low: Array
    high: Array
    features: int
    targets: int

    @property
    def count(self) -> int:
        """P."""
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Moments:
    """Estimated means of products over the rows.

    Attributes:
        second: (d + 1, d + 1) of x x', the last row and column those of the constant.
        cross: (d + 1, targets) of x y'.
        error: about the standard error of an entry, from public figures.
    """

    second: Array
    cross: Array
    error: float


def products_for(low: Array, high: Array, targets: int, target_low: float) -> Products:
    """The products of d features within bounds, a constant, and targets in [target_low, 1].

    Args:
        low, high: (d,) bounds.
        targets: number of target columns.
        target_low: 0 for classes, -1 for a scaled number.
    """
    features = len(low)
    lows = np.concatenate([low, [1.0], np.full(targets, target_low)])
    highs = np.concatenate([high, [1.0], np.ones(targets)])
    upper, right = np.triu_indices(features + 1)
    across = np.repeat(np.arange(features + 1), targets)
    aim = np.tile(np.arange(targets) + features + 1, features + 1)
    first, second = np.concatenate([upper, across]), np.concatenate([right, aim])
    corners = np.stack([a[first] * b[second] for a in (lows, highs) for b in (lows, highs)])
    least = np.where(first == second, 0.0, corners.min(axis=0))
    # A weight in [0, 1] scales each product, so 0 is among its values.
    least, most = np.minimum(least, 0.0), np.maximum(corners.max(axis=0), 0.0)
    kept = most > least
    return Products(first[kept], second[kept], least[kept], most[kept], features, targets)


def per_record(products: int, epsilon: float) -> int:
    """How many products a record should report: the s of least error."""
    candidates = range(1, max(1, min(products, int(epsilon))) + 1)
    return min(candidates, key=lambda s: _variance(epsilon, s) / s)


def _variance(epsilon: float, s: int) -> float:
    """Of one decoded report on [0, 1], with the spread of the products themselves."""
    return Hybrid(0.0, 1.0, share_of(epsilon, s)).worst_variance() + 1 / 12


def collect(
    x: Array, y: Array, weight: Array | None, products: Products, *, epsilon: float, s: int,
    stream: Stream,
) -> Moments:
    """Randomise every record's products, and average what was reported.

    Args:
        x: (n, d) features within the bounds.
        y: (n, targets) target columns.
        weight: (n,) weights in [0, 1]; None for ones.
        products: what may be reported.
        epsilon: of one record, all its reports together.
        s: reports of one record.
        stream: where noise and choices come from.

    Formal guarantees: the reports of one record are epsilon-locally differentially private
    together (`Hybrid`, composed); which products are reported does not depend on it. The result
    is computed from reports alone.
    """
    n = len(x)
    z = np.column_stack([x, np.ones(n), y])
    scale = np.ones(n) if weight is None else np.clip(weight, 0.0, 1.0)
    number = Hybrid(0.0, 1.0, share_of(epsilon, s))
    sums, counts = np.zeros(products.count), np.zeros(products.count)
    start, rows = stream.below(products.count, n), np.arange(n)
    width = products.high - products.low
    for offset in range(s):
        place = (start + offset) % products.count
        value = z[rows, products.first[place]] * z[rows, products.second[place]] * scale
        share = np.nan_to_num((value - products.low[place]) / width[place])
        reports = number.perturb(share, stream=stream)
        sums += np.bincount(place, weights=number.decode(reports), minlength=products.count)
        counts += np.bincount(place, minlength=products.count)
    means = products.low + width * sums / np.maximum(counts, 1)
    means[counts == 0] = 0.0
    error = (_variance(epsilon, s) * products.count / max(n * s, 1)) ** 0.5
    return _matrices(products, means, error * float(width.mean()))


def _matrices(products: Products, means: Array, error: float) -> Moments:
    size = products.features + 1
    second, cross = np.zeros((size, size)), np.zeros((size, products.targets))
    inner = products.second < size
    first, other = products.first[inner], products.second[inner]
    second[first, other] = second[other, first] = means[inner]
    cross[products.first[~inner], products.second[~inner] - size] = means[~inner]
    return Moments(second, cross, error)


def solve(moments: Moments, loss: str, *, rows: int, l2: float) -> dict[str, Array]:
    """The linear model that minimises the quadratic loss of these moments.

    Args:
        loss: "squared", "logistic" (targets: the two classes) or "softmax".
        rows: n, by which the penalty counts.
        l2: as in `protect.convex`: sum of losses + l2 / 2 |w|^2.

    Returns:
        params {"w": (d, outputs), "b": (outputs,)}.
    """
    cross, classes = moments.cross, moments.cross.shape[1]
    if loss == "squared":
        curvature, aim = 1.0, cross
    elif loss == "logistic":
        curvature, aim = 0.25, (cross[:, 1:] - cross[:, :1]) / 2
    else:
        curvature, aim = 1 / classes, cross - cross.mean(axis=1, keepdims=True)
    penalty = np.full(len(cross), l2 / max(rows, 1) / curvature)
    penalty[-1] = 0.0
    second = moments.second + np.diag(penalty)
    # Noise of this size in every entry moves eigenvalues by about 2 sqrt(d + 1) of it (Wigner), so
    # no direction is trusted to curve less than that.
    values, vectors = np.linalg.eigh(second)
    floor = 2 * moments.error * np.sqrt(len(cross))
    theta = vectors @ ((vectors.T @ aim) / np.maximum(values, floor)[:, None]) / curvature
    if loss == "softmax":
        theta = theta - theta.mean(axis=1, keepdims=True)
    return {"w": theta[:-1].copy(), "b": theta[-1].copy()}
