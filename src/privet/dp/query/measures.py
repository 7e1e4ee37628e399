"""Aggregates: which whole numbers each needs, and how its answer is made of them.

Aggregates of one statement share what they have in common: AVG(x), COUNT(x) and VAR(x) need one
count of x between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from privet.data.tomlfile import heading
from privet.dp.query import answers
from privet.dp.query import compile as row
from privet.dp.query.expressions import Expr, as_number, number_sql, step_for
from privet.dp.query.plan import LEAVES, Measure, MeasureKind, Rows
from privet.dp.query.refusals import malformed, only, refused
from privet.errors import MissingBounds

Node = Any
WORDS = "COUNT, COUNT(DISTINCT), SUM, AVG, VARIANCE, STDDEV, MIN, MAX, MEDIAN, QUANTILE_CONT"


@dataclass
class Registry:
    """The measures of one statement, each once.

    Attributes:
        rows: what they are taken of.
        weight: a number by which each row counts; None for 1.
    """

    rows: Rows
    weight: Expr | None = None
    measures: list[Measure] = field(default_factory=list)

    def add(self, measure: Measure) -> int:
        """The place of a measure, which is put in if it is new."""
        same = [i for i, other in enumerate(self.measures)
                if (other.kind, other.sql, other.step) == (measure.kind, measure.sql, measure.step)]
        if not same:
            self.measures.append(measure)
        return same[0] if same else len(self.measures) - 1

    def count(self, what: str, present: str | None) -> int:
        """How many rows there are, or how many where an expression is present; weighted."""
        if self.weight is None:
            sql = "1" if present is None else f"CASE WHEN {present} THEN 1 ELSE 0 END"
            return self.add(Measure("sum", what, sql, counts=True))
        weight = self.weight
        expr = weight if present is None else Expr(
            f"(CASE WHEN {present} THEN {weight.sql} END)", "number", min(weight.low, 0.0),
            weight.high)
        return self.total(f"weighted {what}", expr, counts=True)

    def total(self, what: str, expr: Expr, *, counts: bool = False) -> int:
        """The sum of a bounded expression, in steps."""
        step = step_for(max(abs(expr.low), abs(expr.high)), whole=expr.whole)
        ends = ", ".join(map(number_sql, (expr.low, expr.high, step)))
        # The SQL clips and then rounds to whole steps: never beyond the next whole number.
        largest = max(math.ceil(max(abs(expr.low), abs(expr.high)) / step), 1)
        sql = f"coalesce(steps({expr.sql}, {ends}), 0)"
        return self.add(Measure("sum", what, sql, largest, step, counts=counts))

    def weighted(self, expr: Expr) -> Expr:
        """The expression times the row's weight."""
        if self.weight is None:
            return expr
        w = self.weight
        ends = [x * y for x in (expr.low, expr.high) for y in (w.low, w.high)]
        return Expr(f"({expr.sql} * {w.sql})", "number", min(ends), max(ends))


Rule = Callable[[Node, Registry, Expr | None], answers.Output]
"""From a node, its registry and the condition of FILTER to an output."""


def is_aggregate(node: Node) -> bool:
    """True for an aggregate function, with FILTER or WITHIN GROUP around it or not."""
    return isinstance(node, (exp.AggFunc, exp.Filter, exp.WithinGroup, exp.CountIf))


def aggregate(node: Node, registry: Registry) -> answers.Output:
    """The answer that an aggregate makes of its measures.

    Raises:
        MissingBounds: what is added up has no bounds.
        Refused, InvalidInput: it cannot be answered, or is not understood.
    """
    condition = None
    if isinstance(node, exp.Filter):
        condition = row.condition(node.expression.this, registry.rows.scope)
        node = node.this
    if isinstance(node, exp.WithinGroup):
        node = _ordinary(node)
    rule = RULES.get(type(node))
    if rule is None:
        raise refused(node, f"{type(node).__name__.upper()} has no private answer here",
                      bound=WORDS, remedy="one of these")
    return rule(node, registry, condition)


