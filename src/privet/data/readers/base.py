"""What every reader shares: a re-iterable `Reader`, batches of one size, one finish.

Equal data give equal batches from every source, because every column of every batch ends in
`finish`, and because a batch has exactly `size` rows (the last one fewer) whatever pieces the
source came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from privet.data.names import unknown_column
from privet.data.values import Array, Batch, canonical, is_missing
from privet.errors import DataError, InvalidInput, whole

MARKS = frozenset({"", "NULL", "null", "NA", "NaN", "nan"})
"""Text that means a missing value, in every source and after stripping blanks, beside a real
NULL, None or NaN. A question mark is none of them: it is an ordinary category, unless the
schema leaves it out of the categories and says other = "level"."""

BATCH = 65_536
"""Rows of a batch if nothing else is said."""

T = TypeVar("T")
Raw = dict[str, Any]
"""Columns of one batch before `finish`: arrays or sequences, (m,) each."""
Pull = Callable[[tuple[str, ...], int], Iterator[Raw]]


@dataclass(frozen=True)
class Typed:
    """A source that DuckDB reads by itself, for those who run DuckDB themselves.

    Attributes:
        relation: what stands after FROM.
        columns: by public name, how DuckDB calls a column and its type.
    """

    relation: str
    columns: dict[str, tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Reader:
    """A source of rows; satisfies `privet.data.source.Source`.

    Attributes:
        columns: the names, in the source's order, all different.
        describe: one line on where the rows come from, without passwords or cells.
        pull: yields raw batches of `size` rows with exactly the named columns.
        typed: how DuckDB reads the same rows; None where it cannot, or not in the same way.
    """

    columns: tuple[str, ...]
    describe: str
    pull: Pull
    typed: Typed | None = None

    def batches(
        self, columns: Sequence[str] | None = None, size: int = BATCH
    ) -> Iterator[Batch]:
        """Yield {name: (m,) canonical array} in the source's row order, m = size but at the end.

        Can be called any number of times, except on a record batch reader, which is spent
        after one. The check of the arguments comes before the first batch.

        Raises:
            UnknownColumn: a name that the source does not have.
            InvalidInput: no column is named, or size is below 1.
            DataError: the rows cannot be read; the message shows no cell.
        """
        names = self.columns if columns is None else tuple(columns)
        check_known(names, self.columns)
        return self._checked(names, whole(least=1, size=size))

    def _checked(self, names: tuple[str, ...], size: int) -> Iterator[Batch]:
        for batch in self.pull(names, size):
            if len(batch[names[0]]):
                yield {name: finish(batch[name]) for name in names}


def check_known(names: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Refuse names that the source lacks, repeated names, and none at all."""
    if not names:
        raise InvalidInput("no column is named", bound="at least one column",
                           remedy=f"columns=[{known[0]!r}]")
    for name in names:
        if name not in known:
            raise unknown_column(name, known, where="the data have")
    if len(set(names)) < len(names):
        raise InvalidInput("a column is named twice", value=list(names), bound="each at most once",
                           remedy=f"columns={list(dict.fromkeys(names))!r}")


def unique_names(names: Iterable[Any], *, describe: str) -> tuple[str, ...]:
    """The column names as text.

    Raises:
        DataError: no column at all, or two columns with one name.
    """
    found = tuple(str(name) for name in names)
    if not found:
        raise DataError(f"{describe} has no columns", value=0, bound="at least one column",
                        remedy='{"age": [41, 67], "city": ["Rome", "Oslo"]}')
    first: dict[str, int] = {}
    for place, name in enumerate(found, start=1):
        if first.setdefault(name, place) == place:
            continue
        raise DataError(  # by their places: a file without a header would show its cells
            f"{describe} has two columns with one name",
            value=f"columns {first[name]} and {place}",
            bound="every column name once",
            remedy="rename one of them in the source",
        )
    return found


def finish(values: Any) -> Array:
    """One canonical column from raw values, (n,).

    Marks of a missing value become None, objects that are neither text nor numbers become
    text, and a wholly missing column is float64 NaN: its type would otherwise say what the
    source was.
    """
    column = canonical(values)
    if column.dtype == object:
        cells = [_cell(value) for value in column]
        column = np.empty(len(cells), dtype=object)
        column[:] = cells
        if all(cell is None for cell in cells):
            return np.full(len(cells), np.nan)
    return column


def _cell(value: Any) -> Any:
    if type(value) is str:
        return None if value.strip() in MARKS else value
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float)) else str(value)


def rechunk(
    pieces: Iterable[T],
    size: int,
    *,
    rows: Callable[[T], int],
    join: Callable[[list[T]], T],
    cut: Callable[[T, int, int], T],
) -> Iterator[T]:
    """Regroup pieces of any length into pieces of exactly `size` rows, the last one fewer.

    Args:
        pieces: what the source yields.
        size: rows wanted.
        rows: counts a piece.
        join: concatenates pieces.
        cut: rows [start, stop) of a piece.
    """
    held: list[T] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += rows(piece)
        if count < size:
            continue
        full = join(held) if len(held) > 1 else held[0]
        start = 0
        while count - start >= size:
            yield cut(full, start, start + size)
            start += size
        held = [cut(full, start, count)] if start < count else []
        count -= start
    if count:
        yield join(held) if len(held) > 1 else held[0]
