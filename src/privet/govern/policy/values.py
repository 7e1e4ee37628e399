"""Reading single values of a policy file."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from privet.errors import InvalidInput
from privet.govern.policy.terms import ACTIONS, PROTECTIONS, Purpose

LONGEST = 200
"""Characters of a name or a purpose."""


@dataclass(frozen=True)
class Where:
    """Which key of which table is read, and a line that would do."""

    table: str
    key: str
    example: str

    def refuse(self, what: str, value: Any, bound: str, remedy: str | None = None) -> InvalidInput:
        """The error about a value at this place."""
        return InvalidInput(f"{self.key} in {self.table}: {what}", value=value, bound=bound,
                            remedy=remedy or self.example)  # fmt: skip


def text(value: Any, where: Where) -> str:
    """A name: printable, not empty, without spaces around it."""
    usable = isinstance(value, str) and value.isprintable() and value == value.strip()
    if not usable or not 0 < len(value) <= LONGEST:
        raise where.refuse("no usable text", value, f"1 to {LONGEST} printable characters")
    return str(value)


def texts(value: Any, where: Where) -> tuple[str, ...]:
    """A list of names, none twice."""
    if not isinstance(value, list):
        raise where.refuse("no list", value, "a list of texts")
    found = tuple(text(item, where) for item in value)
    if len(set(found)) < len(found):
        raise where.refuse("names one twice", value, "each once")
    return found


def names(
    value: Any, where: Where, known: Collection[str], problem: str = "unknown name"
) -> tuple[str, ...]:
    """A list of known names."""
    found = texts(value, where)
    for item in found:
        if item not in known:
            close = difflib.get_close_matches(item.lower(), list(known), n=1, cutoff=0.3)
            listed = ", ".join(known) or "none is declared"
            remedy = f'{where.key} = ["{close[0]}"]   # under {where.table}' if close else None
            raise where.refuse(problem, item, f"of {listed}", remedy)
    return found


def actions(value: Any, where: Where) -> tuple[str, ...]:
    """Allowed actions."""
    return names(value, where, ACTIONS)


def protections(value: Any, where: Where) -> tuple[str, ...]:
    """Allowed protections and stacks of them, each stack's parts in order."""
    found = []
    for item in texts(value, where):
        parts = [part.strip() for part in item.split("+")]
        if "plain" in parts:
            raise where.refuse("runs without protection are allowed by purpose", item,
                               "of " + ", ".join(PROTECTIONS),
                               f'purposes = {{"quality control" = {{plain = true}}}}'
                               f"   # under {where.table}")  # fmt: skip
        names(parts, where, PROTECTIONS)
        found.append(stack(parts))
    return tuple(dict.fromkeys(found))


def stack(parts: Collection[str]) -> str:
    """The name of a stack of protections.

    >>> stack(["private", "federated"])
    'federated+private'
    """
    return "+".join(sorted(parts))


def columns(value: Any, where: Where) -> tuple[str, ...] | None:
    """Allowed columns, by any name that a data set may have; None for all."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise where.refuse("no list of columns", value, "a list of texts")
    return tuple(dict.fromkeys(value))


def purposes(value: Any, where: Where) -> dict[str, Purpose]:
    """Allowed purposes, each a table with epsilon and plain."""
    if not isinstance(value, dict):
        raise where.refuse("no table", value, "a table by purpose")
    found = {}
    for name, table in value.items():
        inner = Where(where.table, f"purposes.{text(name, where)}", where.example)
        if not isinstance(table, dict):
            raise inner.refuse("no table", table, "a table with epsilon and plain, or {}")
        for key in table:
            if key not in ("epsilon", "plain"):
                near = "plain = true" if key[:1].lower() in "pu" else "epsilon = 3.0"
                raise inner.refuse(f"unknown key {key!r}", key, "one of epsilon, plain",
                                   f'purposes = {{"{name}" = {{{near}}}}}'
                                   f"   # under {where.table}")  # fmt: skip
        plain = table.get("plain", False)
        if not isinstance(plain, bool):
            raise inner.refuse("plain is neither true nor false", plain, "true or false")
        found[name] = Purpose(number(table.get("epsilon"), inner), plain)
    return found


def number(value: Any, where: Where, below: float = math.inf) -> float | None:
    """A finite number above zero, or None."""
    if value is None:
        return None
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not real or not 0 < value < below or not math.isfinite(value):
        bound = "a finite number above 0" if below == math.inf else f"above 0, below {below:g}"
        raise where.refuse("no usable number", value, bound)
    return float(value)


def limit(value: Any, where: Where, least: int, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise where.refuse("no usable number", value, f"a whole number from {least} to {most}")
    return value
