"""Reading entries, heads and stored tree nodes through one connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from privet.errors import InvalidInput, Refused
from privet.govern.ledger import merkle
from privet.govern.ledger.canonical import DIGEST_BYTES
from privet.govern.ledger.receipt import Cosignature
from privet.govern.ledger.records import Entry, Head
from privet.govern.ledger.succession import KEY_KINDS, REDACTED, Keys, Place, follow
from privet.govern.ledger.tables import COLUMNS, COSIGNATURES, ENTRIES, WITH_PAYLOAD

PAGE = 500
_ENTRY = sa.select(*COLUMNS).select_from(WITH_PAYLOAD)
_SUBTREES = sa.select(ENTRIES.c.chain, ENTRIES.c.subtrees).where(
    ENTRIES.c.seq == sa.bindparam("at")
)


def entry_of(row: Any) -> Entry:
    """An entry from a row of `COLUMNS`."""
    return Entry(**row._mapping)


def load_entry(connection: sa.Connection, seq: int) -> Entry | None:
    """One entry, or None."""
    row = connection.execute(_ENTRY.where(ENTRIES.c.seq == seq)).first()
    return None if row is None else entry_of(row)


def node_reader(connection: sa.Connection) -> merkle.Node:
    """Stored hashes of complete subtrees."""

    def node(level: int, index: int) -> bytes:
        row = connection.execute(_SUBTREES, {"at": (index + 1) << level}).first()
        if row is None:
            raise broken((index + 1) << level, "is missing")
        if level == 0:
            return merkle.leaf_hash(bytes(row.chain))
        start = DIGEST_BYTES * (level - 1)
        return bytes(row.subtrees[start : start + DIGEST_BYTES])

    return node


def load_keys(connection: sa.Connection, ledger: str, *, before: int | None = None) -> Keys:
    """The keys as the ledger's own entries name them, or those before an entry.

    Raises:
        Refused: one of those entries does not hold.
    """
    keys = Keys()
    query = _ENTRY.where(ENTRIES.c.kind.in_(KEY_KINDS)).order_by(ENTRIES.c.seq)
    if before is not None:
        query = query.where(ENTRIES.c.seq < before)
    for row in connection.execute(query):
        entry = entry_of(row)
        place = Place(ledger, entry.seq, entry.prev)
        keys, problem = follow(keys, place, entry.kind, entry.payload)
        if problem:
            raise broken(entry.seq, f"does not hold: {problem}")
    return keys


def head_at(connection: sa.Connection, ledger: str, size: int) -> Head | None:
    """The signed head of a size: each entry's signature is one. None if there is no such entry.

    Raises:
        Refused: its key is unknown.
    """
    entry = load_entry(connection, size)
    if entry is None:
        return None
    public = load_keys(connection, ledger).known.get(entry.key)
    if public is None:
        raise broken(size, "names a key that the ledger does not know")
    node = node_reader(connection)
    peaks = tuple(node(level, index) for level, index in merkle.peak_names(size))
    return Head(
        ledger=ledger,
        size=size,
        root=merkle.root_of(peaks),
        chain=entry.chain,
        time=entry.time,
        public=public,
        signature=entry.signature,
    )


def broken(seq: int, what: str) -> Refused:
    return Refused(
        f"the ledger was altered: entry {seq} {what}; nothing was written",
        remedy="privet ledger verify",
    )


def existing(connection: sa.Connection, seq: int) -> Entry:
    """One entry.

    Raises:
        InvalidInput: there is none.
    """
    entry = load_entry(connection, seq)
    if entry is None:
        raise InvalidInput("the ledger has no such entry", value=seq)
    return entry


def existing_head(connection: sa.Connection, ledger: str, size: int | None) -> Head:
    """The signed head of a size, or the newest.

    Raises:
        InvalidInput: there is none.
    """
    if size is None:
        size = connection.execute(sa.select(sa.func.max(ENTRIES.c.seq))).scalar() or 0
    head = head_at(connection, ledger, size)
    if head is None:
        raise InvalidInput("the ledger has no head of this size", value=size)
    return head


def page(connection: sa.Connection, start: int, kind: str | None) -> list[Entry]:
    """Up to PAGE entries from `start` on."""
    query = _ENTRY.where(ENTRIES.c.seq >= start).order_by(ENTRIES.c.seq).limit(PAGE)
    if kind is not None:
        query = query.where(ENTRIES.c.kind == kind)
    return [entry_of(row) for row in connection.execute(query)]


def cosignatures_of(connection: sa.Connection, size: int) -> Iterator[Cosignature]:
    """What others signed about the head of a size."""
    query = (
        sa.select(COSIGNATURES.c.seq)
        .where(COSIGNATURES.c.size == size)
        .order_by(COSIGNATURES.c.seq)
    )
    for seq in connection.execute(query).scalars().all():
        yield Cosignature.from_json(existing(connection, seq).payload or {})


def removal_of(connection: sa.Connection, entry: Entry, size: int) -> Entry | None:
    """The entry that redacted this one, among the first `size`; None if there is none."""
    query = (
        _ENTRY.where(ENTRIES.c.kind == REDACTED)
        .where(ENTRIES.c.seq > entry.seq, ENTRIES.c.seq <= size)
        .order_by(ENTRIES.c.seq)
    )
    found = (entry_of(row) for row in connection.execute(query))
    return next((each for each in found if (each.payload or {}).get("entry") == entry.seq), None)
