"""Receipts: what someone keeps to check one entry offline, and to hold a ledger to its past.

A receipt holds the entry, its proof of inclusion under a signed head, and the signatures of
others on that head. It shows that the entry stood in the ledger when the head was signed; it
does not show whose key signed. That a key belongs to a ledger is to be known from elsewhere: a
policy, an earlier receipt, the ledger itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from privet.errors import InvalidInput
from privet.govern.ledger import merkle
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.records import Entry, Head, chain_hash, key_id, utc_now

FORMAT = "privet ledger receipt 1"
_COSIGN = b"privet ledger cosign 1"
_BYTES = {"prev", "commitment", "chain", "signature", "salt", "root", "public"}


@dataclass(frozen=True, kw_only=True)
class Cosignature:
    """Another party's signature on a head: it saw this state of the ledger.

    Attributes:
        ledger, size, root, chain: the head that was seen.
        time: when, by the witness's clock; UTC, ISO 8601.
        public: the witness's Ed25519 public key.
    """

    ledger: str
    size: int
    root: bytes
    chain: bytes
    time: str
    public: bytes
    signature: bytes

    def holds(self) -> bool:
        """True if the witness's key signed this."""
        return signed_by(self.public, self.signature, _witness(self, self.time, self.public))

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return _plain(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Cosignature:
        """What `to_json` wrote.

        Raises:
            InvalidInput: fields are missing, unknown or malformed.
        """
        found: Cosignature = _read(cls, record)
        return found


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An entry, its place in the tree of a signed head, and who else signed that head."""

    entry: Entry
    head: Head
    proof: tuple[bytes, ...]
    cosignatures: tuple[Cosignature, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object; bytes are lower-case hex."""
        return {
            "format": FORMAT,
            "entry": _plain(self.entry),
            "head": _plain(self.head),
            "proof": [item.hex() for item in self.proof],
            "cosignatures": [item.to_json() for item in self.cosignatures],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any] | str) -> Receipt:
        """What `to_json` wrote, as an object or as text.

        Raises:
            InvalidInput: not a receipt, or one of another release.
        """
        if isinstance(record, str):
            try:
                record = json.loads(record)
            except ValueError as error:
                raise InvalidInput("a receipt is JSON") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise InvalidInput("not a receipt of this release", bound=f"format {FORMAT!r}")
        try:
            return cls(
                entry=_read(Entry, record["entry"]),
                head=_read(Head, record["head"]),
                proof=tuple(bytes.fromhex(item) for item in record["proof"]),
                cosignatures=tuple(_read(Cosignature, i) for i in record["cosignatures"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("the receipt is malformed") from error


def check(receipt: Receipt, *, ledger: str | None = None, key: str | None = None) -> list[str]:
    """What is wrong with a receipt, offline; an empty list if it holds.

    Args:
        ledger: the identity that the ledger must have, if known.
        key: id of the key that must have signed the head, if known.

    Formal guarantees:
        - An empty list means: under collision resistance of SHA-256 and unforgeability of
          Ed25519, the holder of the head's key signed a ledger whose entry `seq` is this one,
          with this payload (or a redacted one), and each listed witness signed that head.
        - Not claimed: that the ledger still holds it, or that the key is the right one unless
          `key` is given.
    """
    entry, head = receipt.entry, receipt.head
    wrong = []
    fields = (entry.seq, entry.time, entry.kind, entry.key, entry.prev, entry.commitment)
    chain = chain_hash(head.ledger, *fields)
    if chain != entry.chain:
        wrong.append("the entry's fields do not have its chain hash")
    if (entry.salt is None) != (entry.text is None):
        wrong.append("payload and salt go together")
    elif not entry.opens():
        wrong.append("the payload does not open the commitment")
    leaf = merkle.leaf_hash(chain)
    if not merkle.verify_inclusion(leaf, entry.seq - 1, head.size, receipt.proof, head.root):
        wrong.append("the entry is not included under the head's root")
    if entry.seq == head.size and entry.chain != head.chain:
        wrong.append("the head's chain hash is not that of its last entry")
    wrong.extend(check_head(head, ledger=ledger, key=key))
    for item in receipt.cosignatures:
        seen = (item.ledger, item.size, item.root, item.chain)
        if seen != (head.ledger, head.size, head.root, head.chain):
            wrong.append(f"the cosignature of {key_id(item.public)} is on another head")
        elif not item.holds():
            wrong.append(f"the cosignature of {key_id(item.public)} is not valid")
    return wrong


def check_head(head: Head, *, ledger: str | None = None, key: str | None = None) -> list[str]:
    """What is wrong with a signed head; an empty list if it holds."""
    wrong = []
    if ledger is not None and head.ledger != ledger:
        wrong.append(f"the head is of ledger {head.ledger}, not {ledger}")
    if key is not None and head.key != key:
        wrong.append(f"the head is signed by key {head.key}, not {key}")
    if not signed_by(head.public, head.signature, head.statement()):
        wrong.append("the head's signature is not valid")
    return wrong


def extends(old: Head, new: Head, proof: list[bytes]) -> bool:
    """True if the ledger of `new` is that of `old`, grown: no fork, no truncation between."""
    if old.ledger != new.ledger or check_head(old) or check_head(new):
        return False
    return merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)


def cosign(head: Head, key: SigningKey, *, time: str | None = None) -> Cosignature:
    """Sign another ledger's head as a witness, now unless a time is given.

    Raises:
        InvalidInput: the head's own signature is not valid.
    """
    wrong = check_head(head)
    if wrong:
        raise InvalidInput(f"this head cannot be cosigned: {'; '.join(wrong)}")
    time = time or utc_now()
    return Cosignature(
        ledger=head.ledger,
        size=head.size,
        root=head.root,
        chain=head.chain,
        time=time,
        public=key.public,
        signature=key.sign(_witness(head, time, key.public)),
    )


def _witness(seen: Head | Cosignature, time: str, public: bytes) -> bytes:
    return framed(_COSIGN, seen.ledger, seen.size, seen.root, seen.chain, time, public)


def _plain(record: Entry | Head | Cosignature) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in _names(type(record))}
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()}


def _read(cls: type[Any], record: Any) -> Any:
    names = set(_names(cls))
    if not isinstance(record, dict) or set(record) != names:
        raise InvalidInput(f"malformed {cls.__name__.lower()}", bound=", ".join(sorted(names)))
    values = {}
    for name, value in record.items():
        optional = cls is Entry and name in ("salt", "text") and value is None
        wanted = int if name in ("seq", "size") else str
        if not optional and type(value) is not wanted:
            raise InvalidInput(f"malformed {name} in a {cls.__name__.lower()}")
        try:
            if isinstance(value, str):
                value.encode()
            values[name] = bytes.fromhex(value) if name in _BYTES and not optional else value
        except ValueError as error:
            raise InvalidInput(f"malformed {name} in a {cls.__name__.lower()}") from error
    numbers = [value for value in values.values() if isinstance(value, int)]
    if not all(1 <= number < 1 << 62 for number in numbers):
        raise InvalidInput(f"malformed number in a {cls.__name__.lower()}")
    return cls(**values, signature=b"") if cls is Entry else cls(**values)


def _names(cls: type[Any]) -> list[str]:
    """Fields as written. An entry's own signature signs an older head, whose root a receipt
    does not hold: nobody could check it, so it is left out.
    """
    return [name for name in cls.__dataclass_fields__ if cls is not Entry or name != "signature"]
