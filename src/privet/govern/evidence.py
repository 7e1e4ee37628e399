"""What a ledger holds about data sets, runs, policies and approvals, as typed facts.

A fact carries the number of the entry that supports it. What no entry says is None, and stays
None: nothing is derived, guessed or filled in. An entry of an unknown kind is skipped; a field
of another type than expected counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from privet.claims import Cost, Guarantee, from_json
from privet.errors import InvalidInput
from privet.govern.accounts import COUNTED, MOVES, Accounts
from privet.govern.budget.sets import IN
from privet.govern.facts import (
    Charge,
    DataSet,
    End,
    Fact,
    Move,
    Paper,
    Record,
    Ruling,
    Run,
    Source,
)
from privet.govern.ledger.canonical import canonical
from privet.govern.ledger.records import Entry, Head
from privet.govern.policy.adoption import ORGANISATION
from privet.govern.policy.force import ADOPTED
from privet.govern.policy.terms import RECORDED, REPORTED

T = TypeVar("T")
KINDS = (
    "dataset.register",
    "dataset.version",
    *MOVES,
    "run.decide",
    "run.reserve",
    "run.commit",
    "run.release",
    "run.forfeit",
    ADOPTED,
    ORGANISATION.entry,
    REPORTED,
    "approval.request",
    "approval.grant",
    "approval.deny",
    "approval.revoke",
)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the entries up to a signed head say.

    Attributes:
        ledger: the ledger's identity.
        head: the newest head when it was read.
        data_sets: by name, also those that only runs name.
        runs: in the order of their first entry.
        rulings: decisions of the policy and steps of approvals, in order.
        policy: digest of the policy in force.
        papers: documents that people wrote elsewhere and signed off.
        redacted: entries of these kinds whose payload is gone; whom they were about is unknown.
        charges: what runs took from budgets, those of derived sets included.
        moves: what transfers and adoptions changed in budgets.
        uncounted: entries that changed some budget and cannot be read.
        disjoint: pairs of data sets that are declared to share no unit, with the entry.
        sources: every entry that was read, by number.
    """

    ledger: str
    head: Head
    data_sets: dict[str, DataSet]
    runs: tuple[Run, ...]
    rulings: tuple[Ruling, ...]
    policy: Fact[str] | None
    papers: tuple[Paper, ...]
    redacted: tuple[int, ...]
    charges: tuple[Charge, ...]
    moves: tuple[Move, ...]
    uncounted: tuple[int, ...]
    disjoint: dict[frozenset[str], int]
    sources: dict[int, Source] = field(repr=False)

    @classmethod
    def of(
        cls, ledger: Record, *, data_set: str | None = None, model: int | str | None = None
    ) -> Evidence:
        """Read a ledger.

        Args:
            ledger: a `Ledger`.
            data_set: keep what concerns this data set only.
            model: keep one run only: the number of its commit or reservation, alone or as
                "LEDGER/NUMBER" (the `entry` of the receipt of a fit), or its token.

        Raises:
            InvalidInput: the record names no such data set or run.
        """
        head = ledger.head()
        reader = _Reader()
        for entry in ledger.entries():
            if entry.seq > head.size:
                break
            if entry.kind in KINDS:
                reader.take(entry)
        found = cls(
            ledger=ledger.identity,
            head=head,
            data_sets=reader.named_sets(),
            runs=tuple(reader.runs),
            rulings=tuple(reader.rulings),
            policy=reader.policy,
            papers=tuple(reader.papers),
            redacted=tuple(reader.redacted),
            charges=tuple(reader.accounts.charges),
            moves=tuple(reader.accounts.moves),
            uncounted=tuple(reader.accounts.uncounted),
            disjoint=reader.accounts.disjoint,
            sources=reader.sources,
        )
        if model is not None:
            found = found._of_model(model)
        return found if data_set is None else found._of_data_set(data_set)

    def _of_data_set(self, name: str) -> Evidence:
        if name not in self.data_sets:
            known = ", ".join(sorted(self.data_sets)) or "none at all"
            raise InvalidInput(
                "the ledger names no such data set", value=name, bound=f"one of: {known}"
            )
        return replace(
            self,
            data_sets={name: self.data_sets[name]},
            runs=tuple(run for run in self.runs if run.data_set and run.data_set.value == name),
            rulings=tuple(item for item in self.rulings if item.data_set == name),
            charges=tuple(item for item in self.charges if item.holder == name),
            moves=tuple(item for item in self.moves if item.holder == name),
        )

    def _of_model(self, model: int | str) -> Evidence:
        ledger, slash, rest = str(model).rpartition("/")
        here = not slash or ledger == self.ledger
        runs = tuple(run for run in self.runs if here and _is(run, rest))
        if not runs:
            raise InvalidInput(
                "the ledger holds no such run",
                value=model,
                bound="the number of a run's commit or reservation, or its token",
                remedy="privet ledger list",
            )
        named = {run.data_set.value for run in runs if run.data_set}
        linked = {seq for run in runs for seq in (*run.approvals, *run.seqs)}
        return replace(
            self,
            runs=runs,
            data_sets={name: item for name, item in self.data_sets.items() if name in named},
            rulings=tuple(item for item in self.rulings if item.seq in linked),
            charges=tuple(item for item in self.charges if item.holder in named),
            moves=tuple(item for item in self.moves if item.holder in named),
        )


