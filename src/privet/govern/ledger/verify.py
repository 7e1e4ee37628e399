"""Verification of a whole ledger: what was changed, deleted, moved, inserted or cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from privet.errors import InvalidInput
from privet.govern.ledger import merkle
from privet.govern.ledger.blame import Raw
from privet.govern.ledger.ledger import Ledger
from privet.govern.ledger.receipt import Cosignature, Receipt, check
from privet.govern.ledger.records import Head, identity_of
from privet.govern.ledger.succession import COSIGNED, REDACTED
from privet.govern.ledger.tables import (
    COSIGNATURES,
    ENTRIES,
    META,
    PAYLOADS,
    SCHEMA_VERSION,
    WITH_PAYLOAD,
)
from privet.govern.ledger.walk import MOST, Claim, Finding, Redaction, Walk, body_of

BATCH = 2000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification found.

    Attributes:
        ledger: identity of the ledger.
        entries: how many there are.
        findings: what is wrong, at most about 50; empty if it holds.
        breaks: entries by which two approvers replaced a lost key.
        redacted: how many payloads were redacted by signed entries.
        backwards: entries dated before the one that precedes them; no fault, order is by seq.
        head: the newest signed head; None unless all holds.
    """

    ledger: str
    entries: int
    findings: tuple[Finding, ...]
    breaks: tuple[int, ...]
    redacted: int
    backwards: tuple[int, ...]
    head: Head | None

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        if self.findings:
            more = "\n  and perhaps more" if len(self.findings) >= MOST else ""
            return f"ledger {self.ledger} was altered:\n  " + "\n  ".join(
                map(str, self.findings)
            ) + more
        notes = [f"{self.entries} entries", f"{self.redacted} redacted"]
        if self.breaks:
            notes.append(f"a lost key was replaced at {', '.join(map(str, self.breaks))}")
        return f"ledger {self.ledger} holds: " + ", ".join(notes)


def verify(ledger: Ledger, receipt: Receipt | None = None) -> Verdict:
    """Check every entry, every payload and every stored hash.

    Args:
        receipt: one that somebody kept elsewhere. Only with it can truncation, a restored
            backup and a fork by a holder of the key be found, up to its head.

    Formal guarantees:
        - Under collision resistance of SHA-256 and unforgeability of Ed25519, an `ok` verdict
          says: these are exactly the first `entries` entries that holders of the keys signed,
          in this order, with these payloads, except those that signed entries redacted.
        - Which key is the right one follows from `ledger.identity`, which fixes the first.
        - Not claimed: that newer entries were not cut off after the receipt's head, or that a
          holder of the key has not rewritten what no receipt or cosignature fixes.

    Raises:
        InvalidInput: the receipt itself does not hold.
    """
    if receipt is not None:
        wrong = check(receipt)
        if wrong:
            raise InvalidInput(f"the receipt does not hold: {'; '.join(wrong)}")
    with ledger.reading() as connection:
        walk = _walk_of(connection, ledger.identity, receipt)
        head = _run(connection, walk)
        if not walk.full():
            _beside(connection, walk)
    return Verdict(
        ledger=ledger.identity,
        entries=walk.entries,
        findings=tuple(walk.findings),
        breaks=tuple(walk.breaks),
        redacted=walk.redacted,
        backwards=tuple(walk.backwards),
        head=None if walk.findings else head,
    )


def _walk_of(connection: sa.Connection, identity: str, receipt: Receipt | None) -> Walk:
    redactions: dict[int, Redaction] = {}
    for seq, body in _bodies(connection, REDACTED):
        if type(body.get("entry")) is int:
            redactions.setdefault(body["entry"], Redaction(seq, body))
    claims: dict[int, list[Claim]] = {}
    for seq, body in _bodies(connection, COSIGNED):
        try:
            seen = Cosignature.from_json(body)
        except InvalidInput:
            continue  # its own commitment does not hold either, which the walk names
        claims.setdefault(seen.size, []).append(
            Claim(f"the cosignature in entry {seq}", seen.chain, seen.root)
        )
    if receipt is not None:
        entry, head = receipt.entry, receipt.head
        claims.setdefault(entry.seq, []).append(Claim("the receipt", entry.chain))
        claims.setdefault(head.size, []).append(
            Claim("the receipt", head.chain, head.root, head.key)
        )

    def reread(first: int, last: int) -> Iterator[Raw]:
        return _rows(connection, ENTRIES.c.seq.between(first, last))

    count = connection.execute(sa.select(sa.func.count()).select_from(ENTRIES)).scalar() or 0
    walk = Walk(identity, count, redactions, claims, reread)
    if receipt is not None and receipt.head.ledger != identity:
        walk.find(None, "identity", f"the receipt is of ledger {receipt.head.ledger}")
        walk.claims.clear()
    return walk


