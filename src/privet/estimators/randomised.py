"""Training on records that were randomised before they came here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from privet.claims import Cost
from privet.data import Encoder
from privet.dp.local.moments import solve
from privet.dp.local.records import moments_of, require_target
from privet.errors import InvalidInput, SchemaError
from privet.estimators.inputs import Inputs
from privet.protect.base import Result
from privet.protect.local import require_linear

if TYPE_CHECKING:
    from privet.dp.local import Perturbed
    from privet.estimators.base import Estimator


def fit_randomised(estimator: Estimator, table: Perturbed) -> None:
    """Fit a linear estimator to randomised records.

    The loss is the quadratic of `privet.dp.local.moments`, which reports estimate without bias.
    What is learnt is computed from reports alone, so the records' guarantee holds for it and no
    budget is spent, however often it is done.

    Raises:
        InvalidInput: the estimator has a protection or schema of its own, or is not linear.
        SchemaError: the records' target does not fit, or they do not report what a model needs.
    """
    if estimator.protect is not None or estimator.schema is not None:
        raise InvalidInput("randomised records bring their own schema and guarantee",
                           value="protect=... or schema=...", bound="an estimator without them",
                           remedy=f"{type(estimator).__name__}().fit(table)")
    if getattr(estimator, "class_weight", None) is not None:
        raise InvalidInput("randomised records count alike: nobody knows their classes",
                           value="class_weight", bound="class_weight=None",
                           remedy=f"{type(estimator).__name__}().fit(table)")
    name = require_target(table)
    target = table.schema.required_target()
    if target.is_classes != (estimator._task == "classes"):
        raise SchemaError(f"{type(estimator).__name__} cannot predict this target",
                          value=f"target {name!r}",
                          bound="a number" if estimator._task != "classes" else "classes",
                          remedy="LogisticRegression()" if target.is_classes else "Ridge()")
    encoder = Encoder(table.schema)
    classes = encoder.classes
    model = estimator._model(None if classes is None else len(classes))
    require_linear(model)
    if model.encoding != "scaled":
        raise InvalidInput("randomised records train models on scaled columns", value=model.name,
                           bound="logistic or linear", remedy='model="logistic"')
    started = time.perf_counter()
    params = solve(moments_of(table, name), str(model.tag["loss"]), rows=table.rows, l2=model.l2)
    cost = Cost(seconds=time.perf_counter() - started)
    features = [column.name for column in table.schema.features]
    estimator.n_features_in_ = len(features)
    estimator.feature_names_in_ = np.array(features, dtype=object)
    result = Result(model, params, table.guarantee, cost)
    estimator._keep(result, Inputs(tuple(encoder.names), table.schema, model.encoding), classes)
