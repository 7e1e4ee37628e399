"""The encoded columns that one declared column becomes, and how they are filled.

Every block is one group of the norm's sum: the squares of its cells add up to at most 1 in any
row (a scaled number with its indicator, or the one-hot levels), because the indicator of a
missing number stands exactly where the number itself is 0.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.data.columns import Column
from privet.data.tomlfile import heading
from privet.data.values import (
    MISSING,
    UNKNOWN,
    Array,
    codes,
    is_missing,
    label,
    to_numbers,
    truths,
)
from privet.errors import DataError, MissingBounds, UndeclaredMissing, UnknownCategory

DEFAULT_BINS = 16
"""Equal bins of a number that declares none."""


@dataclass(frozen=True)
class Block(ABC):
    """The encoded columns of one column.

    Attributes:
        column: its declaration.
        names: names of the encoded columns.
        low, high: least and greatest value of each; infinite for a number without bounds.
    """

    column: Column
    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def width(self) -> int:
        """How many encoded columns."""
        return len(self.names)

    @abstractmethod
    def write(self, values: Array, out: Array) -> None:
        """Fill (m, width) zeros from m canonical cells.

        Raises:
            UndeclaredMissing, UnknownCategory, DataError: never showing a cell.
        """


@dataclass(frozen=True)
class NumberBlock(Block):
    """A number, clipped and scaled to [-1, 1]; as it is where no bounds are declared."""

    def write(self, values: Array, out: Array) -> None:
        """Fill the number, and the indicator where a missing one has a level."""
        numbers = settled_numbers(self.column, values)
        absent = np.isnan(numbers)
        out[:, 0] = np.where(absent, 0.0, scale(numbers, self.column.range))
        if self.column.missing == "level":
            out[:, 1] = absent


@dataclass(frozen=True)
class TruthBlock(Block):
    """A boolean: one column, 0 for false and 1 for true."""

    def write(self, values: Array, out: Array) -> None:
        """Fill the truth, and the indicator where a missing one has a level."""
        found = settled_codes(self.column, values)
        out[:, 0] = found == 1
        if self.column.missing == "level":
            out[:, 1] = found == 2


@dataclass(frozen=True)
class LevelBlock(Block):
    """Categories: one-hot, undeclared ones and missing values last where they have a level."""

    def write(self, values: Array, out: Array) -> None:
        """Fill a single 1 in each row."""
        out[np.arange(len(out)), settled_codes(self.column, values)] = 1.0


@dataclass(frozen=True)
class BinBlock(Block):
    """Bins of a number: one-hot, values beyond the outer edges in the outer bins.

    Attributes:
        inner: the edges between bins; a value on an edge belongs to the bin above.
    """

    inner: tuple[float, ...]

    def write(self, values: Array, out: Array) -> None:
        """Fill a single 1 in each row."""
        numbers = settled_numbers(self.column, values)
        absent = np.isnan(numbers)
        found = np.searchsorted(np.array(self.inner), numbers, side="right")
        found[absent] = len(self.inner) + 1
        out[np.arange(len(out)), found] = 1.0


def block_for(column: Column, encoding: str) -> Block:
    """Return the block of a feature column.

    Raises:
        MissingBounds: bins of a number that declares neither bounds nor edges.
    """
    name = column.name
    extra = (f"{name} missing",) if column.missing == "level" else ()
    if column.kind == "boolean":
        return _block(TruthBlock, column, (name, *extra))
    if column.kind == "category":
        other = (f"{name} other",) if column.other == "level" else ()
        levels = tuple(f"{name}={label(level)}" for level in column.levels)
        return _block(LevelBlock, column, (*levels, *other, *extra))
    if encoding == "bins":
        bins, inner = _bins(column)
        return _block(BinBlock, column, (*bins, *extra), inner)
    low, high = (-1.0, 1.0) if column.range else (-np.inf, np.inf)
    ones = (1.0,) * len(extra)
    return NumberBlock(column, (name, *extra), (low, *(0.0 for _ in extra)), (high, *ones))


def _block(kind: Callable[..., Block], column: Column, names: tuple[str, ...], *more: Any) -> Block:
    return kind(column, names, (0.0,) * len(names), (1.0,) * len(names), *more)


def _bins(column: Column) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names and inner edges of a number's bins."""
    if column.range is None:
        raise MissingBounds(f"column {column.name!r} has no bounds to divide into bins",
                            bound="bounds, or the edges of its bins", remedy=bounds_line(column))
    low, high = column.range
    if isinstance(column.bins, tuple):
        return _intervals(column.name, column.bins), column.bins[1:-1]
    first, last = int(np.ceil(low)), int(np.floor(high))
    if column.bins is None and column.kind == "integer" and 0 <= last - first < DEFAULT_BINS:
        values = range(first, last + 1)
        names = tuple(f"{column.name}={value}" for value in values)
        return names, tuple(value - 0.5 for value in values[1:])
    count = column.bins or DEFAULT_BINS
    edges = [low + (high - low) * (index / count) for index in range(count)] + [high]
    return _intervals(column.name, edges), tuple(edges[1:-1])