def _is(run: Run, name: str) -> bool:
    seqs = (run.reserved, run.ended.seq if run.ended else None)
    return bool(name) and name in (run.token, *(str(seq) for seq in seqs if seq is not None))


class _Reader:
    """A fold over the entries."""

    def __init__(self) -> None:
        self.sets: dict[str, DataSet] = {}
        self.runs: list[Run] = []
        self.rulings: list[Ruling] = []
        self.policy: Fact[str] | None = None
        self.papers: list[Paper] = []
        self.redacted: list[int] = []
        self.sources: dict[int, Source] = {}
        self.accounts = Accounts()
        self._at: dict[int, int] = {}
        self._granted: dict[bytes, int] = {}
        self._steps: dict[str, Callable[[int, dict[str, Any]], None]] = {
            "dataset.register": self._register,
            "dataset.version": self._grow,
            "run.decide": self._decide,
            "run.reserve": self._reserve,
            ADOPTED: self._adopt,
        }

    def take(self, entry: Entry) -> None:
        """Read one entry of a known kind."""
        seq, body = entry.seq, entry.payload
        self.sources[seq] = Source(
            seq=seq,
            time=entry.time,
            kind=entry.kind,
            commitment=entry.commitment.hex(),
            redacted=entry.redacted,
        )
        if body is None:
            self.redacted.append(seq)
            if entry.kind in COUNTED:
                self.accounts.uncounted.append(seq)
        elif entry.kind in MOVES:
            self._move(seq, entry.kind, body)
        elif entry.kind == ORGANISATION.entry:
            return  # its signature is checked, and its text read, where it is shown
        elif entry.kind == REPORTED:
            paper = Paper.of(seq, entry.time, body)
            self.papers += [paper] if paper.kind in RECORDED else []
        elif entry.kind in self._steps:
            self._steps[entry.kind](seq, body)
        elif entry.kind.startswith("approval."):
            self._approval(seq, entry.kind.removeprefix("approval."), body)
        else:
            self._end(seq, entry.kind, body)

    def named_sets(self) -> dict[str, DataSet]:
        """Registered data sets, then those that only runs and rulings name."""
        names = [run.data_set.value for run in self.runs if run.data_set]
        names += [item.data_set for item in self.rulings if item.data_set]
        return self.sets | {n: DataSet(name=n) for n in names if n not in self.sets}

    def _move(self, seq: int, kind: str, body: dict[str, Any]) -> None:
        self.accounts.move(seq, kind, body)
        facts = _object(body, "data_set")
        if kind == IN and facts.get("name") not in self.sets:
            self._register(seq, facts, imported=True)

    def _register(self, seq: int, body: dict[str, Any], *, imported: bool = False) -> None:
        name = body.get("name")
        if not isinstance(name, str):
            return
        disjoint = _names(body, "disjoint_from", seq)
        self.accounts.register(seq, name, disjoint.value if disjoint else ())
        self.sets[name] = DataSet(
            name=name,
            registered=seq,
            imported=imported,
            version=_version(body, seq),
            rows=_fact(body, "rows", int, seq),
            units=_fact(body, "units", int, seq),
            unit=_fact(body, "unit", str, seq),
            max_rows=_fact(body, "max_rows", int, seq),
            columns=_names(body, "columns", seq),
            owner=_fact(body, "owner", str, seq),
            parents=_names(body, "parents", seq),
            budget=_fact(body, "budget", dict, seq),
            purposes=_fact(body, "purposes", dict, seq),
        )

    def _grow(self, seq: int, body: dict[str, Any]) -> None:
        name = body.get("name")
        if not isinstance(name, str):
            return
        old = self.sets.get(name, DataSet(name=name))
        word = _object(body, "attested")
        said = f"{_text(word, 'by') or 'somebody'} says so: {_text(word, 'reason')}"
        self.sets[name] = replace(
            old,
            attested=(*old.attested, Fact(said, seq)) if word else old.attested,
            version=_version(body, seq) or old.version,
            rows=_fact(body, "rows", int, seq) or old.rows,
            units=_fact(body, "units", int, seq) or old.units,
        )

    def _decide(self, seq: int, body: dict[str, Any]) -> None:
        request = _object(body, "request")
        granted = body.get("granted") is True
        if granted:
            self._granted[canonical(request)] = seq
        by, reason = _text(body, "requester"), _text(body, "reason")
        kind = "granted" if granted else "refused"
        self.rulings.append(_ruling(seq, kind, request, by=by, reason=reason))

    def _reserve(self, seq: int, body: dict[str, Any]) -> None:
        request = _object(body, "request")
        approvals = body.get("approvals")
        listed = approvals if isinstance(approvals, list) else []
        self.accounts.reserve(seq, body)
        self._at[seq] = len(self.runs)
        self.runs.append(
            Run(
                reserved=seq,
                decided=self._granted.get(canonical(request)),
                token=_text(body, "token"),
                action=_fact(request, "action", str, seq),
                data_set=_fact(request, "data_set", str, seq),
                version=_version(request, seq),
                purpose=_fact(request, "purpose", str, seq),
                requester=_fact(body, "requester", str, seq),
                parameters=_fact(request, "parameters", dict, seq),
                environment=_fact(body, "environment", dict, seq),
                organisation=_fact(body, "organisation", str, seq),
                approvals=tuple(item for item in listed if type(item) is int),
            )
        )

    def _end(self, seq: int, kind: str, body: dict[str, Any]) -> None:
        ends: dict[str, End] = {
            "run.commit": "committed",
            "run.release": "released",
            "run.forfeit": "forfeited",
        }
        reserve = body.get("reserve")
        at = self._at.get(reserve) if isinstance(reserve, int) else None
        run = Run(token=_text(body, "token")) if at is None else self.runs[at]
        run = replace(run, ended=Fact(ends[kind], seq))
        self.accounts.end(reserve, Fact(ends[kind], seq))
        if kind == "run.commit":
            guarantee, cost = _claim(body, "guarantee", Guarantee), _claim(body, "cost", Cost)
            unreadable = None in (guarantee, cost)
            run = replace(
                run,
                guarantee=Fact(guarantee, seq) if guarantee else None,
                cost=Fact(cost, seq) if cost else None,
                figures=_fact(body, "figures", dict, seq),
                unreadable=(seq,) if unreadable else (),
            )
        if at is None:
            self.runs.append(run)
        else:
            self.runs[at] = run

    def _adopt(self, seq: int, body: dict[str, Any]) -> None:
        self.policy = _fact(body, "digest", str, seq)

    def _approval(self, seq: int, step: str, body: dict[str, Any]) -> None:
        request, by = _object(body, "request"), _text(body, "requester")
        if step != "request":
            asked = next((r for r in self.rulings if r.seq == body.get("of")), None)
            request = {"data_set": asked.data_set, "purpose": asked.purpose} if asked else {}
            by = _text(body, "signer") or _text(body, "key")
        reason, expires = _text(body, "reason"), _text(body, "expires")
        self.rulings.append(
            replace(_ruling(seq, step, request, by=by, reason=reason), expires=expires)
        )


def _ruling(seq: int, kind: str, request: dict[str, Any], *, by: str, reason: str) -> Ruling:
    name = request.get("data_set")
    return Ruling(
        seq=seq,
        kind=kind,
        data_set=name if isinstance(name, str) else None,
        purpose=_text(request, "purpose"),
        by=by,
        reason=reason,
    )


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _fact(body: dict[str, Any], name: str, kind: type[T], seq: int) -> Fact[T] | None:
    """The field as a fact; None if it is absent, empty or of another type."""
    value = body.get(name)
    if type(value) is not kind or value in ("", {}):
        return None
    return Fact(value, seq)


def _version(body: dict[str, Any], seq: int) -> Fact[str] | None:
    value = body.get("version")
    return Fact(str(value), seq) if isinstance(value, (str, int)) and value != "" else None


def _names(body: dict[str, Any], name: str, seq: int) -> Fact[tuple[str, ...]] | None:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return Fact(tuple(value), seq)


def _claim(body: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """A guarantee or a cost; None if it is absent, or written by a release that knows more."""
    try:
        value = from_json(body[name])
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError):
        return None
    return value if isinstance(value, kind) else None
