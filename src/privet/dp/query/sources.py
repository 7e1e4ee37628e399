"""FROM, JOIN and subqueries: which rows a query looks at, and how many of them a unit can have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from privet.dp.query import compile as row
from privet.dp.query.expressions import Expr
from privet.dp.query.plan import UNLIMITED, Rows
from privet.dp.query.refusals import malformed, only, refused
from privet.dp.query.rewrite import bounded_rows
from privet.dp.query.tables import Derived, Scope, Stored, Table, named, quoted

Node = Any
Pair = tuple[Expr, Expr, str]
_ON_THE_UNIT = "FROM a JOIN b ON a.ID = b.ID   # ID: the unit's column in both"


@dataclass
class Context:
    """What the whole statement shares.

    Attributes:
        tables: by name in lower case.
        common: subqueries of a WITH clause by name.
        count: how many relations have a name so far.
        reads: the columns that are needed of each table.
    """

    tables: dict[str, Table]
    common: dict[str, Node]
    count: int = 0
    reads: dict[str, dict[str, None]] = field(default_factory=dict)

    def own(self) -> str:
        """A fresh name for a relation."""
        self.count += 1
        return f"t{self.count - 1}"


def rows_of(select: Node, context: Context) -> Rows:
    """The rows that a SELECT looks at, its WHERE not yet applied.

    Raises:
        Refused, InvalidInput, UnknownColumn: what cannot be answered, or is not understood.
    """
    source = select.args.get("from_")
    if source is None:
        raise malformed(select, "there is no FROM", remedy="SELECT COUNT(*) FROM t")
    scope = Scope()
    found = _relation(source.this, scope, context)
    for join in select.args.get("joins") or ():
        found = _joined(found, join, scope, context, _conjuncts(select))
    return found


def _conjuncts(select: Node) -> list[Node]:
    where = select.args.get("where")
    if where is None:
        return []
    return list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]


def _own_conditions(conjuncts: list[Node], scope: Scope, alias: str) -> list[str]:
    """The conditions that one relation alone decides, which come before its rows are bounded."""
    found = []
    for part in conjuncts:
        columns = list(part.find_all(exp.Column))
        known = [scope.find(c.name, c.table, c)[0] for c in columns if _is_there(c, scope)]
        if columns and len(known) == len(columns) and set(known) == {alias}:
            found.append(row.condition(part, scope).sql)
    return found


def _is_there(column: Node, scope: Scope) -> bool:
    """True if exactly one relation so far has the column."""
    aliases = [column.table.lower()] if column.table else list(scope.relations)
    fitting = [a for a in aliases if a in scope.relations
               and named(column.name, scope.relations[a].columns) is not None]
    return len(fitting) == 1


def _relation(node: Node, scope: Scope, context: Context) -> Rows:
    if isinstance(node, exp.Subquery):
        only(node, "this", "alias")
        return _subquery(node.this, node.alias_or_name or "subquery", node, scope, context)
    if not isinstance(node, exp.Table):
        raise malformed(node, "this is no table", remedy="FROM t")
    only(node, "this", "alias")
    if not isinstance(node.this, exp.Identifier):
        raise malformed(node, "a function is no table here", remedy="FROM t")
    alias, name = node.alias_or_name, node.name.lower()
    if name in context.common:
        return _subquery(context.common[name], alias, node, scope, context)
    return _stored(_table(node, context), alias, node, scope, context)


def _table(node: Node, context: Context) -> Table:
    found = context.tables.get(node.name.lower()) or context.tables.get("")
    if found is None:
        known = ", ".join(table.name for table in context.tables.values())
        raise malformed(node, "there is no such table", bound=f"one of {known}",
                        remedy=f"FROM {next(iter(context.tables))}")
    return found


def engine_name(table: Table) -> str:
    """What the engine calls a table."""
    # In a schema of their own, where no step of the rewritten SQL has their names.
    return f"stored.{quoted(table.name or 'data')}"


def _stored(table: Table, alias: str, node: Node, scope: Scope, context: Context) -> Rows:
    own = context.own()
    reads = context.reads.setdefault(table.name.lower(), {})
    scope.add(alias, Stored(table, reads), own, node)
    unit, cap = None, 1
    if not table.public and not table.data.schema.unit.is_row:
        unit = scope.sql(alias.lower(), table.unit)
        cap = table.data.schema.unit.max_rows
    return Rows(
        sql=f"{engine_name(table)} AS {own}", scope=scope, where=(), unit=unit,
        unit_name=table.unit, cap=cap, bounded=unit is None, whole=unit is None, tables=(table,),
    )


def is_public(rows: Rows) -> bool:
    """True if nobody's rows are in it."""
    return all(table.public for table in rows.tables)


def _subquery(select: Node, alias: str, node: Node, scope: Scope, context: Context) -> Rows:
    from privet.dp.query.subqueries import subquery

    own = context.own()
    inner, exprs = subquery(select, context)
    scope.add(alias, Derived(exprs), own, node)
    unit = None if inner.unit is None else f"{own}.{inner.unit}"
    return replace(inner, sql=f"({inner.sql}) AS {own}", scope=scope, where=(), unit=unit,
                   whole=False)


