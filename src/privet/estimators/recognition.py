"""What a ledger needs to know a source again, gathered in one pass over its rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from privet.data.fingerprint import ContentHash, is_telling, may_identify, scan

if TYPE_CHECKING:
    from privet.data.fingerprint import Scanned
    from privet.data.source import Source
    from privet.govern.budget import DataSet, Traces
    from privet.govern.ledger import Ledger

_ROW = "row"
_PEEK = 4096
"""Rows by which columns are judged that may hold ids under another header."""


class _Wanted(NamedTuple):
    """Which parts of a source to sketch: units, other columns, rows less a column ("": none)."""

    units: tuple[str, ...]
    columns: tuple[str, ...]
    telling: frozenset[str]
    less: tuple[str, ...]


def fingerprint(
    ledger: Ledger, source: Source, sets: Iterable[DataSet], unit: str | None = None
) -> tuple[str, Traces]:
    """The name of a source's content, and the sketches by which sets are recognised in it.

    Args:
        sets: the registered sets.
        unit: "row" or the id column of the source, where it is to be a version of a set itself.

    Raises:
        DataError: the rows cannot be read; the message shows no cell.
        InvalidInput, Refused: the hash key's file holds none, or others may read it.
    """
    from privet.govern.budget import hash_keys

    wanted = _wanted(source, tuple(sets), unit)
    gathered = [_Gathered(key, wanted) for key in hash_keys(ledger)]
    columns = [name for name in (*wanted.units, *wanted.columns) if name != _ROW]
    for batch in scan(source, less=[name for name in wanted.less if name], ids=columns):
        for one in gathered:
            one.add(batch)
    names = frozenset(name.strip() for name in source.columns)
    found = [one.traces(wanted, names) for one in gathered]
    version, traces = found[0]
    return version, replace(traces, before=found[1]) if len(found) > 1 else traces


def _wanted(source: Source, sets: tuple[DataSet, ...], unit: str | None) -> _Wanted:
    declared = dict.fromkeys([*([unit] if unit else []), *(known.unit for known in sets)])
    units = tuple(name for name in declared if name == _ROW or name in source.columns)
    less = {"" if name == _ROW else name: None for name in units}
    away = [known for known in sets if known.unit not in units]
    if sets:
        less[""] = None
    for known in sets:
        others = [name for name in source.columns if name not in known.columns]
        if len(others) == 1:  # ids that were added, or stand under another header
            less[others[0]] = None
    columns, telling = _candidates(source, units) if away else ((), frozenset())
    return _Wanted(units, columns, telling, tuple(less))


def _candidates(source: Source, units: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The other columns that may hold ids, and those of them whose values tell persons apart."""
    first = next(iter(source.batches(None, _PEEK)), {})
    columns = [name for name, values in first.items()
               if name not in units and may_identify(values)]
    return tuple(columns), frozenset(name for name in columns if is_telling(first[name]))


class _Gathered:
    """The content's name and the sketches under one hash key."""

    def __init__(self, key: bytes, wanted: _Wanted) -> None:
        from privet.govern.budget import Sketcher, key_name

        self._key, self._content = key_name(key), ContentHash(key)
        self._units = {name: Sketcher(key) for name in wanted.units if name != _ROW}
        self._columns = {name: Sketcher(key) for name in wanted.columns}
        self._less = {name: Sketcher(key) for name in wanted.less}

    def add(self, batch: Scanned) -> None:
        self._content.add(batch.rows)
        for name, sketcher in (self._units | self._columns).items():
            sketcher.add(batch.ids[name])
        for name, sketcher in self._less.items():
            sketcher.add(batch.less[name] if name else batch.rows)

    def traces(self, wanted: _Wanted, names: frozenset[str]) -> tuple[str, Traces]:
        from privet.govern.budget import OWN, Traces

        units = {name: one.sketch() for name, one in self._units.items()}
        if _ROW in wanted.units:
            units[_ROW] = self._less[""].sketch()
        return self._content.name(), Traces(
            key=self._key,
            units=units,
            columns={name: one.sketch() for name, one in self._columns.items()},
            telling=wanted.telling,
            contents={name: one.sketch() for name, one in self._less.items() if one.own() >= OWN},
            names=names,
        )
