"""Where rows come from: the interface that every reader keeps, and rows in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from privet.data.values import Batch, canonical
from privet.errors import DataError

BATCH = 65536
"""Rows in one batch unless told."""


@runtime_checkable
class Source(Protocol):
    """A table that can be scanned again and again, without being held in memory."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""

    @property
    def describe(self) -> str:
        """What a person would call it: a file's name, a kind of frame."""

    def batches(
        self, columns: Sequence[str] | None = None, size: int = BATCH
    ) -> Iterator[Batch]:
        """Yield canonical batches of at most `size` rows of the given columns (None: all)."""


class Frame:
    """Columns in memory, (n,) each, made canonical once.

    Raises:
        DataError: the columns are not one-dimensional or not of one length.
    """

    def __init__(self, columns: Mapping[str, Any], describe: str = "arrays in memory") -> None:
        self._columns: Batch = {str(name): canonical(values) for name, values in columns.items()}
        shapes = {values.shape for values in self._columns.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            raise DataError("columns must be of one length", value=sorted(shapes),
                            bound="(n,) each", remedy="{name: values[:n] for each column}")
        self.rows = next(iter(shapes))[0] if shapes else 0
        self.describe = describe

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._columns)

    def batches(
        self, columns: Sequence[str] | None = None, size: int = BATCH
    ) -> Iterator[Batch]:
        """Yield slices of at most `size` rows."""
        names = self.columns if columns is None else tuple(columns)
        for start in range(0, self.rows, size):
            yield {name: self._columns[name][start : start + size] for name in names}


def require_rows(rows: int, name: str = "the table") -> None:
    """Refuse a table without rows; `name` is what a person would call it.

    Raises:
        DataError: naming the line to write.
    """
    if not rows:
        raise DataError(f"{name} holds no rows", value=0, bound="at least one row",
                        remedy='pv.read("rows.csv")   # with a line for each row below its header')


def rows_in(source: Source) -> int:
    """Count the rows by a scan of one column; of arrays in memory, without one."""
    if isinstance(source, Frame):
        return source.rows
    name = source.columns[:1]
    return sum(len(batch[name[0]]) for batch in source.batches(name)) if name else 0
