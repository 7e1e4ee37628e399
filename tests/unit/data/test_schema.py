"""The schema: strict reading, exact writing, targets, units, guesses."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from privet.data import Dataset, Frame, Schema, Unit
from privet.errors import DataError, SchemaError, UnknownColumn

TEXT = """\
# Patients of 2024.

target = "survived"

[unit]
column = "patient_id"
max_rows = 10

# years, as stated
[columns.age]
kind = "number"
bounds = [0, 120]   # nobody is older
missing = "level"

[columns."blood # group"]
kind = "category"
categories = ["0", "A", "B", "AB"]   # "A#" is no group
other = "level"

[columns.survived]
kind = "category"
categories = ["no", "yes"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "patients.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_file_is_read(file):
    schema = Schema.load(file)
    assert schema.target.name == "survived"
    assert schema.target.classes == ("no", "yes")
    assert schema.unit == Unit("patient_id", 10)
    assert schema.columns["age"].bounds == (0.0, 120.0)
    assert [column.name for column in schema.features] == ["age", "blood # group"]
    assert schema.bounds_from == "domain"
    assert schema.identifiers == ("patient_id",)


def test_comments_survive_saving(file, tmp_path):
    schema = Schema.load(file)
    assert schema.comment == "Patients of 2024."
    assert schema.columns["age"].comment == "years, as stated\nnobody is older"
    assert schema.columns["blood # group"].comment == '"A#" is no group'
    schema.save(tmp_path / "again.toml")
    again = Schema.load(tmp_path / "again.toml")
    assert again == schema
    assert again.comment == schema.comment
    assert again.columns["age"].comment == schema.columns["age"].comment
    again.save(tmp_path / "third.toml")
    assert (tmp_path / "third.toml").read_bytes() == (tmp_path / "again.toml").read_bytes()


def test_whole_bounds_are_written_as_people_write_them():
    text = Schema.for_arrays([0], [2.5], target_range=(-1e300, 120)).to_toml()
    assert "bounds = [0, 2.5]" in text
    assert "bounds = [-1e+300, 120]" in text


def test_the_schema_is_frozen_and_apart_from_its_arguments():
    columns = dict(Schema.for_arrays([0], [1]).columns)
    schema = Schema(columns)
    columns.clear()
    assert len(schema.columns) == 2
    with pytest.raises(FrozenInstanceError):
        schema.target_name = "x0"


def test_saving_is_whole_or_not_at_all(file, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    schema = Schema.load(file)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SchemaError, match="No space left"):
        schema.save(file)
    assert file.read_text(encoding="utf-8") == TEXT
    assert os.listdir(file.parent) == [file.name]


def test_saving_into_no_folder(file, tmp_path):
    with pytest.raises(SchemaError, match="cannot be written"):
        Schema.load(file).save(tmp_path / "none" / "x.toml")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such schema file"),
        (b"a = \xff", "no UTF-8"),
        (b"[columns.age\nkind", "not TOML.*line 1"),
        (b"", "declares no column"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, problem):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SchemaError, match=problem):
        Schema.load(path)


NUMBER = {"kind": "number", "bounds": [0, 1]}
COLUMNS = {"age": NUMBER, "city": {"kind": "category", "categories": ["a", "b"]}}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"targt": "age", "columns": COLUMNS}, 'target = "..."'),
        ({"column": COLUMNS}, "[columns.NAME]"),
        ({"units": "row", "columns": COLUMNS}, 'unit = "row"'),
        ({"bounds_form": "dp", "columns": COLUMNS}, 'bounds_from = "domain"'),
        ({"bounds_from": "me", "columns": COLUMNS}, 'bounds_from = "domain"'),
        ({"columns": [NUMBER]}, "[columns.age]"),
        ({"columns": {"age": {"kind": "number", "bnds": [0, 1]}}}, "bounds = ..."),
        ({"target": 1, "columns": COLUMNS}, 'target = "..."'),
        ({"target": "cty", "columns": COLUMNS}, 'target = "city"'),
        ({"unit": "patient", "columns": COLUMNS}, 'column = "patient"'),
        ({"unit": {"max_row": 2, "column": "id"}, "columns": COLUMNS}, "max_rows = 1"),
        ({"unit": {"max_rows": 2}, "columns": COLUMNS}, 'column = "..."'),
        ({"unit": {"column": "id", "max_rows": 0}, "columns": COLUMNS}, "max_rows = 1"),
        ({"unit": {"column": "id", "max_rows": True}, "columns": COLUMNS}, "max_rows = 1"),
        ({"unit": {"column": "age"}, "columns": COLUMNS}, 'kind = "identifier"'),
        ({"target": "t", "columns": {"t": {"kind": "identifier"}}}, 'kind = "category"'),
        (
            {"target": "t", "columns": {"t": {"kind": "category", "categories": ["a"]}}},
            'categories = ["a", "b"]',
        ),
        ({"target": "t", "columns": {"t": {**NUMBER, "missing": "level"}}}, 'missing = "drop-row"'),
        (
            {"target": "t", "columns": {"t": {**NUMBER, "missing": {"value": 0}}}},
            'missing = "drop-row"',
        ),
        (
            {"target": "city", "columns": {"city": {**COLUMNS["city"], "other": "level"}}},
            'other = "refuse"',
        ),
    ],
    ids=repr,
)
def test_what_no_schema_can_mean_is_refused_with_the_line(content, line):
    with pytest.raises(SchemaError) as caught:
        Schema.parse(content)
    assert line in caught.value.remedy


def test_a_mapping_is_wanted():
    with pytest.raises(SchemaError, match="mapping or a TOML file"):
        Schema.parse(["age"])


