"""Connections to the database of a ledger, and its errors in plain words.

SQLite: write-ahead log, synchronous FULL (a commit that returned survives a loss of power),
writers queue at BEGIN IMMEDIATE. PostgreSQL: writers queue at a table lock and run under
SERIALIZABLE, readers under REPEATABLE READ.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from privet.errors import InvalidInput, PrivetError, Unavailable
from privet.govern.ledger.places import Address
from privet.govern.ledger.tables import META, METADATA, SCHEMA_VERSION


class Store:
    """One database. Safe for threads; a forked child opens connections of its own."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self.sqlite = address.path is not None
        if address.path is not None:
            self._engine = _sqlite(address.path, timeout)
        else:
            self._engine = _server(str(address.url), timeout)
        self._pid = os.getpid()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent snapshot.

        Raises:
            Unavailable, InvalidInput: the database cannot be read.
        """
        level = {} if self.sqlite else {
            "isolation_level": "REPEATABLE READ", "postgresql_readonly": True
        }
        with self._connected(level) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """The only writing transaction, committed at the end of the block.

        Raises:
            Unavailable: locked for longer than the timeout, read-only, or the disk is full;
                nothing was written.
        """
        level = {"begin": "IMMEDIATE"} if self.sqlite else {"isolation_level": "SERIALIZABLE"}
        with self._connected(level) as connection:
            if not self.sqlite:
                # Before the first query, which would fix the snapshot (LOCK, PostgreSQL docs).
                connection.exec_driver_sql("LOCK TABLE entries IN EXCLUSIVE MODE")
            yield connection

    @contextmanager
    def creating(self) -> Iterator[sa.Connection]:
        """A transaction in which the tables exist; only one process at a time."""
        level = {"begin": "IMMEDIATE"} if self.sqlite else {}
        with self._connected(level) as connection:
            if not self.sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7370724976657401)")
            METADATA.create_all(connection)
            yield connection

    def use_wal(self) -> None:
        """Switch a new SQLite file to the write-ahead log."""
        with translated(self.address), self._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            mode = raw.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise Unavailable(
                f"{self.address.shown} cannot keep a write-ahead log", value=mode, bound="wal"
            )

    def checkpoint(self) -> None:
        """Empty SQLite's write-ahead log, where deleted rows would live on."""
        if self.sqlite:
            with translated(self.address), self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def meta(self) -> dict[str, str] | None:
        """Names and values of the ledger's own facts; None if there are no tables at all.

        Raises:
            InvalidInput: the database belongs to something else, or to another release.
        """
        with self.reading() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            if not tables & set(METADATA.tables):
                if tables and self.sqlite:
                    raise InvalidInput(
                        f"{self.address.shown} is a database, but not a ledger of privet",
                        remedy="Ledger.open('another.db')",
                    )
                return None
            if META.name not in tables:
                raise InvalidInput(f"{self.address.shown} is not a ledger of privet")
            found = {row.name: row.value for row in connection.execute(sa.select(META))}
        check_version(found, self.address.shown)
        return found

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _connected(self, options: dict[str, Any]) -> Iterator[sa.Connection]:
        if os.getpid() != self._pid:
            # SQLite forbids to carry a connection across a fork: leave the parent's alone.
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        with translated(self.address), self._engine.connect() as bare:
            connection = bare.execution_options(**options)
            with connection.begin():
                yield connection


def check_version(meta: dict[str, str], shown: str) -> None:
    """Refuse a layout of another release.

    Raises:
        InvalidInput: this release would misread it.
    """
    version = meta.get("schema")
    if version != str(SCHEMA_VERSION) or "identity" not in meta:
        raise InvalidInput(
            f"the ledger {shown} was written by another release of privet",
            value=f"layout {version}",
            bound=f"layout {SCHEMA_VERSION}",
            remedy="pip install --upgrade privet",
        )


def _sqlite(path: Path, timeout: float) -> sa.Engine:
    # Built from parts: a file name may hold "?" or "#".
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": timeout, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def prepare(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        # Bytes that are no text must reach `verify`, which names their entry.
        raw.text_factory = lambda stored: stored.decode("utf-8", "surrogateescape")
        for pragma in ("synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF"):
            raw.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        kind = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _server(url: str, timeout: float) -> sa.Engine:
    try:
        engine = sa.create_engine(url, pool_pre_ping=True)
    except ImportError as error:
        raise Unavailable(
            "a ledger in PostgreSQL needs the driver psycopg",
            remedy='pip install "psycopg[binary]"',
        ) from error

    @sa.event.listens_for(engine, "connect")
    def prepare(raw: Any, _: Any) -> None:
        raw.execute(f"SET lock_timeout = {max(1, int(timeout * 1000))}")
        raw.execute("SET synchronous_commit = on")
        raw.commit()

    return engine


RETRY = frozenset({"40001", "40P01"})


class Conflict(Unavailable):
    """PostgreSQL asks to run the transaction again."""


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn errors of the database into errors that say what to do."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _plain(address.shown, error) from error


def _plain(shown: str, error: exc.DBAPIError) -> PrivetError:
    name = getattr(error.orig, "sqlite_errorname", "")
    state = getattr(error.orig, "sqlstate", None) or ""
    nothing = "; nothing was written"
    if state in RETRY:
        return Conflict(f"another process wrote to {shown} at the same time" + nothing,
                        remedy="run it again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state == "55P03":
        return Unavailable(
            f"another process holds the ledger {shown}" + nothing,
            remedy="end that process, or run it again",
        )
    if name.startswith("SQLITE_READONLY") or state == "25006" or state == "42501":
        return Unavailable(
            f"the ledger {shown} is read-only for this user" + nothing,
            remedy=f"chmod u+w {shown}  # and its folder; or open a copy, to read it",
        )
    if name.startswith("SQLITE_FULL") or state == "53100":
        return Unavailable(f"the disk of the ledger {shown} is full" + nothing, remedy="df -h")
    if name.startswith("SQLITE_IOERR"):
        return Unavailable(f"the disk of the ledger {shown} fails ({name})" + nothing)
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return InvalidInput(f"{shown} is not a sound SQLite file ({name})",
                            remedy=f"sqlite3 {shown} 'pragma integrity_check'")
    if name.startswith("SQLITE_CANTOPEN"):
        return Unavailable(f"the ledger {shown} cannot be opened by this user")
    # The driver's words may hold values of the statement, so only the kind of error is shown.
    what = name or state or type(error.orig).__name__
    return Unavailable(f"the database of the ledger {shown} reports an error: {what}" + nothing)
