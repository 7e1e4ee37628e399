"""Receipts: what someone keeps to check one entry offline, and to hold a ledger to its past.

A receipt holds the entry, its proof of inclusion under a signed head, and the signatures of
others on that head. It shows that the entry stood in the ledger when the head was signed; it
does not show whose key signed. That a key belongs to a ledger is to be known from elsewhere: a
policy, an earlier receipt, the ledger itself.

Anybody can take the content out of a receipt, and what is left is still signed. So a receipt
without content shows only that an entry stood there; that the content was redacted, it shows by
carrying the entry that says so.

The page of `privet.govern.report.receipt_page` checks by the same rules, in code of its own;
`tests/golden/receipts_tampered.py` holds the cases that both must judge alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from privet.errors import InvalidInput
from privet.govern.ledger import merkle
from privet.govern.ledger.canonical import framed, parse
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.records import RESERVED, Entry, Head, chain_hash, key_id, utc_now
from privet.govern.ledger.strict import hex_of, plain, read, strict_json
from privet.govern.ledger.succession import REDACTED

FORMAT = "privet ledger receipt 1"
_COSIGN = b"privet ledger cosign 1"
_FIELDS = {"format", "entry", "head", "proof", "cosignatures"}
_LONGEST = 64
"""Hashes of a proof: a tree of as many entries as there can be is no higher."""
Verdict = Literal["holds", "redacted", "withheld", "refused"]


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
        return plain(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Cosignature:
        """What `to_json` wrote.

        Raises:
            InvalidInput: fields are missing, unknown or malformed.
        """
        return read(cls, record)


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The entry that redacted another, and its place in the tree of the same head."""

    entry: Entry
    proof: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An entry, its place in the tree of a signed head, and who else signed that head.

    Attributes:
        removal: of a redacted entry, what redacted it; None if the head is older than that.
    """

    entry: Entry
    head: Head
    proof: tuple[bytes, ...]
    cosignatures: tuple[Cosignature, ...] = ()
    removal: Removal | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object; bytes are lower-case hex. "redaction" is there only if there is one."""
        found = {
            "format": FORMAT,
            "entry": plain(self.entry),
            "head": plain(self.head),
            "proof": [item.hex() for item in self.proof],
            "cosignatures": [item.to_json() for item in self.cosignatures],
        }
        if self.removal is not None:
            proof = [item.hex() for item in self.removal.proof]
            found["redaction"] = {"entry": plain(self.removal.entry), "proof": proof}
        return found

    @classmethod
    def from_json(cls, record: dict[str, Any] | str | bytes) -> Receipt:
        """What `to_json` wrote, as an object or as text, and nothing that is merely like it.

        Raises:
            InvalidInput: not a receipt, or one of another release; repeated, missing or unknown
                keys, hex in upper case or with spaces.
        """
        if isinstance(record, (str, bytes)):
            record = strict_json(record)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise InvalidInput("not a receipt of this release", bound=f"format {FORMAT!r}")
        if set(record) - {"redaction"} != _FIELDS:
            raise InvalidInput("malformed receipt: missing or unknown fields",
                               bound=", ".join(sorted(_FIELDS)))
        if not isinstance(record["cosignatures"], list):
            raise InvalidInput("malformed cosignatures in a receipt", bound="a list")
        removal = None
        if "redaction" in record:
            part = record["redaction"]
            if not isinstance(part, dict) or set(part) != {"entry", "proof"}:
                raise InvalidInput("malformed redaction in a receipt", bound="entry, proof")
            removal = Removal(entry=read(Entry, part["entry"]), proof=_proof(part["proof"]))
        return cls(
            entry=read(Entry, record["entry"]),
            head=read(Head, record["head"]),
            proof=_proof(record["proof"]),
            cosignatures=tuple(read(Cosignature, item) for item in record["cosignatures"]),
            removal=removal,
        )


def _proof(items: Any) -> tuple[bytes, ...]:
    if not isinstance(items, list) or len(items) > _LONGEST:
        raise InvalidInput("malformed proof in a receipt", bound=f"up to {_LONGEST} hashes")
    return tuple(hex_of(item, 32, "hash in a proof") for item in items)


