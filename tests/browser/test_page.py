"""The report in a real browser: on a phone, on a desk, in the dark and on paper."""

from __future__ import annotations

import base64
import itertools
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.protect.choose import Comparison, page
from tests.browser.chromium import chromium
from tests.unit.protect.made_comparisons import (
    HOSTILE,
    comparison,
    crowded,
    hostile,
    plain,
    private,
    refusing,
    regression,
    usual,
)

pytestmark = pytest.mark.browser

WORDY = HOSTILE[4]
CASES: dict[str, Comparison] = {
    "usual": usual(),
    "one": comparison(plain()),
    "crowded": crowded(),
    "refused": comparison(plain(), private(1, 0.962), refusing()),
    "regression": regression(),
    **{f"hostile {number}": hostile(text) for number, text in enumerate(HOSTILE)},
}
TAME = ("usual", "crowded", "regression", "refused")
PAPER = 657
"""Width of A4 between the margins of the sheet, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    out = {}
    for name, found in CASES.items():
        out[name] = folder / f"{name.replace(' ', '-')}.html"
        out[name].write_text(page(found), encoding="utf-8")
    return out


class Opened:
    """A report in a window, with everything that the browser complained about."""

    def __init__(self, context: Any, path: Path) -> None:
        self.url = path.as_uri()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(self.url)

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)


@pytest.fixture
def opened(browser: Any, reports: dict[str, Path]) -> Iterator[Any]:
    contexts = []

    def opener(
        name: str, *, width: int = 1200, scheme: str = "light", media: str = "screen"
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        found = Opened(context, reports[name])
        found.page.emulate_media(media=media, color_scheme=scheme)
        return found

    yield opener
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_fetched_run_or_complained_about(opened: Any, name: str) -> None:
    found = opened(name)
    found.page.wait_for_load_state("networkidle")
    assert found.requests == [found.url]
    assert found.complaints == []


OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("body *:not(svg *, thead, thead *)")].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width && box.right > wide + 0.5 || box.left < -0.5;
  }).map(node => node.tagName + "." + node.className);
  return [document.documentElement.scrollWidth - wide, out];
}"""


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_wider_than_the_window(opened: Any, name: str) -> None:
    found = opened(name)
    for width in (320, 360, 390, 768, 1200):
        found.page.set_viewport_size({"width": width, "height": 800})
        assert found.ask(OVERFLOW) == [0, []], width


TEXTS = """() => [...document.querySelectorAll("svg")].filter(svg => svg.clientWidth).map(svg => {
  const room = svg.getBoundingClientRect();
  return {
    room: [room.left, room.top, room.right, room.bottom],
    texts: [...svg.querySelectorAll("text")].map(text => {
      const box = text.getBoundingClientRect();
      return {text: text.textContent, size: parseFloat(getComputedStyle(text).fontSize)
                * room.width / svg.viewBox.baseVal.width,
              box: [box.left, box.top, box.right, box.bottom]};
    }),
    roles: [...svg.querySelectorAll("rect.role")].map(rect => {
      const box = rect.getBoundingClientRect();
      return [box.left, box.top, box.right, box.bottom];
    }),
  };
})"""


def meet(one: list[float], other: list[float], slack: float = 0.75) -> bool:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide > slack and high > slack


def inside(box: list[float], room: list[float], slack: float = 0.75) -> bool:
    return (
        box[0] >= room[0] - slack
        and box[1] >= room[1] - slack
        and box[2] <= room[2] + slack
        and box[3] <= room[3] + slack
    )


@pytest.mark.parametrize("name", CASES)
def test_labels_meet_nothing_and_stay_inside(opened: Any, name: str) -> None:
    found = opened(name)
    for width in (360, 1200):
        found.page.set_viewport_size({"width": width, "height": 800})
        drawings = found.ask(TEXTS)
        assert drawings
        for drawing in drawings:
            check_drawing(drawing)


def check_drawing(drawing: dict[str, Any]) -> None:
    for item in drawing["texts"]:
        assert inside(item["box"], drawing["room"]), item
        assert item["size"] >= 10, "readable without zooming"
    for one, other in itertools.combinations(drawing["texts"], 2):
        assert not meet(one["box"], other["box"]), (one, other)
    for role in drawing["roles"]:
        held = [item for item in drawing["texts"] if meet(item["box"], role)]
        assert held and all(inside(item["box"], role) for item in held), (role, held)


@pytest.mark.parametrize(("width", "css"), [(360, "narrow"), (1200, "wide")])
def test_each_width_shows_its_own_drawing(opened: Any, width: int, css: str) -> None:
    shown = opened("usual", width=width).ask(
        """() => [...document.querySelectorAll("svg.plot")].filter(svg => svg.clientWidth)
             .map(svg => svg.getAttribute("class"))"""
    )
    assert shown == [f"plot {css}"] * 2


MARKS = """() => {
  const svg = [...document.querySelectorAll("svg.plot")].find(svg => svg.clientWidth);
  const middle = node => {
    const box = node.getBoundingClientRect();
    return [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  };
  return {
    grid: [...svg.querySelectorAll(".grid")].map(g => [+g.dataset.value, middle(g)[1]]),
    dots: [...svg.querySelectorAll(".dot")].map(
      d => [+d.dataset.epsilon, +d.dataset.mean, ...middle(d)]),
    level: middle(svg.querySelector(".level"))[1],
    floor: middle(svg.querySelector(".floor"))[1],
  };
}"""


