"""Cached totals: what was spent from whose budget by releases on which set, for which purpose.

The entries are what counts; these two tables only spare a decision the reading of them all, and
can be computed again from the entries at any time (`audit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    query = sa.select(TOTALS)
    if holders is not None:
        query = query.where(TOTALS.c.holder.in_(list(holders)))
    return {
        Account(row.holder, row.source, row.purpose): Used(
            Amount(parsed(row.spent_loss), parsed(row.spent_delta)),
            Amount(parsed(row.open_loss), parsed(row.open_delta)),
        )
        for row in connection.execute(query)
    }


def write(connection: sa.Connection, changed: Mapping[Account, Used]) -> None:
    """Put these totals in the place of the old ones."""
    for account, used in changed.items():
        key = sa.and_(
            TOTALS.c.holder == account.holder,
            TOTALS.c.source == account.source,
            TOTALS.c.purpose == account.purpose,
        )
        values = {
            "spent_loss": decimal(used.spent.loss),
            "spent_delta": decimal(used.spent.delta),
            "open_loss": decimal(used.reserved.loss),
            "open_delta": decimal(used.reserved.delta),
        }
        if connection.execute(sa.update(TOTALS).where(key).values(values)).rowcount == 0:
            row = {"holder": account.holder, "source": account.source,
                   "purpose": account.purpose, **values}
            connection.execute(sa.insert(TOTALS).values(row))


def open_token(connection: sa.Connection, token: str, seq: int) -> None:
    """Remember a reservation until it is settled."""
    connection.execute(sa.insert(OPEN).values(token=token, seq=seq))


def close_token(connection: sa.Connection, token: str) -> int | None:
    """Forget a reservation; its entry, or None if there is none open under this token."""
    seq: int | None = connection.execute(
        sa.select(OPEN.c.seq).where(OPEN.c.token == token)
    ).scalar()
    if seq is not None:
        connection.execute(sa.delete(OPEN).where(OPEN.c.token == token))
    return seq


def open_tokens(connection: sa.Connection) -> dict[str, int]:
    """All reservations that are open, with their entries."""
    return {row.token: row.seq for row in connection.execute(sa.select(OPEN))}
