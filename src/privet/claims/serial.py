"""Guarantees and costs as JSON objects and back, without loss.

Each object carries its `kind`. Unknown kinds, unknown or missing fields and values of another
type than the field declares are refused: a claim that is half understood must not be shown as a
whole one, and whoever writes a file can write anything into it.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from privet.claims.cost import Cost
from privet.claims.events import EVENT_KINDS, Event, Gaussian
from privet.claims.guarantees import Guarantee, Sight, kinds
from privet.errors import InvalidInput, one_of


def to_json(claim: Guarantee | Cost) -> dict[str, Any]:
    """A JSON-compatible dict that `from_json` reads back to an equal value."""
    kind = "cost" if isinstance(claim, Cost) else claim.kind
    fields = {f.name: _plain(getattr(claim, f.name)) for f in dataclasses.fields(claim)}
    return {"kind": kind, **fields}


def from_json(record: Any) -> Any:
    """The claim that `to_json` wrote.

    Raises:
        InvalidInput: for an unknown kind, fields that this version does not know or that are
            missing, and values of another type or range than their field has; it is named.
    """
    return _of_kind(record, {"cost": Cost, **kinds()}, "a claim")


def event_to_json(event: Event) -> dict[str, Any]:
    """A JSON-compatible dict that `event_from_json` reads back to an equal value."""
    kind = next(name for name, cls in EVENT_KINDS.items() if type(event) is cls)
    return {"kind": kind, **dataclasses.asdict(event)}


def event_from_json(record: Any) -> Event:
    """The release that `event_to_json` wrote.

    Raises:
        InvalidInput: as `from_json`.
    """
    event: Event = _of_kind(record, EVENT_KINDS, "a release")
    return event


def is_whole(value: Any) -> bool:
    """True for an int of 64 bits; True and False are no numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def is_finite(value: Any) -> bool:
    """True for a finite float, or an int that is one; True and False are no numbers."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


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


@dataclasses.dataclass(frozen=True)
class _Field:
    """One field of a class: its name, its type, and whether a record must have it."""

    of: str
    name: str
    hint: Any
    declared: str
    required: bool

    def refuse(self, value: Any) -> NoReturn:
        """Say which field is malformed."""
        plain = value is None or isinstance(value, (bool, int, float, str))
        raise InvalidInput(
            f"the field {self.name!r} of {self.of} is malformed",
            value=value if plain and len(repr(value)) < 80 else type(value).__name__,
            bound=self.declared,
        )


@cache
def _fields(cls: Any, of: str) -> dict[str, _Field]:
    hints = get_type_hints(cls)
    absent = dataclasses.MISSING
    return {
        each.name: _Field(
            of,
            each.name,
            hints[each.name],
            str(each.type),
            each.default is absent and each.default_factory is absent,
        )
        for each in dataclasses.fields(cls)
    }


def _of_kind(record: Any, known: Mapping[str, type[Any]], what: str) -> Any:
    """The value of the class that the record's kind names."""
    if not isinstance(record, dict):
        raise InvalidInput(f"{what} is a JSON object", value=type(record).__name__)
    kind = one_of(tuple(known), kind=record.get("kind"))
    given = {key: value for key, value in record.items() if key != "kind"}
    return _built(known[kind], given, f"{what} of kind {kind!r}")


def _built(cls: Any, record: dict[str, Any], what: str) -> Any:
    """The value of a class with these fields, all of which are of the types it declares."""
    fields = _fields(cls, what)
    strange = sorted(set(record) - set(fields))
    if strange:
        raise InvalidInput(f"unknown fields in {what}", value=strange)
    missing = [each.name for each in fields.values() if each.required and each.name not in record]
    if missing:
        raise InvalidInput(f"missing fields in {what}", value=missing)
    return cls(**{name: _read(value, fields[name]) for name, value in record.items()})


def _read(value: Any, field: _Field) -> Any:
    """A field's value from JSON; lists are tuples of what the field declares."""
    inner = get_args(field.hint)
    if get_origin(field.hint) is not tuple:
        return value if _fits(value, field.hint) else field.refuse(value)
    if not isinstance(value, (list, tuple)):
        field.refuse(value)
    return tuple(_item(item, inner[0], field) for item in value)


def _item(value: Any, hint: Any, field: _Field) -> Any:
    if hint is Sight:
        if not isinstance(value, dict):
            field.refuse(value)
        return _built(Sight, value, "what a role sees")
    if hint is Guarantee:
        part = from_json(value)
        return part if isinstance(part, Guarantee) else field.refuse(value)
    if hint == Event:
        return event_from_json(value)
    return value if _fits(value, hint) else field.refuse(value)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is float:
        return is_finite(value)
    if hint is int:
        return is_whole(value)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(key, inner[0]) and _fits(item, inner[1]) for key, item in value.items()
        )
    return isinstance(value, hint)
