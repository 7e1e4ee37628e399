"""Adopting texts into a ledger: its owner signs each, and only that text counts.

Two texts are adopted: the policy, which decides, and the organisation file, which reports show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.errors import Refused
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.reading import load_keys
from privet.govern.ledger.records import Entry, key_id
from privet.govern.policy.acts import raw
from privet.govern.policy.parse import normal, parse
from privet.govern.policy.terms import Content

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.writing import Transaction

ADOPTED = "policy.adopt"
ADOPT = "privet policy adopt policy.toml"
ADOPT_ORGANISATION = "privet report adopt organisation.toml"


@dataclass(frozen=True)
class Kind:
    """A kind of text that is adopted.

    Attributes:
        entry: kind of its entries.
        frame: begins what is signed, so that no signature is good for another kind.
        what: it in words.
        remedy: the line that adopts one.
    """

    entry: str
    frame: bytes
    what: str
    remedy: str

    def digest(self, source: str) -> str:
        """SHA-256 of a text, as 64 hex digits."""
        return hashlib.sha256(self.message(source)).hexdigest()

    def message(self, source: str) -> bytes:
        """The bytes that are signed."""
        return framed(self.frame, normal(source))


POLICY = Kind(ADOPTED, b"privet policy 1", "policy", ADOPT)
ORGANISATION = Kind("organisation.adopt", b"privet organisation 1", "organisation file",
                    ADOPT_ORGANISATION)  # fmt: skip


def digest_of(source: str) -> str:
    """SHA-256 of a policy's text, as 64 hex digits."""
    return POLICY.digest(source)


def sign(policy_text: str, key: SigningKey) -> bytes:
    """The owner's signature on the text of a policy: 64 bytes, Ed25519.

    Raises:
        InvalidInput: the text is no policy.
    """
    parse(policy_text)
    return key.sign(POLICY.message(policy_text))


def adopt(ledger: Ledger, policy_text: str, signature: bytes | None = None) -> Entry:
    """Make a policy the one that counts, from this entry on.

    Args:
        ledger: the ledger of the data's owner.
        policy_text: the file's text.
        signature: what `sign` gave for the ledger's key; by default the ledger's key file signs.

    Raises:
        InvalidInput: the text is no policy.
        Refused: the signature is not by the ledger's key; the policy is for another ledger;
            an approver has the ledger's own key, which signs whatever anyone runs.
    """
    content = parse(policy_text)
    if content.ledger not in (None, ledger.identity):
        raise Refused("the policy is for another ledger", value=content.ledger,
                      bound=ledger.identity,
                      remedy=f'ledger = "{ledger.identity}"')  # fmt: skip
    return _adopt(ledger, POLICY, policy_text, signature,
                  first=lambda transaction: _check_people(content, transaction))  # fmt: skip


def adopt_organisation(ledger: Ledger, source: str, owner: SigningKey | None = None) -> Entry:
    """Make an organisation file the one that reports show, from this entry on.

    Args:
        ledger: the ledger of the data's owner.
        source: the file's text, read by `Organisation`.
        owner: the key of the owner; needed where the adopted policy names one.

    Raises:
        Refused: the policy names a key of the owner's, and it is another one, or none is given.
    """
    named = _owner_key(ledger)
    if named is not None and (owner is None or owner.public != named):
        raise Refused("the adopted policy names the owner's key, which signs the organisation file",
                      value=None if owner is None else owner.id, bound=f"key {key_id(named)}",
                      remedy=f"{ADOPT_ORGANISATION} --owner-key FILE")  # fmt: skip
    signed = {} if owner is None else {
        "owner_key": owner.id, "owner_signature": owner.sign(ORGANISATION.message(source)).hex()
    }  # fmt: skip
    return _adopt(ledger, ORGANISATION, source, more=signed)


@dataclass(frozen=True)
class Adopted:
    """A text that counts.

    Attributes:
        seq: the entry that adopted it.
        text: None where it was redacted, so that nobody can say what it was.
    """

    seq: int
    text: str | None


