"""The steward: decide, reserve, run, commit, as entries of a ledger."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pytest

import privet as pv
from privet.claims import (
    Cost,
    JointGuarantee,
    MPCGuarantee,
    NoGuarantee,
    Reservation,
    from_json,
    spending,
)
from privet.errors import OutOfBudget, Refused
from privet.govern.budget import (
    Budget,
    Registry,
    Terms,
    audit_totals,
    charge,
    pin,
    rebuild_totals,
)
from privet.govern.budget.gaussian import mu_for
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward, this_environment
from tests.unit.govern.budgets_helpers import (
    COST,
    PLAIN,
    Obeying,
    Says,
    claim,
    fit,
    registered,
    traces,
)
from tests.unit.govern.ledgers import sql


@pytest.fixture
def ledger(tmp_path):
    with_file = Ledger.open(tmp_path / "l.db")
    registered(with_file, traces=traces(with_file, 0, 100))
    yield with_file
    with_file.close()


def kinds(ledger, start=3):
    return [entry.kind for entry in ledger.entries(start)]


def run(steward, request, *, commit=None):
    with spending(steward, request) as spend:
        spend.touch()
        return spend.commit(commit or request.guarantee, COST)


def spent(ledger):
    balance = Registry(ledger).balance("patients")
    return balance.spent.epsilon, balance.reserved.epsilon


def test_a_fit_is_decided_reserved_and_committed(ledger):
    steward = LedgerSteward(ledger, requester="ada")
    receipt = run(steward, fit("patients", purpose="research"))
    assert receipt.recorded
    assert receipt.entry == f"{ledger.identity}/5"
    decide, reserve, commit = ledger.entries(3)
    assert (decide.kind, reserve.kind, commit.kind) == ("run.decide", "run.reserve", "run.commit")
    assert decide.payload["granted"] is True
    assert decide.payload["policy"] is None
    request = reserve.payload["request"]
    assert request["version"] == "patients 1"
    assert from_json(request["guarantee"]) == claim()
    assert reserve.payload["requester"] == "ada"
    assert set(reserve.payload["environment"]) == {"privet", "python", "packages", "code"}
    assert commit.payload["reserve"] == reserve.seq
    assert commit.payload["token"] == reserve.payload["token"]
    assert from_json(commit.payload["guarantee"]).recorded
    assert from_json(commit.payload["cost"]) == COST
    assert spent(ledger) == (1.0, 0.0)
    assert verify(ledger).ok
    assert audit_totals(ledger) == []


def test_failure_before_rows_comes_back_and_later_failure_is_spent(ledger):
    steward = LedgerSteward(ledger)
    with pytest.raises(KeyError), spending(steward, fit("patients")):
        raise KeyError
    assert spent(ledger) == (0.0, 0.0)
    with pytest.raises(KeyboardInterrupt), spending(steward, fit("patients")) as run_:
        run_.touch()
        raise KeyboardInterrupt
    assert spent(ledger) == (1.0, 0.0)
    assert kinds(ledger) == ["run.decide", "run.reserve", "run.release",
                             "run.decide", "run.reserve", "run.forfeit"]
    assert list(ledger.entries())[-1].payload["reason"] == "KeyboardInterrupt"
    assert audit_totals(ledger) == []


def test_an_open_reservation_counts_for_ever(ledger):
    LedgerSteward(ledger).reserve(fit("patients", claim(2.0)))
    assert spent(ledger) == (0.0, 2.0)
    with pytest.raises(OutOfBudget) as caught:
        LedgerSteward(ledger).reserve(fit("patients", claim(1.5)))
    assert "epsilon <= 1" in str(caught.value)
    assert caught.value.remedy.startswith("epsilon=1.0, delta=")
    LedgerSteward(ledger).reserve(fit("patients", claim(1.0)))


def test_refusal_says_which_delta_is_left(ledger):
    LedgerSteward(ledger).reserve(fit("patients", claim(0.5, 9e-6)))
    with pytest.raises(OutOfBudget, match="delta <= 1e-06"):
        LedgerSteward(ledger).reserve(fit("patients", claim(0.5, 2e-6)))
    LedgerSteward(ledger).reserve(fit("patients", claim(0.5, 1e-6)))


def test_settling_happens_once(ledger):
    steward = LedgerSteward(ledger)
    held = steward.reserve(fit("patients"))
    steward.commit(held, claim(), COST)
    for again in (lambda: steward.release(held), lambda: steward.forfeit(held, "x"),
                  lambda: steward.commit(held, claim(), COST)):
        with pytest.raises(Refused, match="no reservation is open"):
            again()
    with pytest.raises(Refused, match="no reservation is open"):
        steward.release(Reservation(request=fit("patients"), token="guessed"))
    assert spent(ledger) == (1.0, 0.0)


def test_what_did_more_than_was_reserved_is_not_committed(ledger):
    steward = LedgerSteward(ledger)
    for more in (claim(1.0000001), claim(1.0, 2e-7), PLAIN, claim(0.5, secret=False)):
        size = spent(ledger)[0]
        with pytest.raises(Refused, match="less privacy than was reserved"):
            run(steward, fit("patients", claim(0.5)), commit=more)
        assert spent(ledger) == (size + 0.5, 0.0)
    assert kinds(ledger)[-1] == "run.forfeit"


def test_what_needed_less_gives_nothing_back(ledger):
    run(LedgerSteward(ledger), fit("patients", claim(1.0)), commit=claim(0.25))
    assert spent(ledger) == (1.0, 0.0)


def test_compare_is_recorded_and_free(ledger):
    steward = LedgerSteward(ledger)
    assert run(steward, fit("patients", PLAIN, action="compare")).recorded
    assert spent(ledger) == (0.0, 0.0)
    reserve = next(iter(ledger.entries(4)))
    assert reserve.payload["unprotected"] is False
    run(steward, fit("patients", claim(0.5), action="compare"))
    assert spent(ledger) == (0.5, 0.0)


@pytest.mark.parametrize("guarantee", [
    PLAIN, claim(0.5, secret=False),
    JointGuarantee(parts=(MPCGuarantee(parties=3, threshold=1, adversary="semi-honest"),)),
])
def test_training_in_the_clear_needs_a_policy(ledger, guarantee):
    request = fit("patients", guarantee)
    with pytest.raises(Refused, match="promises nothing") as caught:
        run(LedgerSteward(ledger), request)
    assert "pv.Private" in caught.value.remedy
    assert kinds(ledger) == ["run.decide"]
    with pytest.raises(Refused, match="promises nothing"):
        LedgerSteward(ledger).reserve(request)
    policy = Says(granted=True)
    assert run(Obeying(ledger, policy), request).recorded
    reserve = next(e for e in ledger.entries() if e.kind == "run.reserve")
    assert reserve.payload["unprotected"] is True
    assert reserve.payload["approvals"] == [1]
    assert spent(ledger) == (0.0, 0.0)
    assert audit_totals(ledger) == []


def test_policy_says_no_and_it_is_recorded(ledger):
    policy = Says(granted=False, reason="not on Sundays")
    with pytest.raises(Refused, match="not on Sundays"):
        run(Obeying(ledger, policy, requester="ada"), fit("patients"))
    (entry,) = ledger.entries(3)
    assert entry.payload["granted"] is False
    assert entry.payload["policy"] == policy.digest
    assert policy.asked[0][1:] == ("ada", "patients 1")


def test_wrong_unit_is_decided_before_the_policy(ledger):
    policy = Says(granted=True)
    decision = Obeying(ledger, policy).decide(fit("patients", claim(unit="person")))
    assert not decision.granted
    assert "another privacy unit" in decision.reason
    assert not policy.asked


@pytest.mark.parametrize("name", [None, "somebody else's"])
def test_unregistered_sets_are_not_recorded(ledger, name):
    size = ledger.head().size
    for guarantee in (claim(50.0), PLAIN):
        assert not run(LedgerSteward(ledger), fit(name, guarantee)).recorded
    with pytest.raises(KeyError), spending(LedgerSteward(ledger), fit(name)) as spend:
        spend.touch()
        raise KeyError
    assert ledger.head().size == size


def test_sources_are_admitted_by_who_is_in_them(ledger):
    steward = LedgerSteward(ledger)
    assert steward.admit(traces(ledger, 0, 100), "patients 1") == "patients"
    assert steward.admit(traces(ledger, 0, 130), "grown", name="patients") == "patients"
    run(steward, fit("patients"))
    assert next(iter(ledger.entries(4))).payload["request"]["version"] == "grown"
    assert steward.admit(traces(ledger, 200, 300), "new") is None
    assert steward.admit(traces(ledger, 200, 300), "new", name="others") is None
    with pytest.raises(Refused) as caught:
        steward.admit(traces(ledger, 90, 300), "new", name="mixed")
    assert caught.value.remedy == (
        "privet dataset register mixed FILE --parent patients --budget EPSILON"
    )
    with pytest.raises(Refused, match="shares no unit"):
        steward.admit(traces(ledger, 200, 300), "new", name="patients")
    assert steward.admit(None, None, name="patients") == "patients"


def test_admitted_sources_spend_for_all_who_are_in_them(ledger):
    steward = LedgerSteward(ledger)
    given = {"unit": "row", "budget": Budget(1.0, 1e-5), "version": "1"}
    steward.registry.register("adults", **given, parents=["patients"],
                              traces=traces(ledger, 50, 100))
    steward.registry.register("staff", **given | {"version": "staff 1"},
                              traces=traces(ledger, 500, 600))
    # A grown parent holds its child; a grown child is the child; a name must cover all.
    assert steward.admit(traces(ledger, 0, 120), "2") == "patients"
    assert steward.admit(traces(ledger, 60, 110), "2") == "adults"
    with pytest.raises(Refused, match="shares units with registered") as part:
        steward.admit(traces(ledger, 70, 72), "2", name="adults")
    assert part.value.remedy.startswith("privet dataset register adults-2 FILE --parent")
    for name in ("patients", "staff", "both", None):
        with pytest.raises(Refused, match="shares units with registered") as caught:
            steward.admit(traces(ledger, 90, 600), "2", name=name)
        assert "--parent patients" in caught.value.remedy
        assert "--parent staff" in caught.value.remedy
    steward.registry.register("both", **given, parents=["patients", "staff", "adults"],
                              traces=traces(ledger, 90, 600))
    assert steward.admit(traces(ledger, 90, 610), "2", name="both") == "both"


def test_tampered_totals_are_found_and_mended(ledger, tmp_path):
    steward = LedgerSteward(ledger)
    run(steward, fit("patients", claim(2.0)))
    held = steward.reserve(fit("patients", claim(0.5)))
    ledger.close()
    path = tmp_path / "l.db"
    sql(path, "UPDATE budget_totals SET spent_loss = '0.25'")
    sql(path, "DELETE FROM budget_open")
    found = audit_totals(ledger)
    assert len(found) == 3
    assert "the table of totals says holder 'patients'" in found[0]
    assert "spent_loss '0.25'" in found[0]
    assert "spent_loss '2'" in found[1]
    assert held.token in found[2]
    rebuild_totals(ledger)
    assert audit_totals(ledger) == []
    steward.commit(held, claim(0.5), COST)
    assert spent(ledger) == (2.5, 0.0)
    ledger.close()
    sql(path, "DROP TABLE budget_totals")
    assert audit_totals(ledger) == ["the table of totals is missing"]


def test_redacted_reservation_stays_spent_and_is_never_recomputed_away(ledger, tmp_path):
    run(LedgerSteward(ledger), fit("patients", claim(2.0)))
    ledger.redact(4, "a word in it was wrong")
    assert audit_totals(ledger) == [], "the entry after it vouches for the totals"
    with pytest.raises(Refused, match="cannot be recomputed"):
        rebuild_totals(ledger)
    assert spent(ledger) == (2.0, 0.0)
    with pytest.raises(OutOfBudget):
        run(LedgerSteward(ledger), fit("patients", claim(1.5)))
    ledger.close()
    sql(tmp_path / "l.db", "UPDATE budget_totals SET spent_loss = '0'")
    assert any("entry 4 (run.reserve) was redacted" in line for line in audit_totals(ledger))


def test_entry_that_charges_less_than_its_claim_is_named(ledger):
    steward = LedgerSteward(ledger)
    steward.reserve(fit("patients", claim(2.0)))
    payload = dict(next(iter(ledger.entries(3))).payload)
    forged = payload | {"token": "t", "charges": {"patients": {"loss": "0.1", "delta": "0"}}}
    ledger.append("run.reserve", forged)
    assert any("entry 4 (run.reserve) charges another amount" in line
               for line in audit_totals(ledger))


def test_the_release_is_recorded_also_when_run_from_source(monkeypatch):
    def absent(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", absent)
    this_environment.cache_clear()
    try:
        assert this_environment()["privet"] == pv.__version__
        assert this_environment()["packages"]["numpy"] == "absent"
    finally:
        this_environment.cache_clear()


def test_the_ledger_is_handed_on_after_each_step_that_counts(ledger):
    sizes = []
    steward = LedgerSteward(ledger, after=lambda given: sizes.append(given.head().size))
    run(steward, fit("patients", claim(0.5)))
    steward.release(steward.reserve(fit("patients", claim(0.5))))
    steward.forfeit(steward.reserve(fit("patients", claim(0.5))), "KeyError")
    assert sizes == [4, 5, 6, 7, 8, 9]


def test_clock_plays_no_part(tmp_path):
    times = iter(f"19{99 - n:02d}-01-01T00:00:00.000000Z" for n in range(90))
    ledger = Ledger.open(tmp_path / "l.db", clock=lambda: next(times))
    registered(ledger)
    steward = LedgerSteward(ledger)
    for _ in range(3):
        run(steward, fit("patients", claim(1.0)))
    with pytest.raises(OutOfBudget):
        run(steward, fit("patients", claim(0.1)))
    assert audit_totals(ledger) == []


def test_pinned_steward_refuses_another_ledger(ledger, tmp_path):
    other = Ledger.open(tmp_path / "other.db")
    steward = LedgerSteward(ledger, pins={"patients": pin(other)})
    assert not steward.decide(fit("patients")).granted
    with pytest.raises(Refused, match="another ledger"):
        steward.reserve(fit("patients"))
    assert run(LedgerSteward(ledger, pins={"patients": pin(ledger)}), fit("patients")).recorded


def test_many_stewards_see_one_another(ledger, tmp_path):
    first, second = LedgerSteward(ledger), LedgerSteward(Ledger.open(tmp_path / "l.db"))
    first.reserve(fit("patients", claim(2.0)))
    second.registry.register("adults", unit="row", budget=Budget(1.0, 1e-5), version="1",
                             parents=["patients"])
    first.reserve(fit("adults", claim(1.0)))
    with pytest.raises(OutOfBudget):
        second.reserve(fit("patients", claim(0.1)))


def test_cost_without_figures_is_recorded(ledger):
    steward = LedgerSteward(ledger)
    held = steward.reserve(fit("patients"))
    assert steward.commit(held, claim(), Cost()).recorded
    assert isinstance(from_json(list(ledger.entries())[-1].payload["guarantee"]), type(claim()))
    assert not isinstance(claim(), NoGuarantee)


def test_lack_of_budget_is_written_down(ledger):
    with pytest.raises(OutOfBudget):
        run(LedgerSteward(ledger), fit("patients", claim(9.0)))
    granted = [entry.payload["granted"] for entry in ledger.entries(3)]
    assert granted == [True, False]
    assert "too little budget" in list(ledger.entries())[-1].payload["reason"]


@pytest.mark.slow
def test_a_real_fit_is_counted_by_both_filters():
    """What estimators claim today is what the filters can count."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 3))
    y = (x[:, 0] > 0).astype(int)
    schema = pv.Schema.for_arrays(low=[-1] * 3, high=[1] * 3, classes=[0, 1])
    protect = pv.Private(epsilon=1.0, delta=1e-6)
    guarantee = pv.LogisticRegression(protect=protect, schema=schema).fit(x, y).guarantee_
    basic = charge(guarantee, Terms("row", "zero-out", Budget(1.0, 1e-6)))
    assert basic == Budget(1.0, 1e-6).limit
    gaussian = Budget(1.0, 2e-6, "gaussian")
    asked = charge(guarantee, Terms("row", "zero-out", gaussian))
    assert asked.within(gaussian.limit)
    assert asked.loss / 1e30 == pytest.approx(mu_for(1.0, 1e-6) ** 2, rel=1e-3)
