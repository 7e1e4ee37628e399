"""Adopting texts into a ledger: its owner signs each, and only that text counts.

Two texts are adopted: the policy, which decides, and the organisation file, which reports show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.errors import Refused
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.reading import load_keys
from privet.govern.ledger.records import Entry, key_id
from privet.govern.ledger.statements import Signature
from privet.govern.ledger.succession import Keys
from privet.govern.policy.acts import raw
from privet.govern.policy.force import (
    ADOPT,
    ADOPTED,
    Adoption,
    adopted_text,
    digest_of,
    in_force,
    lost,
    problem,
    signs,
)
from privet.govern.policy.parse import normal, parse
from privet.govern.policy.terms import Content

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.writing import Transaction

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


ORGANISATION = Kind("organisation.adopt", b"privet organisation 1", "organisation file",
                    ADOPT_ORGANISATION)  # fmt: skip


def adoption(ledger: Ledger, policy_text: str) -> Adoption:
    """What the owner of a policy signs, so that it follows the one in force.

    Raises:
        InvalidInput: the text is no policy.
    """
    parse(policy_text)
    return Adoption(ledger=ledger.identity, follows=in_force(ledger).follows, text=policy_text)


def adopt(
    ledger: Ledger,
    policy_text: str,
    *,
    owner: SigningKey | None = None,
    signed: Sequence[Signature] = (),
) -> Entry:
    """Make a policy the one that counts, from this entry on.

    Args:
        ledger: the ledger of the data's owner.
        policy_text: the file's text.
        owner: the key of the owner whom the policy in force names, or, where it names none, the
            new policy. Where neither does, the ledger's key file signs.
        signed: signatures on `adoption`, made elsewhere: the owner's, or those of two approvers
            of the policy in force, where the owner's key is lost.

    Raises:
        InvalidInput: the text is no policy.
        Refused: it is not signed by whom it must be; the policy is for another ledger; an
            approver or the owner has the ledger's own key, which signs whatever anyone runs.
    """
    content = parse(policy_text)
    if content.ledger not in (None, ledger.identity):
        raise Refused("the policy is for another ledger", value=content.ledger,
                      bound=ledger.identity,
                      remedy=f'ledger = "{ledger.identity}"')  # fmt: skip

    def work(transaction: Transaction) -> Entry:
        keys = transaction.tip.keys
        _check_people(content, keys)
        state = in_force(ledger)
        if state.lost and state.owner is None:
            raise lost(state)
        made = Adoption(ledger=ledger.identity, follows=state.follows, text=policy_text)
        by = signs(state, content, keys)
        if by == keys.current:
            if owner is not None:
                raise Refused("neither the policy nor the one before it names an owner's key",
                              bound="the owner's public key in the policy",
                              remedy=f'owner_key = "{owner.public.hex()}"')  # fmt: skip
            own: Signature | None = Signature.by(ledger.keyring.current(keys), made)
        else:
            own = next((each for each in (*_by(owner, made), *signed) if each.public == by), None)
        payload = {
            "digest": digest_of(policy_text),
            "text": normal(policy_text),
            "follows": made.follows,
            "signer": key_id(by) if own else "",
            "signature": own.signature.hex() if own else "",
            "approvals": [{"public": each.public.hex(), "signature": each.signature.hex()}
                          for each in signed if each.public != by],
        }  # fmt: skip
        wrong = problem(ledger.identity, state, keys, payload)
        if wrong is not None:
            raise Refused(f"the policy does not count: {wrong}",
                          value=None if owner is None else owner.id, bound=f"key {key_id(by)}",
                          remedy=f"{ADOPT} --owner-key FILE")  # fmt: skip
        return transaction.append(ADOPTED, payload)

    return ledger.atomically(work)


def _by(owner: SigningKey | None, made: Adoption) -> tuple[Signature, ...]:
    return () if owner is None else (Signature.by(owner, made),)


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
    return _adopt(ledger, ORGANISATION, source, signed)


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
        signed = _holds(ledger, entry, entry.payload, ORGANISATION)
        if signed and _owner_agreed(ledger, entry, entry.payload):
            return Adopted(entry.seq, str(entry.payload["text"]))
    return None


def organisation_digest(ledger: Ledger) -> str | None:
    """The digest of the adopted organisation file; None where there is none to be read."""
    found = adopted_organisation(ledger)
    return None if found is None or found.text is None else ORGANISATION.digest(found.text)


def _holds(ledger: Ledger, entry: Entry, payload: dict[str, Any], kind: Kind) -> bool:
    """True if the key that the ledger had at an adoption signed its text."""
    with ledger.reading() as connection:
        owner = load_keys(connection, ledger.identity, before=entry.seq).current or b""
    source = payload.get("text")
    if not isinstance(source, str):
        return False
    named = payload.get("signer") == key_id(owner) and payload.get("digest") == kind.digest(source)
    return named and signed_by(owner, raw(payload.get("signature")), kind.message(source))


def _adopt(ledger: Ledger, kind: Kind, source: str, more: dict[str, Any]) -> Entry:
    """Write the entry that adopts a text, signed by the ledger's key."""

    def work(transaction: Transaction) -> Entry:
        keys = transaction.tip.keys
        made = ledger.keyring.current(keys).sign(kind.message(source))
        return transaction.append(kind.entry, {
            "digest": kind.digest(source),
            "text": normal(source),
            "signer": keys.current_id,
            "signature": made.hex(),
            **more,
        })

    return ledger.atomically(work)


def _check_people(content: Content, keys: Keys) -> None:
    """Nobody may approve, or own, with the key that signs whatever anyone runs."""
    people = [(f"approver {person.name!r}", person.public) for person in content.approvers]
    people += [("the owner", content.owner_key)] if content.owner_key else []
    for who, public in people:
        if public in keys.known.values():
            line = '[approvers]\n         "NAME" = "..."'
            line = 'owner_key = "..."' if who == "the owner" else line
            raise Refused(f"{who} has the ledger's own key, which signs every run",
                          bound="a key of one's own",
                          remedy=f"{line}   # another public key")  # fmt: skip


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
