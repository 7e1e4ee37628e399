"""The rules of a policy, each a small pure function: None, or the refusal with its remedy."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from privet.claims import Decision
from privet.govern.budget.filters import epsilon_of
from privet.govern.ledger.records import key_id
from privet.govern.policy.acts import Act, expiry, standing
from privet.govern.policy.case import Case, Rule, everywhere, no
from privet.govern.policy.force import ADOPT
from privet.govern.policy.job import (
    PRIVATELY,
    SHOWN_ONLY,
    delta_of,
    protections_of,
)
from privet.govern.policy.parse import same_person, toml_key
from privet.govern.policy.terms import WRITTEN, Approver
from privet.govern.policy.values import stack

if TYPE_CHECKING:
    from privet.govern.policy.policy import Policy

_COMMANDS = {"fit": "train DATA", "compare": "compare DATA", "schema": "draft DATA",
             "query": "query DATA SQL", "perturb": "perturb DATA", "predict": "predict MODEL DATA"}
"""What `privet request` calls each action, and what it is about."""
SLACK = 1 + 1e-9
"""Sums of floats may exceed a limit by their rounding."""


def pinned(policy: Policy, case: Case) -> Decision | None:
    """The ledger is the one that the policy names."""
    if policy.ledger in (None, case.facts.ledger):
        return None
    return no(f"the policy is for ledger {policy.ledger}, and this one is "
              f"{case.facts.ledger or 'unknown'}", "--ledger PATH   # of the ledger it names"
              )  # fmt: skip


def adopted(policy: Policy, case: Case) -> Decision | None:
    """The very text was adopted by the ledger's owner."""
    if case.facts.adopted == policy.digest:
        return None
    what = "no policy" if case.facts.adopted is None else "a policy with another text"
    return no(f"the ledger has adopted {what}", ADOPT)


def registered(policy: Policy, case: Case) -> Decision | None:
    """The data set is registered, in this version."""
    if case.facts.registered:
        return None
    shown = case.request.data_set or "NAME"
    name = shlex.quote(shown)
    known = "" if case.facts.version is None else f" in version {case.facts.version!r}"
    return no(f"the data set {shown!r} is not registered{known}",
              f"privet dataset version {name} FILE" if known else
              f"privet dataset register {name} FILE --budget EPSILON")  # fmt: skip


@everywhere
def allowed_action(policy: Policy, case: Case) -> Decision | None:
    """What is to be done is allowed."""
    action = case.request.action
    if action in case.terms.actions:
        return None
    listed = [*case.terms.actions, action]
    return no(f"{action!r} is not among the allowed actions: {_list(case.terms.actions)}",
              f"actions = {_toml(listed)}   # under {case.place}, by its owner")  # fmt: skip


@everywhere
def allowed_purpose(policy: Policy, case: Case) -> Decision | None:
    """The purpose is one of those that the policy names, word for word."""
    purpose, known = case.request.purpose, case.terms.purposes
    if purpose in known:
        return None
    close = difflib.get_close_matches(purpose, list(known), n=1, cutoff=0.3)
    meant = (close or list(known) or ["..."])[0]
    said = f"the purpose {purpose!r} is not" if purpose else "no purpose is given;"
    return no(f"{said} among the allowed ones: {_list(known)}", f"purpose={meant!r}")


@everywhere
def plain_allowed(policy: Policy, case: Case) -> Decision | None:
    """Runs without protection serve a purpose for which they are allowed.

    A comparison shows its figures to the person who runs it, predictions are for whoever may see
    the rows, and neither is a release: they are allowed by their actions.
    """
    kinds = protections_of(case.request.guarantee)
    is_shown = case.request.action in SHOWN_ONLY and kinds == {"plain"}
    purpose = case.terms.purposes.get(case.request.purpose)
    if "plain" not in kinds or is_shown or (purpose is not None and purpose.plain):
        return None
    meant = (case.terms.protections or ("private",))[0]
    rehearsed = " (what is simulated protects nobody)" if case.request.guarantee.simulated else ""
    return no(f"a run without protection{rehearsed} is not allowed for the purpose "
              f"{case.request.purpose!r}",
              PRIVATELY.get(case.request.action, f"protect={_call(meant)}"))  # fmt: skip


@everywhere
def allowed_protection(policy: Policy, case: Case) -> Decision | None:
    """The protections are, together, one of those allowed."""
    wanted = stack(protections_of(case.request.guarantee) - {"plain"})
    if not wanted or wanted in case.terms.protections:
        return None
    meant = (case.terms.protections or (None,))[0]
    return no(f"the protection {wanted!r} is not among the allowed ones: "
              f"{_list(case.terms.protections)}",
              f"protect={_call(meant)}" if meant else
              f"protections = [{wanted!r}]   # under {case.place}, by its owner")  # fmt: skip


