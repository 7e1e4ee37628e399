"""The entries that decisions rest on: all of them, and as they were signed.

Decisions read few kinds of entries, by an index of the database: what is registered, which policy
counts, who approved. Whoever can write to the database, but has no key, could edit such an entry
and put it back, or make the index pass one over. So each entry of a run, and each decision, states
a digest over all entries of these kinds before it; and whoever decides walks the signed links from
the newest entry back to the last such statement, which fixes everything after it as well.

Formal guarantees:
    - `Basis` holds exactly the entries of the kinds `GOVERNED` up to the newest one, with the
      fields that were signed, or `Refused` is raised. What a database answers to one query and
      not to another plays no part: what is checked is what is handed out.
    - A payload that was redacted is known to be gone; one that was changed is refused when read.
    - In a ledger in which no entry states a digest yet, the walk goes back to its first entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from privet.errors import Refused
from privet.govern.budget.charges import RUNS
from privet.govern.budget.sets import KINDS, View, advance, entries_of
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.succession import REDACTED
from privet.govern.ledger.writing import Tip, current_tip, link_of, walk_back

DECIDE = "run.decide"
GOVERNED = (
    *KINDS, "policy.adopt", "organisation.adopt", "approval.request", "approval.grant",
    "approval.deny", "approval.revoke", "report", REDACTED,
)  # fmt: skip
"""Kinds of which a decision must miss none."""
STATED, TOTALS = "basis", "totals"
_VOUCHING = (*RUNS, DECIDE)
_DOMAIN = b"privet basis 1"


@dataclass(frozen=True)
class Basis:
    """The entries of the kinds `GOVERNED` up to one entry.

    Attributes:
        upto, chain: the last entry that was looked at, and its chain hash.
        fold: digest over sequence number and link of each of them.
        entries: in order.
    """

    upto: int = 0
    chain: bytes = b""
    fold: bytes = bytes(32)
    entries: tuple[Entry, ...] = ()

    def of(self, *kinds: str) -> list[Entry]:
        """Those of some kinds, in order."""
        return [entry for entry in self.entries if entry.kind in kinds]

    def stated(self) -> dict[str, Any]:
        """What an entry says of them."""
        return {"entries": len(self.entries), "digest": self.fold.hex()}

    def view(self, before: View, connection: sa.Connection) -> View:
        """The registered sets, from these entries."""
        return advance(before, self.of(*KINDS), self.upto, connection)


@dataclass(frozen=True)
class Walk:
    """What the newest entries say, back to one that states a digest.

    Attributes:
        later: entries after that one, newest first.
        base: that one; None if there is none.
        run: the newest entry that vouches for the tables of totals, or should; 0 if none does.
        totals: their digest by that entry; None if it says nothing.
    """

    later: tuple[Entry, ...]
    base: Entry | None
    run: int
    totals: str | None


@dataclass
class _Known:
    """What this process has checked of one ledger."""

    tip: Tip = field(default_factory=Tip)
    basis: Basis = field(default_factory=Basis)


_KNOWN: WeakKeyDictionary[Ledger, _Known] = WeakKeyDictionary()


def basis_of(ledger: Ledger) -> Basis:
    """The entries that decisions rest on, as of now.

    Raises:
        Refused: some are missing, or are not those that were signed.
    """
    with ledger.reading() as connection:
        return basis_in(ledger, connection)


def basis_in(ledger: Ledger, connection: sa.Connection) -> Basis:
    """The same, as a connection sees them."""
    known = _KNOWN.setdefault(ledger, _Known())
    known.tip = current_tip(connection, ledger.identity, known.tip)
    return _checked(ledger, connection, known.tip)[0]


def held_basis(ledger: Ledger, transaction: Transaction) -> tuple[Basis, Walk]:
    """The same before the next entry is written, with what the newest entries say.

    Raises:
        Refused: see `basis_of`.
    """
    return _checked(ledger, transaction.connection, transaction.tip)


def _checked(ledger: Ledger, connection: sa.Connection, tip: Tip) -> tuple[Basis, Walk]:
    known = _KNOWN.setdefault(ledger, _Known())
    walk = _walk(connection, ledger.identity, tip)
    found = _extended(ledger.identity, connection, tip, walk, known.basis)
    if found is None:  # what was known is not of this ledger as it is now: a restored backup
        found = _extended(ledger.identity, connection, tip, walk, Basis())
    if found is None:
        raise Refused(
            "entries that decisions rest on are missing from what the database gives out, or "
            "were changed, so nothing is decided",
            remedy="privet ledger verify",
        )
    known.basis = found
    return found, walk


def _walk(connection: sa.Connection, identity: str, tip: Tip) -> Walk:
    later: list[Entry] = []
    kept: dict[int, dict[str, Any]] = {}
    run, totals = 0, None
    for entry in walk_back(connection, identity, tip):
        says = entry.payload if entry.kind in (*_VOUCHING, REDACTED) else None
        if entry.kind == REDACTED and says:
            kept[says["entry"]] = says
        if entry.kind in _VOUCHING:
            says = kept.get(entry.seq, {}) if says is None else says
            # A run that says nothing of the totals leaves them unknown; a decision changed none.
            if not run and (entry.kind in RUNS or TOTALS in says):
                run, totals = entry.seq, says.get(TOTALS)
            if run and isinstance(says.get(STATED), dict):
                return Walk(tuple(later), entry, run, totals)
        later.append(entry)
    return Walk(tuple(later), None, run, totals)


def _extended(
    identity: str, connection: sa.Connection, tip: Tip, walk: Walk, known: Basis
) -> Basis | None:
    """What is known, with what came since; None if it is not what was signed."""
    base = walk.base.seq if walk.base else 0
    walked = {entry.seq: entry for entry in (*walk.later, *([walk.base] if walk.base else []))}
    if known.upto > tip.seq or (known.upto in walked and walked[known.upto].chain != known.chain):
        return None
    found = known
    if base > known.upto:
        read = entries_of(connection, GOVERNED, known.upto + 1)
        found = _plus(identity, known, (entry for entry in read if entry.seq <= base))
        assert walk.base is not None
        if (walk.base.payload or {}).get(STATED) != found.stated():
            return None
    after = (entry for entry in reversed(walk.later)
             if entry.seq > max(base, known.upto) and entry.kind in GOVERNED)  # fmt: skip
    found = _plus(identity, found, after)
    return Basis(tip.seq, tip.chain, found.fold, found.entries)


def _plus(identity: str, basis: Basis, entries: Iterable[Entry]) -> Basis:
    fold, more = basis.fold, list[Entry]()
    for entry in entries:
        link = link_of(identity, entry)
        fold = hashlib.sha256(framed(_DOMAIN, fold, entry.seq, link)).digest()
        more.append(entry)
    every = (*basis.entries, *more)
    # What was read before its payload was redacted is known no more.
    gone = {(entry.payload or {}).get("entry") for entry in more if entry.kind == REDACTED}
    if gone:
        every = tuple(replace(entry, salt=None, text=None) if entry.seq in gone else entry
                      for entry in every)  # fmt: skip
    return Basis(basis.upto, basis.chain, fold, every)


def view_in(ledger: Ledger, transaction: Transaction) -> View:
    """The registered sets before the next entry is written.

    Raises:
        Refused: see `basis_of`.
    """
    return held_basis(ledger, transaction)[0].view(View(), transaction.connection)
