"""One column's table: what is accepted, and the line that each refusal tells to write."""

from __future__ import annotations

import pytest

from privet.data.columns import parse_column
from privet.errors import SchemaError

GOOD = [
    {"kind": "number", "bounds": [0.0, 120.0], "missing": "level"},
    {"kind": "integer", "bounds": [0.0, 9.0], "bins": 5},
    {"kind": "number", "bins": [0.0, 1.0, 5.0], "missing": {"value": 2}},
    {"kind": "category", "categories": ["a", 1, 2.5], "other": "level"},
    {"kind": "category", "categories": ["a", "b"], "missing": {"value": "b"}},
    {"kind": "boolean", "missing": {"value": True}},
    {"kind": "identifier"},
    {"kind": "ignore", "bounds_from": "data"},
]

BAD = [
    ({"kind": "numbr"}, 'kind = "number"'),
    ({}, 'kind = "number"'),
    ({"kind": "number", "bound": [0, 1]}, "bounds = ..."),
    ({"kind": "number", "bounds": [1, 0]}, "bounds = [0, 1]"),
    ({"kind": "number", "bounds": [1, 1]}, "bounds = [1, 2]"),
    ({"kind": "number", "bounds": [0, float("inf")]}, "bounds = [0, 100]"),
    ({"kind": "number", "bounds": [-1.5e308, 1.5e308]}, "bounds = [0, 100]"),
    ({"kind": "number", "bounds": ["0", 1]}, "bounds = [0, 100]"),
    ({"kind": "number", "bins": 4}, "bounds = [0, 100]"),
    ({"kind": "number", "bounds": [0, 1], "bins": 1}, "bins = 16"),
    ({"kind": "number", "bins": [0, 2, 1]}, "bins = [0.0, 1.0, 2.0]"),
    ({"kind": "number", "bounds": [0, 1], "bins": [0, 1, 2]}, "bins = [0, 1]"),
    ({"kind": "category"}, 'categories = ["a", "b"]'),
    ({"kind": "category", "categories": []}, 'categories = ["a", "b"]'),
    ({"kind": "category", "categories": ["a", ""]}, 'categories = ["a", "b"]'),
    ({"kind": "category", "categories": [1, "1"]}, "categories = ['1']"),
    ({"kind": "category", "categories": ["a"], "bounds": [0, 1]}, 'kind = "number"'),
    ({"kind": "boolean", "categories": ["a"]}, 'kind = "category"'),
    ({"kind": "boolean", "other": "level"}, 'kind = "category"'),
    ({"kind": "boolean", "other": "drop"}, 'other = "refuse"'),
    ({"kind": "number", "missing": "drop"}, 'missing = "level"'),
    ({"kind": "number", "missing": {"value": "x"}}, "missing = {value = 0}"),
    ({"kind": "number", "bounds": [1, 2], "missing": {"value": 0}}, "missing = {value = 1}"),
    (
        {"kind": "category", "categories": ["a"], "missing": {"value": "b"}},
        'missing = {value = "a"}',
    ),
    (
        {"kind": "category", "categories": [0, 1], "missing": {"value": 2}},
        "missing = {value = 0}",
    ),
    ({"kind": "number", "bounds_from": "guess"}, 'bounds_from = "domain"'),
]


@pytest.mark.parametrize("entry", GOOD, ids=repr)
def test_what_is_written_is_read_back(entry):
    column = parse_column("x", entry)
    assert column.to_dict() == entry
    assert parse_column("x", column.to_dict()) == column


@pytest.mark.parametrize(("entry", "line"), BAD, ids=repr)
def test_a_refusal_names_the_column_and_the_line(entry, line):
    with pytest.raises(SchemaError) as caught:
        parse_column("heart rate", entry)
    assert "'heart rate'" in str(caught.value)
    assert line in str(caught.value.remedy)
    assert '[columns."heart rate"]' in str(caught.value.remedy)


def test_a_column_that_is_no_table():
    with pytest.raises(SchemaError, match=r"write: \[columns.age\]"):
        parse_column("age", "number")


def test_the_file_says_where_bounds_come_from_unless_the_column_does():
    assert parse_column("x", {"kind": "number"}, bounds_from="data").bounds_from == "data"
    own = parse_column("x", {"kind": "number", "bounds_from": "dp"}, bounds_from="data")
    assert own.bounds_from == "dp"
    assert own.to_dict(bounds_from="data")["bounds_from"] == "dp"
