"""Fingerprints: equal data give equal bytes from every source; any change is seen, and where."""

from __future__ import annotations

import datetime
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import privet as pv
from privet.data import Dataset, Schema
from privet.data.fingerprint import ContentHash, is_telling, may_identify, scan
from privet.data.source import Frame
from privet.data.values import Batch, canonical
from privet.errors import InvalidInput

KEY = bytes(range(32))
ANY: dict[str, Any] = {"columns": {"absent": {"kind": "ignore"}}}
NONE = Schema.parse(ANY)
STAMP = datetime.datetime(2024, 5, 1, 12, 30)


def dataset(source: Any, schema: Schema = NONE) -> Dataset:
    return pv.read(source, schema=schema)


def rows_bytes(data: Dataset) -> Iterator[bytes]:
    for part in scan(data.source):
        yield from part.rows


def content_hash(data: Dataset, key: bytes) -> str:
    found = ContentHash(key)
    for part in scan(data.source):
        found.add(part.rows)
    return found.name()


def ids_of(source: Any, column: str) -> list[bytes]:
    return [one for part in scan(dataset(source).source, ids=[column]) for one in part.ids[column]]


def less(source: Any, column: str) -> list[bytes]:
    parts = scan(dataset(source).source, less=[column])
    return [row for part in parts for row in part.less[column]]


def rows(source: Any) -> list[bytes]:
    return list(rows_bytes(dataset(source)))


def mixed(count: int = 50, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "whole": draw.integers(-(2**62), 2**62, count),
            "number": draw.normal(0, 1e3, count),
            "halves": draw.integers(0, 20, count) / 2,
            "large": draw.choice([1e-7, 1e15, 1e22, -0.0, 2.5], count),
            "truth": draw.random(count) > 0.5,
            "city": draw.choice(["Rome", "Zürich", 'a "quoted", cell', "007", "1,5"], count),
            "born": pd.Timestamp(1990, 1, 1) + pd.to_timedelta(draw.integers(0, 9000, count), "D"),
            "seen": pd.Timestamp(STAMP) + pd.to_timedelta(draw.integers(0, 9**9, count), "s"),
        }
    )
    gaps = draw.random((count, frame.shape[1])) < 0.15
    gaps[:, [0, 4]] = False  # so that pandas keeps whole numbers and truths
    return frame.mask(gaps).astype(frame.dtypes)


def exports(frame: pd.DataFrame, folder: Path) -> Iterator[Any]:
    """The same content from everywhere, with columns and rows in their order."""
    import polars
    import pyarrow

    frame.to_csv(folder / "pandas.csv", index=False)
    frame.to_parquet(folder / "pandas.parquet")
    with duckdb.connect(str(folder / "d.duckdb")) as con:
        con.register("frame", frame)
        con.execute("CREATE TABLE t AS SELECT * FROM frame")
        con.execute(f"COPY t TO '{folder}/duck.csv' (HEADER)")
        con.execute(f"COPY t TO '{folder}/duck.parquet'")
    yield frame
    yield from (folder / name for name in ("pandas.csv", "pandas.parquet", "d.duckdb"))
    yield from (folder / name for name in ("duck.csv", "duck.parquet"))
    yield polars.from_pandas(frame)
    yield pyarrow.Table.from_pandas(frame)
    yield pd.read_csv(folder / "pandas.csv", dtype=str)
    yield {name: frame[name].astype(object).to_list() for name in frame}


