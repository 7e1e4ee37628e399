"""Arithmetic over the cells of one row: one rule for each operator, with its interval.

Each rule takes the node of the syntax tree and its operands as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from privet.dp.query import expressions as ex
from privet.dp.query.expressions import Expr
from privet.dp.query.refusals import malformed, only

Node = Any  # sqlglot's classes carry no useful types
Rule = Callable[..., Expr]


def plus(node: Node, a: Expr, b: Expr) -> Expr:
    """a + b."""
    del node
    low, high = ex.interval_sum(a, b)
    out = Expr(f"({a.sql} + {b.sql})", "number", low, high, a.whole and b.whole)
    return ex.apply(lambda x, y: x + y, (a, b), out)


def minus(node: Node, a: Expr, b: Expr) -> Expr:
    """a - b."""
    return plus(node, a, ex.negated(b))


def times(node: Node, a: Expr, b: Expr) -> Expr:
    """a * b."""
    del node
    low, high = ex.interval_product(a, b)
    out = Expr(f"({a.sql} * {b.sql})", "number", low, high, a.whole and b.whole)
    return ex.apply(lambda x, y: x * y, (a, b), out)


def over(node: Node, a: Expr, b: Expr) -> Expr:
    """a / b; NULL where b is 0."""
    del node
    low, high = ex.interval_quotient(a, b)
    out = Expr(f"({a.sql} / nullif({b.sql}, 0))", "number", low, high)
    return ex.apply(lambda x, y: x / y, (a, b), out)


def modulo(node: Node, a: Expr, b: Expr) -> Expr:
    """a % b, with the sign of a; NULL where b is 0."""
    del node
    reach = max(abs(b.low), abs(b.high))
    low = 0.0 if a.low >= 0 else -reach
    out = Expr(f"({a.sql} % nullif({b.sql}, 0))", "number", low, reach, a.whole and b.whole)
    return ex.apply(math.fmod, (a, b), out)


def negative(node: Node, a: Expr) -> Expr:
    """-a."""
    del node
    return ex.negated(a)


def magnitude(node: Node, a: Expr) -> Expr:
    """ABS(a)."""
    del node
    low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    out = Expr(f"abs({a.sql})", "number", low, max(abs(a.low), abs(a.high)), a.whole)
    return ex.apply(abs, (a,), out)


def rounded(node: Node, a: Expr) -> Expr:
    """ROUND(a), ROUND(a, digits)."""
    only(node, "this", "decimals")
    digits = node.args.get("decimals")
    if digits is None:
        return ex.monotone("round", ex.away, a, whole=True)
    places = small_whole(digits)
    room = 10.0**-places  # more than rounding moves a value
    return Expr(f"round({a.sql}, {places})", "number", a.low - room, a.high + room)


def small_whole(node: Node) -> int:
    """A literal of at most three digits.

    Raises:
        InvalidInput: it is none.
    """
    is_negative = isinstance(node, exp.Neg)
    inner = node.this if is_negative else node
    is_number = isinstance(inner, exp.Literal) and not inner.is_string and inner.this.isdigit()
    if not is_number or len(inner.this) > 3:
        raise malformed(node, "a small whole number must stand here", remedy="2")
    return -int(inner.this) if is_negative else int(inner.this)


def floor(node: Node, a: Expr) -> Expr:
    """FLOOR(a)."""
    only(node, "this")
    return ex.monotone("floor", math.floor, a, whole=True)


def ceil(node: Node, a: Expr) -> Expr:
    """CEIL(a)."""
    only(node, "this")
    return ex.monotone("ceil", math.ceil, a, whole=True)


def root(node: Node, a: Expr) -> Expr:
    """SQRT(a); NaN, which counts as NULL, where a is negative."""
    del node
    high = math.sqrt(a.high) if 0 <= a.high < math.inf else math.inf
    return Expr(f"sqrt({a.sql})", "number", math.sqrt(a.low) if a.low > 0 else 0.0, high)


def logarithm(node: Node, a: Expr) -> Expr:
    """LN(a)."""
    only(node, "this")
    known = a.low > 0 and a.is_bounded
    low, high = (math.log(a.low), math.log(a.high)) if known else (-math.inf, math.inf)
    return Expr(f"ln({a.sql})", "number", low, high)


def exponential(node: Node, a: Expr) -> Expr:
    """EXP(a)."""
    del node
    known = a.is_bounded and a.high < 700
    low, high = (math.exp(a.low), math.exp(a.high)) if known else (0.0, math.inf)
    return Expr(f"exp({a.sql})", "number", low, high)


def power(node: Node, a: Expr) -> Expr:
    """POWER(a, n) as a product, since engines differ in the last digit of a power."""
    n = small_whole(node.expression)
    if not 1 <= n <= 8:
        raise malformed(node, "the power must be a small whole number", bound="1 to 8",
                        remedy="POWER(x, 2)")
    sql = "(" + " * ".join([a.sql] * n) + ")"
    if not a.is_bounded:
        return Expr(sql, "number")
    ends = [a.low**n, a.high**n]
    low = 0.0 if n % 2 == 0 and a.low <= 0 <= a.high else min(ends)
    return ex.apply(lambda x: x**n, (a,), Expr(sql, "number", low, max(ends), a.whole))


def _extreme(name: str, pick: Callable[..., float]) -> Rule:
    def rule(node: Node, *items: Expr) -> Expr:
        only(node, "this", "expressions", "ignore_nulls")
        low, high = pick(i.low for i in items), pick(i.high for i in items)
        # DuckDB's pass over NULL; here NULL among the values gives NULL.
        null = " OR ".join(f"{item.sql} IS NULL" for item in items
                           if item.levels is None or None in item.levels)
        sql = f"{name}({', '.join(item.sql for item in items)})"
        sql = f"(CASE WHEN {null} THEN NULL ELSE {sql} END)" if null else sql
        out = Expr(sql, "number", low, high, all(item.whole for item in items))
        return ex.apply(lambda *values: pick(values), tuple(items), out)

    return rule


least, greatest = _extreme("least", min), _extreme("greatest", max)
