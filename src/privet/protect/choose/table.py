"""The table of the page: one line per protection, its figures split into what a cell shows."""

from __future__ import annotations

from dataclasses import dataclass

from privet.claims import Cost
from privet.claims.cost import human_bytes
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.score import METRICS

_NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """One figure: its heading (shown beside it on a phone), its text, its interval."""

    title: str
    text: str
    interval: str = ""
    css: str = "number"


@dataclass(frozen=True)
class Line:
    """One row: a protection, or the guess that looks at no feature (`floor`)."""

    label: str
    cells: tuple[Cell, ...] = ()
    chosen: bool = False
    floor: bool = False
    refusal: str = ""
    remedy: str = ""


def head_of(comparison: Comparison) -> list[tuple[str, str]]:
    """The headings with the style of their columns, the protection's own aside."""
    figures = [(METRICS[metric].title, "number") for metric in comparison.metrics]
    costs = [("Seconds", "number"), ("Peak memory", "number"), ("Bytes sent", "number")]
    if comparison.guarantee is not None:  # exact costs are functions of private rows
        costs = []
    return [*figures, ("Guarantee", "claim"), *costs]


def lines_of(comparison: Comparison) -> list[Line]:
    """One line per protection, in the order given, and the floor."""
    return [_line(comparison, entry) for entry in comparison.entries] + [_floor(comparison)]


def _line(comparison: Comparison, entry: Entry) -> Line:
    if not entry.ran:
        return Line(entry.label, refusal=entry.refusal or "", remedy=entry.remedy or "")
    claim = "" if entry.guarantee is None else entry.guarantee.headline()
    cells = (*_figures(comparison, entry), Cell("Guarantee", claim, css="claim"))
    costs = _costs(entry.cost or Cost()) if comparison.guarantee is None else []
    return Line(entry.label, (*cells, *costs), chosen=entry.label == comparison.choice)


def _figures(comparison: Comparison, entry: Entry) -> list[Cell]:
    cells = []
    for metric in comparison.metrics:
        score = entry.scores.get(metric)
        title = METRICS[metric].title
        cells.append(Cell(title, score.figure, score.margin) if score else Cell(title, _NONE))
    return cells


def _costs(cost: Cost) -> list[Cell]:
    about = "about " if cost.estimated else ""
    seconds = _NONE if cost.seconds is None else f"{about}{cost.seconds:.3g}"
    memory = _NONE if cost.peak_memory is None else human_bytes(cost.peak_memory)
    sent = human_bytes(cost.total_bytes)
    return [Cell("Seconds", seconds), Cell("Peak memory", memory), Cell("Bytes sent", sent)]


def _floor(comparison: Comparison) -> Line:
    cells = []
    for metric in comparison.metrics:
        score = comparison.baselines.get(metric)
        cells.append(Cell(METRICS[metric].title, score.figure if score else _NONE))
    cells.append(Cell("Guarantee", "looks at no feature", css="claim"))
    return Line(METRICS[comparison.primary].baseline, tuple(cells), floor=True)
