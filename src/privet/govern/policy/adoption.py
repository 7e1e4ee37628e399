"""Adopting a policy into a ledger: its owner signs the text, and only that text counts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from privet.errors import Refused
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.reading import load_keys
from privet.govern.ledger.records import Entry, key_id
from privet.govern.policy.acts import raw
from privet.govern.policy.parse import normal, parse

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.writing import Transaction

ADOPTED = "policy.adopt"
_POLICY = b"privet policy 1"
ADOPT = "privet policy adopt policy.toml"


def digest_of(source: str) -> str:
    """SHA-256 of a policy's text, as 64 hex digits."""
    return hashlib.sha256(_message(source)).hexdigest()


def sign(policy_text: str, key: SigningKey) -> bytes:
    """The owner's signature on the text of a policy: 64 bytes, Ed25519.

    Raises:
        InvalidInput: the text is no policy.
    """
    parse(policy_text)
    return key.sign(_message(policy_text))


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

    def work(transaction: Transaction) -> Entry:
        keys = transaction.tip.keys
        for approver in content.approvers:
            if approver.public in keys.known.values():
                raise Refused(f"approver {approver.name!r} has the ledger's own key, which signs "
                              "every run", bound="a key of the approver's own",
                              remedy='[approvers]\n         "NAME" = "..."   # another public key'
                              )  # fmt: skip
        made = signature or sign(policy_text, ledger.keyring.current(keys))
        if not signed_by(keys.current or b"", made, _message(policy_text)):
            raise Refused("the policy is not signed by the ledger's key",
                          bound=f"a signature by key {keys.current_id}", remedy=ADOPT)  # fmt: skip
        payload = {
            "digest": digest_of(policy_text),
            "text": normal(policy_text),
            "signer": keys.current_id,
            "signature": made.hex(),
        }
        return transaction.append(ADOPTED, payload)

    return ledger.atomically(work)


def adopted_text(ledger: Ledger) -> str | None:
    """The text of the last policy whose signature verifies by the key that the ledger had then.

    Raises:
        Refused: a later adoption was redacted, so that nobody can say what it was.
    """
    for entry in reversed(list(ledger.entries(kind=ADOPTED))):
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


def holds(ledger: Ledger, entry: Entry, payload: dict[str, Any]) -> bool:
    """True if the key that the ledger had at an adoption signed its text."""
    with ledger.reading() as connection:
        owner = load_keys(connection, ledger.identity, before=entry.seq).current or b""
    source = payload.get("text")
    if not isinstance(source, str):
        return False
    named = payload.get("signer") == key_id(owner) and payload.get("digest") == digest_of(source)
    return named and signed_by(owner, raw(payload.get("signature")), _message(source))


def _message(source: str) -> bytes:
    return framed(_POLICY, normal(source))
