"""The totals as the entries tell them, and whether the cached ones are to be believed.

Formal guarantees:
    - Cached totals are used only if the newest entry of a run vouches for them by its digest, or,
      in a ledger begun before entries did so, if they are what all entries add up to. So whoever
      lacks the signing key cannot change, delete, insert or roll back a row of theirs: the next
      decision is refused. What checks and what decides reads the rows once.
    - `held`, by which budget is granted and moved, also checks that this entry and all after it
      are those that were signed. `current`, which shows, does not; and where all entries are
      added up, neither does. `privet ledger verify` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from privet.claims import from_json
from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import totals
from privet.govern.budget.basis import Basis, held_basis
from privet.govern.budget.charges import (
    RESERVE,
    RUNS,
    Spend,
    charges_of,
    fits,
    plus,
    settled,
    spend_of,
)
from privet.govern.budget.sets import WHOLE, View, entries_of, told
from privet.govern.budget.totals import REBUILD, Rows, State, Totals
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.reading import existing
from privet.govern.ledger.succession import REDACTED
from privet.govern.ledger.tables import ENTRIES

# The newest of each kind by itself: the index gives it at once, in a ledger of any length.
_NEWEST = sa.union_all(*(
    sa.select(sa.select(ENTRIES.c.seq).where(ENTRIES.c.kind == kind)
              .order_by(ENTRIES.c.seq.desc()).limit(1).scalar_subquery())
    for kind in RUNS
))


@dataclass(frozen=True)
class Voucher:
    """What the newest entry of a run says about the tables.

    Attributes:
        seq: that entry; 0 if there is none yet.
        digest: of both tables; None if it says nothing.
    """

    seq: int
    digest: str | None


@dataclass(frozen=True)
class Recount:
    """What all entries add up to.

    Attributes:
        state: the totals.
        odd: what is wrong with entries.
        redacted: entries of runs whose part is not known any more.
    """

    state: State
    odd: tuple[str, ...]
    redacted: tuple[str, ...]


def held(ledger: Ledger, transaction: Transaction) -> tuple[State, Basis]:
    """The cached totals and the entries that decisions rest on, checked, before the next entry
    is written.

    Raises:
        Refused: they are not what the entries vouch for, or these are not those that were signed.
    """
    basis, walk = held_basis(ledger, transaction)
    voucher = Voucher(walk.run, walk.totals if walk.run else State().rows.digest)
    return _believed(transaction.connection, voucher), basis


def current(connection: sa.Connection) -> State:
    """The cached totals, checked, as this connection sees them.

    Raises:
        Refused: they are not what the entries vouch for.
    """
    return _believed(connection, vouched(connection))


def _believed(connection: sa.Connection, voucher: Voucher) -> State:
    found = totals.stored(connection)
    if not voucher.seq and not found.totals and not found.live:
        return State(kept=found.columns == totals.COLUMNS)
    if voucher.digest is not None:
        if found.digest == voucher.digest and found.columns == totals.COLUMNS:
            return found.state()
    else:
        right = recounted(connection)
        if same(found, right.state.rows):
            return State(right.state.totals, right.state.live,
                         kept=found.columns == totals.COLUMNS)
    raise Refused(
        "the cached totals of budgets are not those that the entries vouch for: somebody has "
        "changed them, so nothing is decided by them",
        remedy=REBUILD,
    )


def vouched(connection: sa.Connection) -> Voucher:
    """What the newest entry of a run vouches for; without any run, that there is nothing."""
    seqs = [seq for seq in connection.execute(_NEWEST).scalars() if seq is not None]
    newest = existing(connection, max(seqs)) if seqs else None
    later = entries_of(connection, (REDACTED,), newest.seq) if newest and newest.redacted else ()
    return _voucher(newest, later)


def _voucher(newest: Entry | None, later: Iterable[Entry]) -> Voucher:
    """What the newest entry of a run says, or, if it was redacted, the entry that did so."""
    if newest is None:
        return Voucher(0, State().rows.digest)
    payload = newest.payload
    if payload is None:
        payload = next((other.payload for other in later if other.kind == REDACTED
                        and other.payload and other.payload["entry"] == newest.seq), None) or {}
    digest = payload.get("totals")
    return Voucher(newest.seq, digest if isinstance(digest, str) else None)


def recounted(connection: sa.Connection) -> Recount:
    """What the entries add up to, where all of them say.

    Raises:
        Refused: some do not, so that less would count as spent than was.
    """
    found = recount(connection)
    if found.odd or found.redacted:
        raise Refused("the totals cannot be recomputed: "
                      + "; ".join([*found.redacted, *found.odd]),
                      remedy="restore the ledger from before")
    return found


def recount(connection: sa.Connection) -> Recount:
    """Read all entries of runs.

    Raises:
        Refused: an entry about data sets was redacted.
    """
    view = told(connection)
    used: Totals = {}
    live, odd, redacted = dict[int, tuple[str, Spend]](), list[str](), dict[int, str]()
    for entry in entries_of(connection, RUNS):
        payload = entry.payload
        if payload is None:
            redacted[entry.seq] = (f"entry {entry.seq} ({entry.kind}) was redacted: its part "
                                   "cannot be recomputed")
        elif entry.kind == RESERVE:
            plan = _plan(entry)
            if plan is None:
                odd.append(f"entry {entry.seq} ({entry.kind}) cannot be understood")
                continue
            odd.extend(_odd_charges(view, entry, plan))
            live[entry.seq] = (str(payload.get("token")), plan)
            used = plus(used, plan)
        elif payload.get("reserve") in live:
            used = settled(used, live.pop(payload["reserve"])[1], entry.kind)
        elif payload.get("reserve") not in redacted:
            odd.append(f"entry {entry.seq} ({entry.kind}) settles no open reservation")
    for name, data_set in view.sets.items():
        over = [purpose for purpose in data_set.limits if not fits(view, used, name, purpose)]
        odd.extend(f"the budget of {name!r} is overspent" if purpose == WHOLE else
                   f"the cap of {name!r} for purpose {purpose!r} is overspent" for purpose in over)
    state = State(used, {token: seq for seq, (token, _) in live.items()})
    return Recount(state, tuple(odd), tuple(redacted.values()))


def same(found: Rows, right: Rows) -> bool:
    """True if the tables hold these rows; sums of epsilons where they keep them."""
    if found.columns == totals.BEFORE_EPSILON:
        right = Rows(tuple(row[:-1] for row in right.totals), right.live)
    elif found.columns != totals.COLUMNS:
        return False
    return found.digest is not None and found.digest == right.digest


def _plan(entry: Entry) -> Spend | None:
    try:
        return spend_of(entry)
    except (InvalidInput, KeyError, TypeError, AttributeError):
        return None


def _odd_charges(view: View, entry: Entry, plan: Spend) -> Iterator[str]:
    payload = entry.payload
    assert payload is not None
    try:
        claim = from_json(payload["request"]["guarantee"])
        # Ancestors are fixed at registration, so today's view says what held then.
        right = charges_of(view, plan.name, claim, plan.purpose)
    except (InvalidInput, OutOfBudget, Refused) as error:
        yield f"entry {entry.seq} ({entry.kind}) holds no claim that could be counted: {error}"
        return
    if dict(right.charges) != dict(plan.charges):
        yield f"entry {entry.seq} ({entry.kind}) charges another amount than its claim costs"
