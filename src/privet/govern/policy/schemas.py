"""The schema of a request, as a table that one reads: what each column is taken for.

It comes from whoever asks, so it may be any JSON value. What is not understood is shown as it
stands, since it is approved like the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from privet.govern.policy.words import flat, shown

_KNOWN = ("kind", "bounds", "bins", "categories", "missing", "other", "bounds_from")
_MISSING = {"refuse": "refused", "level": "a level of its own", "drop-row": "the row is left out"}
_FROM = {"dp": "found by a private release", "data": "taken from the data, and not shown"}


@dataclass(frozen=True)
class Row:
    """Columns that are declared alike: what they are called and what stands beside them."""

    names: str
    kind: str
    holds: str
    missing: str


def lines(schema: Any) -> list[tuple[str, str]]:
    """What is said of the whole table: target, privacy unit, what the bounds have spent."""
    if not isinstance(schema, dict):
        return [] if schema is None else [("Schema", shown(schema))]
    rest = {name: value for name, value in schema.items()
            if name not in ("columns", "target", "unit", "bounds_claim")}
    found = [("To predict", shown(schema["target"]))] if schema.get("target") is not None else []
    if "unit" in schema:
        found.append(("One person is", _unit(schema["unit"])))
    if schema.get("bounds_claim") is not None:
        found.append(("Finding the bounds has spent", _claim(schema["bounds_claim"])))
    if not isinstance(schema.get("columns", {}), dict):
        found.append(("Columns", shown(schema["columns"])))
    return [*found, *flat(rest)]


def rows(schema: Any, order: Any = ()) -> list[Row]:
    """The declared columns; those that are declared alike share a row.

    Args:
        order: the names of columns that come first, as the run takes them.
    """
    columns = schema.get("columns") if isinstance(schema, dict) else None
    if not isinstance(columns, dict):
        return []
    found: dict[Row, list[str]] = {}
    first = [name for name in order if isinstance(name, str) and name in columns] if isinstance(
        order, (list, tuple)) else []
    for name in dict.fromkeys([*first, *columns]):
        found.setdefault(_row(columns[name]), []).append(str(name))
    return [replace(row, names=", ".join(names)) for row, names in found.items()]


def _row(column: Any) -> Row:
    if not isinstance(column, dict):
        return Row("", "", shown(column), "")
    holds = [*_values(column), *(f"{name}: {text}" for name, text in flat(
        {key: value for key, value in column.items() if key not in _KNOWN}))]
    return Row("", shown(column.get("kind")), "; ".join(holds), _missing(column.get("missing")))


def _values(column: dict[str, Any]) -> list[str]:
    found = []
    bounds = column.get("bounds")
    if isinstance(bounds, list) and len(bounds) == 2:
        found.append(f"{shown(bounds[0])} to {shown(bounds[1])}, clipped beyond")
    elif bounds is not None:
        found.append(f"bounds {shown(bounds)}")
    if column.get("bins") is not None:
        found.append(f"bins: {shown(column['bins'])}")
    if column.get("categories") is not None:
        found.append(shown(column["categories"]))
    if column.get("other") is not None:
        other = column["other"]
        found.append("others as a level of their own" if other == "level" else
                     f"others: {shown(other)}")
    if column.get("bounds_from") is not None:
        origin = column["bounds_from"]
        found.append(_FROM.get(origin, shown(origin)) if isinstance(origin, str) else shown(origin))
    return found


def _missing(rule: Any) -> str:
    if rule is None:
        return _MISSING["refuse"]
    if isinstance(rule, dict) and set(rule) == {"value"}:
        return f"replaced by {shown(rule['value'])}"
    return _MISSING.get(rule, shown(rule)) if isinstance(rule, str) else shown(rule)


def _unit(unit: Any) -> str:
    if isinstance(unit, dict) and set(unit) == {"column", "max_rows"}:
        return f"all rows of one {shown(unit['column'])}, at most {shown(unit['max_rows'])} of them"
    return shown(unit)


def _claim(claim: Any) -> str:
    if isinstance(claim, dict) and {"epsilon", "delta"} <= set(claim):
        rest = {name: value for name, value in claim.items() if name not in ("epsilon", "delta")}
        said = "; ".join(f"{name}: {text}" for name, text in flat(rest))
        return f"epsilon {shown(claim['epsilon'])}, delta {shown(claim['delta'])}; {said}"
    return shown(claim)
