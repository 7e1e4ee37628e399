"""Multi-layer perceptrons."""

from __future__ import annotations

from typing import Any

from privet.errors import InvalidInput
from privet.estimators.base import ClassifierBase, RegressorBase, seed_of
from privet.models import model_for
from privet.protect.base import Model


class _Network:
    """Parameters of both perceptrons.

    No early stopping and no warm start are offered: under a private protection both would spend
    budget that nobody accounted for.
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        alpha: float = 1e-4,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.003,
        max_iter: int = 200,
        random_state: Any = None,
        protect: Any = None,
        schema: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.protect = protect
        self.schema = schema

    def _model(self, classes: int | None) -> Model:
        sizes = self.hidden_layer_sizes
        if not isinstance(sizes, (int, list, tuple)):
            raise InvalidInput("hidden_layer_sizes must be whole numbers", value=sizes,
                               remedy="hidden_layer_sizes=(100,)")
        return model_for(
            "mlp",
            classes=classes,
            hidden=sizes,
            activation=self.activation,
            l2=self.alpha,
            batch=AUTO_BATCH if self.batch_size == "auto" else self.batch_size,
            step_size=self.learning_rate_init,
            epochs=self.max_iter,
            seed=seed_of(self.random_state),
        )


AUTO_BATCH = 64
"""Rows per step where batch_size="auto"."""


class MLPClassifier(_Network, ClassifierBase):
    """A multi-layer perceptron for classes.

    Args:
        hidden_layer_sizes: neurons of each hidden layer.
        activation: "relu", "tanh" or "gelu".
        alpha: strength of the quadratic penalty on weights.
        batch_size: rows per step in the clear; "auto" is min(64, n).
        learning_rate_init: Adam's step size.
        max_iter: passes over the rows. All of them are done: stopping early by a score is not
            offered, nor is warm_start.
        random_state: seed of initial weights and shuffles; never of a private run's noise.
        protect, schema: see `LogisticRegression`.

    Attributes:
        classes_: (K,).
        guarantee_, cost_, result_, n_iter_: see `Estimator`.
    """


class MLPRegressor(_Network, RegressorBase):
    """A multi-layer perceptron for a number.

    Args and attributes as `MLPClassifier`, without classes. Columns and target should be of
    moderate size: a schema scales both to [-1, 1] by their bounds.
    """
