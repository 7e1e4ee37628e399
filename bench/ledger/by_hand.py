"""What a team writes by hand: rows in SQLite, each with the SHA-256 of the one before and its own.

As durable as ours (write-ahead log, synchronous FULL, one commit per entry) and as safe with
several writers (the last hash is read under the write lock). It has no signatures, no salts that
let a payload be deleted, and no Merkle tree that gives receipts; whoever writes to the file can
rewrite all of it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

NAME = "SQLite rows and a SHA-256 chain by hand"


class Chain:
    """One file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE entries "
            "(seq INTEGER PRIMARY KEY, kind TEXT, payload TEXT, hash BLOB NOT NULL)",
        ):
            self._connection.execute(statement)

    def append(self, kind: str, payload: dict[str, Any], *, entries: int = 1) -> None:
        """Write an entry, or so many of it, in one transaction."""
        text = json.dumps(payload, sort_keys=True)
        self._connection.execute("BEGIN IMMEDIATE")
        last = self._connection.execute("SELECT hash FROM entries ORDER BY seq DESC LIMIT 1")
        found = last.fetchone()
        link = found[0] if found else b""
        for _ in range(entries):
            link = _hash(link, kind, text)
            self._connection.execute(
                "INSERT INTO entries (kind, payload, hash) VALUES (?, ?, ?)", (kind, text, link)
            )
        self._connection.execute("COMMIT")

    def verify(self) -> int:
        """Hash all again; how many entries hold.

        Raises:
            ValueError: one does not.
        """
        link, count = b"", 0
        for kind, text, found in self._connection.execute(
            "SELECT kind, payload, hash FROM entries ORDER BY seq"
        ):
            link = _hash(link, kind, text)
            if link != found:
                raise ValueError(f"entry {count + 1} was changed")
            count += 1
        return count

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Sums:
    """Budgets by a sum: one row per spend in SQLite, added up under the write lock."""

    def __init__(self, path: Path, spends: int, data_sets: int) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE spends (seq INTEGER PRIMARY KEY, data_set TEXT, epsilon REAL)",
            "BEGIN",
        ):
            self._connection.execute(statement)
        self._connection.executemany(
            "INSERT INTO spends (data_set, epsilon) VALUES (?, 1e-7)",
            ((f"set{number % data_sets}",) for number in range(spends)),
        )
        self._connection.execute("COMMIT")

    def spend(self, data_set: str, epsilon: float, budget: float) -> float:
        """Write a spend if it fits; the seconds that the write lock was held.

        Raises:
            ValueError: it does not fit.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        started = time.perf_counter()
        query = "SELECT TOTAL(epsilon) FROM spends WHERE data_set = ?"
        ((total,),) = self._connection.execute(query, (data_set,))
        if total + epsilon > budget:
            self._connection.execute("ROLLBACK")
            raise ValueError("too little budget is left")
        self._connection.execute(
            "INSERT INTO spends (data_set, epsilon) VALUES (?, ?)", (data_set, epsilon)
        )
        self._connection.execute("COMMIT")
        return time.perf_counter() - started

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _hash(link: bytes, kind: str, text: str) -> bytes:
    return hashlib.sha256(link + json.dumps([kind, text]).encode()).digest()