def test_equal_content_gives_equal_bytes_from_every_source(tmp_path: Path) -> None:
    expected = rows(mixed())
    assert len(expected) == len(set(expected)) == 50
    for source in exports(mixed(), tmp_path):
        assert rows(source) == expected, str(source)


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kolkata"], ids=["in UTC", "elsewhere: kept as UTC by readers"]
)
def test_times_with_a_zone(tmp_path: Path, zone: str) -> None:
    stamps = pd.to_datetime([STAMP, datetime.datetime(2024, 5, 1)]).tz_localize("UTC")
    frame = pd.DataFrame({"at": stamps.tz_convert(zone)})
    expected = rows(frame)
    frame.to_parquet(tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet") == expected
    if zone == "UTC":
        frame.to_csv(tmp_path / "a.csv", index=False)
        assert rows(tmp_path / "a.csv") == expected
        (tmp_path / "b.csv").write_text("at\n2024-05-01 12:30:00+00\n2024-05-01T00:00:00.000Z\n")
        assert rows(tmp_path / "b.csv") == expected


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e16, 1e16),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cc"]),
            max_size=6),
    st.sampled_from(["NA", "1.50", "True", "007", "-0", "1e+3", "12e4", "inf", "1.5e999", " x "]),
    st.dates(datetime.date(1900, 1, 1)),
    st.datetimes(datetime.datetime(1900, 1, 1)),
)  # fmt: skip
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_a_round_trip_through_csv_changes_no_bytes(table: list[list[Any]]) -> None:
    import tempfile

    columns = {f"c{i}": [row[i] for row in table] for i in range(len(table[0]))}
    # A second column keeps the lines that would be blank.
    columns["last"] = ["end"] * len(table)
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        frame.to_csv(path, index=False)
        # NumPy reads a list of False and 0 as zeros, so the cells are given as objects.
        arrays = {name: np.array(cells, dtype=object) for name, cells in columns.items()}
        assert rows(path) == rows(frame) == rows(arrays)


def test_bytes_do_not_depend_on_the_cells_around() -> None:
    mixed_up = Frame({"a": np.array([1, "x", 2.5, None, True], dtype=object)})
    alone = [Frame({"a": values}) for values in ([1.0], ["x"], [2.5], [None], [True])]
    assert rows(mixed_up) == [row for each in alone for row in rows(each)]
    assert len(set(rows(mixed_up))) == 5


def test_the_order_of_columns_does_not_matter_but_their_names_do() -> None:
    frame = mixed()
    assert rows(frame[frame.columns[::-1]]) == rows(frame)
    swapped = frame.rename(columns={"halves": "large", "large": "halves"})
    assert rows(swapped) != rows(frame)
    assert not set(rows(frame.rename(columns={"halves": "quarters"}))) & set(rows(frame))
    assert rows(frame.rename(columns={"city": " city "})) == rows(frame)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 49), st.integers(0, 7), st.integers(0, 9))
def test_one_changed_cell_changes_exactly_its_row(row: int, column: int, seed: int) -> None:
    before, frame = rows(mixed(seed=seed)), mixed(seed=seed).astype(object)
    frame.iat[row, column] = "something else"
    after = rows(frame)
    assert [i for i in range(50) if before[i] != after[i]] == [row]


def parsed(row: bytes) -> list[tuple[str, str]]:
    """What the layout says: reading it back is what makes it unambiguous."""

    def take() -> bytes:
        nonlocal place
        size = int.from_bytes(row[place : place + 4], "big")
        place += 4 + size
        return row[place - size : place]

    place = 4
    cells = [(take().decode(), take().decode()) for _ in range(int.from_bytes(row[:4], "big"))]
    assert place == len(row)
    return cells


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXT.map(str.strip).filter(bool), TEXT, min_size=1, max_size=4))
def test_a_row_can_be_read_back(cells: dict[str, str]) -> None:
    (row,) = rows_bytes(Dataset(Frame({k: np.array([v], dtype=object) for k, v in cells.items()}),
                                NONE))  # fmt: skip
    assert [name for name, _ in parsed(row)] == sorted(cells)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": ["xb"], "b": ["c"]}, {"a": ["x"], "b": ["bc"]}),
        ({"a": ["x"], "ab": ["y"]}, {"a": ["xab"], "b": ["y"]}),
        ({"a": ["x"], "b": [None]}, {"a": [None], "b": ["x"]}),
        ({"a": ["x"], "b": [None]}, {"a": ["x"]}),
        ({"a": [0]}, {"a": [None]}),
        ({"a": [True]}, {"a": [1]}),
        ({"a": ["07"]}, {"a": [7]}),
        ({"a": ["\0\0\0\1x"]}, {"a": ["x"]}),
    ],
)
def test_different_rows_do_not_collide(one: Any, other: Any) -> None:
    assert rows_of(one) != rows_of(other)
    assert content_hash(framed(one), KEY) != content_hash(framed(other), KEY)


def framed(columns: dict[str, Sequence[Any]]) -> Dataset:
    return Dataset(Frame({k: np.array(v, dtype=object) for k, v in columns.items()}), NONE)


def rows_of(columns: dict[str, Sequence[Any]]) -> list[bytes]:
    return list(rows_bytes(framed(columns)))


