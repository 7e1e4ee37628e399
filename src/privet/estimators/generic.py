"""Classifier and Regressor: any model, by name or a user's own."""

from __future__ import annotations

from typing import Any

from privet.errors import InvalidInput
from privet.estimators.base import ClassifierBase, RegressorBase, seed_of
from privet.models import model_for
from privet.protect.base import Model


class _Generic:
    model: Any
    options: Any
    random_state: Any

    def _model(self, classes: int | None) -> Model:
        options = {} if self.options is None else self.options
        if not isinstance(options, dict):
            raise InvalidInput("options must be a dict", value=options, remedy='options={"l2": 1}')
        seeded = "seed" not in options and not isinstance(self.model, Model)
        convex = isinstance(self.model, str) and self.model != "mlp"
        if seeded and not convex:
            options = {**options, "seed": seed_of(self.random_state)}
        return model_for(self.model, classes=classes, **options)

    def _module(self) -> Any:
        return None if isinstance(self.model, str) else self.model


class Classifier(_Generic, ClassifierBase):
    """A classifier over any model.

    Args:
        model: "logistic", "additive" or "mlp"; a pair (init(key, x), apply(params, x)) of pure
            JAX functions on one row; a Flax or an Equinox module. Modules with batch statistics
            or other mutable state are refused.
        options: settings of the model, see `privet.models.model_for`.
        random_state: seed of initial weights and shuffles; never of a private run's noise.
        protect, schema: see `LogisticRegression`. "additive" needs a schema, for its bins.

    Attributes:
        classes_, guarantee_, cost_, result_, n_iter_: see `Estimator`.
        coef_, intercept_: for the linear models only.
    """

    def __init__(
        self,
        model: Any = "logistic",
        *,
        options: Any = None,
        random_state: Any = None,
        protect: Any = None,
        schema: Any = None,
    ) -> None:
        self.model = model
        self.options = options
        self.random_state = random_state
        self.protect = protect
        self.schema = schema


class Regressor(_Generic, RegressorBase):
    """A regressor over any model: "linear", "additive", "mlp", or a user's own.

    Args and attributes as `Classifier`, without classes.
    """

    def __init__(
        self,
        model: Any = "linear",
        *,
        options: Any = None,
        random_state: Any = None,
        protect: Any = None,
        schema: Any = None,
    ) -> None:
        self.model = model
        self.options = options
        self.random_state = random_state
        self.protect = protect
        self.schema = schema
