"""Where data land on a plot: the ranges of both axes, their ticks, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.score import Score
from privet.protect.choose.svg import Box, Label, element, place, width_of

SIZE = 12.0
"""Size of a plot's text, in its units."""
LONGEST = 142.0
"""Room for a name beside the plot; a longer one is cut, since the table has it whole."""
_LEFT = 44.0
"""Room for the ticks of a score in [0, 1], so that plots above each other line up."""


@dataclass(frozen=True)
class Frame:
    """The plot's inner rectangle, and what its corners stand for.

    Attributes:
        inner: the rectangle between the axes.
        width, height: of the whole drawing.
        epsilons: least and greatest epsilon, the ends of a log scale.
        scores: least and greatest score.
        step: distance of the ticks on the score axis.
    """

    inner: Box
    width: float
    height: float
    epsilons: tuple[float, float]
    scores: tuple[float, float]
    step: float

    def x(self, epsilon: float) -> float:
        """Place of an epsilon, on a log scale."""
        low, high = map(math.log, self.epsilons)
        share = (math.log(epsilon) - low) / (high - low)
        return self.inner.left + share * (self.inner.right - self.inner.left)

    def y(self, score: float) -> float:
        """Place of a score."""
        low, high = self.scores
        share = (score - low) / (high - low)
        return self.inner.bottom - share * (self.inner.bottom - self.inner.top)

    @property
    def margin(self) -> bool:
        """True if names stand beside the plot."""
        return self.width - self.inner.right > 40


def plottable(comparison: Comparison, metric: str) -> list[Entry]:
    """Entries with an epsilon above zero and this metric, by epsilon."""
    found = [e for e in comparison.entries if (e.epsilon or 0) > 0 and metric in e.scores]
    return sorted(found, key=lambda entry: entry.epsilon or 0)


def levels(comparison: Comparison, metric: str) -> list[Entry]:
    """Entries that no epsilon places, drawn as bands."""
    return [e for e in comparison.entries if e.epsilon is None and metric in e.scores]


def frame_for(comparison: Comparison, metric: str, *, width: float, height: float) -> Frame:
    """The frame that holds every interval of the metric; some entry must have an epsilon."""
    points = plottable(comparison, metric)
    low, high = _range(comparison, metric)
    epsilons = [entry.epsilon or 1.0 for entry in points]
    least, most = min(epsilons), max(epsilons)
    pad = 1.3 if most > least else 3.0
    step = _step(low, high, height)
    ticks = [width_of(_tick(value, step), SIZE) for value in _ticks(low, high, step)]
    left = max(_LEFT, 10 + max(ticks))
    right = 16 + LONGEST if width >= 500 else 8.0
    return Frame(
        inner=Box(left, 12, width - right, height - 46),
        width=width,
        height=height,
        epsilons=(least / pad, most * pad),
        scores=(low, high),
        step=step,
    )


def _range(comparison: Comparison, metric: str) -> tuple[float, float]:
    """Both ends of the score axis: all intervals, and the baseline unless it dwarfs them."""
    shown = [*plottable(comparison, metric), *levels(comparison, metric)]
    low, high = _ends([entry.scores[metric] for entry in shown])
    base = comparison.baselines.get(metric)
    if base is not None and (metric == comparison.primary or _near(base.mean, low, high)):
        low, high = min(low, base.mean), max(high, base.mean)
    spread = max(high - low, 0.01)
    return low - 0.1 * spread, high + 0.14 * spread


def _near(value: float, low: float, high: float) -> bool:
    """True if showing the value leaves at least two fifths of the height to the data."""
    return max(high, value) - min(low, value) <= 2.5 * max(high - low, 0.01)


def _ends(scores: Sequence[Score]) -> tuple[float, float]:
    lows = [s.low if s.low is not None else s.mean for s in scores]
    highs = [s.high if s.high is not None else s.mean for s in scores]
    return min(lows), max(highs)


def _step(low: float, high: float, height: float) -> float:
    """The finest of 1, 2, 5 times a power of ten that keeps ticks at least 34 units apart."""
    most = max(int((height - 58) / 34), 2)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if rough <= step * power * (1 + 1e-9))


def _ticks(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _tick(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:.{digits}f}"


def axes(
    frame: Frame, epsilons: Sequence[float], most: float | None
) -> tuple[list[str], list[Label]]:
    """Grid, axis and ticks as elements, and the labels to draw on top.

    Args:
        frame: where they go.
        epsilons: values to mark on the horizontal axis.
        most: greatest possible score, above which no tick stands.
    """
    marks, labels = _score_axis(frame, most)
    more, names = _epsilon_axis(frame, epsilons, [label.box for label in labels])
    return marks + more, [*labels, *names, *_captions(frame)]


def _score_axis(frame: Frame, most: float | None) -> tuple[list[str], list[Label]]:
    marks, labels, inner = [], [], frame.inner
    for value in _ticks(*frame.scores, frame.step):
        if most is not None and value > most + 1e-9:
            continue
        y = frame.y(value)
        marks.append(
            element("line", x1=inner.left, x2=inner.right, y1=y, y2=y, class_="grid",
                    data_value=f"{value:.10g}")
        )  # fmt: skip
        labels.append(Label(_tick(value, frame.step), inner.left - 6, y + 4, "end"))
    marks.append(
        element("line", x1=inner.left, x2=inner.right, y1=inner.bottom, y2=inner.bottom,
                class_="axis")
    )  # fmt: skip
    return marks, labels


def _epsilon_axis(
    frame: Frame, epsilons: Sequence[float], taken: Sequence[Box]
) -> tuple[list[str], list[Label]]:
    marks: list[str] = []
    labels: list[Label] = []
    bottom, shown = frame.inner.bottom, list(taken)
    everywhere = Box(0, 0, frame.width, frame.height)
    for epsilon in dict.fromkeys(epsilons):
        x = frame.x(epsilon)
        marks.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"))
        label = place([Label(f"{epsilon:.3g}", x, bottom + 17, "middle")], shown, everywhere)
        labels += [label] if label else []
    return marks, labels


def _captions(frame: Frame) -> list[Label]:
    """What the horizontal axis is, and which way is safer, as far as there is room."""
    inner, y = frame.inner, frame.inner.bottom + 37
    stronger = Label("← stronger privacy", inner.left, y)
    weaker = Label("weaker →", inner.right, y, "end")
    middle = Label("ε, log scale", (inner.left + inner.right) / 2, y, "middle", css="strong")
    if not middle.box.meets(stronger.box) and not middle.box.meets(weaker.box):
        return [stronger, middle, weaker]
    return [stronger, Label("ε, log scale →", inner.right, y, "end", css="strong")]
