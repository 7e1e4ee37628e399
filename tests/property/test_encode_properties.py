"""Whatever the cells hold: encoded rows keep their bounds, and messages show no cell."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.data import Dataset, Encoder, Frame, Schema
from privet.data.values import canonical, labels, to_numbers, truths
from privet.errors import PrivetError

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
spans = st.tuples(finite, finite).filter(lambda p: p[0] < p[1] and np.isfinite(p[1] - p[0]))
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    str.strip
)
scalars = st.one_of(words.map(str.strip), st.integers(-9, 9))
cells = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.just(10**400),
    st.just(-(10**400)),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
)
numbers = st.one_of(st.none(), st.floats(), st.integers(), st.sampled_from([10**400, -(10**400)]))


def missing(fill):
    plain = st.sampled_from(["refuse", "level", "drop-row"])
    return st.one_of(plain, fill.map(lambda value: {"value": value}))


@st.composite
def number_tables(draw):
    low, high = draw(spans)
    table = {"kind": draw(st.sampled_from(["number", "integer"])), "bounds": [low, high]}
    table["missing"] = draw(missing(st.sampled_from([low, high])))
    if draw(st.booleans()):
        table["bins"] = draw(st.integers(2, 20))
    return table


@st.composite
def category_tables(draw):
    found = draw(st.lists(scalars, min_size=2, max_size=5, unique_by=str))
    return {
        "kind": "category",
        "categories": found,
        "missing": draw(missing(st.sampled_from(found))),
        "other": draw(st.sampled_from(["refuse", "level"])),
    }


booleans = st.builds(lambda rule: {"kind": "boolean", "missing": rule}, missing(st.booleans()))
tables = st.one_of(number_tables(), category_tables(), booleans)


@st.composite
def schemas(draw):
    names = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    content = {"columns": {name: draw(tables) for name in names}}
    content["bounds_from"] = draw(st.sampled_from(["domain", "data", "dp"]))
    if draw(st.booleans()):
        content["unit"] = {
            "column": "an id that is no column",
            "max_rows": draw(st.integers(1, 99)),
        }
    return Schema.parse(content)


def tolerant(table):
    """The same table, but nothing in it is refused."""
    more = {"missing": "level"} if table["missing"] in ("refuse", "drop-row") else {}
    return {**table, **more, **({"other": "level"} if table["kind"] == "category" else {})}


def within(made, x):
    assert (x >= made.bounds.low).all() and (x <= made.bounds.high).all()
    norms = np.sqrt((x**2).sum(axis=1))
    assert (norms <= made.bounds.norm * (1 + 2.0**-50)).all()


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(["scaled", "bins"]))
def test_encoded_rows_never_leave_their_bounds(data, encoding):
    declared = [tolerant(table) for table in data.draw(st.lists(tables, min_size=1, max_size=4))]
    rows = data.draw(st.integers(1, 6))
    columns = {}
    for index, table in enumerate(declared):
        values = {"category": cells, "boolean": st.sampled_from([True, False, None, "no", 1])}.get(
            table["kind"], numbers
        )
        columns[f"c{index}"] = data.draw(st.lists(values, min_size=rows, max_size=rows))
    schema = Schema.parse({"columns": {f"c{i}": table for i, table in enumerate(declared)}})
    made = Encoder(schema, encoding)
    x = Dataset(Frame(columns), schema).features(encoding=encoding)
    assert x.shape == (rows, len(made.names))
    within(made, x)
    for block in range(rows):  # one row's code does not depend on the others
        alone = {name: canonical(values[block : block + 1]) for name, values in columns.items()}
        np.testing.assert_array_equal(made.encode(alone)[0], x[block])


@settings(deadline=None)
@given(
    spans,
    st.lists(numbers.filter(lambda v: v is not None and v == v), min_size=1),
)
def test_targets_never_leave_their_bounds(span, values):
    schema = Schema.for_arrays([0], [1], target_range=span)
    scaled = Encoder(schema).encode_target({"y": canonical(values)})
    assert (abs(scaled) <= 1).all()
    for value, found in zip(values, scaled, strict=True):
        if abs(value) == np.inf:
            assert found == np.sign(value)


@settings(deadline=None)
@given(number_tables(), st.lists(numbers, max_size=4), st.sampled_from([np.inf, -np.inf]),
       st.sampled_from(["scaled", "bins"]))
def test_an_infinite_number_is_clipped_as_the_bound_itself_is(table, others, far, encoding):
    table = tolerant(table)
    low, high = table["bounds"]
    made = Encoder(Schema.parse({"columns": {"x": table}}), encoding)
    x = made.encode({"x": canonical([far, *others])})
    bound = made.encode({"x": canonical([high if far > 0 else low])})
    np.testing.assert_array_equal(x[0], bound[0])


@settings(deadline=None, max_examples=100)
@given(schemas())
def test_a_schema_survives_its_file(schema):
    assert Schema.parse(schema.to_dict()) == schema
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.toml"
        schema.save(path)
        assert Schema.load(path) == schema


@settings(deadline=None)
@given(
    st.lists(st.integers(-100, 100), min_size=1, max_size=8), st.sampled_from(["scaled", "bins"])
)
def test_equal_data_in_different_types_encode_equally(values, encoding):
    named = sorted(set(values))
    content = {
        "n": {"kind": "integer", "bounds": [-50, 60]},
        "c": {"kind": "category", "categories": [*named, "else"]},
    }
    made = Encoder(Schema.parse({"columns": content}), encoding)
    forms = [
        np.array(values, dtype=np.int8),
        np.array(values, dtype=np.float32),
        list(values),
        [str(value) for value in values],
        [float(value) for value in values],
        np.array(values, dtype=object),
    ]
    first, *others = [made.encode({"n": canonical(form), "c": canonical(form)}) for form in forms]
    for other in others:
        np.testing.assert_array_equal(other, first)


anything = st.one_of(
    cells,
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.dates(),
    st.datetimes(),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(anything, min_size=1, max_size=5), st.lists(anything, max_size=3))
def test_what_a_cell_means_does_not_depend_on_its_neighbours(values, others):
    together = labels(canonical(values + others))[: len(values)].tolist()
    assert together == [labels(canonical([value]))[0] for value in values]
    truth = truths(canonical(values + others))[: len(values)].tolist()
    assert truth == [truths(canonical([value]))[0] for value in values]


@settings(deadline=None, max_examples=300)
@given(st.lists(numbers, min_size=1, max_size=5), st.lists(numbers, max_size=3))
def test_what_a_number_means_does_not_depend_on_its_neighbours(values, others):
    together = to_numbers(canonical(values + others), column="x")[: len(values)]
    alone = [to_numbers(canonical([value]), column="x")[0] for value in values]
    np.testing.assert_array_equal(together, alone)


@settings(deadline=None)
@given(st.data())
def test_poisoned_cells_are_never_shown(data):
    table = data.draw(tables)
    kind = table["kind"]
    poison = data.draw(
        st.sampled_from(["S3CRET-7f9a", 8675309.125] if kind == "category" else ["S3CRET-7f9a"])
    )
    schema = Schema.parse(
        {"columns": {"col": {**table, **({"other": "refuse"} if kind == "category" else {})}}}
    )
    for encoding in ("scaled", "bins"):
        with pytest.raises(PrivetError) as caught:
            Encoder(schema, encoding).encode({"col": canonical([poison])})
        message = str(caught.value) + repr(caught.value) + repr(caught.value.__dict__)
        assert "S3CRET" not in message and "8675309" not in message
        assert caught.value.__cause__ is None and caught.value.__context__ is None
