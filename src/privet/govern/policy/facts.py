"""What a ledger knows that a policy asks about: entries only, never data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from privet.claims import Request
from privet.errors import InvalidInput
from privet.govern.budget.amounts import GRID
from privet.govern.budget.basis import basis_of
from privet.govern.budget.charges import RELEASE, RESERVE
from privet.govern.budget.recount import current
from privet.govern.budget.sets import IN, REGISTER, VERSION
from privet.govern.budget.totals import Totals, epsilon_on
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.records import key_id
from privet.govern.policy.acts import VERBS, Act, instant, raw
from privet.govern.policy.force import adopted_digest
from privet.govern.policy.job import job_digest
from privet.govern.policy.parse import same_person
from privet.govern.policy.terms import REPORTED, Terms

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.records import Entry


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known before a request is decided.

    Attributes:
        ledger: identity of the ledger.
        adopted: digest of the policy that it has adopted, if any.
        registered: the data set is registered there, in the version that is asked for.
        version: that version; the newest where none is asked for.
        version_time: when this content was first recorded, or what it was made from, where that
            was earlier: registering it again makes it no younger.
        made_from: all data sets that it was made from.
        columns: its columns, where they were recorded.
        units: its privacy units, where they were recorded.
        spent: epsilon of all releases for this purpose so far, added up; 0 where the policy does
            not ask.
        kin: the data sets whose releases count together.
        reports: those that exist about the data set.
        model_time: when the model that a prediction names was made.
        requester_keys: ids of keys with which the requester has signed requests.
        runs: entries of this very job's reservations that were not released.
        blind: the last entry with a denial or revocation that was redacted; what was approved
            before it was written does not count.
    """

    ledger: str = ""
    adopted: str | None = None
    registered: bool = False
    version: Any = None
    version_time: datetime | None = None
    made_from: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    units: int | None = None
    spent: float = 0.0
    kin: frozenset[str] = frozenset()
    reports: frozenset[str] = frozenset()
    model_time: datetime | None = None
    requester_keys: frozenset[str] = frozenset()
    runs: tuple[int, ...] = ()
    blind: int = 0

    def after(
        self, request: Request, job: str, used: Totals, entries: Iterable[Entry]
    ) -> Facts:
        """The facts once others have reserved and released, and written nothing else.

        Args:
            job: digest of the request.
            used: the totals since.
            entries: of kinds "run.reserve" and "run.release", since these facts were collected.
        """
        runs = list(self.runs)
        for entry in entries:
            if entry.kind == RESERVE and _same_job(entry, job, request.data_set):
                runs.append(entry.seq)
            elif entry.kind == RELEASE and (gone := (entry.payload or {}).get("reserve")) in runs:
                runs.remove(gone)
        spent = epsilon_on(used, self.kin, request.purpose) / GRID
        return replace(self, runs=tuple(runs), spent=spent)


@dataclass(frozen=True)
class DataSet:
    """A registered data set in one version."""

    version: Any
    time: datetime | None
    columns: tuple[str, ...] | None
    units: int | None
    payload: dict[str, Any]


History = dict[str, list[DataSet]]
"""The versions of each registered data set, oldest first."""


def data_sets(ledger: Ledger) -> History:
    """The registered data sets by name."""
    found: History = {}
    for entry in basis_of(ledger).of(REGISTER, VERSION, IN):
        payload = entry.payload or {}
        if entry.kind == IN:  # a set whose budget was moved here is registered by that
            payload = payload.get("data_set") or {}
        name = payload.get("name")
        if not isinstance(name, str) or (entry.kind == IN and name in found):
            continue
        before = found[name][-1].payload if name in found else {}
        known = {**before, **payload}
        columns, units = known.get("columns"), known.get("units")
        found.setdefault(name, []).append(
            DataSet(
                version=known.get("version"),
                time=instant(entry.time),
                columns=tuple(map(str, columns)) if isinstance(columns, list) else None,
                units=units if isinstance(units, int) else None,
                payload=known,
            )
        )
    return found


