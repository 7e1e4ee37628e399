"""Estimators: the ways in, what is refused, and what the fitted ones say."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.claims import DPGuarantee, NoGuarantee
from privet.errors import (
    DataError,
    InvalidInput,
    MissingBounds,
    PrivetError,
    Refused,
    SchemaError,
    UnknownColumn,
)

RNG = np.random.default_rng(1)
X = RNG.uniform(0, 10, (200, 2))
Y = (X[:, 0] > X[:, 1]).astype(int)
SCHEMA = pv.Schema.for_arrays(low=[0, 0], high=[10, 10], classes=[0, 1])
NUMBER = pv.Schema.for_arrays(low=[0, 0], high=[10, 10], target_range=(-10, 10))
PRIVATE = pv.Private(epsilon=5.0, delta=1e-3)


def frames() -> dict[str, tuple[Any, Any]]:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    return {
        "array": (X, Y),
        "lists": (X.tolist(), Y.tolist()),
        "pandas": (pd.DataFrame(X, columns=["x0", "x1"]), pd.Series(Y)),
        "polars": (pl.DataFrame({"x1": X[:, 1], "x0": X[:, 0]}), pl.Series(Y)),
    }


@pytest.mark.parametrize("kind", ["array", "lists", "pandas", "polars"])
@pytest.mark.parametrize("given", ["schema", "mapping", "file"])
def test_every_way_in_gives_the_same_model(kind: str, given: str, tmp_path: Any) -> None:
    SCHEMA.save(tmp_path / "s.toml")
    schema = {"schema": SCHEMA, "mapping": SCHEMA.to_dict(), "file": tmp_path / "s.toml"}[given]
    reference = pv.LogisticRegression().fit(pv.read((X, Y), schema=SCHEMA))
    x, y = frames()[kind]
    model = pv.LogisticRegression(schema=schema).fit(x, y)
    assert np.allclose(model.coef_, reference.coef_, atol=1e-9)
    assert np.array_equal(model.predict(x), reference.predict(X))
    assert np.allclose(model.predict_proba(X), reference.predict_proba(x))
    assert model.score(x, y) == reference.score(pv.read((X, Y), schema=SCHEMA))


def test_coefficients_are_those_of_encoded_columns() -> None:
    model = pv.LogisticRegression(schema=SCHEMA).fit(X, Y)
    encoded = X / 5 - 1
    assert model.feature_names_out_.tolist() == ["x0", "x1"]
    assert np.allclose(encoded @ model.coef_[0] + model.intercept_, model.decision_function(X))
    line = pv.LinearRegression(schema=NUMBER).fit(X, X[:, 0] - X[:, 1])
    assert np.allclose(encoded @ line.coef_ + line.intercept_, line.predict(X))
    assert np.allclose(line.predict(X), X[:, 0] - X[:, 1])
    assert line.score(X, X[:, 0] - X[:, 1]) == pytest.approx(1.0)


def test_scores_of_a_data_set_are_in_the_targets_own_unit() -> None:
    y = X[:, 0] - X[:, 1] + RNG.normal(size=200)
    y = np.clip(y, -10, 10)
    line = pv.Ridge(schema=NUMBER).fit(X, y)
    assert line.score(pv.read((X, y), schema=NUMBER)) == pytest.approx(line.score(X, y))


def test_bare_arrays_have_no_bounds_and_the_error_says_the_line() -> None:
    with pytest.raises(MissingBounds, match=r"Schema.for_arrays\(low=.*classes=\[0, 1\]"):
        pv.LogisticRegression(protect=PRIVATE).fit(X, Y)
    with pytest.raises(MissingBounds, match=r"Schema.for_arrays\(low=.*target_range="):
        pv.Ridge(protect=PRIVATE).fit(X, X[:, 0])
    with pytest.raises(MissingBounds):
        pv.LogisticRegression(protect=PRIVATE).fit(pv.read((X, Y), target="y"))
    with pytest.raises(MissingBounds, match="bins"):
        pv.Classifier("additive").fit(X, Y)


def test_private_classes_come_from_the_schema() -> None:
    declared = pv.Schema.for_arrays(low=[0, 0], high=[10, 10], classes=["a", "b", "c"])
    labels = np.where(Y == 1, "a", "b")
    model = pv.LogisticRegression(protect=PRIVATE, schema=declared).fit(X, labels)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X).shape == (200, 3)
    one = pv.LogisticRegression(protect=PRIVATE, schema=SCHEMA).fit(X, np.zeros(200, int))
    assert one.classes_.tolist() == [0, 1]


def test_guarantees_and_costs_are_there() -> None:
    plain = pv.LogisticRegression().fit(X, Y)
    assert isinstance(plain.guarantee_, NoGuarantee)
    private = pv.LogisticRegression(protect=PRIVATE, schema=SCHEMA).fit(X, Y)
    assert isinstance(private.guarantee_, DPGuarantee)
    assert (private.guarantee_.epsilon, private.guarantee_.unit) == (5.0, "row")
    assert private.cost_ == private.cost_.coarse()
    assert private.result_.params["w"].shape == (2, 1)
    plan = PRIVATE.plan(private.result_.model, _facts())
    assert private.n_iter_ == plan.settings["steps"]
    assert private.score(X, Y) > 0.8


def _facts() -> Any:
    from privet.models import model_for
    from privet.protect.rows import rows_of

    return rows_of(pv.read((X, Y), schema=SCHEMA), model_for("logistic", classes=2)).facts


def test_balanced_class_weights_are_refused_under_private() -> None:
    model = pv.LogisticRegression(class_weight="balanced", protect=PRIVATE, schema=SCHEMA)
    with pytest.raises(Refused, match="counts the classes"):
        model.fit(X, Y)
    model.set_params(class_weight={0: 1.0, 1: 2.0}).fit(X, Y)
    assert model.n_iter_ > 1


def test_class_weights_equal_sample_weights() -> None:
    weighted = pv.LogisticRegression(class_weight={0: 1.0, 1: 3.0}).fit(X, Y)
    same = pv.LogisticRegression().fit(X, Y, sample_weight=np.where(Y == 1, 3.0, 1.0))
    assert np.allclose(weighted.coef_, same.coef_)
    declared = pv.LogisticRegression(class_weight={1: 3.0}, schema=SCHEMA).fit(X, Y)
    plain = pv.LogisticRegression(schema=SCHEMA).fit(X, Y)
    assert declared.predict(X).sum() > plain.predict(X).sum()


@pytest.mark.parametrize("weight", ["even", {2: 1.0}, {0: -1.0}, {0: float("nan")}])
def test_unusable_class_weights_are_refused(weight: Any) -> None:
    with pytest.raises(InvalidInput):
        pv.LogisticRegression(class_weight=weight).fit(X, Y)


@pytest.mark.parametrize(
    "model",
    [
        pv.LogisticRegression(C=0),
        pv.LogisticRegression(C=-1.0),
        pv.LogisticRegression(C=float("nan")),
        pv.LogisticRegression(max_iter=0),
        pv.LogisticRegression(protect="private"),
        pv.LogisticRegression(protect=[pv.Plain(), pv.Plain()]),
        pv.LogisticRegression(schema=3),
        pv.LogisticRegression(schema="missing.toml"),
        pv.MLPClassifier(hidden_layer_sizes="many"),
        pv.MLPClassifier(random_state=-1),
        pv.MLPClassifier(batch_size=0),
        pv.Classifier("forest"),
        pv.Classifier("linear"),
        pv.Classifier(options=3),
        pv.Classifier(options={"alpha": 1}),
        pv.Classifier(3),
    ],
    ids=repr,
)
def test_unusable_parameters_are_refused_at_fit(model: Any) -> None:
    with pytest.raises(PrivetError):
        model.fit(X, Y)


def test_unusable_data_are_refused() -> None:
    data = pv.read((X, Y), schema=SCHEMA)
    number = pv.read((X, X[:, 0]), schema=NUMBER)
    with pytest.raises(DataError, match="one class"):
        pv.LogisticRegression().fit(X, np.zeros(200))
    with pytest.raises(DataError, match="one class"):
        pv.LogisticRegression(schema=SCHEMA).fit(X, np.zeros(200, int))
    with pytest.raises(DataError, match="one value"):
        pv.Ridge(schema=NUMBER).fit(X, np.ones(200))
    with pytest.raises(DataError, match="differ in length"):
        pv.LogisticRegression(schema=SCHEMA).fit(X, Y[:-1])
    with pytest.raises(DataError, match="3 features"):
        pv.LogisticRegression(schema=SCHEMA).fit(np.ones((200, 3)), Y)
    with pytest.raises(InvalidInput, match="own target"):
        pv.LogisticRegression().fit(data, Y)
    with pytest.raises(InvalidInput, match="own schema"):
        pv.LogisticRegression(schema=SCHEMA).fit(data)
    with pytest.raises(SchemaError, match="cannot predict a number"):
        pv.LogisticRegression().fit(number)
    with pytest.raises(SchemaError, match="cannot predict classes"):
        pv.Ridge().fit(data)
    with pytest.raises(InvalidInput, match="requires y"):
        pv.LogisticRegression(schema=SCHEMA).fit(X)
    with pytest.raises(InvalidInput, match="own target"):
        pv.LogisticRegression().fit(data).score(data, Y)


def test_unusable_rows_to_predict_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    model = pv.LogisticRegression(schema=SCHEMA).fit(X, Y)
    with pytest.raises(UnknownColumn):
        model.predict(pd.DataFrame({"x0": [1.0]}))
    with pytest.raises(DataError, match="expecting 2 features"):
        model.predict(np.ones((3, 5)))
    bare = pv.LogisticRegression().fit(X, Y)
    for use in (bare.predict, bare.score):
        with pytest.raises(InvalidInput, match="bare arrays"):
            use(pv.read((X, Y), schema=SCHEMA))


def test_a_repeated_identifier_under_a_row_unit_is_refused_under_private() -> None:
    content = SCHEMA.to_dict()
    content["columns"]["who"] = {"kind": "identifier"}
    columns = {"x0": X[:, 0], "x1": X[:, 1], "y": Y, "who": [str(i // 2) for i in range(200)]}
    data = pv.read(columns, schema=content)
    with pytest.raises(Refused, match="'who' stands in several rows"):
        pv.LogisticRegression(protect=PRIVATE).fit(data)
    pv.LogisticRegression().fit(data)
    content["unit"] = {"column": "who", "max_rows": 2}
    model = pv.LogisticRegression(protect=PRIVATE).fit(pv.read(columns, schema=content))
    assert model.guarantee_.unit == "who"


def test_too_few_steps_warn_in_the_clear() -> None:
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        pv.LogisticRegression(max_iter=1).fit(X, Y)


def test_random_state_makes_networks_reproducible() -> None:
    def scores(state: Any) -> Any:
        return pv.MLPClassifier(4, max_iter=3, random_state=state).fit(X, Y).decision_function(X)

    assert np.array_equal(scores(1), scores(1))
    assert np.array_equal(scores(np.random.RandomState(3)), scores(np.random.RandomState(3)))
    assert not np.array_equal(scores(1), scores(2))


def test_users_models_train_and_pickle() -> None:
    eqx = pytest.importorskip("equinox")
    import jax

    module = eqx.nn.Linear(2, 1, key=jax.random.key(0))
    options = {"epochs": 60, "step_size": 0.01}
    model = pv.Classifier(module, options=options, random_state=0, schema=SCHEMA).fit(X, Y)
    assert model.score(X, Y) > 0.9
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_nothing_unsound_is_offered() -> None:
    for name in ("warm_start", "early_stopping", "n_iter_no_change"):
        for kind in (pv.MLPClassifier, pv.MLPRegressor, pv.LogisticRegression):
            assert name not in kind().get_params()
    model = pv.LogisticRegression(protect=PRIVATE, schema=SCHEMA).fit(X, Y)
    assert not {n for n in vars(model) if "loss" in n}


def test_compare_resolves_the_model_and_defaults() -> None:
    comparison = pv.compare(pv.read((X, Y), schema=SCHEMA),
                            protections=[pv.Plain(), pv.Private(5.0)], seeds=2)
    assert len(comparison.entries) == 2
    assert comparison.recommendation
    with pytest.raises(InvalidInput):
        pv.compare(pv.read((X, Y), schema=SCHEMA), model="linear")