def _ordinary(node: Node) -> Node:
    """PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x) as QUANTILE_CONT(x, p)."""
    ordered = node.expression.expressions
    if len(ordered) != 1 or ordered[0].args.get("desc"):
        raise malformed(node, "WITHIN GROUP orders by one expression, upwards",
                        remedy="QUANTILE_CONT(x, 0.5)")
    return exp.PercentileCont(this=ordered[0].this.copy(), expression=node.this.this.copy())


def _filtered(expr: Expr, condition: Expr | None) -> Expr:
    if condition is None:
        return expr
    return replace(expr, sql=f"(CASE WHEN {condition.sql} THEN {expr.sql} END)")


def _count(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
    only(node, "this", "big_int")
    scope = registry.rows.scope
    if isinstance(node.this, exp.Distinct):
        return _distinct(node.this, registry, condition)
    if node.this is None or isinstance(node.this, (exp.Star, exp.Literal)):
        present = None if condition is None else condition.sql
        what = "rows"
    else:
        expr = row.compiled(node.this, scope)
        present = _present(_filtered(expr, condition))
        what = f"rows with {_words(node.this)}"
    return answers.Total(registry.count(what, present), whole=registry.weight is None)


def _present(expr: Expr) -> str:
    """Whether an expression is neither NULL nor NaN, which no cell as it stands is."""
    if expr.kind == "number" and not expr.raw:
        return f"coalesce(NOT isnan({expr.sql}), FALSE)"
    return f"({expr.sql} IS NOT NULL)"


def _words(node: Node) -> str:
    return str(node.sql(dialect="duckdb"))


def _distinct(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
    if len(node.expressions) != 1:
        raise malformed(node, "COUNT(DISTINCT) takes one column here", remedy="COUNT(DISTINCT a)")
    if registry.weight is not None:
        raise malformed(node, "COUNT(DISTINCT) has no weights", remedy="the query without weight")
    expr = row.compiled(node.expressions[0], registry.rows.scope)
    kind: MeasureKind = "distinct"
    what = f"different values of {_words(node.expressions[0])}"
    if expr.bare and expr.bare == registry.rows.unit:
        kind, what, expr = "units", "different units", replace(expr, sql=expr.bare)
    value = _filtered(expr, condition)
    return answers.Total(registry.add(Measure(kind, what, value.sql, counts=True)), whole=True)


def _count_if(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
    test = row.condition(node.this, registry.rows.scope).sql
    if condition is not None:
        test = f"({condition.sql} AND {test})"
    at = registry.count(f"rows where {_words(node.this)}", test)
    return answers.Total(at, whole=registry.weight is None)


def _bounded(node: Node, registry: Registry) -> Expr:
    """The number that is aggregated, with both its bounds.

    Raises:
        MissingBounds: it has none, with the line to add.
    """
    expr = row.compiled(node, registry.rows.scope)
    if expr.kind == "text":
        raise malformed(node, "text has no sum and no order of size",
                        remedy=f"LEAST(GREATEST(CAST({_words(node)} AS DOUBLE), LOW), HIGH)   "
                        '# or kind = "number" in the schema')
    expr = as_number(expr)
    if expr.is_bounded:
        return expr
    remedy = f"LEAST(GREATEST({_words(node)}, LOW), HIGH)"
    if isinstance(node, exp.Column):
        remedy = f"bounds = [LOW, HIGH]   # under {heading(node.name)} in the schema"
    raise MissingBounds("an aggregate needs bounds that do not come from the data",
                        value=_words(node), bound="the least and the greatest value",
                        remedy=remedy)


def _sum(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
    only(node, "this")
    expr = _filtered(registry.weighted(_bounded(node.this, registry)), condition)
    return answers.Total(registry.total(f"sum of {_words(node.this)}", expr), whole=False)


def _centred(expr: Expr) -> tuple[Expr, float, float]:
    """The expression less the middle of its bounds; the middle and the half width."""
    centre, half = (expr.low + expr.high) / 2, (expr.high - expr.low) / 2
    sql = f"({expr.sql} - {number_sql(centre)})"
    whole = expr.whole and centre.is_integer()
    return Expr(sql, "number", -half, half, whole), centre, half


def _moments(
    node: Node, registry: Registry, condition: Expr | None
) -> tuple[Expr, int, int, float, float]:
    """The centred expression, its sum and count, and centre and half width."""
    shifted, centre, half = _centred(_bounded(node, registry))
    shifted = _filtered(shifted, condition)
    cells = _filtered(row.compiled(node, registry.rows.scope), condition)
    count = registry.count(f"rows with {_words(node)}", _present(cells))
    total = registry.total(f"sum of {_words(node)} - {centre:g}", registry.weighted(shifted))
    return shifted, total, count, centre, half


def _mean(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
    only(node, "this")
    _, total, count, centre, half = _moments(node.this, registry, condition)
    return answers.Mean(total, count, centre, half)


def _variance(*, sample: bool, root: bool) -> Rule:
    def rule(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
        only(node, "this")
        shifted, total, count, centre, half = _moments(node.this, registry, condition)
        most = half * half
        squared = Expr(f"({shifted.sql} * {shifted.sql} - {number_sql(most / 2)})", "number",
                       -most / 2, most / 2)
        words = f"sum of ({_words(node.this)} - {centre:g})^2 - {most / 2:g}"
        squares = registry.total(words, registry.weighted(squared))
        return answers.Variance(squares, total, count, half, sample, root)

    return rule


def _quantile(share: float | None) -> Rule:
    def rule(node: Node, registry: Registry, condition: Expr | None) -> answers.Output:
        only(node, "this", "expression", "quantile", "expressions")
        if registry.weight is not None:
            raise malformed(node, "quantiles have no weights here", remedy="the query without "
                            "weight")
        wanted = _share(node) if share is None else share
        expr = _bounded(node.this, registry)
        span = expr.high - expr.low
        width = max(span / LEAVES, 1.0 if expr.whole else 0.0) or 1.0
        cell = (f"least(CAST(floor(clip({expr.sql} - {number_sql(expr.low)}, 0e0, "
                f"{number_sql(span)}) / {number_sql(width)}) AS INTEGER), {LEAVES - 1})")
        cells = _filtered(row.compiled(node.this, registry.rows.scope), condition)
        cell = f"(CASE WHEN {_present(cells)} THEN {cell} END)"
        at = registry.add(Measure("tree", f"counts over the range of {_words(node.this)}", cell,
                                  step=width, low=expr.low, high=expr.high, counts=True))
        return answers.Quantile(at, wanted)

    return rule


def _share(node: Node) -> float:
    given = node.args.get("quantile") or node.expression
    if not (isinstance(given, exp.Literal) and not given.is_string and 0 <= float(given.this) <= 1):
        raise malformed(node, "a quantile needs its share as a literal", bound="0 to 1",
                        remedy="QUANTILE_CONT(x, 0.5)")
    return float(given.this)


RULES: dict[type, Rule] = {
    exp.Count: _count, exp.CountIf: _count_if, exp.Sum: _sum, exp.Avg: _mean,
    exp.Variance: _variance(sample=True, root=False),
    exp.VariancePop: _variance(sample=False, root=False),
    exp.Stddev: _variance(sample=True, root=True),
    exp.StddevSamp: _variance(sample=True, root=True),
    exp.StddevPop: _variance(sample=False, root=True),
    exp.Min: _quantile(0.0), exp.Max: _quantile(1.0), exp.Median: _quantile(0.5),
    exp.PercentileCont: _quantile(None), exp.Quantile: _quantile(None),
    exp.ApproxQuantile: _quantile(None), exp.PercentileDisc: _quantile(None),
}
"""The aggregates that are understood, by the class of the syntax tree."""
