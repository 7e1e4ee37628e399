"""Registered data sets, as the ledger's entries tell of them.

The registry is a fold over a few kinds of entries; a view remembers how far it has read, so that
a decision in a long ledger reads only what came since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from privet.errors import PrivetError, Refused
from privet.govern.budget import sketches
from privet.govern.budget.amounts import Amount
from privet.govern.budget.filters import Budget, Terms
from privet.govern.budget.sketch import Sketch
from privet.govern.ledger import Entry
from privet.govern.ledger.reading import entry_of
from privet.govern.ledger.tables import COLUMNS, ENTRIES, WITH_PAYLOAD

REGISTER, VERSION = "dataset.register", "dataset.version"
OUT, IN, ADOPT = "budget.transfer-out", "budget.transfer-in", "budget.adopt"
FORGET, REKEY = "dataset.forget", "dataset.rekey"
KINDS = (REGISTER, VERSION, OUT, IN, ADOPT, FORGET, REKEY)
WHOLE = ""
"""The limit of a data set as a whole, beside those of its purposes; no purpose is named so."""
_LAST = sa.select(sa.func.max(ENTRIES.c.seq))
_OF_KINDS = (
    sa.select(*COLUMNS)
    .select_from(WITH_PAYLOAD)
    .where(ENTRIES.c.kind.in_(sa.bindparam("kinds", expanding=True)),
           ENTRIES.c.seq >= sa.bindparam("start"))
    .order_by(ENTRIES.c.seq)
)


@dataclass(frozen=True)
class Attested:
    """Somebody's word that a version is the registered data, where no hash could tell.

    Attributes:
        seq: the entry of the version.
        by, reason: who said so, and why.
    """

    seq: int
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A registered data set.

    Attributes:
        name: its name in the ledger.
        unit, relation, max_rows: what claims on it must be about.
        rows, units: rows and privacy units of the newest version, where they are public.
        columns: names of the columns.
        version: keyed hash of the newest content, or what the owner calls it.
        versions: all versions so far, oldest first.
        budget: what the persons in it were promised.
        purposes: caps within the budget, by purpose; any purpose where empty.
        parents: the sets that it was made from, whose budgets it spends too.
        disjoint_from: sets that share no unit with it.
        owner, owner_key: who answers for it, and the hex of the Ed25519 key that adopts for it.
        key: name of the hash key under which it is known; None if it never had a sketch.
        roots: what the entries promise of the sketches that were not erased: the commitment, by
            `sketches.place` of the entry of the version.
        sketches: those of units that are as promised, oldest first.
        contents: those of rows without their unit.
        broken: entries whose sketch is missing or was changed, though no entry says so.
        limits: what may be spent here, after transfers, by purpose; "" is the whole.
        closed: the whole budget was moved to another ledger.
        attested: versions that are taken for the set by somebody's word alone.
        seq: the entry that registered it.
    """

    name: str
    unit: str
    relation: str
    max_rows: int | None
    rows: int | None
    units: int | None
    columns: tuple[str, ...]
    version: str
    versions: tuple[str, ...]
    budget: Budget
    purposes: Mapping[str, Budget] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    disjoint_from: tuple[str, ...] = ()
    owner: str = ""
    owner_key: str | None = None
    key: str | None = None
    roots: Mapping[int, str] = field(default_factory=dict)
    sketches: tuple[Sketch, ...] = ()
    contents: tuple[Sketch, ...] = ()
    broken: tuple[int, ...] = ()
    limits: Mapping[str, Amount] = field(default_factory=dict)
    closed: bool = False
    attested: tuple[Attested, ...] = ()
    seq: int = 0

    @property
    def terms(self) -> Terms:
        """What a claim must be about, and the filter that counts it."""
        return Terms(self.unit, self.relation, self.budget)


