"""Readers: whatever holds the rows becomes a `Source` of canonical batches.

    open_source("patients.csv").batches()

Nothing is loaded whole, and no optional library is imported for data that are not its own.
"""

from __future__ import annotations

import os
from typing import Any, cast

from privet.data.readers.base import BATCH, MARKS, Reader
from privet.errors import InvalidInput

__all__ = ["BATCH", "MARKS", "Reader", "open_source"]

_KNOWN = (
    "a path to .csv, .csv.gz, .tsv, .parquet or .duckdb; a database URL with query= or table=; "
    "a pandas or polars frame; an Arrow table, dataset or reader; a DuckDB relation; "
    "arrays (X, y), a structured array or a dict of arrays"
)


def open_source(source: Any, *, query: str | None = None, table: str | None = None) -> Reader:
    """Open anything that holds rows.

    Args:
        source: a path (CSV and TSV, also gzipped; Parquet; DuckDB), a database URL or
            SQLAlchemy engine, a pandas or polars frame (eager or lazy), an Arrow table, record
            batch, dataset or reader, a DuckDB relation, a pair (X, y) of arrays, a matrix, a
            structured array or a dict of arrays. A `Source` is returned as it is.
        query: SQL whose rows are read; for a DuckDB file or a database.
        table: a table whose rows are read, likewise.

    Returns:
        A source that can be scanned again and again. Missing are NULL, None, NaN and the text
        marks of `MARKS`, in every kind of source; "?" is an ordinary category.

    Raises:
        InvalidInput: an object, file ending, or combination of arguments that is not known.
        DataError: the rows cannot be read: no such file, empty, malformed, a name used twice.
        Unavailable: a database driver is not installed.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_text(os.fspath(source), query=query, table=table)
    if type(source).__module__.partition(".")[0] == "sqlalchemy":
        from privet.data.readers.database import database_reader

        return database_reader(source, query=query, table=table)
    if query is not None or table is not None:
        raise InvalidInput("query= and table= are for databases", value=type(source).__name__,
                           bound="a DuckDB file or a database URL", remedy="privet.read(source)")
    reader = _from_object(source)
    if reader is None:
        raise InvalidInput("no rows can be read from this object", value=type(source).__name__,
                           bound=_KNOWN, remedy="privet.read(\"data.csv\")")
    return reader


def _from_text(place: str | bytes, *, query: str | None, table: str | None) -> Reader:
    path = os.fsdecode(place)
    scheme, mark, _ = path.partition("://")
    if not mark:
        from privet.data.readers.files import file_reader

        return file_reader(path, query=query, table=table)
    if scheme.lower() in ("http", "https", "s3", "gs", "ftp", "file"):
        raise InvalidInput("data are read from this machine only", value=f"{scheme}://",
                           bound="a path or a database URL", remedy='privet.read("data.csv")')
    from privet.data.readers.database import database_reader

    return database_reader(path, query=query, table=table)


def _from_object(source: Any) -> Reader | None:
    # By class, not object: asking a lazy frame for its columns would plan its query.
    if hasattr(type(source), "batches") and isinstance(getattr(source, "columns", None), tuple):
        return cast(Reader, source)
    from privet.data.readers.arrays import arrays_reader
    from privet.data.readers.frames import frame_reader

    if type(source).__name__ == "DuckDBPyRelation":
        from privet.data.readers.relation import relation_reader

        return relation_reader(source)
    return frame_reader(source) or arrays_reader(source)
