"""The four array types a column may have once it is read, whatever it was read from.

A canonical column is one of

* ``bool``    no missing value,
* ``int64``   no missing value,
* ``float64`` NaN is missing,
* ``object``  text (or other Python values), None is missing.

Every reader ends in `canonical`, so that equal data give equal batches from every source. What
one cell means (`label`, `to_numbers`, `truths`) is a function of that cell alone, whatever type
the cells around it gave the column; otherwise one person's cell would change how the others are
encoded, and the sensitivity that differential privacy counts on would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from privet.data.tomlfile import heading
from privet.errors import DataError

Array = np.ndarray[Any, Any]
Batch = dict[str, Array]
Scalar = str | int | float | bool

MISSING = -1
"""Code of a missing value in `codes`."""
UNKNOWN = -2
"""Code of a value outside the declared categories in `codes`."""

POINTS = 'pandas.read_csv("old.csv", sep=";", decimal=",").to_csv("new.csv", index=False)'
"""The line that rewrites a file of numbers with decimal commas."""
_COMMA = re.compile(r"[+-]?([0-9]*|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+")
_EXACT = 2**53
_LARGEST = float(np.finfo(np.float64).max)
_TRUTHS = {"true": 1, "t": 1, "yes": 1, "y": 1, "1": 1, "false": 0, "f": 0, "no": 0, "n": 0, "0": 0}
_MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})


def canonical(values: Any) -> Array:
    """Turn one column, (n,) of anything, into one of the four canonical types.

    Integers beyond 2**53 beside missing values stay exact, as objects. Dates become ISO text,
    without the time where it is midnight.
    """
    column: Array
    if isinstance(values, np.ma.MaskedArray):
        column = _with_none(np.asarray(values.astype(object)), np.ma.getmaskarray(values))
    else:
        column = values if isinstance(values, np.ndarray) else _objects(values)
    kind = column.dtype.kind
    if kind == "b":
        return column
    if kind == "i" or (kind == "u" and column.dtype.itemsize < 8):
        return column.astype(np.int64, copy=False)
    if kind == "f":
        return column.astype(np.float64, copy=False)
    if kind == "M":
        return _objects([_iso(item) for item in column.astype("datetime64[us]").tolist()])
    return _from_objects(column.astype(object))


def _objects(values: Sequence[Any]) -> Array:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _iso(value: date | None) -> str | None:
    if not isinstance(value, datetime):
        return None if value is None else value.isoformat()
    # A blank before the time, as files of text are exported with.
    return value.isoformat(" ").removesuffix(" 00:00:00")


def is_missing(value: Any) -> bool:
    """True for None, NaN and the missing marks of pandas."""
    if isinstance(value, (float, np.floating)):
        return bool(value != value)
    return type(value).__name__ in _MISSING_TYPES


def _from_objects(values: Array) -> Array:
    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        return values
    absent = np.fromiter(map(is_missing, values), dtype=bool, count=len(values))
    present = values[~absent]
    kinds = set(map(type, present))
    if kinds and all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return present.astype(bool) if not absent.any() else _with_none(values, absent)
    # True is no 1 here: what a cell means must not depend on the types of the cells around it.
    if kinds and all(issubclass(kind, _NUMERIC) and kind is not bool for kind in kinds):
        return _numbers_from_objects(values, absent, kinds)
    out = np.empty(len(values), dtype=object)
    for index in np.flatnonzero(~absent):
        out[index] = _cell(values[index])
    return out


def _cell(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return _iso(value)
    if isinstance(value, Decimal):
        return _number(value)
    return value.item() if isinstance(value, np.generic) else value


def _with_none(values: Array, absent: Array) -> Array:
    out = values.copy()
    out[absent] = None
    return out


_WHOLE = (int, np.integer)
_NUMERIC = (int, float, Decimal, np.integer, np.floating)


def _numbers_from_objects(values: Array, absent: Array, kinds: set[type]) -> Array:
    whole = all(issubclass(kind, _WHOLE) for kind in kinds)
    largest = max((abs(int(v)) for v in values[~absent] if isinstance(v, _WHOLE)), default=0)
    if whole and not absent.any() and largest < 2**63:
        return values.astype(np.int64)
    if largest > _EXACT:
        out = np.empty(len(values), dtype=object)
        for index in np.flatnonzero(~absent):
            out[index] = _cell(values[index])
        return out
    out = np.full(len(values), np.nan)
    out[~absent] = [_number(value) for value in values[~absent]]
    return out


def to_numbers(values: Array, *, column: str) -> Array:
    """Read a canonical column as float64 numbers, NaN where missing; infinite ones stay so.

    Raises:
        DataError: some cell is text that is not a number (the cell is never shown).
    """
    numbers = _parsed(values)
    # Raised out here, so that the error's context holds no cell either.
    if numbers is None and all(map(_reads_with_comma, values)):
        raise DataError(f"column {column!r} holds numbers with a decimal comma",
                        bound="numbers with a decimal point", remedy=POINTS)
    if numbers is None:
        raise DataError(
            f"column {column!r} holds text that is not a number",
            bound='numbers, as its kind = "number" says',
            remedy=f'kind = "category"   # or "ignore", under {heading(column)}',
        )
    return numbers


def _parsed(values: Array) -> Array | None:
    try:
        if values.dtype == object:
            return np.array([_number(value) for value in values], dtype=np.float64)
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return None


def is_decimal_comma(text: str) -> bool:
    """True for a number whose fraction follows a comma: "1,5", "-1.234,56"."""
    return bool(_COMMA.fullmatch(text.strip()))


def _reads_with_comma(value: Any) -> bool:
    if isinstance(value, str) and is_decimal_comma(value):
        return True
    return _parsed(_objects([value])) is not None


def _number(value: Any) -> float:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return np.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond float64 is as far out as can be, not missing
        return _LARGEST if value > 0 else -_LARGEST


def label(value: Any) -> str | None:
    """Name one cell or category as text, equal for 1, 1.0 and "1"; None where missing."""
    if is_missing(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


class _Memo(dict[Any, Any]):
    """Remembers what a function said of each text."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, key: Any) -> Any:
        said = self[key] = self.function(key)
        return said


