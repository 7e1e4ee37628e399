"""Readers only read: no query changes a database, whatever it says."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import privet as pv
from privet.data.readers import database, open_source
from privet.data.readers.query import require_reading
from privet.errors import DataError, InvalidInput

sa = pytest.importorskip("sqlalchemy")

WRITES = [
    "drop table t",
    "DELETE FROM t RETURNING a",
    "INSERT INTO t VALUES (9) RETURNING a",
    "UPDATE t SET a = 9 RETURNING a",
    "CREATE TABLE u (a)",
    "PRAGMA user_version = 7",
    "ATTACH '{folder}/new.sqlite' AS other",
    "VACUUM INTO '{folder}/new.sqlite'",
    "SELECT a FROM t; DROP TABLE t",
    "-- SELECT\ndrop table t",
    "/* SELECT */ (drop table t)",
    "WITH w AS (SELECT 1) DELETE FROM t RETURNING a",
    "WITH w AS (SELECT 9 AS a) INSERT INTO t SELECT a FROM w RETURNING a",
    "WITH w AS (SELECT 1) UPDATE t SET a = 9 RETURNING a",
    "SELECT a INTO u FROM t",
    "",
    ";",
    "-- nothing",
]
READS = [
    "SELECT a FROM t",
    "select a from t;",
    "  -- why\n/* DROP; */ SELECT a FROM t -- ; DELETE",
    "WITH w AS (SELECT a FROM t) SELECT a FROM w",
    "SELECT a FROM t WHERE ';' <> 'it''s; DELETE' AND 'INSERT' <> \"a\"",
    "SELECT * FROM (VALUES (1))",
    "VALUES (1)",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "t.sqlite") as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a")
    con.close()
    return tmp_path / "t.sqlite"


def _engine(file: Path) -> Any:
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(file))


def _held(file: Path) -> Any:
    con = sqlite3.connect(file)
    try:
        return (con.execute("SELECT name, sql FROM sqlite_master").fetchall(),
                con.execute("SELECT * FROM t").fetchall(),
                con.execute("PRAGMA user_version").fetchall())
    finally:
        con.close()



@pytest.mark.parametrize("query", WRITES)
def test_a_query_that_may_write_is_refused_before_it_runs(
    file: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, before = query.replace("{folder}", str(file.parent)), _held(file)
    monkeypatch.setattr(database, "_names", lambda *_: pytest.fail("it reached the database"))
    with pytest.raises(InvalidInput, match="data are read only") as caught:
        pv.read(_engine(file), query=query)
    assert caught.value.remedy is not None and "SELECT ..." in caught.value.remedy
    assert _held(file) == before and list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("opened", ["url", "uri", "engine"])
@pytest.mark.parametrize("query", [query for query in WRITES if "PRAGMA" not in query])
def test_sqlite_itself_refuses_to_write(
    file: Path, query: str, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, before = query.replace("{folder}", str(file.parent)), _held(file)
    monkeypatch.setattr(database, "require_reading", lambda _: None)
    source = {"url": f"sqlite:///{file}", "engine": _engine(file),
              "uri": f"sqlite:///file:{file}?mode=rwc&uri=true"}[opened]
    with pytest.raises(Exception, match=r"database failed|does not return rows"):
        open_source(source, query=query)
    assert _held(file) == before


@pytest.mark.parametrize("query", READS)
def test_what_reads_is_read(query: str) -> None:
    require_reading(query)
    engine = sa.create_engine("sqlite://")
    with engine.begin() as con:
        con.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS a")
    (batch,) = open_source(engine, query=query).batches()
    assert [values.tolist() for values in batch.values()] == [[1]]


@pytest.mark.parametrize("query", ["TABLE t", "FROM t", "((SELECT 1)) UNION SELECT 2",
                                   "SELECT $x$ ; DROP $x$", "SELECT `delete`, [into] FROM t"])
def test_other_databases_begin_otherwise(query: str) -> None:
    require_reading(query)


@pytest.mark.parametrize("query", ["SELECT 1 /*! INTO OUTFILE 'x' */", "EXPLAIN DELETE FROM t",
                                   "'SELECT' DROP TABLE t", ") SELECT 1"])
def test_what_only_seems_to_read(query: str) -> None:
    with pytest.raises(InvalidInput):
        require_reading(query)


def test_an_engine_of_the_callers_still_writes_afterwards() -> None:
    engine = sa.create_engine("sqlite://")  # in memory: one connection for all
    with engine.begin() as con:
        con.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS a")
    source = open_source(engine, table="t")
    one, other = source.batches(size=1), source.batches(size=1)
    next(one), next(other)
    with engine.begin() as con:
        con.exec_driver_sql("INSERT INTO t VALUES (2)")
    assert len(next(source.batches())["a"]) == 2


def test_names_of_files_may_hold_what_means_something_in_a_uri(file: Path) -> None:
    odd = file.rename(file.with_name("a% b#é.sqlite"))
    assert next(open_source(f"sqlite:///{odd}", table="t").batches())["a"].tolist() == [1]


@pytest.mark.parametrize("place", ["sqlite:///{}", "sqlite+pysqlite:///{}",
                                   "sqlite:///file:{}?uri=true", "sqlite:///file:{}",
                                   "sqlite:///file:{}?mode=rwc&uri=true"])
def test_a_missing_file_is_not_made(tmp_path: Path, place: str) -> None:
    with pytest.raises(DataError):
        open_source(place.format(tmp_path / "none.sqlite"), query="SELECT 1 AS a")
    assert list(tmp_path.iterdir()) == []
