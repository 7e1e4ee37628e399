"""What a source is to the registered sets, and which sets may stand beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from privet.errors import InvalidInput, Refused
from privet.govern.budget.sets import DataSet, View
from privet.govern.budget.sketch import Overlap, Sketch

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


def recognise(view: View, sketch: Sketch | None, version: str | None) -> Match:
    """What a source is to the sets of a view; see `Match`.

    Raises:
        Refused: not all sets can be recognised; see `require_known_by`.
    """
    if sketch is not None:
        require_known_by(view, sketch.key)
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
    # Of two that are as close, the one made from the other: a release spends the budgets of both.
    return Match(kind, tuple(sorted(
        near, key=lambda name: (-near[name], -len(view.holders(name)), name)
    )))


def charged(view: View, match: Match, name: str | None) -> str | None:
    """The set that a source is, by its content; None if it is none.

    Args:
        name: what the caller calls it: it chooses among exact copies, and decides nothing else.
    """
    if match.kind == "exact":
        if name in match.names:
            return name
        every = set(match.names)
        return next((one for one in match.names if every <= {*view.holders(one)}), None)
    return match.names[0] if match.kind == "changed" else None


def strangers(view: View, name: str, sketch: Sketch | None) -> tuple[str, ...]:
    """The sets that a version of this set must not share units with, and does."""
    return tuple(
        other for other in overlapping(view, sketch)
        if other != name and (view.disjoint(name, other) or not related(view, name, other))
    )


def require_known_by(view: View, key: str) -> None:
    """Return if all sets of a view can be recognised under the hash key of this name.

    Raises:
        Refused: sketches were changed or deleted without an entry that says so, or sets are
            known by another hash key: their data would pass for data of nobody.
    """
    _require_whole(view)
    others = [s.name for s in view.sets.values() if s.key not in (None, key)]
    if others:
        raise Refused(
            "this ledger's hash key is not the one by which registered sets are known, so their "
            "data would not be recognised",
            value=", ".join(others),
            bound=f"a version of each under the hash key {key}",
            remedy=f"privet dataset version {others[0]} FILE   # or restore the hash key file",
        )


def _require_whole(view: View) -> None:
    broken = [s.name for s in view.sets.values() if s.broken]
    if broken:
        raise Refused(
            "sketches were changed or deleted by another hand, so that data would not be "
            "recognised",
            value=", ".join(broken), bound="what their entries promise",
            remedy=f"privet budget audit, then privet dataset forget {broken[0]} --all and "
                   f"privet dataset version {broken[0]} FILE",
        )


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
    return f"privet dataset register {name} FILE{named} --budget EPSILON"


def check_new(view: View, new: DataSet) -> None:
    """Refuse a set that must not be registered; see `Registry.register`."""
    if new.key is not None:
        require_known_by(view, new.key)
    if new.name in view.sets:
        raise InvalidInput("a data set of this name is registered already", value=new.name,
                           remedy=register_line(f"{new.name}-2", []))
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
    check_copies(view, new)
    check_relatives(view, new)


def check_copies(view: View, new: DataSet) -> None:
    """Refuse content that is registered already, but for what the set was made from.

    Sets that were copies of one another may stay so: a new hash key names both anew.
    """
    spent = view.holders(new.name)
    before = set(view.sets[new.name].versions) - {new.version}
    for old in view.sets.values():
        copied = old.name not in spent and new.version in old.versions
        if copied and before.isdisjoint(old.versions):
            raise Refused(
                f"this content is registered already, as {old.name!r}: a second budget would "
                "promise its persons less",
                value=new.name, bound="content that is registered once, or its set as parent",
                remedy=register_line(
                    new.name if new.seq == 0 else f"{new.name}-2", [*new.parents, old.name]
                ) + f" --unit {old.unit}",
            )


def check_relatives(view: View, new: DataSet) -> None:
    """Refuse a set that shares units with one that it was not declared to share them with."""
    if not new.sketches:
        return
    _require_whole(view)
    for other in strangers(view, new.name, new.sketches[-1]):
        if view.disjoint(new.name, other):
            raise Refused(
                f"{new.name!r} and {other!r} share units, so they are not disjoint",
                remedy=register_line(new.name, [other]),
            )
        raise Refused(
            f"{new.name!r} shares units with the registered {other!r}: releases on either "
            "add up for the persons in both",
            remedy=register_line(new.name, [*new.parents, other]),
        )
