"""Subqueries that keep the unit: columns derived from one row, or sums over one unit's rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from privet.dp.query import compile as row
from privet.dp.query.expressions import Expr, as_number, number_sql, step_for
from privet.dp.query.measures import is_aggregate
from privet.dp.query.plan import UNLIMITED, Rows
from privet.dp.query.refusals import malformed, only, refused
from privet.dp.query.sources import Context, is_public, rows_of
from privet.dp.query.tables import quoted
from privet.errors import MissingBounds

Node = Any
UNIT = "unit of the row"
"""The column under which a subquery hands on whose a row is, where it does not select the id."""
_EXAMPLE = "(SELECT ID, SUM(x) AS total FROM t GROUP BY ID)"


def subquery(select: Node, context: Context) -> tuple[Rows, dict[str, Expr]]:
    """The rows that a subquery gives, and what is known of its columns.

    Each row stays one unit's: the subquery either derives columns row by row, or groups by the
    unit's id, alone or with other columns.

    Raises:
        Refused: it mixes the rows of several units.
    """
    if not isinstance(select, exp.Select):
        raise malformed(select, "this is no SELECT", remedy=_EXAMPLE)
    only(select, "kind", "expressions", "from_", "joins", "where", "group")
    rows = rows_of(select, context)
    if is_public(rows):
        raise malformed(select, "a subquery over public tables is not understood here",
                        remedy="the public table itself")
    where = [*rows.where]
    if select.args.get("where") is not None:
        where.append(row.condition(select.args["where"].this, rows.scope).sql)
    if rows.unit is not None:
        where.append(f"{rows.unit} IS NOT NULL")
    grouped = select.args.get("group") is not None or any(
        is_aggregate(node) for item in select.expressions for node in item.walk())
    return (_per_unit if grouped else _per_row)(select, rows, where)


def _named(item: Node) -> tuple[str, Node]:
    if isinstance(item, exp.Alias):
        return item.alias, item.this
    if isinstance(item, exp.Column) and not isinstance(item.this, exp.Star):
        return item.name, item
    raise malformed(item, "a subquery's columns need names", remedy="x * 2 AS doubled")


def _per_row(select: Node, rows: Rows, where: list[str]) -> tuple[Rows, dict[str, Expr]]:
    exprs: dict[str, Expr] = {}
    for item in select.expressions:
        name, node = _named(item)
        _fresh(name, exprs, item)
        exprs[name] = row.compiled(node, rows.scope)
    return _selected(rows, exprs, where, ""), exprs


def _fresh(name: str, exprs: dict[str, Expr], item: Node) -> None:
    if name.lower() in map(str.lower, (*exprs, UNIT)):
        raise malformed(item, "two columns of a subquery have one name", remedy="AS another_name")


def _selected(rows: Rows, exprs: dict[str, Expr], where: list[str], tail: str) -> Rows:
    """The subquery as SQL; its unit is the column that hands the unit on."""
    columns = [f"{expr.sql} AS {quoted(name)}" for name, expr in exprs.items()]
    unit = next((name for name, expr in exprs.items() if expr.bare == rows.unit), UNIT)
    if rows.unit is not None and unit is UNIT:
        columns.append(f"{rows.unit} AS {quoted(UNIT)}")
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    return replace(rows, sql=f"SELECT {', '.join(columns)} FROM {rows.sql}{conditions}{tail}",
                   where=(), unit=None if rows.unit is None else quoted(unit))


def _per_unit(select: Node, rows: Rows, where: list[str]) -> tuple[Rows, dict[str, Expr]]:
    if rows.unit is None:
        raise refused(select, "a subquery that adds up rows of several people is no part of one",
                      bound="the unit's id under GROUP BY",
                      remedy='[unit]\n         column = "ID"\n         max_rows = 10   '
                      "# in the schema, and GROUP BY ID in the subquery")
    group = select.args.get("group")
    if group is not None:
        only(group, "expressions")
    keys = [row.compiled(node, rows.scope) for node in (group.expressions if group else ())]
    if rows.unit not in [key.bare for key in keys]:
        raise refused(select, "a subquery that adds up rows must keep the people apart",
                      bound="the unit's id under GROUP BY", remedy=f"FROM {_EXAMPLE}")
    exprs: dict[str, Expr] = {}
    for item in select.expressions:
        name, node = _named(item)
        _fresh(name, exprs, item)
        if is_aggregate(node):
            exprs[name] = _aggregated(node, rows)
        else:
            exprs[name] = row.compiled(node, rows.scope)
            if exprs[name].sql not in [key.sql for key in keys]:
                raise malformed(item, "a column of a grouped subquery is neither grouped by nor "
                                "an aggregate", remedy="SUM(x) AS total")
    others = len(keys) > 1
    by = ", ".join(dict.fromkeys(key.bare or key.sql for key in keys))
    inner = _selected(rows, exprs, where, f" GROUP BY {by}")
    return replace(inner, cap=rows.cap if others else 1,
                   bounded=rows.bounded or not others), exprs


def _aggregated(node: Node, rows: Rows) -> Expr:
    """An aggregate over one unit's rows, clipped to what `rows.cap` rows can give.

    Sums are of whole steps, since a sum of floats depends on the order of the engine's workers,
    and with it, in the last digit, on what other units hold.
    """
    cap = rows.cap
    if cap >= UNLIMITED:
        raise refused(node, "nothing bounds how many rows a person has here",
                      remedy="max_rows = 10   # under [unit] in the schema")
    if isinstance(node, exp.Count):
        only(node, "this", "big_int")
        return _clipped(f"CAST({_counted(node.this, rows)} AS DOUBLE)", 0.0, float(cap), True)
    if not isinstance(node, (exp.Sum, exp.Avg, exp.Min, exp.Max)):
        raise refused(node, f"{type(node).__name__.upper()} is not understood in a subquery",
                      bound="COUNT, SUM, AVG, MIN, MAX", remedy="one of these")
    only(node, "this", "expressions")
    expr = as_number(row.compiled(node.this, rows.scope))
    if not expr.is_bounded:
        raise MissingBounds("an aggregate needs bounds that do not come from the data",
                            value=node.this.sql(), bound="the least and the greatest value",
                            remedy=f"LEAST(GREATEST({node.this.sql()}, LOW), HIGH)")
    ends = f"{number_sql(expr.low)}, {number_sql(expr.high)}"
    if isinstance(node, (exp.Min, exp.Max)):
        clean = f"nullif({expr.sql}, CAST('nan' AS DOUBLE))"
        word = type(node).__name__.lower()
        return _clipped(f"{word}({clean})", expr.low, expr.high, expr.whole)
    step = step_for(max(abs(expr.low), abs(expr.high)), whole=expr.whole)
    steps = f"steps({expr.sql}, {ends}, {number_sql(step)})"
    total = f"CAST(CAST(sum({steps}) AS HUGEINT) AS DOUBLE) * {number_sql(step)}"
    if isinstance(node, exp.Avg):
        return _clipped(f"({total} / nullif(CAST(count({steps}) AS DOUBLE), 0))", expr.low,
                        expr.high, False)
    return _clipped(f"({total})", min(cap * expr.low, expr.low), max(cap * expr.high, expr.high),
                    expr.whole and step == 1.0)


def _counted(what: Node, rows: Rows) -> str:
    if what is None or isinstance(what, (exp.Star, exp.Literal)):
        return "count(*)"
    if isinstance(what, exp.Distinct):
        if len(what.expressions) != 1:
            raise malformed(what, "COUNT(DISTINCT) takes one column here", remedy="DISTINCT a")
        return f"count(DISTINCT {row.compiled(what.expressions[0], rows.scope).sql})"
    return f"count({row.compiled(what, rows.scope).sql})"


def _clipped(sql: str, low: float, high: float, whole: bool) -> Expr:
    clip = f"clip({sql}, {number_sql(low)}, {number_sql(high)})"
    return Expr(clip, "number", low, high, whole)
