"""Which policy is in force: a fold over the adoptions, the same for writing and for reading.

Everybody who uses a ledger can make it sign an entry. So a policy names the public key of its
owner (`owner_key`), and from then on another policy counts only if that key signed it, or two of
the approvers whom the policy in force names, for the day on which the owner's key is lost. An
adoption that is signed otherwise is passed over, and the policy before it stays in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from privet.errors import InvalidInput, Refused
from privet.govern.budget.basis import basis_of
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.reading import load_keys
from privet.govern.ledger.records import Entry, key_id
from privet.govern.ledger.statements import unreadable
from privet.govern.ledger.succession import Keys
from privet.govern.policy.acts import raw
from privet.govern.policy.parse import normal, parse
from privet.govern.policy.terms import Content

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger

ADOPTED = "policy.adopt"
ADOPT = "privet policy adopt policy.toml"
APPROVALS = 2
"""How many approvers together stand in for the owner's lost key."""
_TEXT, _ADOPTION = b"privet policy 1", b"privet policy adoption 1"


def digest_of(source: str) -> str:
    """SHA-256 of a policy's text, as 64 hex digits."""
    return hashlib.sha256(framed(_TEXT, normal(source))).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Following:
    """That a text takes the place of the one that counts: what is signed.

    It names the ledger and the entry that it follows, so that a signature is good for no other
    ledger, and no old one brings an old text back.

    Attributes:
        FRAME: begins what is signed, so that no signature is good for another kind of text.
        ledger: identity of the ledger.
        follows: the entry that adopted the text that counts; 0 where there is none.
        text: the new one.
    """

    FRAME: ClassVar[bytes]

    ledger: str
    follows: int
    text: str

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return framed(self.FRAME, self.ledger, self.follows, normal(self.text))

    def signed(self, key: bytes, payload: dict[str, Any]) -> bool:
        """True if an entry with this payload holds the signature of a key, and names it."""
        holds = signed_by(key, raw(payload.get("signature")), self.message)
        return holds and payload.get("signer") == key_id(key)


class Adoption(Following):
    """That a text takes the place of the policy in force: what its owner signs."""

    KIND = "adopt a policy"
    FRAME = _ADOPTION

    def lines(self) -> list[str]:
        """What it says, for the person who signs."""
        place = f"in the place of that of entry {self.follows}" if self.follows else "as its first"
        return [f"In ledger {self.ledger} this policy decides every use, {place}:",
                *(f"  {line}" for line in normal(self.text).splitlines())]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The statement as JSON values."""
        return {"statement": self.KIND, "ledger": self.ledger, "follows": self.follows,
                "text": normal(self.text)}  # fmt: skip

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Adoption:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: it is something else, or its text is no policy.
        """
        follows, text = record.get("follows"), record.get("text")
        if record.get("statement") != cls.KIND or not isinstance(text, str) or (
            type(follows) is not int or follows < 0
        ):
            raise unreadable("statement", cls.KIND)
        parse(text)
        return cls(ledger=str(record.get("ledger")), follows=follows, text=text)


@dataclass(frozen=True)
class InForce:
    """A policy that counts, and the entry that adopted it."""

    seq: int
    text: str
    content: Content


@dataclass(frozen=True)
class State:
    """What is in force after some entries.

    Attributes:
        current: the last policy that counted; None if none did.
        lost: the last adoption whose text was redacted, so that nobody can say what is in force;
            0 if there is none.
        passed_over: adoptions that do not count, by their entries, each with the reason.
    """

    current: InForce | None = None
    lost: int = 0
    passed_over: tuple[tuple[int, str], ...] = ()

    @property
    def follows(self) -> int:
        """The entry that the next adoption names."""
        return self.lost or (self.current.seq if self.current else 0)

    @property
    def owner(self) -> bytes | None:
        """The owner's public key, if the policy in force names one."""
        return self.current.content.owner_key if self.current else None


def states(ledger: Ledger, *, before: int | None = None) -> Iterator[tuple[int, State]]:
    """What is in force after each adoption, with its entry, oldest first."""
    state = State()
    for entry in basis_of(ledger).of(ADOPTED):
        if before is not None and entry.seq >= before:
            return
        state = _after(ledger, state, entry)
        yield entry.seq, state


