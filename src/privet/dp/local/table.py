"""Randomised records of a table, in memory: made from rows, or read from a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from privet.claims import LocalDPGuarantee
from privet.data.schema import Schema
from privet.data.source import require_rows
from privet.data.values import Array, Batch
from privet.dp.local.layout import Layout, sampled, values_of
from privet.entropy import Stream
from privet.errors import DataError


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
        DataError: there is no row, or not as many as were counted.
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


def require_same_rows(found: Perturbed, rows: int) -> None:
    """Refuse a table that grew or shrank since its rows were counted.

    Raises:
        DataError: always then.
    """
    if found.rows != rows:
        raise DataError("the data changed while they were read", value=f"{found.rows} rows",
                        bound=f"the {rows} counted first",
                        remedy="a copy of the data that nobody writes to")
