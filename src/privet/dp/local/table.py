"""Randomised records of a table, in memory: made from rows, or read from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from privet.claims import LocalDPGuarantee
from privet.data.schema import Schema
from privet.data.source import require_rows
from privet.data.values import MISSING, Array, Batch, codes, labels
from privet.dp.local.layout import Layout, sampled, values_of
from privet.entropy import Stream
from privet.errors import DataError

if TYPE_CHECKING:
    from privet.data import Dataset


@dataclass(frozen=True, eq=False)
class Perturbed:
    """Randomised records: nothing in it tells more of a record than its guarantee says.

    Attributes:
        layout: what was reported, by which randomiser, at which epsilon.
        guarantee: the claim.
        rows: number of records n.
        reports: by attribute, the reports of those records that made one.
        present: by attribute, (n,) bool, which records those are.
        schema: what the records' columns mean.
        dropped: the columns of the data that were left out.
    """

    layout: Layout
    guarantee: LocalDPGuarantee
    rows: int
    reports: dict[str, Array] = field(repr=False)
    present: dict[str, Array] = field(repr=False)
    schema: Schema
    dropped: tuple[str, ...] = ()


def join(tables: Sequence[Perturbed]) -> Perturbed:
    """The records of several tables as one: each device, or site, may send its own.

    Args:
        tables: perturbed in the same way, of different persons; at least one.

    Raises:
        DataError: there is none, or they were perturbed in different ways.
    """
    if not tables:
        raise DataError("there are no tables to join", value=0, bound=">= 1")
    first = tables[0]
    for table in tables[1:]:
        if (table.layout.meaning, table.schema) != (first.layout.meaning, first.schema):
            raise DataError("the tables were perturbed in different ways",
                            value=[first.layout.per_record, table.layout.per_record],
                            bound="one schema, one epsilon and one number of records for all",
                            remedy="privet.perturb(data, epsilon, records=10_000)")
    names = [attribute.name for attribute in first.layout.attributes]
    return replace(
        first,
        guarantee=replace(first.guarantee, recorded=all(t.guarantee.recorded for t in tables)),
        rows=sum(table.rows for table in tables),
        reports={name: np.concatenate([t.reports[name] for t in tables]) for name in names},
        present={name: np.concatenate([t.present[name] for t in tables]) for name in names},
    )


def randomise(
    batches: Iterable[Batch],
    schema: Schema,
    layout: Layout,
    *,
    stream: Stream,
    guarantee: LocalDPGuarantee,
    dropped: tuple[str, ...] = (),
) -> Perturbed:
    """Perturb every record on its own, and put the records into random order.

    Args:
        batches: the rows; one column of a schema each.
        stream: where all noise, the choice of columns and the order come from.

    Returns:
        one randomised record for each row.

    Raises:
        DataError: there is no row.
        UndeclaredMissing, UnknownCategory, DataError: a cell is at odds with the schema.

    Formal guarantees: see `FrequencyOracle` and `NumberRandomiser`; the reports of one record
    compose to at most `layout.epsilon`. No report depends on another record. The order of the
    output is uniformly random and independent of the rows.
    """
    parts: list[tuple[dict[str, Array], Array]] = []
    for batch in batches:
        size = len(next(iter(batch.values())))
        chosen = sampled(size, len(layout.attributes), layout.per_record, stream)
        made = {}
        for attribute, taken in zip(layout.attributes, chosen.T, strict=True):
            column = schema.columns[attribute.column]
            # Every cell is read, so that an error does not depend on which were chosen.
            values = values_of(column, attribute, batch[attribute.column])
            made[attribute.name] = attribute.randomiser.perturb(values[taken], stream=stream)
        parts.append((made, chosen))
    require_rows(any(len(chosen) for _, chosen in parts))
    return _shuffled(parts, layout, stream, guarantee, schema, dropped)


def _shuffled(
    parts: list[tuple[dict[str, Array], Array]],
    layout: Layout,
    stream: Stream,
    guarantee: LocalDPGuarantee,
    schema: Schema,
    dropped: tuple[str, ...],
) -> Perturbed:
    chosen = np.concatenate([part for _, part in parts])
    order = stream.permutation(len(chosen))
    reports, present = {}, {}
    for index, attribute in enumerate(layout.attributes):
        found = np.concatenate([made[attribute.name] for made, _ in parts])
        taken = chosen[:, index]
        place = np.cumsum(taken) - 1  # of each record's report among those made
        present[attribute.name] = taken[order]
        reports[attribute.name] = found[place[order[taken[order]]]]
    return Perturbed(layout, guarantee, len(chosen), reports, present, schema, dropped)


def records_of(
    data: Dataset, columns: Sequence[str], rows: int, stream: Stream
) -> Iterator[Batch]:
    """The records that are perturbed: of each privacy unit at most `max_rows`, drawn at random.

    Rows without a unit's id are nobody's and go. How many records a person sends is not hidden.

    Args:
        columns: which columns are read.
        rows: how many rows were counted before.
        stream: where the choice of surplus rows is drawn from.

    Raises:
        DataError: there are no longer as many rows.
    """
    kept = _within_units(data, stream)
    start = 0
    for batch in data.batches(columns):
        stop = start + len(batch[columns[0]])
        if kept is None:
            yield batch
        else:
            yield {name: values[kept[start:stop]] for name, values in batch.items()}
        start = stop
    if start != rows or (kept is not None and start != len(kept)):
        raise DataError("the data changed while they were read", value=f"{start} rows",
                        bound=f"the {rows} counted first",
                        remedy="a copy of the data that nobody writes to")


def _within_units(data: Dataset, stream: Stream) -> Array | None:
    """Which rows are used, (n,) bool; None if a row is a unit."""
    unit = data.schema.unit
    if unit.is_row:
        return None
    ids = data.arrays([unit.name])[unit.name]
    numbers = np.unique(labels(ids).astype(str), return_inverse=True)[1]
    order = stream.permutation(len(ids))
    order = order[np.argsort(numbers[order], kind="stable")]
    owner = numbers[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner, side="left")
    kept = np.zeros(len(ids), bool)
    kept[order[place < unit.max_rows]] = True
    return np.asarray(kept & (codes(ids, {}) != MISSING))
