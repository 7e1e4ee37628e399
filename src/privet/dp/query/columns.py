"""The columns of an answer: SELECT, HAVING and ORDER BY as functions of released numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from privet.dp.query import answers
from privet.dp.query.answers import Output
from privet.dp.query.arithmetic import small_whole
from privet.dp.query.measures import Registry, aggregate, is_aggregate
from privet.dp.query.plan import ERROR, Key, Order
from privet.dp.query.refusals import malformed, only, refused

Node = Any


@dataclass(frozen=True)
class Named:
    """A column of the answer: its name, and how its values are made."""

    name: str
    output: Output
    is_key: bool

    def at(self, group: answers.Group) -> answers.Figure:
        """Its value in a group."""
        return self.output.at(group)


class Columns:
    """Compiles expressions over groups; keys and aliases are known by name."""

    def __init__(self, registry: Registry, keys: Sequence[tuple[Node, Key]]) -> None:
        self._registry = registry
        self._nodes = [node for node, _ in keys]
        self.keys = tuple(key for _, key in keys)
        self._aliases: dict[str, Output] = {}

    def selected(self, select: Node) -> tuple[Named, ...]:
        """The columns of SELECT."""
        found: list[Named] = []
        for item in select.expressions:
            inner = item.unalias()
            if inner.is_star and not is_aggregate(inner):
                raise refused(item, "* lists the rows themselves", bound="keys and aggregates",
                              remedy="SELECT COUNT(*) FROM t")
            output = self.compiled(inner)
            name = item.alias_or_name if isinstance(item, (exp.Alias, exp.Column)) else ""
            name = name or inner.sql(dialect="duckdb").lower()
            taken = {column.name.lower() for column in found}
            # Each name has its error's beside it.
            ours = {name.lower(), name.lower() + ERROR, name.lower().removesuffix(ERROR)}
            if ours & (taken | {other + ERROR for other in taken}):
                raise malformed(item, "two columns of the answer have one name",
                                bound=f"names that differ, and not by {ERROR} alone",
                                remedy="AS another_name")
            found.append(Named(name, output, isinstance(output, answers.KeyOf)))
            if isinstance(item, exp.Alias):
                self._aliases[item.alias.lower()] = output
        return tuple(found)

    def compiled(self, node: Node) -> Output:
        """A number or a key of a group.

        Raises:
            Refused: it lists rows, or divides by a private number.
            InvalidInput: it is not understood.
        """
        for index, key in enumerate(self._nodes):
            if node == key:
                return answers.KeyOf(index)
        if is_aggregate(node):
            return aggregate(node, self._registry)
        if isinstance(node, exp.Paren):
            return self.compiled(node.this)
        if isinstance(node, exp.Literal):
            return answers.Constant(node.this if node.is_string else float(node.this))
        if isinstance(node, exp.Column):
            return self._by_name(node)
        if isinstance(node, exp.Neg):
            return answers.Linear(self.compiled(node.this), -1.0)
        if isinstance(node, exp.Round):
            only(node, "this", "decimals")
            digits = node.args.get("decimals")
            return answers.Rounded(self.compiled(node.this),
                                   0 if digits is None else small_whole(digits))
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
            return self._arithmetic(node)
        raise malformed(node, "this is neither a key nor an aggregate, nor adds such up",
                        bound="keys, aggregates, and + - of them, times or by a number, ROUND",
                        remedy="SELECT key, COUNT(*) FROM t GROUP BY key")

    def _by_name(self, node: Node) -> Output:
        if not node.table and node.name.lower() in self._aliases:
            return self._aliases[node.name.lower()]
        # The same column may be written with and without its table, or in another case.
        expr = self._registry.rows.scope.column(node.name, node.table, node)
        for index, key in enumerate(self.keys):
            if key.expr.sql == expr.sql:
                return answers.KeyOf(index)
        raise refused(node, "a column by itself lists values of rows",
                      bound="a column of GROUP BY, or an aggregate",
                      remedy=f"AVG({node.sql()}), or GROUP BY {node.sql()}")

    def _arithmetic(self, node: Node) -> Output:
        left, right = node.this, node.expression
        if isinstance(node, exp.Div) and self._is_private(right):
            raise refused(node, "this divides by a private number, which may be 0 or negative "
                          "once it is noisy", bound="AVG, which divides safely",
                          remedy="AVG(x)   # instead of SUM(x) / COUNT(x)")
        if isinstance(node, (exp.Mul, exp.Div)):
            if self._is_private(left) and self._is_private(right):
                raise refused(node, "the product of two private numbers has no error bar here",
                              remedy="both as columns of their own")
            inner, factor = (left, right) if self._is_private(left) else (right, left)
            value = self._literal(factor)
            if isinstance(node, exp.Div):
                if not self._is_private(left) or value == 0:
                    raise malformed(node, "this divides a literal, or by 0", remedy="SUM(x) / 1000")
                value = 1.0 / value
            return answers.Linear(self.compiled(inner), value)
        sign = -1.0 if isinstance(node, exp.Sub) else 1.0
        return answers.Linear(self.compiled(left), sign, self.compiled(right))

    def _is_private(self, node: Node) -> bool:
        return any(is_aggregate(part) or isinstance(part, exp.Column) for part in node.walk())

    def _literal(self, node: Node) -> float:
        inner = node.unnest()
        negative = isinstance(inner, exp.Neg)
        inner = inner.this if negative else inner
        if not isinstance(inner, exp.Literal) or inner.is_string:
            raise malformed(node, "a number must stand here", remedy="SUM(x) / 1000")
        return -float(inner.this) if negative else float(inner.this)

    def condition(self, node: Node) -> Output:
        """A condition of HAVING, on released numbers alone."""
        if isinstance(node, exp.Paren):
            return self.condition(node.this)
        if isinstance(node, (exp.And, exp.Or)):
            parts = (self.condition(node.this), self.condition(node.expression))
            return answers.Logic("AND" if isinstance(node, exp.And) else "OR", parts)
        if isinstance(node, exp.Not):
            return answers.Logic("NOT", (self.condition(node.this),))
        if isinstance(node, exp.Between):
            value = self.compiled(node.this)
            return answers.Logic("AND", (
                answers.Compared("GTE", value, self.compiled(node.args["low"])),
                answers.Compared("LTE", value, self.compiled(node.args["high"]))))
        if type(node).__name__ in answers.COMPARISONS:
            return answers.Compared(type(node).__name__, self.compiled(node.this),
                                    self.compiled(node.expression))
        raise malformed(node, "HAVING compares noisy columns", remedy="HAVING COUNT(*) > 100")

    def ordered(self, select: Node) -> tuple[Order, ...]:
        """The expressions of ORDER BY, on released numbers alone."""
        order = select.args.get("order")
        found = []
        for item in () if order is None else order.expressions:
            only(item, "this", "desc", "nulls_first")
            node = item.this
            if isinstance(node, exp.Literal) and not node.is_string:
                if not node.this.isdigit() or not 1 <= int(node.this) <= len(select.expressions):
                    raise malformed(item, "there is no such column to order by",
                                    remedy="ORDER BY 1")
                node = select.expressions[int(node.this) - 1].unalias()
            down = bool(item.args.get("desc"))
            found.append(Order(self.compiled(node), down, not item.args.get("nulls_first")))
        return tuple(found)
