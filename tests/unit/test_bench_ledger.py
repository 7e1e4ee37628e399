"""The ledger's benchmarks measure what they say: the peers work, and every append is counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bench.ledger import append, entries, spend, verify
from bench.ledger.by_hand import Chain, Sums
from privet.claims import from_json
from privet.govern.ledger import Ledger


def test_the_peers_chain_finds_a_change(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.db")
    for number in range(3):
        chain.append("run.commit", {"number": number})
    chain.append("run.commit", {}, entries=4)
    assert chain.verify() == 7
    with sqlite3.connect(tmp_path / "chain.db") as other:
        other.execute("UPDATE entries SET payload = '{\"number\": 9}' WHERE seq = 2")
    with pytest.raises(ValueError, match="entry 2"):
        chain.verify()
    chain.close()


def test_the_peer_is_as_durable_as_the_ledger(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.db")
    found = [chain._connection.execute(f"PRAGMA {name}").fetchone()[0]
             for name in ("journal_mode", "synchronous")]  # fmt: skip
    assert found == ["wal", 2]
    chain.close()


def test_the_peers_sum_refuses_what_does_not_fit(tmp_path: Path) -> None:
    sums = Sums(tmp_path / "sums.db", 100, 10)
    assert sums.spend("set0", 1.0, budget=2.0) > 0
    with pytest.raises(ValueError, match="too little"):
        sums.spend("set0", 1.0, budget=2.0)
    assert sums.spend("set1", 1.0, budget=2.0) > 0
    sums.close()


def test_filling_appends_exactly_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BATCH", 7)
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert entries.fill(ledger, 30) > 0
    assert ledger.head().size == 30
    assert from_json(ledger.get(30).payload["guarantee"]) == entries.CLAIM


def test_appends_are_counted_on_both_sides() -> None:
    figure = append.measure(1)
    assert figure.detail["appends"] == 50
    assert figure.ours > 0 and figure.peer_figure is not None and figure.ratio is not None
    assert figure.holds is (figure.ours >= 300)


def test_verification_is_of_all_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = verify.measure(60, 2)
    assert figure.detail["entries"] == 60 and figure.ours > 0
    monkeypatch.setattr(verify, "fill", lambda ledger, count: entries.fill(ledger, count - 1))
    with pytest.raises(RuntimeError, match="59 entries"):
        verify.measure(60, 1)


def test_decisions_and_locks_are_measured_apart() -> None:
    decision, lock = spend.measure(60, 2)
    assert [decision.name, lock.name] == ["ledger.spend/decision", "ledger.spend/lock"]
    # A lock is held within a decision, and shorter.
    assert 0 < lock.ours < decision.ours
    assert lock.holds is (lock.ours <= 0.005)


def test_a_decision_that_is_refused_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spend, "_REQUEST", spend.Request(
        action="fit", data_set="set0", guarantee=spend.CLAIM.__class__(
            epsilon=1.0, delta=1e-9, unit="person", relation="zero-out", accountant="PLD")))
    with pytest.raises(RuntimeError, match="unit"):
        spend.measure(20, 1)
