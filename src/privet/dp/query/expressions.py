"""Expressions over the cells of one row: their SQL, and what the schema says of their values.

An `Expr` carries an interval that holds all its values, by interval arithmetic (Moore 1966) from
the bounds of the schema, and where there are few possible values, all of them. SQL is total: no
cell makes it raise. Numbers are DOUBLE, and a private aggregate sees them only as whole numbers
of steps (`Expr.steps`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

MOST_LEVELS = 10_000
"""Possible values of an expression that are still counted out."""
RESOLUTION = 2**22
"""Greatest magnitude of a value in steps: a rounding of at most 2**-22 of the largest value."""

Level = str | float | bool | None


@dataclass(frozen=True)
class Expr:
    """One expression over a row.

    Attributes:
        sql: of DuckDB; DOUBLE, VARCHAR or BOOLEAN as `kind` says.
        kind: "number", "text" or "truth".
        low, high: hold every value of a number; infinite where nothing is known.
        whole: every value is a whole number.
        levels: every possible value, None among them where it may be NULL; None: not known.
        raw: a cell as it stands, which may lie beyond low and high until it is clipped.
        bare: the column itself where `sql` casts it to text, for uses that ask for equality
            alone; "" for what is no column.
    """

    sql: str
    kind: str
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    levels: tuple[Level, ...] | None = None
    raw: bool = False
    bare: str = ""

    @property
    def is_bounded(self) -> bool:
        """True if both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def value(self) -> Expr:
        """The same with cells clipped to their bounds, as arithmetic and aggregates see them."""
        if not self.raw:
            return self
        sql = f"round({self.sql})" if self.whole else self.sql
        if self.is_bounded:
            sql = f"clip({sql}, {number_sql(self.low)}, {number_sql(self.high)})"
        return replace(self, sql=sql, raw=False)


def number_sql(value: float) -> str:
    """A number as a DOUBLE of DuckDB; plain decimals would be DECIMAL, whose sums can overflow."""
    if math.isinf(value):
        return f"CAST('{'-' if value < 0 else ''}inf' AS DOUBLE)"
    text = repr(float(value))
    return text if "e" in text else text + "e0"


def constant(value: Level) -> Expr:
    """A literal."""
    if value is None:
        return Expr("NULL", "number", 0.0, 0.0, True, (None,))
    if isinstance(value, bool):
        return Expr("TRUE" if value else "FALSE", "truth", levels=(value,))
    if isinstance(value, str):
        return Expr("'" + value.replace("'", "''") + "'", "text", levels=(value,))
    number = float(value)
    return Expr(number_sql(number), "number", number, number, number.is_integer(), (number,))


def as_number(item: Expr) -> Expr:
    """A truth as 0 or 1; numbers clipped."""
    if item.kind != "truth":
        return item.value()
    levels = None
    if item.levels is not None:
        levels = tuple(None if x is None else float(x) for x in item.levels)
    return Expr(f"CAST({item.sql} AS DOUBLE)", "number", 0.0, 1.0, True, levels or (0.0, 1.0, None))


def step_for(largest: float, *, whole: bool) -> float:
    """The width of the grid on which values of this magnitude are summed: a power of two.

    Whole numbers of moderate size are counted in ones, so that their sums are exact.
    """
    if whole and largest <= RESOLUTION:
        return 1.0
    return 2.0 ** math.ceil(math.log2(max(largest, 2.0**-900) / RESOLUTION))


def apply(
    function: Callable[..., Any],
    items: tuple[Expr, ...],
    out: Expr,
) -> Expr:
    """`out` with its possible values counted out, where those of all `items` are known."""
    if any(item.levels is None for item in items):
        return out
    sets: list[tuple[Level, ...]] = [item.levels or () for item in items]
    if math.prod(map(len, sets)) > MOST_LEVELS:
        return out
    found: dict[Any, None] = {}
    for values in product(*sets):
        if any(value is None for value in values):
            found[None] = None
            continue
        try:
            found[_tidy(function(*values))] = None
        except (ArithmeticError, ValueError):
            found[None] = None
    return replace(out, levels=tuple(found))


def _tidy(value: Level) -> Level:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return value + 0.0  # no negative zero, which is no key of its own
    return value


def interval_sum(a: Expr, b: Expr) -> tuple[float, float]:
    """Where a + b lies."""
    return a.low + b.low, a.high + b.high


def interval_product(a: Expr, b: Expr) -> tuple[float, float]:
    """Where a * b lies; nothing is known where one end is not."""
    if not (a.is_bounded and b.is_bounded):
        return -math.inf, math.inf
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(ends), max(ends)


def interval_quotient(a: Expr, b: Expr) -> tuple[float, float]:
    """Where a / b lies; unknown where b may be 0."""
    if b.low <= 0 <= b.high or not (a.is_bounded and b.is_bounded):
        return -math.inf, math.inf
    ends = [x / y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(ends), max(ends)


def negated(item: Expr) -> Expr:
    """-item."""
    item = as_number(item)
    out = Expr(f"(-{item.sql})", "number", -item.high, -item.low, item.whole)
    return apply(lambda x: -x, (item,), out)


def away(value: float) -> float:
    """Round as DuckDB does: halves away from 0."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


def monotone(name: str, function: Callable[[float], float], item: Expr, *, whole: bool) -> Expr:
    """A function that never falls, such as floor."""
    item = as_number(item)
    low = float(function(item.low)) if math.isfinite(item.low) else item.low
    high = float(function(item.high)) if math.isfinite(item.high) else item.high
    out = Expr(f"{name}({item.sql})", "number", low, high, whole)
    if item.levels is None and whole and out.is_bounded and high - low < MOST_LEVELS:
        return replace(out, levels=(*map(float, range(int(low), int(high) + 1)), None))
    return apply(function, (item,), out)
