"""Approvals as signed acts, and which of them stand. Pure: nothing here reads a ledger.

Whoever can use a ledger can write an old act into it once more, or write late what was signed
long ago. So a signature also covers the head of the ledger at which it was made, and acts are
ordered by that: whenever and however often one is written, it stands behind what its signer said
later, and the runs since then have used it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.records import key_id
from privet.govern.policy.terms import Approver

VERBS = ("grant", "deny", "revoke")
_ACT = b"privet approval 2"
_WEIGHT = ("grant", "revoke", "deny")
"""Which act counts of those that one person signed at one head: the last of these."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One entry of kind "approval.grant", "approval.deny" or "approval.revoke".

    Attributes:
        seq: of the entry.
        time: of the entry after the head at which it was signed: that of its own entry, unless it
            was written late.
        verb: of `VERBS`.
        job: digest of the request.
        of: the entry that it is about: a request, or the act that is revoked.
        follows: the last entry when it was signed.
        head: the chain hash of that entry, 32 bytes; empty if there is none before this act.
        signer: id of the key.
        signature: 64 bytes over `statement`.
        expires: ISO 8601 in UTC; "" for an act that does not expire.
        reason: in the approver's words.
    """

    seq: int
    time: str
    verb: str
    job: str
    of: int
    follows: int
    head: bytes
    signer: str
    signature: bytes
    expires: str = ""
    reason: str = ""


def statement(
    ledger: str, head: bytes, verb: str, job: str, of: int, expires: str, reason: str
) -> bytes:
    """The bytes that an approver signs: bound to one head of one ledger, request, verb and expiry.

    Args:
        head: the chain hash of the entry that it follows.
    """
    return framed(_ACT, ledger, head, verb, job, of, expires, reason)


def signed(act: Act, public: bytes, ledger: str) -> bool:
    """True if the key signed this act, in this ledger, at a head before the act's entry."""
    message = statement(
        ledger, act.head, act.verb, act.job, act.of, act.expires, act.reason
    )
    return act.head != b"" and signed_by(public, act.signature, message)


def instant(text: str) -> datetime | None:
    """The time that a text in ISO 8601 with its offset names, or None."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def raw(text: object) -> bytes:
    """The bytes of hex digits; none for anything else, which no signature matches."""
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


def standing(
    acts: Iterable[Act], approvers: Iterable[Approver], *, job: str, ledger: str
) -> dict[str, Act]:
    """The last grant or denial of each approver about a job, if no revocation follows, by name.

    An act counts only if the key that the policy gives for that name signed it, over this very
    job in this very ledger. The last is the one that was signed last, not the one whose entry is
    the last; of an act that was written several times, the first entry counts.
    """
    by_key = {key_id(approver.public): approver for approver in approvers}
    own = [
        act
        for act in acts
        if act.job == job
        and act.signer in by_key
        and signed(act, by_key[act.signer].public, ledger)
    ]
    last = {by_key[act.signer].name: act for act in sorted(own, key=_order)}
    return {name: act for name, act in last.items() if act.verb != "revoke"}


def _order(act: Act) -> tuple[int, int, int]:
    return act.follows, _WEIGHT.index(act.verb), -act.seq


def expiry(act: Act, longest_days: int) -> datetime | None:
    """When a grant ends: as signed, but no later than the policy allows; None if malformed."""
    signed, given = instant(act.expires), instant(act.time)
    if signed is None or given is None:
        return None
    return min(signed, given + timedelta(days=longest_days))
