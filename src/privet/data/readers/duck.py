"""Streams of DuckDB queries as NumPy columns: typed tables, and the shared plumbing.

Every column is cast to BOOLEAN, BIGINT, DOUBLE or VARCHAR inside DuckDB and arrives through
`arrow_stream`; a query is never held whole. Casts are total: no cell makes a query raise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from privet.data.readers.arrow_stream import Piece, StreamError, pieces
from privet.data.readers.base import Reader, rechunk, unique_names
from privet.data.values import Array, Batch
from privet.errors import DataError

if TYPE_CHECKING:
    import duckdb

# No extension is fetched from the network, a Python variable is never read as a table, and no
# progress bar is drawn on standard output, which may be a pipe.
_CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

T = TypeVar("T")
_SMALL_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_LARGE_WHOLE = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_STAMPS = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATETIME"}


class Field(NamedTuple, Generic[T]):
    """How one column is asked for and put together.

    Attributes:
        parts: SQL expressions, each BOOLEAN, BIGINT, DOUBLE or VARCHAR.
        build: makes the raw column of one batch from their pieces, or several columns.
    """

    parts: tuple[str, ...]
    build: Callable[[Sequence[Piece]], T]


def connect(path: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection of our own: in memory, or to a database file, read-only."""
    import duckdb

    if path is None:
        con = duckdb.connect(config=_CONFIG)
    else:
        con = duckdb.connect(path, read_only=True, config=_CONFIG)
    con.execute("SET python_enable_replacements = false")
    # In a notebook without ipywidgets the bar is off, and even switching it off is an error.
    ((shown,),) = con.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    if shown:
        con.execute("SET enable_progress_bar = false")
    return con


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A value as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def file_pattern(path: str) -> str:
    """A path as an SQL string that DuckDB's globbing reads as itself."""
    return text(re.sub(r"([*?\[])", r"[\1]", path))


def stream(
    relation: Any, fields: Sequence[Field[T]], size: int
) -> Iterator[list[T]]:
    """Yield the raw columns of `relation`, which selects the fields' parts in order."""
    width = sum(len(field.parts) for field in fields)
    batches = rechunk(
        pieces(relation, width=width), size, rows=_rows, join=_join, cut=_cut
    )
    for batch in batches:
        out, start = [], 0
        for field in fields:
            stop = start + len(field.parts)
            out.append(field.build(batch[start:stop]))
            start = stop
        yield out


def table_reader(
    names: Sequence[str],
    types: Sequence[str],
    columns: Sequence[str],
    *,
    describe: str,
    relation: Callable[[str], AbstractContextManager[Any]],
) -> Reader:
    """A reader of a typed DuckDB relation.

    Args:
        names: the columns' public names.
        types: DuckDB's types, as text.
        columns: the names by which DuckDB knows them.
        describe: where the rows come from.
        relation: the relation "SELECT <list>" over the rows, its connection open until it ends.
    """
    public = unique_names(names, describe=describe)
    fields = {
        name: typed_field(quoted(column), kind)
        for name, column, kind in zip(public, columns, types, strict=True)
    }

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Batch]:
        chosen = [fields[name] for name in wanted]
        select = ", ".join(
            f"{part} AS p{i}_{j}" for i, f in enumerate(chosen) for j, part in enumerate(f.parts)
        )

        def start() -> Iterator[list[Array]]:
            with relation(select) as rows:
                yield from stream(rows, chosen, size)

        for arrays in guarded(start, describe):
            yield dict(zip(wanted, arrays, strict=True))

    return Reader(public, describe, pull)


def guarded(start: Callable[[], Iterator[Any]], describe: str) -> Iterator[Any]:
    """Run a stream and turn DuckDB's errors into ours, without its text, which shows cells."""
    import duckdb

    try:
        yield from start()
        return
    except (duckdb.Error, StreamError, UnicodeDecodeError) as error:
        failure = explain(error, describe)
    # Raised out here, where DuckDB's error does not hang on as its context.
    raise failure


