"""The engine: the columns that a query needs as tables of DuckDB, and one call for its sums.

Cells arrive as `privet.data.values` reads them, each by itself: a number that is none is NULL, a
text is its label. So nothing that is found in the data raises. The database is our own, in
memory; what does not fit is spilled to a folder that goes away with it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import numpy as np

from privet.data.readers.duck import connect, explain, guarded, text
from privet.data.values import Array, labels, to_numbers, truths
from privet.dp.query.rewrite import KEY, MACROS
from privet.dp.query.sources import engine_name
from privet.dp.query.tables import Table, quoted
from privet.errors import DataError, InvalidInput

BATCH = 2**18
_TYPES = {"number": "DOUBLE", "truth": "BOOLEAN", "text": "VARCHAR", "any": "BIGINT"}
_EXACT = 2.0**53
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)? *([KMGT]i?B)", re.IGNORECASE)
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


class Engine:
    """DuckDB with the columns of some tables; a context manager.

    Args:
        tables: by name in lower case.
        reads: the columns that are needed of each.
        memory_limit: the most memory that the engine takes, such as "2GB"; None leaves it to
            DuckDB.

    Raises:
        InvalidInput: the memory limit is no size.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        reads: Mapping[str, Iterable[str]],
        *,
        memory_limit: str | None = None,
    ) -> None:
        self._tables = {name: tables[name] for name in reads}
        self._reads = {name: list(columns) for name, columns in reads.items()}
        if memory_limit is not None and not _SIZE.fullmatch(memory_limit.strip()):
            raise InvalidInput("the memory limit is no size", value=memory_limit,
                               bound="a number with MB or GB", remedy='memory_limit="2GB"')
        self._memory_limit = memory_limit

    def __enter__(self) -> Engine:
        self._folder = tempfile.TemporaryDirectory(prefix="privet-query-")
        self._con = connect()
        self._con.execute(f"SET temp_directory = {text(self._folder.name)}")
        if self._memory_limit is not None:
            self._con.execute(f"SET memory_limit = {text(self._memory_limit)}")
        self._con.execute("CREATE SCHEMA stored")
        for macro in MACROS:
            self._con.execute(macro)
        for name, table in self._tables.items():
            list(guarded(lambda name=name, table=table: iter(self._load(name, table)),  # type: ignore[misc]  # bound at once
                         table.name or table.data.name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._con.close()
        self._folder.cleanup()

    def _load(self, name: str, table: Table) -> list[None]:
        columns = self._reads[name] or [table.data.columns[0]]
        kinds = {column: table.kind(column) for column in columns}
        place = engine_name(table)
        direct = _direct(table, kinds)
        if direct is not None:
            self._con.execute(f"CREATE TABLE {place} AS {direct}")
            return []
        declared = ", ".join(f"{quoted(c)} {_TYPES[kind]}" for c, kind in kinds.items())
        self._con.execute(f"CREATE TABLE {place} ({declared})")
        for batch in table.data.batches(columns, BATCH):
            for column in [c for c in columns if kinds[c] == "any" and batch[c].dtype != np.int64]:
                # Texts from here on; what whole numbers there were become their labels.
                kinds[column] = "text"
                self._con.execute(f"ALTER TABLE {place} ALTER {quoted(column)} TYPE VARCHAR")
            found = [_column(batch[c], kinds[c], f"c{i}") for i, c in enumerate(columns)]
            self._con.register("incoming", {f"c{i}": array for i, (array, _) in enumerate(found)})
            parts = ", ".join(sql for _, sql in found)
            self._con.execute(f"INSERT INTO {place} SELECT {parts} FROM incoming")
            self._con.unregister("incoming")
        return []

    def sizes(self, name: str) -> tuple[int, int]:
        """Rows and privacy units of a table: the only exact numbers that are public."""
        table = self._tables[name]
        unit = "rowid" if table.data.schema.unit.is_row else quoted(table.unit)
        (row,) = self.run(f"SELECT count({unit}), count(DISTINCT {unit}) FROM {engine_name(table)}",
                          0)
        return int(row[0]), int(row[1])

    def run(self, sql: str, key: int) -> list[tuple[Any, ...]]:
        """The rows of a rewritten statement, whose hash takes this key (64 bits).

        Raises:
            DataError: the engine gave up, of memory or disk; no cell is shown.
        """
        import duckdb

        try:
            self._con.execute(f"SET VARIABLE {KEY} = CAST({key} AS UBIGINT)")
            return self._con.execute(sql).fetchall()
        except duckdb.Error as error:
            failure: DataError = explain(error, "the query's tables")
        # Raised out here, where DuckDB's error, which may show a cell, is not its context.
        raise failure


def _direct(table: Table, kinds: Mapping[str, str]) -> str | None:
    """The query that reads a table without a detour over Python, where it means the same.

    That is so for numbers of numeric types and for whole numbers of undeclared columns.
    """
    typed = getattr(table.data.source, "typed", None)
    if typed is None:
        return None
    parts = []
    for name, kind in kinds.items():
        column, base = quoted(typed.columns[name][0]), typed.columns[name][1].partition("(")[0]
        if kind == "number" and base in (*_INTEGERS, "FLOAT", "DOUBLE", "DECIMAL"):
            parts.append(f"nullif(CAST({column} AS DOUBLE), CAST('nan' AS DOUBLE)) "
                         f"AS {quoted(name)}")
        elif kind == "any" and base in _INTEGERS:
            parts.append(f"CAST({column} AS BIGINT) AS {quoted(name)}")
        else:
            return None
    return f"SELECT {', '.join(parts)} FROM {typed.relation}"


def _column(values: Array, kind: str, name: str) -> tuple[Array, str]:
    """A canonical column as an array that DuckDB takes, and the SQL that gives it its type."""
    if kind == "number":
        return _numbers(values), f"nullif({name}, CAST('nan' AS DOUBLE))"
    if kind == "any":
        return values, name
    if kind == "truth":
        return truths(values), f"CASE {name} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END"
    if values.dtype == np.int64:
        return values, f"CAST({name} AS VARCHAR)"
    if values.dtype == np.float64 and _are_whole(values):
        whole = f"CAST(CAST({name} AS BIGINT) AS VARCHAR)"
        return values, f"CASE WHEN NOT isnan({name}) THEN {whole} END"
    return _texts(labels(values)), f"nullif({name}, '')"


def _are_whole(values: Array) -> bool:
    present = values[~np.isnan(values)]
    return bool((np.abs(present) < _EXACT).all() and (present == np.floor(present)).all())


def _numbers(values: Array) -> Array:
    """Numbers, NaN for what is none: a cell by itself decides, and none raises."""
    try:
        return to_numbers(values, column="")
    except DataError:
        return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    cell = np.empty(1, dtype=object)
    cell[0] = value
    try:
        return float(to_numbers(cell, column="")[0])
    except DataError:
        return float("nan")


def _texts(values: Array) -> Array:
    """Texts that UTF-8 can hold: halves of surrogate pairs become question marks."""
    try:
        "".join([value for value in values if value is not None]).encode()
    except UnicodeEncodeError:
        out = np.empty(len(values), dtype=object)
        out[:] = [None if v is None else v.encode(errors="replace").decode() for v in values]
        return out
    return values
