"""Any database that SQLAlchemy reaches, streamed from the server. Extra: `privet[sql]`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from privet.data.readers.base import Raw, Reader, unique_names
from privet.errors import DataError, InvalidInput, Unavailable

_DRIVERS = {
    "postgresql": 'pip install "psycopg[binary]"',
    "mysql": "pip install pymysql   # and write mysql+pymysql://",
    "mariadb": "pip install pymysql   # and write mariadb+pymysql://",
    "mssql": "pip install pyodbc",
    "oracle": "pip install oracledb",
}


def database_reader(source: Any, *, query: str | None, table: str | None) -> Reader:
    """A reader of one query's or table's rows, given a URL or an SQLAlchemy engine.

    Rows come in the order in which the database sends them: add ORDER BY to the query where
    that must not change from one scan to the next.

    Raises:
        Unavailable: SQLAlchemy or the database's driver is not installed.
        InvalidInput: neither or both of query= and table=, or an unusable URL.
        DataError: the database refuses the connection or the query.
    """
    engine = source if not isinstance(source, str) else _engine(source)
    describe = engine.url.render_as_string(hide_password=True)
    if (query is None) == (table is None):
        raise InvalidInput("a database needs either a query or a table",
                           value=None if query is None else table,
                           bound="exactly one of query= and table=",
                           remedy=f'privet.read({describe!r}, table="patients")')
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
    _require_file(url)
    try:
        return sqlalchemy.create_engine(url)
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


def _require_file(url: str) -> None:
    """Refuse a SQLite file that is not there: the driver would make an empty one."""
    scheme, _, path = url.partition(":///")
    path = path.partition("?")[0]
    if scheme.partition("+")[0] != "sqlite" or not path or path.startswith((":memory:", "file:")):
        return
    if not Path(path).is_file():
        raise DataError("there is no such SQLite file", value=path, bound="an existing file",
                        remedy='"sqlite:///path/to/existing.db"')


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
            self._connection = self._engine.connect().execution_options(
                stream_results=True, max_row_buffer=self._size
            )
            result = self._connection.exec_driver_sql(self._statement)
        except sqlalchemy.exc.SQLAlchemyError as error:
            self.__exit__()
            failure = _failed(error, self._where)
        if failure is not None:
            raise failure
        if not result.returns_rows:
            self.__exit__()
            raise InvalidInput("the query returns no rows", value=self._statement,
                               remedy='query="SELECT ..."')
        return result

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
