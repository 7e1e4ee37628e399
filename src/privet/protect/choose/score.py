"""How well a trained model does on held-out rows, and how sure that figure is.

Every figure here is an exact function of private rows: it is for the curator's eyes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from privet.data.types import Target
from privet.errors import DataError
from privet.protect.base import Array, Result

_BATCH = 8192


@dataclass(frozen=True)
class Metric:
    """A figure of merit.

    Attributes:
        name: key in tables and JSON.
        title: what a person reads.
        least, most: the range it can take; None where unbounded.
        higher_is_better: False for errors.
        baseline: what its reference line is called.
    """

    name: str
    title: str
    least: float | None
    most: float | None
    baseline: str
    higher_is_better: bool = True


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Accuracy", 0.0, 1.0, "majority class"),
        Metric("balanced_accuracy", "Balanced accuracy", 0.0, 1.0, "majority class"),
        Metric("auc", "AUC", 0.0, 1.0, "chance"),
        Metric("r2", "R²", None, 1.0, "mean predictor"),
        Metric("mae", "Mean absolute error", 0.0, None, "mean predictor", False),
    )
}
CLASSIFICATION = ("accuracy", "balanced_accuracy", "auc")
REGRESSION = ("r2", "mae")


@dataclass(frozen=True)
class Score:
    """One metric over repeated splits.

    Attributes:
        metric: a key of `METRICS`.
        values: the metric on each split's held-out rows, in the order of the seeds.
        half: half the width of the 95% interval of the mean; None for a single split.
    """

    metric: str
    values: tuple[float, ...]
    half: float | None = None

    @property
    def mean(self) -> float:
        """Mean over the splits."""
        return sum(self.values) / len(self.values)

    @property
    def low(self) -> float | None:
        """Lower end of the interval, within the metric's range."""
        least = METRICS[self.metric].least
        return None if self.half is None else _at_least(self.mean - self.half, least)

    @property
    def high(self) -> float | None:
        """Upper end of the interval, within the metric's range."""
        most = METRICS[self.metric].most
        return None if self.half is None else _at_most(self.mean + self.half, most)

    @property
    def figure(self) -> str:
        """The mean as text."""
        return self._written(self.mean)

    @property
    def margin(self) -> str:
        """Half the width of the interval as text, empty for a single split."""
        return "" if self.half is None else f"± {self._written(self.half)}"

    def _written(self, value: float) -> str:
        """Three decimals of a share; of figures in another unit, four digits of the mean."""
        if METRICS[self.metric].most is not None or not math.isfinite(self.mean) or not self.mean:
            return f"{value:.3f}"
        decimals = 3 - math.floor(math.log10(abs(self.mean)))
        return f"{value:.3g}" if decimals > 8 else f"{value:.{max(decimals, 0)}f}"

    def __str__(self) -> str:
        return f"{self.figure} {self.margin}".rstrip()


def _at_least(value: float, bound: float | None) -> float:
    return value if bound is None else max(value, bound)


def _at_most(value: float, bound: float | None) -> float:
    return value if bound is None else min(value, bound)


def half_width(values: Sequence[float], *, train_rows: int, test_rows: int) -> float | None:
    """Half the width of the 95% interval of a mean over random train/test splits.

    Training sets of different splits overlap, so the naive variance s^2/J is too small. The
    corrected one is (1/J + n_test/n_train) s^2, with Student's t on J - 1 degrees of freedom
    (Nadeau & Bengio 2003, "Inference for the Generalization Error", Machine Learning 52,
    section 3, "corrected resampled t-test").

    Returns:
        The half width; None for fewer than two values.
    """
    count = len(values)
    if count < 2:
        return None
    from scipy.special import stdtrit

    variance = float(np.var(values, ddof=1))
    corrected = (1 / count + test_rows / train_rows) * variance
    return float(stdtrit(count - 1, 0.975)) * math.sqrt(corrected)


