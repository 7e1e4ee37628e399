"""A policy within the steward: who approved stands with the run, and one approval is one run,
also for processes that race.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from privet.claims import Cost, spending
from privet.errors import Refused
from privet.govern.budget import Budget, Registry, audit_totals, recount
from privet.govern.budget.recount import current
from privet.govern.consent import HARMLESS, Consent
from privet.govern.ledger import Ledger, verify
from privet.govern.policy import Policy, adopt, approve, request, revoke
from privet.govern.policy import facts as policy_facts
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import Obeying, Says, gaussian_claim
from tests.unit.govern.policies import ANNA, private, text_of, wish
from tests.unit.govern.test_budget_processes import together

PURPOSES = '{"reduce readmissions" = {}}'
ROOT = Path(__file__).resolve().parents[3]
RACER = """
import sys
from privet.errors import Refused
from privet.govern.ledger import Ledger
from privet.govern.policy import Policy
from privet.govern.steward import LedgerSteward
from tests.unit.govern.policies import private, wish
ledger = Ledger.open(sys.argv[1])
steward = LedgerSteward(ledger, requester="Cy Holm")
wanted = wish(guarantee=private(float(sys.argv[2])))
assert steward.decide(wanted).granted
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
try:
    print("reserved", steward.reserve(wanted).token)
except Refused as refused:
    print("refused", refused.problem)
