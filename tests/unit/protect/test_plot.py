"""The plot: marks stand where the data say, labels meet nothing and leave nothing."""

from __future__ import annotations

import itertools
import math
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.protect.choose import Comparison
from privet.protect.choose.comparison import Entry
from privet.protect.choose.plot import score_plot
from privet.protect.choose.score import METRICS
from privet.protect.choose.svg import Box, Label, place, shortened, width_of, wrapped
from tests.unit.protect.made_comparisons import (
    HOSTILE,
    comparison,
    crowded,
    dp,
    hostile,
    plain,
    private,
    refusing,
    regression,
    score,
    shared,
    usual,
)

SIZES = [(700.0, 360.0), (340.0, 330.0), (700.0, 230.0), (340.0, 230.0)]
SVG = ElementTree.Element


def drawn(
    found: Comparison, metric: str | None = None, size: tuple[float, float] = SIZES[0]
) -> SVG:
    text = score_plot(found, metric or found.primary, width=size[0], height=size[1], ident="p")
    return ElementTree.fromstring(text)


def of(svg: SVG, css: str) -> list[SVG]:
    return [node for node in svg.iter() if node.get("class") == css]


def number(node: SVG, key: str) -> float:
    return float(node.attrib[key])


def labels(svg: SVG) -> list[Label]:
    return [
        Label(node.text or "", number(node, "x"), number(node, "y"),
              node.get("text-anchor", "start"), css=node.get("class", ""))
        for node in svg.iter("text")
    ]  # fmt: skip


def check_labels(svg: SVG) -> None:
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    boxes = [(label.text, label.box) for label in labels(svg)]
    for text, box in boxes:
        assert box.within(Box(0, 0, width, height)), text
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        assert not first.meets(second), (one, other)


def scale(svg: SVG) -> tuple[float, float]:
    """(y of score 0, y per score), from the grid lines."""
    lines = of(svg, "grid")
    values = [number(line, "data-value") for line in lines]
    ys = [number(line, "y1") for line in lines]
    slope = (ys[-1] - ys[0]) / (values[-1] - values[0])
    return ys[0] - slope * values[0], slope


@pytest.mark.parametrize("size", SIZES)
def test_dots_stand_at_their_means_and_epsilons(size: tuple[float, float]) -> None:
    svg = drawn(usual(), size=size)
    zero, slope = scale(svg)
    assert slope < 0, "greater scores stand higher"
    dots = of(svg, "dot")
    assert [number(dot, "data-epsilon") for dot in dots] == [0.5, 1.0, 3.0]
    for dot, mean in zip(dots, (0.93, 0.962, 0.968), strict=True):
        assert number(dot, "cy") == pytest.approx(zero + slope * mean, abs=0.02)
    low, middle, high = (number(dot, "cx") for dot in dots)
    assert (middle - low) / (high - low) == pytest.approx(math.log(2) / math.log(6), abs=1e-3)


def test_ticks_are_written_as_they_stand() -> None:
    svg = drawn(usual())
    zero, slope = scale(svg)
    written = [label for label in labels(svg) if label.anchor == "end" and label.x < 60]
    assert len(written) >= 3
    for label in written:
        assert label.y - 4 == pytest.approx(zero + slope * float(label.text), abs=0.02)


def test_whiskers_span_the_interval() -> None:
    found = comparison(private(1, 0.8, spread=0.05), plain())
    svg = drawn(found)
    zero, slope = scale(svg)
    tall = max(of(svg, "whisker"), key=lambda line: abs(number(line, "y1") - number(line, "y2")))
    wanted = found.entries[0].scores["accuracy"]
    assert wanted.low is not None and wanted.high is not None
    assert number(tall, "y1") == pytest.approx(zero + slope * wanted.high, abs=0.02)
    assert number(tall, "y2") == pytest.approx(zero + slope * wanted.low, abs=0.02)


def test_plain_is_a_band_and_the_majority_class_a_line() -> None:
    found = usual()
    svg = drawn(found)
    zero, slope = scale(svg)
    wanted = found.entries[0].scores["accuracy"]
    (band,), (level,), (floor,) = of(svg, "band"), of(svg, "level"), of(svg, "floor")
    assert wanted.low is not None and wanted.high is not None
    assert number(band, "y") == pytest.approx(zero + slope * wanted.high, abs=0.02)
    assert number(band, "height") == pytest.approx(-slope * (wanted.high - wanted.low), abs=0.02)
    assert number(level, "y1") == pytest.approx(zero + slope * 0.97, abs=0.02)
    assert number(floor, "y1") == pytest.approx(zero + slope * 0.6, abs=0.02)


