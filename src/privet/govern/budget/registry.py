"""Registering data sets, recognising their relatives, and saying what is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from privet.claims.guarantees import Relation
from privet.govern.budget import forgetting, sketches, totals
from privet.govern.budget.balance import Balance, balance_of, left_of
from privet.govern.budget.basis import basis_in, held_basis
from privet.govern.budget.filters import Budget
from privet.govern.budget.payload import count, payload_of, text
from privet.govern.budget.planning import Planned, PlanRow, plan
from privet.govern.budget.recount import current
from privet.govern.budget.relatives import (
    Facts,
    Match,
    check_continues,
    check_copies,
    check_new,
    check_relatives,
    existing,
    recognise,
    require_known_by,
)
from privet.govern.budget.sets import (
    REGISTER,
    VERSION,
    DataSet,
    View,
    from_payload,
)
from privet.govern.budget.sketches import Sealed
from privet.govern.budget.traces import Traces
from privet.govern.ledger import Entry, Ledger, Transaction


class Registry:
    """The data sets of one ledger. Safe for threads and processes."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._view = View()

    def view(self) -> View:
        """All sets as of now."""
        with self.ledger.reading() as connection:
            self._view = basis_in(self.ledger, connection).view(self._view, connection)
        return self._view

    def register(
        self,
        name: str,
        *,
        unit: str,
        budget: Budget,
        version: str,
        rows: int | None = None,
        units: int | None = None,
        columns: Sequence[str] = (),
        purposes: Mapping[str, Budget] | None = None,
        parents: Sequence[str] = (),
        traces: Traces | None = None,
        owner: str = "",
        owner_key: str | None = None,
        disjoint_from: Sequence[str] = (),
        relation: Relation = "zero-out",
        max_rows: int | None = None,
    ) -> Entry:
        """Register a data set under a name that is never given again.

        Args:
            unit: "row" or the name of the id column; the same as the parents'. Of a derived set
                whose unit is the row, each row stems from one row of the parent, and no two from
                the same one: else register by an id.
            version: keyed hash of the content, or the owner's word for it.
            rows, units: how many, where that is public.
            purposes: caps within the budget; other purposes are then refused.
            parents: the sets that it was filtered, joined or exported from.
            traces: what is seen of the source. Without them relatives are not recognised.
            owner_key: hex of the Ed25519 key that may adopt an older ledger for it.
            disjoint_from: sets none of whose units are in this one, now or later.

        Raises:
            InvalidInput: the name is taken or malformed, or a named set is not there.
            Refused: the content is registered already, under whatever unit, as a set that is no
                parent; units are shared with one that is none; unit or relation differ from a
                parent's; a set declared disjoint is not.
        """
        payload = payload_of(
            name, unit=unit, budget=budget, version=version, rows=rows, units=units,
            columns=columns, purposes=purposes or {}, parents=parents,
            owner=owner, owner_key=owner_key, disjoint_from=disjoint_from,
            relation=relation, max_rows=max_rows,
        )
        new = from_payload(payload, 0)
        sealed = _sealed(new, version, traces)
        payload |= _promises(sealed)

        def work(transaction: Transaction) -> Entry:
            basis, _ = held_basis(self.ledger, transaction)
            view = basis.view(self._view, transaction.connection)
            check_new(view, new, traces)
            totals.create(transaction.connection)
            entry = transaction.append(REGISTER, payload)
            for one in sealed:
                sketches.write(transaction.connection, entry.seq, one)
            return entry

        return self.ledger.atomically(work)

    def add_version(
        self,
        name: str,
        *,
        version: str,
        rows: int | None = None,
        units: int | None = None,
        columns: Sequence[str] = (),
        traces: Traces | None = None,
        attested: tuple[str, str] | None = None,
    ) -> Entry:
        """Record that a set has grown or changed; what was spent stays spent.

        Of a set that is known by the hash key before, what that key has hashed of the versions
        that this one is like is erased: from now on they are known by this one. When nothing is
        known by the key before, that one is deleted.

        Args:
            attested: who says, and why, that this is the set, where no hash can tell; and that
                the versions that it is not like need not be known any more.

        Raises:
            InvalidInput: no such set; or nobody needs to give their word.
            Refused: it is now the content of another set that it was not made from; or it shares
                units with a set that it was declared disjoint from, or that is no relative; or
                it is other data than a set that is known by another hash key alone.
        """
        new = text("version", version)
        payload: dict[str, Any]
        payload = {"name": name, "version": new, "rows": count(rows=rows),
                   "units": count(units=units), "columns": [text("column", c) for c in columns]}
        if attested:
            payload["attested"] = {"by": attested[0], "reason": text("reason", attested[1])}
        seen = Facts(rows, units, frozenset(columns))

        def work(transaction: Transaction) -> Entry:
            basis, _ = held_basis(self.ledger, transaction)
            view = basis.view(self._view, transaction.connection)
            old = existing(view, name)
            check_copies(view, replace(old, version=new), traces)
            check_relatives(view, name, traces)
            sealed = _sealed(old, new, traces)
            erased = _superseded(transaction, old, new, traces, seen, attested is not None)
            entry = transaction.append(
                VERSION, payload | _promises(sealed) | ({"sketches": erased} if erased else {})
            )
            for one in sealed:
                sketches.write(transaction.connection, entry.seq, one)
            return entry

        entry = self.ledger.atomically(work)
        if traces is not None:
            forgetting.end_rotation(self.ledger, self.view())
        return entry

    def get(self, name: str) -> DataSet:
        """A registered set.

        Raises:
            InvalidInput: there is none of this name.
        """
        return existing(self.view(), name)

    def list(self) -> tuple[DataSet, ...]:
        """All sets, in order of registration."""
        return tuple(self.view().sets.values())

    def balance(self, name: str) -> Balance:
        """What was spent of a set's budget, what is left, and what still fits.

        Raises:
            InvalidInput: there is no such set.
            Refused: the cached totals were changed by another hand.
        """
        with self.ledger.reading() as connection:
            view = basis_in(self.ledger, connection).view(self._view, connection)
            self._view = view
            existing(view, name)
            used = current(connection).totals
        return balance_of(view, used, name)

    def plan(self, name: str, releases: Iterable[Planned]) -> tuple[PlanRow, ...]:
        """Which of these planned releases fit into what a set's own budget has left.

        Raises:
            InvalidInput: there is no such set, or no release is planned.
            Refused: the cached totals were changed by another hand.
        """
        with self.ledger.reading() as connection:
            view = basis_in(self.ledger, connection).view(self._view, connection)
            budget = existing(view, name).budget
            left = left_of(view, current(connection).totals, name)
        return plan(budget, releases, spent=budget.limit - left)

    def recognise(self, traces: Traces | None, version: str | None) -> Match:
        """What a source is to the registered sets.

        Raises:
            Refused: not all sets can be recognised; see `require_known_by`.
        """
        return recognise(self.view(), traces, version)

    def require_known_by(self, keys: Collection[str]) -> None:
        """Return if all sets can be recognised under the hash keys of these names.

        Raises:
            Refused: sketches were changed or deleted, or sets are known by another hash key.
        """
        require_known_by(self.view(), keys)

    def forget(self, name: str, *ids: bytes, contents: Iterable[bytes] = ()) -> Entry | None:
        """Remove what the sketches of a set hold of these persons; see `forgetting.forget`."""
        return forgetting.forget(self.ledger, name, ids, contents)

    def erase_sketch(self, name: str) -> Entry:
        """Erase all sketches of a set; see `forgetting.erase`."""
        return forgetting.erase(self.ledger, name)


