"""From the syntax tree of an expression over one row to an `Expr`: a list of what is understood.

Whatever is not on the list is refused by name. Comparisons see a cell as it stands; arithmetic
and aggregates see it clipped to the bounds of the schema.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlglot import exp

from privet.dp.query import arithmetic
from privet.dp.query import expressions as ex
from privet.dp.query.expressions import Expr
from privet.dp.query.refusals import malformed, only
from privet.dp.query.tables import Scope

Node = Any  # sqlglot's classes carry no useful types
MOST_NODES = 1000


def compiled(node: Node, scope: Scope) -> Expr:
    """What an expression over one row means.

    Raises:
        InvalidInput: it is not understood, or its types do not fit.
        UnknownColumn: it names a column that no table has.
    """
    if sum(1 for _ in node.walk()) > MOST_NODES:
        raise malformed(node, "the expression is too long", bound=f"{MOST_NODES} parts",
                        remedy="a shorter expression")
    return _compiled(node, scope)


def condition(node: Node, scope: Scope) -> Expr:
    """What a condition over one row means."""
    return _truth(node, scope)


def _compiled(node: Node, scope: Scope) -> Expr:
    rule = RULES.get(type(node))
    if rule is None:
        raise malformed(node, f"{_name(node)} is not understood here",
                        bound="columns, literals, + - * / %, comparisons, AND OR NOT, IN, BETWEEN, "
                        "LIKE, IS NULL, CASE, COALESCE, LEAST, GREATEST, ABS, ROUND, FLOOR, CEIL, "
                        "SQRT, LN, EXP, POWER, LOWER, UPPER, TRIM, SUBSTRING, LENGTH, CAST",
                        remedy="one of these")
    return rule(node, scope)


def _name(node: Node) -> str:
    return (node.name if isinstance(node, exp.Anonymous) else type(node).__name__).upper()


def _number(node: Node, scope: Scope) -> Expr:
    item = _compiled(node, scope)
    if item.kind == "text":
        raise malformed(node, "this is text, and a number is needed",
                        remedy=f"CAST({node.sql(dialect='duckdb')} AS DOUBLE)   "
                        '# or kind = "number" in the schema')
    return ex.as_number(item)


def _truth(node: Node, scope: Scope) -> Expr:
    item = _compiled(node, scope)
    if item.kind != "truth":
        raise malformed(node, "this is no condition",
                        remedy=f"{node.sql(dialect='duckdb')} = VALUE")
    return item


def _column(node: Node, scope: Scope) -> Expr:
    only(node, "this", "table")
    if isinstance(node.this, exp.Star):
        raise malformed(node, "* stands for rows", remedy="the column's name")
    return scope.column(node.name, node.table, node)


def _literal(node: Node, scope: Scope) -> Expr:
    del scope
    if node.is_string:
        if "\0" in node.this:
            raise malformed("'...'", "a text with a NUL byte", remedy="a text without it")
        return ex.constant(node.this)
    value = float(node.this)
    if not math.isfinite(value):
        raise malformed(node, "a number beyond every float", remedy="1e300")
    return ex.constant(value)


def _numeric(rule: Callable[..., Expr], *names: str) -> Callable[[Node, Scope], Expr]:
    """A rule over operands that are numbers; a list of them where an argument holds several."""

    def compiled_rule(node: Node, scope: Scope) -> Expr:
        operands: list[Node] = []
        for name in names:
            found = node.args.get(name)
            operands += found if isinstance(found, list) else [found]
        return rule(node, *(_number(operand, scope) for operand in operands))

    return compiled_rule


def _paren(node: Node, scope: Scope) -> Expr:
    return _compiled(node.this, scope)


def _compare(sign: str, holds: Callable[[Any, Any], bool]) -> Callable[[Node, Scope], Expr]:
    def rule(node: Node, scope: Scope) -> Expr:
        a, b = _alike(node.this, node.expression, scope, equal=sign in ("=", "<>"))
        out = Expr(f"({a.sql} {sign} {b.sql})", "truth", levels=(False, True, None))
        if a.raw or b.raw:
            return out  # a cell as it stands may lie beyond its levels
        return ex.apply(holds, (a, b), out)

    return rule


def _alike(left: Node, right: Node, scope: Scope, *, equal: bool = True) -> tuple[Expr, Expr]:
    """Two sides of a comparison, of one type; a number that a text may equal is the text of it."""
    a, b = _compiled(left, scope), _compiled(right, scope)
    for one, other, node in ((a, b, right), (b, a, left)):
        is_code = equal and isinstance(node, exp.Literal)
        if one.kind == "text" and other.kind == "number" and is_code:
            as_text = ex.constant(_text_of(float(node.this)))
            return (as_text, b) if other is a else (a, as_text)
    if "NULL" in (a.sql, b.sql) or a.kind == b.kind:
        return a, b
    if "text" in (a.kind, b.kind):
        text = left if a.kind == "text" else right
        raise malformed(f"{left.sql()} ... {right.sql()}", "text is compared with a number",
                        remedy=f"CAST({text.sql(dialect='duckdb')} AS DOUBLE)   "
                        '# or kind = "number" in the schema')
    return ex.as_number(a), ex.as_number(b)


def _text_of(value: float) -> str:
    from privet.data.values import label

    return str(label(value))


def _logic(word: str) -> Callable[[Node, Scope], Expr]:
    def rule(node: Node, scope: Scope) -> Expr:
        a, b = _truth(node.this, scope), _truth(node.expression, scope)
        return Expr(f"({a.sql} {word} {b.sql})", "truth", levels=(False, True, None))

    return rule


def _not(node: Node, scope: Scope) -> Expr:
    return Expr(f"(NOT {_truth(node.this, scope).sql})", "truth", levels=(False, True, None))


def _is(node: Node, scope: Scope) -> Expr:
    a = _compiled(node.this, scope)
    if isinstance(node.expression, exp.Null):
        return Expr(f"({a.sql} IS NULL)", "truth", levels=(False, True))
    if isinstance(node.expression, exp.Boolean) and a.kind == "truth":
        word = "TRUE" if node.expression.this else "FALSE"
        return Expr(f"(({a.sql}) IS NOT DISTINCT FROM {word})", "truth", levels=(False, True))
    raise malformed(node, "IS compares with NULL, TRUE or FALSE", remedy="x IS NOT NULL")


def _in(node: Node, scope: Scope) -> Expr:
    only(node, "this", "expressions")
    pairs = [_alike(node.this, item, scope) for item in node.expressions]
    if not all(isinstance(item, (exp.Literal, exp.Neg, exp.Boolean)) for item in node.expressions):
        raise malformed(node, "IN takes a list of literals", remedy="x IN ('a', 'b')")
    choices = ", ".join(b.sql for _, b in pairs)
    return Expr(f"({pairs[0][0].sql} IN ({choices}))", "truth", levels=(False, True, None))


def _between(node: Node, scope: Scope) -> Expr:
    only(node, "this", "low", "high")
    low = _alike(node.this, node.args["low"], scope, equal=False)
    high = _alike(node.this, node.args["high"], scope, equal=False)
    sql = f"({low[0].sql} >= {low[1].sql} AND {high[0].sql} <= {high[1].sql})"
    return Expr(sql, "truth", levels=(False, True, None))


def _like(word: str) -> Callable[[Node, Scope], Expr]:
    def rule(node: Node, scope: Scope) -> Expr:
        only(node, "this", "expression")
        a = _text(node.this, scope)
        if not (isinstance(node.expression, exp.Literal) and node.expression.is_string):
            raise malformed(node, "a pattern must be a literal", remedy="city LIKE 'New%'")
        sql = f"({a.sql} {word} {ex.constant(node.expression.this).sql})"
        return Expr(sql, "truth", levels=(False, True, None))

    return rule


def _text(node: Node, scope: Scope) -> Expr:
    item = _compiled(node, scope)
    if item.kind != "text":
        raise malformed(node, "this is no text", remedy='kind = "category" in the schema')
    return item


def _texts(name: str) -> Callable[[Node, Scope], Expr]:
    def rule(node: Node, scope: Scope) -> Expr:
        only(node, "this")
        a = _text(node.this, scope)
        return Expr(f"{name}({a.sql})", "text")

    return rule


def _length(node: Node, scope: Scope) -> Expr:
    only(node, "this")
    a = _text(node.this, scope)
    return Expr(f"CAST(length({a.sql}) AS DOUBLE)", "number", 0.0, whole=True)


def _substring(node: Node, scope: Scope) -> Expr:
    only(node, "this", "start", "length", "expression")
    a = _text(node.this, scope)
    parts = [a.sql]
    if isinstance(node, exp.Left):
        parts += ["1", str(arithmetic.small_whole(node.expression))]
    else:
        parts += [str(arithmetic.small_whole(node.args["start"]))]
        if node.args.get("length") is not None:
            parts.append(str(arithmetic.small_whole(node.args["length"])))
    return Expr(f"substring({', '.join(parts)})", "text")


def _case(node: Node, scope: Scope) -> Expr:
    only(node, "this", "ifs", "default")
    branches, results = [], []
    for branch in node.args["ifs"]:
        test = branch.this
        if node.this is not None:
            test = exp.EQ(this=node.this.copy(), expression=test.copy())
        branches.append(_truth(test, scope))
        results.append(branch.args["true"])
    default = node.args.get("default")
    items = [_compiled(part, scope) for part in results]
    items.append(_compiled(default, scope) if default is not None else ex.constant(None))
    chosen = _merged(items, node)
    whens = " ".join(f"WHEN {test.sql} THEN {item.sql}"
                     for test, item in zip(branches, chosen.items, strict=False))
    return chosen.out(f"(CASE {whens} ELSE {chosen.items[-1].sql} END)")


def _if(node: Node, scope: Scope) -> Expr:
    case = exp.Case(ifs=[exp.If(this=node.this.copy(), true=node.args["true"].copy())],
                    default=node.args.get("false") and node.args["false"].copy())
    return _case(case, scope)


def _coalesce(node: Node, scope: Scope) -> Expr:
    only(node, "this", "expressions", "is_nvl", "is_null")
    chosen = _merged([_compiled(p, scope) for p in (node.this, *node.expressions)], node)
    out = chosen.out(f"coalesce({', '.join(item.sql for item in chosen.items)})")
    filled = chosen.items[-1].levels is not None and None not in (chosen.items[-1].levels or ())
    if filled and out.levels is not None:
        return replace(out, levels=tuple(v for v in out.levels if v is not None))
    return out


class _merged:
    """Several expressions of which one is taken, brought to one type."""

    def __init__(self, items: list[Expr], node: Node) -> None:
        kinds = {item.kind for item in items if item.sql != "NULL"} or {"number"}
        if kinds == {"number", "truth"}:
            kinds = {"number"}
        if len(kinds) > 1:
            raise malformed(node, "text and numbers are mixed", remedy="results of one type")
        (self.kind,) = kinds
        numeric = self.kind == "number"
        self.items = [ex.as_number(i) if numeric and i.sql != "NULL" else i for i in items]

    def out(self, sql: str) -> Expr:
        real = [item for item in self.items if item.sql != "NULL"] or self.items
        levels: tuple[ex.Level, ...] | None = None
        if all(item.levels is not None for item in self.items):
            levels = tuple(dict.fromkeys(v for item in self.items for v in item.levels or ()))
        if self.kind != "number":
            return Expr(sql, self.kind, levels=levels)
        return Expr(sql, "number", min(i.low for i in real), max(i.high for i in real),
                    all(i.whole for i in real), levels)


def _nullif(node: Node, scope: Scope) -> Expr:
    a, b = _alike(node.this, node.expression, scope)
    a = a.value()
    levels = None if a.levels is None else tuple(dict.fromkeys((*a.levels, None)))
    return replace(a, sql=f"nullif({a.sql}, {b.sql})", levels=levels)


def _cast(node: Node, scope: Scope) -> Expr:
    a = _compiled(node.this, scope)
    to = node.args["to"].this.name
    if to in ("DOUBLE", "FLOAT", "DECIMAL"):
        if a.kind != "text":
            return ex.as_number(a)
        # The text "nan" is no number here either.
        return Expr(f"nullif(TRY_CAST({a.sql} AS DOUBLE), CAST('nan' AS DOUBLE))", "number")
    if to in ("INT", "BIGINT", "SMALLINT", "TINYINT"):
        if a.kind == "text":
            a = Expr(f"nullif(TRY_CAST({a.sql} AS DOUBLE), CAST('nan' AS DOUBLE))", "number")
        return ex.monotone("round", ex.away, a, whole=True)
    if to in ("VARCHAR", "TEXT") and a.kind == "text":
        return a
    if to == "DATE" and isinstance(node.this, exp.Literal):
        return a  # dates are ISO text, which sorts as they do
    raise malformed(node, f"a cast to {to} is not understood here",
                    bound="DOUBLE, INTEGER or BIGINT", remedy="CAST(x AS DOUBLE)")


def _null(node: Node, scope: Scope) -> Expr:
    del node, scope
    return ex.constant(None)


def _boolean(node: Node, scope: Scope) -> Expr:
    del scope
    return ex.constant(bool(node.this))


_PAIR, _EACH = ("this", "expression"), ("this", "expressions")
RULES: dict[type, Callable[[Node, Scope], Expr]] = {
    exp.Column: _column, exp.Literal: _literal, exp.Paren: _paren, exp.Null: _null,
    exp.Boolean: _boolean,
    exp.Add: _numeric(arithmetic.plus, *_PAIR), exp.Sub: _numeric(arithmetic.minus, *_PAIR),
    exp.Mul: _numeric(arithmetic.times, *_PAIR), exp.Div: _numeric(arithmetic.over, *_PAIR),
    exp.Mod: _numeric(arithmetic.modulo, *_PAIR), exp.Neg: _numeric(arithmetic.negative, "this"),
    exp.Abs: _numeric(arithmetic.magnitude, "this"),
    exp.Round: _numeric(arithmetic.rounded, "this"),
    exp.Floor: _numeric(arithmetic.floor, "this"), exp.Ceil: _numeric(arithmetic.ceil, "this"),
    exp.Sqrt: _numeric(arithmetic.root, "this"), exp.Ln: _numeric(arithmetic.logarithm, "this"),
    exp.Exp: _numeric(arithmetic.exponential, "this"),
    exp.Pow: _numeric(arithmetic.power, "this"),
    exp.Least: _numeric(arithmetic.least, *_EACH),
    exp.Greatest: _numeric(arithmetic.greatest, *_EACH),
    exp.EQ: _compare("=", operator.eq), exp.NEQ: _compare("<>", operator.ne),
    exp.LT: _compare("<", operator.lt), exp.LTE: _compare("<=", operator.le),
    exp.GT: _compare(">", operator.gt), exp.GTE: _compare(">=", operator.ge),
    exp.And: _logic("AND"), exp.Or: _logic("OR"), exp.Not: _not, exp.Is: _is, exp.In: _in,
    exp.Between: _between, exp.Like: _like("LIKE"), exp.ILike: _like("ILIKE"),
    exp.Lower: _texts("lower"), exp.Upper: _texts("upper"), exp.Trim: _texts("trim"),
    exp.Length: _length, exp.Substring: _substring, exp.Left: _substring, exp.Case: _case,
    exp.If: _if, exp.Coalesce: _coalesce, exp.Nullif: _nullif, exp.Cast: _cast, exp.TryCast: _cast,
}
"""What is understood, by the class of the syntax tree."""
