"""What a source is to the registered sets, and which sets may stand beside one another."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from privet.errors import InvalidInput, Refused
from privet.govern.budget.sets import DataSet, View
from privet.govern.budget.sketch import Overlap, Sketch
from privet.govern.budget.traces import SAME, Traces, overlap_of, versions_of


@dataclass(frozen=True)
class Match:
    """What a source is to the registered sets.

    Attributes:
        kind: "exact": a registered version. "changed": holds at least half of a registered
            set's units or rows, so it is that set, grown or changed. "derived": shares some.
            "unknown": shares none that a sketch can see; see `traces`.
        names: the sets, closest first.
    """

    kind: Literal["exact", "changed", "derived", "unknown"]
    names: tuple[str, ...] = ()


Stale = Mapping[int, Sketch]


class Facts(NamedTuple):
    """How many rows and units a source has, where they are public, and the names of columns."""

    rows: int | None
    units: int | None
    columns: frozenset[str]


def recognise(view: View, traces: Traces | None, version: str | None) -> Match:
    """What a source is to the sets of a view; see `Match`.

    Raises:
        Refused: not all sets can be recognised; see `require_known_by`.
    """
    if traces is not None:
        require_known_by(view, traces.keys)
    names = versions_of(version, traces)
    exact = [s.name for s in view.sets.values() if not names.isdisjoint(s.versions)]
    if exact:
        return Match("exact", tuple(exact))
    changed: dict[str, float] = {}
    derived: dict[str, float] = {}
    for name, overlap in overlapping(view, traces).items():
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


def strangers(view: View, name: str, traces: Traces | None) -> tuple[str, ...]:
    """The sets that a version of this set must not share units with, and does."""
    return tuple(
        other for other in overlapping(view, traces)
        if other != name and (view.disjoint(name, other) or not related(view, name, other))
    )


def require_known_by(view: View, keys: Collection[str]) -> None:
    """Return if all sets of a view can be recognised under the hash keys of these names.

    Raises:
        Refused: sketches were changed or deleted without an entry that says so, or sets are
            known by another hash key: their data would pass for data of nobody.
    """
    _require_whole(view)
    others = [s.name for s in view.sets.values() if s.key is not None and s.key not in keys]
    if others:
        raise Refused(
            "this ledger's hash key is not the one by which registered sets are known, so their "
            "data would not be recognised",
            value=", ".join(others),
            bound=f"a version of each under the hash key {', '.join(sorted(keys))}",
            remedy="restore the hash key file; or, where it is lost: privet dataset version "
                   f'{shlex.quote(others[0])} FILE --attest "why it is the same"',
        )


def _require_whole(view: View) -> None:
    broken = [s.name for s in view.sets.values() if s.broken]
    if broken:
        name = shlex.quote(broken[0])
        raise Refused(
            "sketches were changed or deleted by another hand, so that data would not be "
            "recognised",
            value=", ".join(broken), bound="what their entries promise",
            remedy=f"privet budget audit, then privet dataset forget {name} --all and "
                   f"privet dataset version {name} FILE",
        )


def overlapping(view: View, traces: Traces | None) -> dict[str, Overlap]:
    """The sets that share units or rows with a source, as far as sketches see."""
    found = {name: overlap_of(traces, data_set) for name, data_set in view.sets.items()}
    return {name: overlap for name, overlap in found.items() if overlap is not None}


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
            remedy=f"privet dataset register {shlex.quote(name)} FILE --unit COL --budget EPSILON",
        )
    return found


def register_line(name: str, parents: Sequence[str]) -> str:
    """The line that registers a source as derived from these sets."""
    named = "".join(f" --parent {shlex.quote(parent)}" for parent in parents)
    return f"privet dataset register {shlex.quote(name)} FILE{named} --budget EPSILON"


def check_new(view: View, new: DataSet, traces: Traces | None) -> None:
    """Refuse a set that must not be registered; see `Registry.register`."""
    if traces is not None:
        require_known_by(view, traces.keys)
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
    check_copies(view, new, traces)
    check_relatives(view, new.name, traces)


def check_copies(view: View, new: DataSet, traces: Traces | None) -> None:
    """Refuse content that is registered already, but for what the set was made from.

    Sets that were copies of one another may stay so: a new hash key names both anew.
    """
    spent, names = view.holders(new.name), versions_of(new.version, traces)
    before = set(view.sets[new.name].versions) - {new.version}
    for old in view.sets.values():
        copied = old.name not in spent and not names.isdisjoint(old.versions)
        if copied and before.isdisjoint(old.versions):
            raise Refused(
                f"this content is registered already, as {old.name!r}: a second budget would "
                "promise its persons less",
                value=new.name, bound="content that is registered once, or its set as parent",
                remedy=register_line(
                    new.name if new.seq == 0 else f"{new.name}-2", [*new.parents, old.name]
                ) + f" --unit {old.unit}",
            )


def check_relatives(view: View, name: str, traces: Traces | None) -> None:
    """Refuse a set that shares units with one that it was not declared to share them with."""
    if traces is None:
        return
    _require_whole(view)
    for other in strangers(view, name, traces):
        if view.disjoint(name, other):
            raise Refused(
                f"{name!r} and {other!r} share units, so they are not disjoint",
                remedy=register_line(name, [other]),
            )
        raise Refused(
            f"{name!r} shares units with the registered {other!r}: releases on either "
            "add up for the persons in both",
            remedy=register_line(name, [*view.sets[name].parents, other]),
        )


def check_continues(
    old: DataSet, version: str, traces: Traces, seen: Facts, stale: Stale, *, attested: bool
) -> Stale:
    """Refuse what may be other data than a set that is known by another hash key alone: the set
    would be known by them from now on, and its own data by nothing.

    Args:
        seen: what the source is like.
        stale: the set's sketches under other keys than the present one, by place.
        attested: somebody gives their word for it.

    Returns:
        The sketches that are needed no more: those of versions of which the source is one, grown
        or changed; all of them where somebody gives their word.

    Raises:
        Refused: under the key before, it is not the set, grown or changed. Where that key is
            lost, or the set's sketches were erased: nobody gives their word, or rows, units or
            columns are not as registered.
        InvalidInput: their word is not needed.
    """
    own = None if traces.before is None else traces.before[1].unit_of(old)
    told = {place for place, sketch in stale.items() if place > 0 and own is not None
            and own.key == sketch.key and own.overlap(sketch).of_second >= SAME}
    matched = {place: sketch for place, sketch in stale.items() if abs(place) in told}
    exact = not versions_of(version, traces).isdisjoint(old.versions)
    if old.key not in (None, traces.key) and not matched and not exact:
        if any(sketch.key in traces.keys for sketch in stale.values()):
            raise Refused(
                f"this source is not the registered {old.name!r}, by the hash key before",
                bound=f"the data of {old.name!r}, or at least half of its units",
                remedy=f"privet dataset version {shlex.quote(old.name)} FILE   # with its own data",
            )
        _require_attested(old, seen, attested)
    elif attested and len(matched) == len(stale):
        raise InvalidInput("hashes tell what this source is, so nobody needs to give their word",
                           remedy=f"privet dataset version {shlex.quote(old.name)} FILE")
    return stale if attested else matched


def _require_attested(old: DataSet, seen: Facts, attested: bool) -> None:
    line = f'privet dataset version {shlex.quote(old.name)} FILE --attest "why it is the same"'
    if not attested:
        raise Refused(
            f"no hash tells whether this source is the registered {old.name!r}: the hash key by "
            "which it is known is lost, or its hashes were erased",
            bound="the hash key file, or the word of whoever answers for the data", remedy=line,
        )
    known = Facts(old.rows, old.units, frozenset(old.columns))
    if seen != known:
        parts = zip(("rows", "units", "columns"), seen, known, strict=True)
        wrong = [name for name, have, want in parts if have != want]
        raise Refused(
            f"this source is not like the registered {old.name!r}, so nobody's word makes it that",
            value=f"other {' and '.join(wrong)}",
            bound=f"{old.rows} rows of {old.units} units, with its columns",
            remedy=f"{line}   # with the file that was registered; then its changes",
        )
