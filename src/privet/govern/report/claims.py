"""What runs claim and cost, as statements: the four answers that open every report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from privet.claims import Cost, Guarantee, JointGuarantee
from privet.govern.evidence import Evidence
from privet.govern.facts import DataSet, Paper, Ruling, Run
from privet.govern.policy.terms import RECORDED
from privet.govern.policy.words import ACTIONS, promises
from privet.govern.report.document import (
    MISSING,
    Line,
    Said,
    Statement,
    adopted,
    as_of,
    either,
    merged,
    number,
    recorded,
)
from privet.govern.report.organisation import Organisation


def answers(runs: Sequence[Run], evidence: Evidence) -> tuple[Line, ...]:
    """Who learns what, under which assumption, at what cost, how to check it."""
    return (
        Line("Who learns what", about(runs, "who learns what")),
        Line("Under which assumption", about(runs, "under which assumption")),
        Line("At what cost", total(runs)),
        Line("How to check it", either(about(runs, "how to check it"), (as_of(evidence),))),
    )


def about(runs: Iterable[Run], answer: str) -> Said:
    """One of the answers of the runs' guarantees, each sentence once."""
    return merged(
        (text, run.guarantee.seq)
        for run in runs
        if run.guarantee is not None
        for text in as_recorded(run.guarantee.value).describe().get(answer, ())
    )


def in_words(action: str) -> str:
    """What was done, by the name that entries give it, and in words."""
    words = ACTIONS.get(action)
    return f"{action} ({words[0].lower()}{words[1:]})" if words else action


def promised(runs: Iterable[Run]) -> Said:
    """What the claims of finished runs mean for the people in the data, in plain words."""
    return merged(
        (text, run.guarantee.seq)
        for run in runs
        if run.guarantee is not None
        for text in promises(run.guarantee.value)
    )


def caveats(runs: Sequence[Run]) -> Said:
    """What a reader must know before relying on a claim; that there is nothing, if so."""
    found = about(runs, "caveats")
    seqs = [run.guarantee.seq for run in runs if run.guarantee is not None]
    if found == MISSING and seqs:
        return (recorded("none beyond the assumptions above", seqs),)
    return found


def headlines(runs: Iterable[Run]) -> Said:
    """The claims of the runs, each in one line."""
    return merged(
        (run.guarantee.value.headline(), run.guarantee.seq)
        for run in runs
        if run.guarantee is not None
    )


def unreadable(runs: Iterable[Run]) -> Said:
    """Commits whose claim is absent, or of a release that knows more kinds."""
    seqs = [seq for run in runs for seq in run.unreadable]
    if not seqs:
        return ()
    return (recorded("a claim is recorded that this release cannot read, or none is", seqs),)


def declaration(organisation: Organisation | None) -> Said:
    """Which organisation file is shown as declared, and the entry that adopted it."""
    if organisation is None or organisation.adopted is None:
        return MISSING
    return (recorded(adopted(organisation.digest), [organisation.adopted]),)


def declared_then(runs: Iterable[Run], organisation: Organisation | None) -> Said:
    """Whether the organisation file was the same when the runs were reserved."""
    now = organisation.digest if organisation else None
    by_text: dict[str | None, list[int]] = {}
    for run in runs:
        if run.reserved is not None and run.action is not None:
            then = run.organisation.value if run.organisation else None
            by_text.setdefault(then, []).append(run.reserved)
    return tuple(_then(text, now, seqs) for text, seqs in by_text.items()) or MISSING


def _then(text: str | None, now: str | None, seqs: list[int]) -> Statement:
    what = "1 run" if len(seqs) == 1 else f"{len(seqs):,} runs"
    if text is None:
        words = f"{what} made when none was adopted: what is declared here was declared later"
    elif text == now:
        words = f"{what} made under the text that is shown here"
    else:
        words = f"{what} made under an older text, not shown here: {adopted(text)}"
    return recorded(words, seqs)


def total(runs: Iterable[Run]) -> Said:
    """The costs of the runs added up."""
    known = [run.cost for run in runs if run.cost is not None]
    if not known:
        return MISSING
    cost = sum((item.value for item in known[1:]), known[0].value)
    many = f"{len(known):,} runs together: " if len(known) > 1 else ""
    return (recorded(many + shown_cost(cost), [item.seq for item in known]),)


def shown_cost(cost: Cost) -> str:
    """A cost in one line; a role that sent something is named."""
    sent = ", ".join(f"{role} {number(count)} bytes" for role, count in cost.bytes_sent.items())
    return f"{cost} ({sent})" if sent else str(cost)


def as_recorded(guarantee: Guarantee) -> Guarantee:
    """The claim, marked as recorded: it stands in an entry."""
    if isinstance(guarantee, JointGuarantee):
        parts = tuple(map(as_recorded, guarantee.parts))
        return replace(guarantee, parts=parts, recorded=True)
    return replace(guarantee, recorded=True)


def breaks(found: DataSet | None) -> tuple[Line, ...]:
    """A line for each version that is the data set by somebody's word alone; none without."""
    return tuple(
        Line("BREAK: no hash tells that a version is this data set",
             (recorded(said.value, [said.seq]),))
        for said in (found.attested if found else ())
    )


def budget(found: DataSet | None, purpose: str | None = None) -> Said:
    """The budget of a data set, and that of a purpose where it has one."""
    if found is None:
        return MISSING
    said: list[Said] = []
    if found.budget is not None:
        text = f"{_amount(found.budget.value)} for all purposes together"
        said.append((recorded(text, [found.budget.seq]),))
    own = found.purposes.value.get(purpose) if found.purposes and purpose else None
    if isinstance(own, dict) and own and found.purposes:
        said.append((recorded(f"{_amount(own)} for {purpose}", [found.purposes.seq]),))
    return either(*said)


def _amount(amount: dict[str, Any]) -> str:
    words = [f"{name} {number(amount[name])}" for name in ("epsilon", "delta") if name in amount]
    if "composition" in amount:
        words.append(f"{amount['composition']} composition")
    return ", ".join(words) or "a budget"


def assessments(evidence: Evidence, data: DataSet | None) -> Said:
    """The documents about a data set that people wrote elsewhere and signed off."""
    return tuple(
        recorded(f"{_named(item)}, {item.date}, signed off by {item.by or 'nobody'}; "
                 f"file of SHA-256 {item.sha256}", [item.seq])
        for item in evidence.papers if data is not None and item.data_set == data.name
    ) or MISSING  # fmt: skip


def _named(item: Paper) -> str:
    kind = RECORDED[item.kind]
    return item.title if item.title.lower() == kind else f"{kind}: {item.title}"


SIGNED = ("grant", "deny", "revoke")
"""Steps of an approval that somebody signs."""


def signature(item: Ruling) -> str:
    """Whether the signature under a step of an approval was verified; "" for unsigned steps."""
    if item.kind not in SIGNED:
        return ""
    if item.signer is None:
        return ", signature not verified"
    return f" by {item.signer}, signature verified"
