"""Reports say what was spent, moved and left, as the registry does, and whose signatures hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from privet.claims import Cost, spending
from privet.govern.budget import Budget, Registry, export_budget, import_budget
from privet.govern.evidence import Evidence
from privet.govern.ledger import Ledger
from privet.govern.policy import adopt, approve, request, revoke, signers
from privet.govern.report import report, report_json
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, claim, fit, gaussian_claim, registered
from tests.unit.govern.policies import ANNA, BO, MALLORY, text_of, wish
from tests.unit.govern.test_report_documents import said


def texts(found, term):
    return [item["text"] for item in said(found, term)]


def used(tmp_path):
    """A set with a cap: 1.0 spent for care, 0.5 for planning, 0.25 open, 0.75 given back."""
    ledger = Ledger.open(tmp_path / "l.db")
    registered(ledger, purposes={"care": Budget(2.0, 1e-6), "planning": Budget(1.0, 1e-6)})
    steward = LedgerSteward(ledger)
    for epsilon, purpose, end in ((1.0, "care", "commit"), (0.5, "planning", "forfeit"),
                                  (0.25, "care", None), (0.75, "care", "release")):
        held = steward.reserve(fit("patients", claim(epsilon), purpose=purpose))
        if end == "commit":
            steward.commit(held, claim(epsilon), COST)
        elif end == "forfeit":
            steward.forfeit(held, "KeyError")
        elif end == "release":
            steward.release(held)
    return ledger


def test_what_was_spent_is_what_the_registry_says(tmp_path):
    ledger = used(tmp_path)
    found = report_json(ledger, "ropa", data_set="patients")
    care, planning = found["sections"][1:]
    assert care["title"] == "patients: care"
    balance = Registry(ledger).balance("patients")
    assert (balance.spent.epsilon, balance.reserved.epsilon, balance.left.epsilon) == (
        1.5, 0.25, 1.25)  # fmt: skip
    spent = said(found, "Spent")
    assert [item["text"] for item in spent] == [
        "epsilon 1.5, delta 2e-07 for all purposes together, by 2 runs",
        "epsilon 0.75, delta 1e-07 for all purposes together, by 1 run, set aside and given back "
        "unused",
        "epsilon 1, delta 1e-07 for care, by 1 run",
        "epsilon 0.75, delta 1e-07 for care, by 1 run, set aside and given back unused",
    ]
    assert [item["entries"] for item in spent] == [[3, 4, 5, 6], [8, 9], [3, 4], [8, 9]]
    assert texts(found, "Set aside for runs that have not ended") == [
        "epsilon 0.25, delta 1e-07 for all purposes together, by 1 run",
        "epsilon 0.25, delta 1e-07 for care, by 1 run",
    ]
    assert texts(found, "Left") == [
        "epsilon 1.25, delta 9.7e-06 for all purposes together",
        "epsilon 0.75, delta 8e-07 for care",
    ]
    assert said(found, "Left")[0]["entries"] == [2, 3, 4, 5, 6, 7]
    only = {"sections": [planning], "answers": []}
    assert "epsilon 0.5, delta 9e-07 for planning" in texts(only, "Left")
    assert texts(found, "Moved between ledgers")[0] == "nothing for all purposes together"
    assert said(found, "Moved between ledgers")[0]["support"] == "head"


def test_what_cannot_be_read_is_said_and_nothing_is_left_by_guess(tmp_path):
    ledger = used(tmp_path)
    ledger.redact(3, "asked")
    found = report_json(ledger, "ropa", data_set="patients")
    assert said(found, "Left")[0]["support"] == "missing"
    last = said(found, "Spent")[-1]
    assert last["text"] == "not counted: what cannot be read" and last["entries"] == [3]
    assert "epsilon 0.5, delta 1e-07 for all purposes together, by 1 run" in texts(found, "Spent")


def test_moved_budgets_are_read_on_both_sides(tmp_path):
    ledger, other = used(tmp_path), Ledger.open(tmp_path / "other.db")
    record = export_budget(ledger, "patients", 0.5, to=other.identity)
    import_budget(other, record, key=ledger.head().key)
    LedgerSteward(other).reserve(fit("patients", claim(0.25), purpose="care"))
    here, there = (report_json(item, "ropa", data_set="patients") for item in (ledger, other))
    assert texts(here, "Moved between ledgers") == [
        "epsilon 0.625, delta 4.85e-06 for all purposes together, moved to another ledger",
        "epsilon 0.375, delta 4e-07 for care, moved to another ledger",
    ]
    assert texts(here, "Left")[0] == "epsilon 0.625, delta 4.85e-06 for all purposes together"
    assert "moved here from another ledger" in texts(there, "Moved between ledgers")[0]
    assert texts(there, "Left")[0] == "epsilon 0.375, delta 4.75e-06 for all purposes together"
    assert Registry(other).balance("patients").left.epsilon == 0.375
    export_budget(ledger, "patients", "all", to=other.identity)
    closed = report_json(ledger, "ropa", data_set="patients")
    assert "nothing for all purposes together: the budget was moved" in texts(closed, "Left")[0]


def test_runs_on_derived_sets_count_and_disjoint_ones_in_parallel(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    registry = registered(ledger)
    registry.register("north", unit="row", budget=Budget(3.0, 1e-5), version="n",
                      parents=["patients"])
    registry.register("south", unit="row", budget=Budget(3.0, 1e-5), version="s",
                      parents=["patients"], disjoint_from=["north"])
    steward = LedgerSteward(ledger)
    for name, epsilon in (("north", 1.0), ("south", 0.75)):
        steward.commit(steward.reserve(fit(name, claim(epsilon))), claim(epsilon), COST)
    found = report_json(ledger, "ropa", data_set="patients")
    (spent,) = said(found, "Spent")
    assert spent["text"] == "epsilon 1, delta 1e-07 for all purposes together, by 2 runs"
    assert spent["entries"] == [4, 5, 6, 7, 8], "also the entry that says they are disjoint"
    assert registry.balance("patients").spent.epsilon == 1.0
    assert texts(found, "Left") == ["epsilon 2, delta 9.9e-06 for all purposes together"]


def test_gaussian_budgets_say_what_adds_up(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    registry = registered(ledger, budget=Budget(3.0, 1e-5, "gaussian"))
    steward = LedgerSteward(ledger)
    steward.reserve(fit("patients", gaussian_claim(20.0)))
    found = report_json(ledger, "ropa", data_set="patients")
    balance = registry.balance("patients")
    (aside,) = texts(found, "Set aside for runs that have not ended")
    assert f"mu squared 0.0025 (epsilon {balance.reserved.epsilon:.6g} at delta 9.9e-06)" in aside
    assert f"(epsilon {balance.left.epsilon:.6g} at" in texts(found, "Left")[0]


@pytest.mark.parametrize("charges", [None, {}, {"patients": {"loss": "x", "delta": "0"}}, [1]])
def test_charges_of_no_sense_are_not_counted(tmp_path, charges):
    ledger = used(tmp_path)
    ledger.append("run.reserve", {"token": "t", "request": {"data_set": "patients"},
                                  "charges": charges})
    ledger.append("budget.transfer-out", {"moved": charges})
    seq = ledger.head().size
    assert Evidence.of(ledger).uncounted == (seq - 1, seq)
    assert texts(report_json(ledger, "ropa"), "Left") == [None]


def test_signatures_under_approvals_are_verified(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    Registry(ledger).register("patients", unit="patient", units=500, columns=["age", "city"],
                              version="v1", budget=Budget(3.0, 1e-5))
    adopt(ledger, text_of(approvals="1", reports=None))
    asked = request(ledger, wish(), "Cy Holm", "needed")
    job = asked.payload["job"]
    grant = approve(ledger, job, ANNA, expires=datetime.now(UTC) + timedelta(days=1))
    steward = LedgerSteward(ledger, requester="Cy Holm")
    with spending(steward, wish()) as spend:
        spend.commit(wish().guarantee, Cost(seconds=1.0))
    forged = ledger.append("approval.grant", {**grant.payload, "signer": BO.id})
    foreign = ledger.append("approval.grant", {**grant.payload, "signer": MALLORY.id})
    taken = revoke(ledger, job, ANNA, reason="ended")
    assert signers(ledger) == {grant.seq: "Anna Berg", taken.seq: "Anna Berg"}
    card = report_json(ledger, "card")
    assert "approved by Anna Berg, signature verified" in texts(card, "Decision and approvals")
    ropa = report_json(ledger, "ropa")
    assert texts(ropa, "Refusals and approvals")[1:] == [
        "approvals given: 3, 1 with a verified signature",
        "approvals revoked: 1, 1 with a verified signature",
    ]
    # Under another policy the old signature still is what it was; without the old text, it is
    # not known to be.
    adopt(ledger, text_of(people="[approvers]\n", approvals="0", reports=None))
    assert signers(ledger) == {grant.seq: "Anna Berg", taken.seq: "Anna Berg"}
    ledger.redact(next(ledger.entries(kind="policy.adopt")).seq, "asked")
    assert signers(ledger) == {}
    assert "signature not verified" in report(ledger, "card")
    assert forged.seq < foreign.seq
