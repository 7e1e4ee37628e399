"""One column of a schema: what its values may be, and what a missing one means."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NoReturn

from privet.data.tomlfile import heading
from privet.data.values import Scalar, label
from privet.errors import SchemaError

KINDS = ("number", "integer", "category", "boolean", "identifier", "ignore")
"""What a column may be; an identifier or an ignored column never reaches a model."""
MISSING_RULES = ("refuse", "level", "drop-row")
ORIGINS = ("domain", "data", "dp")
"""Where bounds or categories came from; only "data" is not public."""
_KEYS = ("kind", "bounds", "bins", "categories", "missing", "other", "bounds_from")
_NUMERIC = ("number", "integer")


@dataclass(frozen=True)
class Column:
    """One column's declaration.

    Attributes:
        name: the column's name in the data.
        kind: one of `KINDS`.
        bounds: (low, high) in the column's own unit; values beyond are clipped,
            infinite ones too.
        bins: number of equal bins of the bounds, or the edges, for models on bins.
        categories: every value a category may take, in order; of a target, its classes.
        missing: "refuse", "level", "drop-row", or "value" (replaced by `fill`).
        fill: the public constant that replaces a missing value under missing="value".
        other: "refuse" or "level": what an undeclared category means.
        bounds_from: one of `ORIGINS`; covers bounds, bins and categories alike.
        comment: lines written above the column in the file; not part of its meaning.
    """

    name: str
    kind: str
    bounds: tuple[float, float] | None = None
    bins: int | tuple[float, ...] | None = None
    categories: tuple[Scalar, ...] | None = None
    missing: str = "refuse"
    fill: Scalar | None = None
    other: str = "refuse"
    bounds_from: str = "domain"
    comment: str | None = field(default=None, compare=False)

    @property
    def is_numeric(self) -> bool:
        """True for a number or an integer."""
        return self.kind in _NUMERIC

    @property
    def is_used(self) -> bool:
        """False for identifiers and ignored columns, which never reach a model."""
        return self.kind not in ("identifier", "ignore")

    @property
    def range(self) -> tuple[float, float] | None:
        """Declared bounds, else the outer edges of declared bins, else None."""
        if self.bounds is not None:
            return self.bounds
        return (self.bins[0], self.bins[-1]) if isinstance(self.bins, tuple) else None

    @property
    def levels(self) -> tuple[Scalar, ...]:
        """Declared categories, or False and True for a boolean; empty for numbers."""
        return (False, True) if self.kind == "boolean" else self.categories or ()

    def to_dict(self, *, bounds_from: str = "domain") -> dict[str, Any]:
        """Return the keys as the file writes them, without those that say the default."""
        out: dict[str, Any] = {"kind": self.kind}
        if self.bounds is not None:
            out["bounds"] = [_short(value) for value in self.bounds]
        if isinstance(self.bins, int):
            out["bins"] = self.bins
        elif self.bins is not None:
            out["bins"] = [_short(edge) for edge in self.bins]
        if self.categories is not None:
            out["categories"] = list(self.categories)
        if self.missing == "value":
            out["missing"] = {"value": self.fill}
        elif self.missing != "refuse":
            out["missing"] = self.missing
        if self.other != "refuse":
            out["other"] = self.other
        if self.bounds_from != bounds_from:
            out["bounds_from"] = self.bounds_from
        return out


def _short(value: float) -> float:
    """Write 120 for 120.0, as a person would."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def parse_column(name: str, entry: Any, *, bounds_from: str = "domain") -> Column:
    """Read one `[columns.NAME]` table strictly.

    Raises:
        SchemaError: an unknown key, or a value that cannot be meant; names column and line.
    """
    if not isinstance(entry, Mapping):
        _refuse(name, "is no table", entry, "a table", heading(name))
    for key in entry:
        if key not in _KEYS:
            _refuse(name, f"has an unknown key {key!r}", key, "one of " + ", ".join(_KEYS),
                    _nearest(key))
    missing, fill = _missing(name, entry.get("missing", "refuse"))
    column = Column(
        name=name,
        kind=_choice(name, "kind", entry.get("kind"), KINDS),
        bounds=_bounds(name, entry.get("bounds")),
        bins=_bins(name, entry.get("bins")),
        categories=_categories(name, entry.get("categories")),
        missing=missing,
        fill=fill,
        other=_choice(name, "other", entry.get("other", "refuse"), ("refuse", "level")),
        bounds_from=_choice(name, "bounds_from", entry.get("bounds_from", bounds_from), ORIGINS),
    )
    check_column(column)
    return column


