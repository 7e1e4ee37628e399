"""What each protection claims, under which assumptions, and how to check it, in words.

Protections that differ in nothing but their figures share one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privet.claims import DPGuarantee
from privet.protect.choose.comparison import Comparison, Entry

_CLAIM = "claim"
_SEEN = "who learns what"
_FIRST = ("under which assumption", "how to check it", "caveats")


@dataclass(frozen=True)
class Item:
    """One protection's own lines: its claim, its cost, and what only it has to check."""

    label: str
    claim: tuple[str, ...]
    cost: str
    own: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Detail:
    """Protections of one kind, and the sections that hold for all of them."""

    name: str
    items: tuple[Item, ...]
    shared: tuple[tuple[str, tuple[str, ...]], ...]


def details_of(comparison: Comparison) -> list[Detail]:
    """One detail per kind of protection, in the order given; refused ones are in the table."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in comparison.entries:
        if entry.guarantee is not None:
            grouped.setdefault((entry.name, entry.guarantee.kind), []).append(entry)
    return [_detail(name, entries) for (name, _), entries in grouped.items()]


def _detail(name: str, entries: Sequence[Entry]) -> Detail:
    answers = [_answers(entry) for entry in entries]
    titles = dict.fromkeys(title for each in answers for title in each if title != _CLAIM)
    same = {t: _common([each.get(t, ()) for each in answers]) for t in titles}
    items = tuple(_item(entry, each, same) for entry, each in zip(entries, answers, strict=True))
    return Detail(name, items, tuple((t, lines) for t, lines in same.items() if lines))


def _answers(entry: Entry) -> dict[str, tuple[str, ...]]:
    """The guarantee's own answers, those a reader wants first put first; the diagram has one."""
    guarantee = entry.guarantee
    if guarantee is None:
        return {}
    found = guarantee.describe()
    order = [_CLAIM, *_FIRST, *(t for t in found if t not in (_CLAIM, _SEEN, *_FIRST))]
    answers = {title: found[title] for title in order if title in found}
    if isinstance(guarantee, DPGuarantee) and guarantee.delta_split:
        parts = (f"{what}: {part:.3g}" for what, part in guarantee.delta_split.items())
        answers["delta is made of"] = tuple(parts)
    return answers | {"notes": entry.notes}


def _common(lines: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The lines that all have, in the order of the first."""
    return tuple(line for line in lines[0] if all(line in other for other in lines))


def _item(
    entry: Entry, answers: dict[str, tuple[str, ...]], same: dict[str, tuple[str, ...]]
) -> Item:
    own = []
    for title, lines in answers.items():
        left = tuple(line for line in lines if line not in same.get(title, ()))
        if title != _CLAIM and left:
            own.append((title, left))
    cost = "not measured" if entry.cost is None else str(entry.cost)
    return Item(entry.label, answers[_CLAIM], cost, tuple(own))
