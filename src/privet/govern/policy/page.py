"""A request for approval as one HTML file: no script, no network; screen, phone and paper.

Names, purposes, reasons and parameters come from whoever asks, so nothing in them is trusted:
Jinja2 escapes all of it, and a content security policy in the file forbids scripts and requests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from privet.errors import Refused
from privet.govern.budget.filters import epsilon_of
from privet.govern.ledger.records import Entry
from privet.govern.policy import rules, schemas, words
from privet.govern.policy.acts import expiry
from privet.govern.policy.approvals import REQUESTED, case_of, may_approve
from privet.govern.policy.case import Case, Rule
from privet.govern.policy.facts import data_sets, in_version, spent_on
from privet.govern.policy.force import ADOPT
from privet.govern.policy.policy import Policy
from privet.govern.policy.terms import Terms

if TYPE_CHECKING:

    from privet.govern.ledger.ledger import Ledger

_PACKAGE = "privet.govern.policy"


def page(ledger: Ledger, request_entry: Entry, *, now: datetime | None = None) -> str:
    """A request as the text of one self-contained HTML file, for those who approve it.

    Raises:
        Refused: the ledger has adopted no policy, or it says nothing about the data set; the
            entry is no request for approval, or its digest is not that of what it asks for.
    """
    from privet.govern.report import look  # which knows policies, too

    policy = Policy.from_ledger(ledger)
    if policy is None:
        raise Refused("the ledger has adopted no policy", remedy=ADOPT)
    case = case_of(policy, ledger, request_entry, now) if request_entry.kind == REQUESTED else None
    if case is None:
        raise Refused("the entry holds no request that can be approved", value=request_entry.seq,
                      bound=f"an entry of kind {REQUESTED!r} about a data set of the policy",
                      remedy='privet request train DATA --reason "..."')  # fmt: skip
    payload = request_entry.payload or {}
    job = str(payload["job"])
    checks = _checks(policy, case)
    return look.fill(
        "page.html.j2",
        package=_PACKAGE,
        own=look.safe(look.beside("page.css", _PACKAGE)),
        title=words.what_runs(case.request.action, str(case.request.data_set)),
        summary=_summary(ledger, case, request_entry),
        state=_state(policy, case, checks),
        reason=payload.get("reason", ""),
        requester=case.requester,
        runs=_runs(case),
        schema=schemas.lines(case.request.parameters.get("schema")),
        declared=schemas.rows(case.request.parameters.get("schema"),
                              case.request.parameters.get("columns")),
        promises=list(dict.fromkeys(words.promises(case.request.guarantee))),
        answers=_answers(case),
        budget=_budget(ledger, case),
        checks=checks,
        acts=_acts(policy, case),
        people=may_approve(policy, case),
        days=case.terms.approval_days,
        runs_allowed=case.terms.approval_runs,
        job=job,
        commands=[rules.approve_line(job), f'privet deny {job} --key FILE --reason "..."'],
        made=_made(policy, ledger, request_entry, job),
    )


def _summary(ledger: Ledger, case: Case, entry: Entry) -> list[tuple[str, str]]:
    newest = in_version(data_sets(ledger), case.request.data_set)
    old = newest is not None and newest.version != case.facts.version
    units = case.facts.units
    pairs = [
        ("Data", str(case.request.data_set)),
        ("Version", words.shown(case.facts.version)[:20] + (" (not the newest)" if old else "")),
        ("Purpose", case.request.purpose),
        ("Asked by", case.requester),
        ("Asked on", _day(entry.time)),
    ]
    return [*pairs, ("People or units in it", f"{units:,}")] if units is not None else pairs


def _state(policy: Policy, case: Case, checks: list[dict[str, Any]]) -> dict[str, str]:
    """Where the request stands: in one line, with the reason where it cannot go on."""
    failed = next((check for check in checks if check["refusal"]), None)
    if failed:
        return {"css": "bad", "text": f"The policy refuses it, whoever approves: "
                                      f"{failed['refusal']}."}  # fmt: skip
    needed, have = case.terms.approvals, len(rules.valid_grants(policy, case))
    if rules.approved(policy, case) is None:
        return {"css": "good", "text": f"Approved by {have} of {needed}. It may run."}
    left = max(needed - have, 1)  # of a derived set, each of its origins asks for its own
    return {"css": "open", "text": f"{have} of {needed} approvals. It waits for {left} more "
                                   f"{'person' if left == 1 else 'people'}."}  # fmt: skip


def _runs(case: Case) -> list[tuple[str, str]]:
    request = case.request
    named = "columns" in request.parameters
    columns = request.parameters.get("columns", case.facts.columns)
    pairs = [("Action", words.ACTIONS.get(request.action, request.action))]
    if columns is not None:
        pairs.append(("Columns", words.shown(columns) + ("" if named else " (all of them)")))
    rest = {name: value for name, value in request.parameters.items()
            if name not in ("columns", "schema")}
    return [*pairs, *words.flat(rest)]


def _answers(case: Case) -> list[tuple[str, tuple[str, ...]]]:
    """The four questions, with the request's own claim."""
    parts = list(words.leaves(case.request.guarantee))
    epsilon = epsilon_of(case.request.guarantee)
    spends = f"epsilon {epsilon:.4g} of the privacy budget" if epsilon else "no privacy budget"

    def said(*titles: str) -> tuple[str, ...]:
        lines = [line for part in parts for title in titles
                 for line in part.describe().get(title, ())]  # fmt: skip
        quiet = "not recorded in a ledger"  # true of a request, false of the run
        return tuple(dict.fromkeys(line for line in lines if line != quiet))

    return [
        ("What is claimed", said("claim")),
        ("Who learns what", said("who learns what") or ("the request does not say",)),
        ("Under which assumption", said("under which assumption") or ("none is stated",)),
        ("At what cost", (f"{spends}; time and traffic are recorded after the run",)),
        ("How to check it", said("how to check it") or ("the request does not say",)),
        *([("Beware", said("caveats"))] if said("caveats") else []),
    ]


