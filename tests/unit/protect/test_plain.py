"""Plain: scikit-learn's optima, Adam, weights, progress, cancellation."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from privet.claims import NoGuarantee
from privet.errors import Cancelled, DataError
from privet.models import model_for, scores_of
from privet.protect import convex
from privet.protect.base import Model
from privet.protect.plain import Plain
from privet.protect.rows import rows_of_arrays


def blobs(n: int, d: int, classes: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    centres = rng.normal(size=(classes, d))
    return 2 * centres[y] + rng.normal(size=(n, d)), y


class Watcher:
    def __init__(self, stop_at: int = 10**9) -> None:
        self.heard: list[tuple[int, int, str]] = []
        self.stop_at = stop_at

    def progress(self, done: int, total: int, what: str) -> None:
        self.heard.append((done, total, what))

    def cancelled(self) -> bool:
        return len(self.heard) >= self.stop_at


def fitted(model: Model, x: Any, y: Any, classes: int | None, weight: Any = None) -> Any:
    return Plain().fit(model, rows_of_arrays(x, y, classes=classes, weight=weight))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("newton", [True, False])
def test_logistic_is_at_the_optimum(classes: int, newton: bool, monkeypatch: Any) -> None:
    if not newton:
        monkeypatch.setattr(convex, "_NEWTON_SIZE", 0)
    x, y = blobs(200, 4, classes)
    weight = np.random.default_rng(1).uniform(0, 2, 200)
    result = fitted(model_for("logistic", classes=classes, l2=0.5), x, y, classes, weight)
    w, b = result.params["w"], result.params["b"]
    # The gradient of the stated objective, written out anew, vanishes.
    from privet.models.losses import probabilities

    chances = probabilities(x @ w + b)
    residual = weight[:, None] * (chances - np.eye(classes)[y])
    if classes == 2:
        residual = residual[:, 1:]
    assert np.abs(x.T @ residual + 0.5 * w).max() < 1e-4
    assert np.abs(residual.sum(axis=0)).max() < 1e-4
    assert not result.notes


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_squared_is_at_the_optimum(l2: float) -> None:
    x, _ = blobs(100, 5, 2)
    y = x @ np.arange(5.0) + 3 + np.random.default_rng(3).normal(size=100)
    weight = np.random.default_rng(1).uniform(0, 2, 100)
    params = fitted(model_for("linear", classes=None, l2=l2), x, y, None, weight).params
    residual = weight * (x @ params["w"][:, 0] + params["b"][0] - y)
    assert np.abs(x.T @ residual + l2 * params["w"][:, 0]).max() < 1e-9
    assert abs(residual.sum()) < 1e-9


def test_columns_of_wild_scale_and_constant_ones_do_not_hurt() -> None:
    x, y = blobs(200, 4, 2)
    y = np.where(np.arange(200) % 7 == 0, 1 - y, y)  # so that the classes overlap
    plain = fitted(model_for("logistic", classes=2, l2=0.0), x, y, 2)
    wild = np.column_stack([x * [1e6, 1e-6, 1.0, 1.0] + [0, 0, 1e3, 0], np.full(200, 7.0)])
    other = fitted(model_for("logistic", classes=2, l2=0.0), wild, y, 2)
    assert np.allclose(x @ plain.params["w"] + plain.params["b"],
                       wild @ other.params["w"] + other.params["b"], atol=1e-6)


def test_separable_classes_without_a_penalty_end_in_finite_numbers() -> None:
    x = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    result = fitted(model_for("logistic", classes=2, l2=0.0), x, np.array([0, 0, 1, 1]), 2)
    assert np.isfinite(result.params["w"]).all()
    assert (x @ result.params["w"] > 0).ravel().tolist() == [False, False, True, True]


def test_too_few_steps_are_told() -> None:
    x, y = blobs(200, 4, 3)
    result = fitted(model_for("logistic", classes=3, max_iter=1), x, y, 3)
    assert result.steps == 1
    assert "raise max_iter" in result.notes[0]


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_adam_learns(classes: int | None) -> None:
    x, y = blobs(120, 3, classes or 2)
    target = y if classes else np.sin(x[:, 0])
    model = model_for("mlp", classes=classes, hidden=(16,), batch=32, epochs=100, step_size=0.01,
                      seed=0)
    scores = scores_of(model, fitted(model, x, target, classes).params, x)
    if classes is None:
        assert np.mean((scores[:, 0] - target) ** 2) < 0.2 * target.var()
    elif classes == 2:
        assert np.mean((scores[:, 0] > 0) == y) > 0.85
    else:
        assert np.mean(scores.argmax(axis=1) == y) > 0.8


@pytest.mark.slow
def test_adam_equals_optax() -> None:
    import jax
    import jax.numpy as jnp

    optax = pytest.importorskip("optax")
    x, y = blobs(40, 3, 2)
    model = model_for("mlp", classes=2, hidden=(5,), activation="tanh", epochs=30, step_size=0.01,
                      seed=4, l2=0.3)
    ours = fitted(model, x, y, 2).params
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, model.init(4, 3, 1))
        rule = optax.adam(0.01)
        state = rule.init(params)

        def objective(params: Any) -> Any:
            losses = jax.vmap(lambda row, t: model.loss(model.apply(params, row), t))(
                jnp.asarray(x), jnp.asarray(y))
            return losses.mean() + 0.3 / 80 * sum((params[k] ** 2).sum() for k in ("w0", "w1"))

        for _ in range(30):
            updates, state = rule.update(jax.grad(objective)(params), state)
            params = optax.apply_updates(params, updates)
    for name, value in params.items():
        assert np.allclose(ours[name], value, atol=1e-6), name


def test_a_seed_makes_training_reproducible_and_none_does_not() -> None:
    x, y = blobs(50, 3, 2)

    def w(seed: int | None) -> Any:
        model = model_for("mlp", classes=2, hidden=(4,), epochs=3, batch=16, seed=seed)
        return fitted(model, x, y, 2).params["w0"]

    assert np.array_equal(w(1), w(1))
    assert not np.array_equal(w(1), w(2))
    assert not np.array_equal(w(None), w(None))


def test_every_row_is_seen_once_in_each_epoch() -> None:
    from privet.entropy import reproducible_stream
    from privet.protect.descent import _batches

    order, present = _batches(10, 4, 5, reproducible_stream(0), whole=False)
    assert order.shape == present.shape == (15, 4)
    for epoch in range(5):
        rows = order[3 * epoch : 3 * epoch + 3][present[3 * epoch : 3 * epoch + 3] == 1]
        assert sorted(rows.tolist()) == list(range(10))
    assert not np.array_equal(order[:3], order[3:6])


def test_a_convex_model_of_the_users_own_is_taken_to_its_optimum() -> None:
    x, y = blobs(100, 3, 2)
    known = model_for("logistic", classes=2, l2=1.0)
    own = replace(known, tag={}, linear=False)
    assert np.allclose(fitted(own, x, y, 2).params["w"], fitted(known, x, y, 2).params["w"],
                       atol=1e-4)


def test_divergence_is_an_error() -> None:
    x, y = blobs(50, 3, 2)
    model = model_for("mlp", classes=None, hidden=(4,), epochs=5, seed=0)
    with pytest.raises(DataError, match="left the real numbers"):
        fitted(model, x * 1e200, y, None)


@pytest.mark.parametrize(
    "model",
    [
        model_for("linear", classes=None),
        model_for("logistic", classes=3),
        model_for("mlp", classes=3, hidden=(4,), epochs=10),
        replace(model_for("logistic", classes=3), tag={}),
    ],
    ids=["squares", "newton", "adam", "own"],
)
def test_watchers_hear_and_stop(model: Model) -> None:
    x, y = blobs(60, 3, 3)
    classes = 3 if model.name != "linear" else None
    rows = rows_of_arrays(x, y, classes=classes)
    watcher = Watcher()
    Plain().fit(model, rows, watch=watcher)
    assert watcher.heard
    assert all(0 <= done <= total for done, total, _ in watcher.heard)
    with pytest.raises(Cancelled):
        Plain().fit(model, rows, watch=Watcher(stop_at=1))


def test_nothing_is_claimed_and_everything_is_said() -> None:
    plan = Plain().plan(model_for("linear", classes=None),
                        rows_of_arrays(np.ones((3, 1)), np.ones(3), classes=None).facts)
    assert isinstance(plan.guarantee, NoGuarantee)
    assert plan.cost.estimated
    assert plan.guarantee.sights and plan.guarantee.assumptions and plan.guarantee.checks
    assert not any(sight.protected for sight in plan.guarantee.sights)


def test_linear_models_train_without_jax() -> None:
    code = (
        "import sys, numpy as np\n"
        "import privet as pv\n"
        "pv.LogisticRegression().fit(np.arange(6.)[:, None], [0, 0, 1, 0, 1, 1]).predict([[1.]])\n"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