def in_force(ledger: Ledger, *, before: int | None = None) -> State:
    """What is in force now, or what was before an entry."""
    state = State()
    for _, after in states(ledger, before=before):
        state = after
    return state


def adopted_text(ledger: Ledger, *, before: int | None = None) -> str | None:
    """The text of the policy in force; None if the ledger has adopted none that counts.

    Args:
        before: only what was adopted before this entry counts.

    Raises:
        Refused: an adoption was redacted, so that nobody can say what is in force.
    """
    state = in_force(ledger, before=before)
    if state.lost:
        raise lost(state)
    return state.current.text if state.current else None


def adopted_digest(ledger: Ledger) -> str | None:
    """The digest of the adopted policy, computed from its text."""
    found = adopted_text(ledger)
    return None if found is None else digest_of(found)


def lost(state: State) -> Refused:
    """The refusal where an adoption was redacted."""
    known = state.owner is not None
    return Refused(f"the text of the policy that entry {state.lost} adopted is redacted, so nobody "
                   "can say what it allows, nor whom it named as its owner",
                   bound="another policy, signed by the owner whom the one before named" if known
                   else "a new ledger, to which the budgets are moved",
                   remedy=f"{ADOPT} --owner-key FILE" if known else
                   "privet budget transfer --help")  # fmt: skip


def signs(state: State, content: Content, keys: Keys) -> bytes:
    """The public key that must sign a policy to follow this state: that of the owner whom the
    policy in force names; else of the one whom the new one names; else the ledger's own."""
    return state.owner or content.owner_key or keys.current or b""


def problem(ledger: str, state: State, keys: Keys, payload: dict[str, Any]) -> str | None:
    """Why an adoption with this payload does not count; None if it does. Pure.

    Args:
        ledger: its identity.
        state: what is in force before it.
        keys: the ledger's keys before it.
    """
    text = payload.get("text")
    content = _parsed(text) if isinstance(text, str) else None
    if content is None or payload.get("digest") != digest_of(str(text)):
        return "it holds no policy under its own digest"
    if state.lost and state.owner is None:
        return f"nobody can say whom the policy of entry {state.lost}, now redacted, named as owner"
    if payload.get("follows") not in {state.follows, state.current.seq if state.current else 0}:
        return f"it was not signed to follow entry {state.follows}"
    statement = Adoption(ledger=ledger, follows=payload["follows"], text=str(text))
    key = signs(state, content, keys)
    if statement.signed(key, payload):
        return None
    if state.owner is None:
        return f"it is not signed by key {key_id(key)}"
    if len(_approving(state, keys, payload, statement.message)) >= APPROVALS:
        return None
    return f"it is not signed by the owner's key {key_id(key)}, nor by {APPROVALS} approvers"


def _approving(
    state: State, keys: Keys, payload: dict[str, Any], message: bytes
) -> frozenset[bytes]:
    """The approvers of the policy in force who signed this; neither owner nor ledger is one."""
    assert state.current is not None
    people = {person.public for person in state.current.content.approvers}
    people -= {state.owner, *keys.known.values()}
    given = payload.get("approvals")
    pairs = [(raw(item.get("public")), raw(item.get("signature")))
             for item in (given if isinstance(given, list) else []) if isinstance(item, dict)]
    return frozenset(public for public, signature in pairs
                     if public in people and signed_by(public, signature, message))  # fmt: skip


def _after(ledger: Ledger, state: State, entry: Entry) -> State:
    payload = entry.payload
    if payload is None:
        return replace(state, lost=entry.seq)
    with ledger.reading() as connection:
        keys = load_keys(connection, ledger.identity, before=entry.seq)
    wrong = problem(ledger.identity, state, keys, payload)
    if wrong is not None:
        return replace(state, passed_over=(*state.passed_over, (entry.seq, wrong)))
    text = str(payload["text"])
    return State(InForce(entry.seq, text, parse(text)), 0, state.passed_over)


@lru_cache(maxsize=32)
def _parsed(text: str) -> Content | None:
    try:
        return parse(text)
    except InvalidInput:
        return None
