"""Budgets in PostgreSQL: processes that race, settling, and the audit of totals."""

from __future__ import annotations

import pytest

from privet.errors import OutOfBudget
from privet.govern.budget import Budget, Registry, audit_totals, rebuild_totals
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward
from tests import postgres
from tests.unit.govern.budgets_helpers import COST, claim, fit, registered, sketch
from tests.unit.govern.test_budget_processes import spender, together

pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
pytestmark = pytest.mark.slow  # a server is started
server, url = postgres.server, postgres.url


def test_a_budget_is_kept_in_postgresql(url):
    ledger = Ledger.open(url)
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    steward = LedgerSteward(ledger)
    held = [steward.reserve(fit("patients", claim(1.0))) for _ in range(3)]
    with pytest.raises(OutOfBudget):
        steward.reserve(fit("patients", claim(0.1)))
    steward.release(held[0])
    steward.commit(held[1], claim(1.0), COST)
    steward.forfeit(held[2], "KeyError")
    balance = registry.balance("patients")
    assert (balance.spent.epsilon, balance.left.epsilon) == (2.0, 1.0)
    assert audit_totals(ledger) == []
    rebuild_totals(ledger)
    assert audit_totals(ledger) == []
    assert verify(ledger).ok


@pytest.mark.slow
def test_eight_processes_race_in_postgresql(url):
    ledger = Ledger.open(url)
    registered(ledger, budget=Budget(1.5, 1e-3))
    said = together([spender(url, str(number)) for number in range(8)])
    assert sum(line.startswith("committed") for line in said) == 15
    balance = Registry(ledger).balance("patients")
    assert (balance.spent.epsilon, balance.left.epsilon) == (1.5, 0.0)
    assert audit_totals(ledger) == []
    assert verify(ledger).ok
