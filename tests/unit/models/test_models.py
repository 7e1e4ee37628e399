"""Models: shapes, losses against scikit-learn, rebuilding by tag, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.models import MODELS, model_for, model_from_tag, scores_of
from privet.models.losses import loss_name, probabilities
from privet.protect.base import Model


def classes_of(name: str) -> int | None:
    return None if name == "linear" else 3


@pytest.mark.parametrize("name", MODELS)
def test_one_row_gives_one_vector_of_scores(name: str) -> None:
    model = model_for(name, classes=classes_of(name))
    outputs = 1 if name == "linear" else 3
    params = model.init(0, 4, outputs)
    assert np.shape(model.apply(params, np.ones(4))) == (outputs,)
    assert scores_of(model, params, np.ones((5, 4))).shape == (5, outputs)


@pytest.mark.parametrize("name", MODELS)
def test_tag_rebuilds_the_same_functions(name: str) -> None:
    import json

    model = model_for(name, classes=classes_of(name), l2=0.25)
    again = model_from_tag(json.loads(json.dumps(model.tag)))
    assert again.tag == model.tag
    assert again.l2 == model.l2 == 0.25
    assert again.encoding == model.encoding
    assert again.options == model.options
    assert again.apply is model.apply


def test_encodings_and_trainers_are_as_named() -> None:
    facts = {
        name: (m.encoding, m.linear, m.trainer)
        for name in MODELS
        for m in [model_for(name, classes=classes_of(name))]
    }
    assert facts == {
        "linear": ("scaled", True, "convex"),
        "logistic": ("scaled", True, "convex"),
        "additive": ("bins", True, "convex"),
        "mlp": ("scaled", False, "stochastic"),
    }


def test_losses_equal_scikit_learns() -> None:
    from sklearn.metrics import log_loss

    scores = np.array([[0.3, -1.2, 2.0], [1.0, 0.0, 0.5]])
    multinomial = model_for("logistic", classes=3)
    ours = [float(multinomial.loss(s, y)) for s, y in zip(scores, (1, 2), strict=True)]
    truth = log_loss([1, 2], probabilities(scores), labels=[0, 1, 2], normalize=False)
    assert sum(ours) == pytest.approx(truth, rel=1e-6)

    binary = model_for("logistic", classes=2)
    ours = [float(binary.loss(s[:1], y)) for s, y in zip(scores, (1, 0), strict=True)]
    truth = log_loss([1, 0], probabilities(scores[:, :1]), labels=[0, 1], normalize=False)
    assert sum(ours) == pytest.approx(truth, rel=1e-6)
    assert float(model_for("linear", classes=None).loss(np.array([3.0]), 1.0)) == 2.0


def test_two_classes_have_one_score() -> None:
    assert [loss_name(k) for k in (None, 2, 3)] == ["squared", "logistic", "softmax"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_perceptron_scores_alike_in_numpy_and_in_jax(activation: str) -> None:
    import jax

    model = model_for("mlp", classes=3, hidden=(7, 5), activation=activation)
    params = model.init(3, 4, 3)
    x = np.linspace(-2, 2, 24).reshape(6, 4)
    in_jax = jax.vmap(model.apply, in_axes=(None, 0))(params, x)
    assert np.allclose(in_jax, scores_of(model, params, x), atol=1e-5)


def test_initial_weights_follow_he_and_the_seed() -> None:
    model = model_for("mlp", classes=2, hidden=(400,))
    w = model.init(1, 300, 1)["w0"]
    assert w.std() == pytest.approx(np.sqrt(2 / 300), rel=0.01)  # 120 000 draws: 5 sd are 0.6%
    assert np.array_equal(w, model.init(1, 300, 1)["w0"])
    assert not np.array_equal(w, model.init(2, 300, 1)["w0"])


@pytest.mark.parametrize(
    ("name", "classes", "options"),
    [
        ("forest", 2, {}),
        ("linear", 2, {}),
        ("logistic", None, {}),
        ("logistic", 1, {}),
        ("logistic", 2, {"l2": -1.0}),
        ("logistic", 2, {"l2": float("nan")}),
        ("logistic", 2, {"hidden": (3,)}),
        ("mlp", 2, {"hidden": (0,)}),
        ("mlp", 2, {"activation": "step"}),
        ("mlp", 2, {"epochs": 0}),
        ("mlp", 2, {"step_size": 0.0}),
        ("mlp", 2, {"seed": -1}),
        (42, 2, {}),
    ],
)
def test_what_cannot_be_meant_is_refused(name: object, classes: int, options: dict) -> None:
    with pytest.raises(InvalidInput):
        model_for(name, classes=classes, **options)


@pytest.mark.parametrize(
    "tag",
    [
        {},
        {"name": "forest", "classes": 2, "options": {}},
        {"name": "logistic", "classes": True, "options": {}},
        {"name": "logistic", "classes": "2", "options": {}},
        {"name": "logistic", "classes": 2, "options": 3},
        {"name": "module", "module": "Net", "classes": 2, "options": {}},
    ],
)
def test_malformed_tags_are_refused(tag: dict) -> None:
    with pytest.raises(InvalidInput):
        model_from_tag(tag)


def test_a_module_for_a_built_in_model_is_refused() -> None:
    tag = model_for("logistic", classes=2).tag
    with pytest.raises(InvalidInput, match="no module belongs"):
        model_from_tag(tag, module=(len, len))


def test_a_model_is_passed_through() -> None:
    model = model_for("logistic", classes=2)
    assert model_for(model, classes=2) is model
    assert isinstance(model, Model)
