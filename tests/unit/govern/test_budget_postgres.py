"""Budgets in PostgreSQL: processes that race, settling, and the audit of totals."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from privet.errors import OutOfBudget, Refused
from privet.govern.budget import (
    Budget,
    Registry,
    audit_totals,
    rebuild_totals,
    rotate_hash_key,
)
from privet.govern.budget.heads import check, heads_file, remember
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward
from tests import postgres
from tests.unit.govern.budgets_helpers import COST, claim, fit, ids, registered, traces
from tests.unit.govern.test_budget_processes import spender, together

pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
pytestmark = pytest.mark.slow  # a server is started
server, url = postgres.server, postgres.url


def test_a_budget_is_kept_in_postgresql(url):
    ledger = Ledger.open(url)
    registry = registered(ledger, traces=traces(ledger, 0, 50))
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


def test_persons_are_forgotten_in_postgresql(url, tmp_path):
    ledger = Ledger.open(url, key=tmp_path / "pg.key")
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    assert registry.forget("patients", *ids(3, 4)).payload["sketches"].keys() == {"2"}
    assert registry.recognise(traces(ledger, 3, 4), "new").kind == "unknown"
    assert registry.recognise(traces(ledger, 4, 50), "new").kind == "changed"
    assert audit_totals(ledger) == []
    with ledger.transaction() as work:
        work.connection.execute(sa.text("UPDATE sketches SET hashes = substr(hashes, 9)"))
    assert any("'patients' that entry 2 promises" in line for line in audit_totals(ledger))
    registry.erase_sketch("patients")
    assert audit_totals(ledger) == []
    rotate_hash_key(ledger)
    with pytest.raises(Refused, match="no hash tells"):
        registry.add_version("patients", version="2", traces=traces(ledger, 0, 60))
    same = traces(ledger, 0, 50, "patients 1")
    registry.add_version("patients", version="2", traces=same)
    assert registry.recognise(traces(ledger, 0, 61), "new").kind == "changed"
    assert registry.recognise(traces(ledger, 70, 99), "new").kind == "unknown"
    assert verify(ledger).ok


def test_the_head_of_a_server_is_remembered(url, tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path))
    ledger = Ledger.open(url)
    remember(ledger)
    ledger.append("note", {})
    remember(ledger)
    assert url.rpartition("/")[2].partition("?")[0] in heads_file().read_text()
    with ledger.transaction() as work:
        for table in ("entries", "payloads"):
            work.connection.execute(sa.text(f"DELETE FROM {table} WHERE seq = 2"))
    with pytest.raises(Refused, match="older"):
        check(Ledger.open(url))


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
