"""What an entry and a signed head are, and the bytes that are hashed and signed.

Entry k has a chain hash over its fields; the field `prev` is the link of entry k - 1, a hash
over that entry's chain hash and its signature. So the chain hash of an entry fixes every field
of every entry before it, their signatures included. The signature of entry k signs the head of
size k: ledger, size, Merkle root over all chain hashes, chain hash, time, key. One valid
signature therefore vouches for all entries up to its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from privet.errors import InvalidInput, Refused
from privet.govern.ledger.canonical import DIGEST_BYTES, canonical, commitment, framed, parse

_ENTRY = b"privet ledger entry 1"
_LINK = b"privet ledger link 1"
_HEAD = b"privet ledger head 1"
_IDENTITY = b"privet ledger identity 1"
FIRST_LINK = bytes(DIGEST_BYTES)
RESERVED = "ledger."
_KIND = re.compile(r"[a-z][a-z0-9._-]{0,63}")
MAX_PAYLOAD = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. Hashes are 32 bytes, `signature` 64; `time` is UTC in ISO 8601.

    Attributes:
        seq: position, from 1. Order is by this alone; clocks may go backwards.
        kind: what it records; kinds from "ledger." are the ledger's own.
        key: id of the key that signed it.
        salt: opens the commitment together with `text`; None once redacted.
        text: canonical JSON of `{"body": payload, "kind": kind, "time": time}`.
    """

    seq: int
    time: str
    kind: str
    key: str
    prev: bytes
    commitment: bytes
    chain: bytes
    signature: bytes
    salt: bytes | None
    text: str | None

    @property
    def redacted(self) -> bool:
        """True if the payload is gone."""
        return self.text is None

    def opens(self) -> bool:
        """True if salt and text open the commitment, or the entry is redacted."""
        if self.salt is None or self.text is None:
            return self.redacted
        return opened(self.salt, self.text) == self.commitment

    @property
    def payload(self) -> dict[str, Any] | None:
        """What was recorded; None once redacted.

        Raises:
            Refused: it is not what the entry committed to, so nothing is decided by it.
        """
        if self.text is None:
            return None
        if not self.opens():
            raise Refused(f"the payload of entry {self.seq} was changed after it was written",
                          remedy="privet ledger verify   # names all that was changed")
        body: dict[str, Any] = parse(self.text)["body"]
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed state of a ledger: `size` entries under Merkle root `root`.

    Attributes:
        ledger: identity of the ledger.
        chain: chain hash of the last of the entries.
        time: that entry's time.
        public: raw Ed25519 public key, 32 bytes.
        signature: over `statement()`.
    """

    ledger: str
    size: int
    root: bytes
    chain: bytes
    time: str
    public: bytes
    signature: bytes

    @property
    def key(self) -> str:
        """Id of the key that signed it."""
        return key_id(self.public)

    def statement(self) -> bytes:
        """The bytes that are signed."""
        return head_statement(self.ledger, self.size, self.root, self.chain, self.time, self.key)


def utc_now() -> str:
    """The time as entries hold it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 bytes of a hash of its public half, in hex."""
    return hashlib.sha256(framed(b"privet ledger key 1", public)).hexdigest()[:32]


def identity_of(nonce: bytes, public: bytes) -> str:
    """A ledger's identity, fixed by its first key and a nonce; 32 hex digits.

    Whoever lacks that key cannot start another ledger under the same identity.
    """
    return hashlib.sha256(framed(_IDENTITY, nonce, public)).hexdigest()[:32]


def chain_hash(
    ledger: str, seq: int, time: str, kind: str, key: str, prev: bytes, commitment: bytes
) -> bytes:
    """SHA-256 over the framed fields of an entry."""
    return hashlib.sha256(
        framed(_ENTRY, ledger, seq, time, kind, key, prev, commitment)
    ).digest()


def link_hash(chain: bytes, signature: bytes) -> bytes:
    """What the next entry's `prev` must be."""
    return hashlib.sha256(framed(_LINK, chain, signature)).digest()


def head_statement(
    ledger: str, size: int, root: bytes, chain: bytes, time: str, key: str
) -> bytes:
    """The bytes that a ledger's key signs with every entry."""
    return framed(_HEAD, ledger, size, root, chain, time, key)


def check_kind(kind: str, *, own: bool) -> None:
    """Refuse kinds that are malformed, or reserved for the ledger itself.

    Raises:
        InvalidInput: the kind cannot be written.
    """
    if type(kind) is not str or not _KIND.fullmatch(kind):
        raise InvalidInput(
            "malformed kind of entry",
            value=kind,
            bound="a lower-case letter, then up to 63 of a-z 0-9 . _ -",
        )
    if kind.startswith(RESERVED) and not own:
        raise InvalidInput(
            f"kinds that start with {RESERVED!r} are the ledger's own", value=kind
        )


def envelope(time: str, kind: str, body: dict[str, Any]) -> bytes:
    """The canonical bytes that are committed to. Time and kind are repeated inside, so that a
    changed column can be named.

    Raises:
        InvalidInput: the body is not a dict of JSON values, or too large.
    """
    if type(body) is not dict:
        raise InvalidInput("a payload is a dict", value=type(body).__name__)
    raw = b'{"body":%b,"kind":%b,"time":%b}' % (
        canonical(body),
        json.dumps(kind).encode(),
        json.dumps(time).encode(),
    )
    if len(raw) > MAX_PAYLOAD:
        raise InvalidInput(
            "the payload is too large for a ledger",
            value=f"{len(raw)} bytes",
            bound=f"<= {MAX_PAYLOAD} bytes",
            remedy="record a keyed hash of the document, and keep it beside the ledger",
        )
    return raw


def opened(salt: bytes, text: str) -> bytes:
    """The commitment that a salt and a stored text open."""
    return commitment(salt, text.encode("utf-8", "surrogateescape"))