def adopted_organisation(ledger: Ledger) -> Adopted | None:
    """The organisation file that was adopted last; None if none was."""
    for entry in reversed(list(ledger.entries(kind=ORGANISATION.entry))):
        if entry.payload is None:
            return Adopted(entry.seq, None)
        signed = holds(ledger, entry, entry.payload, ORGANISATION)
        if signed and _owner_agreed(ledger, entry, entry.payload):
            return Adopted(entry.seq, str(entry.payload["text"]))
    return None


def organisation_digest(ledger: Ledger) -> str | None:
    """The digest of the adopted organisation file; None where there is none to be read."""
    found = adopted_organisation(ledger)
    return None if found is None or found.text is None else ORGANISATION.digest(found.text)


def adopted_text(ledger: Ledger, *, before: int | None = None) -> str | None:
    """The text of the last policy whose signature verifies by the key that the ledger had then.

    Args:
        before: only what was adopted before this entry counts.

    Raises:
        Refused: a later adoption was redacted, so that nobody can say what it was.
    """
    for entry in reversed(list(ledger.entries(kind=ADOPTED))):
        if before is not None and entry.seq >= before:
            continue
        if entry.payload is None:
            raise Refused(f"the text of the policy that entry {entry.seq} adopted is redacted",
                          remedy=ADOPT)  # fmt: skip
        if holds(ledger, entry, entry.payload):
            return str(entry.payload["text"])
    return None


def adopted_digest(ledger: Ledger) -> str | None:
    """The digest of the adopted policy, computed from its text."""
    found = adopted_text(ledger)
    return None if found is None else digest_of(found)


def holds(ledger: Ledger, entry: Entry, payload: dict[str, Any], kind: Kind = POLICY) -> bool:
    """True if the key that the ledger had at an adoption signed its text."""
    with ledger.reading() as connection:
        owner = load_keys(connection, ledger.identity, before=entry.seq).current or b""
    source = payload.get("text")
    if not isinstance(source, str):
        return False
    named = payload.get("signer") == key_id(owner) and payload.get("digest") == kind.digest(source)
    return named and signed_by(owner, raw(payload.get("signature")), kind.message(source))


def _adopt(
    ledger: Ledger,
    kind: Kind,
    source: str,
    signature: bytes | None = None,
    *,
    first: Callable[[Transaction], None] = lambda _: None,
    more: dict[str, Any] | None = None,
) -> Entry:
    """Write the entry that adopts a text, signed by the ledger's key; `first` may refuse it."""

    def work(transaction: Transaction) -> Entry:
        first(transaction)
        keys, message = transaction.tip.keys, kind.message(source)
        made = signature or ledger.keyring.current(keys).sign(message)
        if not signed_by(keys.current or b"", made, message):
            raise Refused(f"the {kind.what} is not signed by the ledger's key",
                          bound=f"a signature by key {keys.current_id}",
                          remedy=kind.remedy)  # fmt: skip
        return transaction.append(kind.entry, {
            "digest": kind.digest(source),
            "text": normal(source),
            "signer": keys.current_id,
            "signature": made.hex(),
            **(more or {}),
        })

    return ledger.atomically(work)


def _check_people(content: Content, transaction: Transaction) -> None:
    """Nobody may approve with the key that signs whatever anyone runs."""
    for approver in content.approvers:
        if approver.public in transaction.tip.keys.known.values():
            raise Refused(f"approver {approver.name!r} has the ledger's own key, which signs "
                          "every run", bound="a key of the approver's own",
                          remedy='[approvers]\n         "NAME" = "..."   # another public key'
                          )  # fmt: skip


def _owner_key(ledger: Ledger, *, before: int | None = None) -> bytes | None:
    """The public key of the owner that the policy names which was in force before an entry."""
    policy = adopted_text(ledger, before=before)
    return None if policy is None else parse(policy).owner_key


def _owner_agreed(ledger: Ledger, entry: Entry, payload: dict[str, Any]) -> bool:
    """True if the owner signed an organisation file, where the policy of that time asks for it."""
    try:
        named = _owner_key(ledger, before=entry.seq)
    except Refused:  # the policy of that time is redacted: nobody can say whether it was asked for
        named = None
    signature = raw(payload.get("owner_signature"))
    return named is None or signed_by(named, signature, ORGANISATION.message(payload["text"]))
