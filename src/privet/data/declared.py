"""A schema as a request shows it: what it declares, and nothing that was taken from the data.

Whoever approves a run approves what it computes, and that depends on the schema: on bounds,
categories, the target, the privacy unit. So a request holds all of it, in one form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from privet.claims.serial import event_to_json
from privet.data.columns import Column
from privet.data.schema import Schema

_PUBLIC = ("kind", "other", "bounds_from")
"""What says nothing of a cell, wherever bounds and categories come from."""


def declared(schema: Schema) -> dict[str, Any]:
    """What a computation under this schema depends on, as JSON values.

    Ignored columns and comments change nothing, so they are not in it. Bounds and categories
    that were taken from the data are functions of private cells, and are left out; see
    `withheld`.
    """
    unit = schema.unit
    row = "row" if unit.declared else "row, since nothing else is declared"
    claim = schema.bounds_claim
    return {
        "target": schema.target_name,
        "unit": row if unit.is_row else {"column": unit.name, "max_rows": unit.max_rows},
        "bounds_claim": None if claim is None else plain(
            asdict(claim) | {"releases": [event_to_json(each) for each in claim.releases]}
        ),
        "columns": {
            name: plain(_shown(column))
            for name, column in schema.columns.items() if column.kind != "ignore"
        },
    }


def withheld(schema: Schema) -> tuple[str, ...]:
    """In words, what the computation depends on and `declared` does not show."""
    return tuple(
        f"what column {name!r} may hold was taken from the data"
        for name, column in schema.columns.items() if column.is_used and _hidden(column)
    )


def plain(value: Any) -> Any:
    """A public setting as JSON values: nothing but them, so that it has one encoding.

    What JSON does not have is told by its type's name, numbers that are not finite by theirs.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return type(value).__name__


def _shown(column: Column) -> dict[str, Any]:
    out = column.to_dict()
    if not _hidden(column):
        return out
    kept = {key: value for key, value in out.items() if key in _PUBLIC}
    return kept if column.missing == "refuse" else {**kept, "missing": column.missing}


def _hidden(column: Column) -> bool:
    """True if the declaration has values that are functions of private cells."""
    own = (column.bounds, column.bins, column.categories, column.fill)
    return column.bounds_from == "data" and any(value is not None for value in own)