@everywhere
def allowed_columns(policy: Policy, case: Case) -> Decision | None:
    """Only allowed columns are used; a request that does not say which uses all of them."""
    allowed = case.terms.columns
    if allowed is None:
        return None
    named = case.request.parameters.get("columns", case.facts.columns)
    if not isinstance(named, (list, tuple)) or not all(isinstance(n, str) for n in named):
        return no("the request does not say which columns it uses",
                  f'parameters={{"columns": {list(allowed)!r}}}')  # fmt: skip
    strange = [name for name in named if name not in allowed]
    if not strange:
        return None
    tables = ", ".join(f"[columns.{toml_key(name)}]" for name in strange)
    return no(f"{_list(strange)} not among the allowed columns: {_list(allowed)}",
              f'kind = "ignore"   # under {tables} in the schema')  # fmt: skip


@everywhere
def release_size(policy: Policy, case: Case) -> Decision | None:
    """Epsilon and delta of the release are within their limits."""
    guarantee, terms = case.request.guarantee, case.terms
    for word, value, most in (
        ("epsilon", epsilon_of(guarantee), terms.epsilon_per_release),
        ("delta", delta_of(guarantee), terms.delta_per_release),
    ):
        if most is not None and not value <= most * SLACK:
            return no(f"{word} {value:.6g} is above {most:.6g}, the most of one release",
                      f"{word}={most!r}")  # fmt: skip
    return None


@everywhere
def purpose_size(policy: Policy, case: Case) -> Decision | None:
    """All releases for the purpose, this one included, stay within its epsilon."""
    purpose, spent = case.terms.purposes.get(case.request.purpose), case.facts.spent
    if purpose is None or purpose.epsilon is None:
        return None
    wanted, left = epsilon_of(case.request.guarantee), max(purpose.epsilon - spent, 0.0)
    if spent + wanted <= purpose.epsilon * SLACK:
        return None
    fits = f"epsilon={left:.4g}" if left > 0 else "another purpose: nothing is left for this one"
    return no(f"epsilon {wanted:.6g} is above the {left:.6g} left of {purpose.epsilon:.6g} for "
              f"the purpose {case.request.purpose!r}", fits)  # fmt: skip


@everywhere
def cohort(policy: Policy, case: Case) -> Decision | None:
    """Enough privacy units are in the data."""
    least, units = case.terms.minimum_cohort, case.facts.units
    if not least or (units is not None and units >= least):
        return None
    found = "an unknown number of" if units is None else f"{units}"
    return no(f"the data set has {found} privacy units, and at least {least} are needed",
              "privet dataset register NAME FILE --unit COLUMN --budget EPSILON   # a larger one"
              )  # fmt: skip


@everywhere
def data_retention(policy: Policy, case: Case) -> Decision | None:
    """The data version is not older than it may be kept."""
    days = case.terms.keep_data_days
    if days is None or _within(case.facts.version_time, days, case.now):
        return None
    return no(f"version {case.facts.version!r} of the data is older than the {days} days that it "
              "may be kept", "delete it, and register a version that may still be kept"
              )  # fmt: skip


@everywhere
def model_retention(policy: Policy, case: Case) -> Decision | None:
    """A model that predicts is not older than it may be kept."""
    days = case.terms.keep_models_days
    if days is None or case.request.action != "predict":
        return None
    if case.facts.model_time is None:
        return no("the age of the model is not known: this ledger holds no entry of its training",
                  "privet train DATA --out FILE")  # fmt: skip
    if _within(case.facts.model_time, days, case.now):
        return None
    return no(f"the model is older than the {days} days that it may be kept",
              "privet train DATA --out FILE   # another, and delete this one")  # fmt: skip


@everywhere
def reports_exist(policy: Policy, case: Case) -> Decision | None:
    """The reports that must exist first do."""
    missing = [name for name in case.terms.reports if name not in case.facts.reports]
    if not missing:
        return None
    name = shlex.quote(case.request.data_set or "NAME")
    if missing[0] in WRITTEN:
        line = f"privet report --format {missing[0]} --data-set {name} --out {missing[0]}.html"
    else:
        line = f"privet report record {name} FILE --kind {missing[0]} --by ROLE"
    return no(f"{_list(missing)} must exist first", line)


@everywhere
def named_requester(policy: Policy, case: Case) -> Decision | None:
    """Where somebody must approve, it is known who asks."""
    if not case.terms.approvals or case.requester.strip():
        return None
    return no("somebody else must approve, and it is not known who asks", 'requester="NAME"')


