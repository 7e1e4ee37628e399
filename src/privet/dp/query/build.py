"""From the text of one statement to its plan. Only text and schema decide, and nothing is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from privet.claims.guarantees import Relation
from privet.dp.query import compile as row
from privet.dp.query.columns import Columns
from privet.dp.query.expressions import MOST_LEVELS, Expr, Level, as_number
from privet.dp.query.measures import Registry, is_aggregate
from privet.dp.query.plan import LEAVES, Caps, Key, Measure, Plan, Rows
from privet.dp.query.refusals import malformed, only, refused, shown
from privet.dp.query.sources import Context, is_public, rows_of
from privet.dp.query.tables import Table
from privet.errors import InvalidInput, MissingBounds, whole

Node = Any
MOST_GROUPS = 100_000
"""Known groups that one answer may have."""
MOST_COUNTS = 50_000_000
"""Noisy counts of trees that one answer may take."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is asked beside the statement.

    Attributes:
        relation: which data sets are neighbours.
        max_rows: most rows of one unit; None for the schema's.
        max_groups: most groups in which one unit counts; None bounds rows alone.
        max_rows_per_group: most rows of one unit in each of these groups.
        weight: the column by whose value each row counts.
    """

    relation: Relation = "zero-out"
    max_rows: int | None = None
    max_groups: int | None = None
    max_rows_per_group: int | None = None
    weight: str | None = None


def statements(text: str) -> list[str]:
    """The statements of a text, in order.

    Raises:
        InvalidInput: it is no SQL, or holds none.
    """
    found = _parsed(text)
    if not found:
        raise InvalidInput("there is no statement", value=text[:80],
                           remedy="SELECT COUNT(*) FROM t")
    return [tree.sql(dialect="duckdb", comments=False) for tree in found]


def _parsed(text: str) -> list[Any]:
    try:
        found = sqlglot.parse(text, read="duckdb")
        # A semicolon with a comment before it is no statement.
        return [tree for tree in found if tree is not None and not isinstance(tree, exp.Semicolon)]
    except SqlglotError as error:
        found = error.errors[0] if getattr(error, "errors", None) else {}  # type: ignore[attr-defined]  # of ParseError
        where = f" in line {found['line']}, column {found['col']}" if "line" in found else ""
    except RecursionError:
        where = ": it is nested too deeply"
    raise InvalidInput(f"this is no SQL that can be read{where}", value=shown(text),
                       bound="one SELECT", remedy="SELECT city, COUNT(*) FROM t GROUP BY city")


def build(text: str, tables: Mapping[str, Table], options: Options) -> Plan:
    """The plan of one statement.

    Raises:
        Refused: it cannot be answered privately; the clause, the reason and a remedy are given.
        MissingBounds: an aggregate's bounds are not in the schema.
        InvalidInput, UnknownColumn: it is not understood.
    """
    try:
        return _built(_parsed(text), tables, options)
    except RecursionError:
        problem = "the statement is nested too deeply"
    raise InvalidInput(problem, value=shown(text), remedy="shorter conditions, or WITH")


def _built(trees: list[Any], tables: Mapping[str, Table], options: Options) -> Plan:
    if len(trees) != 1:
        raise InvalidInput("one statement is answered at a time", value=len(trees), bound="1",
                           remedy="privet query DATA --file queries.sql --epsilon 1.0")
    (select,) = trees
    if not isinstance(select, exp.Select):
        raise malformed(select, "only SELECT is answered", remedy="SELECT COUNT(*) FROM t")
    only(select, "kind", "with_", "expressions", "from_", "joins", "where", "group", "having",
         "order", "limit")
    context = Context(dict(tables), _common(select))
    rows = rows_of(select, context)
    if is_public(rows):
        raise malformed(select, "every table of the query is public, so that nothing is private",
                        remedy="FROM the private table")
    where: tuple[str, ...] = ()
    if select.args.get("where") is not None:
        where = (row.condition(select.args["where"].this, rows.scope).sql,)
    registry = Registry(rows, weight=_weight(options.weight, rows))
    columns = Columns(registry, _keys(select, rows))
    outputs = columns.selected(select)
    having = select.args.get("having")
    plan = Plan(
        text=select.sql(dialect="duckdb", comments=False),
        rows=rows,
        caps=Caps(1),
        where=where,
        keys=columns.keys,
        measures=(),
        outputs=outputs,
        having=None if having is None else columns.condition(having.this),
        order=columns.ordered(select),
        limit=_limit(select),
    )
    plan = replace(plan, totals=_totals(select, plan))
    return _finished(plan, registry, options, context)


def _common(select: Node) -> dict[str, Node]:
    """The subqueries of WITH by name."""
    clause = select.args.get("with_")
    if clause is None:
        return {}
    only(clause, "expressions")
    found = {}
    for item in clause.expressions:
        only(item, "this", "alias")
        found[item.alias.lower()] = item.this
    return found


def _weight(name: str | None, rows: Rows) -> Expr | None:
    if name is None:
        return None
    node = exp.column(name)
    weight = as_number(row.compiled(node, rows.scope)) if rows.scope else None
    if weight is None or not weight.is_bounded or weight.low < 0:
        raise MissingBounds("survey weights need bounds that do not come from the data",
                            value=name, bound="0 <= LOW < HIGH",
                            remedy=f"bounds = [0, HIGH]   # under [columns.{name}] in the schema")
    return weight


def _keys(select: Node, rows: Rows) -> list[tuple[Node, Key]]:
    """The keys of GROUP BY with the expressions that stand for them."""
    group = select.args.get("group")
    if group is None:
        return []
    only(group, "expressions", "all")
    aliases = {item.alias.lower(): item.this for item in select.expressions
               if isinstance(item, exp.Alias)}
    nodes = [_meant(node, select, aliases) for node in _grouped(group)]
    if group.args.get("all"):
        nodes = [item.unalias() for item in select.expressions
                 if not any(is_aggregate(part) for part in item.walk())]
    found = []
    for node in nodes:
        expr = row.compiled(node, rows.scope)
        if expr.bare == rows.unit:
            raise refused(node, "groups of one unit each would list the units",
                          remedy=f"SELECT COUNT(DISTINCT {node.sql()}) FROM t")
        found.append((node, Key(node.sql(dialect="duckdb"), expr, _levels(expr))))
    known = [len(key.levels or ()) for _, key in found if key.levels is not None]
    if len(known) == len(found) and math.prod(known) > MOST_GROUPS:
        raise refused(group, "there are too many known groups", bound=f"{MOST_GROUPS}",
                      remedy="fewer or coarser keys, such as FLOOR(age / 10) * 10")
    return found


def _grouped(group: Node) -> list[Node]:
    """The expressions of GROUP BY, of ROLLUP and of CUBE."""
    if not any(isinstance(node, (exp.Rollup, exp.Cube)) for node in group.expressions):
        return list(group.expressions)
    if len(group.expressions) > 1:
        raise malformed(group, "ROLLUP or CUBE stands alone under GROUP BY here",
                        remedy="GROUP BY ROLLUP (a, b)")
    return list(group.expressions[0].expressions)


def _totals(select: Node, plan: Plan) -> tuple[tuple[int, ...], ...]:
    """The keys that each kind of total keeps, the finer kinds first.

    Raises:
        Refused: the groups do not add up to totals.
    """
    group = select.args.get("group")
    kinds = [type(node) for node in (group.expressions if group else ())]
    if not {exp.Rollup, exp.Cube} & set(kinds):
        return ()
    if plan.known is None:
        raise refused(group, "totals over groups that a threshold leaves out would be too small",
                      bound="keys whose values the schema knows",
                      remedy='kind = "category", with its categories, in the schema')
    if any(None in (key.levels or ()) for key in plan.keys):
        raise refused(group, "a key may be NULL, which also stands for all its values in a total",
                      remedy="COALESCE(city, 'unknown')")
    count = len(plan.keys)
    if kinds == [exp.Rollup]:
        return tuple(tuple(range(n)) for n in reversed(range(count)))
    return tuple(kept for n in reversed(range(count)) for kept in combinations(range(count), n))


def _levels(expr: Expr) -> tuple[Level, ...] | None:
    """All values of a key: those that are known, or the whole numbers between its bounds."""
    if expr.levels is not None:
        return tuple(dict.fromkeys(expr.levels))
    if not (expr.whole and expr.is_bounded and expr.high - expr.low < MOST_LEVELS):
        return None
    return (*map(float, range(math.ceil(expr.low), math.floor(expr.high) + 1)), None)


def _meant(node: Node, select: Node, aliases: dict[str, Node]) -> Node:
    """What a name of GROUP BY or a number of a column stands for."""
    if isinstance(node, exp.Literal) and not node.is_string:
        if not node.this.isdigit() or not 1 <= int(node.this) <= len(select.expressions):
            raise malformed(node, "there is no such column to group by", remedy="GROUP BY 1")
        return select.expressions[int(node.this) - 1].unalias()
    if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
        inner = aliases[node.name.lower()]
        if not any(is_aggregate(part) for part in inner.walk()):
            return inner
    return node


def _limit(select: Node) -> int | None:
    limit = select.args.get("limit")
    if limit is None:
        return None
    only(limit, "expression", "this")
    value = limit.expression
    if not (isinstance(value, exp.Literal) and not value.is_string and value.this.isdigit()):
        raise malformed(limit, "LIMIT takes a whole number", remedy="LIMIT 10")
    return int(value.this)


def _finished(
    plan: Plan, registry: Registry, options: Options, context: Context
) -> Plan:
    """The plan with its measures, caps, and whom a threshold counts where keys are unknown."""
    plan = replace(plan, caps=_caps(plan, options))
    threshold_by = None
    if plan.known is None:
        unit = plan.rows.unit
        threshold_by = registry.add(
            Measure("sum", "rows", "1", counts=True) if unit is None
            else Measure("units", "different units", unit, counts=True))
    measures = tuple(registry.measures)
    if not measures:
        raise refused(plan.text, "this lists rows or values and adds up nothing",
                      bound="an aggregate", remedy="SELECT COUNT(*) FROM t")
    rows_only = len(measures) == 1 and measures[0].sql == "1" and measures[0].kind == "sum"
    exact = (options.relation == "zero-out" and plan.rows.whole and rows_only
             and not plan.where and not plan.keys)
    counts = LEAVES * sum(measure.kind == "tree" for measure in measures) * (plan.known or 1)
    if counts > MOST_COUNTS:
        raise refused(plan.text, "quantiles of so many groups take too many noisy counts",
                      bound=f"{MOST_COUNTS // LEAVES} groups", remedy="fewer groups")
    several = {"units", "distinct"} & {measure.kind for measure in measures}
    if plan.totals and several:
        raise refused(plan.text, "one value may be in several groups, so that different values do "
                      "not add up to a total", remedy="COUNT(DISTINCT x) in a statement of its own")
    reads = {name: tuple(columns) for name, columns in context.reads.items()}
    return replace(plan, measures=measures, threshold_by=threshold_by, exact=exact, reads=reads)


def _caps(plan: Plan, options: Options) -> Caps:
    rows = plan.rows
    given = (options.max_rows, options.max_groups, options.max_rows_per_group)
    if rows.unit is None or (rows.unit_name == "row" and rows.bounded):
        if any(value is not None for value in given):
            raise InvalidInput("bounds on a unit's rows mean nothing where a row is the unit",
                               value=[value for value in given if value is not None],
                               remedy='[unit]\n         column = "ID"   # in the schema')
        return Caps(rows.cap)
    most = rows.cap if options.max_rows is None else min(
        whole(max_rows=options.max_rows), rows.cap if rows.bounded else options.max_rows)
    selects = not (rows.bounded and most >= rows.cap)
    if options.max_groups is None and options.max_rows_per_group is None:
        return Caps(most, selects=selects)
    groups = whole(max_groups=options.max_groups or most)
    each = whole(max_rows_per_group=options.max_rows_per_group or most)
    if not plan.keys:
        groups = 1
    return Caps(groups * each, groups, each, selects=True)

