"""Cached totals are believed as far as the newest entry of a run vouches for them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from privet.claims import Reservation
from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import (
    Budget,
    Planned,
    Registry,
    audit_totals,
    export_budget,
    rebuild_totals,
    recount,
    totals,
)
from privet.govern.budget.charges import RUNS
from privet.govern.budget.totals import BEFORE_EPSILON, COLUMNS, Rows
from privet.govern.ledger import Ledger, verify
from privet.govern.ledger.canonical import commitment
from privet.govern.ledger.records import chain_hash
from privet.govern.ledger.writing import walk_back
from privet.govern.policy.facts import data_sets, spent_on
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, claim, fit, registered
from tests.unit.govern.ledgers import sql

CHANGED = "not those that the entries vouch for"
TABLES = {"budget_totals": COLUMNS, "budget_open": ("token", "seq")}


def run(steward, name="patients", epsilon=0.25, end="commit", purpose="care"):
    held = steward.reserve(fit(name, claim(epsilon), purpose=purpose))
    {"commit": lambda: steward.commit(held, claim(epsilon), COST),
     "release": lambda: steward.release(held),
     "forfeit": lambda: steward.forfeit(held, "KeyError"),
     "open": lambda: None}[end]()  # fmt: skip
    return held


@pytest.fixture
def path(tmp_path):
    return tmp_path / "l.db"


@pytest.fixture
def ledger(path):
    """Two sets, two purposes, and runs of every end."""
    ledger = Ledger.open(path)
    registry = registered(ledger)
    registry.register("adults", unit="row", budget=Budget(2.0, 1e-5), version="1",
                      parents=["patients"])
    steward = LedgerSteward(ledger)
    for name, purpose in (("patients", "care"), ("adults", "research")):
        for end in ("commit", "release", "forfeit", "open"):
            run(steward, name, end=end, purpose=purpose)
    ledger.close()
    yield ledger
    ledger.close()


def rows(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def put(path, table, found):
    """Put rows in the place of those of a table."""
    marks = ", ".join("?" * len(TABLES[table]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", found)


def held_of(ledger):
    """A reservation that is open, made again from its entry."""
    entry = next(e for e in ledger.entries(kind="run.reserve")
                 if e.payload["request"]["purpose"] == "care" and e.seq > 9)
    return Reservation(request=fit("patients", claim(0.25), purpose="care"),
                       token=entry.payload["token"])


def uses(ledger):
    """All that shows totals, decides by them or settles."""
    steward, registry = LedgerSteward(ledger), Registry(ledger)
    held = held_of(ledger)
    return {
        "reserve": lambda: steward.reserve(fit("patients", claim(0.1), purpose="care")),
        "commit": lambda: steward.commit(held, claim(0.25), COST),
        "release": lambda: steward.release(held),
        "forfeit": lambda: steward.forfeit(held, "x"),
        "balance": lambda: registry.balance("adults"),
        "plan": lambda: registry.plan("patients", [Planned(what="x", epsilon=0.1)]),
        "export": lambda: export_budget(ledger, "patients", 0.5, to="ab" * 16),
        "policy": lambda: spent_on(ledger, data_sets(ledger), "patients"),
    }


def refused_everywhere(ledger):
    size = ledger.head().size
    for name, use in uses(ledger).items():
        with pytest.raises(Refused, match=CHANGED) as caught:
            use()
        assert caught.value.remedy == "privet budget audit --rebuild", name
    assert {entry.kind for entry in ledger.entries(size + 1)} <= {"run.decide"}, "only the refusal"
    assert audit_totals(ledger), "and the audit names it"
    assert verify(ledger).ok, "the entries themselves are as they were"


def usable(ledger):
    assert audit_totals(ledger) == []
    for name, use in uses(ledger).items():
        if name not in ("commit", "release"):
            use()


def test_an_honest_ledger_is_used(ledger):
    usable(ledger)
    balance = Registry(ledger).balance("patients")
    assert (balance.spent.epsilon, balance.reserved.epsilon) == (1.25, 0.35 - 0.0)


def test_each_row_that_is_changed_or_deleted_is_found(ledger, path):
    """Every cell of every row of both tables, and every row by itself."""
    tried = 0
    for table in TABLES:
        honest = rows(path, table)
        assert len(honest) >= 2
        for at, row in enumerate(honest):
            others = honest[:at] + honest[at + 1 :]
            wrong = [others]
            for column, cell in enumerate(row):
                other = cell + 1 if isinstance(cell, int) else f"{cell}0" if cell else "0"
                wrong.append([*others, (*row[:column], other, *row[column + 1 :])])
            for changed in wrong:
                put(path, table, changed)
                with pytest.raises(Refused, match=CHANGED):
                    LedgerSteward(ledger).reserve(fit("patients", claim(0.1), purpose="care"))
                assert audit_totals(ledger), (table, changed)
                ledger.close()
                tried += 1
        put(path, table, honest)
    assert tried == 3 * 9 + 2 * 3
    usable(ledger)


@pytest.mark.parametrize("statement", [
    "UPDATE budget_totals SET spent_loss = '0' WHERE source = 'patients'",
    "UPDATE budget_totals SET spent_loss = '0.50' WHERE source = 'patients'",
    "UPDATE budget_totals SET spent_loss = CAST('0.5' AS BLOB) WHERE source = 'patients'",
    "UPDATE budget_totals SET epsilon = '0'",
    "UPDATE budget_totals SET purpose = CAST(x'ff' AS TEXT) WHERE source = 'patients'",
    "INSERT INTO budget_totals VALUES ('patients', 'patients', 'x', '0', '0', '0', '0', '0')",
    "INSERT INTO budget_totals VALUES ('patients', 'patients', 'x', '-2', '0', '0', '0', '0')",
    "DELETE FROM budget_totals",
    "DROP TABLE budget_totals",
    "ALTER TABLE budget_totals ADD COLUMN more TEXT",
    "ALTER TABLE budget_totals DROP COLUMN epsilon",
    "UPDATE budget_open SET seq = 'x' WHERE seq = (SELECT max(seq) FROM budget_open)",
    "INSERT INTO budget_open VALUES ('guessed', 4)",
    "DELETE FROM budget_open",
    "DROP TABLE budget_open",
])  # fmt: skip
def test_another_hand_is_refused_and_mended(ledger, path, statement):
    sql(path, statement)
    refused_everywhere(ledger)
    rebuild_totals(ledger)
    usable(ledger)


def test_a_view_in_the_place_of_the_table_is_found_and_mended(ledger, path):
    sql(path, "ALTER TABLE budget_totals RENAME TO kept")
    sql(path, "CREATE VIEW budget_totals AS SELECT holder, source, purpose, '0' AS spent_loss, "
              "'0' AS spent_delta, open_loss, open_delta, epsilon FROM kept")
    refused_everywhere(ledger)
    rebuild_totals(ledger)
    usable(ledger)


def test_tables_of_before_are_found(ledger, path):
    """A second budget by rolling back what was spent since."""
    before = {table: rows(path, table) for table in TABLES}
    run(LedgerSteward(ledger), epsilon=1.0)
    ledger.close()
    for table, found in before.items():
        put(path, table, found)
    refused_everywhere(ledger)
    rebuild_totals(ledger)
    with pytest.raises(OutOfBudget):
        run(LedgerSteward(ledger), epsilon=1.0)


def test_rows_before_the_first_run_are_found(path):
    ledger = Ledger.open(path)
    registered(ledger)
    ledger.close()
    sql(path, "INSERT INTO budget_totals VALUES "
              "('patients', 'patients', '', '-9', '0', '0', '0', '0')")
    with pytest.raises(Refused, match=CHANGED):
        LedgerSteward(ledger).reserve(fit("patients", claim(0.1)))
    sql(path, "DELETE FROM budget_totals")
    LedgerSteward(ledger).reserve(fit("patients", claim(0.1)))


def test_tables_that_are_missing_before_the_first_run_are_made(path):
    ledger = Ledger.open(path)
    registered(ledger)
    sql(path, "DROP TABLE budget_open")
    run(LedgerSteward(ledger))
    assert audit_totals(ledger) == []


# What another hand has put into the database


def test_a_trigger_on_our_own_write_is_found_in_the_same_transaction(ledger, path):
    before = [entry.seq for kind in RUNS for entry in ledger.entries(kind=kind)]
    sql(path, "CREATE TRIGGER t AFTER UPDATE ON budget_totals BEGIN "
              "UPDATE budget_totals SET spent_loss = '0'; END")
    for settle in (False, True):
        with pytest.raises(Refused, match="the database changes what is written"):
            uses(ledger)["commit" if settle else "reserve"]()
    assert before == [entry.seq for kind in RUNS for entry in ledger.entries(kind=kind)]
    assert audit_totals(ledger) == [
        "a trigger 't', which is not privet's, acts on the table 'budget_totals'"
    ]
    rebuild_totals(ledger)  # other tables, without it
    usable(ledger)


def test_a_trigger_on_the_entry_is_found_by_the_next_decision(ledger, path):
    sql(path, "CREATE TRIGGER t AFTER INSERT ON payloads BEGIN "
              "UPDATE budget_totals SET spent_loss = '0', open_loss = '0'; END")
    uses(ledger)["reserve"]()
    refused_everywhere(ledger)
    assert any("a trigger 't'" in line for line in audit_totals(ledger))


# Redaction


def test_the_newest_run_can_be_redacted_and_still_vouches(ledger, path):
    newest = ledger.head().size
    ledger.redact(newest, "a word in it was wrong")
    assert audit_totals(ledger) == []
    before = Registry(ledger).balance("patients")
    ledger.close()
    sql(path, "UPDATE budget_totals SET spent_loss = '0'")
    with pytest.raises(Refused, match=CHANGED):
        Registry(ledger).balance("patients")
    assert any(f"entry {newest} (run.reserve) was redacted" in line
               for line in audit_totals(ledger))
    with pytest.raises(Refused, match="cannot be recomputed"):
        rebuild_totals(ledger)
    ledger.close()
    sql(path, "UPDATE budget_totals SET spent_loss = '0.5'")
    assert Registry(ledger).balance("patients") == before
    run(LedgerSteward(ledger), epsilon=0.1)
    assert audit_totals(ledger) == []


def test_a_redaction_keeps_nothing_but_the_digest(ledger):
    newest = ledger.head().size
    kept = ledger.get(newest).payload["totals"]
    entry = ledger.redact(newest, "a word in it was wrong")
    assert set(entry.payload) == {"entry", "reason", "kind", "time", "commitment", "totals"}
    assert entry.payload["totals"] == kept
    assert verify(ledger).ok
    other = ledger.redact(3, "a word in it was wrong")
    assert set(other.payload) == {"entry", "reason", "kind", "time", "commitment"}


def test_a_payload_that_was_deleted_vouches_for_nothing(ledger, path):
    newest = ledger.head().size
    sql(path, "DELETE FROM payloads WHERE seq = ?", newest)
    sql(path, "UPDATE budget_totals SET open_loss = '0'")
    with pytest.raises(Refused, match="cannot be recomputed"):
        LedgerSteward(ledger).reserve(fit("patients", claim(0.1), purpose="care"))


def test_a_payload_that_was_changed_vouches_for_nothing(ledger, path):
    newest = ledger.head().size
    sql(path, "UPDATE payloads SET text = replace(text, 'totals', 'before') WHERE seq = ?", newest)
    with pytest.raises(Refused, match="was changed after it was written"):
        LedgerSteward(ledger).reserve(fit("patients", claim(0.1), purpose="care"))


# Ledgers that were begun before entries vouched for totals


def older(ledger, path, folder):
    """The same runs, as an earlier release wrote them."""
    place = folder / "older.db"
    copy = Ledger.open(place)
    for entry in ledger.entries(2):
        payload = {name: part for name, part in entry.payload.items()
                   if name not in ("totals", "basis")}
        copy.append(entry.kind, payload)
    copy.close()
    with closing(sqlite3.connect(place)) as connection, connection:
        columns = ", ".join(f"{name} TEXT" for name in BEFORE_EPSILON)
        connection.execute(f"CREATE TABLE budget_totals ({columns}, "
                           "PRIMARY KEY (holder, source, purpose))")
        connection.execute("CREATE TABLE budget_open (token TEXT PRIMARY KEY, seq BIGINT)")
        connection.executemany("INSERT INTO budget_totals VALUES (?, ?, ?, ?, ?, ?, ?)",
                               [row[:-1] for row in rows(path, "budget_totals")])
        connection.executemany("INSERT INTO budget_open VALUES (?, ?)", rows(path, "budget_open"))
    return copy, place


def test_an_older_ledger_is_added_up_once(ledger, path, tmp_path, monkeypatch):
    copy, place = older(ledger, path, tmp_path)
    assert audit_totals(copy) == []
    assert Registry(copy).balance("patients") == Registry(ledger).balance("patients")
    known = data_sets(ledger)
    assert spent_on(copy, known, "patients") == spent_on(ledger, known, "patients") == 1.5
    run(LedgerSteward(copy), epsilon=0.1)
    monkeypatch.setattr(recount, "recount", None)  # from now on the entry vouches
    run(LedgerSteward(copy), epsilon=0.1)
    assert spent_on(copy, known, "patients") == 1.7
    monkeypatch.undo()
    assert audit_totals(copy) == []
    copy.close()
    assert [len(row) for row in rows(place, "budget_totals")] == [8, 8, 8]


@pytest.mark.parametrize("statement", [
    "UPDATE budget_totals SET spent_loss = '0' WHERE source = 'patients'",
    "DELETE FROM budget_open",
    "DROP TABLE budget_totals",
])
def test_an_older_ledger_whose_totals_differ_is_refused_and_mended(
    ledger, path, tmp_path, statement
):
    copy, place = older(ledger, path, tmp_path)
    sql(place, statement)
    refused_everywhere(copy)
    rebuild_totals(copy)
    usable(copy)


def test_an_entry_without_a_digest_vouches_for_nothing(ledger):
    """Whoever has the key can write what is no run; nothing is decided by it."""
    ledger.append("run.commit", {"reserve": 3, "token": "t"})
    with pytest.raises(Refused, match="settles no open reservation"):
        LedgerSteward(ledger).reserve(fit("patients", claim(0.1), purpose="care"))
    ledger.append("run.reserve", {"token": "u", "request": {"data_set": "patients"}})
    assert any("cannot be understood" in line for line in audit_totals(ledger))


def test_an_entry_that_vouches_for_other_totals_is_named(ledger):
    payload = next(ledger.entries(kind="run.reserve")).payload
    held = LedgerSteward(ledger)
    ledger.append("run.reserve", payload | {"token": "t"})
    with pytest.raises(Refused, match=CHANGED):
        held.reserve(fit("patients", claim(0.1), purpose="care"))
    rebuild_totals(ledger)
    assert any("vouches for other totals" in line for line in audit_totals(ledger))


def test_the_newest_run_is_found_by_the_index(ledger):
    """In a ledger of any length: no table is read through."""
    with ledger.reading() as connection:
        query = str(recount._NEWEST.compile(connection, compile_kwargs={"literal_binds": True}))
        steps = [row[-1] for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}"))]
    looked = [step for step in steps if "entries" in step]
    assert len(looked) == len(RUNS)
    assert all(step.startswith("SEARCH") and "ix_entries_kind" in step for step in looked), steps


def test_amounts_that_are_none_are_not_read(ledger, path):
    row = ("patients", "patients", "", "1.0", "0", "0", "0", "0")
    assert Rows((row,), ()).digest is not None
    with pytest.raises(InvalidInput):
        Rows((row,), ()).state()
    assert Rows(((*row[:-1], b"0"),), ()).digest is None
    assert Rows((row,), (("t", "4"),)).digest is None
    assert Rows((row,), ()).digest != Rows((), (row,)).digest


# A hand on the entries as well


def forged(path, seq):
    """Have an entry vouch for other tables, with all its hashes, but for the signature."""
    ledger = Ledger.open(path)
    entry = ledger.get(seq)
    with ledger.reading() as connection:
        digest = totals.stored(connection).digest
    text = entry.text.replace(entry.payload["totals"], digest)
    committed = commitment(entry.salt, text.encode())
    chain = chain_hash(ledger.identity, seq, entry.time, entry.kind, entry.key, entry.prev,
                       committed)  # fmt: skip
    ledger.close()
    sql(path, "UPDATE payloads SET text = ? WHERE seq = ?", text, seq)
    sql(path, "UPDATE entries SET commitment = ?, chain = ? WHERE seq = ?", committed, chain, seq)


@pytest.mark.parametrize("noted", [0, 1, 70])
@pytest.mark.parametrize("how", ["forged", "hidden", "hidden but for its hash", "cut out"])
@pytest.mark.parametrize("fresh", [False, True])
def test_entries_that_were_changed_vouch_for_nothing(ledger, path, how, noted, fresh):
    before = {table: rows(path, table) for table in TABLES}
    run(LedgerSteward(ledger), epsilon=1.0, end="open")
    newest = ledger.head().size
    for number in range(noted):
        ledger.append("note", {"number": number})
    ledger.close()
    for table, found in before.items():
        put(path, table, found)
    if how == "forged":
        forged(path, newest)
    elif how == "cut out":
        for table in ("entries", "payloads"):
            sql(path, f"DELETE FROM {table} WHERE seq = ?", newest)
    else:
        sql(path, "UPDATE entries SET kind = 'note' WHERE seq = ?", newest)
    if how == "hidden but for its hash":
        entry = ledger.get(newest)
        chain = chain_hash(ledger.identity, newest, entry.time, "note", entry.key, entry.prev,
                           entry.commitment)  # fmt: skip
        ledger.close()
        sql(path, "UPDATE entries SET chain = ? WHERE seq = ?", chain, newest)
    if how == "cut out" and not noted:
        return  # an older copy of the whole ledger: `heads` finds it
    used = Ledger.open(path) if fresh else ledger
    steward, name = LedgerSteward(used), fit("patients", claim(0.1), purpose="care")
    with pytest.raises(Refused, match="the ledger was altered"):
        steward.reserve(name)
    assert not verify(used).ok


def test_a_long_time_without_runs_is_looked_through(ledger):
    for number in range(100):
        ledger.append("note", {"number": number})
    usable(ledger)
    with ledger.transaction() as work:
        everything = list(walk_back(work.connection, ledger.identity, work.tip))
    assert [entry.seq for entry in everything] == list(range(work.tip.seq, 0, -1))