def _sealed(data_set: DataSet, version: str, traces: Traces | None) -> tuple[Sealed, ...]:
    """The sketches to keep of a version: of its units, and of its rows without them."""
    if traces is None:
        return ()
    units, contents = traces.unit_of(data_set), traces.contents_of(data_set)
    return tuple(
        Sealed.of(data_set.name, version, sketch, contents=of_rows)
        for sketch, of_rows in ((units, False), (contents, True)) if sketch is not None
    )


def _superseded(
    transaction: Transaction, old: DataSet, version: str, traces: Traces | None, seen: Facts,
    attested: bool,
) -> dict[str, None]:
    """Erase the sketches under other keys that a version takes the place of; what to say of it."""
    if traces is None:
        return {}
    held = sketches.read(transaction.connection, old.roots)
    stale = {place: one.sketch for place, one in held.items() if one.sketch.key != traces.key}
    gone = check_continues(old, version, traces, seen, stale, attested=attested)
    sketches.erase(transaction.connection, gone)
    return {str(place): None for place in gone}


def _promises(sealed: tuple[Sealed, ...]) -> dict[str, dict[str, str] | None]:
    """What the entry of a version says of its sketches."""
    found = {one.contents: one.promise() for one in sealed}
    return {"sketch": found.get(False), "contents": found.get(True)}
