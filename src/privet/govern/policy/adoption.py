"""Adopting texts into a ledger: its owner signs each, and only that text counts.

Two texts are adopted: the policy, which decides, and the organisation file, which reports show.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.errors import Refused
from privet.govern.budget.basis import basis_of
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import SigningKey
from privet.govern.ledger.reading import load_keys
from privet.govern.ledger.records import Entry, key_id
from privet.govern.ledger.statements import Signature
from privet.govern.ledger.succession import Keys
from privet.govern.policy.force import (
    ADOPT,
    ADOPTED,
    Adoption,
    Following,
    State,
    digest_of,
    in_force,
    lost,
    problem,
    signs,
    states,
)
from privet.govern.policy.parse import normal, parse
from privet.govern.policy.terms import Content

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.writing import Transaction



class OrganisationAdoption(Following):
    """That an organisation file takes the place of the one that reports show."""

    FRAME = b"privet organisation adoption 1"


@dataclass(frozen=True)
class Kind:
    """A kind of text that is adopted.

    Attributes:
        entry: kind of its entries.
        frame: begins what its digest is of.
    """

    entry: str
    frame: bytes

    def digest(self, source: str) -> str:
        """SHA-256 of a text, as 64 hex digits."""
        return hashlib.sha256(framed(self.frame, normal(source))).hexdigest()


ORGANISATION = Kind("organisation.adopt", b"privet organisation 1")


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
        owner: the key of the owner whom the policy in force names. Where it names none, the
            ledger's key file signs.

    Raises:
        Refused: it is not signed by whom it must be; the policy is redacted, so that nobody can
            say who that is.
    """

    def work(transaction: Transaction) -> Entry:
        keys, policy = transaction.tip.keys, in_force(ledger)
        if policy.lost and policy.owner is None:
            raise lost(policy)
        before = adopted_organisation(ledger)
        made = OrganisationAdoption(ledger=ledger.identity, text=source,
                                    follows=before.seq if before else 0)
        if policy.owner is None:
            if owner is not None:
                raise Refused("the policy in force names no owner's key",
                              bound="the owner's public key in the policy",
                              remedy=f'owner_key = "{owner.public.hex()}"')  # fmt: skip
            key = ledger.keyring.current(keys)
        elif owner is None or owner.public != policy.owner:
            raise Refused(
                "the adopted policy names the owner's key, which signs the organisation file",
                value="no key" if owner is None else owner.id,
                bound=f"key {key_id(policy.owner)}",
                remedy=organisation_command(ledger, "organisation.toml"),
            )
        else:
            key = owner
        return transaction.append(ORGANISATION.entry, {
            "digest": ORGANISATION.digest(source),
            "text": normal(source),
            "follows": made.follows,
            "signer": key.id,
            "signature": key.sign(made.message).hex(),
        })  # fmt: skip

    return ledger.atomically(work)


def organisation_command(ledger: Ledger, file: str) -> str:
    """The command that adopts an organisation file, with the key that it takes."""
    named = in_force(ledger).owner is not None
    owned = " --owner-key FILE" if named else ""
    return f"privet report adopt {shlex.quote(file)}{owned}"


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
    """The organisation file that counts: the last one that was signed, to follow the one before
    it, by whom the policy of its time asks for. None if none was.
    """
    adoptions = basis_of(ledger).of(ORGANISATION.entry)
    policies = list(states(ledger)) if adoptions else []
    found: Adopted | None = None
    readable = 0  # the last one whose text is known
    for entry in adoptions:
        if entry.payload is None:
            found = Adopted(entry.seq, None)
            continue
        policy = next((state for seq, state in reversed(policies) if seq < entry.seq), State())
        if entry.payload.get("follows") in {found.seq if found else 0, readable} and _agreed(
            ledger, policy, entry, entry.payload
        ):
            found, readable = Adopted(entry.seq, str(entry.payload["text"])), entry.seq
    return found


def organisation_digest(ledger: Ledger) -> str | None:
    """The digest of the adopted organisation file; None where there is none to be read."""
    found = adopted_organisation(ledger)
    return None if found is None or found.text is None else ORGANISATION.digest(found.text)


def _agreed(ledger: Ledger, policy: State, entry: Entry, payload: dict[str, Any]) -> bool:
    """True if an organisation file is signed by whom the policy of that time asks for."""
    if policy.lost and policy.owner is None:  # nobody can say whom it named
        return False
    with ledger.reading() as connection:
        own = load_keys(connection, ledger.identity, before=entry.seq).current or b""
    source = payload.get("text")
    if not isinstance(source, str) or payload.get("digest") != ORGANISATION.digest(source):
        return False
    made = OrganisationAdoption(ledger=ledger.identity, follows=payload["follows"], text=source)
    return made.signed(policy.owner or own, payload)


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