def _joined(
    left: Rows, join: Node, scope: Scope, context: Context, conjuncts: list[Node]
) -> Rows:
    only(join, "this", "on", "using", "side", "kind", "method")
    side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
    if kind == "CROSS" or join.args.get("method") or not (
        join.args.get("on") or join.args.get("using")
    ):
        raise refused(join, "a join without a condition pairs everybody with everybody",
                      remedy="JOIN b ON a.key = b.key")
    if side not in ("", "LEFT") or kind not in ("", "INNER", "OUTER"):
        raise malformed(join, f"{side} {kind} JOIN is not understood here".replace("  ", " "),
                        bound="JOIN or LEFT JOIN", remedy="JOIN b ON a.key = b.key")
    before = list(scope.relations)
    right = _relation(join.this, scope, context)
    alias = next(name for name in scope.relations if name not in before)
    pairs = list(_equalities(join, scope, before, alias))
    if is_public(left):
        raise refused(join, "the first table of a join must be the private one",
                      remedy="FROM private JOIN public ON ...")
    word = "LEFT JOIN" if side == "LEFT" else "JOIN"
    on = " AND ".join(f"{a.sql} = {b.sql}" for a, b, _ in pairs)
    if is_public(right):
        return _with_public(left, right, word, on, [name for *_, name in pairs], join)
    _check_private(left, right, pairs, join)
    sides = []
    for side_rows, name, pushed in ((left, before[0], True), (right, alias, word == "JOIN")):
        if not side_rows.bounded and side_rows is left and len(before) > 1:
            raise refused(join, "a unit's rows must be bounded before they meet another table's",
                          remedy="FROM a JOIN b ON a.ID = b.ID JOIN public ON ...")
        where = _own_conditions(conjuncts, scope, name) if pushed else []
        sides.append(bounded_rows(side_rows, scope.names[name], where))
    return replace(
        left, sql=f"{sides[0]} {word} {sides[1]} ON {on}",
        cap=min(left.cap * right.cap, UNLIMITED), bounded=True, whole=False,
        tables=(*left.tables, *right.tables),
    )


def _equalities(
    join: Node, scope: Scope, before: list[str], alias: str
) -> Iterator[Pair]:
    """(left, right, right column) of every equality of a join."""
    using = join.args.get("using") or ()
    for name in using:
        found = [other for other in before
                 if name.name.lower() in map(str.lower, scope.relations[other].columns)]
        if len(found) != 1:
            raise malformed(join, "USING names a column that not exactly one table on the left has",
                            remedy="JOIN b ON a.key = b.key")
        yield _pair(exp.column(name.name, found[0]), exp.column(name.name, alias), scope, join)
    on = join.args.get("on")
    for part in [] if on is None else on.flatten() if isinstance(on, exp.And) else [on]:
        inner = part.unnest() if isinstance(part, exp.Paren) else part
        sides = (inner.this, inner.expression) if isinstance(inner, exp.EQ) else ()
        if len(sides) != 2 or not all(isinstance(item, exp.Column) for item in sides):
            raise malformed(join, "a join needs equal columns, with AND between them",
                            remedy="JOIN b ON a.key = b.key, other conditions under WHERE")
        a, b = sides
        if scope.find(a.name, a.table, a)[0] == alias:
            a, b = b, a
        if scope.find(b.name, b.table, b)[0] != alias or scope.find(a.name, a.table, a)[0] == alias:
            raise malformed(join, "a join's condition must name both tables",
                            remedy="JOIN b ON a.key = b.key")
        yield _pair(a, b, scope, join)


def _pair(a: Node, b: Node, scope: Scope, join: Node) -> Pair:
    left, right = row.compiled(a, scope), row.compiled(b, scope)
    if left.kind != right.kind:
        raise malformed(join, "the columns of a join are of different kinds",
                        remedy="the same kind in both schemas")
    return left, right, scope.find(b.name, b.table, b)[1]


def _with_public(
    left: Rows, right: Rows, word: str, on: str, columns: list[str], join: Node
) -> Rows:
    fan = fan_out(right, columns, join)
    tables = (*left.tables, *right.tables)
    joined = replace(left, sql=f"{left.sql} {word} {right.sql} ON {on}", tables=tables, whole=False)
    if fan <= 1:
        return joined
    if left.unit is None:
        # Each row of the private table is a unit, which now has up to `fan` rows.
        own = next(iter(left.scope.names.values()))
        if not left.whole:
            raise refused(join, "a row meets several rows of a public table in a second join",
                          remedy="a public table with one row for each key")
        return replace(joined, unit=f"{own}.rowid", cap=fan, bounded=True)
    cap = min(left.cap * fan, UNLIMITED)
    return replace(joined, cap=cap)


def fan_out(right: Rows, columns: list[str], join: Node) -> int:
    """Most rows of a public table that have one key; the table is nobody's, so it is read."""
    (table,) = right.tables if len(right.tables) == 1 else (None,)
    if table is None or not right.whole:
        raise malformed(join, "a subquery over public tables cannot be joined",
                        remedy="the public table itself")
    from privet.data.values import labels

    counts: Counter[tuple[Any, ...]] = Counter()
    for batch in table.data.batches(list(dict.fromkeys(columns))):
        counts.update(zip(*(labels(batch[name]) for name in columns), strict=True))
    return max(counts.values(), default=1)


def _check_private(
    left: Rows, right: Rows, pairs: list[Pair], join: Node
) -> None:
    """Refuse a join of private tables by anything but the unit.

    Raises:
        Refused: one person's rows would meet another's.
    """
    if left.unit is None or right.unit is None:
        raise refused(join, "a row of one private table is no row of another: no join",
                      bound="a unit's id in both schemas",
                      remedy='[unit]\n         column = "ID"\n         max_rows = 10')
    if not any((a.bare, b.bare) == (left.unit, right.unit) for a, b, _ in pairs):
        raise refused(join, "private tables can be joined on the unit's id only: else one person's "
                      "rows meet those of many", remedy=_ON_THE_UNIT)
