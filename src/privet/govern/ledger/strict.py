"""Reading what others hand over: one text for one record, and nothing that is merely like it.

Where readers differ (which of two equal keys counts, whether upper-case hex is the same), one
file would be two receipts. So there is one strictness, here and on the receipt page.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

from privet.errors import InvalidInput
from privet.govern.ledger.records import Entry

LARGEST = 1 << 23
"""Bytes of a file that may be a receipt; payloads end at `records.MAX_PAYLOAD`."""
_SIZES = {"prev": 32, "commitment": 32, "chain": 32, "salt": 32, "root": 32, "public": 32,
          "signature": 64}  # fmt: skip
"""Bytes of each field that is written in hex."""
_NUMBERS = ("seq", "size")
T = TypeVar("T")


def strict_json(text: str | bytes) -> Any:
    """The value of JSON in UTF-8 without repeated keys, NaN and infinities.

    Raises:
        InvalidInput: it is something else, or larger than `LARGEST`.
    """
    try:
        raw = text.encode() if isinstance(text, str) else text
        if len(raw) > LARGEST:
            raise InvalidInput("it is larger than any receipt", value=f"{len(raw)} bytes",
                               bound=f"<= {LARGEST} bytes")
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("it is not JSON", bound="JSON in UTF-8") from error


def hex_of(value: Any, length: int, what: str) -> bytes:
    """Bytes from lower-case hex without spaces.

    Raises:
        InvalidInput: it is something else, or of another length.
    """
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value):
        raise InvalidInput(f"malformed {what}", bound=f"{length} bytes in lower-case hex")
    return bytes.fromhex(value)


def plain(record: Any) -> dict[str, Any]:
    """A JSON object of an entry, a head or a cosignature."""
    values = {name: getattr(record, name) for name in _names(type(record))}
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()}


def read(cls: type[T], record: Any) -> T:
    """What `plain` wrote of a class.

    Raises:
        InvalidInput: fields are missing, unknown or malformed.
    """
    names, what = set(_names(cls)), cls.__name__.lower()
    if not isinstance(record, dict) or set(record) != names:
        raise InvalidInput(f"malformed {what}", bound=", ".join(sorted(names)))
    values: dict[str, Any] = {}
    for name, value in record.items():
        values[name] = _field(name, value, what, optional=cls is Entry)
    return cls(**values, **({"signature": b""} if cls is Entry else {}))


def _field(name: str, value: Any, what: str, *, optional: bool) -> Any:
    where = f"{name} in a {what}"
    if optional and name in ("salt", "text") and value is None:
        return None
    if name in _SIZES:
        return hex_of(value, _SIZES[name], where)
    if name in _NUMBERS:
        if type(value) is not int or not 1 <= value < 1 << 62:
            raise InvalidInput(f"malformed {where}", bound="a number of entries")
    elif not isinstance(value, str) or any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(f"malformed {where}", bound="text")
    return value


def _names(cls: type[Any]) -> list[str]:
    """Fields as written. An entry's own signature signs an older head, whose root a receipt
    does not hold: nobody could check it, so it is left out.
    """
    return [name for name in cls.__dataclass_fields__ if cls is not Entry or name != "signature"]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("a key is repeated", bound="each key once")
    return found


def _no_number(word: str) -> NoReturn:
    raise InvalidInput("it is not JSON", value=word, bound="finite numbers")
