"""A table with its schema: the one thing that estimators and protections are given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from privet.data.encode import Encoded, Encoder
from privet.data.names import unknown_column
from privet.data.schema import Schema
from privet.data.source import BATCH, Source, require_rows, rows_in
from privet.data.values import MISSING, Array, Batch, codes, concatenate, labels
from privet.errors import DataError, Refused


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of a source, with what the schema says of them.

    Memory: reading, counting, hashing and the guess at a schema go batch by batch. Training and
    prediction do not: `encode` and `features` hold all encoded rows, 8 bytes for each of their d
    numbers (and `encode` up to 24 more a row, for target, unit and weight). `arrays` holds the
    columns asked for, `sizes` every different id of a privacy unit, and `check_units` one
    identifier column at a time.

    Attributes:
        source: where the rows come from.
        schema: what they may be.
        name: what tables and reports call the data.

    Raises:
        UnknownColumn: the schema declares a feature that the data lack.
    """

    source: Source
    schema: Schema
    name: str = "data"

    def __post_init__(self) -> None:
        for column in self.schema.features:
            self.require(column.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns of the data."""
        return self.source.columns

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns of the data that the schema does not declare; they are left out."""
        known = {*self.schema.columns, self.schema.unit.name}
        return tuple(name for name in self.columns if name not in known)

    def batches(self, columns: Sequence[str] | None = None, size: int = BATCH) -> Iterator[Batch]:
        """Scan the rows from the start: canonical batches of some columns (None: all).

        Raises:
            UnknownColumn: a column is not in the data.
        """
        for name in columns or ():
            self.require(name)
        return self.source.batches(columns, size)

    def count(self) -> int:
        """Count the rows, those included that training drops."""
        return rows_in(self.source)

    def sizes(self) -> tuple[int, int]:
        """Count rows and privacy units: all that a plan may know of the cells.

        Rows without a unit's id are nobody's and do not count; those that a missing value drops
        do. Of the cells, only a unit's ids are looked at.

        Raises:
            UnknownColumn: the unit's id is not in the data.
        """
        unit = self.schema.unit
        if unit.is_row:
            rows = self.count()
            return rows, rows
        rows, found = 0, set()
        for batch in self.batches([unit.name]):
            named = labels(batch[unit.name])[codes(batch[unit.name], {}) != MISSING]
            rows += len(named)
            found.update(named.tolist())
        return rows, len(found)

    def with_schema(self, schema: Schema) -> Dataset:
        """Return the same rows under another schema."""
        return Dataset(self.source, schema, self.name)

    def with_target(self, name: str) -> Dataset:
        """Return the same rows, predicting another column."""
        return self.with_schema(self.schema.with_target(name))

    def arrays(self, columns: Sequence[str] | None = None) -> Batch:
        """Return whole raw columns, (n,) canonical each; holds them in memory.

        Raises:
            UnknownColumn: a column is not in the data.
            DataError: there is no row.
        """
        names = self.columns if columns is None else tuple(columns)
        parts: dict[str, list[Array]] = {name: [] for name in names}
        for batch in self.batches(names):
            for name in names:
                parts[name].append(batch[name])
        require_rows(any(map(len, parts.values())), self.name)
        return {name: concatenate(pieces) for name, pieces in parts.items()}

    def encode(self, *, encoding: str = "scaled", keep_dropped: bool = False) -> Encoded:
        """Encode features, target and privacy units batch by batch.

        Rows go that the schema says to drop: a missing value under "drop-row", or no unit's id.

        Args:
            encoding: "scaled" or "bins".
            keep_dropped: keep the place of a row that "drop-row" drops, with zeros and weight 0,
                so that neither the number of rows nor that of units tells who had a missing
                value. Rows without a unit's id go all the same: they are nobody's.

        Raises:
            SchemaError: no target is declared, or the rows are not what the schema says.
            UnknownColumn: the target or the unit's id is not in the data.
            DataError: no row is left.
        """
        encoder = Encoder(self.schema, encoding)
        target, unit = self.schema.required_target(), self.schema.unit
        names = [column.name for column in self.schema.features] + [target.name]
        names += [] if unit.is_row else [unit.name]
        xs: list[Array] = []
        ys: list[Array] = []
        ids: list[Array] = []
        weights: list[Array] = []
        seen = False
        for raw in self.batches(names):
            seen |= len(raw[target.name]) > 0
            there = encoder.named(raw) if keep_dropped else encoder.keep(raw)
            batch = {name: values[there] for name, values in raw.items()}
            kept = encoder.keep(batch)
            whole = {name: values[kept] for name, values in batch.items()}
            xs.append(_placed(encoder.encode(whole), kept))
            ys.append(_placed(encoder.encode_target(whole), kept))
            weights.append(kept.astype(np.float64))
            named = encoder.unit_labels(batch)
            if named is not None:
                ids.append(named)
        require_rows(seen, self.name)
        x = _joined(xs, len(encoder.names))
        weight = np.concatenate(weights)
        if not weight.any() and not keep_dropped:
            raise DataError("every row has a missing value that drops it", bound="rows to learn",
                            remedy='missing = "level"   # instead of "drop-row"')
        return Encoded(
            x=x,
            y=np.concatenate(ys),
            unit=None if unit.is_row else _numbered(ids),
            names=encoder.names,
            bounds=encoder.bounds,
            target=target,
            missing_bounds=encoder.missing_bounds,
            weight=weight if keep_dropped else None,
        )

    def features(self, *, encoding: str = "scaled") -> Array:
        """Encode the features of all rows, (n, d), for prediction: no row is dropped.

        Raises:
            SchemaError: the rows are not what the schema says.
            DataError: there is no row.
        """
        encoder = Encoder(self.schema, encoding)
        names = [column.name for column in self.schema.features]
        parts = [encoder.encode(batch) for batch in self.batches(names)]
        require_rows(any(map(len, parts)), self.name)
        return _joined(parts, len(encoder.names))

    def repeated_identifiers(self) -> tuple[str, ...]:
        """Name the identifier columns in which some value stands in several rows.

        Reads private rows: where it decides to refuse, it does so before anything is released.
        """
        found = []
        for name in self.schema.identifiers:
            if name not in self.columns:
                continue
            values = self.arrays([name])[name]
            named = labels(values)[codes(values, {}) != MISSING]
            if len(set(named.tolist())) < len(named):
                found.append(name)
        return tuple(found)

    def check_units(self) -> None:
        """Refuse a row as the privacy unit by default where an identifier repeats.

        Reads private rows; call it only where training is not in the clear. A schema that says
        `unit = "row"` in words is believed: people may share a name.

        Raises:
            Refused: naming the identifier, and the lines to write.
        """
        if self.schema.unit.declared or not self.schema.unit.is_row:
            return
        repeated = self.repeated_identifiers()
        if repeated:
            raise Refused(
                f"the identifier {repeated[0]!r} stands in several rows, so that one row may not "
                "be all of a person",
                value="no unit declared",
                bound="the person as the privacy unit",
                remedy=f'[unit]\n         column = "{repeated[0]}"\n         max_rows = 10\n'
                '         or, if no person has several rows: unit = "row"   # at the top',
            )

    def require(self, name: str) -> None:
        """Refuse a column that the data lack.

        Raises:
            UnknownColumn: naming those that come closest.
        """
        if name not in self.columns:
            raise unknown_column(name, self.columns, where=f"{self.name} has",
                                 remedy="[columns.{}]")


def read(
    source: Any,
    *,
    schema: Schema | str | os.PathLike[str] | Mapping[str, Any] | None = None,
    target: str | None = None,
    query: str | None = None,
    table: str | None = None,
    name: str | None = None,
) -> Dataset:
    """Open data: a file, a frame, arrays, a database; nothing is loaded yet.

    Args:
        source: a path, a URL, a frame, a mapping of arrays, a pair of arrays, or a `Source`.
        schema: a schema, its file or its content. None takes the TOML file of the same name
            beside a data file, or else guesses from the data, which is enough for `Plain` alone.
        target: the column to predict, instead of the schema's.
        query: SQL that selects the rows, where the source is a database.
        table: the table, where the source holds several.
        name: what reports call the data; the file's name unless given.

    Raises:
        DataError: the data cannot be read.
        SchemaError: the schema cannot be read or does not fit.
        UnknownColumn: a declared column, or the target, is not in the data.
    """
    if isinstance(source, Dataset):
        opened, known = source.source, source.schema
        schema, name = (known if schema is None else schema), name or source.name
    else:
        opened = _open(source, query=query, table=table)
    if schema is None:
        schema = _beside(source)
    name = name or _name(source, opened)
    if schema is None:
        if target is not None and target not in opened.columns:
            raise unknown_column(target, opened.columns, where=f"the target is missing: {name} has",
                                 remedy='target = "{}"')
        return Dataset(opened, Schema.infer(opened.batches(), target=target), name)
    if isinstance(schema, (str, os.PathLike)):
        schema = Schema.load(schema)
    elif not isinstance(schema, Schema):
        schema = Schema.parse(schema)
    return Dataset(opened, schema if target is None else schema.with_target(target), name)


def _open(source: Any, *, query: str | None, table: str | None) -> Source:
    from privet.data.readers import open_source

    return open_source(source, query=query, table=table)


def _file(source: Any) -> Path | None:
    if not isinstance(source, (str, os.PathLike)) or "://" in os.fspath(source):
        return None
    return Path(source)


def _beside(source: Any) -> Path | None:
    file = _file(source)
    if file is None:
        return None
    beside = file.with_suffix(".toml")
    return beside if beside != file and beside.is_file() else None


def _name(source: Any, opened: Source) -> str:
    file = _file(source)
    return opened.describe if file is None else file.stem


def _placed(values: Array, kept: Array) -> Array:
    """Values of the kept rows at their places among all, zeros elsewhere."""
    if kept.all():
        return values
    out = np.zeros((len(kept), *values.shape[1:]), dtype=values.dtype)
    out[kept] = values
    return out


def _joined(parts: list[Array], width: int) -> Array:
    # Parts go as they are copied, so that the peak is one copy and one batch, not two copies.
    out = np.empty((sum(map(len, parts)), width))
    end = len(out)
    while parts:
        part = parts.pop()
        out[end - len(part) : end] = part
        end -= len(part)
    return out


def _numbered(parts: list[Array]) -> Array:
    """Number labels 0..U-1 in their own order, whatever the order of rows."""
    named = np.concatenate(parts)
    order = {text: number for number, text in enumerate(sorted(set(named.tolist())))}
    return np.fromiter((order[text] for text in named), dtype=np.int64, count=len(named))
