"""Which protection to pick from a comparison that was released: by its noisy scores alone.

The rule: among the protections that beat the guess that looks at no feature by more than the
noise explains, the smallest epsilon whose score is within one point of the best one's, or within
three while the noise cannot tell the difference from none. Everything here is post-processing.
"""

from __future__ import annotations

import math

from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.recommend import BLURRED, TOLERANCE, Recommendation
from privet.protect.choose.score import METRICS

_EDGE = 1e-9


def advise(comparison: Comparison) -> Recommendation:
    """Apply the rule of this module to a comparison with a guarantee of its own."""
    entries = comparison.entries
    able = [entry for entry in entries if _gain(comparison, entry) > _doubt(comparison, entry)]
    if not able:
        return _none_wins(comparison)
    best = max(able, key=lambda entry: _gain(comparison, entry))
    near = [entry for entry in able if _close(comparison, entry, best)]
    pick = min(near, key=lambda entry: (entry.epsilon or 0.0, -_gain(comparison, entry)))
    return Recommendation("pick", pick.label, _why(comparison, pick, best) + _caveat(comparison))


def _why(comparison: Comparison, pick: Entry, best: Entry) -> str:
    base = comparison.baselines[comparison.primary]
    floor = (
        f" It beats the {METRICS[comparison.primary].baseline} ({base.figure}) by more than the "
        "noise explains."
    )
    if len(comparison.entries) == 1:
        return f"{pick.label} reaches {_figure(comparison, pick)}." + floor
    if pick is best:
        return f"Pick {pick.label}: it has the best score, {_figure(comparison, pick)}." + floor
    lost = _gain(comparison, best) - _gain(comparison, pick)
    unsure = "" if lost <= _point(comparison) else ", which the noise cannot tell from none"
    return (
        f"Pick {pick.label}: it is the smallest epsilon within reach of the best: "
        f"{_figure(comparison, pick)} against {_figure(comparison, best)} for {best.label}"
        f"{unsure}." + floor
    )


def _none_wins(comparison: Comparison) -> Recommendation:
    base = comparison.baselines[comparison.primary]
    largest = max((entry.epsilon or 0.0 for entry in comparison.entries), default=0.0)
    at = "at" if len(comparison.entries) == 1 else "up to"
    return Recommendation(
        "no-private-wins", None,
        f"No private model beats the {METRICS[comparison.primary].baseline} ({base.figure}) by "
        f"more than the noise explains, {at} epsilon {largest:g}: take a larger epsilon, more "
        "rows or fewer columns.",
    )  # fmt: skip


def _caveat(comparison: Comparison) -> str:
    claim = comparison.guarantee
    if claim is None or claim.secret_noise:
        return ""
    return " Its noise was reproducible: compare again without the seed before releasing."


def _gain(comparison: Comparison, entry: Entry) -> float:
    """How much better than the guess."""
    ours = entry.scores[comparison.primary].mean
    base = comparison.baselines[comparison.primary].mean
    return ours - base if METRICS[comparison.primary].higher_is_better else base - ours


def _doubt(comparison: Comparison, entry: Entry) -> float:
    """Half the 95% interval of the noise on a gain."""
    return _halves((entry, comparison.baselines[comparison.primary].half), comparison)


def _halves(pair: tuple[Entry, float | None], comparison: Comparison) -> float:
    entry, other = pair
    return math.hypot(entry.scores[comparison.primary].half or 0.0, other or 0.0)


def _close(comparison: Comparison, entry: Entry, best: Entry) -> bool:
    lost, point = _gain(comparison, best) - _gain(comparison, entry), _point(comparison)
    noise = _halves((entry, best.scores[comparison.primary].half), comparison)
    return lost <= max(point, min(noise, point * BLURRED / TOLERANCE)) + _EDGE


def _point(comparison: Comparison) -> float:
    """A loss that is not worth a larger epsilon, in the metric's own unit."""
    return TOLERANCE * comparison.span


def _figure(comparison: Comparison, entry: Entry) -> str:
    return entry.scores[comparison.primary].figure


