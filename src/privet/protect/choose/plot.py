"""A score against epsilon, as inline SVG: points with whiskers, plain as a band, a floor line.

Every mark is labelled where it stands; a label that finds no free place is left out, since the
table holds all figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.frame import LONGEST, SIZE, Frame, axes, frame_for, levels, plottable
from privet.protect.choose.marks import (
    RADIUS,
    Places,
    band,
    dot,
    floor,
    places_of,
    room_of,
    strokes,
    threads,
    whisker,
)
from privet.protect.choose.score import METRICS, Score
from privet.protect.choose.svg import Box, Label, picture, place, shortened

_KEYS = {"levelname": "\N{EM DASH}", "floorname": "\N{EN DASH} \N{EN DASH}"}
"""How the line looks whose name does not stand beside it."""

Options = Sequence[Label]
"""Places for one label, the best first."""


def score_plot(
    comparison: Comparison, metric: str, *, width: float, height: float, ident: str, css: str = ""
) -> str:
    """The plot, `width` by `height` units; empty if no entry has an epsilon."""
    points = plottable(comparison, metric)
    if not points:
        return ""
    frame = frame_for(comparison, metric, width=width, height=height)
    places = places_of(frame, points)
    flat = levels(comparison, metric)
    base = comparison.baselines.get(metric)
    grid, ticks = axes(frame, [entry.epsilon or 1.0 for entry in points], METRICS[metric].most)
    taken = [room_of(frame, x, entry.scores[metric]) for x, entry in places]
    taken += [label.box for label in ticks]
    heights = [entry.scores[metric] for entry in flat] + ([] if base is None else [base])
    names, figures = [*_names(frame, places, metric)], [*_figures(frame, places, metric)]
    along = [[*_level_name(frame, entry, metric)] for entry in flat]
    along += [] if base is None else [[*_floor_name(frame, base, metric)]]
    orders = (names + figures + along, names + along + figures, along + figures + names,
              figures + names + along)  # fmt: skip
    words = _arranged(frame, orders, taken, strokes(frame, places, metric, heights))
    marks = [
        *(mark for entry in flat for mark in band(frame, entry.scores[metric])),
        *grid,
        *(floor(frame, base) if base is not None else []),
        *threads(frame, places, metric),
        *(dot(frame, x, e, metric, chosen=e.label == comparison.choice) for x, e in places),
    ]
    return picture(
        [*marks, *(label.draw() for label in (*ticks, *words))],
        ident=ident, title=f"{METRICS[metric].title} against epsilon",
        desc=_in_words(comparison, metric, points),
        width=width, height=height, css=f"plot {css}".strip(),
    )  # fmt: skip


def _arranged(
    frame: Frame, orders: Sequence[Sequence[Options]], taken: list[Box], lines: list[Box]
) -> list[Label]:
    """The labels, placed one after the other in the order that leaves out and strikes fewest."""
    room = Box(0, 0, frame.width, frame.inner.bottom - 1)
    best: tuple[tuple[int, int], list[Label]] | None = None
    for wanted in orders:
        boxes = list(taken)
        found = [_settled(options, boxes, lines, room) for options in wanted]
        words = [label for label in found if label is not None]
        struck = sum(any(label.box.meets(line) for line in lines) for label in words)
        faults = len(wanted) - len(words), struck
        if best is None or faults < best[0]:
            best = faults, words
        if faults == (0, 0):
            break
    return [] if best is None else best[1]


def _settled(
    options: Options, taken: list[Box], lines: list[Box], room: Box
) -> Label | None:
    """A label where it meets nothing, clear of the horizontal axis, and of lines if it can be."""
    clear = place(options, [*taken, *lines], room)
    return place([clear] if clear else options, taken, room)


def _level_name(frame: Frame, entry: Entry, metric: str) -> Iterator[Label]:
    score = entry.scores[metric]
    name = shortened(entry.label, LONGEST - 45, SIZE)
    return _along(frame, name, score.figure, frame.y(score.mean), "levelname")


def _floor_name(frame: Frame, score: Score, metric: str) -> Iterator[Label]:
    name, figure = METRICS[metric].baseline, score.figure
    low, high = frame.scores
    if low <= score.mean <= high:
        return _along(frame, name, figure, frame.y(score.mean), "floorname")
    below = score.mean < low
    arrow, edge = ("↓", frame.inner.bottom - 6) if below else ("↑", frame.inner.top + SIZE)
    return _across(
        frame,
        (f"{name} {figure}, off the scale {arrow}", f"{name} {figure} {arrow}"),
        edge,
        "floorname",
    )


def _along(frame: Frame, name: str, figure: str, y: float, css: str) -> Iterator[Label]:
    """Places for the name of a horizontal line: in the margin, along the line, or as a key."""
    inner, whole = frame.inner, f"{name} {figure}"
    if frame.margin:
        for shift in (4.0, -6.0, 14.0, -11.0, -16.0, 19.0, 24.0, -26.0):
            yield Label(whole, inner.right + 8, y + shift, css=css)
            yield Label(name, inner.right + 8, y + shift, css=css)
    for shift in (-5.0, SIZE + 3, -9.0, SIZE + 8):
        yield from _across(frame, (whole, name), y + shift, css)
    # Away from the line, the name has a piece of it in front, as in a key.
    lines = int((inner.bottom - inner.top) / (SIZE + 6))
    for height in (inner.bottom - 6, *(inner.top + SIZE * (1 + 1.5 * i) for i in range(lines))):
        yield from _across(frame, (f"{_KEYS[css]} {whole}", f"{_KEYS[css]} {name}"), height, css)


def _across(frame: Frame, texts: Sequence[str], y: float, css: str) -> Iterator[Label]:
    """Places along a line: at its end, its start, and then between."""
    inner = frame.inner
    for text in texts:
        yield Label(text, inner.right - 2, y, "end", css=css)
        yield Label(text, inner.left + 4, y, css=css)
        for share in (0.5, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6):
            middle = inner.left + share * (inner.right - inner.left)
            yield Label(text, middle, y, "middle", css=css)


def _names(frame: Frame, places: Places, metric: str) -> Iterator[Options]:
    """The name of each protection beside its last point."""
    for full in dict.fromkeys(entry.name for _, entry in places):
        x, entry = next((x, e) for x, e in reversed(places) if e.name == full)
        name = shortened(full, LONGEST, SIZE)
        y = frame.y(entry.scores[metric].mean)
        top, bottom = whisker(frame, entry.scores[metric])
        beside = frame.inner.right + 8
        outside = [Label(name, beside, y + shift, css="name") for shift in (4, 18, -10, 32)]
        yield [
            *(outside if frame.margin else []),
            Label(name, x, bottom + SIZE + 3, "middle", css="name"),
            Label(name, x + RADIUS + 7, y + 4, css="name"),
            Label(name, x + RADIUS, bottom + SIZE + 3, "end", css="name"),
            Label(name, x - RADIUS - 7, y + 4, "end", css="name"),
            Label(name, x, top - 6, "middle", css="name"),
            Label(name, x + RADIUS, top - 6, "end", css="name"),
            Label(name, x, bottom + 2 * SIZE + 6, "middle", css="name"),
            Label(name, x, top - SIZE - 9, "middle", css="name"),
            Label(name, x + RADIUS, bottom + 2 * SIZE + 6, "end", css="name"),
            Label(name, x + RADIUS, bottom + 3 * SIZE + 9, "end", css="name"),
            Label(name, x + RADIUS, top - SIZE - 9, "end", css="name"),
        ]


def _figures(frame: Frame, places: Places, metric: str) -> Iterator[Options]:
    """The mean of each point, above or below its whisker."""
    for x, entry in places:
        score = entry.scores[metric]
        top, bottom = whisker(frame, score)
        text, y = score.figure, frame.y(score.mean) + 4
        yield [
            Label(text, x, top - 5, "middle", css="figure"),
            Label(text, x, bottom + SIZE + 3, "middle", css="figure"),
            Label(text, x + RADIUS + 6, y, css="figure"),
            Label(text, x - RADIUS - 6, y, "end", css="figure"),
            # Off the thread, which climbs from the left below to the right above.
            Label(text, x + RADIUS, top - 5, "end", css="figure"),
            Label(text, x - RADIUS, bottom + SIZE + 3, css="figure"),
            Label(text, x - RADIUS - 6, y - SIZE, "end", css="figure"),
            Label(text, x + RADIUS + 6, y + SIZE, css="figure"),
            *(Label(text, x + across, y + down, anchor, css="figure")
              for down in (-SIZE, SIZE, -SIZE / 2, SIZE / 2, -2 * SIZE, 2 * SIZE)
              for across, anchor in ((RADIUS + 6, "start"), (-RADIUS - 6, "end"))),
            *(Label(text, x, edge, "middle", css="figure")
              for edge in (top - SIZE - 8, bottom + 2 * SIZE + 6, top - 2 * SIZE - 11)),
        ]


def _in_words(comparison: Comparison, metric: str, points: Sequence[Entry]) -> str:
    """Every figure of the plot as text."""
    parts = [f"{e.label}: {e.scores[metric]}" for e in (*levels(comparison, metric), *points)]
    base = comparison.baselines.get(metric)
    if base is not None:
        parts.append(f"{METRICS[metric].baseline}: {base.figure}")
    return "; ".join(parts)
