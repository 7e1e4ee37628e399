"""Encoding: every rule by example, every refusal without a cell."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from privet.data import Encoder, Schema
from privet.data.values import canonical
from privet.errors import (
    DataError,
    InvalidInput,
    MissingBounds,
    SchemaError,
    UndeclaredMissing,
    UnknownCategory,
    UnknownColumn,
)

CITY = {"kind": "category", "categories": ["Rome", "Paris"]}
AGE = {"kind": "number", "bounds": [0, 100]}


def encoder(encoding="scaled", target=None, unbounded=True, **columns):
    content = {"columns": columns} | ({} if target is None else {"target": target})
    return Encoder(Schema.parse(content), encoding, unbounded=unbounded)


def batch(**columns):
    return {name: canonical(values) for name, values in columns.items()}


def test_numbers_are_clipped_and_scaled():
    made = encoder(age=AGE)
    assert made.names == ("age",)
    assert made.encode(batch(age=[-5, 0, 50, 100, 1e300])).T.tolist() == [[-1, -1, 0, 1, 1]]


def test_declared_edges_bound_a_number():
    made = encoder(age={"kind": "number", "bins": [0, 10, 20]})
    assert made.encode(batch(age=[20, 99])).T.tolist() == [[1, 1]]


def test_a_missing_number_with_a_level():
    made = encoder(age={**AGE, "missing": "level"})
    assert made.names == ("age", "age missing")
    assert made.encode(batch(age=[100, None, np.nan])).tolist() == [[1, 0], [0, 1], [0, 1]]
    assert made.bounds.low.tolist() == [-1, 0]
    assert made.bounds.norm == 1.0


@pytest.mark.parametrize("rule", ["refuse", "level", "drop-row", {"value": 25}], ids=str)
@pytest.mark.parametrize("form", [list, np.array, lambda cells: [str(cell) for cell in cells],
                                  lambda cells: [*cells[:2], 10**400, -(10**400)]])
def test_infinite_numbers_are_clipped_and_never_missing(rule, form):
    cells = form([np.inf, -np.inf, np.inf, -np.inf])
    made = encoder(target="y", age={**AGE, "missing": rule}, y={"kind": "number",
                                                               "bounds": [10, 20]})
    rows = made.drop(batch(age=cells, y=cells))
    assert made.encode(rows)[:, 0].tolist() == [1, -1, 1, -1]
    assert made.encode(rows)[:, 1:].sum() == 0
    assert made.encode_target(rows).tolist() == [1, -1, 1, -1]
    bins = encoder("bins", age={**AGE, "missing": rule})
    assert bins.encode(rows).argmax(axis=1).tolist() == [15, 0, 15, 0]


@pytest.mark.parametrize("cell", [np.inf, -np.inf, "inf"])
def test_infinite_numbers_without_bounds_are_refused_without_the_cell(cell):
    made = encoder(target="y", age={"kind": "number", "missing": "level"}, y={"kind": "number"})
    for call, name in ((made.encode, "age"), (made.encode_target, "y")):
        with pytest.raises(DataError, match="infinite number") as caught:
            call(batch(age=[1, cell], y=[cell, 2]))
        assert caught.value.remedy == f"bounds = [LOW, HIGH]   # under [columns.{name}]"
        assert str(cell) not in str(caught.value).replace("infinite", "")


def test_missing_values_are_replaced():
    made = encoder(
        age={**AGE, "missing": {"value": 25}},
        city={**CITY, "missing": {"value": "Rome"}},
        ok={"kind": "boolean", "missing": {"value": True}},
    )
    assert made.encode(batch(age=[None], city=[None], ok=[None])).tolist() == [[-0.5, 1, 0, 1]]


def test_categories_are_one_hot_with_levels_last():
    made = encoder(city={**CITY, "missing": "level", "other": "level"})
    assert made.names == ("city=Rome", "city=Paris", "city other", "city missing")
    found = made.encode(batch(city=["Paris", "Rome", "Oslo", None, " Paris "]))
    assert found.argmax(axis=1).tolist() == [1, 0, 2, 3, 1]
    assert (found.sum(axis=1) == 1).all()


def test_booleans_are_one_column():
    made = encoder(ok={"kind": "boolean", "missing": "level"})
    assert made.names == ("ok", "ok missing")
    found = made.encode(batch(ok=[True, False, None, "yes"]))
    assert found.tolist() == [[1, 0], [0, 0], [0, 1], [1, 0]]


def test_bins_of_a_number():
    made = encoder("bins", age={**AGE, "bins": [0, 10, 20, 100], "missing": "level"})
    assert made.names == ("age in [0, 10)", "age in [10, 20)", "age in [20, 100]", "age missing")
    found = made.encode(batch(age=[-1, 9.99, 10, 20, 100, 101, None]))
    assert found.argmax(axis=1).tolist() == [0, 0, 1, 2, 2, 2, 3]
    assert (found.sum(axis=1) == 1).all()
    assert made.bounds.norm == 1.0


def test_equal_bins_sixteen_unless_declared():
    assert len(encoder("bins", age=AGE).names) == 16
    made = encoder("bins", age={**AGE, "bins": 4})
    assert made.encode(batch(age=[24.9, 25, 75])).argmax(axis=1).tolist() == [0, 1, 3]


def test_small_integers_have_a_bin_each():
    made = encoder("bins", n={"kind": "integer", "bounds": [1, 3]})
    assert made.names == ("n=1", "n=2", "n=3")
    assert made.encode(batch(n=[0, 1, 2, 3, 9])).argmax(axis=1).tolist() == [0, 0, 1, 2, 2]
    assert len(encoder("bins", n={"kind": "integer", "bounds": [0, 16]}).names) == 16


def test_close_edges_keep_distinct_names():
    made = encoder("bins", x={"kind": "number", "bins": [1, 1 + 1e-9, 1 + 2e-9]})
    assert len(set(made.names)) == 2


def test_norm_counts_groups():
    made = encoder(age={**AGE, "missing": "level"}, city=CITY, ok={"kind": "boolean"})
    assert made.bounds.norm == pytest.approx(np.sqrt(3))
    assert made.bounds.high.tolist() == [1, 1, 1, 1, 1]


def test_numbers_without_bounds():
    made = encoder(target="y", age={"kind": "number"}, y={"kind": "number"})
    assert made.bounds is None
    assert made.missing_bounds == (
        "bounds = [LOW, HIGH]   # under [columns.age]",
        "bounds = [LOW, HIGH]   # under [columns.y]",
    )
    assert made.encode(batch(age=[1e6]))[0, 0] == 1e6
    assert made.encode_target(batch(y=[1e6]))[0] == 1e6
    with pytest.raises(MissingBounds, match=r"under \[columns.age\]"):
        encoder(unbounded=False, age={"kind": "number"})
    with pytest.raises(MissingBounds, match=r"under \[columns.age\]"):
        encoder("bins", age={"kind": "number"})
    assert encoder(age=AGE).missing_bounds == ()


def test_identifiers_and_the_target_do_not_reach_the_model():
    made = encoder(target="y", who={"kind": "identifier"}, age=AGE, y=CITY)
    assert made.names == ("age",)
    with pytest.raises(SchemaError, match="no column to learn from"):
        encoder(target="y", who={"kind": "identifier"}, y=CITY)
    with pytest.raises(InvalidInput, match="encoding"):
        encoder("onehot", age=AGE)


def test_undeclared_missing_values_are_refused_without_a_count():
    with pytest.raises(UndeclaredMissing) as caught:
        encoder(age=AGE).encode(batch(age=[1, None, None, None, 77]))
    message = str(caught.value)
    assert "'age'" in message and 'missing = "level"' in message
    assert not any(token in message for token in ("3", "5", "77"))


def test_rows_are_dropped_for_training_only():
    made = encoder(
        target="y",
        age={**AGE, "missing": "drop-row"},
        city=CITY,
        y={"kind": "boolean", "missing": "drop-row"},
    )
    rows = batch(age=[1, None, 3, 4], city=["Rome"] * 4, y=[True, False, None, False])
    assert made.keep(rows).tolist() == [True, False, False, True]
    kept = made.drop(rows)
    assert made.encode(kept).shape == (2, 3)
    assert made.encode_target(kept).tolist() == [1, 0]
    with pytest.raises(UndeclaredMissing, match="cannot be dropped"):
        made.encode(rows)


def test_rows_without_a_unit_are_dropped():
    schema = Schema.parse({"unit": {"column": "who"}, "columns": {"age": AGE}})
    rows = batch(age=[1, 2, 3], who=["a", None, ""])
    assert Encoder(schema).keep(rows).tolist() == [True, False, False]


def test_unknown_categories_are_refused_without_the_cell():
    with pytest.raises(UnknownCategory) as caught:
        encoder(city=CITY).encode(batch(city=["Rome", "SECRET"]))
    message = str(caught.value)
    assert "SECRET" not in message
    assert "'city'" in message and "Rome, Paris" in message and 'other = "level"' in message
    with pytest.raises(UnknownCategory) as caught:
        encoder(ok={"kind": "boolean"}).encode(batch(ok=["SECRET", "yes"]))
    assert "SECRET" not in str(caught.value)


def test_long_lists_of_categories_are_cut():
    many = {"kind": "category", "categories": [f"c{i}" for i in range(500)]}
    with pytest.raises(UnknownCategory) as caught:
        encoder(city=many).encode(batch(city=["x"]))
    assert len(str(caught.value)) < 500 and "500 in all" in str(caught.value)


def test_a_column_that_is_not_there():
    with pytest.raises(UnknownColumn, match="perhaps Age"):
        encoder(age=AGE).encode(batch(Age=[1]))


def test_classes_are_numbered_as_declared():
    made = encoder(target="y", age=AGE, y={"kind": "category", "categories": ["p", "n", "k"]})
    numbers = made.encode_target(batch(y=["n", "k", "p"]))
    assert numbers.dtype == np.int64 and numbers.tolist() == [1, 2, 0]
    assert made.classes.tolist() == ["p", "n", "k"]
    mixed = encoder(target="y", age=AGE, y={"kind": "category", "categories": ["p", 1]})
    assert mixed.classes.tolist() == ["p", 1]


def test_a_boolean_target():
    made = encoder(target="y", age=AGE, y={"kind": "boolean"})
    assert made.encode_target(batch(y=["yes", "no"])).tolist() == [1, 0]
    assert made.classes.tolist() == [False, True]


def test_a_number_target_is_scaled():
    made = encoder(target="y", age=AGE, y={"kind": "number", "bounds": [10, 20]})
    scaled = made.encode_target(batch(y=[10, 15, 20, 99]))
    assert scaled.tolist() == [-1, 0, 1, 1]
    assert made.classes is None


@pytest.mark.parametrize("y", [CITY, AGE, {"kind": "boolean"}], ids=str)
def test_a_missing_target_is_refused_with_the_line(y):
    made = encoder(target="y", age=AGE, y=y)
    present = "Rome" if y is CITY else 1
    with pytest.raises(DataError, match='missing = "drop-row"   # under'):
        made.encode_target(batch(y=[present, None]))


def test_an_unknown_class_is_refused_without_the_cell():
    with pytest.raises(UnknownCategory) as caught:
        encoder(target="y", age=AGE, y=CITY).encode_target(batch(y=["SECRET"]))
    assert "SECRET" not in str(caught.value)


def test_the_remedy_for_an_unknown_class_is_one_that_a_target_takes():
    with pytest.raises(UnknownCategory) as caught:
        encoder(target="y", age=AGE, y=CITY).encode_target(batch(y=["Rome", "Oslo"]))
    remedy = caught.value.remedy
    assert remedy.startswith('categories = ["Rome", "Paris", "CLASS"]   # with every class')
    table = tomllib.loads(remedy.replace("CLASS", "Oslo"))
    mended = encoder(target="y", age=AGE, y={**CITY, **table})
    assert mended.encode_target(batch(y=["Rome", "Oslo"])).tolist() == [0, 2]


@pytest.mark.parametrize(("levels", "shown"), [([0, 1], "0, 1"), ([True, "x"], 'true, "x"'),
                                               ([1.5, "2"], '1.5, "2"')])
def test_that_remedy_writes_classes_as_the_schema_has_them(levels, shown):
    y = {"kind": "category", "categories": levels}
    with pytest.raises(UnknownCategory) as caught:
        encoder(target="y", age=AGE, y=y).encode_target(batch(y=["Oslo"]))
    assert caught.value.remedy.startswith(f'categories = [{shown}, "CLASS"]')
    assert tomllib.loads(caught.value.remedy)["categories"] == [*levels, "CLASS"]


@pytest.mark.parametrize("cells", [[True, False], [True, None]])
def test_truth_values_against_words_are_told_to_be_a_boolean(cells):
    made = encoder(target="y", age=AGE, y={"kind": "category", "categories": ["no", "yes"],
                                           "missing": "drop-row"})
    rows = made.drop(batch(age=[1, 2], y=cells))
    with pytest.raises(UnknownCategory, match="truth values") as caught:
        made.encode_target(rows)
    assert caught.value.remedy.startswith('kind = "boolean"')
    mended = encoder(target="y", age=AGE, y={"kind": "boolean", "missing": "drop-row"})
    assert mended.encode_target(rows).tolist() == [1, 0][: len(rows["y"])]


def test_no_rows_encode_to_no_rows():
    made = encoder("bins", age={**AGE, "missing": "level"}, city=CITY)
    assert made.encode(batch(age=[], city=[])).shape == (0, 19)
