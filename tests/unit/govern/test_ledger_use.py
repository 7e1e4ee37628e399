"""Appending, reading, redacting, transactions."""

from __future__ import annotations

import os
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from privet.errors import InvalidInput, Refused
from privet.govern.ledger import Ledger, canonical, verify
from tests.unit.govern.ledgers import FIT, plain, rich, sql


@pytest.fixture
def ledger(tmp_path):
    return Ledger.open(tmp_path / "ledger.db")


def test_entry_is_returned_as_it_is_read(ledger):
    entry = ledger.append("fit", FIT)
    assert (entry.seq, entry.kind, entry.payload) == (2, "fit", FIT)
    assert ledger.get(2) == entry
    assert list(ledger.entries(start=2)) == [entry]
    assert canonical(entry.payload) in entry.text.encode()
    assert entry.time.endswith("Z")


def test_entries_by_start_and_kind_and_over_pages(ledger):
    with ledger.transaction() as work:
        for number in range(1100):
            work.append("fit" if number % 2 else "query", {"number": number})
    assert [entry.seq for entry in ledger.entries()] == list(range(1, 1102))
    assert [entry.seq for entry in ledger.entries(start=1100)] == [1100, 1101]
    fits = list(ledger.entries(kind="fit"))
    assert len(fits) == 550
    assert {entry.kind for entry in fits} == {"fit"}
    assert list(ledger.entries(start=5000)) == []


def test_same_payload_has_another_commitment(ledger):
    first, second = ledger.append("fit", FIT), ledger.append("fit", FIT)
    assert first.salt != second.salt
    assert first.commitment != second.commitment


def test_identity_stays_and_differs_between_ledgers(ledger, tmp_path):
    assert Ledger.open(tmp_path / "ledger.db").identity == ledger.identity
    assert Ledger.open(tmp_path / "other.db").identity != ledger.identity
    assert len(ledger.identity) == 32


def test_head_grows(ledger):
    first = ledger.head()
    ledger.append("fit", FIT)
    second = ledger.head()
    assert (first.size, second.size) == (1, 2)
    assert first.root != second.root
    assert second.key == ledger.keys.current_id


@pytest.mark.parametrize("kind", ["", "Fit", "fit me", "ledger.opened", "1", "a" * 65, 'a"', "é"])
def test_kinds_that_cannot_be_written(ledger, kind):
    with pytest.raises(InvalidInput):
        ledger.append(kind, {})
    assert ledger.head().size == 1


@pytest.mark.parametrize("payload", [None, [], "x", {1: 2}, {"a": float("nan")}, {"a": b"x"},
                                     {"a": "x" * (1 << 20)}])
def test_payloads_that_cannot_be_written(ledger, payload):
    with pytest.raises(InvalidInput):
        ledger.append("fit", payload)
    assert ledger.head().size == 1
    assert ledger.append("fit", FIT).seq == 2


def test_transaction_commits_all_or_nothing(ledger):
    with ledger.transaction() as work:
        work.append("fit", FIT)
        work.append("fit", FIT)
        work.connection.execute(sa.text("CREATE TABLE budget (left_over REAL)"))
    assert ledger.head().size == 3
    with pytest.raises(ZeroDivisionError), ledger.transaction() as work:
        work.append("fit", FIT)
        work.connection.execute(sa.text("INSERT INTO budget VALUES (1.0)"))
        raise ZeroDivisionError
    assert ledger.head().size == 3
    with ledger.reading() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM budget")).scalar() == 0
    assert ledger.append("fit", FIT).seq == 4
    assert verify(ledger).ok


def test_transaction_inside_a_transaction_is_refused(ledger):
    with ledger.transaction() as work:
        work.append("fit", FIT)
        with pytest.raises(Refused, match="already writing"):
            ledger.append("fit", FIT)
    assert ledger.head().size == 2


def test_threads_append_one_after_the_other(ledger):
    def work():
        for _ in range(10):
            ledger.append("fit", FIT)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.head().size == 41
    assert verify(ledger).ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_forked_child_appends_with_salts_of_its_own(ledger):
    ledger.append("fit", FIT)
    child = os.fork()
    if not child:
        try:
            ledger.append("fit", FIT)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    ledger.append("fit", FIT)
    salts = {entry.salt for entry in ledger.entries()}
    assert len(salts) == 4
    assert verify(ledger).ok


def test_redaction_deletes_payload_and_salt_and_keeps_the_commitment(ledger, tmp_path):
    secret = "a-name-that-nobody-should-have-written"
    entry = ledger.append("fit", {"note": secret})
    for _ in range(3):
        ledger.append("fit", FIT)
    receipt = ledger.receipt(entry.seq)
    done = ledger.redact(entry.seq, "the person asked")
    found = ledger.get(entry.seq)
    assert found.redacted
    assert (found.payload, found.salt) == (None, None)
    assert found.commitment == entry.commitment
    assert done.payload["entry"] == entry.seq
    verdict = verify(ledger, receipt)
    assert verdict.ok
    assert verdict.redacted == 1
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert secret.encode() not in content, path
        assert entry.salt not in content, path


def test_redactions_that_are_refused(ledger):
    entry = ledger.append("fit", FIT)
    for seq, reason in ((1, "x"), (99, "x"), (entry.seq, " "), (0, "x")):
        with pytest.raises((InvalidInput, Refused)):
            ledger.redact(seq, reason)
    ledger.redact(entry.seq, "x")
    with pytest.raises(InvalidInput, match="already"):
        ledger.redact(entry.seq, "x")


def test_append_upon_an_altered_head_is_refused(tmp_path):
    for column in ("time", "chain", "signature", "commitment", "prev"):
        path = tmp_path / f"{column}.db"
        plain(path, 6)
        value = {"time": "2020"}.get(column, bytes(64 if column == "signature" else 32))
        sql(path, f"UPDATE entries SET {column} = ? WHERE seq = 7", value)
        with pytest.raises(Refused, match="entry 7"):
            Ledger.open(path).append("fit", FIT)


def test_append_upon_an_altered_tree_is_refused(tmp_path):
    path = tmp_path / "l.db"
    plain(path, 6)
    sql(path, "UPDATE entries SET subtrees = zeroblob(64) WHERE seq = 4")
    with pytest.raises(Refused, match="altered"):
        Ledger.open(path).append("fit", FIT)


def test_file_is_durable_in_mode_and_pragmas(ledger, tmp_path):
    with ledger.transaction() as work:
        for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
            assert work.connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == wanted
    for name in ("ledger.db", "ledger.key", "ledger.passphrase"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_file_alone_is_a_whole_ledger_after_closing(tmp_path):
    rich(tmp_path / "l.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.db", "l.key", "l.passphrase"]
    with sqlite3.connect(tmp_path / "l.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
