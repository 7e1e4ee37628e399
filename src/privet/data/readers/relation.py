"""A DuckDB relation of the caller's, on the caller's connection."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from privet.data.readers.base import Reader
from privet.data.readers.duck import table_reader


def relation_reader(source: Any) -> Reader:
    """A reader of a DuckDB relation; each scan runs it again on its own connection.

    Raises:
        DataError: two columns with one name; and, while scanning, a connection that is busy
            with another scan.
    """
    names = list(source.columns)
    types = [str(kind) for kind in source.types]
    return table_reader(names, types, names, describe="DuckDB relation",
                        relation=lambda select: nullcontext(source.project(select)))
