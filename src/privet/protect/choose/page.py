"""A comparison as one HTML file: no network, no script; for a phone, a screen and paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from privet.claims import DPGuarantee, NoGuarantee
from privet.claims.cost import human_bytes
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.diagram import draw, scenes
from privet.protect.choose.plot import levels, score_plot
from privet.protect.choose.release import central
from privet.protect.choose.score import METRICS

if TYPE_CHECKING:
    from markupsafe import Markup

_WIDE = (640.0, 372.0)
_NARROW = (320.0, 330.0)
_SMALL = (310.0, 250.0)


def page(comparison: Comparison, *, command: str | None = None) -> str:
    """One self-contained HTML document.

    Args:
        comparison: what to show. Every name and sentence in it is escaped.
        command: the line that made it; a Python call that does the same if not given.

    # Formal guarantees
    * None: the page shows exact functions of private rows, and says so at its top and end.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("privet.protect.choose").joinpath("page.html.j2").read_text(encoding="utf-8")
    style = files("privet.protect.choose").joinpath("page.css").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        c=comparison,
        advice=comparison.recommended,
        style=_safe(style),
        plot=_main_plot(comparison),
        reading=_reading(comparison),
        small=_small_plots(comparison),
        metrics=[METRICS[name] for name in comparison.metrics],
        lines=[_line(comparison, entry) for entry in comparison.entries],
        floor=_floor(comparison),
        scenes=_diagrams(comparison),
        details=_details(comparison),
        command=command or _call(comparison),
    )


def _safe(text: str) -> Markup:
    """Text that is markup of our own; whatever it quotes was escaped where it was put in."""
    from markupsafe import Markup

    return Markup(text)


def _main_plot(comparison: Comparison) -> dict[str, Markup] | None:
    """The primary metric, drawn for a wide and for a narrow column."""
    metric = comparison.primary
    wide = score_plot(comparison, metric, width=_WIDE[0], height=_WIDE[1], ident="wide")
    if not wide:
        return None
    narrow = score_plot(comparison, metric, width=_NARROW[0], height=_NARROW[1], ident="narrow")
    return {"wide": _safe(wide), "narrow": _safe(narrow)}


def _small_plots(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "title": METRICS[metric].title,
            "svg": _safe(
                score_plot(
                    comparison, metric, width=_SMALL[0], height=_SMALL[1], ident=f"small-{metric}"
                )
            ),
        }
        for metric in comparison.metrics
        if metric != comparison.primary
    ]


def _reading(comparison: Comparison) -> str:
    """How to read the plot, in words, so that no label has to be decoded."""
    count = len(comparison.seeds)
    parts = [
        f"Dots: mean over {count} random splits; whiskers: 95% interval."
        if count > 1
        else "Dots: one random split."
    ]
    flat = [entry.label for entry in levels(comparison, comparison.primary)]
    if flat:
        parts.append(f"Band: {_listed(flat)}, with its interval.")
    parts.append(f"Dashed: the {METRICS[comparison.primary].baseline}.")
    if comparison.choice is not None:
        parts.append(f"Ringed: {comparison.choice}, the recommendation.")
    return " ".join(parts)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _line(comparison: Comparison, entry: Entry) -> dict[str, Any]:
    """One row of the table."""
    cost = entry.cost
    memory = None if cost is None else cost.peak_memory
    return {
        "label": entry.label,
        "chosen": entry.label == comparison.choice,
        "refusal": entry.refusal,
        "remedy": entry.remedy,
        "scores": [entry.scores.get(name) for name in comparison.metrics],
        "claim": _claim(entry),
        "seconds": "" if cost is None or cost.seconds is None else f"{cost.seconds:.2g} s",
        "memory": "" if memory is None else human_bytes(memory),
        "sent": "" if cost is None else human_bytes(cost.total_bytes),
    }


def _claim(entry: Entry) -> str:
    """The guarantee, short enough for a cell."""
    if entry.guarantee is None:
        return ""
    if isinstance(entry.guarantee, NoGuarantee):
        return "none"
    if isinstance(entry.guarantee, DPGuarantee):
        return f"ε = {entry.guarantee.epsilon:.3g}, δ = {entry.guarantee.delta:.1g}"
    return entry.guarantee.headline()


def _floor(comparison: Comparison) -> dict[str, Any]:
    scores = [comparison.baselines.get(name) for name in comparison.metrics]
    return {"label": METRICS[comparison.primary].baseline, "scores": scores}


def _diagrams(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "labels": _listed(scene.labels),
            "simulated": scene.simulated,
            "svg": _safe(draw(scene, ident=f"scene-{number}")),
        }
        for number, scene in enumerate(scenes(comparison))
    ]


@dataclass(frozen=True)
class Answer:
    """One question about a protection, answered for all its entries at once.

    Attributes:
        title: the question.
        shared: sentences that hold for every entry.
        own: (label, sentences) that hold for one entry only.
    """

    title: str
    shared: tuple[str, ...]
    own: tuple[tuple[str, tuple[str, ...]], ...]


_ASKED = {
    "claim": "What is claimed",
    "under which assumption": "Under which assumption",
    "releases": "What is released",
    "provenance": "Where bounds come from",
    "caveats": "Before relying on it",
    "how to check it": "How to check it",
}


def _details(comparison: Comparison) -> list[dict[str, Any]]:
    """Claim, assumption, cost and check of each protection, said once where entries agree."""
    out = []
    for name in dict.fromkeys(entry.name for entry in comparison.entries if entry.ran):
        entries = [e for e in comparison.entries if e.name == name and e.guarantee is not None]
        answers = [_answer(title, entries, key) for key, title in _ASKED.items()]
        answers.insert(3, _gathered("What one fit costs", entries, _costs(entries)))
        notes = _gathered("Notes", entries, [entry.notes for entry in entries])
        kept = [a for a in (*answers, notes) if a.shared or a.own]
        labels = _listed([entry.label for entry in entries])
        out.append({"name": name, "labels": labels, "answers": kept})
    return out


def _answer(title: str, entries: Sequence[Entry], key: str) -> Answer:
    said = [e.guarantee.describe().get(key, ()) for e in entries if e.guarantee is not None]
    return _gathered(title, entries, said)


def _costs(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    return [() if entry.cost is None else (str(entry.cost),) for entry in entries]


def _gathered(title: str, entries: Sequence[Entry], said: Sequence[tuple[str, ...]]) -> Answer:
    shared = tuple(line for line in said[0] if all(line in lines for lines in said))
    own = [
        (entry.label, tuple(line for line in lines if line not in shared))
        for entry, lines in zip(entries, said, strict=True)
    ]
    return Answer(title, shared, tuple(pair for pair in own if pair[1]))


def _call(comparison: Comparison) -> str:
    """A call that makes the same comparison, as far as the comparison itself knows."""
    made = []
    for entry in comparison.entries:
        claim = central(entry.guarantee) if entry.guarantee is not None else None
        made.append(f"pv.Private(epsilon={claim.epsilon:g})" if claim else
                    f"pv.{entry.name.capitalize()}(...)" if entry.name != "plain" else
                    "pv.Plain()")  # fmt: skip
    # A name may be free text; it is quoted for Python here and escaped for HTML later.
    return (
        f"pv.compare(data, model={comparison.model!r}, protections=[{', '.join(made)}], "
        f"seeds={len(comparison.seeds)})"
    )
