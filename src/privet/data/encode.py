"""From canonical columns to the numbers a model sees, by the schema alone.

============  =======================================  ====================================
declared      encoding="scaled"                        encoding="bins"
============  =======================================  ====================================
number        clipped to its bounds, then to [-1, 1]   one-hot of its bins (16 equal ones
                                                       unless declared; an integer of at
                                                       most 16 values: one bin each)
category      one-hot, {0, 1}                          the same
boolean       one column, 0 or 1                       the same
============  =======================================  ====================================

Missing values under ``missing = "level"`` get one more column, ``NAME missing``; a scaled number
is then 0. Undeclared categories under ``other = "level"`` get ``NAME other``. An infinite number
lies beyond any bounds and is clipped to them; without bounds it is refused.

Formal guarantees
    * Nothing here is learnt from rows: names, widths, bounds and norm are functions of the
      schema, so encoding costs no privacy budget. Encoding one row does not depend on another.
    * Every encoded row lies within `Encoder.bounds` whatever the cells hold, and its Euclidean
      norm is at most `bounds.norm` up to rounding (relative 2**-50); who clips must clip again.
    * Errors name columns and declared values; neither cells nor how many there are.
    * That an error is raised does depend on the rows: what a schema does not allow ends the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from privet.data.blocks import (
    block_for,
    bounded_numbers,
    bounds_line,
    scale,
    settled_codes,
)
from privet.data.names import unknown_column
from privet.data.schema import Schema
from privet.data.tomlfile import heading
from privet.data.types import FeatureBounds, Target
from privet.data.values import MISSING, Array, Batch, codes, labels, to_numbers
from privet.errors import DataError, MissingBounds, SchemaError, one_of

ENCODINGS = ("scaled", "bins")


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows ready for training.

    Attributes:
        x: (n, d) float64, encoded features.
        y: (n,) class numbers 0..K-1 (int64) or a target scaled to [-1, 1] (float64).
        unit: (n,) int64, number of each row's privacy unit, 0..units-1; None if a row is one.
        names: (d,) names of the encoded columns.
        bounds: what the schema says of x; None if a bound is missing.
        target: what is predicted.
        missing_bounds: the lines that the schema lacks, ready to paste and fill in.
        weight: (n,) 0 for a row that a missing value drops, else 1; None where such rows are gone.
    """

    x: Array
    y: Array
    unit: Array | None
    names: tuple[str, ...]
    bounds: FeatureBounds | None
    target: Target
    missing_bounds: tuple[str, ...] = ()
    weight: Array | None = None


