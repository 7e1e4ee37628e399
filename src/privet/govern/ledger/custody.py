"""Changing a ledger's signing key: rotation, and replacement of a lost one by two approvers."""

from __future__ import annotations

from collections.abc import Sequence

from privet.errors import Refused
from privet.govern.ledger.keys import SigningKey
from privet.govern.ledger.ledger import Ledger
from privet.govern.ledger.records import Entry
from privet.govern.ledger.succession import (
    APPROVERS,
    REPLACED,
    ROTATED,
    Place,
    replacement,
    rotated_payload,
)
from privet.govern.ledger.writing import Transaction


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


def replacement_statement(ledger: Ledger, new: bytes) -> bytes:
    """What two approvers sign, so that the public key `new` replaces the lost one.

    Bound to this ledger and to its head of this moment: nothing can be appended meanwhile.
    """
    tip = ledger.tip()
    if tip.keys.current is None:
        raise Refused("the ledger has no key to replace")
    return replacement(Place(ledger.identity, tip.seq + 1, tip.link), tip.keys.current, new)


def replace_key(
    ledger: Ledger, new: SigningKey, approvals: Sequence[tuple[bytes, bytes]], reason: str
) -> Entry:
    """Replace a lost key. Every later verification reports the break.

    Args:
        new: the key to come; it is saved as the ledger's key file.
        approvals: (public key, signature over `replacement_statement`) of two approvers.
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
                {"public": public.hex(), "signature": signature.hex()}
                for public, signature in approvals
            ],
        }
        entry = transaction.append_own(REPLACED, payload, new)
        ledger.keyring.prepare(new)
        return entry

    entry = ledger.atomically(work)
    ledger.keyring.settle()
    return entry