def _intervals(name: str, edges: Any) -> tuple[str, ...]:
    shown = [f"{edge:.6g}" for edge in edges]
    if len(set(shown)) < len(shown):
        shown = [repr(float(edge)) for edge in edges]
    last = len(shown) - 2
    return tuple(
        f"{name} in [{shown[i]}, {shown[i + 1]}{']' if i == last else ')'}" for i in range(last + 1)
    )


def bounds_line(column: Column) -> str:
    """Return the line that declares a number's bounds, ready to paste once it is filled in."""
    return f"bounds = [LOW, HIGH]   # under {heading(column.name)}"


def scale(numbers: Array, span: tuple[float, float] | None) -> Array:
    """Clip to the span and map it to [-1, 1]; leave numbers without a span as they are."""
    if span is None:
        return numbers
    low, high = span
    # rounding is monotone, so the fraction is at most 1 exactly and no second clip is needed
    fraction: Array = (np.clip(numbers, low, high) - low) / (high - low)
    return fraction * 2.0 - 1.0


def bounded_numbers(column: Column, values: Array) -> Array:
    """Read numbers, NaN where missing; infinite ones only where there are bounds to clip them to.

    Raises:
        DataError: text, or an infinite number without bounds; never showing a cell.
    """
    numbers = to_numbers(values, column=column.name)
    if column.range is None and np.isinf(numbers).any():
        raise DataError(f"column {column.name!r} holds an infinite number, and no bounds to clip "
                        "it to", bound="finite numbers, or declared bounds",
                        remedy=bounds_line(column))
    return numbers


def settled_numbers(column: Column, values: Array) -> Array:
    """Read numbers and apply the rule for missing ones; NaN is left only where it is a level."""
    numbers = bounded_numbers(column, values)
    absent = np.isnan(numbers)
    if absent.any():
        if column.missing == "value":
            numbers[absent] = float(column.fill)  # type: ignore[arg-type]  # checked by columns
        else:
            check_missing(column)
    return numbers


def settled_codes(column: Column, values: Array, *, is_target: bool = False) -> Array:
    """Number the levels 0..K-1, then undeclared ones, then missing ones, as declared.

    `is_target` says which remedy to name: a target may not have a level for other classes.

    Raises:
        UnknownCategory, UndeclaredMissing: never showing a cell.
    """
    table = {str(label(level)): index for index, level in enumerate(column.levels)}
    boolean = column.kind == "boolean"
    found = truths(values) if boolean else codes(values, table)
    count = len(table)
    absent, unknown = found == MISSING, found == UNKNOWN
    if unknown.any():
        if column.other != "level":
            raise _unknown(column, values, is_target=is_target)
        found[unknown] = count
    if absent.any():
        if column.missing == "value":
            found[absent] = table[str(label(column.fill))]
        else:
            check_missing(column)
            found[absent] = count + (column.other == "level")
    return found


def check_missing(column: Column) -> None:
    """Refuse a missing value unless it has a level. Neither cells nor their number are told.

    Raises:
        UndeclaredMissing: naming the column and the line to write.
    """
    if column.missing == "level":
        return
    if column.missing == "drop-row":
        raise UndeclaredMissing(
            f"column {column.name!r} has a missing value; its rule drops the row, and a row to "
            "predict cannot be dropped",
            bound='missing = "level" or {value = ...}',
            remedy=f'missing = "level"   # under {heading(column.name)}',
        )
    raise UndeclaredMissing(
        f"column {column.name!r} has a missing value, and its schema allows none",
        bound='missing = "level", "drop-row" or {value = ...}',
        remedy=f'missing = "level"   # under {heading(column.name)}',
    )


def _unknown(column: Column, values: Array, *, is_target: bool) -> UnknownCategory:
    declared = [label(level) for level in column.levels]
    under = heading(column.name)
    if column.kind == "boolean":
        return UnknownCategory(
            f"column {column.name!r} holds a value that is neither true nor false",
            bound="true/false, yes/no, t/f, y/n or 1/0",
            remedy=f'kind = "category"   # and its categories, under {under}',
        )
    more = f", ... ({len(declared)} in all)" if len(declared) > 20 else ""
    bound = "one of " + ", ".join(map(str, declared[:20])) + more
    if all(isinstance(value, (bool, np.bool_)) or is_missing(value) for value in values):
        return UnknownCategory(
            f"column {column.name!r} holds truth values, and its categories are others",
            bound=f"{bound}; or true and false",
            remedy=f'kind = "boolean"   # instead of kind and categories, under {under}',
        )
    remedy = f'other = "level"   # or add it to categories, under {under}'
    if is_target:
        shown = ", ".join(json.dumps(level, ensure_ascii=False) for level in column.levels[:20])
        rest = ", ..." if more else ""
        remedy = f'categories = [{shown}{rest}, "CLASS"]   # with every class, under {under}'
    return UnknownCategory(
        f"column {column.name!r} holds a value that is not among its categories",
        bound=bound,
        remedy=remedy,
    )
