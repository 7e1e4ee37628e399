"""Nothing is decided by entries that were hidden, or edited for a moment and put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from privet.errors import OutOfBudget, Refused
from privet.govern.budget import Budget, Registry, audit_totals, export_budget
from privet.govern.budget.basis import GOVERNED, STATED, basis_of
from privet.govern.budget.sets import KINDS
from privet.govern.ledger import Ledger, verify
from privet.govern.ledger.canonical import commitment
from privet.govern.ledger.succession import REDACTED
from privet.govern.policy.acts import VERBS
from privet.govern.policy.approvals import REQUESTED
from privet.govern.policy.force import ADOPTED
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, claim, fit

ALTERED = r"altered|decisions rest on"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "l.db"


@pytest.fixture
def ledger(path):
    """A set of budget 1 with a cap, a set made from it, and one run."""
    ledger = Ledger.open(path)
    registry = Registry(ledger)
    registry.register("patients", unit="row", budget=Budget(1.0, 1e-4), version="1",
                      purposes={"care": Budget(1.0, 1e-4), "research": Budget(0.25, 1e-4)})
    registry.register("adults", unit="row", budget=Budget(1.0, 1e-4), version="2",
                      parents=["patients"])
    spend(ledger, 0.125)
    ledger.close()
    yield ledger
    ledger.close()


def spend(ledger, epsilon, name="patients", purpose="care"):
    steward = LedgerSteward(ledger)
    held = steward.reserve(fit(name, claim(epsilon), purpose=purpose))
    steward.commit(held, claim(epsilon), COST)


def forge(path, old, new, seq):
    """Edit a payload with its commitment, as anybody can who may write the file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        salt, text = connection.execute(
            "SELECT salt, text FROM payloads WHERE seq = ?", (seq,)
        ).fetchone()
        edited = text.replace(old, new)
        assert edited != text
        connection.execute("UPDATE payloads SET text = ? WHERE seq = ?", (edited, seq))
        connection.execute("UPDATE entries SET commitment = ? WHERE seq = ?",
                           (commitment(salt, edited.encode()), seq))  # fmt: skip