@everywhere
def shown(policy: Policy, case: Case) -> Decision | None:
    """Where somebody must approve, the request shows all that the run depends on."""
    hidden = case.request.parameters.get("withheld")
    if not case.terms.approvals or not hidden:
        return None
    listed = hidden if isinstance(hidden, list) else [hidden]
    return no(f"nobody can approve what the request cannot show: {'; '.join(map(str, listed))}",
              'values known from the field in the schema, then bounds_from = "domain"; no weights '
              "of single rows")  # fmt: skip


@everywhere
def not_denied(policy: Policy, case: Case) -> Decision | None:
    """No approver's denial stands."""
    for name, act in acts_on(policy, case).items():
        if act.verb == "deny":
            said = f": {act.reason}" if act.reason else ""
            return no(f"{name} denied this job{said}",
                      f'privet revoke {case.job} --key FILE --reason "..."   # by {name}'
                      )  # fmt: skip
    return None


@everywhere
def approved(policy: Policy, case: Case) -> Decision | None:
    """Enough people approved this very job, other than who asks."""
    needed = case.terms.approvals
    if not needed:
        return None
    valid = valid_grants(policy, case)
    if len(valid) >= needed:
        return None
    people = [name for name in case.terms.approvers
              if not is_requester(case, _approver(policy, name)) and name not in valid]
    checks = case.request.parameters.get("command") == "check"
    asks = "check SCHEMA DATA" if checks else _COMMANDS[case.request.action]
    ask = f'privet request {asks} --reason "..."   # with the options of the run'
    return no(f"job {case.job[:16]} has {len(valid)} of {needed} approvals; "
              f"{_list(people)} may approve", f"{ask}; then: {approve_line(case.job)}"
              )  # fmt: skip


RULES: tuple[Rule, ...] = (
    pinned,
    adopted,
    registered,
    allowed_action,
    allowed_purpose,
    plain_allowed,
    allowed_protection,
    allowed_columns,
    release_size,
    purpose_size,
    cohort,
    data_retention,
    model_retention,
    reports_exist,
    named_requester,
    shown,
    not_denied,
    approved,
)
"""In the order in which they are asked; the first refusal is the answer."""


def approve_line(job: str) -> str:
    """The command with which to approve a job."""
    return f"privet approve {job} --key FILE"


def acts_on(policy: Policy, case: Case) -> dict[str, Act]:
    """The standing act of each approver of this data set about this job, by name."""
    people = [_approver(policy, name) for name in case.terms.approvers]
    return standing(case.acts, people, job=case.job, ledger=case.facts.ledger)


def valid_grants(policy: Policy, case: Case) -> dict[str, Act]:
    """The approvals that count now, by name; so no two are of one name, or of one key."""
    return {
        name: act
        for name, act in acts_on(policy, case).items()
        if act.verb == "grant"
        and not is_requester(case, _approver(policy, name))
        and act.follows >= case.facts.blind
        and case.now < (expiry(act, case.terms.approval_days) or case.now)
        and sum(run > act.follows for run in case.facts.runs) < case.terms.approval_runs
    }


def approving(policy: Policy, case: Case) -> tuple[int, ...]:
    """The entries of all approvals that count now, under whosever terms."""
    cases = [replace(case, terms=terms, each=()) for _, terms in case.each] or [case]
    return tuple(sorted({act.seq for one in cases for act in valid_grants(policy, one).values()}))


def is_requester(case: Case, approver: Approver) -> bool:
    """True if the approver is who asks, by name or by a key."""
    asks = {same_person(case.requester), *case.facts.requester_keys}
    return bool(asks & {same_person(approver.name), key_id(approver.public),
                        approver.public.hex()})  # fmt: skip


def _approver(policy: Policy, name: str) -> Approver:
    return next(approver for approver in policy.approvers if approver.name == name)


def _within(time: datetime | None, days: int, now: datetime) -> bool:
    return time is not None and now <= time + timedelta(days=days)


def _list(words: Any) -> str:
    return ", ".join(map(str, words)) or "none"


def _toml(words: list[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _call(protections: str) -> str:
    """A stack of protections as the argument that asks for it."""
    classes = {"private": "Private(...)", "local": "LocallyPrivate(...)",
               "federated": "Federated(...)", "shared": "Shared(...)",
               "encrypted": "Encrypted(...)"}  # fmt: skip
    calls = ["pv." + classes[part] for part in protections.split("+")]
    return calls[0] if len(calls) == 1 else f"[{', '.join(calls)}]"
