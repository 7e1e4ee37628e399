"""Naming the field of an entry that was changed.

A hash says only that something differs. But most fields can be derived from elsewhere: `prev`
and `key` from the entries before, `commitment` from the payload, `time` and `kind` from the
copies inside the payload or its redaction, `chain` from the next entry. Putting the derived
values back one subset at a time finds those that restore the stored chain hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

from privet.errors import InvalidInput
from privet.govern.ledger.canonical import SALT_BYTES, parse
from privet.govern.ledger.records import chain_hash, link_hash, opened

SEARCHED = 10_000
_TYPES: dict[str, type[Any]] = {
    "seq": int,
    "time": str,
    "kind": str,
    "key": str,
    "prev": bytes,
    "commitment": bytes,
    "chain": bytes,
    "signature": bytes,
    "subtrees": bytes,
}


class Raw(NamedTuple):
    """A row as stored; anything may stand in it. Fields as in `Entry`."""

    seq: int
    time: str
    kind: str
    key: str
    prev: bytes
    commitment: bytes
    chain: bytes
    signature: bytes
    subtrees: bytes
    salt: bytes | None
    text: str | None


class Expected(NamedTuple):
    """What the entries around a row say about it; None where they say nothing."""

    prev: bytes | None
    key: str | None
    next_prev: bytes | None
    entries: int
    signed: Callable[[bytes], bool]
    redaction: dict[str, Any]


class Blame(NamedTuple):
    """What is wrong: (field, problem) pairs, the row as it was, and whether it is certain."""

    findings: list[tuple[str, str]]
    row: Raw
    certain: bool


def wrong_types(row: Raw) -> list[str]:
    """Fields whose storage class is not the one that was written."""
    wrong = [name for name, kind in _TYPES.items() if type(getattr(row, name)) is not kind]
    beside = (type(row.salt), type(row.text))
    if beside not in ((bytes, str), (type(None), type(None))):
        wrong.append("payload")
    return wrong


def hash_of(ledger: str, row: Raw) -> bytes:
    """The chain hash of the row's fields."""
    return chain_hash(ledger, *row[:6])


def blame(ledger: str, row: Raw, expected: Expected) -> Blame:
    """Which fields of a row, of sound types, that does not fit were changed."""
    own = hash_of(ledger, row)
    committed = None if row.salt is None or row.text is None else opened(row.salt, row.text)
    if own == row.chain:
        return _consistent(row, expected, committed)
    derived = {"commitment": committed, "prev": expected.prev, "key": expected.key}
    derived |= _redacted(expected.redaction) if row.text is None else _inside(row.text)
    known: list[tuple[str, Any]] = [
        (name, value)
        for name, value in derived.items()
        if value is not None and value != getattr(row, name)
    ]
    for count in range(1, len(known) + 1):
        for subset in combinations(known, count):
            fixed = row._replace(**dict(subset))
            if hash_of(ledger, fixed) == row.chain:
                return Blame([(name, "was changed") for name, _ in subset], fixed, True)
    follows = expected.next_prev == link_hash(own, row.signature)
    if follows or (expected.next_prev is None and expected.signed(own)):
        return Blame([("chain", "was changed")], row._replace(chain=own), True)
    for seq in _nearby(row.seq, expected.entries):
        if hash_of(ledger, row._replace(seq=seq)) == row.chain:
            return Blame([("seq", f"this is entry {seq}, moved or renumbered")], row, False)
    certain = expected.next_prev == link_hash(row.chain, row.signature)
    return Blame(
        [("chain", "the fields do not have this hash: inserted, or several were changed")],
        row,
        certain,
    )


def _consistent(row: Raw, expected: Expected, committed: bytes | None) -> Blame:
    """The header is as it was hashed, so what lies beside it was changed, or its place was."""
    findings = []
    if committed is not None and committed != row.commitment:
        if row.salt is not None and len(row.salt) != SALT_BYTES:
            findings.append(("salt", "was changed"))
        else:
            findings.append(("payload", "the payload, or its salt, was changed"))
    if expected.key is not None and row.key != expected.key:
        findings.append(("key", f"signed by key {row.key[:64]!r}, where {expected.key} signs"))
    if expected.prev is not None and row.prev != expected.prev:
        findings.append(("prev", "does not follow the entry before it: inserted or rewritten"))
    return Blame(findings, row, True)


def _nearby(seq: int, entries: int) -> Iterator[int]:
    """Other places of the ledger, nearest first; not all of a large one."""
    start = min(seq, entries + 1)
    for distance in range(SEARCHED):
        for place in (start - distance, start + distance):
            if 1 <= place <= entries and place != seq:
                yield place


def _inside(text: str | None) -> dict[str, Any]:
    """Time and kind as the payload repeats them."""
    if text is None:
        return {}
    try:
        inner = parse(text)
    except InvalidInput:
        return {}
    if not isinstance(inner, dict):
        return {}
    found = {name: inner.get(name) for name in ("time", "kind")}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _redacted(facts: dict[str, Any]) -> dict[str, Any]:
    """Time, kind and commitment as the redaction of the entry repeats them."""
    found: dict[str, Any] = {name: facts.get(name) for name in ("time", "kind")}
    found = {name: value for name, value in found.items() if isinstance(value, str)}
    try:
        return {**found, "commitment": bytes.fromhex(str(facts.get("commitment", "")))}
    except ValueError:
        return found
