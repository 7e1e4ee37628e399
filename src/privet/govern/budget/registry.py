"""Registering data sets, recognising their relatives, and saying what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from privet.claims.guarantees import Relation
from privet.errors import InvalidInput, Refused
from privet.govern.budget import totals
from privet.govern.budget.balance import Balance, balance_of, left_of
from privet.govern.budget.filters import Budget
from privet.govern.budget.payload import count, payload_of, text
from privet.govern.budget.planning import Planned, PlanRow, plan
from privet.govern.budget.sets import REGISTER, VERSION, DataSet, View, advance, from_payload
from privet.govern.budget.sketch import Overlap, Sketch
from privet.govern.ledger import Entry, Ledger, Transaction

SAME = 0.5
"""From this part of its units on, a set that holds them is the same set, grown or changed."""


@dataclass(frozen=True)
class Match:
    """What a source is to the registered sets.

    Attributes:
        kind: "exact": a registered version. "changed": holds at least half of a registered
            set's units, so it is that set, grown or changed. "derived": shares some units.
            "unknown": shares none that a sketch can see.
        names: the sets, closest first.
    """

    kind: Literal["exact", "changed", "derived", "unknown"]
    names: tuple[str, ...] = ()


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
            Refused: units are shared with a set that is no parent; unit or relation differ from
                a parent's; a set declared disjoint is not.
        """
        payload = payload_of(
            name, unit=unit, budget=budget, version=version, rows=rows, units=units,
            columns=columns, purposes=purposes or {}, parents=parents, sketch=sketch,
            owner=owner, owner_key=owner_key, disjoint_from=disjoint_from,
            relation=relation, max_rows=max_rows,
        )
        new = from_payload(payload, 0)

        def work(transaction: Transaction) -> Entry:
            view = advance(self._view, transaction.connection)
            _check_new(view, new)
            totals.create(transaction.connection)
            return transaction.append(REGISTER, payload)

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
            Refused: it now shares units with a set that it was declared disjoint from, or that
                is no relative of it.
        """
        payload = {"name": name, "version": text("version", version), "rows": count(rows=rows),
                   "units": count(units=units), "sketch": sketch.to_json() if sketch else None}

        def work(transaction: Transaction) -> Entry:
            view = advance(self._view, transaction.connection)
            old = existing(view, name)
            if sketch:
                _check_relatives(view, replace(old, sketches=(sketch,)))
            return transaction.append(VERSION, payload)

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
        """
        with self.ledger.reading() as connection:
            self._view = view = advance(self._view, connection)
            existing(view, name)
            used = totals.read(connection, view.holders(name))
        return balance_of(view, used, name)

    def plan(self, name: str, releases: Iterable[Planned]) -> tuple[PlanRow, ...]:
        """Which of these planned releases fit into what a set's own budget has left.

        Raises:
            InvalidInput: there is no such set, or no release is planned.
        """
        with self.ledger.reading() as connection:
            view = advance(self._view, connection)
            budget = existing(view, name).budget
            left = left_of(view, totals.read(connection, [name]), name)
        return plan(budget, releases, spent=budget.limit - left)

    def recognise(self, sketch: Sketch | None, version: str | None) -> Match:
        """What a source is to the registered sets."""
        return recognise(self.view(), sketch, version)


def recognise(view: View, sketch: Sketch | None, version: str | None) -> Match:
    """What a source is to the sets of a view; see `Match`."""
    exact = [s.name for s in view.sets.values() if version and version in s.versions]
    if exact:
        return Match("exact", tuple(exact))
    changed: dict[str, float] = {}
    derived: dict[str, float] = {}
    for name, overlap in overlapping(view, sketch).items():
        near = changed if overlap.of_second >= SAME else derived
        near[name] = overlap.of_first + overlap.of_second
    kind: Literal["changed", "derived", "unknown"]
    kind = "changed" if changed else "derived" if derived else "unknown"
    near = changed or derived
    return Match(kind, tuple(sorted(near, key=lambda name: (-near[name], name))))


def overlapping(view: View, sketch: Sketch | None) -> dict[str, Overlap]:
    """The sets that share units with a source, as far as sketches see; the closest version."""
    found: dict[str, Overlap] = {}
    for data_set in view.sets.values():
        seen = [] if sketch is None else [
            sketch.overlap(old) for old in data_set.sketches if old.key == sketch.key
        ]
        if any(overlap.common for overlap in seen):
            found[data_set.name] = max(seen, key=lambda overlap: overlap.of_second)
    return found


def related(view: View, first: str, second: str) -> bool:
    """True if they have an ancestor, or one another, in common: there everything adds up."""
    return bool(set(view.holders(first)) & set(view.holders(second)))


def existing(view: View, name: str) -> DataSet:
    """A set of a view.

    Raises:
        InvalidInput: there is none of this name.
    """
    found = view.sets.get(name)
    if found is None:
        raise InvalidInput(
            "no data set of this name is registered",
            value=name,
            bound="one of " + ", ".join(view.sets) if view.sets else "a registered name",
            remedy=f"privet dataset register {name} FILE --unit COL --budget 3.0",
        )
    return found


def register_line(name: str, parents: Sequence[str]) -> str:
    """The line that registers a source as derived from these sets."""
    named = "".join(f" --parent {parent}" for parent in parents)
    return f"privet dataset register {name} FILE{named}"


def _check_new(view: View, new: DataSet) -> None:
    if new.name in view.sets:
        raise InvalidInput("a data set of this name is registered already", value=new.name,
                           remedy=f"privet dataset register {new.name}-2 FILE")
    for parent in new.parents:
        old = existing(view, parent)
        if (old.unit, old.relation) != (new.unit, new.relation):
            raise Refused(
                f"the parent {parent!r} is counted by another unit or relation, so releases on "
                f"{new.name!r} could not be counted there",
                value=f"unit {new.unit!r}, {new.relation}",
                bound=f"unit {old.unit!r}, {old.relation}",
                remedy=register_line(new.name, [parent]) + f" --unit {old.unit}",
            )
    view = replace(view, sets={**view.sets, new.name: new})
    for other in new.disjoint_from:
        existing(view, other)
        if other in view.holders(new.name):
            raise Refused("a set cannot be disjoint from what it was made from", value=other,
                          remedy=register_line(new.name, new.parents))
    _check_relatives(view, new)


def _check_relatives(view: View, new: DataSet) -> None:
    """Refuse a set that shares units with one that it was not declared to share them with."""
    if not new.sketches:
        return
    for name in overlapping(view, new.sketches[-1]):
        old = view.sets[name]
        if name == new.name:
            continue
        if view.disjoint(new.name, old.name):
            raise Refused(
                f"{new.name!r} and {old.name!r} share units, so they are not disjoint",
                remedy=register_line(new.name, [old.name]),
            )
        if not related(view, new.name, old.name):
            raise Refused(
                f"{new.name!r} shares units with the registered {old.name!r}: releases on either "
                "add up for the persons in both",
                remedy=register_line(new.name, [*new.parents, old.name]),
            )
