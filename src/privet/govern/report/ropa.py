"""Record of processing activities, GDPR Art. 30(1)(a)-(g): a part per data set and purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from privet.govern.evidence import Evidence
from privet.govern.facts import DataSet, Ruling, Run
from privet.govern.report.accounts import accounts
from privet.govern.report.claims import (
    SIGNED,
    about,
    answers,
    assessments,
    breaks,
    budget,
    caveats,
    declaration,
    declared_then,
    headlines,
    in_words,
    promised,
    unreadable,
)
from privet.govern.report.document import (
    MISSING,
    Document,
    Group,
    Line,
    Said,
    Section,
    Statement,
    adopted,
    declared,
    either,
    fact,
    merged,
    number,
    plain,
    recorded,
)
from privet.govern.report.organisation import Organisation, Purpose

_COLUMNS = ("Data set", "Purpose", "Legal basis", "Runs")


@dataclass(frozen=True)
class _Activity:
    """One data set under one purpose; either may be unknown."""

    data: DataSet | None
    purpose: str
    runs: tuple[Run, ...]
    rulings: tuple[Ruling, ...]
    declared: Purpose | None

    @property
    def title(self) -> str:
        name = self.data.name if self.data else "no data set recorded"
        return f"{name}: {self.purpose or 'no purpose recorded'}"


def ropa(evidence: Evidence, organisation: Organisation | None) -> Document:
    """The record of all processing in the evidence, and of purposes that are only declared."""
    found = _activities(evidence, organisation)
    controller = organisation.controller if organisation else None
    return Document(
        kind="ropa",
        kicker="Record of processing activities, GDPR Art. 30(1)",
        title=controller.name if controller else "Controller not evidenced",
        lead="Each data set and purpose, with the seven points that Article 30(1) asks of a "
        "controller.",
        answers=answers([run for run in evidence.runs if run.committed], evidence),
        sections=(
            Section("Controller", (Group("", _who(organisation), "a"),)),
            *(_section(item, evidence, organisation) for item in found),
        ),
        evidence=evidence,
        organisation=organisation,
        columns=_COLUMNS,
        overview=tuple((at, _cells(item)) for at, item in enumerate(found, 2)),
    )


def _activities(evidence: Evidence, organisation: Organisation | None) -> list[_Activity]:
    pairs: dict[tuple[str, str], None] = {}
    for name, data in evidence.data_sets.items():
        used = [r for r in evidence.runs if r.data_set is not None and r.data_set.value == name]
        named = list(data.purposes.value) if data.purposes else []
        purposes = [*named, *(_purpose(run) for run in used)]
        purposes += [item.purpose for item in evidence.rulings if item.data_set == name]
        pairs |= {(name, purpose): None for purpose in purposes or [""]}
    if any(run.data_set is None for run in evidence.runs):
        pairs |= {("", _purpose(run)): None for run in evidence.runs if run.data_set is None}
    known = {purpose for _, purpose in pairs}
    only = [p.name for p in organisation.purposes if p.name not in known] if organisation else []
    pairs |= {("", name): None for name in only}
    return [_activity(name, purpose, evidence, organisation) for name, purpose in pairs]


def _purpose(run: Run) -> str:
    return run.purpose.value if run.purpose else ""


def _activity(
    name: str, purpose: str, evidence: Evidence, organisation: Organisation | None
) -> _Activity:
    return _Activity(
        data=evidence.data_sets.get(name),
        purpose=purpose,
        runs=tuple(
            run
            for run in evidence.runs
            if (run.data_set.value if run.data_set else "") == name and _purpose(run) == purpose
        ),
        rulings=tuple(
            item
            for item in evidence.rulings
            if (item.data_set or "") == name and item.purpose == purpose
        ),
        declared=organisation.purpose(purpose) if organisation else None,
    )


def _cells(item: _Activity) -> tuple[Said, ...]:
    return (_named(item), _titled(item), declared(item.declared and item.declared.legal_basis),
            _count(item.runs))  # fmt: skip


def _named(item: _Activity) -> Said:
    """The data set's name, from its registration, or else from the runs that name it."""
    if item.data is None:
        return MISSING
    if item.data.registered is not None:
        return (recorded(item.data.name, [item.data.registered]),)
    seqs = [run.data_set.seq for run in item.runs if run.data_set]
    seqs += [ruling.seq for ruling in item.rulings]
    return (recorded(item.data.name, seqs),)


def _titled(item: _Activity) -> Said:
    """The purpose, from the budget, or else from the runs, or else from the organisation."""
    if not item.purpose:
        return MISSING
    own = item.data.purposes if item.data else None
    if own is not None and item.purpose in own.value:
        return (recorded(item.purpose, [own.seq]),)
    seqs = [run.purpose.seq for run in item.runs if run.purpose]
    seqs += [ruling.seq for ruling in item.rulings]
    if seqs:
        return (recorded(item.purpose, seqs),)
    return (Statement(item.purpose, "declared"),)


