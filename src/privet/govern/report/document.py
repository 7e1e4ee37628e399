"""A report as a value: statements, what supports each, and nothing about how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from privet.govern.evidence import Evidence
from privet.govern.facts import Fact
from privet.govern.report.organisation import Organisation

T = TypeVar("T")
Support = Literal["ledger", "head", "declared", "missing"]
CITED = 8
"""Most entries that one statement links to."""


@dataclass(frozen=True)
class Statement:
    """One sentence or value.

    Attributes:
        support: "ledger" for entries, "head" for the ledger as a whole, "declared" for
            `organisation.toml`, "missing" where nothing supports any statement.
        entries: numbers of the entries that support it, at most 8.
        more: how many further entries support it.
    """

    text: str
    support: Support
    entries: tuple[int, ...] = ()
    more: int = 0


MISSING = (Statement("not evidenced", "missing"),)
Said = tuple[Statement, ...]


@dataclass(frozen=True)
class Line:
    """A question and what is said about it."""

    term: str
    said: Said


@dataclass(frozen=True)
class Group:
    """Lines under one heading; `letter` is that of GDPR Art. 30(1) in a record."""

    title: str
    lines: tuple[Line, ...]
    letter: str = ""


@dataclass(frozen=True)
class Section:
    """A chapter of a document."""

    title: str
    groups: tuple[Group, ...]
    kicker: str = ""


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        kind: "card" or "ropa".
        lead: who it is about, in one sentence.
        answers: who learns what, under which assumption, at what cost, how to check it.
        overview: one row per section that it lists: its number and its cells.
        columns: titles of the cells of `overview`.
    """

    kind: str
    kicker: str
    title: str
    lead: str
    answers: tuple[Line, ...]
    sections: tuple[Section, ...]
    evidence: Evidence
    organisation: Organisation | None
    columns: tuple[str, ...] = ()
    overview: tuple[tuple[int, tuple[Said, ...]], ...] = ()

    def lines(self) -> Iterable[Line]:
        """Every line, the answers first."""
        yield from self.answers
        for section in self.sections:
            for group in section.groups:
                yield from group.lines

    def cited(self) -> list[int]:
        """The entries that some statement links to, and redacted ones, in order."""
        found = set(self.evidence.redacted)
        for line in self.lines():
            found.update(seq for item in line.said for seq in item.entries)
        for _, cells in self.overview:
            found.update(seq for said in cells for item in said for seq in item.entries)
        return sorted(found)


def recorded(text: str, seqs: Iterable[int]) -> Statement:
    """A statement that these entries support; the first and the last of many are linked."""
    every = sorted(set(seqs))
    shown = every if len(every) <= CITED else every[: CITED // 2] + every[-CITED // 2 :]
    return Statement(text, "ledger", tuple(shown), len(every) - len(shown))


def fact(found: Fact[T] | None, show: Callable[[T], str] = str) -> Said:
    """A fact as a statement, or "not evidenced"."""
    return MISSING if found is None else (recorded(show(found.value), [found.seq]),)


def declared(found: T | None, show: Callable[[T], str | Iterable[str]] = str) -> Said:
    """What the organisation declares, or "not evidenced"; an empty list is declared as none."""
    if found is None:
        return MISSING
    shown = show(found)
    texts = [shown] if isinstance(shown, str) else list(shown)
    return tuple(Statement(text, "declared") for text in texts or ["none"])


def merged(pairs: Iterable[tuple[str, int]]) -> Said:
    """Equal texts once, with all entries that say them; "not evidenced" if there are none."""
    by_text: dict[str, list[int]] = {}
    for text, seq in pairs:
        by_text.setdefault(text, []).append(seq)
    return tuple(recorded(text, seqs) for text, seqs in by_text.items()) or MISSING


def either(*said: Said) -> Said:
    """All that is supported among these; "not evidenced" if none is."""
    found = tuple(s for part in said for s in part if s.support != "missing")
    return found or MISSING


def adopted(digest: str) -> str:
    """A text that was adopted, named by its digest."""
    return f"digest {digest}"  # of what is signed: no SHA-256 of the file alone


def number(value: Any) -> str:
    """A number as people write it: 12,000; 0.25; 1e-06."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return plain(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def plain(value: Any) -> str:
    """A JSON value in one line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items()) or "none"
    return str(value)


def as_of(evidence: Evidence) -> Statement:
    """How the whole of a document is checked."""
    head = evidence.head
    return Statement(
        f"Every entry below was checked against the signed head of ledger {evidence.ledger} at "
        f"{head.size:,} entries when this was written. To check again: privet ledger verify, "
        "for the whole ledger; privet verify-receipt FILE, for the receipt of one entry.",
        "head",
    )
