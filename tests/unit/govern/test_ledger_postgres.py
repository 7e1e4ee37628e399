"""The ledger in PostgreSQL: where PRIVET_TEST_POSTGRES names a server, or a wheel brings one."""

from __future__ import annotations

import signal
import time

import pytest
import sqlalchemy as sa

from privet.errors import InvalidInput, Unavailable
from privet.govern.ledger import Ledger, SigningKey, check, cosign, verify
from privet.govern.ledger.custody import name_approvers, rotate_key
from privet.govern.ledger.store import Conflict
from privet.govern.ledger.tables import METADATA
from tests import postgres
from tests.unit.govern.ledgers import APPROVERS, FIT, WITNESS, replaced
from tests.unit.govern.test_ledger_processes import appender
from tests.unit.govern.test_ledger_verify import changed

pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
pytestmark = pytest.mark.slow  # a server is started
server, url = postgres.server, postgres.url


def rich(url):
    ledger = Ledger.open(url)
    ledger.append("fit", FIT)
    ledger.append("fit", FIT)
    name_approvers(ledger, [key.public for key in APPROVERS])
    ledger.add_cosignature(cosign(ledger.head(), WITNESS))
    rotate_key(ledger)
    ledger.redact(3, "asked")
    replaced(ledger, SigningKey.generate(), APPROVERS[:2])
    ledger.append("query", {"sql": "SELECT 1", "text": "\x00\u2028é"})
    return ledger


def test_everything_holds(url):
    with pytest.raises(InvalidInput, match="no ledger"):
        Ledger.open(url, create=False)
    ledger = rich(url)
    verdict = verify(ledger)
    assert verdict.ok, str(verdict)
    assert (verdict.entries, verdict.redacted, verdict.breaks) == (9, 1, (8,))
    receipt = ledger.receipt(2, size=4)
    assert check(receipt) == []
    assert len(receipt.cosignatures) == 1
    assert verify(Ledger.open(url), receipt).ok
    assert [entry.seq for entry in Ledger.open(url).entries(kind="fit")] == [2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("table", [table.name for table in METADATA.sorted_tables])
def test_every_edit_of_every_column_is_found(url, table):
    ledger = rich(url)
    columns = [column.name for column in METADATA.tables[table].c]
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(METADATA.tables[table])).all()
    engine = sa.create_engine(url)
    keys = list(METADATA.tables[table].primary_key.columns.keys())
    for row in rows:
        for column in columns:
            old = row._mapping[column]
            new = changed(bytes(old) if isinstance(old, memoryview) else old)
            for first, second in ((old, new), (new, old)):
                where = {key: row._mapping[key] for key in keys} | (
                    {column: first} if column in keys else {}
                )
                change = sa.update(METADATA.tables[table]).filter_by(**where)
                with engine.begin() as connection:
                    done = connection.execute(change.values({column: second}))
                    assert done.rowcount == 1
                assert verify(ledger).ok == (second == old), (table, column, row)
    engine.dispose()


def test_four_processes_append_at_once(url):
    processes = [appender(url, 25, str(number)) for number in range(4)]
    seqs = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        seqs += [int(line.split()[0]) for line in out.splitlines()]
    assert sorted(seqs) == list(range(2, 102))
    assert verify(Ledger.open(url)).ok


@pytest.mark.slow
def test_kill_loses_nothing_acknowledged(url):
    found = {1}
    for wait in (0.0, 0.02, 0.1):
        process = appender(url, 100_000)
        first = process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        lines = [first, *process.stdout.read().splitlines()]
        process.wait()
        found |= {int(line.split()[0]) for line in lines if len(line.split()) == 2}
        ledger = Ledger.open(url)
        assert verify(ledger).ok
        assert found <= {entry.seq for entry in ledger.entries()}
    assert Ledger.open(url).append("fit", FIT).seq > max(found)


def test_locked_ledger_says_so(url):
    ledger = Ledger.open(url)
    with ledger.transaction() as work:
        work.append("fit", FIT)
        with pytest.raises(Unavailable, match="another process holds"):
            Ledger.open(url, timeout=0.1).append("fit", FIT)
    assert ledger.head().size == 2


def test_conflict_is_run_again(url):
    ledger = Ledger.open(url)
    calls = []

    def work(transaction):
        calls.append(1)
        if len(calls) == 1:
            transaction.append("fit", {"lost": True})
            transaction.connection.exec_driver_sql(
                "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"
            )
        return transaction.append("fit", FIT)

    assert ledger.atomically(work).seq == 2
    assert len(calls) == 2
    assert verify(ledger).ok
    with pytest.raises(Conflict), ledger.transaction() as work_:
        work_.connection.exec_driver_sql(
            "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$"
        )


def test_writes_run_under_serializable_and_reads_cannot_write(url):
    ledger = Ledger.open(url)
    with ledger.transaction() as work:
        level = work.connection.exec_driver_sql("SHOW transaction_isolation").scalar()
        assert level == "serializable"
        assert work.connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    with pytest.raises(Unavailable, match="read-only"), ledger.reading() as connection:
        connection.execute(sa.delete(METADATA.tables["entries"]))
    assert ledger.head().size == 1
