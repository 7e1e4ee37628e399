"""Approvals as signed acts, and which of them stand. Pure: nothing here reads a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.records import key_id
from privet.govern.policy.terms import Approver

VERBS = ("grant", "deny", "revoke")
_ACT = b"privet approval 1"


@dataclass(frozen=True, kw_only=True)
class Act:
    """One entry of kind "approval.grant", "approval.deny" or "approval.revoke".

    Attributes:
        seq, time: of the entry.
        verb: of `VERBS`.
        job: digest of the request.
        of: the entry that it is about: a request, or the act that is revoked.
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
    signer: str
    signature: bytes
    expires: str = ""
    reason: str = ""


def statement(ledger: str, verb: str, job: str, of: int, expires: str, reason: str) -> bytes:
    """The bytes that an approver signs: bound to one ledger, request, verb and expiry."""
    return framed(_ACT, ledger, verb, job, of, expires, reason)


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
    """The newest grant or denial of each approver about a job that was not revoked, by name.

    An act counts only if the key that the policy gives for that name signed it, over this very
    job in this very ledger.
    """
    by_key = {key_id(approver.public): approver for approver in approvers}
    own = [
        act
        for act in acts
        if act.job == job
        and act.signer in by_key
        and signed_by(
            by_key[act.signer].public,
            act.signature,
            statement(ledger, act.verb, act.job, act.of, act.expires, act.reason),
        )
    ]
    revoked = {(act.of, act.signer) for act in own if act.verb == "revoke"}
    found: dict[str, Act] = {}
    for act in sorted(own, key=lambda act: act.seq):
        if act.verb != "revoke":
            found[by_key[act.signer].name] = act
    return {
        name: act for name, act in found.items() if (act.seq, act.signer) not in revoked
    }


def expiry(act: Act, longest_days: int) -> datetime | None:
    """When a grant ends: as signed, but no later than the policy allows; None if malformed."""
    signed, given = instant(act.expires), instant(act.time)
    if signed is None or given is None:
        return None
    return min(signed, given + timedelta(days=longest_days))
