"""Which randomiser each column of a table gets, and how one epsilon covers a whole record.

Two ways share epsilon among m columns: every record reports all of them at epsilon / m each, or
each record reports s of them, chosen without looking at it, at epsilon / s each (Wang et al. 2019,
section 4). The fewer, the fewer records tell of a column, and the truer each is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privet.data.blocks import BinBlock, block_for, settled_codes, settled_numbers
from privet.data.columns import Column
from privet.data.schema import Schema
from privet.data.tomlfile import heading
from privet.data.values import Array, label
from privet.dp.local.choose import best_oracle
from privet.dp.local.number import NumberRandomiser
from privet.dp.local.numbers import Hybrid, Piecewise
from privet.dp.local.oracle import FrequencyOracle
from privet.entropy import Stream
from privet.errors import MissingBounds, SchemaError, one_of, positive, whole

MISSING_LEVEL, OTHER_LEVEL = "(missing)", "(other)"
WAYS = ("auto", "all", "some")
"""How columns share epsilon: by error, all in every record, or some of them in each."""
Randomiser = FrequencyOracle | NumberRandomiser


@dataclass(frozen=True)
class Attribute:
    """One thing that a record reports.

    Attributes:
        name: the column's name, or "NAME missing" for whether a number is missing.
        column: the column that it comes from.
        randomiser: what adds the noise.
        levels: what the values of a frequency oracle mean; empty for a number.
        reason: why this randomiser.
    """

    name: str
    column: str
    randomiser: Randomiser
    levels: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """How a table is perturbed: known from schema, epsilon and the number of rows.

    Attributes:
        attributes: what is reported, in the order of the file's columns.
        per_record: how many of them one record reports, s.
        epsilon: what one record's reports reveal together.
        reason: why s.
    """

    attributes: tuple[Attribute, ...]
    per_record: int
    epsilon: float
    reason: str

    @property
    def share(self) -> float:
        """Epsilon of one report, epsilon / s rounded down."""
        return share_of(self.epsilon, self.per_record)

    @property
    def meaning(self) -> tuple[object, ...]:
        """What two tables must have in common for their reports to be counted together."""
        attributes = [(item.name, item.column, item.randomiser, item.levels)
                      for item in self.attributes]
        return (self.epsilon, self.per_record, *attributes)

    def attribute(self, name: str) -> Attribute:
        """The attribute of this name.

        Raises:
            SchemaError: there is none.
        """
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        raise SchemaError(f"no perturbed column is named {name!r}", value=name,
                          bound="one of " + ", ".join(item.name for item in self.attributes),
                          remedy=repr(self.attributes[0].name))


def share_of(epsilon: float, parts: int) -> float:
    """A float that, taken `parts` times, does not exceed epsilon, in exact arithmetic."""
    from fractions import Fraction

    share = epsilon / parts
    while Fraction(share) * parts > Fraction(epsilon):
        share = math.nextafter(share, 0.0)
    return share


def layout_for(schema: Schema, epsilon: float, rows: int, *, columns: str = "auto") -> Layout:
    """Plan a table's perturbation; the cells are not looked at.

    Args:
        schema: bounds, categories and rules; identifiers, ignored and undeclared columns are not
            perturbed, so they are left out of what is written.
        epsilon: for each record, all its columns together.
        rows: how many records there are; public.
        columns: "all" reports every column of every record, which models need; "some" as many as
            give the least error for shares and means; "auto" is "all" where the schema names a
            target, else "some".

    Raises:
        MissingBounds: bounds are missing, or were taken from the data.
        SchemaError: no column is left, or a record would be dropped for a missing value.
    """
    positive(epsilon=epsilon)
    one_of(WAYS, columns=columns, remedy='columns="all"')
    used = [column for column in schema.columns.values() if column.is_used]
    require_known(schema, used)
    together = columns == "all" or (columns == "auto" and schema.target_name is not None)
    count = _count(used)
    if together:
        return _layout(used, epsilon, rows, count, "every record reports all columns: a model "
                       "needs them side by side", squares=True)
    tried = [_layout(used, epsilon, rows, s, "", squares=False) for s in range(1, count + 1)]
    best = min(tried, key=lambda layout: _error(layout))
    reason = _reason(best, tried[-1])
    return Layout(best.attributes, best.per_record, epsilon, reason)


def require_known(schema: Schema, used: Sequence[Column]) -> None:
    """Refuse a schema that cannot say, without the data, what a record may report.

    Raises:
        MissingBounds, SchemaError: see `layout_for`.
    """
    if not used:
        raise SchemaError("the schema leaves no column to perturb",
                          bound="a number, category or boolean",
                          remedy='[columns.age]\n         kind = "number"')
    if schema.bounds_from == "data":
        raise MissingBounds("the bounds of this schema were taken from the data, and every "
                            "randomised record would reveal them", value="data",
                            bound='bounds known from the field, with bounds_from = "domain"',
                            remedy='bounds_from = "domain"   # once the bounds are such')
    if schema.bounds_claim is not None:
        raise MissingBounds("bounds found by a private release need somebody who saw all records, "
                            "and local privacy promises that nobody does",
                            bound="bounds known from the field", remedy='bounds_from = "domain"')
    for column in used:
        if column.is_numeric and column.range is None:
            raise MissingBounds(f"column {column.name!r} has no bounds to perturb within",
                                bound="bounds known without the data",
                                remedy=f"bounds = [LOW, HIGH]   # under {heading(column.name)}")
        if column.missing == "drop-row":
            raise SchemaError(f"column {column.name!r} drops records with a missing value, and "
                              "that a record is gone would tell that its value was missing",
                              value="drop-row", bound='missing = "level" or {value = ...}',
                              remedy=f'missing = "level"   # under {heading(column.name)}')
        if not column.is_numeric and len(levels_of(column)) < 2:
            raise SchemaError(f"column {column.name!r} has a single category and tells nothing",
                              bound="at least two categories, or kind ignore",
                              remedy=f'kind = "ignore"   # under {heading(column.name)}')


def levels_of(column: Column) -> tuple[str, ...]:
    """What a column that is counted may hold: categories, truths or bins, then rules' levels."""
    if column.is_numeric:
        block = block_for(column, "bins")
        names = block.names[:-1] if column.missing == "level" else block.names
        found = [name.removeprefix(column.name).strip().removeprefix("=") for name in names]
    else:
        found = [str(label(level)) for level in column.levels]
        found += [OTHER_LEVEL] if column.other == "level" else []
    return (*found, *([MISSING_LEVEL] if column.missing == "level" else []))


