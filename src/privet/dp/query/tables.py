"""The tables that a query may name, as text and schema know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from privet.data import Dataset
from privet.data.columns import Column
from privet.data.names import unknown_column
from privet.dp.query.expressions import MOST_LEVELS, Expr, Level
from privet.dp.query.refusals import malformed
from privet.errors import InvalidInput, MissingBounds, Refused


@dataclass(frozen=True, eq=False)
class Table:
    """One table.

    Attributes:
        name: what queries call it; "" for one that answers to any name.
        data: its rows and schema.
        public: nobody's rows, so that nothing has to be paid for them.
    """

    name: str
    data: Dataset
    public: bool = False

    @property
    def unit(self) -> str:
        """ "row", or the id column whose equal values are one person."""
        return self.data.schema.unit.name

    def declared(self, name: str) -> Column | None:
        """What the schema says of a column; None where it says nothing."""
        return self.data.schema.columns.get(name)

    def kind(self, name: str) -> str:
        """How the engine holds a column: "number", "truth", "text"; "any" for text or integers."""
        column = self.declared(name)
        if column is None or not column.is_used:
            return "any"
        if column.is_numeric:
            return "number"
        return "truth" if column.kind == "boolean" else "text"


def catalogue(data: Any, public: Mapping[str, Any] | None = None) -> dict[str, Table]:
    """The tables by name in lower case; one alone answers to any name, under "".

    Raises:
        InvalidInput: two tables of one name, or what is no data set.
        MissingBounds: a private table's bounds were taken from its rows.
        Refused: a private table does not say whose rows belong together.
    """
    tables: dict[str, Table] = {}
    private = dict(data) if isinstance(data, Mapping) else {"": data}
    both = [(n, d, False) for n, d in private.items()]
    both += [(n, d, True) for n, d in (public or {}).items()]
    for name, rows, is_public in both:
        if not isinstance(rows, Dataset):
            raise InvalidInput("a table of a query must come with its schema",
                               value=type(rows).__name__, bound="what pv.read returns",
                               remedy='pv.query(sql, pv.read("rows.csv", schema="rows.toml"), '
                               "epsilon=1.0)")
        if str(name).lower() in tables:
            raise InvalidInput("two tables have one name", value=name,
                               remedy="names that differ by more than upper and lower case")
        tables[str(name).lower()] = table = Table(str(name), rows, is_public)
        if not is_public:
            check_private(table)
    if not private:
        raise InvalidInput("a query needs a private table", value=sorted(tables),
                           remedy="pv.query(sql, data, epsilon=1.0)")
    return tables


def check_private(table: Table) -> None:
    """Refuse a schema that promises less than privacy needs.

    Raises:
        MissingBounds, Refused: see `catalogue`.
    """
    schema = table.data.schema
    if schema.bounds_from == "data":
        raise MissingBounds(
            "the bounds of this schema were taken from the data and would leak them",
            value=schema.bounds_from,
            bound='bounds_from = "domain" or "dp"',
            remedy='write bounds you know, then bounds_from = "domain"; or draft them privately: '
            "privet schema draft FILE --private --epsilon 0.1",
        )
    if schema.unit.is_row:
        if schema.identifiers and not schema.unit.declared:
            raise Refused(
                f"the schema names the identifier {schema.identifiers[0]!r}, but not whether one "
                "row is all of a person",
                value="no unit declared",
                bound="the person as the privacy unit",
                remedy=f'[unit]\n         column = "{schema.identifiers[0]}"\n         '
                'max_rows = 10\n         or, if no person has several rows: unit = "row"   '
                "# at the top",
            )
        return
    table.data.require(schema.unit.name)


class Relation(Protocol):
    """What stands in a FROM clause: its columns, and what is known of each."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""

    def cell(self, sql: str, name: str) -> Expr:
        """A column that the rewritten SQL calls `sql`."""

    def read(self, name: str) -> None:
        """Hear that a column is needed."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A table as it is stored; `reads` collects the columns that are needed of it."""

    table: Table
    reads: dict[str, None]

    def read(self, name: str) -> None:
        """Remember a column.

        Raises:
            InvalidInput: another one that is needed has this name in another case.
        """
        if any(c != name and c.lower() == name.lower() for c in self.reads):
            raise malformed(name, "two columns of one table differ only by upper and lower case",
                            remedy="rename one of them in the source")
        self.reads[name] = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all its columns, declared or not."""
        return self.table.data.columns

    def cell(self, sql: str, name: str) -> Expr:
        """Its cells under the schema's declaration."""
        return cell(sql, self.table.declared(name))


