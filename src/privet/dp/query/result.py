"""Answers with their errors, as tables, files and JSON; and what is known of them beforehand."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from privet.claims import Cost, Guarantee, to_json
from privet.dp.query.plan import ERROR
from privet.errors import Unavailable


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one statement.

    Attributes:
        columns: the names of SELECT, each number followed by its error column.
        rows: values in the order of `columns`.
        guarantee: what everything in it guarantees; of several statements, together.
        cost: what it took, rounded up.
        statement: what was asked.
        sql: what the engine ran, with bounds and whole steps.
        notes: what a reader should know.

    Formal guarantees: everything in it satisfies `guarantee`; whatever is worked out from it
    satisfies it as well.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    guarantee: Guarantee
    cost: Cost
    statement: str
    sql: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __getitem__(self, name: str) -> list[Any]:
        """The values of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def to_json(self) -> dict[str, Any]:
        """A JSON-compatible dict."""
        return {
            "statement": self.statement,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "guarantee": to_json(self.guarantee),
            "cost": to_json(self.cost),
            "notes": list(self.notes),
        }

    def to_csv(self) -> str:
        """The text of a CSV file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return out.getvalue()

    def to_arrow(self) -> Any:
        """A table of pyarrow.

        Raises:
            Unavailable: pyarrow is not installed.
        """
        try:
            import pyarrow
        except ImportError:
            raise Unavailable("Arrow needs pyarrow", remedy="pip install 'privet[arrow]'") from None
        return pyarrow.table({name: self[name] for name in self.columns})

    def to_ipc(self) -> bytes:
        """An Arrow file, as pyarrow, pandas and polars read it.

        Raises:
            Unavailable: pyarrow is not installed.
        """
        table = self.to_arrow()
        import pyarrow

        out = io.BytesIO()
        with pyarrow.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        return out.getvalue()

    def to_xlsx(self) -> bytes:
        """An Excel workbook: the table, and on a second sheet the guarantee.

        Raises:
            Unavailable: openpyxl is not installed.
        """
        try:
            import openpyxl  # type: ignore[import-untyped]  # it ships no types
        except ImportError:
            raise Unavailable("XLSX needs openpyxl", remedy="pip install 'privet[xlsx]'") from None
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "answer"
        for row in (self.columns, *self.rows):
            sheet.append([_cell(value) for value in row])
        about = book.create_sheet("guarantee")
        about.append(["statement", _cell(self.statement)])
        for title, lines in self.guarantee.describe().items():
            for line in lines:
                about.append([title, _cell(line)])
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    def shown(self) -> list[list[str]]:
        """The rows for people: digits that the error leaves, and "value ± error" in one cell."""
        return [self._line(row) for row in self.rows]

    @property
    def titles(self) -> list[str]:
        """The headings of `shown`."""
        return [name for at, name in enumerate(self.columns) if not self._is_error(at)]

    def _is_error(self, at: int) -> bool:
        return at > 0 and self.columns[at] == self.columns[at - 1] + ERROR

    def _line(self, row: tuple[Any, ...]) -> list[str]:
        line = []
        for at, value in enumerate(row):
            if self._is_error(at):
                continue
            has_error = at + 1 < len(row) and self._is_error(at + 1)
            line.append(readable(value, row[at + 1] if has_error else None))
        return line

    def __str__(self) -> str:
        lines = [self.titles, *self.shown()]
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        table = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
                 for line in lines]
        return "\n".join([*table, str(self.guarantee)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(title)}</th>" for title in self.titles)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
            for line in self.shown()
        )
        return (f"<table><tr>{head}</tr>{body}</table>"
                f"<p>{html.escape(str(self.guarantee))}; ± is a 95 % half-width</p>")


def _cell(value: Any) -> Any:
    """A value that a workbook takes; text never becomes a formula."""
    if not isinstance(value, str):
        return value
    clean = "".join(c for c in value if c in "\t\n" or ord(c) >= 32)
    return "'" + clean if clean[:1] in ("=", "+", "-", "@") else clean


def readable(value: Any, error: float | None) -> str:
    """A value with as many digits as its error leaves, and the error.

    >>> readable(1234.5678, 12.3)
    '1,235 ± 13'
    """
    if value is None:
        return "NULL"
    if isinstance(value, (bool, str)):
        return str(value)
    if error is None:
        return f"{value:g}" if isinstance(value, float) else str(value)
    if not error:
        return f"{value:,}"
    digits = 0 if isinstance(value, int) else max(1 - math.floor(math.log10(error)), 0)
    up = math.ceil(error * 10**digits) / 10**digits
    return f"{value:,.{digits}f} ± {up:,.{digits}f}"


@dataclass(frozen=True)
class Foreseen:
    """What is known of one column before anything is run.

    Attributes:
        name: of the column.
        error: its 95 % half-width in a group of `rows` rows.
        rows: that many; None where the error is the same in every group.
    """

    name: str
    error: float
    rows: int | None


@dataclass(frozen=True, eq=False)
class Preview:
    """What an answer would guarantee, and its errors: nothing was run or spent.

    Attributes:
        columns: of the numbers.
        guarantee: that the answer would have.
        statement, sql, notes: as of `Answer`.
        groups: how many groups there are; None where the data decide.
        threshold: how many units a group found in the data needs, about, to be answered.
    """

    columns: tuple[Foreseen, ...]
    guarantee: Guarantee
    statement: str
    sql: str
    groups: int | None
    threshold: float | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON-compatible dict."""
        return {
            "statement": self.statement,
            "columns": [vars(column) for column in self.columns],
            "guarantee": to_json(self.guarantee),
            "groups": self.groups,
            "threshold": self.threshold,
            "sql": self.sql,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [
            f"{column.name}: ± {column.error:.4g}"
            + ("" if column.rows is None else f" in a group of {column.rows:,} rows")
            for column in self.columns
        ]
        return "\n".join([*lines, *self.notes, f"would be {self.guarantee.headline()}"])
