"""A restriction never grants what was refused, and the first refusal is the only answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.claims import FLGuarantee, JointGuarantee, NoGuarantee, Request
from privet.govern.ledger.keys import SigningKey
from privet.govern.policy import RULES, Policy, evaluate, job_digest
from privet.govern.policy.acts import Act, statement
from privet.govern.policy.rules import Case
from tests.unit.govern.policies import ANNA, BO, NOW, PEOPLE, facts_of, private

COLUMNS = ("age", "city", "name")
PURPOSES = ("care", "quality")
FL = FLGuarantee(sites=3, min_contributors=2, secure_aggregation=True, aggregator_sees=())
LEDGER = "ab" * 16


def some(words, least=0):
    return st.lists(st.sampled_from(words), unique=True, min_size=least)


def size(least, most):
    return st.integers(least, most)


PURPOSE = st.fixed_dictionaries({"plain": st.booleans()},
                                optional={"epsilon": st.sampled_from([0.5, 1.0, 2.0])})
TERMS = st.fixed_dictionaries(
    {
        "actions": some(["fit", "query", "compare"], 2),
        "protections": some(["private", "federated", "federated+private"], 2),
        "purposes": st.fixed_dictionaries({}, optional=dict.fromkeys(PURPOSES, PURPOSE)).filter(
            bool),
        "epsilon_per_release": st.sampled_from([1.0, 2.0]),
        "delta_per_release": st.sampled_from([1e-6, 1e-5]),
        "approvals": st.sampled_from([0, 0, 1, 2]),
        "minimum_cohort": st.sampled_from([0, 100, 450]),
        "approval_days": size(1, 10),
        "approval_runs": size(1, 2),
    },
    optional={
        "columns": some(COLUMNS),
        "keep_data_days": size(5, 20),
        "reports": some(["card", "dpia"]),
    },
)
REQUESTS = st.builds(
    Request,
    action=st.sampled_from(["fit", "query", "compare"]),
    data_set=st.just("patients"),
    purpose=st.sampled_from(PURPOSES),
    guarantee=st.one_of(
        st.just(NoGuarantee()),
        st.just(FL),
        st.builds(private, st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([1e-6, 1e-5])),
        st.just(JointGuarantee(parts=(FL, private(0.5)))),
    ),
    parameters=some(COLUMNS).map(lambda names: {"columns": names}),
)
FACTS = st.fixed_dictionaries({
    "units": st.sampled_from([500, 50, 5000]),
    "spent": st.sampled_from([0.0, 0.25, 1.5]),
    "reports": st.just(frozenset({"card", "dpia"})) | some(["card", "dpia"]).map(frozenset),
    "version_time": size(0, 20).map(lambda days: NOW - timedelta(days=days)),
    "runs": st.lists(size(1, 30), max_size=2).map(tuple),
})  # fmt: skip


def text_from(terms: dict[str, Any]) -> str:
    return 'owner = "x"\n' + PEOPLE + tomlkit.dumps({"default": terms})


def act(key: SigningKey, verb: str, request: Request, seq: int, days: int) -> Act:
    """An act that was signed as it should be."""
    job = job_digest(request, version="v1")
    expires = "" if verb == "deny" else (NOW + timedelta(days=days)).isoformat()
    head = bytes([seq]) * 32
    message = statement(LEDGER, head, verb, job, 4, expires, "")
    return Act(seq=seq, time=(NOW - timedelta(days=1)).isoformat(), verb=verb, job=job, of=4,
               follows=seq - 1, head=head, signer=key.id, signature=key.sign(message),
               expires=expires)


def granted(terms, request, facts, acts):
    policy = Policy.parse(text_from(terms))
    known = facts_of(policy, **facts)
    return evaluate(policy, request, requester="Cy", approvals=acts, facts=known, now=NOW).granted


@st.composite
def restricted(draw, terms):
    """The same terms with one restriction more."""
    new = {**terms}
    kind = draw(st.sampled_from(sorted(
        {"actions", "protections", "purposes", "columns", "purpose", "plain", "reports",
         "epsilon_per_release", "delta_per_release", "approvals", "minimum_cohort",
         "keep_data_days", "approval_days", "approval_runs", "approvers"})))  # fmt: skip
    name = draw(st.sampled_from(sorted(terms["purposes"])))
    if kind in ("actions", "protections"):
        new[kind] = [item for item in terms[kind] if draw(st.booleans())]
    elif kind == "purposes":
        new[kind] = {key: value for key, value in terms[kind].items() if draw(st.booleans())}
    elif kind == "columns":
        new[kind] = [item for item in terms.get(kind, COLUMNS) if draw(st.booleans())]
    elif kind == "purpose":
        old = terms["purposes"][name]
        new["purposes"] = {**terms["purposes"],
                           name: {**old, "epsilon": min(old.get("epsilon", 9.0), 0.75)}}
    elif kind == "plain":
        new["purposes"] = {**terms["purposes"], name: {**terms["purposes"][name], "plain": False}}
    elif kind == "reports":
        new[kind] = sorted({*terms.get(kind, []), draw(st.sampled_from(["card", "ropa"]))})
    elif kind in ("epsilon_per_release", "delta_per_release"):
        new[kind] = terms[kind] / 2
    elif kind == "approvals":
        new[kind] = min(terms[kind] + 1, 2)
    elif kind == "minimum_cohort":
        new[kind] = terms[kind] + 100
    elif kind == "approvers":
        # Two approvals by one approver would be refused when it is read.
        new["approvers"] = ["Anna Berg", "Bo Lund"] if terms["approvals"] == 2 else ["Bo Lund"]
    elif kind == "keep_data_days":
        new[kind] = terms.get(kind, 20) - 4
    else:
        new[kind] = max(terms[kind] - 1, 1)
    return new


ACTS = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from(["grant", "grant", "deny"]), size(5, 30),
              size(-1, 9)),
    max_size=3,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data(), TERMS, REQUESTS, FACTS, ACTS)
def test_restriction_never_grants(data, terms, request, facts, plan):
    acts = [act((ANNA, BO)[who], verb, request, seq, days) for who, verb, seq, days in plan]
    facts = {"ledger": LEDGER, **facts}
    stricter = data.draw(restricted(terms))
    if granted(stricter, request, facts, acts):
        assert granted(terms, request, facts, acts)


@settings(max_examples=100, deadline=None)
@given(TERMS, REQUESTS, FACTS, st.permutations(list(RULES)))
def test_order_of_the_rules_changes_the_reason_never_the_answer(terms, request, facts, order):
    policy = Policy.parse(text_from(terms))
    known = facts_of(policy, **facts)
    case = Case(request=request, terms=policy.terms("patients"), requester="Cy", acts=(),
                facts=known, now=NOW)
    answers = [rule(policy, case) for rule in order]
    said = evaluate(policy, request, requester="Cy", approvals=(), facts=known, now=NOW)
    assert said.granted is not any(answers)
    assert said.granted or said in answers
    assert all(answer.remedy and answer.reason for answer in answers if answer)


@settings(max_examples=100, deadline=None)
@given(TERMS, REQUESTS, FACTS)
def test_generated_cases_are_both_granted_and_refused(terms, request, facts):
    """The terms made wide enough grant whatever the others ask: the properties are not empty."""
    wide = {"actions": ["fit", "query", "compare"], "approvals": 0, "epsilon_per_release": 9.0,
            "protections": ["private", "federated", "federated+private"],
            "delta_per_release": 0.1, "purposes": {name: {"plain": True} for name in PURPOSES}}
    assert granted(wide, request, facts, [])
    assert not granted({**wide, "actions": []}, request, facts, [])


def job_changes():
    return st.sampled_from([
        {"action": "predict"}, {"data_set": "other"}, {"purpose": "other"},
        {"guarantee": private(0.123)}, {"parameters": {"columns": ["x"]}},
    ])  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(REQUESTS, job_changes())
def test_any_change_of_a_request_changes_its_job(request, change):
    assert job_digest(request, version="v1") == job_digest(replace(request), version="v1")
    assert job_digest(replace(request, **change), version="v1") != job_digest(
        request, version="v1")
    assert job_digest(request, version="v2") != job_digest(request, version="v1")
