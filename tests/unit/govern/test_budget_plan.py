"""Plans: which releases of a year fit, in order, and at which error."""

from __future__ import annotations

import math

import pytest

from privet.errors import InvalidBudget, InvalidInput
from privet.govern.budget import Amount, Budget, Planned, Registry, plan
from privet.govern.budget.amounts import GRID
from privet.govern.budget.gaussian import mu_for
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import claim, fit, registered


def test_releases_fit_in_order_until_none_does():
    rows = plan(Budget(1.0, 1e-5), [
        Planned(what="monthly table", epsilon=0.1, times=6),
        Planned(what="model", epsilon=0.5),
        Planned(what="map", epsilon=0.25, times=3),
        Planned(what="count", epsilon=0.15),
    ])
    assert [row.fits for row in rows] == [6, 0, 1, 1]
    assert [row.all_fit for row in rows] == [True, False, False, True]
    assert [row.left.epsilon for row in rows] == [0.4, 0.4, 0.15, 0.0]
    assert rows[0].error is None


def test_delta_limits_too():
    rows = plan(Budget(100.0, 1e-5), [Planned(what="t", epsilon=0.1, delta=3e-6, times=9)])
    assert rows[0].fits == 3


def test_gaussians_fit_many_more_times():
    monthly = Planned(what="monthly table", epsilon=0.25, delta=1e-6, times=1000, sensitivity=2.0)
    basic = plan(Budget(3.0, 1e-4), [monthly])[0]
    gaussian = plan(Budget(3.0, 1e-4, "gaussian"), [monthly])[0]
    assert basic.fits == 12
    assert gaussian.fits > 100
    assert basic.error == gaussian.error
    assert math.isclose(basic.error, 2.0 / mu_for(0.25, 1e-6))


def test_what_was_spent_counts():
    rows = plan(Budget(1.0, 1e-5), [Planned(what="t", epsilon=0.5, times=2)],
                spent=Amount(GRID // 10 * 6, 0))
    assert rows[0].fits == 0


def test_bad_plans():
    with pytest.raises(InvalidInput, match="no release"):
        plan(Budget(1.0), [])
    with pytest.raises(InvalidBudget):
        Planned(what="t", epsilon=math.nan)
    with pytest.raises(InvalidInput):
        Planned(what="t", epsilon=1.0, times=0)


def test_a_registered_budget_is_planned_on_what_is_left(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    registry = registered(ledger)
    LedgerSteward(ledger).reserve(fit("patients", claim(1.0)))
    rows = Registry(ledger).plan("patients", [Planned(what="t", epsilon=0.5, times=9)])
    assert rows[0].fits == 4
    assert registry.balance("patients").left.epsilon == 2.0
