"""Any database that SQLAlchemy reaches, streamed from the server. Extra: `privet[sql]`.

Nothing is ever written: a query must read by its words (`query.require_reading`), and where the
database can hold a connection to reading, it does. SQLite files are opened with mode=ro, so that
a missing one is not made, and run under PRAGMA query_only, PostgreSQL, MySQL, MariaDB and Oracle
in a transaction that is READ ONLY.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from privet.data.readers.base import Raw, Reader, unique_names
from privet.data.readers.query import require_reading
from privet.errors import DataError, InvalidInput, Unavailable

_DRIVERS = {
    "postgresql": 'pip install "psycopg[binary]"',
    "mysql": "pip install pymysql   # and write mysql+pymysql://",
    "mariadb": "pip install pymysql   # and write mariadb+pymysql://",
    "mssql": "pip install pyodbc",
    "oracle": "pip install oracledb",
}
# Postgres has a setting of the driver instead. Without AUTOCOMMIT, or there is no transaction.
_READ_ONLY = dict.fromkeys(("mysql", "mariadb", "oracle"), "SET TRANSACTION READ ONLY")
_OPTIONS: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "READ COMMITTED", "postgresql_readonly": True},
    "mysql": {"isolation_level": "REPEATABLE READ"},
    "mariadb": {"isolation_level": "REPEATABLE READ"},
    "oracle": {"isolation_level": "READ COMMITTED"},
}


def database_reader(source: Any, *, query: str | None, table: str | None) -> Reader:
    """A reader of one query's or table's rows, given a URL or an SQLAlchemy engine.

    Rows come in the order in which the database sends them: add ORDER BY to the query where
    that must not change from one scan to the next.

    Raises:
        Unavailable: SQLAlchemy or the database's driver is not installed.
        InvalidInput: neither or both of query= and table=, a query that does not only read, or
            an unusable URL.
        DataError: the database refuses the connection or the query.
    """
    engine = source if not isinstance(source, str) else _engine(source)
    describe = _shown(source)
    if (query is None) == (table is None):
        raise InvalidInput("a database needs either a query or a table",
                           value=None if query is None else table,
                           bound="exactly one of query= and table=",
                           remedy=f'privet.read({describe!r}, table="patients")')
    if query is not None:
        require_reading(query)
    statement = query if query is not None else _select(engine, str(table))
    where = f"{'query' if query is not None else 'table ' + repr(table)} on {describe}"
    names = unique_names(_names(engine, statement, where), describe=where)

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Raw]:
        places = [names.index(name) for name in wanted]
        for rows in _rows(engine, statement, size, where):
            cells = list(zip(*rows, strict=True))
            yield {name: cells[place] for name, place in zip(wanted, places, strict=True)}

    return Reader(names, where, pull)


def _engine(url: str) -> Any:
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise Unavailable("reading a database needs SQLAlchemy",
                          remedy='pip install "privet[sql]"') from None
    try:
        parsed = sqlalchemy.make_url(url)
        if parsed.drivername == "postgresql":  # SQLAlchemy 2.0 would take another driver
            parsed = parsed.set(drivername="postgresql+psycopg")
        sqlalchemy.create_engine(parsed)
    except ModuleNotFoundError as error:
        family = url.partition(":")[0].partition("+")[0]
        raise Unavailable(f"the driver {error.name!r} of this database is not installed",
                          remedy=_DRIVERS.get(family, f"pip install {error.name}")) from None
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # The URL may hold a password, so it is not shown.
        raise InvalidInput("not a database URL that SQLAlchemy knows",
                           value=url.partition(":")[0],
                           bound="dialect://user:password@host/database",
                           remedy='"postgresql://user:password@host/database"') from None
    return sqlalchemy.create_engine(_read_only(parsed))


def _shown(source: Any) -> str:
    import sqlalchemy

    url = sqlalchemy.make_url(source) if isinstance(source, str) else source.url
    # A password may also stand behind the question mark.
    return str(url.set(query={}).render_as_string(hide_password=True))


def _read_only(url: Any) -> Any:
    """The URL of a SQLite file that is opened for reading; other URLs as they are.

    Raises:
        DataError: the file is not there: the driver would make an empty one.
    """
    path = url.database
    if url.get_backend_name() != "sqlite" or not path or path.startswith(":memory:"):
        return url
    if path.startswith("file:"):
        memory = url.query.get("mode") == "memory"
        return url.update_query_dict({"uri": "true", "mode": "memory" if memory else "ro"})
    if not Path(path).is_file():
        raise DataError("there is no such SQLite file", value=path, bound="an existing file",
                        remedy='"sqlite:///path/to/existing.db"')
    return url.set(database="file:" + quote(str(Path(path).absolute()))).update_query_dict(
        {"uri": "true", "mode": "ro"}
    )


def _select(engine: Any, table: str) -> str:
    quote = engine.dialect.identifier_preparer.quote
    return "SELECT * FROM " + ".".join(quote(part) for part in table.split("."))


def _names(engine: Any, statement: str, where: str) -> list[str]:
    with _Running(engine, statement, where) as result:
        return list(result.keys())


def _rows(engine: Any, statement: str, size: int, where: str) -> Iterator[Any]:
    with _Running(engine, statement, where, size) as result:
        partitions = result.partitions(size)
        while True:
            failure = None
            try:
                rows = next(partitions, None)
            except Exception as error:
                failure = _failed(error, where)
            if failure is not None:
                # Raised out here, where the driver's error does not hang on as its context.
                raise failure
            if rows is None:
                return
            yield rows


class _Running:
    """A streaming result, closed with its connection."""

    def __init__(self, engine: Any, statement: str, where: str, size: int = 1) -> None:
        self._engine, self._statement = engine, statement
        self._where, self._size = where, size

    def __enter__(self) -> Any:
        import sqlalchemy

        self._connection = None
        failure = None
        try:
            self._connection = self._engine.connect()
            result = self._reading(self._connection)
        except sqlalchemy.exc.SQLAlchemyError as error:
            self.__exit__()
            failure = _failed(error, self._where)
        if failure is not None:
            raise failure
        return result

    def _reading(self, connection: Any) -> Any:
        """Run the statement where the database refuses to write."""
        family = connection.dialect.name
        connection.execution_options(**_OPTIONS.get(family, {}))
        if family in _READ_ONLY:
            connection.exec_driver_sql(_READ_ONLY[family])
        # Without parameters, "%" in a query is no placeholder of the driver.
        connection.execution_options(stream_results=True, max_row_buffer=self._size,
                                     no_parameters=True)
        if family != "sqlite":
            return connection.exec_driver_sql(self._statement)
        # What writes does so at its first step. An engine of the caller's may share this very
        # connection with what the caller writes, so it is given back as it was, at once.
        before = connection.exec_driver_sql("PRAGMA query_only").scalar()
        connection.exec_driver_sql("PRAGMA query_only = 1")
        try:
            return connection.exec_driver_sql(self._statement)
        finally:
            connection.exec_driver_sql(f"PRAGMA query_only = {int(before)}")

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()


def _failed(error: Exception, where: str) -> DataError:
    import sqlalchemy

    if not isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        raise error
    # The database's own message can quote cells and passwords; its type and code cannot.
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    shown = type(cause).__name__ + (f" {code}" if code else "")
    return DataError(f"the database failed on {where} ({shown})",
                     remedy="run the query in the database's own shell to see its message")
