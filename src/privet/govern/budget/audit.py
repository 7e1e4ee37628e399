"""The audit of the cached totals and sketches against the entries, and mending the totals."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from privet.errors import Refused
from privet.govern.budget import sketches, totals
from privet.govern.budget.basis import basis_in
from privet.govern.budget.recount import Recount, Voucher, recount, recounted, vouched
from privet.govern.budget.sets import roots_of, told
from privet.govern.budget.totals import Row, Rows
from privet.govern.ledger import Ledger, Transaction

_TRIGGERS = {
    "sqlite": sa.text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"),
    "postgresql": sa.text(
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
    ),
}


def audit_totals(ledger: Ledger) -> list[str]:
    """Where cached totals and sketches differ from what the entries say; empty if nowhere.

    Where entries of runs were redacted, nobody can add them up any more; then the totals must be
    those that the newest entry of a run vouches for.

    Raises:
        Refused: an entry about data sets was redacted.
    """
    with ledger.reading() as connection:
        hidden = list(_odd_basis(ledger, connection))
        try:
            found = recount(connection)
        except Refused:
            if hidden:  # then what is left cannot be understood, either
                return hidden
            raise
        return [
            *hidden,
            *found.odd,
            *_odd_sketches(connection),
            *_odd_totals(connection, found),
            *_triggers(connection),
        ]


def rebuild_totals(ledger: Ledger) -> None:
    """Write the cached totals anew from the entries.

    Raises:
        Refused: entries were redacted, so that less would count as spent than was; or the
            database does not keep what is written.
    """

    def work(transaction: Transaction) -> None:
        connection = transaction.connection
        totals.replace(connection, recounted(connection).state)

    ledger.atomically(work)


def _odd_basis(ledger: Ledger, connection: sa.Connection) -> Iterator[str]:
    try:
        basis_in(ledger, connection)
    except Refused as error:
        yield error.problem


def _odd_totals(connection: sa.Connection, right: Recount) -> Iterator[str]:
    cached, voucher = totals.stored(connection), vouched(connection)
    if right.redacted:
        if voucher.digest is None or cached.digest != voucher.digest:
            yield from right.redacted
            yield f"the totals are not those that entry {voucher.seq} vouches for"
        return
    wanted = right.state.rows
    if not cached.columns and (wanted.totals or wanted.live):
        yield "the table of totals is missing"
        return
    yield from _differences(wanted, cached, voucher)
    yield from _open_differences(wanted, cached)
    if voucher.digest not in (None, wanted.digest):
        yield f"entry {voucher.seq} vouches for other totals than the entries add up to"


def _differences(right: Rows, cached: Rows, voucher: Voucher) -> Iterator[str]:
    columns = cached.columns or totals.COLUMNS
    older = voucher.digest is None or not voucher.seq
    if columns != totals.COLUMNS and not (older and columns == totals.BEFORE_EPSILON):
        yield "the table of totals has other columns: " + ", ".join(map(str, columns))
        return
    wanted = sorted(row[: len(columns)] for row in right.totals)
    for row in _without(cached.totals, wanted):
        yield f"the table of totals says {_said(row, columns)}; the entries do not"
    for row in _without(wanted, cached.totals):
        yield f"the entries add up to {_said(row, columns)}; the table of totals does not say so"


def _open_differences(right: Rows, cached: Rows) -> Iterator[str]:
    for row in _without(cached.live, right.live):
        yield ("the table of open reservations holds one that is not: "
               + ", ".join(map(repr, row)))
    for token, seq in _without(right.live, cached.live):
        yield f"the reservation {token} is open in entry {seq}, and missing in the table of " \
              "open ones"


def _without(rows: tuple[Row, ...] | list[Row], others: tuple[Row, ...] | list[Row]) -> list[Row]:
    """The rows that are not among the others, as often as they are too many."""
    rest, found = list(others), []
    for row in rows:
        if row in rest:
            rest.remove(row)
        else:
            found.append(row)
    return found


def _said(row: Row, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {cell!r}" for name, cell in zip(columns, row, strict=False))


def _triggers(connection: sa.Connection) -> Iterator[str]:
    """What another hand has put into the database, to act on what is written there."""
    for name, table in connection.execute(_TRIGGERS[connection.dialect.name]):
        yield f"a trigger {name!r}, which is not privet's, acts on the table {table!r}"


def _odd_sketches(connection: sa.Connection) -> Iterator[str]:
    view = told(connection)
    for data_set in view.sets.values():
        for seq in data_set.broken:
            yield (f"the sketch of {data_set.name!r} that entry {seq} promises is missing or was "
                   "changed, and no entry says so")
    for seq in sketches.strays(connection, roots_of(view)):
        yield f"a sketch stands in the table for entry {seq}, which promises none"
