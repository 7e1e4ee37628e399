"""Connections to the database of a ledger, and its errors in plain words.

SQLite: write-ahead log, synchronous FULL (a commit that returned survives a loss of power),
writers queue at BEGIN IMMEDIATE. Where nothing may be written, a file is read as it stands
(`_opening`). PostgreSQL: writers queue at a table lock and run under
SERIALIZABLE, readers under REPEATABLE READ.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc

from privet.errors import InvalidInput, PrivetError, Unavailable
from privet.govern.ledger.places import Address
from privet.govern.ledger.tables import META, METADATA, SCHEMA_VERSION

_EXPORT = "privet ledger export --out entries.jsonl   # with the older release that wrote it"


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
        if self.address.path is not None:
            with self._unchanged(self.address.path), self._connected({}) as connection:
                yield connection
            return
        level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._connected(level) as connection:
            yield connection

    @contextmanager
    def _unchanged(self, path: Path) -> Iterator[None]:
        """Refuse what was read of a file that is taken to be immutable, and was not.

        Such a connection takes no locks and keeps what it has read, so it serves one reading.
        """
        if _opening(path) != _IMMUTABLE:
            yield
            return
        self._engine.dispose()
        before = _stamp(path)
        try:
            yield
        finally:
            self._engine.dispose()
            if _stamp(path) != before:
                raise Unavailable(f"{path} was written while it was read", remedy="run it again")

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """The only writing transaction, committed at the end of the block.

        Raises:
            Unavailable: locked for longer than the timeout, read-only, or the disk is full;
                nothing was written.
        """
        path = self.address.path
        if path is not None and _opening(path) == _IMMUTABLE:
            # SQLite would say so only at the first write.
            raise _of_file(path.resolve(), "SQLITE_READONLY", "; nothing was written")
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
    older = str(version).isdecimal() and int(str(version)) < SCHEMA_VERSION
    if version != str(SCHEMA_VERSION) or "identity" not in meta:
        raise InvalidInput(
            f"the ledger {shown} was written by another release of privet",
            value=f"layout {version}",
            bound=f"layout {SCHEMA_VERSION}",
            remedy=_EXPORT if older else "pip install --upgrade privet",
        )


def _sqlite(path: Path, timeout: float) -> sa.Engine:
    # Built from parts: a file name may hold "?" or "#".
    url = sa.URL.create("sqlite", database=str(path))

    def connect() -> sqlite3.Connection:
        how = _opening(path)
        name = f"file:{quote(str(path))}?{how}" if how else str(path)
        return sqlite3.connect(name, timeout=timeout, check_same_thread=False, uri=bool(how))

    engine = sa.create_engine(url, creator=connect)

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


_IMMUTABLE = "mode=ro&immutable=1"


def _opening(path: Path) -> str:
    """How SQLite must open a file: "" as usual, or the parameters of its URI.

    Reading takes a file of shared memory beside the ledger, and locks. On a read-only file
    system, or in a folder of somebody else, these cannot be made, and are not needed as long as
    nobody writes: immutable=1 (https://www.sqlite.org/uri.html). Not beside a log with entries
    in it, which would then not be seen.
    """
    real = path.resolve()
    file, folder = os.access(real, os.W_OK), os.access(real.parent, os.W_OK)
    if (file and folder) or not os.access(real, os.R_OK):
        return ""
    if _logged(real):
        return "" if file else "mode=ro"
    return _IMMUTABLE


def _logged(path: Path) -> bool:
    """True if there are entries in a write-ahead log beside the file."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _stamp(path: Path) -> tuple[int, int, int]:
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


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
        raise _plain(address, error) from error


NEEDED = 1 << 20
"""Bytes that must be free beside a ledger: 32 KiB of shared memory, and a log of some entries."""


def _plain(address: Address, error: exc.DBAPIError) -> PrivetError:
    shown, path = address.shown, address.path
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
    if path is not None:
        return _of_file(path.resolve(), name, nothing)
    if state == "25006" or state == "42501":
        return Unavailable(
            f"the ledger {shown} is read-only for this user" + nothing,
            remedy="GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ...",
        )
    if state == "53100":
        return Unavailable(f"the disk of the ledger {shown} is full" + nothing,
                           remedy="df -h  # on the server")
    if error.statement is None and isinstance(error, exc.OperationalError):
        return _unreached(address, str(error.orig))
    # The driver's words may hold values of the statement, so only the kind of error is shown.
    what = state or type(error.orig).__name__
    return Unavailable(f"the database of the ledger {shown} reports an error: {what}" + nothing,
                       remedy="pg_isready  # and the server's own log, which says more")


def _of_file(path: Path, name: str, nothing: str) -> PrivetError:
    """An error of SQLite, by its name, about a file."""
    folder = shlex.quote(str(path.parent))
    unopened = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN"))
    if name.startswith("SQLITE_FULL") or (unopened and 0 <= _free(path.parent) < NEEDED):
        return Unavailable(
            f"the disk of the ledger {path} is full" + nothing,
            value=f"{max(0, _free(path.parent))} bytes free in {path.parent}",
            bound=f"{NEEDED} bytes free, to read it too",
            remedy=f"df -h {folder}  # then free some",
        )
    if name.startswith("SQLITE_READONLY") and not _logged(path):
        remount = f"mount -o remount,rw {folder}  # or write where the ledger is kept"
        chmod = f"chmod u+w {shlex.quote(str(path))} {folder}  # as their owner"
        return Unavailable(
            f"the ledger {path} is read-only for this user: it can be read" + nothing,
            remedy=remount if _frozen(path.parent) else chmod,
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) and _logged(path):
        return Unavailable(
            f"the ledger {path} is read-only for this user, and entries stand in the log beside "
            "it, which is not read without writing" + nothing,
            value=f"{path.name}-wal",
            remedy=f"cp {shlex.quote(str(path))} {shlex.quote(str(path) + '-wal')} COPY/  "
                   f"# then, to read it: --ledger COPY/{shlex.quote(path.name)}",
        )
    if name.startswith("SQLITE_IOERR"):
        return Unavailable(f"the disk of the ledger {path} fails ({name})" + nothing,
                           remedy="dmesg  # names the disk, as root; then restore from a backup")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return InvalidInput(f"{path} is not a sound SQLite file ({name})",
                            remedy=f"sqlite3 {shlex.quote(str(path))} 'pragma integrity_check'")
    if name.startswith("SQLITE_CANTOPEN"):
        return Unavailable(f"the ledger {path} cannot be opened by this user",
                           remedy=f"ls -l {folder}  # whose is it, and who may read it")
    return Unavailable(f"the ledger {path} reports an error: {name or 'unknown'}" + nothing,
                       remedy=f"sqlite3 {shlex.quote(str(path))} 'pragma integrity_check'")


def _free(folder: Path) -> int:
    """Bytes that this user may still write in a folder; -1 where the system does not tell."""
    if not hasattr(os, "statvfs") or not folder.is_dir():
        return -1
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


def _frozen(folder: Path) -> bool:
    """True on a read-only file system."""
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _unreached(address: Address, words: str) -> Unavailable:
    """The server did not let us in. Its words are not shown, for they may hold the password."""
    url = sa.make_url(address.url or "")
    host, port, database = url.host or "localhost", url.port or 5432, url.database or ""
    server = shlex.join(["-h", host, "-p", str(port)])
    if "does not exist" in words and "database" in words:
        return Unavailable(f"the server of the ledger {address.shown} has no such database",
                           value=database, remedy=f"createdb {server} {shlex.quote(database)}")
    if "authentication" in words or "password" in words or "role" in words:
        return Unavailable(f"the server of the ledger {address.shown} does not let this user in",
                           value=url.username or "",
                           remedy=f"psql {server} -d {shlex.quote(database)} -W  # tries it")
    return Unavailable(f"the server of the ledger {address.shown} cannot be reached",
                       value=f"{host}:{port}", remedy=f"pg_isready {server}")
