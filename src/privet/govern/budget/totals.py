"""Cached totals: what was spent from whose budget by releases on which set, for which purpose.

The entries are what counts; these two tables only spare a decision the reading of them all, and
can be computed again from the entries at any time. Each entry of a run holds the digest of both
tables as they are after it, so that they are believed as far as the entry is (`recount.current`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from privet.errors import InvalidInput, Refused
from privet.govern.budget.amounts import Amount, decimal, parsed
from privet.govern.ledger.canonical import canonical, framed

_DOMAIN = b"privet budget totals 1"
REBUILD = "privet budget audit --rebuild"
METADATA = sa.MetaData()
TOTALS = sa.Table(
    "budget_totals",
    METADATA,
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("spent_loss", sa.Text, nullable=False),
    sa.Column("spent_delta", sa.Text, nullable=False),
    sa.Column("open_loss", sa.Text, nullable=False),
    sa.Column("open_delta", sa.Text, nullable=False),
    sa.Column("epsilon", sa.Text, nullable=False),
)
# Reservations that were not settled yet, by token.
OPEN = sa.Table(
    "budget_open",
    METADATA,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)
COLUMNS = tuple(TOTALS.c.keys())
BEFORE_EPSILON = COLUMNS[:-1]
"""The columns of a table that was begun before sums of epsilons were kept."""
# Statements are built once: under the lock, building them would take longer than running them.
# All columns as they stand: without types, and whatever another hand has made of the tables.
_ALL = sa.text(f"SELECT * FROM {TOTALS.name}")
_ALL_OPEN = sa.text(f"SELECT * FROM {OPEN.name}")
_VALUES = COLUMNS[3:]
_UPDATE = (
    sa.update(TOTALS)
    .where(
        TOTALS.c.holder == sa.bindparam("of"),
        TOTALS.c.source == sa.bindparam("through"),
        TOTALS.c.purpose == sa.bindparam("why"),
    )
    .values({name: sa.bindparam(name) for name in _VALUES})
)
_INSERT = sa.insert(TOTALS).values(
    holder=sa.bindparam("of"),
    source=sa.bindparam("through"),
    purpose=sa.bindparam("why"),
    **{name: sa.bindparam(name) for name in _VALUES},
)
_CLOSE = sa.delete(OPEN).where(OPEN.c.token == sa.bindparam("of"))


@dataclass(frozen=True, order=True)
class Account:
    """Whose budget, through releases on which set, for which purpose."""

    holder: str
    source: str
    purpose: str


@dataclass(frozen=True)
class Used:
    """What was spent, and what is set aside for runs that have not ended.

    Attributes:
        spent, reserved: as the holder's filter counts.
        epsilon: of all of it, the epsilons of the claims added up simply, on the grid.
    """

    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    epsilon: int = 0

    @property
    def both(self) -> Amount:
        """All that counts against a limit."""
        return self.spent + self.reserved

    def __add__(self, other: Used) -> Used:
        return Used(self.spent + other.spent, self.reserved + other.reserved,
                    self.epsilon + other.epsilon)


Totals = Mapping[Account, Used]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """What stands in both tables, as it is.

    Attributes:
        totals, live: the rows, in any order.
        columns: of the table of totals; empty where one of the tables is missing.
    """

    totals: tuple[Row, ...]
    live: tuple[Row, ...]
    columns: tuple[str, ...] = COLUMNS

    @property
    def digest(self) -> str | None:
        """SHA-256 over all rows, as 64 hex digits; None if they hold what was never written."""
        texts = [*(cell for row in self.totals for cell in row), *(row[0] for row in self.live)]
        numbers = [row[-1] for row in self.live]
        if not all(type(cell) is str for cell in texts) or not all(
            type(cell) is int for cell in numbers
        ):
            return None
        try:
            record = canonical([sorted(self.totals), sorted(self.live)])
        except InvalidInput:  # text that is no Unicode
            return None
        return hashlib.sha256(framed(_DOMAIN, record)).hexdigest()

    def state(self) -> State:
        """What the rows say.

        Raises:
            InvalidInput: they hold what was never written.
        """
        totals = {
            Account(*row[:3]): Used(Amount(parsed(row[3]), parsed(row[4])),
                                    Amount(parsed(row[5]), parsed(row[6])), parsed(row[7]))
            for row in self.totals
        }
        return State(totals, dict(self.live))


@dataclass(frozen=True)
class State:
    """Totals, and the reservations that are open, with their entries, by token.

    Attributes:
        kept: the tables hold them, in the columns of today.
    """

    totals: Totals = field(default_factory=dict)
    live: Mapping[str, int] = field(default_factory=dict)
    kept: bool = True

    @property
    def rows(self) -> Rows:
        """What the tables must hold."""
        return Rows(
            tuple(sorted(tuple(_row(*item).values()) for item in self.totals.items())),
            tuple(sorted(self.live.items())),
        )


def create(connection: sa.Connection) -> None:
    """Make the tables where they are not there yet."""
    METADATA.create_all(connection)


def stored(connection: sa.Connection) -> Rows:
    """What stands in the tables; nothing where there are none."""
    known = sa.inspect(connection)
    if not (known.has_table(TOTALS.name) and known.has_table(OPEN.name)):
        return Rows((), (), ())
    rows = connection.execute(_ALL)
    live = connection.execute(_ALL_OPEN)
    return Rows(tuple(map(tuple, rows)), tuple(map(tuple, live)), tuple(rows.keys()))


def write(connection: sa.Connection, before: State, after: State) -> str:
    """Write what has changed from what was read, and read it again.

    Returns:
        the digest of the tables, for the entry.

    Raises:
        Refused: the database holds something else than was written.
    """
    if not before.kept:
        _begin_anew(connection)
        before = State()
    changed = [a for a, used in after.totals.items() if before.totals.get(a) != used]
    for statement, accounts in (
        (_UPDATE, [a for a in changed if a in before.totals]),
        (_INSERT, [a for a in changed if a not in before.totals]),
    ):
        if accounts:
            connection.execute(statement, [_row(a, after.totals[a]) for a in accounts])
    opened = after.live.keys() - before.live.keys()
    if opened:
        connection.execute(sa.insert(OPEN),
                           [{"token": token, "seq": after.live[token]} for token in opened])
    for token in before.live.keys() - after.live.keys():
        connection.execute(_CLOSE, {"of": token})
    digest = after.rows.digest
    if digest is None or stored(connection).digest != digest:
        raise Refused("the database changes what is written to the totals of budgets: somebody "
                      "has put something into it that does so; nothing was written",
                      remedy="privet budget audit   # names it")
    return digest


def replace(connection: sa.Connection, state: State) -> None:
    """Put other tables in the place of those that are there.

    Raises:
        Refused: see `write`.
    """
    write(connection, State(kept=False), state)


def _begin_anew(connection: sa.Connection) -> None:
    views = set(sa.inspect(connection).get_view_names())
    for table in METADATA.sorted_tables:
        what = "VIEW" if table.name in views else "TABLE"
        connection.execute(sa.text(f"DROP {what} IF EXISTS {table.name}"))
    create(connection)


def _row(account: Account, used: Used) -> dict[str, str]:
    """The values of a row, in the order of the columns."""
    return {
        "of": account.holder,
        "through": account.source,
        "why": account.purpose,
        "spent_loss": decimal(used.spent.loss),
        "spent_delta": decimal(used.spent.delta),
        "open_loss": decimal(used.reserved.loss),
        "open_delta": decimal(used.reserved.delta),
        "epsilon": decimal(used.epsilon),
    }


def epsilon_on(used: Totals, names: Iterable[str], purpose: str | None = None) -> int:
    """The epsilons of all releases on some sets, for one purpose or for all, on the grid."""
    wanted = set(names)
    return sum(
        one.epsilon for account, one in used.items()
        if account.holder == account.source and account.source in wanted
        and purpose in (None, account.purpose)
    )
