"""The plan of a query: everything that text and schema decide, before a row is read.

A plan says which rows are looked at (`Rows`), how many of them one unit may have (`Caps`), by
which keys they are grouped (`Key`), which whole numbers are summed up for each group (`Measure`),
and how answers are made of these sums once they are noisy (`answers.Output`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from privet.dp.query.expressions import Expr, Level
from privet.dp.query.tables import Scope, Table

if TYPE_CHECKING:
    from privet.dp.query.answers import Output

BRANCHING, DEPTH = 16, 3
"""A tree of counts over 16**3 = 4096 equal cells of a column's bounds."""
LEAVES = BRANCHING**DEPTH
ERROR = "_error"
"""Ending of the column that holds the 95 % half-widths of the column before it."""
UNLIMITED = 2**31
"""More rows than one unit can have; stands where nothing bounds them."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A FROM clause, rewritten.

    Attributes:
        sql: what follows FROM.
        scope: the columns that it offers.
        where: conditions that already belong to it.
        unit: the unit's id in SQL; None where every row is a unit of its own.
        unit_name: "row" or the name of the id column.
        cap: most rows of one unit that the schema declares, or that bounding leaves.
        bounded: the clause itself sees to it that a unit has at most `cap` rows.
        whole: it is one table of row units, as it stands.
        tables: the stored tables by their own names.
    """

    sql: str
    scope: Scope
    where: tuple[str, ...]
    unit: str | None
    unit_name: str
    cap: int
    bounded: bool
    whole: bool
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Caps:
    """How much of one unit counts.

    Attributes:
        rows: most rows of a unit.
        groups: most groups in which a unit counts; None: as many as it has rows.
        per_group: most rows of a unit in each of these groups; None with `groups`.
        selects: the rewritten SQL has to choose rows; False where no unit can have more.
    """

    rows: int
    groups: int | None = None
    per_group: int | None = None
    selects: bool = False

    def touched(self, known: int | None) -> int:
        """Most groups that one unit changes, where `known` groups exist (None: any number)."""
        most = self.rows if self.groups is None else self.groups
        return most if known is None else min(most, known)

    def norm(self, known: int | None) -> float:
        """Greatest Euclidean norm of the numbers of rows that one unit adds to the groups."""
        if self.groups is None or self.per_group is None:
            return float(self.rows)
        return math.sqrt(self.touched(known)) * self.per_group


@dataclass(frozen=True)
class Key:
    """One expression of GROUP BY.

    Attributes:
        name: what the answer calls it.
        expr: its value.
        levels: all possible values, where the schema says them; None: found in the data.
    """

    name: str
    expr: Expr
    levels: tuple[Level, ...] | None


MeasureKind = Literal["sum", "units", "distinct", "tree"]


@dataclass(frozen=True)
class Measure:
    """One number that is made noisy for every group; a tree is many.

    Attributes:
        kind: "sum" adds whole numbers over rows; "units" counts different units, "distinct"
            different values; "tree" counts rows in equal cells, at every level of a tree.
        what: in words.
        sql: of one row: INTEGER steps, 0 where it adds nothing; a value; a cell, NULL for none.
        largest: greatest magnitude of one row's number, in steps.
        step: what one step is worth.
        low, high: of the values behind a tree.
        counts: it counts something, so that a group of n rows has about n of it.
    """

    kind: MeasureKind
    what: str
    sql: str
    largest: int = 1
    step: float = 1.0
    low: float = 0.0
    high: float = 0.0
    counts: bool = False

    def sensitivity(self, caps: Caps, known: int | None) -> float:
        """Most that one unit changes the numbers of all groups, as Euclidean norm, in steps.

        The argument: proofs/bounded-queries.md.
        """
        if self.kind == "units":
            return math.sqrt(caps.touched(known))
        levels = DEPTH if self.kind == "tree" else 1
        return math.sqrt(levels) * caps.norm(known) * self.largest

    def draws(self, caps: Caps, known: int | None) -> int:
        """How many noisy numbers one unit can move."""
        if self.kind == "tree":
            return DEPTH * caps.rows
        return caps.touched(known)


@dataclass(frozen=True)
class Order:
    """One expression of ORDER BY: a column of the answer, and which way."""

    output: Output
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a query that is known before a row is read.

    Attributes:
        text: the statement.
        rows, caps, keys, measures: see their classes.
        where: the conditions on rows, in SQL.
        outputs: the columns of the answer.
        having, order, limit: on noisy columns only.
        exact: the whole answer is public: the number of rows, under zero-out.
        threshold_by: the measure that counts a group's units, where the groups are found in the
            data; None where they are known.
        totals: the keys that each kind of total keeps, the finer kinds first; sums of groups.
        reads: the columns that are needed of each table, by its name in lower case.
    """

    text: str
    rows: Rows
    caps: Caps
    where: tuple[str, ...]
    keys: tuple[Key, ...]
    measures: tuple[Measure, ...]
    outputs: tuple[Output, ...]
    having: Output | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    exact: bool = False
    threshold_by: int | None = None
    totals: tuple[tuple[int, ...], ...] = ()
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def known(self) -> int | None:
        """How many groups there are; None where the data decide."""
        if any(key.levels is None for key in self.keys):
            return None
        return math.prod(len(key.levels or ()) for key in self.keys)