def test_a_baseline_far_below_a_second_metric_is_named_and_not_drawn() -> None:
    close = comparison(plain(0.97), private(1, 0.965))
    svg = drawn(close, "auc")
    assert not of(svg, "floor")
    assert any(label.text == "chance 0.500, off the scale ↓" for label in labels(svg))
    assert of(drawn(close), "floor"), "the primary metric always shows its baseline"


def test_the_recommended_dot_alone_has_a_ring() -> None:
    svg = drawn(usual())
    (ring,) = of(svg, "ring")
    chosen = next(dot for dot in of(svg, "dot") if dot.get("data-epsilon") == "1")
    assert ring.get("cx") == chosen.get("cx") and ring.get("cy") == chosen.get("cy")
    assert not of(drawn(comparison(private(1, 0.6), plain(0.6))), "ring")


def test_protections_of_one_epsilon_stand_side_by_side() -> None:
    dots = [dot for dot in of(drawn(crowded()), "dot") if dot.get("data-epsilon") == "1"]
    places = sorted(number(dot, "cx") for dot in dots)
    assert len(places) == 3 and min(b - a for a, b in itertools.pairwise(places)) >= 10


def test_a_thread_joins_the_points_of_one_protection() -> None:
    (thread,) = of(drawn(crowded()), "thread")
    assert len(thread.attrib["points"].split()) == 4


def test_ticks_of_both_axes_do_not_meet_in_the_corner() -> None:
    found = [private(epsilon, mean, spread=0.0) for epsilon, mean in ((1, 1.0), (140, 1.0),
                                                                      (0.0625, 0.0859375))]
    check_labels(drawn(comparison(plain(1.0, spread=0.0), *found)))


def test_marks_are_labelled_where_they_stand() -> None:
    texts = [label.text for label in labels(drawn(usual()))]
    for wanted in ("private", "plain 0.970", "majority class 0.600", "0.930", "0.962", "0.968",
                   "0.5", "1", "3", "ε, log scale"):  # fmt: skip
        assert wanted in texts


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("found", [usual(), crowded(), comparison(private(1, 0.9))])
def test_labels_meet_nothing(found: Comparison, size: tuple[float, float]) -> None:
    for metric in ("accuracy", "auc"):
        check_labels(drawn(found, metric, size))


def climbing() -> Comparison:
    """One protection whose scores climb steeply, and then slowly, towards plain."""
    steps = {0.1: 0.75, 0.5: 0.9, 1: 0.93, 3: 0.955, 10: 0.965}
    return comparison(plain(), *(private(epsilon, mean) for epsilon, mean in steps.items()))


def near_the_floor() -> Comparison:
    """Wide intervals over the majority class, so that its line has no room beside it."""
    steps = {0.1: (0.641, 0.085), 0.3: (0.664, 0.037), 1: (0.68, 0.043), 3: (0.685, 0.021),
             10: (0.719, 0.04)}  # fmt: skip
    lines = [private(e, mean, spread=spread) for e, (mean, spread) in steps.items()]
    return comparison(plain(0.741, spread=0.04), *lines,
                      baselines={"accuracy": score("accuracy", 0.676, 0.0)})  # fmt: skip


def just_below_the_floor() -> Comparison:
    """A figure above its point would stand on the line of the majority class."""
    return comparison(plain(0.75), private(0.5, 0.511, spread=0.0085),
                      private(3, 0.568, spread=0.006),
                      baselines={"accuracy": score("accuracy", 0.585, 0.0)})  # fmt: skip


def hopeless() -> Comparison:
    """A regression that barely beats the mean."""
    steps = {0.1: (-0.224, 0.048), 0.3: (-0.071, 0.118), 1: (-0.059, 0.065), 3: (-0.014, 0.085),
             10: (0.203, 0.084)}  # fmt: skip
    lines = [
        Entry(label=f"private eps={e:g}", name="private", guarantee=dp(e),
              scores={"r2": score("r2", mean, spread)})
        for e, (mean, spread) in steps.items()
    ]  # fmt: skip
    level = Entry(label="plain", name="plain", guarantee=plain().guarantee,
                  scores={"r2": score("r2", 0.629, 0.04)})  # fmt: skip
    return comparison(level, *lines, classes=None, target="pressure",
                      baselines={"r2": score("r2", -0.01, 0.0)})  # fmt: skip