def test_half_a_surrogate_stops_nothing() -> None:
    assert rows_of({"a": ["\ud800"]}) != rows_of({"a": ["?"]})


# Ids, and rows without a column


def test_units_are_known_by_their_ids_under_any_column_and_in_any_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [3, 1, 3, None, 2], "x": range(5)})
    found = ids_of(frame, "id")
    assert len(found) == len(set(found)) == 3
    frame.rename(columns={"id": "person"}).to_csv(tmp_path / "a.csv", index=False)
    assert ids_of(tmp_path / "a.csv", "person") == found
    assert found[0] == b"\0\0\0\x013"


@pytest.mark.parametrize("column", ["whole", "city", "seen"])
def test_rows_without_a_column_are_those_of_a_file_without_it(column: str) -> None:
    frame = mixed()
    assert less(frame, column) == rows(frame.drop(columns=column))
    other = frame.assign(**{column: range(len(frame))})
    assert less(other, column) == less(frame, column)
    assert rows(other) != rows(frame)
    assert less(frame.rename(columns={"truth": "x"}), column) != less(frame, column)


def test_of_a_single_column_nothing_is_left() -> None:
    assert less(pd.DataFrame({"a": [1, 2]}), "a") == []


@pytest.mark.parametrize(("values", "may", "telling"), [
    ([1.5, 2.0, 3.25], False, True),
    (["1.5", "2.25", None], False, True),
    ([True, False], False, True),
    ([1, 2, 300], True, False),
    ([1.0, 2.0, None], True, False),
    (["17", "18"], True, False),
    (["n7", "n8", "9"], True, True),
    ([1234567, 2345678], True, True),
    (["756.1234.5678.97", "756.9217.0769.85"], True, True),
    (["Bern", "Genf"], True, True),
    ([None, None], True, False),
])
def test_which_columns_may_hold_ids(values: list[Any], may: bool, telling: bool) -> None:
    column = canonical(values)
    assert may_identify(column) == may
    assert not may or is_telling(column) == telling


# The name of the content


def test_a_sorted_export_is_the_same_content(tmp_path: Path) -> None:
    frame = mixed(200)
    name = content_hash(dataset(frame), KEY)
    frame.sort_values("number").to_csv(tmp_path / "a.csv", index=False)
    assert content_hash(dataset(tmp_path / "a.csv"), KEY) == name
    assert len(name) == 64 and int(name, 16)


def test_other_content_has_another_name() -> None:
    frame = mixed()
    others = [
        frame,
        frame.iloc[1:],
        pd.concat([frame, frame.iloc[:1]]),
        pd.concat([frame.iloc[1:], frame.iloc[1:2]]),
        frame.drop(columns="city"),
        frame.assign(number=frame["number"].fillna(0) + 1e-9),
        frame.iloc[:0],
    ]
    names = Counter(content_hash(dataset(each), KEY) for each in others)
    assert set(names.values()) == {1}
    assert content_hash(dataset(frame), KEY[::-1]) not in names


def test_how_often_a_row_stands_there_counts() -> None:
    names = {content_hash(framed({"a": ["x"] * i + ["y"] * (8 - i)}), KEY) for i in range(9)}
    assert len(names) == 9


def test_the_batches_of_the_source_do_not_matter() -> None:
    class Pieces(Frame):
        def batches(self, columns: Sequence[str] | None = None, size: int = 7) -> Iterator[Batch]:
            return super().batches(columns, 7)

    columns = {name: mixed()[name].to_numpy() for name in mixed()}
    data = Dataset(Pieces(columns), NONE)
    assert content_hash(data, KEY) == content_hash(Dataset(Frame(columns), NONE), KEY)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="too short"):
        content_hash(framed({"a": [1]}), KEY[:31])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows() -> None:
    class Long(Frame):
        repeats = 1

        def batches(self, columns: Sequence[str] | None = None,
                    size: int = 2000) -> Iterator[Batch]:
            for _ in range(self.repeats):
                yield from super().batches(columns, size)

    def peak(repeats: int) -> int:
        source = Long({"a": np.arange(2000), "b": np.random.default_rng(0).normal(size=2000)})
        source.repeats = repeats
        tracemalloc.start()
        content_hash(Dataset(source, NONE), KEY)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(4)
    assert peak(40) < 1.2 * peak(4)
