"""A schema guessed from the rows themselves: for `Plain`, and as a first draft.

Every bound and category in it is a function of private rows and marked `bounds_from = "data"`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from privet.data.columns import Column
from privet.data.names import unknown_column
from privet.data.schema import Schema
from privet.data.source import require_rows
from privet.data.types import Unit
from privet.data.values import Array, Batch, is_missing, label

MOST_CATEGORIES = 100
"""A text column with more distinct values is taken for an identifier."""
MOST_CLASSES = 20
"""A target of whole numbers with at most this many distinct values is taken for classes."""
_FAR = 2.0**1000


@dataclass
class _Seen:
    """What was seen of one column so far."""

    rows: int = 0
    absent: bool = False
    booleans: bool = True
    numeric: bool = True
    whole: bool = True
    low: float = np.inf
    high: float = -np.inf
    values: dict[str, Any] | None = field(default_factory=dict)

    def add(self, values: Array) -> None:
        self.rows += len(values)
        if values.dtype == object:
            self._add_objects(values)
            return
        if values.dtype == np.bool_:
            self._add_present(np.unique(values).tolist())
            return
        numbers = values.astype(np.float64)
        self.booleans &= bool(np.isnan(numbers).all())
        self._add_numbers(numbers)
        # floats are compared as floats: 1.0 and 1 are the same class
        if self.values is not None:
            self._remember(np.unique(numbers[np.isfinite(numbers)]).tolist())

    def _add_objects(self, values: Array) -> None:
        cells = values.tolist()
        if set(map(type, cells)) <= {str, type(None)}:
            cells = list(set(cells))  # how often a text stands does not matter
        present = [value for value in cells if not is_missing(value) and label(value)]
        self.absent |= len(present) < len(cells)
        self._add_present(present)

    def _add_present(self, present: list[Any]) -> None:
        if not present:
            return
        types = set(map(type, present))
        self.booleans &= types <= {bool}
        self.numeric &= types <= {int, float}
        if self.numeric:
            present = [value for value in present if abs(value) != np.inf]
            self._add_numbers(np.clip(np.array(present, dtype=object), -_FAR, _FAR).astype(float))
        self._remember(present)

    def _add_numbers(self, numbers: Array) -> None:
        finite = numbers[np.isfinite(numbers)]
        self.absent |= bool(np.isnan(numbers).any())
        if len(finite):
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))
            self.whole &= bool((finite == np.floor(finite)).all())

    def _remember(self, values: Iterable[Any]) -> None:
        if self.values is None:
            return
        for value in values:
            self.values.setdefault(str(label(value)), value)
            if len(self.values) > MOST_CATEGORIES:
                self.values = None
                return


def infer(batches: Iterable[Batch], *, target: str | None, unit: Unit) -> Schema:
    """Guess a schema from canonical batches, in one pass and constant memory.

    Numbers get their least and greatest value as bounds; texts with at most `MOST_CATEGORIES`
    distinct values become categories, other texts identifiers; columns without any value are
    ignored. Missing values get a level where there are any, and drop the row in the target.

    Raises:
        DataError: there is no row.
        UnknownColumn: the target or the unit is not among the columns.
    """
    seen: dict[str, _Seen] = {}
    for batch in batches:
        for name, values in batch.items():
            seen.setdefault(name, _Seen()).add(values)
    require_rows(sum(column.rows for column in seen.values()))
    for line, named in (("target", target), ("column", None if unit.is_row else unit.name)):
        if named is not None and named not in seen:
            what = "the target" if line == "target" else "the id of the privacy unit"
            raise unknown_column(named, seen, where=f"{what} is missing: the data have",
                                 remedy=f'{line} = "{{}}"')
    columns = {
        name: Column(name, "identifier", bounds_from="data") if name == unit.name
        else _guess(name, column, is_target=name == target)
        for name, column in seen.items()
    }
    return Schema(columns, target, unit)


def _guess(name: str, seen: _Seen, *, is_target: bool) -> Column:
    missing = ("drop-row" if is_target else "level") if seen.absent else "refuse"
    if not seen.values and seen.values is not None:
        return Column(name, "ignore", bounds_from="data")
    if seen.booleans:
        return Column(name, "boolean", missing=missing, bounds_from="data")
    few = seen.values is not None and len(seen.values) <= MOST_CLASSES
    if seen.numeric and not (is_target and seen.whole and few):
        kind = "integer" if seen.whole else "number"
        return Column(name, kind, bounds=_bounds(seen), missing=missing, bounds_from="data")
    if seen.values is None:
        return Column(name, "identifier", bounds_from="data")
    categories = tuple(_sorted(seen.values, whole=seen.numeric))
    return Column(name, "category", categories=categories, missing=missing, bounds_from="data")


def _bounds(seen: _Seen) -> tuple[float, float]:
    low, high = (float(np.clip(value, -_FAR, _FAR)) for value in (seen.low, seen.high))
    return low, high if high > low else max(low + 1.0, float(np.nextafter(low, np.inf)))


def _sorted(values: dict[str, Any], *, whole: bool) -> list[Any]:
    if whole:
        return sorted(int(value) for value in values.values())
    return sorted(values)
