"""Rows and their public facts."""

from __future__ import annotations

import numpy as np
import pytest

from privet.data import Dataset, Frame, Schema
from privet.errors import DataError, SchemaError
from privet.models import model_for
from privet.protect.rows import outputs_for, rows_of, rows_of_arrays

CONTENT = {
    "target": "sick",
    "columns": {
        "age": {"kind": "number", "bounds": [0, 100]},
        "city": {"kind": "category", "categories": ["Oslo", "Rome"], "missing": "level"},
        "sick": {"kind": "category", "categories": ["no", "yes"]},
    },
}
COLUMNS = {
    "age": [10.0, 50.0, 120.0, 0.0],
    "city": ["Oslo", None, "Rome", "Rome"],
    "sick": ["no", "yes", "yes", "no"],
    "who": ["b", "a", "b", "c"],
}


def data(**changes: object) -> Dataset:
    return Dataset(Frame(COLUMNS), Schema.parse({**CONTENT, **changes}), "clinic")


def test_facts_come_from_the_schema() -> None:
    rows = rows_of(data(), model_for("logistic", classes=2))
    facts = rows.facts
    assert rows.x.shape == (4, 4)
    assert rows.y.tolist() == [0, 1, 1, 0]
    assert rows.x[:, 0].tolist() == [-0.8, 0.0, 1.0, -1.0]
    assert (facts.rows, facts.features, facts.outputs, facts.classes) == (4, 4, 1, 2)
    assert facts.low is not None and facts.high is not None
    assert ((rows.x >= facts.low) & (rows.x <= facts.high)).all()
    assert facts.norm == pytest.approx(np.sqrt(2))
    assert (facts.unit, facts.units, facts.max_rows) == ("row", 4, 1)
    assert facts.bounds_from == "domain" and not facts.missing
    assert facts.data_set == "clinic"
    assert facts.provenance


def test_units_are_numbered() -> None:
    rows = rows_of(data(unit={"column": "who", "max_rows": 3}), model_for("logistic", classes=2))
    assert rows.unit is not None
    assert rows.unit.tolist() == [1, 0, 1, 2]
    assert (rows.facts.unit, rows.facts.units, rows.facts.max_rows) == ("who", 3, 3)


def test_bins_are_used_by_models_on_bins() -> None:
    rows = rows_of(data(), model_for("additive", classes=2))
    assert rows.facts.features > 4
    assert set(np.unique(rows.x)) == {0.0, 1.0}


def test_missing_bounds_are_told_as_lines() -> None:
    columns = {**CONTENT["columns"], "age": {"kind": "number"}}  # type: ignore[dict-item]
    rows = rows_of(data(columns=columns), model_for("logistic", classes=2))
    assert rows.facts.low is None and rows.facts.norm is None
    assert len(rows.facts.missing) == 1 and "age" in rows.facts.missing[0]


def test_targets_of_a_regression_are_scaled() -> None:
    schema = Schema.for_arrays(low=[0], high=[1], target_range=(10, 20))
    source = Frame({"x0": [0.0, 1.0], "y": [10.0, 20.0]})
    rows = rows_of(Dataset(source, schema), model_for("linear", classes=None))
    assert rows.y.tolist() == [-1.0, 1.0]
    assert rows.facts.target_range == (10.0, 20.0)
    open_ended = Dataset(source, Schema.for_arrays(low=[0], high=[1]))
    assert rows_of(open_ended, model_for("linear", classes=None)).facts.target_range is None


def test_no_target_no_rows() -> None:
    untargeted = Dataset(Frame(COLUMNS), Schema.parse({"columns": CONTENT["columns"]}))
    with pytest.raises(SchemaError):
        rows_of(untargeted, model_for("logistic", classes=2))
    empty = Dataset(Frame({name: [] for name in COLUMNS}), Schema.parse(CONTENT))
    with pytest.raises(DataError):
        rows_of(empty, model_for("logistic", classes=2))


def test_arrays_declare_nothing() -> None:
    rows = rows_of_arrays(np.ones((3, 2)), np.array([0, 1, 2]), classes=3)
    assert rows.facts.low is None and rows.facts.high is None
    assert rows.facts.bounds_from == "data"
    assert rows.facts.missing == ("the bounds of 2 columns", "the classes of the target")
    assert (rows.facts.outputs, rows.facts.units) == (3, 3)
    with pytest.raises(DataError):
        rows_of_arrays(np.ones((3, 2)), np.ones(2), classes=None)
    with pytest.raises(DataError):
        rows_of_arrays(np.ones((0, 2)), np.ones(0), classes=None)


def test_outputs() -> None:
    assert [outputs_for(k) for k in (None, 2, 3, 10)] == [1, 1, 3, 10]
