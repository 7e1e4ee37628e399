"""What is seen of a source, and how much of it a registered set has.

Formal guarantees, for independent draws of sets that have nothing to do with one another:
    - Of a declared unit, one id in common is enough (`Sketch` says how a part is missed). There is
      no chance to meet but equal ids: two sets that number their persons from 1 look like
      relatives.
    - Of another column, taken for an id column under another header: at least 8 ids in common,
      and half of all that either has. Numbers of up to six digits count only where all other
      columns are named as registered; otherwise ages, years and counters would be persons. A part
      of less than one in 256 of a large set is missed, and so are ids that were rewritten.
    - Of rows without their unit column: at least 32 contents in common, and half of all that
      either has, where in both at least three of four rows have a content that no other row has.
      A row of another set then meets a content with probability 1/4 at most in expectation (the
      missing mass, Good 1953), so m contents pass by chance with probability e^(-0.14 m) at most,
      by the Chernoff bound with divergence 0.14: 1e-4 for 64 contents, 1e-100 for a full sketch.
      Missed are sets of less than 32 such rows, sets whose rows are much alike, parts of less
      than one in 64 of a large set, a part below half of a larger source, and rows of which any
      cell, or the name or number of columns, was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from privet.govern.budget.sets import DataSet
from privet.govern.budget.sketch import Overlap, Sketch

SAME = 0.5
"""From this part of its units on, a set that holds them is the same set, grown or changed."""
OWN = 0.75
"""From this part of rows with a content of their own on, contents tell sets apart."""
IDS, CONTENTS = 8, 32
ROW = "row"


@dataclass(frozen=True)
class Traces:
    """Sketches of a source under one hash key.

    Attributes:
        key: the key's name.
        units: of declared units: by the id column, or "row" for whole rows.
        columns: of other columns that may hold ids, by column.
        telling: those of them whose values hardly meet others by chance.
        contents: of rows without a column, by that column, or "" for whole rows; only where at
            least three of four rows have a content of their own.
        names: of all columns of the source.
        before: what the content is called under the hash key before, and the traces under it,
            while sets are known by that one.
    """

    key: str
    units: Mapping[str, Sketch]
    columns: Mapping[str, Sketch] = field(default_factory=dict)
    telling: frozenset[str] = frozenset()
    contents: Mapping[str, Sketch] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    before: tuple[str, Traces] | None = None

    def under_keys(self) -> Iterator[Traces]:
        """These, and those under the hash key before."""
        yield self
        if self.before is not None:
            yield self.before[1]

    @property
    def keys(self) -> frozenset[str]:
        """The names of the hash keys of all sketches here."""
        return frozenset(traces.key for traces in self.under_keys())

    def unit_of(self, data_set: DataSet) -> Sketch | None:
        """The sketch of the unit that a set is counted by."""
        return self.units.get(data_set.unit)

    def contents_of(self, data_set: DataSet) -> Sketch | None:
        """The sketch of rows without the unit that a set is counted by."""
        return self.contents.get("" if data_set.unit == ROW else data_set.unit)


def versions_of(version: str | None, traces: Traces | None) -> frozenset[str]:
    """What a content is called under the hash key, and under the one before."""
    before = () if traces is None or traces.before is None else (traces.before[0],)
    return frozenset(name for name in (version, *before) if name)


def overlap_of(traces: Traces | None, data_set: DataSet) -> Overlap | None:
    """What a source and a set have in common, by the closest version; None if nothing counts."""
    if traces is None:
        return None
    seen = [one for under in traces.under_keys() for one in _seen(under, data_set)]
    return max(seen, key=lambda overlap: overlap.of_second, default=None)


def _seen(traces: Traces, data_set: DataSet) -> Iterator[Overlap]:
    yield from _of_units(traces, data_set)
    if data_set.unit != ROW and data_set.unit not in traces.names:
        columns = [sketch for name, sketch in traces.columns.items()
                   if name in traces.telling or _named_alike(traces, data_set, name)]
        yield from _substantial(columns, data_set.sketches, IDS)
    yield from _substantial(traces.contents.values(), data_set.contents, CONTENTS)


def _of_units(traces: Traces, data_set: DataSet) -> Iterator[Overlap]:
    for one in _overlaps(traces.units.values(), data_set.sketches):
        if one.common:
            yield one


def _named_alike(traces: Traces, data_set: DataSet, column: str) -> bool:
    """True if only the header of the unit is another than that of a column."""
    registered = {name.strip() for name in data_set.columns} - {data_set.unit}
    return traces.names - {column} == registered


def _substantial(
    sketches: Iterable[Sketch], known: Iterable[Sketch], least: int
) -> Iterator[Overlap]:
    for one in _overlaps(sketches, known):
        if one.common >= least and max(one.of_first, one.of_second) >= SAME:
            yield one


def _overlaps(sketches: Iterable[Sketch], known: Iterable[Sketch]) -> Iterator[Overlap]:
    known = tuple(known)
    return (one.overlap(old) for one in sketches for old in known if old.key == one.key)