@dataclass(frozen=True)
class View:
    """All registered sets up to an entry.

    Attributes:
        sets: by name.
        upto: the last entry that was looked at.
        imported: transfers that came in, as (ledger, entry).
        adopted: entries that give up a pin, by name and digest; `pins` says which are signed.
    """

    sets: Mapping[str, DataSet] = field(default_factory=dict)
    upto: int = 0
    imported: frozenset[tuple[str, int]] = frozenset()
    adopted: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)

    def holders(self, name: str) -> tuple[str, ...]:
        """The set and all its ancestors: whose budgets a release on it spends."""
        found: dict[str, None] = {}
        edge = [name]
        while edge:
            item = edge.pop()
            if item not in found:
                found[item] = None
                edge.extend(self.sets[item].parents)
        return tuple(found)

    def disjoint(self, first: str, second: str) -> bool:
        """True if the two are declared to share no unit. Sets made from them are not taken to
        be so: they may have been joined with others.
        """
        a, b = self.sets[first], self.sets[second]
        return b.name in a.disjoint_from or a.name in b.disjoint_from


def advance(
    view: View, entries: Iterable[Entry], upto: int, connection: sa.Connection
) -> View:
    """The view after entries of the kinds `KINDS`; those that it knows are passed over.

    Args:
        upto: the last entry that was looked at.
        connection: where the sketches are read.

    Raises:
        Refused: an entry about data sets was redacted or cannot be understood.
    """
    if upto <= view.upto:
        return view
    before = view.sets
    for entry in entries:
        if entry.seq > view.upto:
            view = _after(view, entry)
    return replace(view, upto=upto, sets=_with_sketches(before, view.sets, connection))


def told(connection: sa.Connection) -> View:
    """The sets as the entries tell of them that the database gives out, unchecked: for an audit,
    which also says what is wrong with these.

    Raises:
        Refused: see `advance`.
    """
    last = connection.execute(_LAST).scalar() or 0
    return advance(View(), entries_of(connection, KINDS), last, connection)


def roots_of(view: View) -> dict[int, str]:
    """What all entries promise of sketches."""
    return {seq: root for data_set in view.sets.values() for seq, root in data_set.roots.items()}


def _with_sketches(
    before: Mapping[str, DataSet], after: Mapping[str, DataSet], connection: sa.Connection
) -> dict[str, DataSet]:
    """The sets with their sketches, read from the table where entries changed what is promised."""
    changed = [s for s in after.values()
               if s.roots != (before[s.name].roots if s.name in before else {})]
    found = sketches.read(connection, {q: root for s in changed for q, root in s.roots.items()})
    return dict(after) | {
        s.name: replace(
            s,
            sketches=tuple(found[seq].sketch for seq in s.roots if seq > 0 and seq in found),
            contents=tuple(found[seq].sketch for seq in s.roots if seq < 0 and seq in found),
            broken=tuple(dict.fromkeys(abs(seq) for seq in s.roots if seq not in found)),
        )
        for s in changed
    }


def entries_of(
    connection: sa.Connection, kinds: tuple[str, ...], start: int = 1
) -> Iterator[Entry]:
    """Entries of some kinds from `start` on, in order."""
    for row in connection.execute(_OF_KINDS, {"kinds": list(kinds), "start": start}):
        yield entry_of(row)


def _after(view: View, entry: Entry) -> View:
    payload = entry.payload
    if payload is None:
        raise Refused(
            f"entry {entry.seq} ({entry.kind}) was redacted, so nobody knows what is left of the "
            "budgets",
            remedy="restore the ledger from before the redaction",
        )
    try:
        return _STEPS[entry.kind](view, entry, payload)
    except (KeyError, TypeError, AttributeError, PrivetError) as error:
        raise Refused(
            f"entry {entry.seq} ({entry.kind}) cannot be understood by this release of privet",
            remedy="pip install --upgrade privet",
        ) from error


