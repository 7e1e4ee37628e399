"""A policy within the steward: who approved stands with the run, and one approval is one run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from privet.claims import Cost, spending
from privet.errors import Refused
from privet.govern.budget import Budget, Registry
from privet.govern.ledger import Ledger
from privet.govern.policy import Policy, adopt, approve, request
from privet.govern.steward import LedgerSteward
from tests.unit.govern.policies import ANNA, private, text_of, wish

PURPOSES = '{"reduce readmissions" = {}}'


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.db")
    Registry(ledger).register("patients", unit="patient", units=500, columns=["age", "city"],
                              version="v1", budget=Budget(epsilon=3.0, delta=1e-5))
    adopt(ledger, text_of(approvals="1", reports=None, purposes=PURPOSES))
    return ledger


def run(ledger, wanted):
    policy = Policy.from_ledger(ledger)
    steward = LedgerSteward(ledger, requester="Cy Holm", policy=policy)
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