def crossed(svg: SVG) -> list[str]:
    """Labels through which a thread or a level line goes."""
    (thread,) = of(svg, "thread")
    pairs = [pair.split(",") for pair in thread.attrib["points"].split()]
    ends = [(float(x), float(y)) for x, y in pairs]
    lines = list(itertools.pairwise(ends))
    for line in (*of(svg, "level"), *of(svg, "floor")):
        y = number(line, "y1")
        lines.append(((number(line, "x1"), y), (number(line, "x2"), y)))
    out = []
    for label in labels(svg):
        box = label.box
        for (x1, y1), (x2, y2) in lines:
            points = [(x1 + (x2 - x1) * i / 500, y1 + (y2 - y1) * i / 500) for i in range(501)]
            if any(box.left < x < box.right and box.top < y < box.bottom for x, y in points):
                out.append(label.text)
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("found", [
    usual(), climbing(), near_the_floor(), just_below_the_floor(), hopeless(),
])  # fmt: skip
def test_no_line_goes_through_a_label(found: Comparison, size: tuple[float, float]) -> None:
    svg = drawn(found, size=size)
    assert crossed(svg) == []
    texts = [label.text for label in labels(svg)]
    for line in found.entries[1:]:
        assert line.scores[found.primary].figure in texts
    floor = f"{METRICS[found.primary].baseline} {found.baselines[found.primary].figure}"
    assert any(text.endswith(floor) for text in texts), "the dashed line has its name"
    check_labels(svg)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("text", HOSTILE)
def test_labels_of_hostile_names_meet_nothing(text: str, size: tuple[float, float]) -> None:
    clean = text.replace("\x00", "").replace("\ud800", "")
    check_labels(drawn(hostile(clean), size=size))


@settings(max_examples=60, deadline=None)
@given(
    means=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    epsilons=st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8),
    spread=st.floats(0, 0.2),
    size=st.sampled_from(SIZES),
)
def test_any_comparison_is_drawn_within_its_frame(
    means: list[float], epsilons: list[float], spread: float, size: tuple[float, float]
) -> None:
    lines = [private(e, m, spread=spread) for e, m in zip(epsilons, means, strict=False)]
    svg = drawn(comparison(plain(means[0], spread=spread), *lines), size=size)
    check_labels(svg)
    for dot in of(svg, "dot"):
        assert 0 <= number(dot, "cx") <= size[0] and 0 <= number(dot, "cy") <= size[1] - 46


def test_regression_shows_r2_with_the_mean_predictor() -> None:
    svg = drawn(regression())
    assert any(label.text.startswith("mean predictor -0.010") for label in labels(svg))
    texts = [label.text for label in labels(drawn(regression(), "mae"))]
    assert "9100" in texts, "figures in another unit have no needless decimals"


def test_every_figure_is_there_in_words() -> None:
    found = usual()
    svg = drawn(found)
    title, desc = svg[0], svg[1]
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    for line in found.entries:
        assert f"{line.label}: {line.scores['accuracy']}" in str(desc.text)


def test_nothing_to_place_is_nothing_drawn() -> None:
    for found in (comparison(plain()), comparison(plain(), refusing()), comparison(shared())):
        assert score_plot(found, "accuracy", width=700, height=360, ident="p") == ""


def test_a_single_split_has_no_whiskers() -> None:
    line = private(1, 0.9)
    line.scores["accuracy"] = type(score("accuracy", 1.0))("accuracy", (0.9,))
    svg = drawn(comparison(line, seeds=(0,)))
    assert of(svg, "dot") and not of(svg, "whisker")


def test_texts_are_cut_and_wrapped_to_their_room() -> None:
    assert shortened("plain", 100, 12) == "plain"
    cut = shortened("W" * 100, 100, 12)
    assert cut.endswith("…") and width_of(cut, 12) <= 100
    lines = wrapped("one two " + "x" * 90 + " three", width=100, size=12)
    assert "".join(lines).replace(" ", "") == "onetwo" + "x" * 90 + "three"
    assert all(width_of(line, 12) <= 100 for line in lines)
    many = wrapped("word " * 500, width=100, size=12)
    assert len(many) == 14 and many[-1].endswith("…")
    assert wrapped("", width=100, size=12) == [""]


def test_a_label_without_room_is_left_out() -> None:
    taken = [Box(0, 0, 100, 100)]
    assert place([Label("a", 50, 50)], taken, Box(0, 0, 200, 200)) is None
    found = place([Label("a", 50, 50), Label("b", 150, 150)], taken, Box(0, 0, 200, 200))
    assert found is not None and found.text == "b" and found.box in taken
    assert place([Label("b", 150, 150)], taken, Box(0, 0, 200, 200)) is None
