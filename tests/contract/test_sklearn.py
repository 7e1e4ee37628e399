"""scikit-learn's own checks: none fails in the clear; under `Private` exactly the listed ones."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import privet as pv
from privet.estimators import private_checks
from tests.contract import declared

LINEAR = [pv.LogisticRegression(), pv.LinearRegression(), pv.Ridge(), pv.Classifier(),
          pv.Regressor(), pv.LogisticRegression(class_weight="balanced")]
NETWORKS = [pv.MLPClassifier(), pv.MLPRegressor(), pv.Classifier("mlp"), pv.Regressor("mlp")]


@parametrize_with_checks(LINEAR)
def test_linear_in_the_clear(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(NETWORKS)
def test_networks_in_the_clear(estimator: Any, check: Any) -> None:
    check(estimator)


def outcome(estimator: Any) -> tuple[set[str], set[str]]:
    """Names of the checks that ran, and of those that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None, on_skip=None)
    ran = {each["check_name"] for each in found if each["status"] != "skipped"}
    return ran, {each["check_name"] for each in found if each["status"] == "failed"}


@pytest.mark.parametrize(
    "kind",
    [declared.LogisticRegression, declared.LinearRegression, declared.Ridge],
)
def test_declared_bounds_in_the_clear(kind: Any) -> None:
    _, failed = outcome(kind())
    listed = set(private_checks.expected_failed_checks_with_schema(kind()))
    # In the clear a weight is a repetition, and a target that does not vary is refused.
    passed = {"check_sample_weight_equivalence_on_dense_data", *private_checks.WITH_SCHEMA_NUMBER}
    assert failed == listed - passed


def private() -> Any:
    """Many fits under one budget, as so many clones need; reproducible, so that repeats agree."""
    return pv.Private(epsilon=3.0, delta=1e-3, fits=10_000, insecure_seed=0)


@pytest.mark.parametrize(
    "kind",
    [pv.LogisticRegression, pv.LinearRegression, pv.Ridge, pv.MLPClassifier, pv.MLPRegressor],
)
def test_private_without_a_schema_fails_exactly_what_is_listed(kind: Any) -> None:
    ran, failed = outcome(kind(protect=private()))
    assert failed == ran & set(private_checks.expected_failed_checks(kind()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [declared.LogisticRegression, declared.LinearRegression, declared.Ridge]
)
def test_private_with_a_schema_fails_what_is_listed_and_what_noise_decides(kind: Any) -> None:
    _, failed = outcome(kind(protect=private()))
    always = set(private_checks.expected_failed_checks_with_schema(kind()))
    assert always <= failed
    assert failed <= always | set(private_checks.NOISE)


def test_every_listed_check_exists_and_has_a_reason() -> None:
    from sklearn.utils import estimator_checks

    for table in (private_checks.WITHOUT_SCHEMA, private_checks.WITH_SCHEMA,
                  private_checks.WITH_SCHEMA_CLASSES, private_checks.WITH_SCHEMA_NUMBER,
                  private_checks.NOISE):
        for name, reason in table.items():
            assert hasattr(estimator_checks, name)
            assert len(reason.split()) > 5