def _registered(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    found = from_payload(payload, entry.seq)
    return replace(view, sets={**view.sets, found.name: found})


def from_payload(payload: Mapping[str, Any], seq: int) -> DataSet:
    """The data set that a "dataset.register" entry tells of."""
    budget = Budget.from_json(payload["budget"])
    purposes = {
        purpose: Budget(cap["epsilon"], cap["delta"], budget.composition)
        for purpose, cap in payload.get("purposes", {}).items()
    }
    sketch = payload.get("sketch") or {}
    version = payload["version"]
    return DataSet(
        name=payload["name"],
        unit=payload["unit"],
        relation=payload.get("relation", "zero-out"),
        max_rows=payload.get("max_rows"),
        rows=payload.get("rows"),
        units=payload.get("units"),
        columns=tuple(payload.get("columns", ())),
        version=version,
        versions=(version,),
        budget=budget,
        purposes=purposes,
        parents=tuple(payload.get("parents", ())),
        disjoint_from=tuple(payload.get("disjoint_from", ())),
        owner=payload.get("owner", ""),
        owner_key=payload.get("owner_key"),
        key=sketch.get("key"),
        roots=_promised(payload, seq),
        limits={
            WHOLE: budget.limit,
            **{purpose: cap.limit for purpose, cap in purposes.items()},
        },
        seq=seq,
    )


def _promised(payload: Mapping[str, Any], seq: int) -> dict[int, str]:
    """What the entry of a version promises of its sketches, by place."""
    parts = {sketches.place(seq, contents=False): payload.get("sketch"),
             sketches.place(seq, contents=True): payload.get("contents")}
    return {place: str(promise["root"]) for place, promise in parts.items() if promise}


def _grown(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    view = _forgotten(view, entry, payload)
    old = view.sets[payload["name"]]
    sketch, version, attested = payload["sketch"], payload["version"], payload.get("attested")
    new = replace(
        old,
        version=version,
        versions=(*old.versions, version),
        rows=payload["rows"],
        units=payload["units"],
        columns=tuple(payload.get("columns") or old.columns),
        key=sketch["key"] if sketch else old.key,
        roots={**old.roots, **_promised(payload, entry.seq)},
        attested=(*old.attested, *([Attested(entry.seq, **attested)] if attested else ())),
    )
    return replace(view, sets={**view.sets, old.name: new})


def limits_from(record: Mapping[str, Any]) -> dict[str, Amount]:
    """Limits by purpose, as transfers write them."""
    return {purpose: Amount.from_json(amount) for purpose, amount in record.items()}


def _moved_out(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    sets = dict(view.sets)
    for holder, moved in payload["moved"].items():
        old = sets[holder]
        less = limits_from(moved)
        limits = {p: limit - less.get(p, Amount()) for p, limit in old.limits.items()}
        closed = old.closed or (holder == payload["name"] and payload["closes"])
        sets[holder] = replace(old, limits=limits, closed=closed)
    return replace(view, sets=sets)


def _moved_in(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    more = limits_from(payload["moved"])
    name = payload["data_set"]["name"]
    old = view.sets.get(name)
    if old is None:
        found = replace(from_payload(payload["data_set"], entry.seq), limits=more)
    else:
        limits = {p: limit + more.get(p, Amount()) for p, limit in old.limits.items()}
        found = replace(old, limits=limits, closed=False)
    source = (payload["from"], payload["entry"])
    return replace(
        view, sets={**view.sets, name: found}, imported=view.imported | {source}
    )


def _adopted(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    sets = dict(view.sets)
    for holder, lost in payload["lost"].items():
        gone, old = Amount.from_json(lost[WHOLE]), sets[holder]
        sets[holder] = replace(old, limits={**old.limits, WHOLE: old.limits[WHOLE] - gone})
    given_up = (payload["data_set"], payload["pin"])
    seqs = (*view.adopted.get(given_up, ()), entry.seq)
    return replace(view, sets=sets, adopted={**view.adopted, given_up: seqs})


def _forgotten(view: View, entry: Entry, payload: dict[str, Any]) -> View:
    """Sketches were erased, or have lost a value and have another commitment since."""
    instead = {int(seq): promise for seq, promise in payload.get("sketches", {}).items()}
    sets = {}
    for name, old in view.sets.items():
        roots = dict(old.roots)
        for seq in roots.keys() & instead.keys():
            promise = instead[seq]
            if promise is None:
                del roots[seq]
            else:
                roots[seq] = str(promise["root"])
        sets[name] = old if roots == old.roots else replace(old, roots=roots)
    return replace(view, sets=sets)


_STEPS = {
    REGISTER: _registered,
    VERSION: _grown,
    OUT: _moved_out,
    IN: _moved_in,
    ADOPT: _adopted,
    FORGET: _forgotten,
    REKEY: _forgotten,
}
