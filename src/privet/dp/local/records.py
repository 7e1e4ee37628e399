"""Moments of encoded rows, estimated from randomised records.

Each report decodes to an unbiased estimate of the encoded columns that its attribute fills, with
noise that is independent of the other attributes'. So products of columns of different attributes
are unbiased as they are; within a one-hot block the products are the shares themselves, and the
square of a number is decoded as such.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from privet.data.blocks import block_for
from privet.data.columns import Column
from privet.data.schema import Schema
from privet.data.tomlfile import heading
from privet.data.values import Array
from privet.dp.local.layout import MISSING_LEVEL, Attribute
from privet.dp.local.moments import Moments
from privet.dp.local.numbers import Piecewise
from privet.dp.local.oracle import FrequencyOracle
from privet.dp.local.table import Perturbed
from privet.errors import SchemaError


@dataclass(frozen=True, eq=False)
class _Part:
    """What one attribute tells of some encoded columns.

    Attributes:
        values: (n, w) unbiased, 0 where the record did not report.
        second: (w, w) mean of x x' within the part.
    """

    attribute: Attribute
    values: Array
    second: Array


def moments_of(table: Perturbed, target: str) -> Moments:
    """The moments of features and target, as `solve` takes them.

    Args:
        table: records that report all columns, numbers by `Piecewise`.
        target: the column to predict; classes become one-hot columns, a number is scaled.

    Raises:
        SchemaError: the target was not perturbed, records report too few columns at once, or
            numbers were perturbed for their means alone.
    """
    schema = table.schema
    _require_together(table)
    features = [part for column in schema.features for part in _parts(table, schema, column)]
    aim = _parts(table, schema, schema.columns[target])[0]
    design = np.column_stack([*(part.values for part in features), np.ones(table.rows)])
    second = design.T @ design / table.rows
    start = 0
    for part in features:
        stop = start + part.values.shape[1]
        second[start:stop, start:stop] = part.second
        start = stop
    cross = design.T @ aim.values / table.rows
    noise = _noise(np.column_stack([design, aim.values]), second, aim.second, table.rows)
    return Moments(second, cross, noise)


def _noise(design: Array, second: Array, aims: Array, rows: int) -> float:
    """About the standard error of an entry: what products of reports vary beyond the rows'."""
    noisy = (design**2).mean(axis=0)
    clean = np.clip(np.concatenate([np.diag(second), np.diag(aims)]), 0.0, noisy)
    spread = np.outer(noisy, noisy) - np.outer(clean, clean)
    return math.sqrt(float(spread.mean()) / rows)


def _require_together(table: Perturbed) -> None:
    layout = table.layout
    if layout.per_record < len(layout.attributes):
        raise SchemaError("the records report some of their columns each, and a model needs them "
                          "side by side", value=f"{layout.per_record} of {len(layout.attributes)}",
                          bound='perturbed with columns="all"',
                          remedy='privet.perturb(data, epsilon, columns="all")')


def _parts(table: Perturbed, schema: Schema, column: Column) -> list[_Part]:
    """The encoded columns of one column, in the encoder's order."""
    own = table.layout.attribute(column.name)
    if isinstance(own.randomiser, FrequencyOracle):
        return [_counted(table, own, _encoding(own, column, schema))]
    parts = [_number(table, own)]
    if column.missing == "level":
        gaps = table.layout.attribute(f"{column.name} missing")
        parts.append(_counted(table, gaps, np.array([[0.0, 1.0]])))
    return parts


def _counted(table: Perturbed, attribute: Attribute, encoding: Array) -> _Part:
    """One-hot levels, mapped linearly to the encoded columns: (w, k) @ (k,)."""
    made = attribute.randomiser
    assert isinstance(made, FrequencyOracle)
    levels = made.decode(table.reports[attribute.name])
    shares = levels.mean(axis=0)
    return _Part(attribute, levels @ encoding.T, encoding @ np.diag(shares) @ encoding.T)


def _number(table: Perturbed, attribute: Attribute) -> _Part:
    """A number scaled to [-1, 1], and the mean of its square."""
    made = attribute.randomiser
    if not isinstance(made, Piecewise):
        raise SchemaError(f"column {attribute.name!r} was perturbed for its mean alone, and a "
                          "model needs its square as well", value=made.name, bound="piecewise",
                          remedy='privet.perturb(data, epsilon, columns="all")')
    reports = table.reports[attribute.name]
    point = made.decode_grid(reports) / made.grid
    square = float(made.decode_squares(reports).mean()) / made.grid**2
    # (2 s - 1)^2 = 4 s^2 - 4 s + 1, which lies in [0, 1].
    second = min(max(4 * square - 4 * float(point.mean()) + 1, 0.0), 1.0)
    return _Part(attribute, (2 * point - 1)[:, None], np.array([[second]]))


def _encoding(attribute: Attribute, column: Column, schema: Schema) -> Array:
    """(w, k): the encoded columns of each level."""
    levels = len(attribute.levels)
    if column.name == schema.target_name and not column.is_numeric:
        return np.eye(levels)
    gap = attribute.levels[-1] == MISSING_LEVEL
    missing = np.eye(levels)[-1:] if gap else np.empty((0, levels))
    if column.kind == "boolean":
        return np.vstack([np.eye(levels)[1:2], missing])
    if not column.is_numeric:
        return np.eye(levels)
    low, high = column.range or (-1.0, 1.0)
    middles = (2 * (_middles(column) - low) / (high - low) - 1)[None, :]
    return np.vstack([np.hstack([middles, np.zeros((1, int(gap)))]), missing])


def _middles(column: Column) -> Array:
    """The middle of each bin, by which a number in it counts."""
    low, high = column.range or (-1.0, 1.0)
    inner = getattr(block_for(column, "bins"), "inner", ())
    edges = np.array([low, *inner, high])
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def require_target(table: Perturbed) -> str:
    """The column that the records' schema wants to predict.

    Raises:
        SchemaError: it names none.
    """
    name = table.schema.target_name
    if name is None:
        known = [column.name for column in table.schema.features]
        raise SchemaError("the schema of these records names no target", bound="a schema with one",
                          remedy=f'target = "{known[-1]}"   # above {heading(known[0])}')
    return name