def hide(path, kind):
    """Let the index of kinds pass over one, and say that it does not."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX ix_entries_kind")
        connection.execute(
            f"CREATE INDEX ix_entries_kind ON entries (kind, seq) WHERE kind <> '{kind}'"
        )
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX ix_entries_kind ON "
                           "entries (kind, seq)' WHERE name = 'ix_entries_kind'")
        connection.execute("PRAGMA writable_schema = RESET")


def seq_of(ledger, kind):
    return next(ledger.entries(kind=kind)).seq


def refused(path, epsilon, **options):
    """In a process that has seen the ledger before, and in one that has not."""
    with pytest.raises(Refused, match=ALTERED):
        spend(Ledger.open(path), epsilon, **options)


EDITS = {
    "budget": ("dataset.register", '"epsilon":1.0', '"epsilon":9.0', 5.0, {}),
    "cap": ("dataset.register", '"epsilon":0.25', '"epsilon":0.75', 0.5, {"purpose": "research"}),
    "version": ("dataset.register", '"version":"1"', '"version":"9"', 0.5, {}),
}


@pytest.mark.parametrize("case", EDITS)
def test_what_is_edited_and_put_back_decides_nothing(ledger, path, case):
    kind, old, new, epsilon, options = EDITS[case]
    seq = seq_of(ledger, kind)
    forge(path, old, new, seq)
    refused(path, epsilon, **options)
    assert any("decisions rest on" in line for line in audit_totals(Ledger.open(path)))
    forge(path, new, old, seq)
    spend(Ledger.open(path), 0.125)
    assert verify(ledger).ok and audit_totals(ledger) == []


def test_parents_that_are_edited_away_are_charged(ledger, path):
    seq = seq_of(ledger, "dataset.register") + 1
    forge(path, '"parents":["patients"]', '"parents":[]', seq)
    refused(path, 0.9, name="adults")


def test_a_reservation_that_was_edited_is_not_settled(ledger, path):
    steward = LedgerSteward(ledger)
    held = steward.reserve(fit("patients", claim(0.5), purpose="care"))
    spend(ledger, 0.0625)
    ledger.close()
    seq = int(held.entry.split("/")[1])
    forge(path, '"loss":"0.5"', '"loss":"90"', seq)
    with pytest.raises(Refused, match=ALTERED):
        LedgerSteward(Ledger.open(path)).release(held)
    forge(path, '"loss":"90"', '"loss":"0.5"', seq)
    LedgerSteward(Ledger.open(path)).release(held)
    with pytest.raises(OutOfBudget):
        spend(Ledger.open(path), 0.9)
    assert audit_totals(ledger) == []


@pytest.mark.parametrize("kind", ["budget.transfer-out", "dataset.register"])
def test_kinds_that_the_index_hides_are_missed(ledger, path, kind):
    export_budget(ledger, "patients", 0.5, to="ab" * 16)
    spend(ledger, 0.0625)
    ledger.close()
    hide(path, kind)
    refused(path, 0.7)
    assert any("decisions rest on" in line for line in audit_totals(Ledger.open(path)))


def test_a_hidden_transfer_after_the_last_run_is_missed_too(ledger, path):
    export_budget(ledger, "patients", "all", to="ab" * 16)
    ledger.close()
    hide(path, "budget.transfer-out")
    with pytest.raises(OutOfBudget):
        spend(Ledger.open(path), 0.5)


def test_one_process_notices_what_is_hidden_later(ledger, path):
    spend(ledger, 0.0625)
    known = basis_of(ledger)
    other = Ledger.open(path)
    export_budget(other, "patients", 0.5, to="ab" * 16)
    spend(other, 0.0625)
    other.close()
    ledger.close()
    hide(path, "budget.transfer-out")
    assert known.upto
    with pytest.raises(Refused, match=ALTERED):
        basis_of(ledger)


def test_what_was_redacted_after_it_was_read_is_known_no_more(ledger):
    seq = seq_of(ledger, "dataset.register")
    assert basis_of(ledger).of("dataset.register")[0].payload
    ledger.redact(seq, "a word in it was wrong")
    assert basis_of(ledger).of("dataset.register")[0].payload is None
    assert basis_of(Ledger.open(ledger.address)).stated() == basis_of(ledger).stated()


def test_every_run_and_decision_states_what_it_rests_on(ledger):
    steward = LedgerSteward(ledger)
    steward.decide(fit("patients", claim(0.1), purpose="care"))
    for kind in ("run.reserve", "run.commit", "run.decide"):
        assert set(next(ledger.entries(kind=kind)).payload[STATED]) == {"entries", "digest"}
    assert steward.ledger.get(ledger.head().size).payload[STATED] == basis_of(ledger).stated()


def test_a_long_row_of_decisions_is_not_walked_each_time(ledger, monkeypatch):
    from privet.govern.budget import basis

    steward = LedgerSteward(ledger)
    for _ in range(50):
        steward.decide(fit("patients", claim(0.1), purpose="care"))
    seen = []

    def counted(*args):
        for entry in walk(*args):
            seen.append(entry.seq)
            yield entry

    walk = basis.walk_back
    monkeypatch.setattr(basis, "walk_back", counted)
    spend(ledger, 0.0625)
    assert 0 < len(seen) < 20


def test_caps_that_were_overspent_are_found_by_the_audit(ledger, monkeypatch):
    from privet.govern.budget import spend as spending

    monkeypatch.setattr(spending, "check", lambda *_: None)
    spend(ledger, 0.5, purpose="research")
    assert any("cap of 'patients' for purpose 'research' is overspent" in line
               for line in audit_totals(ledger))


def test_all_kinds_that_decide_are_covered():
    wanted = {*KINDS, ADOPTED, "organisation.adopt", REQUESTED, "report", REDACTED,
              *(f"approval.{verb}" for verb in VERBS)}
    assert wanted == set(GOVERNED)