"""


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.db")
    Registry(ledger).register("patients", unit="patient", units=500, columns=["age", "city"],
                              version="v1", budget=Budget(epsilon=3.0, delta=1e-5))
    adopt(ledger, text_of(approvals="1", reports=None, purposes=PURPOSES))
    return ledger


def run(ledger, wanted):
    steward = LedgerSteward(ledger, requester="Cy Holm")
    with spending(steward, wanted) as spend:
        spend.touch()
        spend.commit(wanted.guarantee, Cost(seconds=1.0))


def approved(ledger, wanted):
    entry = request(ledger, wanted, "Cy Holm", "needed")
    return approve(ledger, entry.payload["job"], ANNA,
                   expires=datetime.now(UTC) + timedelta(days=1))


def test_run_needs_its_approval_and_names_it(ledger):
    wanted = wish()
    with pytest.raises(Refused, match="0 of 1 approvals"):
        run(ledger, wanted)
    assert list(ledger.entries(kind="run.reserve")) == []
    grant = approved(ledger, wanted)
    run(ledger, wanted)
    (reserved,) = ledger.entries(kind="run.reserve")
    assert reserved.payload["approvals"] == [grant.seq]
    assert reserved.payload["request"]["version"] == "v1"
    refused, allowed = ledger.entries(kind="run.decide")
    assert (refused.payload["granted"], allowed.payload["granted"]) == (False, True)
    assert allowed.payload["policy"] == Policy.from_ledger(ledger).digest
    with pytest.raises(Refused, match="0 of 1 approvals"):
        run(ledger, wanted)
    approved(ledger, wanted)
    run(ledger, wanted)


def test_altered_run_is_refused(ledger):
    approved(ledger, wish())
    with pytest.raises(Refused, match="0 of 1 approvals"):
        run(ledger, wish(guarantee=private(0.9)))
    run(ledger, wish())


def racing(path, count, epsilon):
    """So many processes that were all granted the same run, told to reserve at once."""
    command = [sys.executable, "-c", RACER, str(path), str(epsilon)]
    return together([subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, cwd=ROOT)
                     for _ in range(count)])  # fmt: skip


@pytest.mark.slow
def test_four_processes_with_one_approval_run_once(ledger, tmp_path):
    grant = approved(ledger, wish(guarantee=private(0.5)))
    said = racing(tmp_path / "ledger.db", 4, 0.5)
    assert sum(line.startswith("reserved") for line in said) == 1
    refused = [line for line in said if line.startswith("refused")]
    assert len(refused) == 3 and all("0 of 1 approvals" in line for line in refused)
    (reserved,) = ledger.entries(kind="run.reserve")
    assert reserved.payload["approvals"] == [grant.seq]
    answers = [entry.payload["granted"] for entry in ledger.entries(kind="run.decide")]
    assert sorted(answers) == [False] * 3 + [True] * 4, "a refusal at the last moment is written"
    assert audit_totals(ledger) == [] and verify(ledger).ok


@pytest.mark.slow
def test_four_processes_do_not_overspend_a_purpose(ledger, tmp_path):
    adopt(ledger, text_of(reports=None))  # epsilon 1.5 for the purpose; the budget has 3
    said = racing(tmp_path / "ledger.db", 4, 0.5)
    assert sum(line.startswith("reserved") for line in said) == 3
    assert sum("0 left of 1.5" in line for line in said) == 1


def consent(ledger, wanted):
    return Consent(Policy.from_ledger(ledger), ledger, wanted, requester="Cy Holm", version="v1")


def test_what_was_written_since_the_grant_is_looked_at(ledger):
    grant = approved(ledger, wish())
    first, second = consent(ledger, wish()), consent(ledger, wish())
    with ledger.transaction() as work:
        assert first.held(work, {}) == (grant.seq,)
    run(ledger, wish())
    with pytest.raises(Refused, match="0 of 1 approvals"), ledger.transaction() as work:
        second.held(work, current(work.connection).totals)


@pytest.mark.parametrize("change", ["revoked", "another policy"])
def test_a_grant_does_not_outlive_its_grounds(ledger, change):
    grant = approved(ledger, wish())
    held = consent(ledger, wish())
    if change == "revoked":
        revoke(ledger, grant.payload["job"], ANNA, reason="no")
    else:
        adopt(ledger, text_of(approvals="1", reports=None, actions='["query"]'))
    with pytest.raises(Refused, match="does not allow to fit"), ledger.transaction() as work:
        held.held(work, current(work.connection).totals)


def test_a_grant_survives_what_it_does_not_rest_on(ledger):
    grant = approved(ledger, wish())
    held = consent(ledger, wish())
    approved(ledger, wish(guarantee=private(0.5)))
    run(ledger, wish(guarantee=private(0.5)))
    with ledger.transaction() as work:  # another job's run uses another approval
        assert held.held(work, current(work.connection).totals) == (grant.seq,)


def test_the_policy_is_asked_again_only_where_it_may_matter(ledger):
    says = Says(granted=True)
    held = Consent(says, ledger, wish(), requester="Cy Holm", version="v1")
    for kind in HARMLESS:
        ledger.append(kind, {"data_set": "patients"})
    with ledger.transaction() as work:
        held.held(work, {})
    assert len(says.asked) == 1, "the lock is held no longer than needed"
    assert [used for used, _ in says.since] == [{}], "what is left is that of the checked totals"
    says.since.clear()
    ledger.append("run.reserve", {"request": {"data_set": "patients"}})
    with ledger.transaction() as work:
        held.held(work, {"totals": "of now"})
    (used, entries), = says.since
    assert len(says.asked) == 1, "after reservations, from what they can change"
    assert used == {"totals": "of now"}
    assert [entry.kind for entry in entries] == ["run.release", "run.reserve"]
    ledger.append("approval.revoke", {"job": "x"})
    with ledger.transaction() as work:
        held.held(work, {})
    assert len(says.asked) == 2
    assert len(says.since) == 1


def test_what_others_reserved_is_counted_without_reading_the_ledger(ledger, monkeypatch):
    adopt(ledger, text_of(approvals="1", reports=None))  # epsilon 1.5 for the purpose
    grant = approved(ledger, wish())
    waiting = consent(ledger, wish())
    policy, taken = Policy.from_ledger(ledger), []

    def held():
        with ledger.transaction() as work, monkeypatch.context() as patch:
            patch.setattr(policy_facts, "collect", None)
            return waiting.held(work, current(work.connection).totals)

    def other(wanted):
        steward = Obeying(ledger, Says(granted=True))
        taken.append((steward, steward.reserve(wanted)))

    assert policy is not None
    assert held() == (grant.seq,)
    other(wish(guarantee=private(0.5)))
    assert held() == (grant.seq,), "another job, and 1.0 is left of the purpose"
    other(wish(guarantee=private(0.25)))
    with pytest.raises(Refused, match=r"0\.75 left of 1\.5"):
        held()
    steward, last = taken.pop()
    steward.release(last)
    assert held() == (grant.seq,), "given back"
    other(wish(guarantee=private(1.0), purpose="quality control"))
    assert held() == (grant.seq,), "another purpose"
    steward, first = taken.pop(0)
    steward.release(first)
    other(wish())
    with pytest.raises(Refused, match=r"0\.5 left of 1\.5"):
        held()
    steward, same = taken.pop()
    steward.release(same)
    assert held() == (grant.seq,)


def test_reserving_without_a_decision_asks_the_policy(ledger):
    steward = LedgerSteward(ledger, requester="Cy Holm")
    with pytest.raises(Refused, match="0 of 1 approvals"):
        steward.reserve(wish())
    assert list(ledger.entries(kind="run.reserve")) == []


def test_what_a_purpose_spent_comes_from_the_totals(ledger, monkeypatch):
    adopt(ledger, text_of(reports=None))
    steward = LedgerSteward(ledger, requester="Cy Holm")
    held = [steward.reserve(wish(guarantee=private(0.6))) for _ in range(2)]
    steward.release(held[0])
    known = policy_facts.data_sets(ledger)
    monkeypatch.setattr(recount, "recount", None)  # the entries are not added up
    assert policy_facts.spent_on(ledger, known, "patients", "reduce readmissions") == 0.6
    assert policy_facts.spent_on(ledger, known, "patients") == 0.6
    assert policy_facts.spent_on(ledger, known, "patients", "quality control") == 0.0
    policy = Policy.from_ledger(ledger)
    said = policy.decide(wish(), requester="Cy Holm", ledger=ledger)
    assert "0.9 left of 1.5" in said.reason


def test_relatives_spend_for_a_purpose_once(ledger):
    registry = Registry(ledger)
    registry.register("adults", unit="patient", version="a1", budget=Budget(2.0, 1e-6),
                      parents=["patients"])
    steward = Obeying(ledger, Says(granted=True))
    steward.reserve(wish(guarantee=private(0.5, 1e-7)))
    steward.reserve(wish(data_set="adults", guarantee=private(0.25, 1e-7)))
    known = policy_facts.data_sets(ledger)
    for name in ("patients", "adults"):
        assert policy_facts.spent_on(ledger, known, name, "reduce readmissions") == 0.75


def test_epsilons_of_a_gaussian_budget_stand_beside_its_totals(tmp_path, monkeypatch):
    ledger = Ledger.open(tmp_path / "gaussian.db")
    Registry(ledger).register("patients", unit="row", version="v1",
                              budget=Budget(8.0, 1e-5, "gaussian"))
    steward = Obeying(ledger, Says(granted=True))
    held = [steward.reserve(wish(guarantee=gaussian_claim(20.0))) for _ in range(2)]
    steward.forfeit(held[0], "KeyError")
    known = policy_facts.data_sets(ledger)
    monkeypatch.setattr(recount, "recount", None)  # the entries are not added up
    assert policy_facts.spent_on(ledger, known, "patients", "reduce readmissions") == 10.0
    steward.release(held[1])
    assert policy_facts.spent_on(ledger, known, "patients") == 5.0


def test_a_steward_built_by_hand_obeys_the_adopted_policy(ledger):
    steward = LedgerSteward(ledger, requester="Cy Holm")
    decision = steward.decide(wish())
    assert not decision.granted and "0 of 1 approvals" in decision.reason
    with pytest.raises(Refused, match="0 of 1 approvals"):
        steward.reserve(wish())
    assert list(ledger.entries(kind="run.reserve")) == []
    (refused, _) = ledger.entries(kind="run.decide")
    assert refused.payload["policy"] == Policy.from_ledger(ledger).digest
    adopt(ledger, text_of(reports=None, purposes=PURPOSES))
    assert steward.decide(wish()).granted, "the policy is read again once another is adopted"
    entry = adopt(ledger, text_of(reports=None, actions='["query"]'))
    assert not steward.decide(wish()).granted
    ledger.redact(entry.seq, "a mistake")
    decision = steward.decide(wish())
    assert not decision.granted and "redacted" in decision.reason
    assert list(ledger.entries(kind="run.decide"))[-1].payload["policy"] is None


def test_a_first_policy_between_decision_and_reservation_is_obeyed(tmp_path):
    ledger = Ledger.open(tmp_path / "new.db")
    Registry(ledger).register("patients", unit="patient", units=500, columns=["age", "city"],
                              version="v1", budget=Budget(epsilon=3.0, delta=1e-5))
    steward = LedgerSteward(ledger, requester="Cy Holm")
    assert steward.decide(wish()).granted
    held = steward._consent(steward.registry.view(), wish())
    adopt(ledger, text_of(approvals="1", reports=None))
    with pytest.raises(Refused, match="adopted a policy meanwhile"), ledger.transaction() as work:
        held(work, {})
    with pytest.raises(Refused, match="0 of 1 approvals"):
        steward.reserve(wish())
    assert list(ledger.entries(kind="run.reserve")) == []