def _count(runs: Sequence[Run]) -> Said:
    """How many runs of which action were committed, and how the others ended."""
    out = []
    done = [run for run in runs if run.committed]
    if done:
        actions = Counter(run.action.value if run.action else "unnamed" for run in done)
        words = ", ".join(f"{count:,} {in_words(action)}" for action, count in actions.items())
        out.append(recorded(f"finished: {words}", _seqs(done)))
    for words, group in (
        (
            "failed after reading data",
            [r for r in runs if r.ended and r.ended.value == "forfeited"],
        ),
        ("ended before reading data", [r for r in runs if r.ended and r.ended.value == "released"]),
        ("reserved, with no readable end", [r for r in runs if r.ended is None]),
    ):
        if group:
            out.append(recorded(f"{words}: {len(group):,}", _seqs(group)))
    return tuple(out) or MISSING


def _seqs(runs: Iterable[Run]) -> list[int]:
    return [run.ended.seq if run.ended else run.seqs[-1] for run in runs if run.seqs]


def _who(organisation: Organisation | None) -> tuple[Line, ...]:
    found = organisation or Organisation(digest="", text="")
    controller = found.controller
    return (
        Line("Controller", declared(controller, lambda c: (c.name, c.contact))),
        Line("Joint controllers", declared(controller.joint if controller else None, list)),
        Line("Representative, if outside the Union",
             declared(found.representative, lambda c: (c.name, c.contact))),
        Line("Data-protection officer", declared(found.officer, lambda c: (c.name, c.contact))),
        Line("Organisation file", declaration(organisation)),
    )


def _section(item: _Activity, evidence: Evidence, organisation: Organisation | None) -> Section:
    said = item.declared or Purpose(name="")
    data = item.data or DataSet(name="")
    purposes = (
        Line("Purpose", _titled(item)),
        Line("Description", declared(said.description)),
        Line("Legal basis", declared(said.legal_basis)),
        Line("Processing recorded", _count(item.runs)),
        Line("Organisation file of the runs", declared_then(item.runs, organisation)),
    )
    categories = (
        Line("Categories of data subjects", declared(said.data_subjects, list)),
        Line("Categories of personal data", declared(said.personal_data, list)),
        Line("Data set", _named(item)),
        Line("Columns", fact(data.columns, plain)),
        Line("Rows", fact(data.rows, number)),
        Line("People or other units", fact(data.units, number)),
        *breaks(data),
    )
    recipients = (
        Line("Recipients", declared(said.recipients, list)),
        Line("Roles, and what each saw", about(item.runs, "who learns what")),
        Line("Who ran it", _requesters(item.runs)),
    )
    transfers = declared(said.transfers, lambda all_: [f"{t.to}: {t.safeguard}" for t in all_])
    limits = declared(said.retention, lambda all_: [f"{k}: {v}" for k, v in all_.items()])
    return Section(
        item.title,
        (
            Group("Purposes of the processing", purposes, "b"),
            Group("Data subjects and personal data", categories, "c"),
            Group("Recipients", recipients, "d"),
            Group(
                "Transfers to third countries or international organisations",
                (Line("Transfers and their safeguards", transfers),),
                "e",
            ),
            Group("Time limits for erasure", (Line("Envisaged limits", limits),), "f"),
            Group("Security measures (Art. 32(1))", _security(item, evidence, organisation), "g"),
        ),
        kicker="Data set and purpose",
    )


def _requesters(runs: Iterable[Run]) -> Said:
    return merged((run.requester.value, run.requester.seq) for run in runs if run.requester)


def _security(
    item: _Activity, evidence: Evidence, organisation: Organisation | None
) -> tuple[Line, ...]:
    return (
        Line(
            "Measures of the organisation",
            declared(organisation.security if organisation else None, list),
        ),
        Line("What the data subjects are promised", promised(item.runs)),
        Line("Protection of each run", either(headlines(item.runs), unreadable(item.runs))),
        Line("Caveats", caveats(item.runs)),
        Line("Privacy budget", budget(item.data, item.purpose)),
        *accounts(evidence, item.data, item.purpose),
        Line("Policy in force", fact(evidence.policy, adopted)),
        Line("Refusals and approvals", _rulings(item.rulings)),
        Line("Assessments", assessments(evidence, item.data)),
    )


def _rulings(rulings: Sequence[Ruling]) -> Said:
    words = {
        "refused": "requests refused",
        "request": "approvals asked for",
        "grant": "approvals given",
        "deny": "approvals denied",
        "revoke": "approvals revoked",
    }
    out = []
    for kind, what in words.items():
        seqs = [item.seq for item in rulings if item.kind == kind]
        signed = sum(item.kind == kind and item.signer is not None for item in rulings)
        more = f", {signed:,} with a verified signature" if kind in SIGNED else ""
        if seqs:
            out.append(recorded(f"{what}: {len(seqs):,}{more}", seqs))
    return tuple(out) or MISSING
