"""One byte string per value: canonical JSON, framed fields, keyed hashes and commitments.

What is hashed or signed must have exactly one encoding, or two readers may see two records
under one signature. JSON here is ASCII, with sorted keys, no spaces, no NaN, and floats as
their shortest exact `repr`. Fields of fixed records are framed by their lengths instead.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Iterable
from typing import Any

from privet.errors import InvalidInput

DIGEST_BYTES = 32
SALT_BYTES = 32
MAX_DEPTH = 64
_COMMITMENT = b"privet ledger commitment 1"
_KEYED = b"privet ledger keyed hash 1"
Part = bytes | str | int


def canonical(value: Any) -> bytes:
    """The only JSON encoding of a value, in ASCII.

    Accepts None, bool, int, finite float, str, list, tuple (written as a list) and dict with
    string keys, nested at most 64 deep; exactly these types, so that no subclass (a NumPy
    scalar, an enum) is written as something it is not.

    Raises:
        InvalidInput: for anything else; the message names the path, never the value.
    """
    _check(value, "payload", 0)
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
    )
    return text.encode("ascii")


def parse(text: str | bytes) -> Any:
    """The value that `canonical` wrote.

    Raises:
        InvalidInput: the text is not canonical: spaces, unsorted or repeated keys, NaN.
    """
    try:
        raw = text.encode() if isinstance(text, str) else bytes(text)
        value = json.loads(raw)
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("not canonical JSON", bound="text that privet wrote") from error
    if again != raw:
        raise InvalidInput("JSON, but not canonical", bound="text that privet wrote, unchanged")
    return value


def framed(domain: bytes, *parts: Part) -> bytes:
    """Domain and parts, each after its length in 4 bytes: no two lists give the same bytes.

    Text is UTF-8 (bytes that are none, as a database may hold, stay as they are), whole numbers
    are 8 bytes, big-endian. Each position of a record has one type, which its callers check.
    """
    out = [len(domain).to_bytes(4, "big"), domain]
    for part in parts:
        if type(part) is bytes:
            raw = part
        elif type(part) is str:
            raw = part.encode("utf-8", "surrogateescape")
        else:
            raw = int(part).to_bytes(8, "big")
        out.append(len(raw).to_bytes(4, "big"))
        out.append(raw)
    return b"".join(out)


def commitment(salt: bytes, payload: bytes) -> bytes:
    """SHA-256 over the framed domain, salt and canonical payload: 32 bytes.

    Formal guarantees:
        - Binding: two openings of one commitment are a collision of SHA-256.
        - Hiding: with a secret salt of 32 uniform bytes, and SHA-256 modelled as a random
          oracle, the commitment tells nothing about the payload. Once the salt is deleted
          with the payload, guesses about the payload cannot be confirmed.
    """
    return hashlib.sha256(framed(_COMMITMENT, salt, payload)).digest()


def keyed_hash(key: bytes, chunks: Iterable[bytes]) -> str:
    """HMAC-SHA-256 of the joined chunks as 64 hex digits: the name of data in the ledger.

    A plain hash of data would confirm a guess of its last unknown cell to every reader.

    Raises:
        InvalidInput: the key is shorter than 32 bytes.
    """
    if len(key) < DIGEST_BYTES:
        raise InvalidInput(
            "the key of a keyed hash is too short",
            value=f"{len(key)} bytes",
            bound=f">= {DIGEST_BYTES} bytes",
        )
    mac = hmac.new(key, framed(_KEYED), hashlib.sha256)
    for chunk in chunks:
        mac.update(chunk)
    return mac.hexdigest()


def _check(value: Any, path: str, depth: int) -> None:
    kind = type(value)
    if kind in (bool, int) or value is None:
        return
    if depth > MAX_DEPTH:
        raise InvalidInput(f"{path[:80]}... is nested too deeply", bound=f"<= {MAX_DEPTH} levels")
    if kind is float:
        if not math.isfinite(value):
            raise InvalidInput(f"{path} is not finite", bound="a finite number, or None")
    elif kind is str:
        _check_text(value, path)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise InvalidInput(
                    f"a key of {path} is not text", value=type(key).__name__, bound="str"
                )
            _check_text(key, f"a key of {path}")
            _check(item, f"{path}.{key}", depth + 1)
    elif kind in (list, tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    else:
        raise InvalidInput(
            f"{path} has a type that JSON does not have",
            value=f"{kind.__module__}.{kind.__qualname__}",
            bound="None, bool, int, float, str, list or dict",
            remedy=f"{path} = float({path})  # or int, str, list",
        )


def _check_text(text: str, path: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput(f"{path} holds half a surrogate pair", bound="valid Unicode")
