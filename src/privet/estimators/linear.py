"""LogisticRegression, LinearRegression and Ridge."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.errors import InvalidInput, positive
from privet.estimators.base import ClassifierBase, RegressorBase, refuse_balanced
from privet.models import model_for
from privet.protect.base import Model

if TYPE_CHECKING:
    from privet.protect.base import Protection, Rows

Array = np.ndarray[Any, Any]


class LogisticRegression(ClassifierBase):
    """Logistic regression: one score for two classes, softmax for more.

    Trained in the clear it reaches the optimum of scikit-learn's objective,
    sum_i weight_i * loss_i + ||w||^2 / (2 C), intercept not penalised.

    Args:
        C: inverse strength of the penalty, above 0; inf for none. Under `Private` a penalty
            counts only beyond what noise and few steps do already, which at small epsilon is
            more than that of the default (`privet.dp.linear_defaults.counted_penalty`).
        max_iter: most optimiser steps in the clear.
        tol: stop when no partial derivative of the mean loss (standardised columns) exceeds it.
        class_weight: None, {class: weight}, or "balanced" (refused unless in the clear, since
            it counts private rows).
        random_state: accepted as scikit-learn's; training in the clear is deterministic, and
            the noise of a private one never comes from it.
        protect: a protection, such as `pv.Private(epsilon=1.0)`; None trains in the clear.
        schema: a `Schema`, the path of one, or a mapping. None: columns are used as they are,
            which only training in the clear allows.

    Attributes:
        classes_: (K,) in the schema's order, or sorted if there is no schema.
        coef_: (1, d) or (K, d), in units of the ENCODED columns named by `feature_names_out_`:
            columns scaled to [-1, 1] by their bounds, and one per category.
        intercept_: (1,) or (K,).
        guarantee_, cost_, result_, n_iter_: see `Estimator`.
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        max_iter: int = 1000,
        tol: float = 1e-8,
        class_weight: Any = None,
        random_state: Any = None,
        protect: Any = None,
        schema: Any = None,
    ) -> None:
        self.C = C
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.random_state = random_state
        self.protect = protect
        self.schema = schema

    def _model(self, classes: int | None) -> Model:
        infinite = isinstance(self.C, float) and math.isinf(self.C) and self.C > 0
        l2 = 0.0 if infinite else 1.0 / positive(C=self.C, remedy="C=1.0")
        return model_for(
            "logistic", classes=classes, l2=l2, max_iter=self.max_iter, tol=self.tol
        )

    def _reweighing(
        self, classes: Array | None, protection: Protection
    ) -> Callable[[Rows], Rows]:
        if self.class_weight is None or classes is None:
            return lambda rows: rows
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            refuse_balanced(protection)
            return lambda rows: _reweighed(rows, _balancing(rows, len(classes)))
        each = self._class_weights(classes)
        return lambda rows: _reweighed(rows, each)

    def _adjusted(self) -> dict[str, Any]:
        return {} if self.class_weight is None else {"class_weight": self.class_weight}

    def _class_weights(self, classes: Array) -> Array:
        if not isinstance(self.class_weight, dict):
            raise InvalidInput("unknown class_weight", value=self.class_weight,
                               bound='None, "balanced" or {class: weight}',
                               remedy="class_weight={0: 1.0, 1: 3.0}")
        known = classes.tolist()
        for label, weight in self.class_weight.items():
            if label not in known:
                raise InvalidInput("class_weight names an unknown class", value=label,
                                   bound=f"one of {known}")
            if not (isinstance(weight, (int, float)) and 0 <= weight < math.inf):
                raise InvalidInput(f"the weight of class {label!r} must be finite and not negative",
                                   value=weight)
        return np.array([float(self.class_weight.get(label, 1.0)) for label in known])


def _reweighed(rows: Rows, each: Array) -> Rows:
    weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
    return replace(rows, weight=weight * each[rows.y])


def _balancing(rows: Rows, classes: int) -> Array:
    """(K,) weights under which all classes weigh the same; a function of the rows."""
    counts = np.bincount(rows.y, weights=rows.weight, minlength=classes)
    return np.asarray(counts.sum() / (classes * np.maximum(counts, 1e-300)))


class Ridge(RegressorBase):
    """Linear regression with a quadratic penalty: sum_i weight_i (y_i - s_i)^2 + alpha ||w||^2.

    Args:
        alpha: strength of the penalty, not negative.
        protect, schema: see `LogisticRegression`.

    Attributes:
        coef_: (d,), in units of the ENCODED columns and the target's own unit.
        intercept_: float.
        guarantee_, cost_, result_, n_iter_: see `Estimator`.
    """

    def __init__(self, alpha: float = 1.0, *, protect: Any = None, schema: Any = None) -> None:
        self.alpha = alpha
        self.protect = protect
        self.schema = schema

    def _model(self, classes: int | None) -> Model:
        return model_for("linear", classes=classes, l2=self.alpha)


class LinearRegression(RegressorBase):
    """Least squares; the solution of least norm where columns are dependent.

    Args:
        protect, schema: see `LogisticRegression`.

    Attributes:
        coef_: (d,), in units of the ENCODED columns and the target's own unit.
        intercept_: float.
        guarantee_, cost_, result_, n_iter_: see `Estimator`.
    """

    def __init__(self, *, protect: Any = None, schema: Any = None) -> None:
        self.protect = protect
        self.schema = schema

    def _model(self, classes: int | None) -> Model:
        return model_for("linear", classes=classes, l2=0.0)
