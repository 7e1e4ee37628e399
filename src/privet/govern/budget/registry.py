"""Registering data sets, recognising their relatives, and saying what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from privet.claims.guarantees import Relation
from privet.govern.budget import forgetting, sketches, totals
from privet.govern.budget.balance import Balance, balance_of, left_of
from privet.govern.budget.filters import Budget
from privet.govern.budget.payload import count, payload_of, text
from privet.govern.budget.planning import Planned, PlanRow, plan
from privet.govern.budget.recount import current
from privet.govern.budget.relatives import (
    Match,
    check_copies,
    check_new,
    check_relatives,
    existing,
    recognise,
    require_known_by,
)
from privet.govern.budget.sets import REGISTER, VERSION, DataSet, View, advance, from_payload
from privet.govern.budget.sketch import Sketch
from privet.govern.budget.sketches import Sealed
from privet.govern.ledger import Entry, Ledger, Transaction


class Registry:
    """The data sets of one ledger. Safe for threads and processes."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._view = View()

    def view(self) -> View:
        """All sets as of now."""
        with self.ledger.reading() as connection:
            self._view = advance(self._view, connection)
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
        sketch: Sketch | None = None,
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
            sketch: `Sketch.of(hash_key(ledger), ids)`. Without it relatives are not recognised.
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
        sealed = Sealed.of(name, version, sketch) if sketch else None
        payload["sketch"] = sealed.promise() if sealed else None
        new = replace(from_payload(payload, 0), sketches=(sketch,) if sketch else ())

        def work(transaction: Transaction) -> Entry:
            view = advance(self._view, transaction.connection)
            check_new(view, new)
            totals.create(transaction.connection)
            entry = transaction.append(REGISTER, payload)
            if sealed:
                sketches.write(transaction.connection, entry.seq, sealed)
            return entry

        return self.ledger.atomically(work)

    def add_version(
        self,
        name: str,
        *,
        version: str,
        rows: int | None = None,
        units: int | None = None,
        sketch: Sketch | None = None,
    ) -> Entry:
        """Record that a set has grown or changed; what was spent stays spent.

        Raises:
            InvalidInput: no such set.
            Refused: it is now the content of another set that it was not made from; or it shares
                units with a set that it was declared disjoint from, or that is no relative.
        """
        sealed = Sealed.of(name, text("version", version), sketch) if sketch else None
        payload = {"name": name, "version": text("version", version), "rows": count(rows=rows),
                   "units": count(units=units), "sketch": sealed.promise() if sealed else None}

        def work(transaction: Transaction) -> Entry:
            view = advance(self._view, transaction.connection)
            old = existing(view, name)
            check_copies(view, replace(old, version=version))
            if sketch:
                check_relatives(view, replace(old, sketches=(sketch,)))
            entry = transaction.append(VERSION, payload)
            if sealed:
                sketches.write(transaction.connection, entry.seq, sealed)
            return entry

        return self.ledger.atomically(work)

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
            self._view = view = advance(self._view, connection)
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
            view = advance(self._view, connection)
            budget = existing(view, name).budget
            left = left_of(view, current(connection).totals, name)
        return plan(budget, releases, spent=budget.limit - left)

    def recognise(self, sketch: Sketch | None, version: str | None) -> Match:
        """What a source is to the registered sets.

        Raises:
            Refused: not all sets can be recognised; see `require_known_by`.
        """
        return recognise(self.view(), sketch, version)

    def require_known_by(self, key: str) -> None:
        """Return if all sets can be recognised under the hash key of this name.

        Raises:
            Refused: sketches were changed or deleted, or sets are known by another hash key.
        """
        require_known_by(self.view(), key)

    def forget(self, name: str, *ids: bytes) -> Entry | None:
        """Remove what the sketches of a set hold of these ids; see `forgetting.forget`."""
        return forgetting.forget(self.ledger, name, ids)

    def erase_sketch(self, name: str) -> Entry:
        """Erase all sketches of a set; see `forgetting.erase`."""
        return forgetting.erase(self.ledger, name)
