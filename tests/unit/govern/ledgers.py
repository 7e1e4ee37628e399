"""Small ledgers for tests, and raw hands on their files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from privet.govern.ledger import Ledger, SigningKey, cosign
from privet.govern.ledger.custody import (
    name_approvers,
    replace_key,
    replacement_statement,
    rotate_key,
)
from privet.govern.ledger.statements import Signature

APPROVERS = [SigningKey.generate() for _ in range(3)]
WITNESS = SigningKey.generate()
FIT = {"data_set": "patients", "purpose": "readmission", "epsilon": 1.0, "delta": 1e-6}


def replaced(ledger: Ledger, new: SigningKey, approvers: list[SigningKey]) -> None:
    """Replace a lost key with the approval of these."""
    statement = replacement_statement(ledger, new.public)
    replace_key(ledger, new, [Signature.by(key, statement) for key in approvers], "lost")


def rich(path: Path) -> Ledger:
    """A ledger with an entry of every kind; its file is complete without its log."""
    ledger = Ledger.open(path)
    for number in range(3):
        ledger.append("fit", FIT | {"number": number})
    name_approvers(ledger, [key.public for key in APPROVERS])
    ledger.append("query", {"sql": "SELECT COUNT(*) FROM t", "error": 0.5})
    ledger.add_cosignature(cosign(ledger.head(), WITNESS))
    rotate_key(ledger)
    ledger.append("fit", FIT)
    ledger.redact(3, "the person asked")
    replaced(ledger, SigningKey.generate(), APPROVERS[:2])
    ledger.append("fit", FIT)
    ledger.append("report", {"format": "card"})
    ledger.close()
    return ledger


def plain(path: Path, count: int = 9) -> Ledger:
    """The first entry and `count` fits."""
    ledger = Ledger.open(path)
    for number in range(count):
        ledger.append("fit", FIT | {"number": number})
    ledger.close()
    return ledger


def copied(ledger_path: Path, folder: Path) -> Path:
    """A copy of a closed ledger with its key and passphrase."""
    for path in ledger_path.parent.glob(f"{ledger_path.stem}.*"):
        shutil.copy2(path, folder / path.name)
    return folder / ledger_path.name


def sql(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Run one statement on the file, behind the ledger's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()
