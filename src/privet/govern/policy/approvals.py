"""Asking for approval and giving it: entries, each signed by the person who acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from privet.claims import Decision, Request, from_json
from privet.errors import InvalidInput, Refused
from privet.govern.ledger.keys import SigningKey
from privet.govern.ledger.records import Entry
from privet.govern.policy.acts import statement
from privet.govern.policy.case import Case
from privet.govern.policy.facts import asked, request_statement
from privet.govern.policy.force import ADOPT
from privet.govern.policy.job import record_of
from privet.govern.policy.policy import Policy
from privet.govern.policy.rules import (
    RULES,
    acts_on,
    approve_line,
    approved,
    is_requester,
    valid_grants,
)
from privet.govern.policy.terms import Approver

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger

REQUESTED = "approval.request"


@dataclass(frozen=True)
class Pending:
    """A request that waits for people.

    Attributes:
        entry: its entry of kind "approval.request".
        job: the digest that is approved.
        requester: who asks.
        needed: how many must approve.
        granted: who did, validly.
        may_approve: who else can.
    """

    entry: Entry
    job: str
    requester: str
    needed: int
    granted: tuple[str, ...]
    may_approve: tuple[str, ...]


def request(
    ledger: Ledger,
    request: Request,
    requester: str,
    reason: str,
    *,
    version: Any = None,
    key: SigningKey | None = None,
    now: datetime | None = None,
) -> Entry:
    """Ask for the approvals that a job needs.

    Args:
        request: exactly what will be run.
        requester: who asks.
        reason: why, for those who approve.
        version: of the data set that will be read; by default its newest.
        key: the requester's own, which then cannot approve under any name.
        now: by default the clock's time.

    Raises:
        Refused: the policy would refuse it whoever approves.
        InvalidInput: no approval is needed, or requester or reason is missing.
    """
    policy = _adopted(ledger)
    _words("requester", requester)
    _words("reason", reason)
    case = policy.case(request, requester=requester, ledger=ledger, version=version, now=now)
    if isinstance(case, Decision):
        raise _refused(case)
    for rule in RULES:
        refusal = None if rule is approved else rule(policy, case)
        if refusal is not None:
            raise _refused(refusal)
    if not case.terms.approvals:
        raise InvalidInput("nobody needs to approve this", value=request.action,
                           bound="approvals = 1 or 2 in the policy", remedy="run it"
                           )  # fmt: skip
    payload: dict[str, Any] = {
        "request": record_of(request, case.facts.version),
        "job": case.job,
        "requester": requester,
        "reason": reason,
    }
    if key is not None:
        message = request_statement(ledger.identity, case.job, requester, reason)
        payload |= {"public": key.public.hex(), "signature": key.sign(message).hex()}
    return ledger.append(REQUESTED, payload)


def approve(
    ledger: Ledger,
    job: str,
    key: SigningKey,
    *,
    expires: datetime,
    reason: str = "",
    now: datetime | None = None,
) -> Entry:
    """Approve a requested job, until a time.

    Args:
        job: the digest of the request, 64 hex digits.
        key: the approver's own.
        expires: an aware time; no later than the policy allows.
        reason: for the record.
        now: by default the clock's time.

    Raises:
        InvalidInput: nobody has asked for this job, or `expires` is unusable.
        Refused: the key is not one that the policy names for this data set, or it is the
            requester's.
    """
    policy, entry, case = _requested(ledger, job, now)
    approver = _named(policy, case, key)
    if is_requester(case, approver):
        raise Refused("whoever asks cannot approve", value=approver.name,
                      bound=_others(policy, case), remedy=approve_line(job))  # fmt: skip
    end = _expiry(expires, case)
    return _act(ledger, "grant", job, entry.seq, key, expires=end, reason=reason)


def deny(
    ledger: Ledger, job: str, key: SigningKey, *, reason: str, now: datetime | None = None
) -> Entry:
    """Deny a requested job: it is refused until the denial is revoked, whoever approves.

    Raises:
        InvalidInput: nobody has asked for this job, or no reason is given.
        Refused: the key is not one that the policy names for this data set.
    """
    _words("reason", reason)
    policy, entry, case = _requested(ledger, job, now)
    _named(policy, case, key)
    return _act(ledger, "deny", job, entry.seq, key, reason=reason)


def revoke(
    ledger: Ledger, job: str, key: SigningKey, *, reason: str, now: datetime | None = None
) -> Entry:
    """Take back this key's approval or denial of a job; what has run already has run.

    Raises:
        InvalidInput: this key has no standing approval or denial, or no reason is given.
        Refused: the key is not one that the policy names for this data set.
    """
    _words("reason", reason)
    policy, _, case = _requested(ledger, job, now)
    act = acts_on(policy, case).get(_named(policy, case, key).name)
    if act is None:
        raise InvalidInput("there is nothing of this key's to revoke", value=job[:16],
                           bound="a standing approval or denial by the same key",
                           remedy=approve_line(job))  # fmt: skip
    return _act(ledger, "revoke", job, act.seq, key, reason=reason)


def pending(ledger: Ledger, *, now: datetime | None = None) -> tuple[Pending, ...]:
    """The requests that still wait for people, in order; of those for one job, the newest.

    Left out are those that a rule or a denial refuses now, that have their approvals, or that
    have run.
    """
    policy = Policy.from_ledger(ledger)
    if policy is None:
        return ()
    newest = {asked(entry)["job"]: entry for entry in ledger.entries(kind=REQUESTED)
              if asked(entry)}  # fmt: skip
    found = []
    for job, entry in sorted(newest.items(), key=lambda item: item[1].seq):
        case = case_of(policy, ledger, entry, now)
        if case is None or not _waits(policy, case, entry):
            continue
        granted = tuple(valid_grants(policy, case))
        found.append(Pending(entry, job, case.requester, case.terms.approvals, granted,
                             may_approve(policy, case)))  # fmt: skip
    return tuple(found)


def _waits(policy: Policy, case: Case, entry: Entry) -> bool:
    refused = any(rule(policy, case) for rule in RULES if rule is not approved)
    ran = sum(run > entry.seq for run in case.facts.runs) >= case.terms.approval_runs
    return not refused and not ran and approved(policy, case) is not None


def may_approve(policy: Policy, case: Case) -> tuple[str, ...]:
    """Who can still approve: named for the data set, not the requester, not counted already."""
    granted = valid_grants(policy, case)
    people = {person.name: person for person in policy.approvers}
    return tuple(name for name in case.terms.approvers
                 if name not in granted and not is_requester(case, people[name]))  # fmt: skip


def case_of(
    policy: Policy, ledger: Ledger, entry: Entry, now: datetime | None = None
) -> Case | None:
    """The request of an entry of kind "approval.request" before the policy; None if it was
    redacted, altered, or the policy has no terms for its data set."""
    payload = asked(entry)
    if not payload:
        return None
    record = payload["request"]
    wanted = Request(
        action=str(record.get("action")),
        data_set=record.get("data_set"),
        purpose=str(record.get("purpose", "")),
        guarantee=from_json(record.get("guarantee", {})),
        parameters=record.get("parameters") or {},
    )
    case = policy.case(wanted, requester=str(payload.get("requester", "")), ledger=ledger,
                       version=record.get("version"), now=now)  # fmt: skip
    return None if isinstance(case, Decision) else case


def _adopted(ledger: Ledger) -> Policy:
    policy = Policy.from_ledger(ledger)
    if policy is None:
        raise Refused("the ledger has adopted no policy", remedy=ADOPT)
    return policy


def _requested(
    ledger: Ledger, job: str, now: datetime | None
) -> tuple[Policy, Entry, Case]:
    policy = _adopted(ledger)
    entries = [entry for entry in ledger.entries(kind=REQUESTED)
               if (asked(entry) or {}).get("job") == job]  # fmt: skip
    case = case_of(policy, ledger, entries[-1], now) if entries else None
    if case is None:
        raise InvalidInput("nobody has asked for this job", value=job,
                           bound="the digest of a request in this ledger",
                           remedy='privet request train DATA --reason "..."')  # fmt: skip
    return policy, entries[-1], case


def _named(policy: Policy, case: Case, key: SigningKey) -> Approver:
    for person in policy.approvers:
        if person.public == key.public and person.name in case.terms.approvers:
            return person
    raise Refused("the policy does not name this key as an approver's", value=key.id,
                  bound=", ".join(case.terms.approvers) or "nobody",
                  remedy=f'[approvers]\n         "NAME" = "{key.public.hex()}"'
                         "   # in policy.toml, by its owner")  # fmt: skip


def _others(policy: Policy, case: Case) -> str:
    return ", ".join(may_approve(policy, case)) or "another approver, to be named in the policy"


def _expiry(expires: datetime, case: Case) -> str:
    latest = case.now + timedelta(days=case.terms.approval_days)
    if not isinstance(expires, datetime) or expires.tzinfo is None or not (
        case.now < expires <= latest
    ):
        raise InvalidInput("an approval cannot end then", value=str(expires),
                           bound=f"after now, and by {latest.isoformat(timespec='minutes')}",
                           remedy=f'expires=datetime.fromisoformat("{_iso(latest)}")'
                           )  # fmt: skip
    return _iso(expires)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _act(
    ledger: Ledger,
    verb: str,
    job: str,
    of: int,
    key: SigningKey,
    *,
    expires: str = "",
    reason: str = "",
) -> Entry:
    tip = ledger.tip()
    message = statement(ledger.identity, tip.chain, verb, job, of, expires, reason)
    payload = {
        "job": job,
        "of": of,
        "follows": tip.seq,
        "signer": key.id,
        "signature": key.sign(message).hex(),
        "expires": expires or None,
        "reason": reason,
    }
    return ledger.append(f"approval.{verb}", payload)


def _words(name: str, value: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{name} is missing", value=value, bound="a text",
                           remedy=f'{name}="..."')  # fmt: skip


def _refused(decision: Decision) -> Refused:
    return Refused(f"the policy refuses this: {decision.reason}", remedy=decision.remedy)
