"""Estimators inside scikit-learn's own tools; and private ones, which those must not multiply."""

from __future__ import annotations

import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import privet as pv
from privet.errors import OutOfBudget, Refused

X, Y = load_iris(return_X_y=True)
SCHEMA = pv.Schema.for_arrays(low=[0] * 4, high=[10] * 4, classes=[0, 1, 2])


def test_pipeline_grid_search_and_cross_validation() -> None:
    pipe = make_pipeline(StandardScaler(), pv.LogisticRegression())
    assert cross_val_score(pipe, X, Y).mean() > 0.9
    search = GridSearchCV(pipe, {"logisticregression__C": [0.01, 1.0]}).fit(X, Y)
    assert search.best_params_ == {"logisticregression__C": 1.0}
    assert search.best_estimator_[-1].guarantee_.kind == "none"


def test_column_transformer() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(Y == 0, "u", "v"))
    columns = ColumnTransformer([("one", OneHotEncoder(), ["kind"])], remainder="passthrough")
    pipe = make_pipeline(columns, pv.LogisticRegression()).fit(frame, Y)
    assert pipe.score(frame, Y) > 0.9


def test_cross_validation_with_a_schema_and_frames() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(4)])
    assert cross_val_score(pv.LogisticRegression(schema=SCHEMA), frame, Y).mean() > 0.9


def test_clone_and_joblib() -> None:
    model = clone(pv.LogisticRegression(C=3.0, schema=SCHEMA))
    assert model.C == 3.0
    jobs = (joblib.delayed(model.fit)(X, Y) for _ in range(2))
    first, second = joblib.Parallel(n_jobs=2)(jobs)
    assert np.array_equal(first.coef_, second.coef_)
    assert first.score(X, Y) > 0.9


def private(fits: int | None = None) -> Any:
    protect = pv.Private(epsilon=3.0, delta=1e-3, fits=fits)
    return pv.LogisticRegression(protect=protect, schema=SCHEMA)


def test_direct_fits_are_each_a_claim() -> None:
    model = private()
    model.fit(X, Y)
    model.fit(X, Y)
    pipe = make_pipeline(model)
    pipe.fit(X, Y)
    assert model.guarantee_.epsilon == 3.0


@pytest.mark.parametrize(
    "multiply",
    [
        lambda m: cross_val_score(m, X, Y, error_score="raise"),
        lambda m: GridSearchCV(m, {"C": [1.0]}, error_score="raise").fit(X, Y),
        lambda m: GridSearchCV(pv.LogisticRegression(schema=SCHEMA), {"protect": [m.protect]},
                               error_score="raise").fit(X, Y),
        lambda m: cross_val_score(make_pipeline(m), X, Y, error_score="raise"),
        lambda m: cross_val_score(m.set_params(protect=[m.protect]), X, Y, error_score="raise"),
        lambda m: BaggingClassifier(m, 2).fit(X, Y),
        lambda m: clone(m).fit(X, Y),
        lambda m: clone(clone(m)).fit(X, Y),
    ],
    ids=["cross_val_score", "search", "search over protections", "pipeline", "stack", "bagging",
         "clone", "clone of a clone"],
)
def test_fits_of_clones_are_refused_without_a_budget_for_all(multiply: Any) -> None:
    with pytest.raises(Refused, match="fits=N"):
        multiply(private())


def test_all_processes_refuse() -> None:
    with pytest.raises(Refused, match="fits=N"):
        cross_val_score(private(), X, Y, n_jobs=2, error_score="raise")
    with pytest.raises(Refused, match="n_jobs=1"):
        cross_val_score(private(10), X, Y, n_jobs=2, error_score="raise")


def test_a_budget_covers_so_many_fits_and_no_more() -> None:
    model = private(fits=6)
    search = GridSearchCV(model, {"C": [1.0]}, cv=5, error_score="raise").fit(X, Y)
    guarantee = search.best_estimator_.guarantee_
    assert guarantee.epsilon == 3.0
    assert any("6 fits together" in line for line in guarantee.assumptions)
    with pytest.raises(OutOfBudget):
        model.fit(X, Y)
    with pytest.raises(OutOfBudget):
        clone(model).fit(X, Y)


def test_a_budget_too_small_stops_in_the_middle() -> None:
    model = private(fits=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(model, X, Y, cv=5)
    assert np.isfinite(scores).sum() == 3
    assert np.isnan(scores[3:]).all()


def test_threads_count_together() -> None:
    with joblib.parallel_config("threading"):
        assert np.isfinite(cross_val_score(private(5), X, Y, cv=5, n_jobs=2)).all()


@pytest.mark.parametrize("fits", [1, 4, 25])
def test_noise_composes_over_all_fits(fits: int) -> None:
    """The claim, recomputed from the noise of one fit: N of them spend no more than epsilon."""
    from privet.dp.accounting import Gaussian, epsilon_for

    model = private(fits).fit(X, Y)
    settings = model.protect.plan(model.result_.model, _facts(model)).settings
    steps = settings["steps"]
    *mean, gradient = settings["noise_multipliers"]
    events = [Gaussian(s, fits) for s in mean] + [Gaussian(gradient, fits * steps)]
    delta = model.guarantee_.delta_split.get("mechanism", model.guarantee_.delta)
    spent = epsilon_for(events, delta, "zero-out")
    assert 3.0 * 0.97 < spent <= 3.0 + 1e-6


def _facts(model: Any) -> Any:
    from privet.protect.rows import rows_of

    return rows_of(pv.read((X, Y), schema=SCHEMA), model.result_.model).facts


@pytest.mark.parametrize("fits", [1, 4])
def test_noise_composes_over_all_fits_of_networks(fits: int) -> None:
    from privet.dp.accounting import Gaussian, PoissonGaussian, epsilon_for
    from privet.models import model_for

    model = private(fits).fit(X, Y)
    network = model_for("mlp", classes=3, hidden=(4,))
    plan = model.protect.plan(network, _facts(model))
    assert plan.settings["method"] == "stochastic"
    mean, noise = plan.settings["noise_multipliers"]
    steps, rate = plan.settings["steps"], plan.settings["rate"]
    events = [Gaussian(mean), PoissonGaussian(noise, steps, rate=rate)]
    delta = plan.guarantee.delta_split["mechanism"]  # type: ignore[attr-defined]  # a DPGuarantee
    own = epsilon_for(events, delta / fits, "zero-out")
    assert 3.0 / fits * 0.97 < own <= 3.0 / fits + 1e-6
    together = [Gaussian(mean, fits), PoissonGaussian(noise, fits * steps, rate=rate)]
    assert epsilon_for(together, delta, "zero-out") <= 3.0 + 1e-6


def test_one_budget_is_not_shared_by_linear_models_and_others() -> None:
    protect = pv.Private(epsilon=3.0, delta=1e-3, fits=3)
    pv.LogisticRegression(protect=protect, schema=SCHEMA).fit(X, Y)
    with pytest.raises(Refused, match="among linear models"):
        pv.MLPClassifier(protect=protect, schema=SCHEMA).fit(X, Y)