def check_column(column: Column) -> None:
    """Refuse combinations of keys that contradict one another.

    Raises:
        SchemaError: naming the column and the line to write.
    """
    name = column.name
    if not column.is_numeric:
        for key in ("bounds", "bins"):
            if getattr(column, key) is not None:
                _refuse(name, f"has {key} but is no number", column.kind,
                        'kind = "number" or "integer"', 'kind = "number"')
    if column.kind == "category" and column.categories is None:
        _refuse(name, "is a category without its categories", None, "every value it may take",
                'categories = ["a", "b"]')
    if column.kind != "category" and column.categories is not None:
        _refuse(name, "has categories but is no category", column.kind, 'kind = "category"',
                'kind = "category"')
    if column.kind != "category" and column.other != "refuse":
        _refuse(name, "says what other categories mean but is no category", column.kind,
                'kind = "category"', 'kind = "category"')
    if isinstance(column.bins, int) and column.bounds is None:
        _refuse(name, "has a number of bins but no bounds to divide", column.bins,
                "bounds, or the edges themselves", "bounds = [0, 100]")
    _check_edges(column)
    _check_fill(column)


def _check_edges(column: Column) -> None:
    if column.bounds is None or not isinstance(column.bins, tuple):
        return
    low, high = column.bounds
    if column.bins[0] < low or column.bins[-1] > high:
        _refuse(column.name, "has bin edges beyond its bounds", list(column.bins),
                f"edges within [{low:g}, {high:g}]", f"bins = [{low:g}, {high:g}]")


def _check_fill(column: Column) -> None:
    if column.missing != "value" or not column.is_used:
        return
    fill, span = column.fill, column.range
    if column.is_numeric:
        if not _is_number(fill):
            _refuse(column.name, "replaces missing numbers by something else", fill,
                    "a finite number", "missing = {value = 0}")
        if span is not None and not span[0] <= float(fill) <= span[1]:  # type: ignore[arg-type]
            _refuse(column.name, "replaces missing numbers by one beyond its bounds", fill,
                    f"{span[0]:g} to {span[1]:g}", f"missing = {{value = {span[0]:g}}}")
    elif label(fill) not in {label(level) for level in column.levels}:
        _refuse(column.name, "replaces missing values by an undeclared one", fill,
                "one of its categories", f"missing = {{value = {json.dumps(column.levels[0])}}}")


def _refuse(name: str, problem: str, value: Any, bound: str, remedy: str) -> NoReturn:
    line = remedy if remedy.startswith("[") else f"{remedy}   # under {heading(name)}"
    raise SchemaError(f"column {name!r} {problem}", value=value, bound=bound, remedy=line)


def _nearest(key: str) -> str:
    import difflib

    close = difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.4)
    return f"{close[0]} = ..." if close else 'kind = "number"'


def _choice(name: str, key: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        _refuse(name, f"has no usable {key}", value, "one of " + ", ".join(choices),
                f'{key} = "{choices[0]}"')
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _bounds(name: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))):
        _refuse(name, "has malformed bounds", value, "[low, high], both finite",
                "bounds = [0, 100]")
    low, high = float(value[0]), float(value[1])
    if low >= high:
        shown = f"bounds = [{high:g}, {low:g}]" if low > high else f"bounds = [{low:g}, {low+1:g}]"
        _refuse(name, "has bounds out of order", value, "low < high", shown)
    if not math.isfinite(high - low):
        _refuse(name, "has bounds too far apart to scale", value, "a finite width",
                "bounds = [0, 100]")
    return low, high


def _bins(name: str, value: Any) -> int | tuple[float, ...] | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        if not 2 <= value <= 4096:
            _refuse(name, "has an unusable number of bins", value, "2 to 4096", "bins = 16")
        return value
    if not (isinstance(value, (list, tuple)) and len(value) >= 3 and all(map(_is_number, value))):
        _refuse(name, "has malformed bins", value, "a number of bins, or at least 3 edges",
                "bins = 16")
    edges = tuple(float(edge) for edge in value)
    if any(low >= high for low, high in pairwise(edges)):
        _refuse(name, "has bin edges out of order", value, "edges that increase",
                f"bins = {sorted(set(edges))}")
    return edges


def _categories(name: str, value: Any) -> tuple[Scalar, ...] | None:
    if value is None:
        return None
    good = isinstance(value, (list, tuple)) and len(value) > 0
    if not good or not all(isinstance(item, (str, int, float)) and label(item) for item in value):
        _refuse(name, "has malformed categories", value, "a list of texts or numbers, none empty",
                'categories = ["a", "b"]')
    if len({label(item) for item in value}) < len(value):
        _refuse(name, "names a category twice", value, "distinct categories (1 and '1' are equal)",
                f"categories = {sorted({label(item) for item in value}, key=str)}")
    return tuple(value)


def _missing(name: str, value: Any) -> tuple[str, Scalar | None]:
    if isinstance(value, Mapping) and set(value) == {"value"}:
        fill = value["value"]
        if isinstance(fill, (str, int, float)):
            return "value", fill
    elif isinstance(value, str) and value in MISSING_RULES:
        return value, None
    _refuse(name, "has no usable rule for missing values", value,
            '"refuse", "level", "drop-row" or {value = ...}', 'missing = "level"')