def _run(connection: sa.Connection, walk: Walk) -> Head | None:
    """Take all rows, each with a look at the next."""
    row: Raw | None = None
    for following in _rows(connection, sa.true()):
        if row is not None:
            walk.step(row, following)
        row = following
        if walk.full():
            return None
    if row is not None:
        walk.step(row, None)
    if walk.entries == 0:
        walk.find(1, "seq", "the ledger has lost all its entries")
    walk.finish()
    public = walk.keys.current
    if row is None or public is None:
        return None
    return Head(
        ledger=walk.ledger,
        size=row.seq,
        root=merkle.root_of(walk.peaks),
        chain=row.chain,
        time=row.time,
        public=walk.keys.known.get(row.key, public),
        signature=row.signature,
    )


def _beside(connection: sa.Connection, walk: Walk) -> None:
    """Check what lies beside the chain: the ledger's facts, payloads, the index of witnesses."""
    meta = {str(row.name): row.value for row in connection.execute(_raw(META.c.name, META.c.value))}
    texts = _raw(PAYLOADS.c.text).where(PAYLOADS.c.seq == 1)
    first = body_of(connection.execute(texts).scalar()) or {}
    try:
        parts = [bytes.fromhex(str(first.get(name))) for name in ("nonce", "public")]
        identity = identity_of(*parts)
    except ValueError:
        identity = ""
    for name, value in {"schema": str(SCHEMA_VERSION), "identity": identity}.items():
        if meta.pop(name, None) != value:
            walk.find(None, f"meta.{name}", "was changed, or the first entry was")
    if walk.ledger != identity:
        walk.find(1, "identity", "the ledger's first entry does not have its identity")
    for name in meta:
        walk.find(None, f"meta.{name}", "does not belong here")
    known = sa.exists().where(ENTRIES.c.seq == PAYLOADS.c.seq)
    for seq in connection.execute(_raw(PAYLOADS.c.seq).where(~known)).scalars():
        walk.find(*_at(seq), "belongs to no entry")
    _witnesses(connection, walk)


def _witnesses(connection: sa.Connection, walk: Walk) -> None:
    stored = _raw(COSIGNATURES.c.size, COSIGNATURES.c.seq)
    index = {(row.size, row.seq) for row in connection.execute(stored)}
    written = set()
    for seq, body in _bodies(connection, COSIGNED):
        try:
            seen = Cosignature.from_json(body)
        except InvalidInput:
            walk.find(seq, "payload", "is not a cosignature")
            continue
        written.add((seen.size, seq))
        if seen.ledger != walk.ledger or not seen.holds():
            walk.find(seq, "payload", "the cosignature is not valid")
    for _, seq in sorted(index ^ written, key=repr):
        number, _ = _at(seq)
        walk.find(number, "cosignatures", "the index of cosignatures was changed")


def _at(seq: Any) -> tuple[int | None, str]:
    """Where a payload stands: at an entry, or at what is no number of one."""
    return (seq, "payload") if type(seq) is int else (None, f"the payload of entry {seq!r}")


def _bodies(connection: sa.Connection, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    query = (
        _raw(ENTRIES.c.seq, PAYLOADS.c.text)
        .select_from(WITH_PAYLOAD)
        .where(ENTRIES.c.kind == kind)
        .order_by(ENTRIES.c.seq)
    )
    for seq, text in connection.execute(query).all():
        body = body_of(text)
        if body is not None and type(seq) is int:
            yield seq, body


def _raw(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Columns exactly as stored: no check or conversion that could fail on what stands there."""
    plain = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in columns]
    return sa.select().add_columns(*plain)


def _rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[Raw]:
    table = {**dict(ENTRIES.c.items()), "salt": PAYLOADS.c.salt, "text": PAYLOADS.c.text}
    every = _raw(*(table[name] for name in Raw._fields))
    query = every.select_from(WITH_PAYLOAD).where(which).order_by(ENTRIES.c.seq)
    options = {"yield_per": BATCH}
    for batch in connection.execute(query, execution_options=options).partitions():
        yield from map(Raw._make, batch)
