"""What was made from a data set stays under its terms, and its content grows no younger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from privet.govern.policy import Policy, evaluate
from privet.govern.policy.facts import DataSet, _first_seen, made_from
from tests.unit.govern.policies import NOW, facts_of, ledger_with, text_of, wish

STRICT = "\n[data_sets.patients]\n"


def decided(own, *, origins=("patients",)):
    policy = Policy.parse(text_of() + STRICT + own)
    return evaluate(policy, wish(data_set="copy"), requester="Cy Holm", approvals=(),
                    facts=facts_of(policy, made_from=origins), now=NOW)


@pytest.mark.parametrize(("own", "reason"), [
    ("approvals = 2", "0 of 2 approvals"),
    ('columns = ["city"]', "age not among"),
    ("minimum_cohort = 501", "at least 501"),
    ('reports = ["dpia"]', "dpia must exist"),
    ("epsilon_per_release = 0.5", "the most of one release"),
])
def test_terms_of_an_origin_hold_and_are_named(own, reason):
    refused = decided(own)
    assert not refused.granted and reason in refused.reason
    assert "a rule of 'patients', from which 'copy' was made" in refused.reason
    assert decided(own, origins=()).granted, "another set is not under these terms"


def test_a_laxer_origin_changes_nothing():
    assert decided("minimum_cohort = 1").granted


def test_a_ledger_knows_what_a_set_was_made_from(tmp_path):
    text = text_of(reports=None, keep_data_days=None) + STRICT + "approvals = 1"
    ledger = ledger_with(tmp_path, text)
    facts = {"version": "v2", "unit": "patient", "units": 500, "columns": ["age"]}
    for name, parents in (("copy", ["patients"]), ("copy of copy", ["copy"]), ("other", [])):
        ledger.append("dataset.register", {"name": name, "parents": parents, **facts})
    policy = Policy.from_ledger(ledger)

    def answer(name):
        return policy.decide(wish(data_set=name), requester="Cy Holm", ledger=ledger, spent=0.0)

    assert answer("other").granted
    assert "a rule of 'patients'" in answer("copy").reason
    assert "a rule of 'patients'" in answer("copy of copy").reason


def test_age_counts_from_the_first_entry():
    def seen(version, days, **more):
        return DataSet(version, NOW - timedelta(days=days), None, None, more)

    known = {"patients": [seen("v1", 90), seen("v2", 20), seen("v1", 1)],
             "copy": [seen("v9", 10, parents=["patients"])],
             "old copy": [seen("v9", 30, parents=["patients"])]}
    age = {pair: (NOW - _first_seen(known, *pair)).days
           for pair in (("patients", "v1"), ("patients", "v2"), ("copy", "v9"),
                        ("old copy", "v9"))}
    assert age == {("patients", "v1"): 90, ("patients", "v2"): 20, ("copy", "v9"): 20,
                   ("old copy", "v9"): 90}
    assert made_from("copy", known) == ("patients",)
