"""Data sets: columns checked, rows encoded batch by batch, units numbered."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from privet.data import Dataset, Encoder, Frame, Schema, Source, read
from privet.errors import DataError, Refused, SchemaError, UndeclaredMissing, UnknownColumn

SCHEMA = {
    "target": "y",
    "columns": {
        "age": {"kind": "number", "bounds": [0, 100], "missing": "level"},
        "city": {"kind": "category", "categories": ["a", "b"]},
        "y": {"kind": "category", "categories": ["no", "yes"], "missing": "drop-row"},
    },
}
ROWS = {
    "age": [10, None, 50, 100, 0],
    "city": ["a", "b", "a", "b", "a"],
    "y": ["no", "yes", None, "yes", "no"],
    "who": ["u2", "u1", "u1", None, "u2"],
    "note": ["x"] * 5,
}
BY_ID = {**SCHEMA, "unit": {"column": "who", "max_rows": 3}}


class Scanned:
    """A source that counts its scans and never yields more than two rows."""

    def __init__(self, columns):
        self.frame = Frame(columns)
        self.asked = []

    columns = property(lambda self: self.frame.columns)
    describe = property(lambda self: "scanned")

    def batches(self, columns=None, size=65536):
        self.asked.append(columns)
        yield from self.frame.batches(columns, 2)


def dataset(rows=ROWS, schema=SCHEMA):
    return Dataset(Scanned(rows), Schema.parse(schema), "patients")


def test_sources_keep_the_interface():
    assert isinstance(Frame(ROWS), Source) and isinstance(Scanned(ROWS), Source)
    with pytest.raises(DataError, match="one length"):
        Frame({"a": [1], "b": [1, 2]})


def test_encoding_goes_batch_by_batch():
    data = dataset()
    encoded = data.encode()
    whole = Dataset(Frame(ROWS), data.schema).encode()
    np.testing.assert_array_equal(encoded.x, whole.x)
    np.testing.assert_array_equal(encoded.y, [0, 1, 1, 0])
    assert encoded.unit is None
    assert encoded.names == ("age", "age missing", "city=a", "city=b")
    assert encoded.bounds.norm == pytest.approx(np.sqrt(2))
    assert encoded.missing_bounds == ()
    assert encoded.target.classes == ("no", "yes")


def test_only_declared_columns_are_read():
    data = dataset()
    data.encode()
    assert data.source.asked == [["age", "city", "y"]]
    assert data.unused == ("who", "note")


def test_units_are_numbered_and_rows_without_one_dropped():
    data = dataset(schema=BY_ID)
    encoded = data.encode()
    assert encoded.unit.tolist() == [1, 0, 1]
    assert encoded.unit.dtype == np.int64
    assert data.unused == ("note",)


def test_numbers_of_units_do_not_depend_on_the_order_of_rows():
    turned = {name: values[::-1] for name, values in ROWS.items()}
    forth, back = dataset(schema=BY_ID).encode(), dataset(turned, BY_ID).encode()
    np.testing.assert_array_equal(forth.unit, back.unit[::-1])
    np.testing.assert_array_equal(forth.x, back.x[::-1])


def test_whole_and_textual_ids_name_the_same_units():
    texts = dataset({**ROWS, "who": ["10", "9", "9", None, "10"]}, BY_ID).encode()
    whole = dataset({**ROWS, "who": [10, 9, 9, None, 10]}, BY_ID).encode()
    np.testing.assert_array_equal(texts.unit, whole.unit)


def test_features_keep_every_row():
    without = {name: values for name, values in ROWS.items() if name != "y"}
    assert dataset(without).features().shape == (5, 4)
    assert dataset().features(encoding="bins").shape == (5, 19)


def test_a_missing_target_or_unit_column():
    without = {name: values for name, values in ROWS.items() if name not in ("y", "who")}
    with pytest.raises(UnknownColumn):
        dataset(without).encode()
    with pytest.raises(UnknownColumn, match="who"):
        dataset({**without, "y": ROWS["y"]}, BY_ID).encode()


def test_a_declared_feature_that_is_absent():
    rows = {"Age": ROWS["age"], "city": ROWS["city"], "y": ROWS["y"]}
    with pytest.raises(UnknownColumn, match="perhaps Age"):
        dataset(rows)


def test_no_target():
    schema = {"columns": SCHEMA["columns"]}
    with pytest.raises(SchemaError, match="what to predict"):
        dataset(schema=schema).encode()
    assert len(dataset(schema=schema).with_target("y").encode().y) == 4


def test_encoding_holds_what_the_docstring_says_it_holds():
    rows = 2_000
    half = rows // 2
    table = {"age": [41.0] * rows, "city": ["Rome", "Paris"] * half, "y": [0, 1] * half}
    schema = {"target": "y", "columns": {
        "age": {"kind": "number", "bounds": [0, 120], "missing": "level"},
        "city": {"kind": "category", "categories": ["Rome", "Paris"]}, "y": {"kind": "boolean"}}}
    encoded = read(table, schema=schema).encode(keep_dropped=True)
    assert encoded.x.nbytes == rows * 4 * 8
    assert encoded.y.nbytes + encoded.weight.nbytes == rows * 16


def test_no_rows():
    empty = {name: [] for name in ROWS}
    for call in (lambda d: d.encode(), lambda d: d.features(), lambda d: d.arrays()):
        with pytest.raises(DataError, match="patients holds no rows"):
            call(dataset(empty))
    assert dataset(empty).count() == 0
    dropped = {name: values[2:3] for name, values in ROWS.items()}
    with pytest.raises(DataError, match="every row"):
        dataset(dropped).encode()


def test_raw_columns():
    data = dataset()
    assert data.count() == 5
    assert Dataset(Frame(ROWS), data.schema).count() == 5
    raw = data.arrays(["age", "y"])
    np.testing.assert_array_equal(raw["age"], [10, np.nan, 50, 100, 0])
    assert raw["y"].tolist() == ROWS["y"]
    assert set(data.arrays()) == set(ROWS)
    assert sum(len(part["age"]) for part in data.batches()) == 5
    with pytest.raises(UnknownColumn, match="patients has no such column"):
        data.batches(["agee"])


def test_repeated_identifiers_are_named():
    assert dataset(schema=BY_ID).repeated_identifiers() == ("who",)
    once = {**ROWS, "who": ["1", "2", "3", None, None]}
    assert dataset(once, BY_ID).repeated_identifiers() == ()
    assert dataset().repeated_identifiers() == ()


def test_a_row_as_the_unit_is_doubted_only_where_nobody_declared_it():
    columns = {**SCHEMA["columns"], "who": {"kind": "identifier"}}
    silent = {**SCHEMA, "columns": columns}
    with pytest.raises(Refused, match="'who' stands in several rows") as caught:
        dataset(schema=silent).check_units()
    assert 'unit = "row"' in caught.value.remedy
    said = {**silent, "unit": "row"}
    dataset(schema=said).check_units()
    assert Schema.parse(said).to_dict()["unit"] == "row"
    dataset(schema=BY_ID).check_units()
    dataset({**ROWS, "who": ["1", "2", "3", None, None]}, silent).check_units()


def test_a_refusal_in_a_late_batch_shows_no_row_number():
    rows = {**ROWS, "city": ["a", "b", "a", "b", None]}
    with pytest.raises(UndeclaredMissing) as caught:
        dataset(rows).encode()
    assert not any(digit in str(caught.value) for digit in "0123456789")


def test_read_takes_every_form_of_schema(tmp_path):
    path = tmp_path / "s.toml"
    schema = Schema.parse(SCHEMA)
    schema.save(path)
    for form in (schema, SCHEMA, path, str(path)):
        assert read(Frame(ROWS), schema=form).schema == schema
    data = read(Frame(ROWS), schema=schema, name="mine")
    assert data.name == "mine"
    assert read(data, target="city").schema.target.name == "city"
    assert read(data).name == "mine"
    assert read(Frame(ROWS), schema=schema).name == "arrays in memory"


def test_read_guesses_without_a_schema():
    data = read(Frame(ROWS), target="y")
    assert data.schema.bounds_from == "data"
    assert data.schema.target.classes == ("no", "yes")
    with pytest.raises(UnknownColumn, match="perhaps city"):
        read(Frame(ROWS), target="citty")


def test_read_finds_the_schema_beside_a_file(tmp_path):
    (tmp_path / "p.csv").write_text("age,city,y\n1,a,no\n2,b,yes\n")
    assert read(tmp_path / "p.csv").schema.bounds_from == "data"
    Schema.parse(SCHEMA).save(tmp_path / "p.toml")
    data = read(str(tmp_path / "p.csv"))
    assert data.schema == Schema.parse(SCHEMA)
    assert data.name == "p"
    assert data.encode().y.tolist() == [0, 1]


def test_read_refuses_a_target_that_the_schema_lacks():
    with pytest.raises(UnknownColumn, match="perhaps city"):
        read(Frame(ROWS), schema=SCHEMA, target="cities")


def test_importing_the_room_loads_neither_frames_nor_models():
    code = (
        "import sys, privet.data; privet.data.Dataset, privet.data.Schema;"
        "print([m for m in ('jax', 'pandas', 'duckdb', 'tomlkit', 'sklearn', 'scipy')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_million_rows_take_seconds():
    generator = np.random.default_rng(0)
    n = 1_000_000
    words = np.array(["alpha", "beta", "gamma", "delta"], dtype=object)
    columns = {f"n{i}": generator.normal(size=n) for i in range(7)}
    columns |= {f"c{i}": words[generator.integers(0, 4, n)] for i in range(7)}
    tables = {f"n{i}": {"kind": "number", "bounds": [-3, 3]} for i in range(7)}
    tables |= {f"c{i}": {"kind": "category", "categories": words.tolist()} for i in range(7)}
    made = Encoder(Schema.parse({"columns": tables}))
    started = time.process_time()
    rows = sum(len(made.encode(part)) for part in Frame(columns).batches())
    assert rows == n
    assert time.process_time() - started < 20
