"""Every edit of every field of a ledger is found and named; so is whatever else was done."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.ledger import Ledger, Receipt, SigningKey, merkle, verify
from privet.govern.ledger.custody import rotate_key
from privet.govern.ledger.records import chain_hash, head_statement, link_hash
from privet.govern.ledger.tables import METADATA
from tests.unit.govern.ledgers import FIT, copied, plain, rich, sql

COLUMNS = [(table.name, column.name) for table in METADATA.sorted_tables for column in table.c]

OTHERS_DEPEND = {1, 5, 8, 10, 11}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("rich") / "ledger.db"
    rich(path)
    return path


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    path = tmp_path_factory.mktemp("fits") / "ledger.db"
    plain(path)
    return path


def changed(value):
    if isinstance(value, int):
        return value + 1000
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"\0"
    return ("b" if value[0] == "a" else "a") + value[1:]


def accepts(name, table):
    """What a changed column may be called; a salt cannot be told from its payload."""
    beside = {("salt", "payloads"), ("text", "payloads"), ("seq", "payloads")}
    return "payload" if (name, table) in beside else "cosignatures" if table[0] == "c" else name


def test_untouched_ledger_holds(original):
    verdict = verify(Ledger.open(original))
    assert verdict.ok, str(verdict)
    assert (verdict.entries, verdict.redacted, verdict.breaks) == (13, 1, (11,))
    assert verdict.head == Ledger.open(original).head()
    assert "a lost key was replaced at 11" in str(verdict)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_every_edit_of_every_row_is_found_and_named(original, tmp_path, table, column):
    rows = sql(original, f"SELECT rowid, {column} FROM {table}")
    assert rows
    for rowid, value in rows:
        path = copied(original, tmp_path)
        where = sql(path, f"SELECT * FROM {table} WHERE rowid = ?", rowid)[0]
        sql(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed(value), rowid)
        if table == "meta":
            with pytest.raises(InvalidInput) if column == "name" or where[0] == "schema" else (
                closing(Ledger.open(path))
            ) as ledger:
                ledger = ledger if isinstance(ledger, Ledger) else Ledger.open(path)
                assert "meta.identity" in {item.field for item in verify(ledger).findings}
            continue
        with closing(Ledger.open(path)) as ledger:
            findings = verify(ledger).findings
        seq = where[1] if table == "cosignatures" else where[0]
        named = {(item.seq, item.field) for item in findings}
        assert (seq, accepts(column, table)) in named, (where[:3], findings)
        # One edit, one entry; but renumbering has two places, and others depend on keys and
        # redactions.
        if column != "seq" and not (column in ("text", "kind") and seq in OTHERS_DEPEND):
            assert {item.seq for item in findings} == {seq}, findings


@pytest.mark.parametrize("value", [None, 7, 1.5, b"\xff\xfe", "text", ""])
@pytest.mark.parametrize("column", ["time", "key", "prev", "chain", "signature", "subtrees"])
def test_values_of_another_type_are_found(fits, tmp_path, column, value):
    path = copied(fits, tmp_path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("PRAGMA writable_schema=ON")
        raw.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
    sql(path, f"UPDATE entries SET {column} = ? WHERE seq = 4", value)
    with closing(Ledger.open(path)) as ledger:
        named = {(item.seq, item.field) for item in verify(ledger).findings}
    assert (4, column) in named


def test_text_that_is_no_text_is_found(fits, tmp_path):
    path = copied(fits, tmp_path)
    sql(path, "UPDATE entries SET time = CAST(x'ff' AS TEXT) WHERE seq = 4")
    sql(path, "UPDATE payloads SET text = CAST(x'7bff' AS TEXT) WHERE seq = 6")
    with closing(Ledger.open(path)) as ledger:
        named = [(item.seq, item.field) for item in verify(ledger).findings]
    assert named == [(4, "time"), (6, "payload")]


@pytest.mark.parametrize("seq", range(1, 11))
def test_deleted_entry_is_named(fits, tmp_path, seq):
    path = copied(fits, tmp_path)
    sql(path, "DELETE FROM entries WHERE seq = ?", seq)
    sql(path, "DELETE FROM payloads WHERE seq = ?", seq)
    with closing(Ledger.open(path)) as ledger:
        verdict = verify(ledger)
    if seq == 10:
        # Said plainly: without a receipt the newest entries can be cut off.
        assert verdict.ok
    else:
        assert (seq, "seq") in {(item.seq, item.field) for item in verdict.findings}


@pytest.mark.parametrize("seq", range(1, 10))
def test_swapped_entries_are_named(fits, tmp_path, seq):
    path = copied(fits, tmp_path)
    for table in ("entries", "payloads"):
        for old, new in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
            sql(path, f"UPDATE {table} SET seq = ? WHERE seq = ?", new, old)
    with closing(Ledger.open(path)) as ledger:
        findings = verify(ledger).findings
    assert findings[0].seq == seq
    assert (seq, "seq") in {(item.seq, item.field) for item in findings}


@pytest.mark.parametrize("seq", [2, 5, 10])
def test_inserted_entry_is_named(fits, tmp_path, seq):
    path = copied(fits, tmp_path)
    for table in ("entries", "payloads"):
        sql(path, f"UPDATE {table} SET seq = -seq - 1 WHERE seq >= ?", seq)
        sql(path, f"UPDATE {table} SET seq = -seq WHERE seq < 0")
        sql(path, f"INSERT INTO {table} SELECT {seq}, {', '.join(rest(path, table))} FROM {table} "
                  "WHERE seq = 1")
    with closing(Ledger.open(path)) as ledger:
        findings = verify(ledger).findings
    assert findings[0].seq == seq


def rest(path, table):
    return [name for _, name, *_ in sql(path, f"PRAGMA table_info({table})") if name != "seq"]


def rewrite(path, ledger, start, *, key=None):
    """Make everything from `start` on consistent again, as whoever lacks the key can."""
    rows = sql(path, "SELECT seq, time, kind, key, prev, commitment, signature, chain "
                     "FROM entries ORDER BY seq")
    peaks, link = (), bytes(32)
    for row in rows:
        seq, time, kind, signer, prev, commitment, signature, chain = row
        if seq >= start:
            prev, signer = link, key.id if key else signer
            chain = chain_hash(ledger, seq, time, kind, signer, prev, commitment)
        peaks, done = merkle.grow(peaks, seq - 1, merkle.leaf_hash(chain))
        if seq >= start and key:
            root = merkle.root_of(peaks)
            signature = key.sign(head_statement(ledger, seq, root, chain, time, signer))
        link = link_hash(chain, signature)
        sql(path, "UPDATE entries SET prev=?, chain=?, subtrees=?, signature=?, key=? WHERE seq=?",
            prev, chain, b"".join(done), signature, signer, seq)


@pytest.mark.parametrize("seq", [2, 6, 10])
def test_entry_rewritten_with_all_hashes_but_no_key_is_named(fits, tmp_path, seq):
    path = copied(fits, tmp_path)
    sql(path, "UPDATE entries SET time = '2020-01-01T00:00:00.000000Z' WHERE seq = ?", seq)
    with closing(Ledger.open(path)) as ledger:
        rewrite(path, ledger.identity, seq)
        findings = verify(ledger).findings
        with pytest.raises(Refused, match="altered"):
            ledger.append("fit", FIT)
    assert (findings[0].seq, findings[0].field) == (seq, "signature")
    assert len(findings) == 1


def test_entries_signed_with_another_key_are_named(fits, tmp_path):
    path = copied(fits, tmp_path)
    with closing(Ledger.open(path)) as ledger:
        rewrite(path, ledger.identity, 5, key=SigningKey.generate())
        findings = verify(ledger).findings
    assert (findings[0].seq, findings[0].field) == (5, "key")


def test_ledger_of_another_key_under_the_same_name_is_found(fits, tmp_path):
    other = tmp_path / "other.db"
    plain(other)
    identity = sql(fits, "SELECT value FROM meta WHERE name = 'identity'")[0][0]
    sql(other, "UPDATE meta SET value = ? WHERE name = 'identity'", identity)
    with closing(Ledger.open(other)) as ledger:
        assert not verify(ledger).ok


@pytest.mark.parametrize("table", ["payloads", "cosignatures", "meta"])
def test_deleted_rows_beside_the_chain_are_found(original, tmp_path, table):
    for (rowid,) in sql(original, f"SELECT rowid FROM {table}"):
        path = copied(original, tmp_path)
        ledger = Ledger.open(path)
        sql(path, f"DELETE FROM {table} WHERE rowid = ?", rowid)
        assert not verify(ledger).ok
        ledger.close()


def test_added_rows_beside_the_chain_are_found(original, tmp_path):
    for statement in (
        "INSERT INTO meta VALUES ('budget', '9')",
        "INSERT INTO payloads SELECT 99, salt, text FROM payloads WHERE seq = 2",
        "INSERT INTO cosignatures VALUES (2, 3)",
        "INSERT INTO payloads SELECT 3, salt, text FROM payloads WHERE seq = 2",
    ):
        path = copied(original, tmp_path)
        sql(path, statement)
        with closing(Ledger.open(path)) as ledger:
            assert not verify(ledger).ok, statement


def test_emptied_ledger_is_found(fits, tmp_path):
    path = copied(fits, tmp_path)
    ledger = Ledger.open(path)
    sql(path, "DELETE FROM entries")
    sql(path, "DELETE FROM payloads")
    assert not verify(ledger).ok


def test_truncation_is_found_against_a_receipt(fits, tmp_path):
    path = copied(fits, tmp_path)
    with closing(Ledger.open(path)) as ledger:
        receipt = ledger.receipt(2)
        assert verify(ledger, receipt).ok
        for table in ("entries", "payloads"):
            sql(path, f"DELETE FROM {table} WHERE seq > 8")
        assert verify(ledger).ok
        finding = verify(ledger, receipt).findings[0]
    assert (finding.seq, finding.field) == (9, "seq")
    assert "shows entry 10" in finding.problem


def test_restored_backup_is_found_against_a_receipt(fits, tmp_path):
    path = copied(fits, tmp_path)
    with closing(Ledger.open(path)) as ledger:
        ledger.append("fit", FIT)
        receipt = Receipt.from_json(ledger.receipt().to_json())
    path = copied(fits, tmp_path)
    with closing(Ledger.open(path)) as ledger:
        assert not verify(ledger, receipt).ok
        ledger.append("fit", FIT)
        ledger.append("fit", FIT)
        assert verify(ledger).ok
        finding = verify(ledger, receipt).findings[0]
    assert (finding.seq, finding.field) == (11, "chain")
    assert "fork" in finding.problem


def test_cosigned_head_cannot_be_rewritten_with_the_key(original, tmp_path):
    path = copied(original, tmp_path)
    with closing(Ledger.open(path)) as ledger:
        key = ledger.keyring.current(ledger.keys)
        sql(path, "UPDATE entries SET time = '2020' WHERE seq = 2")
        rewrite(path, ledger.identity, 2, key=key)
        assert "cosignature in entry 7" in str(verify(ledger))


def test_receipt_of_another_ledger_and_a_broken_one(fits, original):
    ledger, other = Ledger.open(fits), Ledger.open(original)
    assert verify(ledger, other.receipt()).findings[0].field == "identity"
    record = ledger.receipt(2).to_json()
    record["entry"]["kind"] = "fat"
    with pytest.raises(InvalidInput, match="receipt does not hold"):
        verify(ledger, Receipt.from_json(record))


def test_clock_going_backwards_is_recorded(tmp_path):
    times = iter([f"2026-01-0{day}T00:00:00.000000Z" for day in (5, 6, 1, 2, 9)])
    ledger = Ledger.open(tmp_path / "l.db", clock=lambda: next(times))
    for _ in range(4):
        ledger.append("fit", FIT)
    verdict = verify(ledger)
    assert verdict.ok
    assert verdict.backwards == (3,)


def test_key_that_was_followed_cannot_go_on(tmp_path):
    path = tmp_path / "l.db"
    ledger = plain(path, 1)
    old = ledger.keyring.current(ledger.keys)
    rotate_key(ledger)
    seq = ledger.append("fit", FIT).seq
    ledger.close()
    rewrite(path, ledger.identity, seq, key=old)
    with closing(Ledger.open(path)) as again:
        assert (seq, "key") in {(item.seq, item.field) for item in verify(again).findings}
        with pytest.raises(Refused, match=f"entry {seq}"):
            again.append("fit", FIT)


def test_ledger_of_another_key_under_the_same_name_takes_no_entry(fits, tmp_path):
    other = tmp_path / "other.db"
    plain(other)
    identity = sql(fits, "SELECT value FROM meta WHERE name = 'identity'")[0][0]
    sql(other, "UPDATE meta SET value = ? WHERE name = 'identity'", identity)
    with closing(Ledger.open(other)) as ledger, pytest.raises(Refused, match="altered"):
        ledger.append("fit", FIT)
