"""No way round a budget, and nothing in a claim that tells who had a missing value."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import privet as pv
from privet.errors import InvalidBudget, OutOfBudget, Refused
from privet.models import model_for
from privet.protect.rows import rows_of

N = 120


def schema(rule: str = "drop-row", **unit: Any) -> dict[str, Any]:
    return {
        "target": "y",
        "columns": {
            "a": {"kind": "number", "bounds": [0, 1], "missing": rule},
            "y": {"kind": "category", "categories": ["p", "q"], "missing": "drop-row"},
        },
        **unit,
    }


def columns() -> dict[str, Any]:
    a = np.linspace(0, 1, N)
    y = np.where(a > 0.5, "p", "q").astype(object)
    return {"a": a, "y": y, "who": np.array([f"u{i // 2}" for i in range(N)], dtype=object)}


def test_a_missing_value_changes_nothing_but_the_parameters() -> None:
    whole, holed = columns(), columns()
    holed["a"][3] = np.nan
    holed["y"][70] = None
    unit = {"unit": {"column": "who", "max_rows": 2}}
    for extra in ({}, unit):
        for estimator in (pv.LogisticRegression, pv.MLPClassifier):
            protect = pv.Private(epsilon=2.0, insecure_seed=1)
            one, two = (
                estimator(protect=protect).fit(pv.read(cells, schema=schema(**extra)))
                for cells in (whole, holed)
            )
            assert one.guarantee_ == two.guarantee_
            assert one.n_iter_ == two.n_iter_
            assert one.cost_.bytes_sent == two.cost_.bytes_sent


def test_a_dropped_row_adds_nothing() -> None:
    holed, elsewhere = columns(), columns()
    for cells, value in ((holed, 0.1), (elsewhere, 0.9)):
        cells["a"][5] = value
        cells["y"][5] = None
    one, two = (
        pv.LogisticRegression(protect=pv.Private(epsilon=2.0, insecure_seed=1)).fit(
            pv.read(cells, schema=schema())
        )
        for cells in (holed, elsewhere)
    )
    np.testing.assert_array_equal(one.coef_, two.coef_)


def test_all_rows_of_a_unit_dropped_leave_its_place() -> None:
    cells = columns()
    cells["a"][:2] = np.nan
    data = pv.read(cells, schema=schema(unit={"column": "who", "max_rows": 2}))
    rows = rows_of(data, model_for("logistic", classes=2), private=True)
    assert rows.facts.units == N // 2 and rows.facts.rows == N
    assert rows.weight is not None and rows.weight.sum() == N - 2
    assert rows_of(data, model_for("logistic", classes=2)).facts.rows == N - 2


def test_compare_scores_no_dropped_row() -> None:
    cells = columns()
    cells["y"][:50] = None  # of 120 rows, 70 are left, and 60 of them are "q"
    found = pv.compare(
        pv.read(cells, schema=schema()), protections=[pv.Plain(), pv.Private(epsilon=8.0)], seeds=2
    )
    assert found.baselines["accuracy"].mean > 0.75


def test_several_fits_need_one_delta() -> None:
    with pytest.raises(InvalidBudget, match="needs one delta"):
        pv.Private(epsilon=1.0, fits=3)


def test_a_spent_budget_stays_spent_by_every_way(tmp_path: Path) -> None:
    data = pv.read(columns(), schema=schema())
    protect = pv.Private(epsilon=1.0, delta=1e-3, fits=1)
    fitted = pv.LogisticRegression(protect=protect).fit(data)
    model = model_for("logistic", classes=2)
    rows = rows_of(data, model, private=True)
    copies = (
        protect,
        copy.copy(protect),
        copy.deepcopy(protect),
        pickle.loads(pickle.dumps(protect)),
        dataclasses.replace(protect, steps=30),
        clone(fitted).protect,
    )
    for again in copies:
        with pytest.raises(OutOfBudget):
            again.fit(model, rows)
    with pytest.raises(OutOfBudget):
        pv.compare(data, protections=[protect], seeds=2)
    path = tmp_path / "m.safetensors"
    pv.save(fitted, path)
    with pytest.raises(Refused):
        pv.load(path).fit(data)


def test_a_changed_copy_of_a_clone_is_still_a_clone() -> None:
    data = pv.read(columns(), schema=schema())
    again = clone(pv.LogisticRegression(protect=pv.Private(epsilon=1.0))).protect
    model = model_for("logistic", classes=2)
    with pytest.raises(Refused, match="clones"):
        dataclasses.replace(again, steps=30).fit(model, rows_of(data, model, private=True))


def test_a_request_that_is_refused_by_its_plan_counts_as_no_fit() -> None:
    data = pv.read(columns(), schema=schema())
    protect = pv.Private(epsilon=1.0, delta=0.5, fits=1)
    model = model_for("logistic", classes=2)
    rows = rows_of(data, model, private=True)
    with pytest.raises(InvalidBudget):
        protect.fit(model, rows)
    dataclasses.replace(protect, delta=1e-3).fit(model, rows)


def test_bounds_found_privately_are_part_of_the_claim(tmp_path: Path) -> None:
    from privet.dp.draft import draft_private

    cells = {key: columns()[key] for key in ("a", "y")}
    drafted, spent = draft_private(
        cells, epsilon=2.0, target="y", kinds={"a": "number", "y": ["p", "q"]}
    )
    path = tmp_path / "schema.toml"
    drafted.save(path)
    data = pv.read(cells, schema=path)
    claim = pv.LogisticRegression(protect=pv.Private(epsilon=1.0)).fit(data).guarantee_
    assert claim.epsilon == pytest.approx(1.0 + spent.epsilon)
    assert spent.delta < claim.delta < 1 / N
    assert sum(claim.delta_split.values()) <= claim.delta * (1 + 1e-9)
    assert claim.delta_split["bounds"] == spent.delta
    assert claim.events[: len(spent.events)] == spent.events
    assert any("this claim includes" in line for line in claim.assumptions)
    assert not any("not taken from these rows" in line and "bounds, " in line
                   for line in claim.assumptions)  # fmt: skip
    with pytest.raises(Refused, match="another unit or relation"):
        pv.LogisticRegression(protect=pv.Private(1.0, relation="replace-one")).fit(data)


def test_weights_that_are_no_numbers_show_no_cell() -> None:
    weights: list[Any] = [1.0] * (N - 1) + ["secret of a person"]
    with pytest.raises(pv.errors.InvalidInput) as caught:
        pv.LogisticRegression().fit(pv.read(columns(), schema=schema()), sample_weight=weights)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_private_fit_of_any_epsilon_ends_in_words() -> None:
    from privet.dp.draft import draft_private

    cells = {key: columns()[key] for key in ("a", "y")}
    with pytest.raises(pv.errors.PrivetError):
        draft_private(cells, epsilon=800.0, kinds={"a": "number", "y": ["p", "q"]})
