"""What each protection claims, under which assumptions, and how to check it, in words.

Protections that differ in nothing but their figures share one text.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from privet.claims import DPGuarantee
from privet.protect.choose.comparison import Comparison, Entry

_CLAIM = "claim"
_SEEN = "who learns what"
_FIRST = ("under which assumption", "how to check it", "caveats")


@dataclass(frozen=True)
class Line:
    """A sentence, or a line of Python to run."""

    text: str
    is_code: bool = False


@dataclass(frozen=True)
class Answer:
    """A question and the lines that answer it."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Item:
    """Answers under one heading: a protection's label, or that of all of a kind."""

    label: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Detail:
    """Protections of one kind: what differs, each by itself, and then what they share."""

    name: str
    parts: tuple[Item, ...]


def details_of(comparison: Comparison) -> list[Detail]:
    """One detail per kind of protection, in the order given; refused ones are in the table."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in comparison.entries:
        if entry.guarantee is not None:
            grouped.setdefault((entry.name, entry.guarantee.kind), []).append(entry)
    return [_detail(name, entries) for (name, _), entries in grouped.items()]


def _detail(name: str, entries: Sequence[Entry]) -> Detail:
    answers = [_answers(entry) for entry in entries]
    if len(entries) == 1:
        return Detail(name, (_item(entries[0].label, answers[0]),))
    titles = dict.fromkeys(title for each in answers for title in each)
    same = {title: _common([each.get(title, ()) for each in answers]) for title in titles}
    parts = [
        _item(entry.label, {t: _without(lines, same[t]) for t, lines in each.items()})
        for entry, each in zip(entries, answers, strict=True)
    ]
    return Detail(name, (*parts, _item("all of these", same)))


def _answers(entry: Entry) -> dict[str, tuple[str, ...]]:
    """The guarantee's own answers, what a reader wants first put first; the diagram has one."""
    guarantee = entry.guarantee
    if guarantee is None:
        return {}
    found = guarantee.describe()
    if isinstance(guarantee, DPGuarantee) and guarantee.delta_split:
        parts = (f"{what} {part:.3g}" for what, part in guarantee.delta_split.items())
        found["parts of delta"] = (", ".join(parts),)
    found["cost"] = (str(entry.cost),) if entry.cost is not None else ()
    found["notes"] = entry.notes
    first = (_CLAIM, "cost", *_FIRST)
    order = (*first, *(title for title in found if title not in (_SEEN, *first)))
    return {title: found[title] for title in order if title in found}


def _common(lines: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The lines that all have, in the order of the first."""
    return tuple(line for line in lines[0] if all(line in other for other in lines))


def _without(lines: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for line in lines if line not in others)


def _item(label: str, answers: dict[str, tuple[str, ...]]) -> Item:
    return Item(
        label,
        tuple(
            Answer(title, tuple(Line(text, _is_code(text)) for text in lines))
            for title, lines in answers.items()
            if lines
        ),
    )


def _is_code(text: str) -> bool:
    """True for Python that calls something; sentences do not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))
