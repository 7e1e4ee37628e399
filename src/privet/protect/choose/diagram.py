"""Who sees what, as inline SVG: the rows on top, a branch to each role, a shield where it helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privet.claims import Sight
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.svg import Label, element, group, picture, wrapped

_WIDTH = 320.0
_SPINE = 26.0
_LEFT = 78.0
_PAD = 11.0
_LINE = 16.0
_GAP = 12.0


@dataclass(frozen=True)
class Scene:
    """One diagram: the protections it stands for, and what each role sees under them."""

    labels: tuple[str, ...]
    name: str
    sights: tuple[Sight, ...]
    simulated: bool


def scenes(comparison: Comparison) -> list[Scene]:
    """One scene for all entries of a name whose roles see the same."""
    grouped: dict[tuple[str, tuple[Sight, ...], bool], list[str]] = {}
    for entry in comparison.entries:
        sights = _sights(entry)
        if sights and entry.guarantee is not None:
            key = (entry.name, sights, entry.guarantee.simulated)
            grouped.setdefault(key, []).append(entry.label)
    return [Scene(tuple(labels), *key) for key, labels in grouped.items()]


def _sights(entry: Entry) -> tuple[Sight, ...]:
    return () if entry.guarantee is None else entry.guarantee.sights


def draw(scene: Scene, *, ident: str) -> str:
    """The diagram, as high as its texts need."""
    parts, top = [], 46.0
    middles = []
    for sight in scene.sights:
        box, height = _role(sight, top)
        middles.append(top + height / 2)
        parts += [*box, *_branch(sight, top + height / 2)]
        top += height + _GAP
    spine = element("line", x1=_SPINE, x2=_SPINE, y1=30.0, y2=middles[-1], class_="wire")
    return picture(
        [spine, *_source(), *parts],
        ident=ident,
        title=f"Who sees what under {scene.name}",
        desc=_in_words(scene.sights),
        width=_WIDTH,
        height=top - _GAP + 2,
        css="diagram",
    )


def _source() -> list[str]:
    label = Label("the rows", 62.0, 21.0, "middle", css="strong")
    return [
        element("rect", x=1.0, y=3.0, width=122.0, height=27.0, rx=13.5, class_="source"),
        label.draw(),
    ]


def _role(sight: Sight, top: float) -> tuple[list[str], float]:
    room = _WIDTH - _LEFT - 2 * _PAD - 1
    css = "kept" if sight.protected else "bare"
    lines = [("protected" if sight.protected else "not protected", f"badge {css}")]
    lines += [(text, "strong") for text in wrapped(sight.role, width=room * 0.91, size=12)]
    lines += [(text, "") for text in wrapped(sight.sees, width=room, size=12)]
    height = len(lines) * _LINE + 2 * _PAD - 4
    box = element("rect", x=_LEFT, y=top, width=_WIDTH - _LEFT - 1, height=height, rx=5.0,
                  class_=f"role {css}")  # fmt: skip
    middle = top + _PAD + 9
    words = [
        Label(text, _LEFT + _PAD, middle + _LINE * number, css=style).draw()
        for number, (text, style) in enumerate(lines)
    ]
    return [box, *words], height


def _branch(sight: Sight, y: float) -> list[str]:
    """A line from the spine to a role: whole and pointed, or stopped by a shield."""
    if not sight.protected:
        head = f"{_LEFT - 1:.2f},{y:.2f} {_LEFT - 8:.2f},{y - 4:.2f} {_LEFT - 8:.2f},{y + 4:.2f}"
        return [
            element("line", x1=_SPINE, x2=_LEFT - 8, y1=y, y2=y, class_="wire"),
            element("polygon", points=head, class_="head"),
        ]
    middle = (_SPINE + _LEFT) / 2
    return [
        element("line", x1=_SPINE, x2=middle, y1=y, y2=y, class_="wire"),
        element("line", x1=middle, x2=_LEFT - 2, y1=y, y2=y, class_="wire faint"),
        group("g", [element("path", d=_SHIELD, class_="shield")],
              transform=f"translate({middle:.2f} {y:.2f})"),
    ]  # fmt: skip


_SHIELD = "M0 -11 L9 -7.5 V-1 C9 5 5 9 0 11.5 C-5 9 -9 5 -9 -1 V-7.5 Z"


def _in_words(sights: Sequence[Sight]) -> str:
    return "; ".join(
        f"{s.role}, {'protected' if s.protected else 'not protected'}: sees {s.sees}"
        for s in sights
    )
