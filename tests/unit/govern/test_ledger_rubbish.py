"""Whatever stands in whichever cell of a ledger's tables: a finding or a refusal, no crash."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from privet.errors import PrivetError
from privet.govern.ledger import Ledger, verify
from privet.govern.ledger.tables import METADATA
from tests.unit.govern.ledgers import copied, rich, sql

COLUMNS = [(table.name, column.name) for table in METADATA.sorted_tables for column in table.c]
RUBBISH = (None, "2x", "", b"\x00\xff", 1 << 62, -(1 << 63), 1.5, "a\0b", "9" * 40)


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    """A ledger whose tables were made again without types and constraints."""
    path = tmp_path_factory.mktemp("loose") / "ledger.db"
    rich(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        for table in METADATA.sorted_tables:
            names = ", ".join(column.name for column in table.c)
            raw.execute(f"ALTER TABLE {table.name} RENAME TO old")
            raw.execute(f"CREATE TABLE {table.name} ({names})")
            raw.execute(f"INSERT INTO {table.name} SELECT {names} FROM old ORDER BY rowid")
            raw.execute("DROP TABLE old")
        raw.execute("PRAGMA journal_mode=DELETE")
    assert verify(Ledger.open(path)).ok
    return path


def read(ledger):
    """Each way of reading a whole ledger; a refusal is an answer."""
    ways = (lambda: list(ledger.entries()), ledger.head, ledger.receipt, ledger.tip,
            lambda: [entry.payload for entry in ledger.entries()], lambda: ledger.keys,
            lambda: [ledger.receipt(seq, size=6) for seq in range(1, 7)])
    for way in ways:
        try:
            way()
        except PrivetError:
            continue


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_rubbish_in_any_cell_is_found_or_refused(loose, tmp_path, table, column):
    path = copied(loose, tmp_path)
    unnoticed = []
    for (row,) in sql(loose, f"SELECT rowid FROM {table} WHERE rowid <= 2 OR rowid % 6 = 1"):
        for value in RUBBISH:
            shutil.copy2(loose, path)
            sql(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", value, row)
            try:
                with closing(Ledger.open(path)) as ledger:
                    read(ledger)
                    if verify(ledger).ok:
                        unnoticed.append((row, value))
            except PrivetError as error:
                assert error.problem
    assert not unnoticed