@dataclass(frozen=True, eq=False)
class Derived:
    """The columns that a subquery gives names to."""

    exprs: dict[str, Expr]

    def read(self, name: str) -> None:
        """Do nothing: the subquery has the column."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.exprs)

    def cell(self, sql: str, name: str) -> Expr:
        """The same values under the new name."""
        expr = self.exprs[name]
        return replace(expr, sql=sql, bare=sql if expr.bare else "")


class Scope:
    """The relations of one FROM clause under their aliases."""

    def __init__(self) -> None:
        self.relations: dict[str, Relation] = {}
        self.names: dict[str, str] = {}

    def add(self, alias: str, relation: Relation, own: str, node: Any) -> None:
        """Put a relation in, under the user's alias and its own name in the rewritten SQL."""
        if alias.lower() in self.relations:
            raise malformed(node, "two tables have one alias", remedy="FROM t AS a JOIN t AS b ...")
        self.relations[alias.lower()] = relation
        self.names[alias.lower()] = own

    def find(self, name: str, qualifier: str, node: Any) -> tuple[str, str]:
        """(alias, column).

        Raises:
            UnknownColumn: there is none.
            InvalidInput: several tables have it.
        """
        if qualifier and qualifier.lower() not in self.relations:
            raise malformed(node, f"no table is called {qualifier!r} here",
                            bound="one of " + ", ".join(self.relations), remedy="FROM " + qualifier)
        aliases = [qualifier.lower()] if qualifier else list(self.relations)
        found = [(alias, column) for alias in aliases
                 if (column := named(name, self.relations[alias].columns)) is not None]
        if not found:
            known = [column for alias in aliases for column in self.relations[alias].columns]
            raise unknown_column(name, known, where="the tables of the query have", remedy="{}")
        if len(found) > 1:
            raise malformed(node, "several tables have this column",
                            remedy=" or ".join(f"{alias}.{name}" for alias, _ in found))
        return found[0]

    def column(self, name: str, qualifier: str, node: Any) -> Expr:
        """A column's cells, with what is known of them."""
        alias, column = self.find(name, qualifier, node)
        return self.relations[alias].cell(self.sql(alias, column), column)

    def sql(self, alias: str, column: str) -> str:
        """A column in the rewritten SQL, which from now on is read."""
        self.relations[alias].read(column)
        return f"{self.names[alias]}.{quoted(column)}"


def named(text: str, columns: Iterable[str]) -> str | None:
    """The column that a query means: exactly, or by another case if only one fits."""
    columns = list(columns)
    if text in columns:
        return text
    close = [name for name in columns if name.lower() == text.lower()]
    return close[0] if len(close) == 1 else None


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def cell(sql: str, column: Column | None) -> Expr:
    """The cells of a column of this declaration."""
    if column is None or not column.is_used:
        # The engine may hold it as whole numbers, whose texts are their labels.
        return Expr(f"CAST({sql} AS VARCHAR)", "text", bare=sql)
    missing: tuple[Level, ...] = ()
    if column.missing != "refuse" or column.other != "refuse":
        missing = (None,)
    if not column.is_numeric:
        if column.kind == "boolean":
            return Expr(sql, "truth", levels=(False, True, *missing))
        return Expr(sql, "text", levels=(*map(_label, column.levels), *missing))
    whole = column.kind == "integer"
    if column.range is None:
        return Expr(sql, "number", whole=whole, raw=True)
    low, high = column.range
    levels: tuple[Level, ...] | None = None
    if whole and high - low < MOST_LEVELS:
        levels = (*(float(v) for v in range(int(-(-low // 1)), int(high // 1) + 1)), *missing)
    return Expr(sql, "number", low, high, whole, levels, raw=True)


def _label(level: Any) -> str:
    from privet.data.values import label

    return str(label(level))
