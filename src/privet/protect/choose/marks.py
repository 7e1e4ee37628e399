"""The marks of a plot: dots with whiskers, threads between them, bands and the floor line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from privet.protect.choose.comparison import Entry
from privet.protect.choose.frame import Frame
from privet.protect.choose.score import Score
from privet.protect.choose.svg import Box, element, group

RADIUS = 4.5
_RING = RADIUS + 3.5
_CAP = 4.0
_APART = 15.0

Places = Sequence[tuple[float, Entry]]
"""Entries, each with its horizontal place."""


def places_of(frame: Frame, points: Sequence[Entry]) -> Places:
    """Each entry with its place; those of one epsilon stand side by side."""
    out = []
    for entry in points:
        same = [e.label for e in points if e.epsilon == entry.epsilon]
        shift = (same.index(entry.label) - (len(same) - 1) / 2) * _APART
        out.append((frame.x(entry.epsilon or 1.0) + shift, entry))
    return out


def whisker(frame: Frame, score: Score) -> tuple[float, float]:
    """Upper and lower end of a mark: its interval, and at least its dot with a ring."""
    y = frame.y(score.mean)
    top = frame.y(score.high) if score.high is not None else y
    bottom = frame.y(score.low) if score.low is not None else y
    return min(top, y - _RING), max(bottom, y + _RING)


def room_of(frame: Frame, x: float, score: Score) -> Box:
    """The room that a mark takes."""
    top, bottom = whisker(frame, score)
    return Box(x - _RING, top, x + _RING, bottom)


def dot(frame: Frame, x: float, entry: Entry, metric: str, *, chosen: bool) -> str:
    """One entry: its mean, its interval, and a ring if it is the recommended one."""
    score = entry.scores[metric]
    y = frame.y(score.mean)
    parts = []
    if score.low is not None and score.high is not None:
        top, bottom = frame.y(score.high), frame.y(score.low)
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="whisker"))
        parts += [
            element("line", x1=x - _CAP, x2=x + _CAP, y1=end, y2=end, class_="whisker")
            for end in (top, bottom)
        ]
    if chosen:
        parts.append(element("circle", cx=x, cy=y, r=_RING, class_="ring"))
    parts.append(
        element("circle", cx=x, cy=y, r=RADIUS, class_="dot",
                data_epsilon=f"{entry.epsilon:g}", data_mean=f"{score.mean:.10g}")
    )  # fmt: skip
    return group("g", parts)


def threads(frame: Frame, places: Places, metric: str) -> list[str]:
    """A thin line through the points of one protection."""
    return [
        element("polyline", points=" ".join(f"{x:.2f},{y:.2f}" for x, y in path), class_="thread")
        for path in _paths(frame, places, metric)
    ]


def _paths(frame: Frame, places: Places, metric: str) -> list[list[tuple[float, float]]]:
    paths = [
        [(x, frame.y(e.scores[metric].mean)) for x, e in places if e.name == name]
        for name in dict.fromkeys(entry.name for _, entry in places)
    ]
    return [path for path in paths if len(path) > 1]


def strokes(
    frame: Frame, places: Places, metric: str, levels: Sequence[Score]
) -> list[Box]:
    """The room that threads and level lines take, in small boxes: labels rather avoid it."""
    inner = frame.inner
    out = [
        Box(inner.left, frame.y(score.mean) - 1, inner.right, frame.y(score.mean) + 1)
        for score in levels
    ]
    for path in _paths(frame, places, metric):
        for (x1, y1), (x2, y2) in pairwise(path):
            pieces = max(int(math.hypot(x2 - x1, y2 - y1) / 3), 1)
            for piece in range(pieces + 1):
                x, y = x1 + (x2 - x1) * piece / pieces, y1 + (y2 - y1) * piece / pieces
                out.append(Box(x - 1.5, y - 1.5, x + 1.5, y + 1.5))
    return out


def band(frame: Frame, score: Score) -> list[str]:
    """A level that needs no epsilon: its mean as a line, its interval as a band."""
    inner, marks = frame.inner, []
    if score.low is not None and score.high is not None:
        top, bottom = frame.y(score.high), frame.y(score.low)
        marks.append(
            element("rect", x=inner.left, y=top, width=inner.right - inner.left,
                    height=max(bottom - top, 1.0), class_="band")
        )  # fmt: skip
    return [*marks, _across(frame, score, "level")]


def floor(frame: Frame, score: Score) -> list[str]:
    """The guess that looks at no feature, if it is on the scale."""
    low, high = frame.scores
    return [_across(frame, score, "floor")] if low <= score.mean <= high else []


def _across(frame: Frame, score: Score, css: str) -> str:
    y, inner = frame.y(score.mean), frame.inner
    return element("line", x1=inner.left, x2=inner.right, y1=y, y2=y, class_=css,
                   data_mean=f"{score.mean:.10g}")  # fmt: skip