def in_version(known: History, name: str | None, version: Any = None) -> DataSet | None:
    """A data set in a version, or in its newest; None if it is not registered so."""
    states = known.get(name or "", [])
    wanted = [state for state in states if version is None or state.version == version]
    return wanted[-1] if wanted else None


def made_from(name: str | None, known: History) -> tuple[str, ...]:
    """All data sets that a data set was made from, also those that another ledger knew."""
    found: dict[str, None] = {}
    edge = [name or ""]
    while edge:
        last = known[edge[0]][-1].payload if edge[0] in known else {}
        more = [*(last.get("parents") or ()), *(last.get("ancestors") or ())]
        edge = [*edge[1:], *(one for one in more if one not in found)]
        found |= dict.fromkeys(more)
    return tuple(one for one in found if one != name)


def _first_seen(known: History, name: str | None, version: Any) -> datetime | None:
    """When a content was first recorded under this name; of a derived set, no later than what
    it was made from, which is the newest version of each parent at that time."""
    first = next((one for one in known.get(name or "", []) if one.version == version), None)
    if first is None or first.time is None:
        return None
    times = [first.time]
    for parent in first.payload.get("parents") or ():
        before = [one for one in known.get(parent, []) if one.time and one.time <= first.time]
        made = _first_seen(known, parent, before[-1].version) if before else None
        times += [made] if made else []
    return min(times)


def family(name: str, known: History) -> frozenset[str]:
    """The data set with all that it was derived from or that were derived from it, and so on."""
    links = [(child, parent) for child, states in known.items()
             for parent in states[-1].payload.get("parents") or ()]  # fmt: skip
    kin = {name}
    while True:
        more = {end for pair in links if kin & set(pair) for end in pair} - kin
        if not more:
            return frozenset(kin)
        kin |= more


def spent_on(
    ledger: Ledger, known: History, name: str, purpose: str | None = None
) -> float:
    """Epsilon that counts against a data set and all its relatives, added up simply.

    Args:
        purpose: only for this one; None for all.

    Raises:
        Refused: the cached totals were changed by another hand.
    """
    with ledger.reading() as connection:
        return epsilon_on(current(connection).totals, family(name, known), purpose) / GRID


def acts(ledger: Ledger, job: str) -> tuple[tuple[Act, ...], int]:
    """The approvals, denials and revocations of a job, in order of their entries; and the last
    entry with a denial or revocation of any job that was redacted, 0 if there is none."""
    found, blind = [], 0
    for verb in VERBS:
        for entry in basis_of(ledger).of(f"approval.{verb}"):
            if entry.payload is not None:
                found += [act_of(ledger, entry, verb)] if entry.payload.get("job") == job else []
            elif verb != "grant":
                blind = max(blind, entry.seq)
    return tuple(sorted(found, key=lambda act: act.seq)), blind


def act_of(ledger: Ledger, entry: Entry, verb: str) -> Act:
    """An entry with its payload as an act; what is malformed has a signature that cannot hold."""
    payload = entry.payload or {}
    of, follows = payload.get("of"), payload.get("follows")
    before = _entry(ledger, follows if type(follows) is int and follows < entry.seq else 0)
    after = _entry(ledger, before.seq + 1) if before else None
    return Act(
        seq=entry.seq,
        time=(after or entry).time,
        verb=verb,
        job=str(payload.get("job")),
        of=of if isinstance(of, int) and of >= 0 else 0,
        follows=before.seq if before else 0,
        head=before.chain if before else b"",
        signer=str(payload.get("signer")),
        signature=raw(payload.get("signature")),
        expires=str(payload.get("expires") or ""),
        reason=str(payload.get("reason") or ""),
    )