def test_targets():
    schema = Schema.parse(
        {
            "columns": {
                **COLUMNS,
                "ok": {"kind": "boolean"},
                "free": {"kind": "number"},
                "edges": {"kind": "number", "bins": [1, 2, 4]},
            }
        }
    )
    assert schema.target is None
    with pytest.raises(SchemaError, match="does not say what to predict"):
        schema.required_target()
    number = schema.with_target("age").target
    assert (number.low, number.high, number.is_classes) == (0.0, 1.0, False)
    assert schema.with_target("edges").target.high == 4.0
    assert schema.with_target("free").target.low is None
    assert schema.with_target("ok").target.classes == (False, True)
    assert schema.with_target("city").target.classes == ("a", "b")
    with pytest.raises(UnknownColumn, match="perhaps age"):
        schema.with_target("Age")


def test_the_least_public_origin_counts():
    mixed = {"a": {**NUMBER, "bounds_from": "dp"}, "b": {**NUMBER, "bounds_from": "data"}}
    schema = Schema.parse({"columns": mixed})
    assert schema.bounds_from == "data"
    assert Schema.parse(schema.to_dict()) == schema
    unseen = {"a": NUMBER, "b": {"kind": "ignore", "bounds_from": "data"}}
    assert Schema.parse({"columns": unseen}).bounds_from == "domain"


def test_arrays():
    schema = Schema.for_arrays([0, -1], [1, np.inf], classes=np.array([3, 5]), unit=Unit("id", 4))
    assert list(schema.columns) == ["x0", "x1", "y"]
    assert schema.columns["x0"].bounds == (0.0, 1.0)
    assert schema.columns["x1"].bounds is None
    assert schema.target.classes == (3, 5)
    assert schema.unit == Unit("id", 4)
    assert Schema.for_arrays([0], [1], target_range=(2, 3)).target.high == 3.0
    assert Schema.for_arrays([0], [1], classes=[False, True]).columns["y"].kind == "boolean"
    with pytest.raises(SchemaError, match="one length"):
        Schema.for_arrays([0, 1], [1])
    with pytest.raises(SchemaError, match="single class"):
        Schema.for_arrays([0], [1], classes=[1])
    with pytest.raises(SchemaError, match="out of order"):
        Schema.for_arrays([1], [0])


def guess(columns, size=2, **options):
    return Schema.infer(Frame(columns).batches(size=size), **options)


def test_a_guess_covers_every_kind():
    schema = guess(
        {
            "number": [0.5, None, 3.0],
            "whole": [1, 7, 3],
            "city": ["b", "a", None],
            "ok": [True, False, True],
            "empty": [None, None, None],
            "constant": [4, 4, 4],
            "y": ["no", "yes", "no"],
        },
        target="y",
    )
    columns = schema.columns
    assert columns["number"].bounds == (0.5, 3.0) and columns["number"].missing == "level"
    assert columns["whole"].kind == "integer" and columns["whole"].missing == "refuse"
    assert columns["city"].categories == ("a", "b") and columns["city"].missing == "level"
    assert columns["ok"].kind == "boolean"
    assert columns["empty"].kind == "ignore"
    assert columns["constant"].bounds == (4.0, 5.0)
    assert schema.target.classes == ("no", "yes")
    assert schema.bounds_from == "data"
    assert Schema.parse(schema.to_dict()) == schema


def test_a_guess_of_the_target():
    numbers = {"x": list(range(40)), "y": [0, 1] * 20, "z": list(range(40))}
    assert guess(numbers, target="y").target.classes == (0, 1)
    assert guess({**numbers, "y": [0.0, 1.0] * 20}, target="y").target.classes == (0, 1)
    assert guess(numbers, target="z").target.high == 39.0
    assert guess({**numbers, "y": [0.5, 1.5] * 20}, target="y").target.classes is None
    absent = guess({**numbers, "y": [None, *([0, 1] * 19), 0]}, target="y")
    assert absent.columns["y"].missing == "drop-row"
    with pytest.raises(SchemaError, match="single class"):
        guess({"x": [1, 2], "y": ["a", "a"]}, target="y")
    with pytest.raises(UnknownColumn, match="perhaps outcome"):
        guess({"outcome": [1]}, target="outcom")


def test_a_guess_takes_many_texts_for_an_identifier_and_the_unit_too():
    many = {"name": [f"n{i}" for i in range(101)], "x": [1.5] * 101}
    assert guess(many).columns["name"].kind == "identifier"
    assert guess({"who": [1, 2], "x": [1, 2]}, unit=Unit("who")).columns["who"].kind == "identifier"
    with pytest.raises(UnknownColumn, match="privacy unit"):
        guess({"who": [1, 2]}, unit=Unit("whom"))


def test_a_guess_fits_what_it_was_guessed_from():
    mixed = {"x": [True, None, 1, 2.5, "a", 7], "y": [0, 1, True, None, 0, 1]}
    for names in (["x", "y"], ["y", "x"]):
        target = names[0]
        schema = guess({name: mixed[name] for name in names}, target=target)
        assert len(Dataset(Frame(mixed), schema).encode().y) == 5
    late = guess({"ok": [None, None, True, False]}, size=2)
    assert late.columns["ok"].kind == "boolean"


def test_a_guess_survives_extreme_numbers():
    schema = guess({"x": [1e308, -1e308, np.inf], "y": [10**400, 1, 2], "z": [1e300] * 3})
    for column in schema.columns.values():
        low, high = column.bounds
        assert low < high and np.isfinite(high - low)
    assert schema.columns["x"].missing == "refuse"  # infinite, not missing


def test_a_guess_needs_rows():
    with pytest.raises(DataError, match="no rows"):
        guess({"x": []})
