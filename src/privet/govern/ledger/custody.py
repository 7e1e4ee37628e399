"""Changing a ledger's signing key: rotation, and replacement of a lost one by two approvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from privet.errors import Refused
from privet.govern.ledger.keys import SigningKey
from privet.govern.ledger.ledger import Ledger
from privet.govern.ledger.records import Entry, key_id
from privet.govern.ledger.statements import Replacement, Signature
from privet.govern.ledger.succession import (
    APPROVERS,
    OPENED,
    REPLACED,
    ROTATED,
    Place,
    rotated_payload,
)
from privet.govern.ledger.tables import ENTRIES
from privet.govern.ledger.writing import Transaction

_BEGAN = {OPENED: "first", ROTATED: "rotated", REPLACED: "replaced a lost key"}


def rotate_key(ledger: Ledger) -> Entry:
    """Follow the signing key by a new one; the entry is signed by both.

    The new key file is written before the entry is, and takes the old one's place after, so
    that at no moment the current key is in no file.
    """

    def work(transaction: Transaction) -> Entry:
        old = ledger.keyring.current(transaction.tip.keys)
        new = ledger.keyring.prepare()
        payload = rotated_payload(transaction.place(), old.public, new)
        return transaction.append_own(ROTATED, payload)

    entry = ledger.atomically(work)
    ledger.keyring.settle()
    return entry


def name_approvers(ledger: Ledger, publics: Sequence[bytes]) -> Entry:
    """Name the public keys of which two together may replace a lost signing key.

    Raises:
        Refused: none, twice the same, or not 32 bytes each.
    """
    payload = {"approvers": [public.hex() for public in publics]}
    return ledger.atomically(lambda work: work.append_own(APPROVERS, payload))


def replacement_statement(ledger: Ledger, new: bytes) -> Replacement:
    """What two approvers sign, so that the public key `new` replaces the lost one.

    Bound to this ledger and to its head of this moment: nothing can be appended meanwhile.
    """
    tip = ledger.tip()
    if tip.keys.current is None:
        raise Refused("the ledger has no key to replace")
    return Replacement(place=Place(ledger.identity, tip.seq + 1, tip.link),
                       lost=tip.keys.current, public=new)  # fmt: skip


def replace_key(
    ledger: Ledger, new: SigningKey, approvals: Sequence[Signature], reason: str
) -> Entry:
    """Replace a lost key. Every later verification reports the break.

    Args:
        new: the key to come; it is saved as the ledger's key file.
        approvals: of two approvers, each on `replacement_statement`.
        reason: what happened to the old key.

    Raises:
        Refused: fewer than two approvers that an earlier entry names have approved.
    """

    def work(transaction: Transaction) -> Entry:
        payload = {
            "lost": transaction.tip.keys.current_id,
            "public": new.public.hex(),
            "reason": reason,
            "approvals": [
                {"public": each.public.hex(), "signature": each.signature.hex()}
                for each in approvals
            ],
        }
        entry = transaction.append_own(REPLACED, payload, new)
        ledger.keyring.prepare(new)
        return entry

    entry = ledger.atomically(work)
    ledger.keyring.settle()
    return entry


@dataclass(frozen=True)
class Held:
    """One key that has signed for the ledger.

    Attributes:
        id: of the key.
        since: the entry with which it began.
        began: "first", "rotated" or "replaced a lost key".
        signed: how many entries it has signed.
        current: it signs the next entry.
    """

    id: str
    since: int
    began: str
    signed: int
    current: bool


def held_keys(ledger: Ledger) -> tuple[Held, ...]:
    """The keys of a ledger in their order, and how much each has signed."""
    query = sa.select(ENTRIES.c.key, sa.func.count()).group_by(ENTRIES.c.key)
    with ledger.reading() as connection:
        signed: dict[str, int] = {row[0]: int(row[1]) for row in connection.execute(query)}
    begun = [(entry, how) for kind, how in _BEGAN.items() for entry in ledger.entries(kind=kind)]
    found: dict[str, tuple[int, str]] = {}
    for entry, how in sorted(begun, key=lambda pair: pair[0].seq):
        public = bytes.fromhex(str((entry.payload or {}).get("public", "")))
        found[key_id(public)] = entry.seq, how
    current = ledger.keys.current_id
    return tuple(Held(name, since, how, signed.get(name, 0), name == current)
                 for name, (since, how) in found.items())  # fmt: skip
