"""Cached totals: what was spent from whose budget by releases on which set, for which purpose.

The entries are what counts; these two tables only spare a decision the reading of them all, and
can be computed again from the entries at any time (`audit`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from privet.govern.budget.amounts import Amount, decimal, parsed

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
)
# Reservations that were not settled yet, by token.
OPEN = sa.Table(
    "budget_open",
    METADATA,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)
# Statements are built once: under the lock, building them would take longer than running them.
_VALUES = ("spent_loss", "spent_delta", "open_loss", "open_delta")
_OF_HOLDERS = sa.select(TOTALS).where(
    TOTALS.c.holder.in_(sa.bindparam("holders", expanding=True))
)
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
_FIND = sa.select(OPEN.c.seq).where(OPEN.c.token == sa.bindparam("of"))
_CLOSE = sa.delete(OPEN).where(OPEN.c.token == sa.bindparam("of"))


@dataclass(frozen=True, order=True)
class Account:
    """Whose budget, through releases on which set, for which purpose."""

    holder: str
    source: str
    purpose: str


@dataclass(frozen=True)
class Used:
    """What was spent, and what is set aside for runs that have not ended."""

    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)

    @property
    def both(self) -> Amount:
        """All that counts against a limit."""
        return self.spent + self.reserved

    def __add__(self, other: Used) -> Used:
        return Used(self.spent + other.spent, self.reserved + other.reserved)


Totals = dict[Account, Used]


def create(connection: sa.Connection) -> None:
    """Make the tables where they are not there yet."""
    METADATA.create_all(connection)


def read(connection: sa.Connection, holders: Iterable[str] | None = None) -> Totals:
    """The totals of some holders, or of all."""
    if holders is None:
        rows = connection.execute(sa.select(TOTALS))
    else:
        rows = connection.execute(_OF_HOLDERS, {"holders": list(holders)})
    return {
        Account(row.holder, row.source, row.purpose): Used(
            Amount(parsed(row.spent_loss), parsed(row.spent_delta)),
            Amount(parsed(row.open_loss), parsed(row.open_delta)),
        )
        for row in rows
    }


def write(connection: sa.Connection, before: Totals, after: Totals) -> None:
    """Write what has changed from what was read."""
    changed = [account for account, used in after.items() if before.get(account) != used]
    for statement, accounts in (
        (_UPDATE, [_row(a, after[a]) for a in changed if a in before]),
        (_INSERT, [_row(a, after[a]) for a in changed if a not in before]),
    ):
        if accounts:
            connection.execute(statement, accounts)


def _row(account: Account, used: Used) -> dict[str, str]:
    return {
        "of": account.holder,
        "through": account.source,
        "why": account.purpose,
        "spent_loss": decimal(used.spent.loss),
        "spent_delta": decimal(used.spent.delta),
        "open_loss": decimal(used.reserved.loss),
        "open_delta": decimal(used.reserved.delta),
    }


def open_token(connection: sa.Connection, token: str, seq: int) -> None:
    """Remember a reservation until it is settled."""
    connection.execute(sa.insert(OPEN), {"token": token, "seq": seq})


def find_token(connection: sa.Connection, token: str) -> int | None:
    """The entry of the reservation that is open under a token, if one is."""
    seq: int | None = connection.execute(_FIND, {"of": token}).scalar()
    return seq


def close_token(connection: sa.Connection, token: str) -> int | None:
    """Forget a reservation; its entry, or None if there is none open under this token."""
    seq = find_token(connection, token)
    if seq is not None:
        connection.execute(_CLOSE, {"of": token})
    return seq


def open_tokens(connection: sa.Connection) -> dict[str, int]:
    """All reservations that are open, with their entries."""
    return {row.token: row.seq for row in connection.execute(sa.select(OPEN))}