@pytest.mark.parametrize("width", [360, 1200])
def test_marks_stand_where_the_data_say(opened: Any, width: int) -> None:
    marks = opened("usual", width=width).ask(MARKS)
    (low, bottom), (high, top) = marks["grid"][0], marks["grid"][-1]

    def place(value: float) -> float:
        return float(bottom + (value - low) / (high - low) * (top - bottom))

    assert top < bottom
    wanted = {e.epsilon: e.scores["accuracy"].mean for e in usual().entries if e.epsilon}
    assert {epsilon: mean for epsilon, mean, _, _ in marks["dots"]} == pytest.approx(wanted)
    for _, mean, _, y in marks["dots"]:
        assert y == pytest.approx(place(mean), abs=0.5)
    assert marks["level"] == pytest.approx(place(0.97), abs=0.5)
    assert marks["floor"] == pytest.approx(place(0.6), abs=0.5)
    xs = [x for _, _, x, _ in marks["dots"]]
    assert (xs[1] - xs[0]) / (xs[2] - xs[0]) == pytest.approx(math.log(2) / math.log(6), abs=0.01)


INKS = """() => {
  const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const found = rgba(getComputedStyle(node).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const out = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(c => c.nodeType === 3 && c.data.trim());
    if (!own || !node.getClientRects().length || ["title", "desc"].includes(node.tagName)) continue;
    const svg = node.closest("svg"), style = getComputedStyle(node);
    const under = [ground(svg || node)];
    if (svg) for (const rect of svg.querySelectorAll(".band, .source"))
      under.push(rgba(getComputedStyle(rect).fill));
    const ink = rgba(svg ? style.fill : style.color);
    for (const each of under) out.push([node.tagName + ": " + node.textContent.trim(), ink, each]);
  }
  return out;
}"""


def luminance(colour: list[int]) -> float:
    parts = [part / 255 for part in colour[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: list[int], other: list[int]) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("name", TAME)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(opened: Any, name: str, scheme: str) -> None:
    """WCAG 2.2, section 1.4.3: at least 4.5 to 1, from the styles that the browser computed."""
    found = opened(name, scheme=scheme)
    inks = found.ask(INKS)
    assert len(inks) > 50
    for text, ink, ground in inks:
        # Amber names stand on paper only; the band lies behind names of levels and figures.
        if "majority class" in text or "chance" in text or "mean predictor" in text:
            continue
        if text.startswith("text:") and "protected" in text:
            continue
        assert contrast(ink, ground) >= 4.5, (text, ink, ground)
    paper = found.ask("() => getComputedStyle(document.body).backgroundColor")
    dark = sum(map(int, paper[4:-1].split(", "))) < 150
    assert dark == (scheme == "dark")


PIXELS = """async data => {
  const image = await createImageBitmap(await (await fetch(data)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const draw = canvas.getContext("2d");
  draw.drawImage(image, 0, 0);
  const pixels = draw.getImageData(0, 0, image.width, image.height).data;
  const first = pixels.slice(0, 3);
  let other = 0;
  const rows = new Set(), colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) {
    const far = Math.abs(pixels[i] - first[0]) + Math.abs(pixels[i + 1] - first[1])
      + Math.abs(pixels[i + 2] - first[2]);
    if (far > 60) { other++; rows.add(Math.floor(i / 4 / image.width / 100)); }
    colours.add((pixels[i] >> 4) << 8 | (pixels[i + 1] >> 4) << 4 | pixels[i + 2] >> 4);
  }
  return [4 * other / pixels.length, rows.size * 100 / image.height, colours.size];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_picture_is_not_blank(opened: Any, browser: Any, width: int, scheme: str) -> None:
    shot = opened("usual", width=width, scheme=scheme).page.screenshot(full_page=True)
    blank = browser.new_page()
    inked, covered, colours = blank.evaluate(
        PIXELS, "data:image/png;base64," + base64.b64encode(shot).decode()
    )
    blank.close()
    assert 0.01 < inked < 0.35, "text and marks, neither nothing nor a block"
    assert covered > 0.9, "no empty stretch of the page"
    assert colours > 20


@pytest.mark.parametrize("name", CASES)
def test_paper_cuts_nothing_off(opened: Any, name: str) -> None:
    found = opened(name, width=PAPER, media="print", scheme="dark")
    assert found.ask(OVERFLOW) == [0, []]
    paper = found.ask("() => getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)", "paper is white whatever the screen prefers"
    hidden = found.ask(
        """() => [...document.querySelectorAll("main *:not(svg):not(svg *)")].filter(node =>
             getComputedStyle(node).display !== "inline" && node.clientWidth
             && node.scrollWidth > node.clientWidth + 1).map(node => node.outerHTML.slice(0, 90))"""
    )
    assert hidden == []


@pytest.mark.parametrize("name", TAME)
def test_the_printed_file_holds_every_line(opened: Any, name: str, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    file = tmp_path / "report.pdf"
    file.write_bytes(opened(name).page.pdf(prefer_css_page_size=True))
    text = subprocess.run(
        ["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True
    ).stdout
    found = CASES[name]
    assert text.count("\f") <= len(found.entries) + 2, "no page is left half empty"
    words = "".join(text.split())
    for wanted in (found.data, found.recommendation, found.release, "Who sees what",
                   *(entry.label for entry in found.entries)):  # fmt: skip
        assert "".join(wanted.split()) in words, wanted


@pytest.mark.parametrize("width", [390, 1200])
def test_those_who_cannot_see_get_a_table_and_descriptions(opened: Any, width: int) -> None:
    found = opened("usual", width=width).page
    assert found.get_by_role("table").count() == 1
    assert found.get_by_role("row").count() == 6
    assert found.get_by_role("columnheader").count() == 7
    assert found.get_by_role("rowheader").count() == 5
    plot = found.get_by_role("img", name="Accuracy against epsilon")
    assert plot.count() == 1 and "plain: 0.970" in plot.inner_html()
    assert found.get_by_role("img", name="Who sees what under private").count() == 1
    assert found.get_by_role("heading", level=1).inner_text() == "patients"
