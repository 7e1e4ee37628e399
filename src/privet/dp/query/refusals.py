"""Refusals of a query: always by its text and the schema, with the clause, a reason, a remedy."""

from __future__ import annotations

from typing import Any

from privet.errors import InvalidInput, Refused

_LONGEST = 160


def shown(clause: Any) -> str:
    """A clause as one line of SQL, cut where it is long."""
    text = clause if isinstance(clause, str) else clause.sql(dialect="duckdb")
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def refused(clause: Any, reason: str, *, bound: str | None = None, remedy: str) -> Refused:
    """What could be run, but not answered privately."""
    return Refused(reason, value=shown(clause), bound=bound, remedy=remedy)


def malformed(clause: Any, reason: str, *, bound: str | None = None, remedy: str) -> InvalidInput:
    """What is no query that is understood here."""
    return InvalidInput(reason, value=shown(clause), bound=bound, remedy=remedy)


def only(node: Any, *known: str) -> None:
    """Refuse a node that has anything set beside what is understood of it.

    Raises:
        InvalidInput: it has; nothing in a query is ever ignored.
    """
    for name, value in node.args.items():
        if name not in known and value not in (None, False, [], ()):
            what = name.strip("_").replace("_", " ").upper()
            raise malformed(node, f"{what} is not understood here",
                            remedy=f"the statement without {what}")