def check(receipt: Receipt, *, ledger: str | None = None, key: str | None = None) -> list[str]:
    """What is wrong with a receipt, offline; an empty list if it holds.

    Args:
        ledger: the identity that the ledger must have, if known.
        key: id of the key that must have signed the head, if known.

    Formal guarantees:
        - An empty list means: under collision resistance of SHA-256 and unforgeability of
          Ed25519, the holder of the head's key signed a ledger whose entry `seq` is this one,
          and each listed witness signed that head. If the receipt holds a payload, the entry was
          written with it, as canonical JSON; if it holds a redaction, an entry of that ledger
          says that this one was redacted.
        - Not claimed: that the ledger still holds it, that the key is the right one unless
          `key` is given, or why a receipt without payload and redaction has none: `verdict`
          tells them apart.
    """
    entry, head, removal = receipt.entry, receipt.head, receipt.removal
    wrong = _placed("entry", entry, receipt.proof, head)
    if removal is not None:
        wrong.extend(_placed("redaction", removal.entry, removal.proof, head))
        if not wrong and not _removes(removal.entry, entry):
            wrong.append("the redaction is not that of this entry")
    wrong.extend(check_head(head, ledger=ledger, key=key))
    for item in receipt.cosignatures:
        seen = (item.ledger, item.size, item.root, item.chain)
        if seen != (head.ledger, head.size, head.root, head.chain):
            wrong.append(f"the cosignature of {key_id(item.public)} is on another head")
        elif not item.holds():
            wrong.append(f"the cosignature of {key_id(item.public)} is not valid")
    return wrong


def verdict(receipt: Receipt, wrong: Sequence[str]) -> Verdict:
    """What a receipt shows, given what `check` found wrong with it.

    Returns:
        "holds": the entry stood in the ledger, with this payload. "redacted": an entry stood
        there, and another says that its payload was redacted. "withheld": an entry stood there;
        what it said is not in this receipt, for reasons that it does not show. "refused":
        something is wrong.
    """
    if wrong:
        return "refused"
    if receipt.entry.text is not None:
        return "holds"
    return "withheld" if receipt.removal is None else "redacted"


def contradictions(receipts: Sequence[Receipt]) -> list[tuple[int, int]]:
    """Positions of those that hold each, but cannot both be of one history of one ledger."""
    seen = [_seen(receipt) for receipt in receipts]
    return [
        (one, other)
        for one, other in combinations(range(len(seen)), 2)
        if any(seen[other].get(place, value) != value for place, value in seen[one].items())
    ]


def _seen(receipt: Receipt) -> dict[tuple[str, str, int], bytes]:
    """What a receipt shows of each place in its ledger, by what is shown."""
    head, removal = receipt.head, receipt.removal
    entries = [receipt.entry] if removal is None else [receipt.entry, removal.entry]
    chains = [(each.seq, each.chain) for each in entries] + [(head.size, head.chain)]
    found = {(head.ledger, "chain", seq): chain for seq, chain in chains}
    return {**found, (head.ledger, "root", head.size): head.root}


def _placed(name: str, entry: Entry, proof: Sequence[bytes], head: Head) -> list[str]:
    """What is wrong with an entry and its place under a head."""
    wrong = []
    fields = (entry.seq, entry.time, entry.kind, entry.key, entry.prev, entry.commitment)
    chain = chain_hash(head.ledger, *fields)
    if chain != entry.chain:
        wrong.append(f"the {name}'s fields do not have its chain hash")
    if (entry.salt is None) != (entry.text is None):
        wrong.append("payload and salt go together")
    elif not entry.opens():
        wrong.append("the payload does not open the commitment")
    elif entry.text is not None and not _well_written(entry):
        wrong.append("the payload is not as privet writes it, so readers may take it in two ways")
    leaf = merkle.leaf_hash(chain)
    if not merkle.verify_inclusion(leaf, entry.seq - 1, head.size, proof, head.root):
        wrong.append(f"the {name} is not included under the head's root")
    if entry.seq == head.size and entry.chain != head.chain:
        wrong.append("the head's chain hash is not that of its last entry")
    return wrong


def _well_written(entry: Entry) -> bool:
    """True if the text is canonical, and repeats the kind and time of its entry."""
    try:
        found = parse(entry.text or "")
    except InvalidInput:
        return False
    if not isinstance(found, dict) or set(found) != {"body", "kind", "time"}:
        return False
    named = (found["kind"], found["time"])
    return isinstance(found["body"], dict) and named == (entry.kind, entry.time)


def _removes(removal: Entry, entry: Entry) -> bool:
    """True if one entry, which is as it was written, says that the other was redacted."""
    said = removal.payload or {}
    number, facts = said.get("entry"), (said.get("kind"), said.get("time"), said.get("commitment"))
    return (
        entry.text is None
        and not entry.kind.startswith(RESERVED)
        and removal.kind == REDACTED
        and removal.seq > entry.seq
        and type(number) is int
        and number == entry.seq
        and facts == (entry.kind, entry.time, entry.commitment.hex())
    )


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
