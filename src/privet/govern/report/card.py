"""Model card (Mitchell et al. 2019, "Model Cards for Model Reporting", section 4)."""

from __future__ import annotations

from typing import Any

from privet.govern.evidence import Evidence
from privet.govern.facts import DataSet, Run
from privet.govern.report.accounts import accounts
from privet.govern.report.claims import (
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
    shown_cost,
    signature,
    unreadable,
)
from privet.govern.report.document import (
    MISSING,
    Document,
    Group,
    Line,
    Said,
    Section,
    adopted,
    declared,
    either,
    fact,
    number,
    plain,
    recorded,
)
from privet.govern.report.organisation import Organisation, Purpose

_RULINGS = {
    "granted": "the request was granted",
    "refused": "a request was refused",
    "request": "approval was asked for",
    "grant": "approved",
    "deny": "denied",
    "revoke": "an approval was revoked",
}
_ENDS = {
    "committed": "finished and recorded",
    "released": "ended before it read data",
    "forfeited": "failed after it may have read data",
}


def card(evidence: Evidence, organisation: Organisation | None) -> Document:
    """The card of the model of the newest committed fit, or of the only run in the evidence."""
    run = _chosen(evidence.runs)
    name = run.data_set.value if run.data_set else ""
    data = evidence.data_sets.get(name)
    declared_purpose = None
    if organisation is not None and run.purpose is not None:
        declared_purpose = organisation.purpose(run.purpose.value)
    parameters = run.parameters.value if run.parameters else {}
    model = parameters.get("model")
    title = model if isinstance(model, str) and model else "Model"
    return Document(
        kind="card",
        kicker="Model card",
        title=f"{title} on {name}" if name else title,
        lead="What this model is, what it was made from, and what it promises to the people in "
        "the data.",
        answers=answers([run], evidence),
        sections=(
            Section("Model details", (Group("", _details(run, organisation)),)),
            Section("Intended use", (Group("", _use(run, declared_purpose)),)),
            Section("Factors", (Group("", _factors(run, data)),)),
            Section("Metrics", (Group("", _metrics(run)),)),
            Section("Evaluation data", (Group("", (Line("Evaluation data", MISSING),)),)),
            Section("Training data", (Group("", _training(run, data)),)),
            Section("Quantitative analyses", (Group("", _figures(run)),)),
            Section("Ethical considerations", (Group("", _ethics(run, evidence, data)),)),
            Section("Caveats and recommendations", (Group("", _caveats(run)),)),
        ),
        evidence=evidence,
        organisation=organisation,
    )


def _chosen(runs: tuple[Run, ...]) -> Run:
    """The newest committed fit; else the newest commit; else a run of which nothing is known."""
    done = [run for run in runs if run.committed]
    fits = [run for run in done if run.action is not None and run.action.value == "fit"]
    return (fits or done or list(runs) or [Run()])[-1]


def _details(run: Run, organisation: Organisation | None) -> tuple[Line, ...]:
    controller = organisation.controller if organisation else None
    lines = [
        Line("Developed by", declared(controller, lambda c: c.name)),
        Line("Contact", declared(controller, lambda c: c.contact)),
        Line("Organisation file", declaration(organisation)),
        Line("Organisation file of the run", declared_then([run], organisation)),
        Line("Run by", fact(run.requester)),
        Line("What was done", fact(run.action, in_words)),
        Line("How it ended", fact(run.ended, _ENDS.__getitem__)),
        Line("Claim", either(headlines([run]), unreadable([run]))),
        Line("Parameters", _each(run, "parameters")),
        Line("Software", _each(run, "environment")),
        Line("Licence", MISSING),
    ]
    return tuple(lines)


def _each(run: Run, name: str) -> Said:
    """A recorded object, one statement per key."""
    found = getattr(run, name)
    if found is None:
        return MISSING
    return tuple(recorded(f"{k}: {plain(v)}", [found.seq]) for k, v in found.value.items())


def _use(run: Run, purpose: Purpose | None) -> tuple[Line, ...]:
    return (
        Line("Purpose of the run", fact(run.purpose)),
        Line("Description", declared(purpose and purpose.description)),
        Line("Primary intended use", declared(purpose and purpose.intended_use)),
        Line("Out of scope", declared(purpose and purpose.out_of_scope)),
        Line("Legal basis", declared(purpose and purpose.legal_basis)),
    )


def _factors(run: Run, data: DataSet | None) -> tuple[Line, ...]:
    return (
        Line("Columns that the data set holds", fact(data.columns if data else None, plain)),
        Line("Groups evaluated separately", MISSING),
    )


def _metrics(run: Run) -> tuple[Line, ...]:
    names = run.figures and ", ".join(run.figures.value)
    said = MISSING if run.figures is None else (recorded(str(names), [run.figures.seq]),)
    return (Line("Performance measures", said), Line("Decision thresholds", MISSING))


def _training(run: Run, data: DataSet | None) -> tuple[Line, ...]:
    data = data or DataSet(name="")
    named = fact(run.data_set)
    if data.registered is not None:
        named = either(named, (recorded("registered under this name", [data.registered]),))
    return (
        Line("Data set", named),
        Line("Version that was used", fact(run.version)),
        *breaks(data),
        Line("Rows, in the newest version", fact(data.rows, number)),
        Line("People or other units, in the newest version", fact(data.units, number)),
        Line("Privacy unit", fact(data.unit)),
        Line("Most rows of one unit", fact(data.max_rows, number)),
        Line("Derived from", fact(data.parents, plain)),
        Line("Owner", fact(data.owner)),
    )


def _figures(run: Run) -> tuple[Line, ...]:
    if run.figures is None:
        return (Line("Unitary results", MISSING), Line("Intersectional results", MISSING))
    seq = run.figures.seq
    found = run.figures.value.items()
    return (
        *(Line(name, (recorded(_figure(value), [seq]),)) for name, value in found),
        Line("Intersectional results", MISSING),
    )


def _figure(value: Any) -> str:
    """A number, or {"value", "low", "high"} with its interval."""
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        low, high = number(value["low"]), number(value["high"])
        return f"{number(value['value'])}, between {low} and {high}"
    return plain(value)


def _ethics(run: Run, evidence: Evidence, data: DataSet | None) -> tuple[Line, ...]:
    purpose = run.purpose.value if run.purpose else None
    linked = {*run.approvals, *run.seqs}
    rulings = tuple(
        recorded("".join((_RULINGS[item.kind], signature(item), _because(item.reason))), [item.seq])
        for item in evidence.rulings
        if item.seq in linked
    )
    return (
        Line("What the data subjects are promised", promised([run])),
        Line("The claim in full", about([run], "claim")),
        Line("Private releases", about([run], "releases")),
        Line("Where bounds and classes came from", about([run], "provenance")),
        Line("Budget of the data set", budget(data, purpose)),
        *accounts(evidence, data, purpose or ""),
        Line("Decision and approvals", rulings or MISSING),
        Line("Policy in force", fact(evidence.policy, adopted)),
        Line("Assessments", assessments(evidence, data)),
        Line("Attacks tried", MISSING),
    )


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _caveats(run: Run) -> tuple[Line, ...]:
    return (
        Line("Caveats of the claim", caveats([run])),
        Line("Cost of the run", fact(run.cost, shown_cost)),
    )