def collect(
    ledger: Ledger,
    request: Request,
    *,
    known: History,
    requester: str,
    terms: Terms,
    version: Any = None,
    spent: float | None = None,
) -> tuple[Facts, tuple[Act, ...]]:
    """What the ledger knows that bears on a request, and the acts about this very job.

    Args:
        known: the registered data sets.
        terms: what they do not ask for is not looked up.
        version: of the data set; None for the newest.
        spent: epsilon of the purpose, where the caller keeps the account already.
    """
    mine = in_version(known, request.data_set, version)
    version = mine.version if mine else version
    job = job_digest(request, version=version)
    purpose = terms.purposes.get(request.purpose)
    if spent is None and purpose is not None and purpose.epsilon is not None:
        spent = spent_on(ledger, known, request.data_set or "", request.purpose)
    elif spent is None:
        spent = 0.0
    mine_acts, blind = acts(ledger, job)
    grants = [act.follows for act in mine_acts if act.verb == "grant"]
    facts = Facts(
        ledger=ledger.identity,
        adopted=adopted_digest(ledger),
        registered=mine is not None,
        version=version,
        version_time=_first_seen(known, request.data_set, version) if mine else None,
        made_from=made_from(request.data_set, known),
        columns=mine.columns if mine else None,
        units=mine.units if mine else None,
        spent=spent,
        kin=family(request.data_set or "", known),
        reports=_reports(ledger, request.data_set),
        model_time=_model_time(ledger, request.parameters.get("model_entry")),
        requester_keys=_requester_keys(ledger, job, requester),
        runs=_runs(ledger, job, request.data_set, min(grants)) if grants else (),
        blind=blind,
    )
    return facts, mine_acts


def _reports(ledger: Ledger, data_set: str | None) -> frozenset[str]:
    payloads = (entry.payload or {} for entry in basis_of(ledger).of(REPORTED))
    return frozenset(str(p.get("format")) for p in payloads if p.get("data_set") == data_set)


def _model_time(ledger: Ledger, seq: Any) -> datetime | None:
    entry = _entry(ledger, seq) if type(seq) is int else None
    return instant(entry.time) if entry is not None and entry.kind == "run.commit" else None


def _entry(ledger: Ledger, seq: int) -> Entry | None:
    """An entry; None if there is none of this number."""
    try:
        return ledger.get(seq)
    except InvalidInput:
        return None


def asked(entry: Entry) -> dict[str, Any]:
    """The payload of an entry of kind "approval.request" whose job is the digest of what it
    asks for; empty for others and for redacted ones."""
    payload = entry.payload or {}
    record = payload.get("request")
    if not isinstance(record, dict) or payload.get("job") != job_digest(record):
        return {}
    return payload


def request_statement(ledger: str, job: str, requester: str, reason: str) -> bytes:
    """The bytes that a requester signs."""
    return framed(b"privet request 1", ledger, job, requester, reason)


def _requester_keys(ledger: Ledger, job: str, requester: str) -> frozenset[str]:
    """Keys with which anybody of this name has signed a request for this job."""
    found = set()
    for entry in basis_of(ledger).of("approval.request"):
        payload = entry.payload or {}
        if payload.get("job") != job:
            continue
        public, signature = raw(payload.get("public")), raw(payload.get("signature"))
        name, reason = str(payload.get("requester")), str(payload.get("reason"))
        message = request_statement(ledger.identity, job, name, reason)
        if same_person(name) == same_person(requester) and signed_by(public, signature, message):
            found.add(key_id(public))
    return frozenset(found)


def _runs(ledger: Ledger, job: str, data_set: str | None, since: int) -> tuple[int, ...]:
    payloads = (entry.payload or {} for entry in ledger.entries(since, kind=RELEASE))
    given_back = {payload.get("reserve") for payload in payloads}
    return tuple(entry.seq for entry in ledger.entries(since, kind=RESERVE)
                 if entry.seq not in given_back and _same_job(entry, job, data_set))  # fmt: skip


def _same_job(entry: Entry, job: str, data_set: str | None) -> bool:
    """True if a reservation is this job's; a redacted one may have been."""
    if entry.payload is None:
        return True
    other = entry.payload.get("request")
    if not isinstance(other, dict) or other.get("data_set") != data_set:
        return False
    return job_digest(other) == job
