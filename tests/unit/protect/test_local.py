"""`LocallyPrivate`: what it refuses, what it promises, and what is learnt from reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

import privet as pv
from privet import local
from privet.claims import LocalDPGuarantee, NoGuarantee
from privet.data.source import Frame
from privet.dp.local.moments import collect, per_record, products_for, solve
from privet.dp.local.records import moments_of
from privet.entropy import reproducible_stream
from privet.errors import (
    DataError,
    InvalidBudget,
    InvalidInput,
    MissingBounds,
    Refused,
    SchemaError,
)
from privet.models import model_for
from privet.protect.base import Facts

N = 40_000
SCHEMA: dict[str, Any] = {
    "target": "y",
    "columns": {
        "x": {"kind": "number", "bounds": [-1, 1], "missing": "level"},
        "w": {"kind": "number", "bounds": [0, 10], "bins": [0, 2, 4, 6, 8, 10]},
        "z": {"kind": "category", "categories": ["a", "b", "c"], "missing": "level"},
        "b": {"kind": "boolean", "missing": "level"},
        "y": {"kind": "boolean"},
    },
}


def columns(n: int = N) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    x, w = rng.uniform(-1, 1, n), rng.uniform(0, 10, n)
    z = np.array(["a", "b", "c"], object)[rng.integers(0, 3, n)]
    b = np.array([True, False], object)[rng.integers(0, 2, n)]
    score = 2 * x + (z == "b") - (z == "c") + (w - 5) / 5
    y = score + rng.logistic(size=n) / 2 > 0
    x[::9], z[1::9], b[2::9] = np.nan, None, None
    return {"x": x, "w": w, "z": z, "b": b, "y": y}


def dataset(schema: Any = SCHEMA, n: int = N) -> pv.Dataset:
    return pv.read(Frame(columns(n)), schema=schema)


def test_the_guarantee_is_typed_and_answers() -> None:
    table = pv.LocallyPrivate(2.0).perturb(dataset(n=100))
    guarantee = table.guarantee
    assert isinstance(guarantee, LocalDPGuarantee)
    assert guarantee.epsilon == 2.0 and not guarantee.recorded
    assert set(guarantee.columns) == {"x", "x missing", "w", "z", "b", "y"}
    assert sum(guarantee.columns.values()) <= 2.0
    assert "piecewise" in guarantee.randomiser
    assert any("side by side" in line for line in guarantee.assumptions)
    assert guarantee.sights == pv.LocallyPrivate(2.0).sights()


def test_beyond_sixteen_nothing_is_spent() -> None:
    assert pv.LocallyPrivate(99.0).perturb(dataset(n=50)).guarantee.epsilon == 16.0


def test_several_rows_of_a_person_are_said() -> None:
    data = {"who": ["a", "a", "b", None, "a", "a"], "x": [0, 1, 2, 3, 4, 5]}
    schema = {"unit": {"column": "who", "max_rows": 2},
              "columns": {"x": {"kind": "category", "categories": list(range(6))}}}
    seen = set()
    for _ in range(40):
        table = pv.LocallyPrivate(16.0).perturb(pv.read(Frame(data), schema=schema))
        assert table.rows == 3  # two of a's four, b's one, and nobody's none
        seen.add(tuple(sorted(table.reports["x"].tolist())))
    assert len(seen) >= 4 and all(2 in row and 3 not in row for row in seen)
    assert any("at most 2 of them are used" in line for line in table.guarantee.assumptions)
    assert table.dropped == ("who",)
    assert (table.guarantee.unit, table.guarantee.per_unit) == ("who", 32.0)
    assert "32 per who" in str(table.guarantee)


def test_rows_that_come_while_they_are_read_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(n=50)
    monkeypatch.setattr(pv.Dataset, "count", lambda self: 49)
    with pytest.raises(DataError, match="changed while"):
        pv.LocallyPrivate(1.0).perturb(data)


def test_a_repeated_identifier_is_doubted() -> None:
    data = {"who": [1, 1, 2], "x": [0.0, 0.5, 1.0]}
    schema = {"columns": {"who": {"kind": "identifier"}, "x": {"kind": "number", "bounds": [0, 1]}}}
    with pytest.raises(Refused, match="several rows"):
        pv.LocallyPrivate(1.0).perturb(pv.read(Frame(data), schema=schema))


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf"), "1"])
def test_impossible_budgets(epsilon: Any) -> None:
    with pytest.raises(InvalidBudget):
        pv.LocallyPrivate(epsilon)
    with pytest.raises(InvalidInput):
        pv.LocallyPrivate(1.0, columns="few")


def test_bounds_found_by_somebody_who_saw_all_are_refused() -> None:
    from privet.data.types import BoundsClaim

    claim = BoundsClaim(0.1, 1e-6, "row", "zero-out")
    schema = replace(pv.Schema.parse(SCHEMA), bounds_claim=claim)
    with pytest.raises(MissingBounds, match="saw all records"):
        pv.LocallyPrivate(1.0).perturb(dataset(schema, n=50))
    with pytest.raises(Refused, match="saw all records"):
        pv.LogisticRegression(protect=pv.LocallyPrivate(1.0)).fit(dataset(schema, n=50))


# --- training with protect=LocallyPrivate ---


def test_an_estimator_learns_and_says_what_is_guaranteed(tmp_path: Path) -> None:
    data = dataset()
    model = pv.LogisticRegression(protect=pv.LocallyPrivate(4.0)).fit(data)
    assert isinstance(model.guarantee_, LocalDPGuarantee) and model.guarantee_.epsilon == 4.0
    assert model.cost_.bytes_sent["devices"] > 0
    assert model.score(data) > pv.LogisticRegression().fit(data).score(data) - 0.06
    pv.save(model, tmp_path / "m.safetensors")
    again = pv.load(tmp_path / "m.safetensors")
    assert again.guarantee_ == model.guarantee_
    assert (again.predict(data) == model.predict(data)).all()


def test_only_linear_models_are_trained() -> None:
    with pytest.raises(InvalidInput, match="linear models only"):
        pv.MLPClassifier(protect=pv.LocallyPrivate(1.0)).fit(dataset(n=100))
    with pytest.raises(MissingBounds):
        pv.LogisticRegression(protect=pv.LocallyPrivate(1.0)).fit(np.zeros((4, 2)), [0, 1, 0, 1])


def test_weights_lie_in_the_unit_interval() -> None:
    data = dataset(n=400)
    for weights, good in (({False: 1.0, True: 0.5}, True), ({False: 2.0, True: 1.0}, False)):
        model = pv.LogisticRegression(protect=pv.LocallyPrivate(4.0), class_weight=weights)
        if good:
            assert np.isfinite(model.fit(data).coef_).all()
        else:
            with pytest.raises(InvalidInput, match="above 1"):
                model.fit(data)


def test_searches_are_refused() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    schema = pv.Schema.for_arrays(low=[-1, -1], high=[1, 1], classes=[0, 1])
    model = pv.LogisticRegression(protect=pv.LocallyPrivate(1.0), schema=schema)
    with pytest.raises(Refused, match="clones"):
        cross_val_score(model, x, (x[:, 0] > 0).astype(int), cv=2, error_score="raise")


def test_too_many_products_are_said() -> None:
    facts = Facts(rows=50, features=9, outputs=1, classes=2, low=-np.ones(9), high=np.ones(9),
                  norm=3.0, units=50)
    plan = pv.LocallyPrivate(1.0).plan(model_for("logistic", classes=2), facts)
    assert plan.settings["products"] == 10 * 11 // 2 + 10 * 2


def test_products_lie_within_their_bounds_and_average_without_bias() -> None:
    """Entries within 5.5 of their standard errors; fixed seed."""
    rng, n = np.random.default_rng(4), 60_000
    x = np.column_stack([rng.uniform(-1, 1, n), rng.random(n) < 0.4])
    y = np.eye(3)[rng.integers(0, 3, n)]
    weight = (rng.random(n) < 0.9).astype(float)
    products = products_for(np.array([-1.0, 0.0]), np.ones(2), 3, 0.0)
    z = np.column_stack([x, np.ones(n), y])
    values = z[:, products.first] * z[:, products.second]
    assert (values >= products.low).all() and (values <= products.high).all()
    s = per_record(products.count, 4.0)
    found = collect(x, y, weight, products, epsilon=4.0, s=s, stream=reproducible_stream(1))
    kept = z * np.sqrt(weight)[:, None]
    truth = kept.T @ kept / n
    width = (products.high - products.low).max()
    assert np.abs(found.second - truth[:3, :3]).max() < 5.5 * found.error * width
    assert np.abs(found.cross - truth[:3, 3:]).max() < 5.5 * found.error * width
    assert found.error < 0.05


def test_spoilt_rows_spoil_nothing() -> None:
    x, y = np.full((50, 1), np.nan), np.eye(2)[[0] * 50]
    products = products_for(np.array([-1.0]), np.ones(1), 2, 0.0)
    found = collect(x, y, None, products, epsilon=1.0, s=1, stream=reproducible_stream(1))
    assert np.isfinite(found.second).all() and np.isfinite(found.cross).all()


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
def test_exact_moments_give_the_quadratic_solution(loss: str) -> None:
    from privet.dp.local.moments import Moments

    rng, n = np.random.default_rng(6), 5000
    x = np.column_stack([rng.uniform(-1, 1, (n, 2)), np.ones(n)])
    labels = (x[:, 0] + 0.3 * rng.normal(size=n) > 0).astype(int)
    y = x[:, :1] * 0.5 + 0.1 if loss == "squared" else np.eye(2)[labels]
    found = solve(Moments(x.T @ x / n, x.T @ y / n, 0.0), loss, rows=n, l2=0.0)
    theta = np.vstack([found["w"], found["b"]])
    if loss == "squared":
        assert theta[:, 0] == pytest.approx([0.5, 0.0, 0.1], abs=1e-9)
    else:
        least = np.linalg.lstsq(x, 2.0 * labels - 1.0, rcond=None)[0]
        aimed = theta[:, 0] if loss == "logistic" else theta[:, 1] - theta[:, 0]
        assert aimed == pytest.approx(2 * least, abs=1e-9)


# --- training on perturbed records ---


def test_moments_from_records_are_those_of_the_rows() -> None:
    from privet.data import Encoder

    data = dataset()
    table = pv.LocallyPrivate(16.0).perturb(data)
    found = moments_of(table, "y")
    encoder = Encoder(data.schema)
    batch = data.arrays()
    x = np.column_stack([encoder.encode(batch), np.ones(N)])
    middles = np.array([1.0, 3.0, 5.0, 7.0, 9.0])[np.minimum(batch["w"] // 2, 4).astype(int)]
    x[:, 2] = 2 * middles / 10 - 1
    y = np.eye(2)[encoder.encode_target(batch)]
    assert np.abs(found.second - x.T @ x / N).max() < 7 * found.error < 0.2
    assert np.abs(found.cross - x.T @ y / N).max() < 7 * found.error


def test_records_train_a_model_whose_guarantee_is_theirs(tmp_path: Path) -> None:
    data = dataset()
    table = pv.LocallyPrivate(12.0).perturb(data)
    local.write(table, tmp_path / "n.csv")
    model = pv.LogisticRegression().fit(local.read(tmp_path / "n.csv"))
    assert model.guarantee_ == table.guarantee
    assert not isinstance(model.guarantee_, NoGuarantee)
    assert model.score(data) > pv.LogisticRegression().fit(data).score(data) - 0.06
    pv.save(model, tmp_path / "m.safetensors")
    assert (pv.load(tmp_path / "m.safetensors").predict(data) == model.predict(data)).all()


def test_records_train_a_regression() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(0, 10, 30_000)
    schema = {"target": "y", "columns": {"x": {"kind": "number", "bounds": [0, 10]},
                                         "y": {"kind": "number", "bounds": [-5, 25]}}}
    data = pv.read(Frame({"x": x, "y": 2 * x + rng.normal(size=len(x))}), schema=schema)
    model = pv.Ridge().fit(pv.LocallyPrivate(8.0).perturb(data))
    # Encoded numbers lie in [-1, 1]: 2 a unit is 10 from the middle to an end.
    assert abs(model.coef_[0] - 10) < 2 and model.score(data) > 0.9


@pytest.mark.parametrize(("change", "words"), [
    ({"columns": "some"}, "side by side"),
    ({"target": None}, "no target"),
])  # fmt: skip
def test_records_that_cannot_train(change: dict[str, Any], words: str) -> None:
    schema = pv.Schema.parse(SCHEMA)
    if "target" in change:
        schema = replace(schema, target_name=None)
    table = pv.LocallyPrivate(1.0, columns=change.get("columns", "all")).perturb(
        dataset(schema, n=200)
    )
    with pytest.raises(SchemaError, match=words):
        pv.LogisticRegression().fit(table)


def test_records_bring_what_they_need() -> None:
    table = pv.LocallyPrivate(1.0).perturb(dataset(n=200))
    for wrong, model in (("protect", pv.LogisticRegression(protect=pv.Plain())),
                         ("schema", pv.LogisticRegression(schema=SCHEMA))):
        with pytest.raises(InvalidInput, match=wrong):
            model.fit(table)
    with pytest.raises(InvalidInput, match="own target"):
        pv.LogisticRegression().fit(table, [1] * 200)
    with pytest.raises(InvalidInput, match="no weights"):
        pv.LogisticRegression().fit(table, sample_weight=[1.0] * 200)
    with pytest.raises(InvalidInput, match="count alike"):
        pv.LogisticRegression(class_weight={True: 2.0, False: 1.0}).fit(table)
    with pytest.raises(SchemaError, match="cannot predict"):
        pv.Ridge().fit(table)
    with pytest.raises(InvalidInput, match="linear models only"):
        pv.MLPClassifier().fit(table)
    with pytest.raises(InvalidInput, match="scaled"):
        pv.Classifier(model="additive").fit(table)