def explain(error: Exception, describe: str) -> DataError:
    """Our error for one of DuckDB's: the reason and the line, never the cells."""
    message = str(error)
    found = re.search(r"CSV Error on Line: (\d+)", message)
    where = f"line {found[1]} of {describe}" if found else describe
    if "open result" in message:
        return DataError(
            f"{describe} is being read already",
            bound="one running scan of a connection's relation at a time",
            remedy="finish the first loop, or make the second relation on con.cursor()",
        )
    if "nicode" in message or "utf-8" in message.lower() or isinstance(error, UnicodeDecodeError):
        return DataError(f"{where} is not UTF-8 text", bound="UTF-8",
                         remedy="iconv -f LATIN1 -t UTF-8 old.csv > new.csv")
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if width:
        return DataError(f"{where} has another number of cells than the first line",
                         value=max(int(width[2]), _cells_of(message)), bound=f"{width[1]} cells",
                         remedy='"quotes, around cells that hold the separator"')
    if "Maximum line size" in message:
        return DataError(f"{where} is longer than a line may be",
                         bound="2,000,000 bytes", remedy="close the quotes before it")
    if "unterminated quote" in message:
        return DataError(f"{where} has a quote that does not close", bound='"balanced quotes"',
                         remedy='"a quote "" inside a cell is doubled"')
    return DataError(f"cannot read {where} ({type(error).__name__})",
                     remedy="check that the file is complete and not still being written")


def _cells_of(message: str) -> int:
    """Count the cells of the line that DuckDB's error shows: it stops at the first too many."""
    line = re.search(r"Original Line: (.*)\nExpected Number of Columns", message, re.DOTALL)
    sign = re.search(r"\n  delimiter = (.*) \(Set By User\)", message)
    if line is None or sign is None:
        return 0
    separator = sign[1].replace("\\t", "\t")
    bare = re.sub(r'"(?:[^"]|"")*"', "", line[1])
    return bare.count(separator) + 1


def typed_field(column: str, kind: str) -> Field[Array]:
    """How to ask for a column of a DuckDB type (`kind`, as DuckDB names it)."""
    base = kind.split("(")[0]
    if base == "BOOLEAN":
        return Field((column,), one)
    if base in _SMALL_WHOLE:
        return Field((f"CAST({column} AS BIGINT)",), one)
    if base in _LARGE_WHOLE:
        return Field((f"CAST({column} AS VARCHAR)",), _whole_texts)
    if base in ("FLOAT", "DOUBLE", "DECIMAL"):
        return Field((f"CAST({column} AS DOUBLE)",), one)
    if base in _STAMPS:
        return Field((_stamp(f"CAST({column} AS TIMESTAMP)"),), one)
    if base == "TIMESTAMP WITH TIME ZONE":
        utc = f"make_timestamp(epoch_us({column}))"
        iso = f"regexp_replace(strftime({utc}, '%Y-%m-%dT%H:%M:%S.%f'), '\\.000000$', '')"
        return Field((f"{iso} || '+00:00'",), one)
    return Field((f"CAST({column} AS VARCHAR)",), one)


def _stamp(column: str) -> str:
    """ISO text as `values.canonical` writes it: no zero fraction, no midnight."""
    iso = f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%f')"
    return f"regexp_replace({iso}, '(T00:00:00)?\\.000000$', '')"


def one(parts: Sequence[Piece]) -> Array:
    """The raw column of a single piece: NaN or None where it is NULL."""
    values, valid = parts[0]
    if valid is None or valid.all():
        return values
    if values.dtype == np.float64:
        numbers: Array = np.where(valid, values, np.nan)
        return numbers
    out = np.empty(len(values), dtype=object)
    out[valid] = values[valid].astype(object)
    return out


def _whole_texts(parts: Sequence[Piece]) -> Array:
    column = one(parts).astype(object)
    out = np.empty(len(column), dtype=object)
    out[:] = [None if cell is None else int(cell) for cell in column]
    return out


def _rows(batch: tuple[Piece, ...]) -> int:
    return len(batch[0].values)


def _cut(batch: tuple[Piece, ...], start: int, stop: int) -> tuple[Piece, ...]:
    return tuple(
        Piece(p.values[start:stop], None if p.valid is None else p.valid[start:stop])
        for p in batch
    )


def _join(batches: list[tuple[Piece, ...]]) -> tuple[Piece, ...]:
    return tuple(_join_column(column) for column in zip(*batches, strict=True))


def _join_column(parts: tuple[Piece, ...]) -> Piece:
    values = np.concatenate([part.values for part in parts])
    if all(part.valid is None for part in parts):
        return Piece(values, None)
    valid = [np.ones(len(p.values), bool) if p.valid is None else p.valid for p in parts]
    return Piece(values, np.concatenate(valid))