class Encoder:
    """Encodes batches as a schema says.

    Args:
        schema: the declarations; the target is optional.
        encoding: "scaled" or "bins".
        unbounded: False refuses numbers without bounds; True passes them on unscaled.

    Raises:
        SchemaError: the schema leaves no column to learn from.
        MissingBounds: a number without bounds, where bins or `unbounded=False` need them.
    """

    def __init__(
        self, schema: Schema, encoding: str = "scaled", *, unbounded: bool = True
    ) -> None:
        self.schema = schema
        self.encoding = str(one_of(ENCODINGS, encoding=encoding))
        if not schema.features:
            raise SchemaError("the schema leaves no column to learn from",
                              bound="a number, category or boolean beside the target",
                              remedy='[columns.age]\n         kind = "number"')
        if self.missing_bounds and not unbounded:
            raise MissingBounds("the schema lacks bounds", bound="bounds of every number",
                                remedy="\n         ".join(self.missing_bounds))
        self._blocks = tuple(block_for(column, self.encoding) for column in schema.features)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns: `age`, `city=Paris`, `age in [10, 20)`, `age missing`."""
        return tuple(name for block in self._blocks for name in block.names)

    @property
    def missing_bounds(self) -> tuple[str, ...]:
        """The lines that declare the missing bounds of features and target, to be filled in."""
        columns = list(self.schema.features)
        if self.schema.target_name is not None:
            columns.append(self.schema.columns[self.schema.target_name])
        return tuple(
            bounds_line(column) for column in columns if column.is_numeric and column.range is None
        )

    @property
    def bounds(self) -> FeatureBounds | None:
        """Bounds of encoded rows; None if a feature's bounds are missing."""
        low = np.array([value for block in self._blocks for value in block.low])
        high = np.array([value for block in self._blocks for value in block.high])
        if not np.isfinite(low).all():
            return None
        return FeatureBounds(low, high, float(np.sqrt(len(self._blocks))))

    def keep(self, batch: Mapping[str, Array]) -> Array:
        """Say which rows stay in training, (m,) bool.

        Rows go where a column with the rule "drop-row" is missing (the target's only if the
        batch has it), and where the id of the privacy unit is.
        """
        kept = np.ones(_rows(batch), dtype=bool)
        for name, column in self.schema.columns.items():
            if column.missing == "drop-row" and column.is_used and name in batch:
                if column.is_numeric:
                    kept &= ~np.isnan(to_numbers(batch[name], column=name))
                else:
                    kept &= codes(batch[name], {}) != MISSING
        return kept & self.named(batch)

    def named(self, batch: Mapping[str, Array]) -> Array:
        """Say which rows belong to a privacy unit: where its id is one, all that have an id."""
        if self.schema.unit.is_row or self.schema.unit.name not in batch:
            return np.ones(_rows(batch), dtype=bool)
        named: Array = codes(batch[self.schema.unit.name], {}) != MISSING
        return named

    def drop(self, batch: Mapping[str, Array]) -> Batch:
        """Return the batch without the rows that do not stay in training."""
        kept = self.keep(batch)
        if kept.all():
            return dict(batch)
        return {name: values[kept] for name, values in batch.items()}

    def encode(self, batch: Mapping[str, Array]) -> Array:
        """Encode features row by row, (m, d) float64; no row is dropped.

        Raises:
            UnknownColumn: a declared feature is not in the batch.
            UndeclaredMissing: a missing value where the rule is "refuse", or "drop-row" and the
                row was not dropped.
            UnknownCategory: a category that is not declared.
            DataError: text in a column of numbers, or an infinite one without bounds.
        """
        out = np.zeros((_rows(batch), len(self.names)))
        start = 0
        for block in self._blocks:
            values = _column(batch, block.column.name)
            block.write(values, out[:, start : start + block.width])
            start += block.width
        return out

    def encode_target(self, batch: Mapping[str, Array]) -> Array:
        """Encode the target, (m,): class numbers (int64), or numbers in [-1, 1] (float64).

        A number without bounds stays as it is.

        Raises:
            SchemaError: the schema has no target.
            UnknownColumn: the target is not in the batch.
            DataError: the target is missing in a row, text instead of a number, or infinite
                without bounds.
            UnknownCategory: a class that is not declared.
        """
        target = self.schema.required_target()
        column = self.schema.columns[target.name]
        values = _column(batch, target.name)
        if column.is_numeric:
            numbers = bounded_numbers(column, values)
            absent = bool(np.isnan(numbers).any())
        else:
            absent = bool((codes(values, {}) == MISSING).any())
        if absent:
            raise DataError(f"the target {target.name!r} is missing in some row",
                            bound="a target in every row",
                            remedy=f'missing = "drop-row"   # under {heading(target.name)}')
        if column.is_numeric:
            return scale(numbers, column.range)
        return settled_codes(column, values, is_target=True)

    @property
    def classes(self) -> Array | None:
        """The declared classes in order, (K,); None for a number."""
        target = self.schema.target
        if target is None or target.classes is None:
            return None
        if len({type(item) for item in target.classes}) == 1:
            return np.array(target.classes)
        out = np.empty(len(target.classes), dtype=object)
        out[:] = target.classes
        return out

    def unit_labels(self, batch: Mapping[str, Array]) -> Array | None:
        """Name each row's privacy unit, (m,) object; None if a row is a unit.

        Raises:
            UnknownColumn: the id column is not in the batch.
        """
        unit = self.schema.unit
        return None if unit.is_row else labels(_column(batch, unit.name))


def _rows(batch: Mapping[str, Array]) -> int:
    return next((len(values) for values in batch.values()), 0)


def _column(batch: Mapping[str, Array], name: str) -> Array:
    if name not in batch:
        raise unknown_column(name, batch, where="the schema asks for more: the data have",
                             remedy="[columns.{}]")
    return batch[name]
