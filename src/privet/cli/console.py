"""What people see: tables that fit the window, and a progress bar on stderr.

rich is imported inside the functions, because `--help` must not wait for it. Colours follow
NO_COLOR, widths follow the terminal or COLUMNS.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from privet.cli.errors import printable

NARROWEST = 60
"""Columns down to which a table keeps its important columns readable."""


@dataclass(frozen=True)
class Heading:
    """One column of a table.

    Attributes:
        name: what stands above it.
        right: align to the right, as figures want.
        rank: columns of a greater rank are left out first where the window is narrow;
            0 is never left out.
    """

    name: str
    right: bool = False
    rank: int = 0


def print_json(value: Any) -> None:
    """Write one JSON document on stdout; numbers that are not finite become null."""
    print(json_text(value, indent=2))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON; numbers that are not finite become null."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _plain(value.tolist())
    return value


def say(text: str = "") -> None:
    """Write a line for people on stdout, wrapped at words."""
    console = _console()
    console.print(printable(text), markup=False, highlight=False, soft_wrap=not console.is_terminal)


def print_table(title: str, headings: Sequence[Heading], rows: Sequence[Sequence[str]]) -> None:
    """Write a table that fits; what was left out is named below it."""
    console = _console()
    kept = _fitting(headings, rows, max(console.width, NARROWEST))
    table = _table(title, [headings[i] for i in kept], [[row[i] for i in kept] for row in rows])
    console.print(table, width=max(console.width, NARROWEST))
    left_out = [heading.name for i, heading in enumerate(headings) if i not in kept]
    if left_out:
        say(f"Left out for want of width: {', '.join(left_out)}. --json has them all.")


def _fitting(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int
) -> tuple[int, ...]:
    """The indices of the columns that fit into `width` without breaking a cell."""
    kept = list(range(len(headings)))
    widths = [
        max([len(headings[i].name), *(_longest_line(row[i]) for row in rows)]) + 3 for i in kept
    ]
    while sum(widths[i] for i in kept) + 1 > width:
        worst = max(kept, key=lambda i: (headings[i].rank, i))
        if headings[worst].rank == 0:
            break
        kept.remove(worst)
    return tuple(kept)


def _longest_line(cell: str) -> int:
    return max((len(line) for line in cell.splitlines()), default=0)


def _table(title: str, headings: Sequence[Heading], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title), style="bold") if title else None,
                  title_justify="left", box=box.ROUNDED if _unicode() else box.ASCII,
                  header_style="bold")
    for heading in headings:
        table.add_column(Text(printable(heading.name)), overflow="fold",
                         justify="right" if heading.right else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "ascii").lower().startswith("utf")


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class Bar:
    """A `Watch` that shows how far the run is."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def progress(self, done: int, total: int, what: str) -> None:
        """Move the bar of this kind of step; a bar that is full is cleared away."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total,
                              visible=done < total)

    def cancelled(self) -> bool:
        """Never: Ctrl-C interrupts by itself."""
        return False


class Silent:
    """A `Watch` that shows nothing."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Show nothing."""

    def cancelled(self) -> bool:
        """Never: Ctrl-C interrupts by itself."""
        return False


@contextmanager
def watching(*, quiet: bool) -> Iterator[Bar | Silent]:
    """A progress bar on stderr for as long as the block runs.

    Args:
        quiet: show none (with --json). None is shown either where stderr is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                  TimeElapsedColumn(), console=_console(stderr=True), transient=True) as progress:
        yield Bar(progress)
