"""Reading the keys at the top of a schema's file, strictly."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from privet.claims.events import Event
from privet.claims.serial import event_from_json
from privet.data.columns import ORIGINS
from privet.data.tomlfile import heading
from privet.data.types import BoundsClaim, Unit
from privet.errors import InvalidInput, SchemaError

KEYS = ("target", "unit", "bounds_from", "bounds_claim", "columns")


def parse_origin(content: Mapping[str, Any]) -> str:
    """Check the keys and read `bounds_from`, which the columns inherit.

    Raises:
        SchemaError: an unknown key (with the nearest right one), or an unknown origin.
    """
    for key in content:
        if key not in KEYS:
            raise SchemaError(f"the schema has an unknown key {key!r}", value=key,
                              bound="one of " + ", ".join(KEYS), remedy=nearest_line(str(key)))
    origin = content.get("bounds_from", "domain")
    if origin not in ORIGINS:
        raise SchemaError("the schema has no usable bounds_from", value=origin,
                          bound="one of " + ", ".join(ORIGINS),
                          remedy='bounds_from = "domain"')
    return str(origin)


def nearest_line(key: str) -> str:
    """Return the line that an unknown top-level key was probably meant to be."""
    lines = {"target": 'target = "..."', "unit": 'unit = "row"',
             "bounds_from": 'bounds_from = "domain"', "columns": "[columns.NAME]"}
    close = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.4)
    return lines[close[0]] if close else f"{heading(key)}   # for a column"


def parse_target(value: Any) -> str | None:
    """Read `target`.

    Raises:
        SchemaError: it is no name.
    """
    if value is not None and not isinstance(value, str):
        raise SchemaError("the target must be the name of a column", value=value, bound="a text",
                          remedy='target = "..."')
    return value


def parse_claim(value: Any) -> BoundsClaim | None:
    """Read `bounds_claim`: what finding the bounds privately has spent.

    Raises:
        SchemaError: a key is missing, unknown or of the wrong kind.
    """
    if value is None:
        return None
    names = ("epsilon", "delta", "unit", "relation", "releases")
    numbers = isinstance(value, Mapping) and all(
        isinstance(value.get(name), (int, float)) and not isinstance(value.get(name), bool)
        and 0 <= value[name] < float("inf") for name in names[:2]
    )
    texts = numbers and all(isinstance(value.get(name), str) for name in names[2:4])
    if not texts or set(value) - set(names):
        raise SchemaError("the claim of the bounds is malformed", value=value,
                          bound="a table with " + ", ".join(names),
                          remedy="what `privet schema draft DATA --private` wrote, unchanged")
    return BoundsClaim(float(value["epsilon"]), float(value["delta"]), value["unit"],
                       value["relation"], tuple(map(_release, value.get("releases", ()))))


def _release(value: Any) -> Event:
    try:
        return event_from_json(value)
    except InvalidInput as error:
        raise SchemaError(f"a release of bounds_claim is malformed: {error.problem}", value=value,
                          remedy="what `privet schema draft DATA --private` wrote, unchanged",
                          ) from error  # fmt: skip


def parse_unit(value: Any) -> Unit:
    """Read `unit`: "row", or a table with column and max_rows.

    Raises:
        SchemaError: an unknown key, or a value that cannot be meant.
    """
    if value is None:
        return Unit()
    if value == "row":
        return Unit(declared=True)
    if not isinstance(value, Mapping):
        named = value if isinstance(value, str) else "..."
        raise SchemaError("the unit must be a row or name its id column", value=value,
                          bound='unit = "row", or a table [unit]',
                          remedy=f'[unit]\n         column = "{named}"\n         max_rows = 1')
    for key in value:
        if key not in ("column", "max_rows"):
            close = difflib.get_close_matches(str(key), ("column", "max_rows"), n=1, cutoff=0.3)
            line = "max_rows = 1" if close == ["max_rows"] else 'column = "..."'
            raise SchemaError(f"the unit has an unknown key {key!r}", value=key,
                              bound="column, max_rows", remedy=f"{line}   # under [unit]")
    column, rows = value.get("column"), value.get("max_rows", 1)
    if not isinstance(column, str) or column in ("", "row"):
        raise SchemaError("the unit does not name its id column", value=column,
                          bound="the name of a column", remedy='column = "..."   # under [unit]')
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise SchemaError("the unit has no usable max_rows", value=rows,
                          bound="a whole number of at least 1",
                          remedy="max_rows = 1   # under [unit]")
    return Unit(column, rows)
