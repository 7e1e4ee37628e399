"""What a person signs on a machine of their own: a statement in a file, a signature in another.

Whoever approves keeps the private key to themselves. So the ledger's machine writes a statement
as a JSON file; the person reads it, signs it, and sends back a second file, which holds their
public key and the signature.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from privet.errors import InvalidInput
from privet.govern.ledger.keys import PUBLIC_BYTES, SigningKey, signed_by
from privet.govern.ledger.records import key_id
from privet.govern.ledger.succession import Place, replacement

SIGNATURE_BYTES = 64


class Statement(Protocol):
    """Something that a person can read and sign."""

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""

    def lines(self) -> list[str]:
        """What it says, for the person who signs."""

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """That a new key follows a ledger's lost one, at one place: nothing can stand between.

    Attributes:
        place: where the entry will stand.
        lost, public: raw Ed25519 public keys, 32 bytes each.
    """

    KIND = "replace a lost key"

    place: Place
    lost: bytes
    public: bytes

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return replacement(self.place, self.lost, self.public)

    def lines(self) -> list[str]:
        """What it says, for the person who signs."""
        return [
            f"In ledger {self.place.ledger}, after its {self.place.seq - 1} entries,",
            f"key {key_id(self.public)} takes the place of the lost key {key_id(self.lost)}.",
            "From then on, whoever has the new key signs every entry.",
        ]

    def to_json(self) -> dict[str, Any]:
        """The statement as JSON values."""
        return {"statement": self.KIND, "ledger": self.place.ledger, "seq": self.place.seq,
                "prev": self.place.prev.hex(), "lost": self.lost.hex(),
                "public": self.public.hex()}  # fmt: skip

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Replacement:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: it is something else.
        """
        seq = record.get("seq")
        if record.get("statement") != cls.KIND or type(seq) is not int or seq < 1:
            raise unreadable("statement", cls.KIND)
        return cls(
            place=Place(str(record.get("ledger")), seq, bytes_of(record, "prev", 32)),
            lost=bytes_of(record, "lost", PUBLIC_BYTES),
            public=bytes_of(record, "public", PUBLIC_BYTES),
        )


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One person's signature on a statement.

    Attributes:
        digest: SHA-256 of what was signed, as 64 hex digits, to tell one statement from another.
        public: the person's raw Ed25519 public key, 32 bytes.
        signature: 64 bytes.
    """

    digest: str
    public: bytes
    signature: bytes

    @classmethod
    def by(cls, key: SigningKey, statement: Statement) -> Signature:
        """Sign a statement."""
        message = statement.message
        return cls(digest=hashlib.sha256(message).hexdigest(), public=key.public,
                   signature=key.sign(message))  # fmt: skip

    def holds(self, statement: Statement) -> bool:
        """True if the key signed this very statement."""
        return signed_by(self.public, self.signature, statement.message)

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON values."""
        return {"signs": self.digest, "public": self.public.hex(),
                "signature": self.signature.hex()}  # fmt: skip

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Signature:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: it is something else.
        """
        return cls(digest=bytes_of(record, "signs", 32).hex(),
                   public=bytes_of(record, "public", PUBLIC_BYTES),
                   signature=bytes_of(record, "signature", SIGNATURE_BYTES))  # fmt: skip


def bytes_of(record: dict[str, Any], name: str, length: int) -> bytes:
    """The bytes of so many hex digits in a record.

    Raises:
        InvalidInput: they are not there.
    """
    text = record.get(name)
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise unreadable(name, f"{2 * length} hex digits")
    return raw


def unreadable(name: str, bound: str) -> InvalidInput:
    """The error about a file that holds no statement, or no signature."""
    return InvalidInput(f"the file is no statement or signature that privet wrote: {name}",
                        bound=bound,
                        remedy="privet key sign statement.json --key anna.key --out anna.json"
                        )  # fmt: skip
