"""A comparison as one HTML file: no script, no network, for a screen, a phone and paper.

The texts come from data sets, schemas and third-party protections, so nothing in them is
trusted: Jinja2 escapes all of it, and a content security policy in the file forbids scripts and
requests even if something slipped through.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from privet.protect.choose import diagram
from privet.protect.choose.comparison import Comparison
from privet.protect.choose.details import details_of
from privet.protect.choose.plot import score_plot
from privet.protect.choose.score import METRICS
from privet.protect.choose.table import head_of, lines_of

if TYPE_CHECKING:
    from jinja2 import Template

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML or UTF-8 cannot hold."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that would turn around the sentence that a name stands in."""
_SECOND = {"accuracy": "auc", "r2": "mae"}
"""The metric of the small plot, by that of the large one."""


def page(comparison: Comparison) -> str:
    """The report, as the text of one self-contained HTML file.

    It holds what the comparison holds, which is for the curator only, unless the comparison was
    made to be released; it says so itself.
    """
    text = _template().render(
        comparison=comparison,
        advice=comparison.recommended,
        css=_css(),
        summary=_summary(comparison),
        plots=_plots(comparison),
        head=head_of(comparison),
        lines=lines_of(comparison),
        scenes=[
            (scene, _safe(diagram.draw(scene, ident=f"scene{number}")))
            for number, scene in enumerate(diagram.scenes(comparison))
        ],
        details=details_of(comparison),
        made=_made(comparison),
    )
    return _UNPRINTABLE.sub("\ufffd", _TURNING.sub("", text))


def _plots(comparison: Comparison) -> list[dict[str, Any]]:
    """The large plot and the small one, each for wide and for narrow screens."""
    out = []
    for metric, wide, narrow in (
        (comparison.primary, (700.0, 360.0), (340.0, 330.0)),
        (_SECOND.get(comparison.primary, ""), (700.0, 230.0), (340.0, 230.0)),
    ):
        if metric not in comparison.metrics:
            continue
        drawings = [
            score_plot(comparison, metric, width=width, height=height, ident=f"{metric}-{css}",
                       css=css)
            for css, (width, height) in (("wide", wide), ("narrow", narrow))
        ]  # fmt: skip
        if all(drawings):
            out.append({"title": METRICS[metric].title, "drawings": map(_safe, drawings)})
    return out


def _summary(comparison: Comparison) -> list[tuple[str, str]]:
    """The line under the title: what was compared, on what, when."""
    kind = "" if comparison.classes is None else f", {comparison.classes} classes"
    pairs = [
        ("Predicts", f"{comparison.target}{kind}"),
        ("Model", comparison.model),
        ("Rows", f"{comparison.rows:,}"),
        ("Features", f"{comparison.features:,}"),
        ("Privacy unit", comparison.unit),
    ]
    made = comparison.made.get("date")
    return [*pairs, ("Date", made)] if made else pairs


def _made(comparison: Comparison) -> list[tuple[str, str]]:
    """How to make the page again, apart from the data."""
    seeds = ", ".join(map(str, comparison.seeds))
    count = len(comparison.seeds)
    splits = (
        f"{count} random split{'' if count == 1 else 's'}, {comparison.test_size:.0%} of the "
        f"{'rows' if comparison.unit == 'row' else 'units'} held out: about "
        f"{comparison.train_rows:,} rows to train on, {comparison.test_rows:,} to score"
    )
    if comparison.guarantee is not None:
        splits += "; each is held out once"
    versions = ", ".join(
        f"{name} {value}" if name != "system" else value
        for name, value in comparison.made.items()
        if name not in ("date", "call")
    )
    pairs = [("Splits", splits)]
    if comparison.guarantee is None:
        pairs.append(("Seeds", seeds))
    return [*pairs, ("Versions", versions)] if versions else pairs


def _safe(drawing: str) -> Any:
    """Mark an SVG, whose texts are escaped already."""
    from markupsafe import Markup

    return Markup(drawing)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    room = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return room.from_string(_beside("page.html.j2"))


def _css() -> Any:
    return _safe(_beside("page.css"))


def _beside(name: str) -> str:
    return files("privet.protect.choose").joinpath(name).read_text(encoding="utf-8")
