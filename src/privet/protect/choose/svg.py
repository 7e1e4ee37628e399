"""A little SVG: elements as escaped text, boxes of labels, and places where they do not clash."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

_NARROW = frozenset("iljftrI.,:;'|!()[]- ")
_BROAD = frozenset("mwMWOQGNDH@%±→←↓↑&")
_BOLD = frozenset({"strong", "name", "pick"})
"""Styles that the sheet draws bold."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the drawing, in its units."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """True if the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def within(self, other: Box) -> bool:
        """True if no part lies outside the other."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class Label:
    """Text at a point of its baseline; `anchor` is "start", "middle" or "end"."""

    text: str
    x: float
    y: float
    anchor: str = "start"
    size: float = 12.0
    css: str = ""

    @property
    def box(self) -> Box:
        """The room that the text takes, estimated generously."""
        wide = width_of(self.text, self.size) * (1.1 if self.css in _BOLD else 1.0)
        left = self.x - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        return Box(left, self.y - self.size, left + wide, self.y + 0.3 * self.size)

    def draw(self) -> str:
        """The text element."""
        return element(
            "text", self.text, x=self.x, y=self.y, text_anchor=self.anchor, class_=self.css
        )


def place(candidates: Iterable[Label], taken: list[Box], room: Box) -> Label | None:
    """The first candidate that lies in the room and meets nothing; its box is then taken."""
    for label in candidates:
        if label.box.within(room) and not any(label.box.meets(box) for box in taken):
            taken.append(label.box)
            return label
    return None


def width_of(text: str, size: float) -> float:
    """Width that a line of sans-serif text takes, on the generous side."""
    return sum(map(_advance, text)) * size


@lru_cache(maxsize=1024)
def _advance(letter: str) -> float:
    """Width of a letter over its size, after the widest of the usual fonts."""
    if letter in _NARROW:
        return 0.42
    if letter in _BROAD:
        return 0.95
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "FW":
        return 1.35
    if ord(letter) > 0x24F:
        return 0.85
    return 0.72 if letter.isupper() else 0.645


def shortened(text: str, width: float, size: float) -> str:
    """The text, cut and marked with an ellipsis if it is wider than `width`."""
    if width_of(text, size) <= width:
        return text
    kept = 0
    while width_of(text[: kept + 1], size) + size <= width:
        kept += 1
    return text[:kept].rstrip() + "…"


def wrapped(text: str, *, width: float, size: float, most: int = 14) -> list[str]:
    """The text in lines no wider than `width`; longer words are broken, and it is cut at `most`."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if width_of(joined, size) <= width:
            lines[-1] = joined
        else:
            lines += _pieces(word, width, size)
    lines = [line for line in lines if line] or [""]
    if len(lines) > most:
        lines[most - 1] = shortened(lines[most - 1] + "…" * 3, width, size)
    return lines[:most]


def _pieces(word: str, width: float, size: float) -> list[str]:
    """A word in pieces that fit."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and width_of(pieces[-1] + letter, size) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def element(name: str, *children: str, **attributes: object) -> str:
    """One element; children are text, and are escaped."""
    return group(name, [escape(child) for child in children], **attributes)


def group(name: str, children: Sequence[str], **attributes: object) -> str:
    """One element around children that are elements already."""
    pairs = "".join(
        f' {_name(key)}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    inner = "".join(children)
    return f"<{name}{pairs}>{inner}</{name}>" if inner else f"<{name}{pairs}/>"


def picture(
    children: Sequence[str], *, ident: str, title: str, desc: str, width: float, height: float,
    css: str,
) -> str:  # fmt: skip
    """The outermost element, with a title and a description for those who cannot see it."""
    words = [
        element("title", title, id=f"{ident}-title"),
        element("desc", desc, id=f"{ident}-desc"),
    ]
    return group(
        "svg",
        [*words, *children],
        class_=css,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