def predictions(result: Result, x: Array) -> Array:
    """Scores of encoded rows, (n, d) -> (n, outputs).

    Raises:
        DataError: some score is not finite.
    """
    scores = raw_predictions(result, x)
    if not np.isfinite(scores).all():
        raise DataError(
            "the trained model gives scores that are not finite",
            remedy="a smaller step size, or a simpler model",
        )
    return scores


def raw_predictions(result: Result, x: Array) -> Array:
    """Scores of encoded rows, (n, d) -> (n, outputs), finite or not."""
    model, params = result.model, result.params
    if model.linear:
        scores = np.asarray(x @ np.asarray(params["w"]) + np.asarray(params["b"]))
    else:
        apply = _vectorised(model.apply)
        starts = range(0, len(x), _BATCH)
        scores = np.concatenate([np.asarray(apply(params, x[s : s + _BATCH])) for s in starts])
    return scores.astype(np.float64).reshape(len(x), -1)


@lru_cache(maxsize=8)
def _vectorised(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    import jax

    vectorised: Callable[[Any, Any], Any] = jax.jit(jax.vmap(apply, in_axes=(None, 0)))
    return vectorised


def classification(y: Array, scores: Array, classes: int) -> dict[str, float]:
    """Accuracy, balanced accuracy and AUC of (n, outputs) scores; AUC only where defined."""
    if scores.shape[1] == 1:
        scores = np.column_stack([-scores[:, 0], scores[:, 0]])
    figures = _hits(y, scores.argmax(axis=1))
    areas = [
        area
        for k in range(classes)
        if (area := area_under_curve(y == k, _margin(scores, k))) is not None
    ]
    if areas:
        figures["auc"] = sum(areas) / len(areas)
    return figures


def _hits(y: Array, guess: Array) -> dict[str, float]:
    hit = guess == y
    recalls = [float(hit[y == k].mean()) for k in np.unique(y)]
    return {"accuracy": float(hit.mean()), "balanced_accuracy": sum(recalls) / len(recalls)}


def _margin(scores: Array, k: int) -> Array:
    """Log odds of class k under the softmax of the scores: ranks rows as its probability does."""
    others = np.delete(scores, k, axis=1)
    top = others.max(axis=1, keepdims=True)
    rest = (top + np.log(np.exp(others - top).sum(axis=1, keepdims=True)))[:, 0]
    return np.asarray(scores[:, k] - rest)


def area_under_curve(positive: Array, margin: Array) -> float | None:
    """Area under the ROC curve, ties counted half (the Mann-Whitney statistic).

    Args:
        positive: (n,) bool.
        margin: (n,) any score that grows with the belief in `positive`.

    Returns:
        The area; None if all rows or none are positive.
    """
    hits = int(positive.sum())
    misses = len(positive) - hits
    if not hits or not misses:
        return None
    _, inverse, counts = np.unique(margin, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = (last - (counts - 1) / 2)[inverse]
    return float((rank[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def regression(y: Array, guess: Array, target: Target) -> dict[str, float]:
    """R2, and mean absolute error in the target's own unit, of (n,) scaled guesses.

    Raises:
        DataError: all held-out targets are equal, so that R2 is not defined.
    """
    spread = float(((y - y.mean()) ** 2).sum())
    if spread == 0:
        raise DataError(
            f"all held-out values of the target {target.name!r} are equal",
            remedy="test_size=0.5, or more rows",
        )
    error = y - guess
    return {
        "r2": 1 - float((error**2).sum()) / spread,
        "mae": float(np.abs(error).mean()) * own_unit(target),
    }


def own_unit(target: Target) -> float:
    """One step of the scaled target, in the target's own unit (targets scale to [-1, 1])."""
    if target.low is None or target.high is None:
        return 1.0
    return (target.high - target.low) / 2


def baseline(y_train: Array, y_test: Array, target: Target) -> dict[str, float]:
    """The same metrics for a guess that looks at no feature."""
    if target.classes is None:
        return regression(y_test, np.full(len(y_test), y_train.mean()), target)
    guess = np.bincount(y_train, minlength=len(target.classes)).argmax()
    return _hits(y_test, np.full(len(y_test), guess)) | {"auc": 0.5}
