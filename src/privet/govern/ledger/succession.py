"""Which key signs which entry: the first key, rotations, and the replacement of a lost key.

A pure fold over the ledger's own entries, the same for appending and for verifying. A rotation
is signed by the old key, as any entry, and carries the new key's signature. If the old key is
lost, the new key signs the entry, which carries the approvals of two keys that an earlier entry
named as approvers: a visible break, reported by every verification.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.records import identity_of, key_id

OPENED = "ledger.opened"
APPROVERS = "ledger.approvers"
ROTATED = "ledger.key-rotated"
REPLACED = "ledger.key-replaced"
REDACTED = "ledger.redacted"
COSIGNED = "ledger.cosigned"
KEY_KINDS = (OPENED, APPROVERS, ROTATED, REPLACED)
APPROVALS = 2
_ROTATE = b"privet ledger rotate 1"
_REPLACE = b"privet ledger replace 1"


@dataclass(frozen=True)
class Keys:
    """The keys of a ledger after some entries.

    Attributes:
        current: public key that signs the next entry; None before the first.
        known: every public key so far, by id.
        approvers: public keys that may replace a lost key.
    """

    current: bytes | None = None
    known: dict[str, bytes] = field(default_factory=dict)
    approvers: frozenset[bytes] = frozenset()

    @property
    def current_id(self) -> str:
        """Id of the current key; empty before the first."""
        return key_id(self.current) if self.current else ""


@dataclass(frozen=True)
class Place:
    """Where an entry stands: what its signatures over keys are bound to."""

    ledger: str
    seq: int
    prev: bytes


def rotation(place: Place, old: bytes, new: bytes) -> bytes:
    """The bytes that a new key signs to follow an old one at this place."""
    return framed(_ROTATE, place.ledger, place.seq, place.prev, old, new)


def replacement(place: Place, lost: bytes, new: bytes) -> bytes:
    """The bytes that an approver signs to replace a lost key at this place."""
    return framed(_REPLACE, place.ledger, place.seq, place.prev, lost, new)


def rotated_payload(place: Place, old: bytes, new: SigningKey) -> dict[str, Any]:
    """The payload of a rotation."""
    proof = new.sign(rotation(place, old, new.public))
    return {"old": key_id(old), "public": new.public.hex(), "proof": proof.hex()}


def signer(keys: Keys, kind: str, payload: dict[str, Any] | None) -> bytes | None:
    """The public key that must have signed this entry; None if the payload does not tell."""
    if kind in (OPENED, REPLACED):
        return None if payload is None else _hex(payload, "public", 32)
    return keys.current


def follow(
    keys: Keys, place: Place, kind: str, payload: dict[str, Any] | None
) -> tuple[Keys, str | None]:
    """The keys after an entry, and what is wrong with it, if anything."""
    if kind not in KEY_KINDS:
        return keys, None
    if payload is None:
        return keys, "an entry about keys has lost its payload"
    if kind == APPROVERS:
        named = payload.get("approvers")
        publics = [_hex({"": item}, "", 32) for item in named] if isinstance(named, list) else []
        known = frozenset(public for public in publics if public)
        if not known or len(known) != len(publics):
            return keys, "the approvers are malformed"
        return replace(keys, approvers=known), None
    new = _hex(payload, "public", 32)
    if new is None:
        return keys, "the new key is malformed"
    after = replace(keys, current=new, known={**keys.known, key_id(new): new})
    if kind == OPENED:
        if keys.current is not None:
            return keys, "a ledger is opened once"
        nonce = _hex(payload, "nonce", 32)
        if nonce is None or identity_of(nonce, new) != place.ledger:
            return after, "the first key and the nonce are not those of the ledger's identity"
        return after, None
    if keys.current is None:
        return keys, "there is no key to follow"
    if kind == ROTATED:
        proof = _hex(payload, "proof", 64)
        if proof is None or not signed_by(new, proof, rotation(place, keys.current, new)):
            return after, "the new key has not signed the rotation"
        return after, None
    return after, _approval_problem(keys, place, keys.current, new, payload)


def _approval_problem(
    keys: Keys, place: Place, lost: bytes, new: bytes, payload: dict[str, Any]
) -> str | None:
    statement = replacement(place, lost, new)
    approvals = payload.get("approvals")
    valid: set[bytes] = set()
    for item in approvals if isinstance(approvals, list) else []:
        if not isinstance(item, dict):
            return "an approval is malformed"
        public, signature = _hex(item, "public", 32), _hex(item, "signature", 64)
        if public is None or signature is None or not signed_by(public, signature, statement):
            return "an approval is not signed by the key that it names"
        valid.add(public)
    # Neither the key that is gone nor the one that comes may approve itself.
    if len((valid & keys.approvers) - {lost, new}) < APPROVALS:
        return f"fewer than {APPROVALS} of the named approvers approved the new key"
    return None


def _hex(payload: dict[str, Any], name: str, length: int) -> bytes | None:
    text = payload.get(name)
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return raw if len(raw) == length and raw.hex() == text else None
