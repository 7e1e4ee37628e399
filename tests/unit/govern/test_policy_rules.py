"""Each rule allows what it is meant to allow and refuses the rest, with what to write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from privet.claims import (
    FLGuarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
    NoGuarantee,
)
from privet.govern.budget.filters import epsilon_of
from privet.govern.policy import RULES, Policy, evaluate
from privet.govern.policy.job import delta_of, protections_of
from tests.unit.govern.policies import NOW, facts_of, policy_of, private, text_of, wish

FEDERATED = FLGuarantee(sites=3, min_contributors=2, secure_aggregation=True, aggregator_sees=())
REHEARSED = FLGuarantee(
    sites=3, min_contributors=2, secure_aggregation=True, aggregator_sees=(), simulated=True
)
SHARED = MPCGuarantee(parties=3, threshold=1, adversary="semi-honest")
PLAIN = NoGuarantee()


def decided(policy=None, request=None, **facts):
    policy = policy or policy_of()
    return evaluate(policy, request or wish(), requester="Cy Holm", approvals=(),
                    facts=facts_of(policy, **facts), now=NOW)


def test_allowed_request_is_granted_and_the_decision_names_the_policy():
    decision = decided()
    assert decision.granted
    assert policy_of().digest[:16] in decision.reason


REFUSED = [
    ("action", {}, {"action": "query"}, {}, "'query' is not among", '"query"]'),
    ("purpose", {}, {"purpose": "reduce readmission"}, {}, "is not among the allowed",
     "purpose='reduce readmissions'"),
    ("no purpose", {}, {"purpose": ""}, {}, "no purpose is given", "purpose="),
    ("plain", {}, {"guarantee": PLAIN}, {}, "without protection", "pv.Private"),
    ("protection", {}, {"guarantee": SHARED}, {}, "'shared'", "pv.Private"),
    ("part of a stack", {}, {"guarantee": FEDERATED}, {}, "'federated'", "protect="),
    ("columns", {}, {"parameters": {"columns": ["age", "name"]}}, {}, "name not among",
     'kind = "ignore"   # under [columns.name] in the schema'),
    ("columns to quote", {}, {"parameters": {"columns": ["a b", "c"]}}, {}, "a b, c not among",
     '# under [columns."a b"], [columns.c] in the schema'),
    ("columns unsaid", {}, {"parameters": {}}, {"columns": ("age", "name")}, "name not",
     "ignore"),
    ("columns unknown", {}, {"parameters": {}}, {"columns": None}, "does not say",
     """parameters={"columns": ['age', 'city']}"""),
    ("columns odd", {}, {"parameters": {"columns": [1]}}, {}, "does not say", "parameters="),
    ("epsilon", {}, {"guarantee": private(1.01)}, {}, "epsilon 1.01 is above 1", "epsilon=1.0"),
    ("delta", {}, {"guarantee": private(1.0, 1e-4)}, {}, "delta 0.0001", "delta=1e-05"),
    ("purpose's epsilon", {}, {}, {"spent": 0.75}, "0.75 left of 1.5", "epsilon=0.75"),
    ("purpose is spent", {}, {}, {"spent": 1.5}, "0 left", "another purpose"),
    ("cohort", {}, {}, {"units": 99}, "99 privacy units", "dataset register"),
    ("cohort unknown", {}, {}, {"units": None}, "unknown number", "dataset register"),
    ("old data", {}, {}, {"version_time": NOW - timedelta(days=61)}, "60 days", "delete it"),
    ("data without a date", {}, {}, {"version_time": None}, "60 days", "delete it"),
    ("old model", {}, {"action": "predict"}, {"model_time": NOW - timedelta(days=31)}, "30 days",
     "another, and delete this one"),
    ("model without a date", {}, {"action": "predict"}, {"model_time": None}, "age of the model",
     "privet train DATA --out FILE"),
    ("reports", {}, {}, {"reports": frozenset({"ropa"})}, "card must exist",
     "privet report --format card --data-set patients --out card.html"),
    ("unregistered", {}, {}, {"registered": False}, "not registered", "privet dataset version"),
    ("never registered", {}, {}, {"registered": False, "version": None}, "not registered",
     "privet dataset register patients FILE --budget EPSILON"),
    ("not adopted", {}, {}, {"adopted": None}, "adopted no policy", "privet policy adopt"),
    ("edited", {}, {}, {"adopted": "0" * 64}, "another text", "privet policy adopt"),
    ("approvals", {"approvals": "1"}, {}, {}, "0 of 1 approvals",
     'train DATA --reason "..."   # with the options of the run; then: privet approve '),
    ("approvals of no fit", {"approvals": "1"}, {"action": "predict"}, {}, "0 of 1 approvals",
     "privet request predict MODEL DATA --reason "),
    ("approvals of a check", {"approvals": "1", "actions": '["schema"]'},
     {"action": "schema", "parameters": {"command": "check", "columns": []}}, {},
     "0 of 1 approvals", "privet request check SCHEMA DATA --reason "),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "asked", "known", "reason", "remedy"),
                         [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refusal_says_why_and_what_to_write(terms, asked, known, reason, remedy):
    decision = decided(policy_of(**terms), wish(**asked), **known)
    assert not decision.granted
    assert reason in decision.reason
    assert remedy in (decision.remedy or "")


ALLOWED = [
    ("limits are kept by equality", {}, {"guarantee": private(1.0, 1e-5)}, {"spent": 0.5}),
    ("rounding of sums", {}, {"guarantee": private(0.1)}, {"spent": sum([0.1] * 14)}),
    ("stack", {}, {"guarantee": JointGuarantee(parts=(FEDERATED, private()))}, {}),
    ("plain for its purpose", {}, {"guarantee": PLAIN, "purpose": "quality control"}, {}),
    ("comparison is for the curator", {}, {"action": "compare", "guarantee": PLAIN}, {}),
    ("no column restriction", {"columns": None}, {"parameters": {"columns": ["name"]}}, {}),
    ("no column at all", {}, {"parameters": {"columns": []}}, {"columns": None}),
    ("registered columns", {}, {"parameters": {}}, {}),
    ("no cohort", {"minimum_cohort": None}, {}, {"units": None}),
    ("smallest cohort", {}, {}, {"units": 100}),
    ("no retention of data", {"keep_data_days": None}, {}, {"version_time": None}),
    ("last day of the data", {}, {}, {"version_time": NOW - timedelta(days=60)}),
    ("last day of the model", {}, {"action": "predict"}, {"model_time": NOW - timedelta(days=30)}),
    ("training has no model's age", {}, {}, {"model_time": None}),
    ("no retention of models", {"keep_models_days": None}, {"action": "predict"},
     {"model_time": None}),
    ("no report", {"reports": None}, {}, {"reports": frozenset()}),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "asked", "known"), [case[1:] for case in ALLOWED],
                         ids=[case[0] for case in ALLOWED])
def test_what_is_allowed_stays_allowed(terms, asked, known):
    decision = decided(policy_of(**terms), wish(**asked), **known)
    assert decision.granted, decision.reason


def test_every_rule_is_refused_by_some_case():
    policies = {name: policy_of(**terms) for name, terms, *_ in REFUSED}
    seen = set()
    for name, _, asked, known, reason, _ in REFUSED:
        from privet.govern.policy.case import Case

        policy = policies[name]
        case = Case(request=wish(**asked), terms=policy.terms("patients"), requester="Cy Holm",
                    acts=(), facts=facts_of(policy, **known), now=NOW)
        answers = [(rule, rule(policy, case)) for rule in RULES]
        seen |= {rule.__name__ for rule, answer in answers if answer and reason in answer.reason}
    elsewhere = {"pinned", "named_requester", "not_denied", "shown"}
    assert seen | elsewhere == {rule.__name__ for rule in RULES}


def test_first_refusal_wins():
    decision = decided(request=wish(action="query", purpose="fun", guarantee=private(9.0)))
    assert "'query'" in decision.reason


def test_somebody_must_ask_where_somebody_must_approve():
    policy = policy_of(approvals="1")
    for requester in ("", "  "):
        decision = evaluate(policy, wish(), requester=requester, approvals=(),
                            facts=facts_of(policy), now=NOW)
        assert "who asks" in decision.reason
    free = policy_of()
    assert evaluate(free, wish(), requester="", approvals=(), facts=facts_of(free), now=NOW).granted


def test_policy_for_another_ledger_is_refused():
    policy = Policy.parse(f'ledger = "{"cd" * 16}"\n' + text_of())
    assert "is for ledger" in decided(policy).reason
    assert decided(policy, ledger="cd" * 16).granted


def test_data_set_has_terms_of_its_own_over_the_default():
    policy = Policy.parse(text_of() + "\n[data_sets.patients]\nepsilon_per_release = 0.5\n")
    assert "above 0.5" in decided(policy).reason
    assert decided(policy, wish(data_set="others")).granted


def test_without_a_default_other_data_sets_are_refused():
    policy = Policy.parse(text_of().replace("[default]", "[data_sets.patients]"))
    assert decided(policy).granted
    decision = decided(policy, wish(data_set="others"))
    assert not decision.granted
    assert decision.remedy.startswith("[data_sets.others]")
    assert not decided(policy, wish(data_set=None)).granted


# What a guarantee amounts to


def test_what_is_simulated_protects_nobody():
    assert protections_of(REHEARSED) == {"plain"}
    assert protections_of(JointGuarantee(parts=(FEDERATED, SHARED), simulated=True)) == {"plain"}
    assert protections_of(JointGuarantee(parts=(REHEARSED, private()))) == {"private"}
    only_federated = policy_of(protections='["federated"]')
    decision = decided(only_federated, wish(guarantee=REHEARSED))
    assert "simulated protects nobody" in decision.reason
    assert decided(only_federated, wish(guarantee=FEDERATED)).granted


def test_noise_from_a_known_seed_protects_nobody():
    known = private(secret_noise=False)
    assert protections_of(known) == {"plain"}
    assert protections_of(JointGuarantee(parts=(FEDERATED, known))) == {"federated"}
    assert not decided(request=wish(guarantee=known)).granted


def test_plain_beside_a_protection_stays_plain():
    assert protections_of(JointGuarantee(parts=(FEDERATED, PLAIN))) == {"federated", "plain"}


def test_protections_by_guarantee():
    he = HEGuarantee(security_bits=128, scheme="CKKS", ring_dimension=8192, modulus_bits=200,
                     noise_flooding=True)
    assert protections_of(SHARED) == {"shared"}
    assert protections_of(he) == {"encrypted"}
    assert protections_of(LocalDPGuarantee(epsilon=1.0)) == {"local"}
    assert protections_of(private()) == {"private"}


def test_epsilons_and_deltas_of_a_stack_add_up():
    inner = JointGuarantee(parts=(private(0.5, 1e-6), LocalDPGuarantee(epsilon=0.25)))
    joint = JointGuarantee(parts=(inner, private(1.0, 1e-6), FEDERATED))
    assert epsilon_of(joint) == pytest.approx(1.75)
    assert delta_of(joint) == pytest.approx(2e-6)
    assert not decided(request=wish(guarantee=JointGuarantee(parts=(private(0.6), private(0.6))))
                       ).granted