def values_of(column: Column, attribute: Attribute, values: Array) -> Array:
    """The values that an attribute's randomiser takes, from a canonical column.

    Returns:
        (n,) int64 level numbers, or float64 numbers; a missing number counts as the middle.

    Raises:
        UndeclaredMissing, UnknownCategory, DataError: the cells are at odds with the schema; they
            are not shown.
    """
    if not column.is_numeric:
        return settled_codes(column, values)
    numbers = settled_numbers(column, values)
    absent = np.isnan(numbers)
    if attribute.name != column.name:
        return absent.astype(np.int64)
    if not attribute.levels:
        low, high = column.range or (0.0, 0.0)
        return np.where(absent, low + (high - low) / 2, numbers)
    block = block_for(column, "bins")
    assert isinstance(block, BinBlock)
    found = np.searchsorted(np.array(block.inner), numbers, side="right")
    return np.where(absent, len(attribute.levels) - 1, found)


def sampled(records: int, attributes: int, per_record: int, stream: Stream) -> Array:
    """Which attributes each record reports, (records, attributes) bool.

    Neighbours in the circle of attributes from a uniform start: each is reported with chance
    s / m exactly, whatever the record holds.
    """
    if per_record == attributes:
        return np.ones((records, attributes), bool)
    start = stream.below(attributes, records)[:, None]
    behind = np.arange(attributes)[None, :] - start
    return np.asarray(np.where(behind < 0, behind + attributes, behind) < per_record)


def _count(used: Sequence[Column]) -> int:
    """How many attributes these columns have."""
    return len(used) + sum(
        column.is_numeric and column.bins is None and column.missing == "level" for column in used
    )


def _layout(
    used: Sequence[Column], epsilon: float, rows: int, s: int, reason: str, *, squares: bool
) -> Layout:
    share = share_of(epsilon, s)
    reports = max(1, whole(least=0, rows=rows) * s // _count(used))
    made: list[Attribute] = []
    for column in used:
        made += _attributes(column, share, reports, squares)
    names = [attribute.name for attribute in made]
    for name in names:
        if names.count(name) > 1:
            raise SchemaError(f"two perturbed columns would be named {name!r}", value=name,
                              bound="a name of its own for each",
                              remedy=f'kind = "ignore"   # under {heading(name)}')
    return Layout(tuple(made), s, epsilon, reason)


def _attributes(column: Column, share: float, reports: int, squares: bool) -> list[Attribute]:
    if not column.is_numeric or column.bins is not None:
        levels = levels_of(column)
        choice = best_oracle(len(levels), share, reports)
        return [Attribute(column.name, column.name, choice.oracle, levels, choice.reason)]
    low, high = column.range or (0.0, 0.0)
    kind: type[NumberRandomiser] = Piecewise if squares else Hybrid
    why = ("piecewise: a model needs squares, which a report of it tells" if squares else
           "hybrid: the least worst-case variance of Duchi, piecewise and hybrid")
    found = [Attribute(column.name, column.name, kind(low, high, share), (), why)]
    if column.missing == "level":
        choice = best_oracle(2, share, reports)
        found.append(Attribute(f"{column.name} missing", column.name, choice.oracle,
                               ("false", "true"), choice.reason))
    return found


def _error(layout: Layout) -> float:
    """Mean logarithm of the variance of a share or mean, in units of its own range, per row."""
    total = 0.0
    for attribute in layout.attributes:
        made = attribute.randomiser
        if isinstance(made, FrequencyOracle):
            rare = 1.0 / made.domain_size
            noise, spread = made.variance(rare, 1), rare * (1 - rare)
        else:
            half = (made.high - made.low) / 2
            noise, spread = made.worst_variance() / half**2, 1 / 3
        total += math.log(noise + spread)
    many = len(layout.attributes)
    return total / many + math.log(many / layout.per_record)


def _reason(best: Layout, split: Layout) -> str:
    many = len(best.attributes)
    if best.per_record == many:
        return "every record reports all columns: no fewer give a smaller error"
    gain = math.exp((_error(split) - _error(best)) / 2)
    return (f"each record reports {best.per_record} of {many} columns, chosen without looking at "
            f"it: standard errors are {gain:.2g} times smaller than with all columns")
