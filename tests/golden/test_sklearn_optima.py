"""Golden: linear models in the clear have scikit-learn's coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

import privet as pv

SETS = {"breast cancer": load_breast_cancer, "iris": load_iris, "wine": load_wine}


@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic(name: str, C: float, weighted: bool) -> None:
    x, y = SETS[name](return_X_y=True)
    weight = np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None
    theirs = linear_model.LogisticRegression(
        C=C, solver="newton-cholesky", tol=1e-12, max_iter=10_000
    ).fit(x, y, weight)
    ours = pv.LogisticRegression(C=C).fit(x, y, weight)
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-4
    centred = theirs.intercept_ - (theirs.intercept_.mean() if len(theirs.intercept_) > 1 else 0)
    assert np.abs(ours.intercept_ - centred).max() < 1e-3
    assert np.allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-6)
    assert ours.classes_.tolist() == theirs.classes_.tolist()


def test_balanced_classes() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    theirs = linear_model.LogisticRegression(
        class_weight="balanced", solver="newton-cholesky", tol=1e-12, max_iter=10_000
    ).fit(x, y)
    ours = pv.LogisticRegression(class_weight="balanced").fit(x, y)
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-4


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pv.LinearRegression(), linear_model.LinearRegression()),
        (pv.Ridge(1.0), linear_model.Ridge(1.0)),
        (pv.Ridge(1e-3), linear_model.Ridge(1e-3)),
    ],
    ids=["least squares", "ridge", "weak ridge"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_regression(ours: Any, theirs: Any, weighted: bool) -> None:
    x, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None
    ours.fit(x, y, weight)
    theirs.fit(x, y, weight)
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-4
    assert abs(ours.intercept_ - theirs.intercept_) < 1e-4


def test_dependent_columns_take_the_least_norm() -> None:
    x, y = load_diabetes(return_X_y=True)
    doubled = np.hstack([x, x])
    theirs = linear_model.LinearRegression().fit(doubled, y)
    ours = pv.LinearRegression().fit(doubled, y)
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-4