def _remember(function: Callable[[Any], Any], values: Array) -> Callable[[Any], Any]:
    # only where equal keys mean the same cell: 1, 1.0 and True are equal keys, but no equal labels
    text = set(map(type, values)) <= {str, type(None)}
    return _Memo(function).__getitem__ if text else function


def labels(values: Array) -> Array:
    """`label` of every cell of a canonical column, (n,) object."""
    if values.dtype == object:
        return _objects([*map(_remember(label, values), values)])
    unique, inverse = np.unique(values, return_inverse=True)
    return _objects([label(value) for value in unique.tolist()])[inverse]


def codes(values: Array, table: dict[str, int]) -> Array:
    """Look up each cell's label: (n,) int64, `MISSING` and `UNKNOWN` below zero."""
    if values.dtype == object:

        def look(value: Any) -> int:
            return _code(label(value), table)

        found = map(_remember(look, values), values)
        return np.fromiter(found, dtype=np.int64, count=len(values))
    unique, inverse = np.unique(values, return_inverse=True)
    coded = [_code(label(value), table) for value in unique.tolist()]
    return np.array(coded, dtype=np.int64)[inverse]


def _code(text: str | None, table: dict[str, int]) -> int:
    return MISSING if not text else table.get(text, UNKNOWN)


def truths(values: Array) -> Array:
    """Codes of a boolean column: 0 false, 1 true; yes/no, t/f, y/n and 1/0 are understood."""
    if values.dtype != object:
        return codes(values, _TRUTHS)
    return codes(_objects([v.strip().lower() if isinstance(v, str) else v for v in values]),
                 _TRUTHS)


def concatenate(parts: Sequence[Array]) -> Array:
    """Join canonical pieces of one column, whose types may differ, to one canonical column."""
    if len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    return canonical(np.concatenate([part.astype(object) for part in parts]))
