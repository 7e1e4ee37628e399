"""Scores against scikit-learn's, and the interval against its formula and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from privet.data.types import Target
from privet.errors import DataError
from privet.protect.choose import score


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_auc_is_macro_one_against_rest(classes: int) -> None:
    generator = np.random.default_rng(classes)
    y = generator.integers(0, classes, 300)
    logits = generator.normal(size=(300, classes)) + 1.5 * np.eye(classes)[y]
    odds = np.exp(logits)
    chances = odds / odds.sum(axis=1, keepdims=True)
    wanted = roc_auc_score(
        y, chances[:, 1] if classes == 2 else chances, multi_class="ovr", average="macro"
    )
    given = logits[:, [1]] - logits[:, [0]] if classes == 2 else logits
    assert score.classification(y, given, classes)["auc"] == pytest.approx(wanted, abs=1e-12)


def test_ties_count_half() -> None:
    positive = np.array([True, True, False, False])
    assert score.area_under_curve(positive, np.zeros(4)) == 0.5
    assert score.area_under_curve(positive, np.array([1.0, 0.0, 0.0, -1.0])) == 0.875
    assert score.area_under_curve(np.ones(3, bool), np.arange(3)) is None


def test_huge_margins_do_not_overflow() -> None:
    scores = np.array([[1e4, 0, -1e4], [0, 1e4, 0], [-1e4, 0, 1e4]])
    assert score.classification(np.arange(3), scores, 3)["auc"] == 1.0


def test_interval_is_nadeau_and_bengios() -> None:
    """By hand: s^2 = 2.5e-4, J = 5, n_test/n_train = 1/3, t(4, .975) = 2.7764."""
    values = [0.90, 0.91, 0.92, 0.93, 0.94]
    wanted = 2.7764451 * math.sqrt((1 / 5 + 1 / 3) * 2.5e-4)
    found = score.half_width(values, train_rows=300, test_rows=100)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_one_value_has_no_interval() -> None:
    assert score.half_width([0.9], train_rows=3, test_rows=1) is None
    assert str(score.Score("accuracy", (0.9,))) == "0.900"


def test_interval_stays_within_the_metrics_range() -> None:
    found = score.Score("accuracy", (0.99, 1.0), 0.05)
    assert found.high == 1.0 and found.low == pytest.approx(0.945)
    assert score.Score("r2", (0.0, 0.1), 0.4).low == pytest.approx(-0.35)


def test_interval_covers_where_the_naive_one_does_not() -> None:
    """Two-sided: over 300 data sets the corrected interval must cover the true accuracy in 90
    to 100% of cases, and the naive one, which ignores shared training rows, in less than 85%.
    Fixed seed; at 95% coverage a rate below 90% has probability below 1e-3."""
    generator = np.random.default_rng(3)
    covered = naive = 0
    for _ in range(300):
        x = generator.normal(size=60)
        y = x + generator.normal(0, 1, 60) > 0
        values = []
        for _ in range(10):
            order = generator.permutation(60)
            train, test = order[:45], order[45:]
            cut = (x[train][y[train]].mean() + x[train][~y[train]].mean()) / 2
            values.append(float(((x[test] > cut) == y[test]).mean()))
        truth = 0.75  # P(x and x + z have the same sign) for standard normals, at the best cut
        half = score.half_width(values, train_rows=45, test_rows=15)
        assert half is not None
        covered += abs(np.mean(values) - truth) <= half
        naive += abs(np.mean(values) - truth) <= half * math.sqrt(0.1 / (0.1 + 1 / 3))
    assert covered >= 270
    assert naive < 255


def test_constant_held_out_target_is_refused() -> None:
    with pytest.raises(DataError, match="'dose'"):
        score.regression(np.ones(4), np.zeros(4), Target("dose"))


def test_predictions_of_any_model_are_vectorised() -> None:
    import jax.numpy as jnp

    from privet.claims import Cost, NoGuarantee
    from privet.protect.base import Model, Result

    model = Model("net", lambda *_: None, lambda p, x: jnp.tanh(x @ p), lambda s, y: s)
    w = np.array([[0.5], [-0.25]])
    x = np.random.default_rng(0).normal(size=(10_000, 2))
    found = score.predictions(Result(model, w, NoGuarantee(), Cost()), x)
    np.testing.assert_allclose(found, np.tanh(x @ w), atol=1e-5)
