"""Files by their ending: delimited text, Parquet, DuckDB databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from privet.data.readers.base import Reader, Typed
from privet.data.readers.delimited import delimited_reader
from privet.data.readers.duck import (
    connect,
    explain,
    file_pattern,
    quoted,
    table_reader,
)
from privet.data.readers.query import require_reading
from privet.errors import DataError, InvalidInput

TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".tab")
PARQUET = (".parquet", ".pq")
DATABASE = (".duckdb", ".ddb")
_OTHER = {
    ".xlsx": "pandas.read_excel({!r})   # and give the frame",
    ".xls": "pandas.read_excel({!r})   # and give the frame",
    ".json": "pandas.read_json({!r})   # and give the frame",
    ".jsonl": "polars.scan_ndjson({!r})   # and give the frame",
    ".feather": "polars.scan_ipc({!r})   # and give the frame",
    ".arrow": "polars.scan_ipc({!r})   # and give the frame",
    ".npz": "(X, y)   # the arrays of numpy.load({!r})",
    ".npy": "(X, y)   # the arrays of numpy.load({!r})",
    ".sqlite": "'sqlite:///{}'   # with table= or query=",
    ".db": "'sqlite:///{}'   # with table= or query=",
}


def file_reader(path: str, *, query: str | None, table: str | None) -> Reader:
    """A reader of the file at `path`.

    Raises:
        DataError: no such file, a directory, unreadable, empty or malformed.
        InvalidInput: an ending that says no known format, or query= for a file without SQL.
    """
    ending = _ending(path)
    describe = f"file {os.path.basename(path)!r}"
    _check_readable(path, ending)
    if ending in DATABASE:
        return _database_reader(path, describe=describe, query=query, table=table)
    if query is not None or table is not None:
        raise InvalidInput(f"query= and table= are for databases, {describe} is none",
                           value=query or table, remedy=f"privet.read({path!r})")
    if ending in PARQUET:
        return _parquet_reader(path, describe=describe)
    return delimited_reader(path, describe=describe, tabs=ending.startswith((".tsv", ".tab")))


def _ending(path: str) -> str:
    low = path.lower()
    known = [end for end in (*TEXT, *PARQUET, *DATABASE) if low.endswith(end)]
    return max(known, key=len) if known else os.path.splitext(low)[1]


def _check_readable(path: str, ending: str) -> None:
    if not os.path.exists(path):
        raise DataError("no such file", value=path, bound="a path that exists",
                        remedy=_nearby(path))
    if os.path.isdir(path):
        raise DataError("a directory is no data set", value=path, bound="one file",
                        remedy=f"polars.scan_parquet({os.path.join(path, '*.parquet')!r})"
                               "   # and give the frame")
    if ending not in (*TEXT, *PARQUET, *DATABASE):
        remedy = _OTHER.get(ending, "'data.csv'").format(path)
        raise InvalidInput("unknown kind of file", value=os.path.basename(path),
                           bound="one of " + ", ".join((*TEXT, *PARQUET, *DATABASE)),
                           remedy=remedy)
    if not os.access(path, os.R_OK):
        raise DataError("the file may not be read", value=path, bound="read permission",
                        remedy=f"chmod u+r {path!r}")
    if os.path.getsize(path) == 0:
        raise DataError("the file is empty", value=path, bound="a header line and rows",
                        remedy="name,age,city   # and below it a line for each row")


def _nearby(path: str) -> str:
    """The path that was probably meant, or how to see what there is."""
    import difflib

    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"ls {os.path.dirname(folder) or '.'!r}"
    close = difflib.get_close_matches(os.path.basename(path), os.listdir(folder), n=1)
    return repr(os.path.join(os.path.dirname(path), close[0])) if close else f"ls {folder!r}"


@contextmanager
def _opening(describe: str) -> Iterator[None]:
    import duckdb

    try:
        yield
        return
    except duckdb.Error as error:
        failure = explain(error, describe)
    # Raised out here, where DuckDB's error does not hang on as its context.
    raise failure


def _parquet_reader(path: str, *, describe: str) -> Reader:
    source = f"read_parquet({file_pattern(path)}, hive_partitioning = false)"
    with _opening(describe), connect() as con:
        rows = con.sql(f"SELECT * FROM {source}")
        columns, types = rows.columns, [str(kind) for kind in rows.types]
        names = _parquet_names(con, path)
    if len(names) != len(columns):
        names = columns
    reader = _own_reader(None, f"FROM {source}", names, types, columns, describe)
    known = dict(zip(reader.columns, zip(columns, types, strict=True), strict=True))
    return replace(reader, typed=Typed(source, known))


def _parquet_names(con: Any, path: str) -> list[str]:
    """Top-level names as the file writes them: DuckDB renames those that differ by case."""
    entries = con.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({file_pattern(path)})"
    ).fetchall()
    names: list[str] = []
    index = 1  # after the root
    while index < len(entries):
        names.append(entries[index][0])
        open_nodes = 1
        while open_nodes and index < len(entries):
            open_nodes += int(entries[index][1]) - 1
            index += 1
    return names


def _own_reader(database: str | None, rest: str, names: list[str], types: list[str],
                columns: list[str], describe: str) -> Reader:
    """Every scan has a connection of its own, so that two can run at once."""

    @contextmanager
    def relation(select: str) -> Iterator[Any]:
        with connect(database) as con:
            yield con.sql(f"SELECT {select} {rest}")

    return table_reader(names, types, columns, describe=describe, relation=relation)


def _database_reader(path: str, *, describe: str, query: str | None,
                     table: str | None) -> Reader:
    if query is not None and table is not None:
        raise InvalidInput("query= and table= exclude each other", value=table,
                           remedy=f"privet.read({path!r}, table={table!r})")
    if query is not None:
        require_reading(query)
    with _opening(describe), connect(path) as con:
        if query is None:
            table = _table_of(con, path, table)
        rest = f"FROM ({query.rstrip().rstrip(';')}\n) AS data" if query else f"FROM {table}"
        rows = con.sql(query.rstrip().rstrip(";") if query else f"SELECT * FROM {table}")
        names, types = rows.columns, [str(kind) for kind in rows.types]
    what = f"query on {describe}" if query else f"table {table} of {describe}"
    return _own_reader(path, rest, names, types, names, what)


def _table_of(con: Any, path: str, table: str | None) -> str:
    found = con.execute(
        "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
    ).fetchall()
    names = [name if schema == "main" else f"{schema}.{name}" for schema, name in found]
    shown = ", ".join(map(repr, names)) or "none: the database is empty"
    if table is None and len(names) == 1:
        table = names[0]
    if table is None or table not in names:
        problem = "which table?" if table is None else "no such table"
        example = names[0] if names else "patients"
        raise DataError(f"{problem} in {os.path.basename(path)!r}", value=table,
                        bound=f"one of {shown}",
                        remedy=f"privet.read({path!r}, table={example!r})")
    schema, name = found[names.index(table)]
    return f"{quoted(schema)}.{quoted(name)}"
