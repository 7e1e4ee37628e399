"""Files by their ending, arrays, frames, databases: what is refused, and in which words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from privet.data.readers import open_source
from privet.data.source import Frame
from privet.errors import DataError, InvalidInput, Unavailable


def _all(source: Any, **options: Any) -> dict[str, list[Any]]:
    batches = list(open_source(source, **options).batches())
    return {name: [v for b in batches for v in b[name].tolist()] for name in batches[0]}


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"no such file.*\n.*patients\.csv"):
        open_source(tmp_path / "patient.csv")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="directory"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("a.xlsx", "read_excel"), ("a.jsonl", "scan_ndjson"), ("a.sqlite", "sqlite:///"),
     ("a", "data.csv"), ("a.csv.bz2", "data.csv")],
)
def test_an_unknown_ending(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(InvalidInput, match="unknown kind of file") as caught:
        open_source(tmp_path / name)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.csv.gz", "a.duckdb"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="empty"):
        open_source(tmp_path / name)


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    # A mode of 0 would not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match="chmod"):
        open_source(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.duckdb"])
def test_a_file_that_is_not_what_its_ending_says(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("s3cr3t rows of text, long enough to be a header" * 20)
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / name)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("place", ["https://x.org/a.csv", "s3://bucket/a.parquet", "file:///a.csv"])
def test_nothing_is_fetched_from_elsewhere(place: str) -> None:
    with pytest.raises(InvalidInput, match="this machine"):
        open_source(place)


def test_query_and_table_are_for_databases(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(InvalidInput, match="databases"):
        open_source(tmp_path / "a.csv", query="SELECT 1")
    with pytest.raises(InvalidInput, match="databases"):
        open_source({"a": [1]}, table="t")


@pytest.mark.parametrize("thing", [3, None, [1, 2], object(), {1, 2}])
def test_an_unknown_object_lists_what_is_known(thing: Any) -> None:
    with pytest.raises(InvalidInput, match="DuckDB relation"):
        open_source(thing)


def test_a_source_passes_through() -> None:
    frame = Frame({"a": [1]})
    assert open_source(frame) is frame


def test_parquet_types_and_names(tmp_path: Path) -> None:
    path = tmp_path / "x=1.parquet"
    duckdb.sql(
        "SELECT 1::UTINYINT AS a, 2::DECIMAL(9,2) AS \"B\", DATE '2020-02-03' AS day, "
        "TIMESTAMP '2020-02-03 04:05:06.5' AS moment, TIMESTAMP '2020-02-03' AS midnight, "
        "TIMESTAMPTZ '2020-02-03 04:05:06+02' AS zoned, 'x'::ENUM('x') AS word, "
        "18446744073709551615::UBIGINT AS big, NULL::BOOLEAN AS none, [1, 2] AS list"
    ).write_parquet(str(path))
    assert open_source(path).columns == (
        "a", "B", "day", "moment", "midnight", "zoned", "word", "big", "none", "list"
    )
    found = _all(path)
    assert found.pop("none") != found.pop("none", [None])
    assert found == {
        "a": [1], "B": [2.0], "day": ["2020-02-03"], "moment": ["2020-02-03T04:05:06.500000"],
        "midnight": ["2020-02-03"], "zoned": ["2020-02-03T02:05:06+00:00"], "word": ["x"],
        "big": [2**64 - 1], "list": ["[1, 2]"],
    }


def test_parquet_names_that_differ_by_case_or_repeat(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    ones = pa.array([1])
    pq.write_table(pa.table([ones, pa.array([2])], names=["a", "A"]), tmp_path / "case.parquet")
    assert _all(tmp_path / "case.parquet") == {"a": [1], "A": [2]}
    pq.write_table(pa.table([ones, ones], names=["a", "a"]), tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="two columns"):
        open_source(tmp_path / "twice.parquet")
    nested = pa.array([{"u": 1, "v": {"w": 2}}])
    pq.write_table(pa.table({"s": nested, "z": ones}), tmp_path / "nested.parquet")
    assert open_source(tmp_path / "nested.parquet").columns == ("s", "z")


def test_a_database_file_asks_for_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute('CREATE TABLE "first one" AS SELECT 1 AS a; CREATE TABLE b AS SELECT 2 AS a')
    with pytest.raises(DataError, match="'first one'"):
        open_source(path)
    with pytest.raises(DataError, match="no such table"):
        open_source(path, table="c")
    with pytest.raises(DataError, match="cannot read"):
        open_source(path, query="SELECT * FROM nowhere")
    with pytest.raises(InvalidInput, match="exclude"):
        open_source(path, query="SELECT 1", table="b")
    assert _all(path, table="first one") == {"a": [1]}
    assert _all(path, query="SELECT a + 1 AS b FROM b -- why") == {"b": [3]}


def test_a_query_may_not_write(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a")
    copied, attached = tmp_path / "copied.csv", tmp_path / "new.duckdb"
    for query in ("DROP TABLE t", "DELETE FROM t RETURNING a", f"COPY t TO '{copied}'",
                  f"ATTACH '{attached}' AS other", "SELECT 1; DROP TABLE t"):
        with pytest.raises(InvalidInput, match="data are read only"):
            open_source(path, query=query)
    assert _all(path) == {"a": [1]}
    assert not copied.exists() and not attached.exists()


def test_a_failing_cast_in_a_query_shows_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT 's3cr3t' AS a")
    source = open_source(path, query="SELECT a::INTEGER AS b FROM t")
    with pytest.raises(DataError) as caught:
        list(source.batches())
    assert "s3cr3t" not in str(caught.value)


def test_a_busy_connection_is_named() -> None:
    con = duckdb.connect()
    source = open_source(con.sql("SELECT i FROM range(1000000) t(i)"))
    first = source.batches(size=10)
    next(first)
    with pytest.raises(DataError, match="being read already"):
        list(source.batches(size=10))
    assert next(first)["i"].tolist() == list(range(10, 20))


def test_pairs_and_matrices() -> None:
    x, y = np.arange(6).reshape(3, 2), np.array(["a", "b", "a"])
    assert _all((x, y)) == {"x0": [0, 2, 4], "x1": [1, 3, 5], "y": ["a", "b", "a"]}
    assert _all(x) == {"x0": [0, 2, 4], "x1": [1, 3, 5]}
    assert _all((x.tolist(), [1, 2, 3]))["y"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((np.ones(3), np.ones(3)), "two dimensions"),
        ((np.ones((3, 1)), np.ones((3, 1))), "one dimension"),
        ((np.ones((3, 1)), np.ones(2)), "length"),
        ({"a": [1, 2], "b": [1]}, "length"),
        ({"a": np.ones((2, 2))}, "one dimension"),
        ({}, "no columns"),
        ({1: [1], "1": [2]}, "two columns"),
        (np.ones((2, 0)), "no columns"),
    ],
)
def test_arrays_that_do_not_fit(source: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_source(source)


def test_a_sparse_matrix_says_how() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InvalidInput, match="toarray"):
        open_source((sparse.eye(3).tocsr(), np.ones(3)))


def test_frames_with_odd_columns() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"c": pd.Categorical(["u", None]), 3: pd.array([2**62, None], "Int64"),
                          "t": pd.to_datetime(["2020-01-01 00:00+02:00", None], utc=True)})
    found = _all(frame)
    assert found == {"c": ["u", None], "3": [2**62, None],
                     "t": ["2019-12-31 22:00:00+00:00", None]}
    with pytest.raises(DataError, match="two columns"):
        open_source(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InvalidInput, match="Series"):
        open_source(frame["c"])


def test_a_record_batch_reader_is_spent_after_one_scan() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, 2]})
    source = open_source(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
    assert [len(b["a"]) for b in source.batches()] == [2]
    with pytest.raises(DataError, match="read_all"):
        list(source.batches())


def test_databases(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy")
    url = f"sqlite:///{tmp_path}/t.sqlite"
    with sa.create_engine(url).begin() as con:
        con.exec_driver_sql('CREATE TABLE "odd name" (a INTEGER, b TEXT)')
        con.exec_driver_sql('INSERT INTO "odd name" VALUES (1, \'x\'), (NULL, \'NA\')')
    assert str(_all(url, table="odd name")) == str({"a": [1.0, float("nan")], "b": ["x", None]})
    assert _all(url, query="SELECT a % 2 AS r FROM \"odd name\" WHERE b LIKE 'x%'") == {"r": [1]}
    for options in ({}, {"table": "t", "query": "SELECT 1"}):
        with pytest.raises(InvalidInput, match="exactly one"):
            open_source(url, **options)
    with pytest.raises(DataError, match="database failed"):
        open_source(url, table="absent")
    with pytest.raises(DataError, match="two columns"):
        open_source(url, query="SELECT a, a FROM \"odd name\"")


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("sqlalchemy")
    for url in (
        "postgresql://me:s3cr3t@localhost:1/d",
        "postgresql://localhost:1/d?password=s3cr3t",
        "nosuch://me:s3cr3t@h/d",
        "sqlite://s3cr3t@",
    ):
        with pytest.raises((Unavailable, InvalidInput, DataError)) as caught:
            open_source(url, table="t")
        assert "s3cr3t" not in str(caught.value)


def test_no_optional_library_is_imported_for_files_and_arrays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    duckdb.sql("SELECT 1 AS a").write_parquet(str(tmp_path / "a.parquet"))
    script = (
        "import sys\n"
        "for name in ('pandas', 'polars', 'pyarrow', 'sqlalchemy'): sys.modules[name] = None\n"
        "import numpy\n"
        "from privet.data.readers import open_source\n"
        f"for s in ({str(tmp_path / 'a.csv')!r}, {str(tmp_path / 'a.parquet')!r}, "
        "{'a': [1]}, (numpy.ones((2, 2)), [1, 2])):\n"
        "    assert list(open_source(s).batches())\n"
        "try:\n"
        "    open_source('postgresql://localhost/d', table='t')\n"
        "except Exception as error:\n"
        "    assert 'privet[sql]' in str(error), error\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
