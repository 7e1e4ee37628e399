"""What a perturbed table tells: shares and means, with standard errors.

All of it is computed from reports alone, so it costs no budget, however often it is done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from privet.data.values import Array
from privet.dp.local.files import read
from privet.dp.local.number import Average
from privet.dp.local.oracle import FrequencyOracle
from privet.dp.local.table import Perturbed
from privet.errors import SchemaError

Table = Perturbed | str | os.PathLike[str]


@dataclass(frozen=True)
class Histogram:
    """Estimated shares of the levels of one column.

    Attributes:
        column: its name.
        levels: (k,) what the shares are of.
        shares: (k,) unbiased; they may be negative, and need not add up to 1.
        errors: (k,) standard errors of `shares`, sampling of the persons included.
        consistent: (k,) the nearest shares that are not negative and add up to 1.
        reports: how many records reported the column.
    """

    column: str
    levels: tuple[str, ...]
    shares: Array
    errors: Array
    consistent: Array
    reports: int


def histogram(table: Table, column: str) -> Histogram:
    """Shares of the levels of a category, a boolean or a number with declared bins.

    Args:
        table: a perturbed table, or the file of one.
        column: its name, or "NAME missing" for whether a number is missing.

    Raises:
        SchemaError: no such column was perturbed, or its mean was.
        DataError: nobody reported it.
    """
    table = _opened(table)
    attribute = table.layout.attribute(column)
    if not isinstance(attribute.randomiser, FrequencyOracle):
        raise SchemaError(f"column {column!r} was perturbed for its mean, not for shares",
                          value=attribute.randomiser.name, bound="a category, or declared bins",
                          remedy=f"privet.local.mean(table, {column!r})")
    found = attribute.randomiser.estimate(table.reports[column])
    return Histogram(column, attribute.levels, found.shares, found.errors, found.consistent(),
                     found.reports)


def mean(table: Table, column: str) -> Average:
    """The mean of a number, of those records where it is not missing.

    Args:
        table: a perturbed table, or the file of one.

    Raises:
        SchemaError: no such column was perturbed, or its shares were.
        DataError: fewer than two records reported it.
    """
    table = _opened(table)
    attribute = table.layout.attribute(column)
    made = attribute.randomiser
    if isinstance(made, FrequencyOracle):
        raise SchemaError(f"column {column!r} was perturbed for shares, not for its mean",
                          value=made.name, bound="a number without declared bins",
                          remedy=f"privet.local.histogram(table, {column!r})")
    found = made.estimate(table.reports[column])
    names = [item.name for item in table.layout.attributes]
    if f"{column} missing" not in names:
        return found
    return _of_present(found, histogram(table, f"{column} missing"), (made.low + made.high) / 2)


def _of_present(every: Average, gaps: Histogram, middle: float) -> Average:
    """The mean m of those present, from the mean y of all with the middle c for missing ones.

    y = (1 - g) m + g c, so m = c + (y - c) / (1 - g); errors by the delta method, y and g being
    estimated with independent noise.
    """
    gap = float(np.clip(gaps.shares[1], 0.0, 0.99))
    moved = (every.mean - middle) / (1 - gap)
    error = np.hypot(every.error, moved * float(gaps.errors[1])) / (1 - gap)
    return Average(middle + moved, float(error), every.reports)


def _opened(table: Table) -> Perturbed:
    return table if isinstance(table, Perturbed) else read(table)
