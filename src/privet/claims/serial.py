"""Guarantees and costs as JSON objects and back, without loss.

Each object carries its `kind`; unknown kinds and unknown fields are refused, since a claim
that is half understood must not be shown as a whole one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from privet.claims.cost import Cost
from privet.claims.events import Gaussian, event_from_json, event_to_json
from privet.claims.guarantees import Guarantee, Sight, kinds
from privet.errors import InvalidInput, one_of


def to_json(claim: Guarantee | Cost) -> dict[str, Any]:
    """A JSON-compatible dict that `from_json` reads back to an equal value."""
    kind = "cost" if isinstance(claim, Cost) else claim.kind
    fields = {f.name: _plain(getattr(claim, f.name)) for f in dataclasses.fields(claim)}
    return {"kind": kind, **fields}


def from_json(record: dict[str, Any]) -> Any:
    """The claim that `to_json` wrote.

    Raises:
        InvalidInput: for an unknown kind, or fields that this version does not know.
    """
    known: dict[str, type[Any]] = {"cost": Cost, **kinds()}
    if not isinstance(record, dict):
        raise InvalidInput("a claim is a JSON object", value=type(record).__name__)
    kind = one_of(tuple(known), kind=record.get("kind"))
    cls = known[kind]
    names = {f.name for f in dataclasses.fields(cls)}
    given = {key: value for key, value in record.items() if key != "kind"}
    strange = sorted(set(given) - names)
    if strange:
        raise InvalidInput(f"unknown fields in a claim of kind {kind!r}", value=strange)
    try:
        return cls(**{name: _typed(name, value) for name, value in given.items()})
    except TypeError as error:
        raise InvalidInput(f"incomplete claim of kind {kind!r}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Sight):
        return dataclasses.asdict(value)
    if isinstance(value, Guarantee):
        return to_json(value)
    if isinstance(value, Gaussian):
        return event_to_json(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _typed(name: str, value: Any) -> Any:
    if name == "sights":
        return tuple(Sight(**item) for item in value)
    if name == "events":
        return tuple(event_from_json(item) for item in value)
    if name == "parts":
        return tuple(from_json(item) for item in value)
    if isinstance(value, list):
        return tuple(value)
    return value