def _budget(ledger: Ledger, case: Case) -> list[tuple[str, str]]:
    """What is left, added up simply, which is never less than the budget's own account says."""
    known = data_sets(ledger)
    name = str(case.request.data_set)
    newest = in_version(known, name)
    budget = newest.payload.get("budget") if newest else None
    total = budget.get("epsilon") if isinstance(budget, dict) else None
    wanted = epsilon_of(case.request.guarantee)
    rows = [("This run asks for", f"epsilon {wanted:.4g}")]
    if isinstance(total, (int, float)):
        spent = spent_on(ledger, known, name)
        rows.append(("The data set", _left(float(total), spent)))
    purpose = case.terms.purposes.get(case.request.purpose)
    if purpose is not None and purpose.epsilon is not None:
        rows.append(("This purpose", _left(purpose.epsilon, case.facts.spent)))
    return rows if len(rows) > 1 else []


def _left(total: float, spent: float) -> str:
    return f"{max(total - spent, 0):.4g} left of epsilon {total:.4g}"


def _checks(policy: Policy, case: Case) -> list[dict[str, Any]]:
    """The rules of the policy that ask something here, each with its answer."""
    found = []
    for rule, title, says in _SAYS:
        asked = says(case.terms, case)
        if asked is not None:
            refusal = rule(policy, case)
            found.append({"title": title, "says": asked,
                          "refusal": refusal.reason if refusal else "",
                          "kept": "none stands" if rule is rules.not_denied else "keeps it"}
                         )  # fmt: skip
    return found


def _purposes(terms: Terms) -> str:
    return ", ".join(terms.purposes) or "none"


_SAYS: tuple[tuple[Rule, str, Callable[[Terms, Case], str | None]], ...] = (
    (rules.allowed_action, "Actions", lambda t, _: ", ".join(t.actions) or "none"),
    (rules.allowed_purpose, "Purposes", lambda t, _: _purposes(t)),
    (rules.plain_allowed, "Without protection",
     lambda t, _: ", ".join(p for p, own in t.purposes.items() if own.plain) or "never"),
    (rules.allowed_protection, "Protections", lambda t, _: ", ".join(t.protections) or "none"),
    (rules.allowed_columns, "Columns",
     lambda t, _: None if t.columns is None else ", ".join(t.columns) or "none"),
    (rules.release_size, "One release",
     lambda t, _: None if t.epsilon_per_release is None else
     f"epsilon at most {t.epsilon_per_release:.6g}" +
     (f", delta at most {t.delta_per_release:.6g}" if t.delta_per_release else "")),
    (rules.purpose_size, "All releases for the purpose",
     lambda t, c: None if (p := t.purposes.get(c.request.purpose)) is None or p.epsilon is None
     else f"epsilon at most {p.epsilon:.6g}"),
    (rules.cohort, "Smallest cohort",
     lambda t, _: f"{t.minimum_cohort:,} units" if t.minimum_cohort else None),
    (rules.data_retention, "Data are kept",
     lambda t, _: f"{t.keep_data_days:,} days" if t.keep_data_days else None),
    (rules.model_retention, "Models are kept",
     lambda t, _: f"{t.keep_models_days:,} days" if t.keep_models_days else None),
    (rules.reports_exist, "Reports first", lambda t, _: ", ".join(t.reports) or None),
    (rules.shown, "Shown in full",
     lambda t, _: "what is approved" if t.approvals else None),
    (rules.not_denied, "Denials", lambda t, _: "one is enough to refuse"),
)  # fmt: skip


def _acts(policy: Policy, case: Case) -> list[tuple[str, str, str]]:
    """Who has approved or denied, until when, with the reason given."""
    found = []
    valid = rules.valid_grants(policy, case)
    for name, act in rules.acts_on(policy, case).items():
        ends = expiry(act, case.terms.approval_days)
        until = f" until {ends:%d %B %Y}" if ends else ""
        what = "denied" if act.verb == "deny" else f"approved{until}"
        spent = "" if act.verb == "deny" or name in valid else " (no longer counts)"
        found.append((name, what + spent, act.reason))
    return found


def _made(policy: Policy, ledger: Ledger, entry: Entry, job: str) -> list[tuple[str, str]]:
    return [
        ("Job", job),
        ("Entry", f"{entry.seq} of ledger {ledger.identity}"),
        ("Policy", policy.digest),
        ("Its owner", policy.owner),
    ]


def _day(time: str) -> str:
    return f"{datetime.fromisoformat(time):%d %B %Y, %H:%M} UTC"
