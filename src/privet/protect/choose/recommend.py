"""Which protection to pick, and why, from a comparison alone.

The rule, in order:

1. Scores must be able to tell protections apart: at least two splits, `FEWEST_TEST_ROWS` held
   out, and an interval no wider than `WIDEST_HALF` either way.
2. A private model must beat the guess that looks at no feature, with the lower end of its 95%
   interval.
3. Among those, the smallest epsilon whose mean score is within `TOLERANCE` of the best one's;
   or within `BLURRED` while the 95% interval of the paired difference still holds zero. That
   leans to the smaller epsilon where evidence is thin, so the sentence says what may be lost.
4. If none is that close to the best of all (plain training included), the same rule relative
   to the best private one, and the sentence says what privacy costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privet.claims import DPGuarantee
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.release import central
from privet.protect.choose.score import METRICS, half_width

TOLERANCE = 0.01
"""A loss of at most one point is not worth a larger epsilon."""
BLURRED = 0.03
"""Nor is one of at most three points that the splits cannot tell from none."""
WIDEST_HALF = 0.1
FEWEST_TEST_ROWS = 20
_EDGE = 1e-9


@dataclass(frozen=True)
class Recommendation:
    """The advice.

    Attributes:
        kind: which branch of the rule spoke: "pick", "costly", "no-private-wins",
            "nothing-wins", "too-small", "one-split", "only-plain", "private-refused",
            "no-epsilon", "nothing-ran".
        choice: label of the entry to pick; None where there is none.
        text: one or two sentences for a person.
    """

    kind: str
    choice: str | None
    text: str

    def __str__(self) -> str:
        return self.text


def recommend(comparison: Comparison) -> Recommendation:
    """Apply the rule of this module."""
    ran = [entry for entry in comparison.entries if comparison.primary in entry.scores]
    private = [entry for entry in ran if entry.epsilon is not None]
    if not ran:
        return Recommendation("nothing-ran", None, "No protection ran, so there is none to pick.")
    blind = _blind(comparison, ran)
    if blind is not None:
        return blind
    winners = [entry for entry in ran if _beats_baseline(comparison, entry)]
    if not winners:
        return _nothing_wins(comparison, ran)
    if not private:
        return _no_private(comparison, ran)
    able = [entry for entry in private if entry in winners]
    if not able:
        return _no_private_wins(comparison, private, winners)
    return _pick(comparison, ran, able)


def _pick(comparison: Comparison, ran: list[Entry], able: list[Entry]) -> Recommendation:
    best = _best(comparison, ran)
    close = [entry for entry in able if _within_tolerance(comparison, entry, best)]
    if close:
        choice = _strongest(comparison, close)
        return Recommendation("pick", choice.label, _why_close(comparison, choice, best))
    champion = _best(comparison, able)
    near = [entry for entry in able if _within_tolerance(comparison, entry, champion)]
    choice = _strongest(comparison, near)
    text = (
        f"Pick {choice.label}, but know its price: {_figure(comparison, choice)} against "
        f"{_figure(comparison, best)} for {best.label}, {_points(comparison, choice, best)} less. "
        f"No private model comes within {_size(comparison, TOLERANCE)}; "
        + ("a larger epsilon or " if choice is champion else "")
        + "more rows would narrow the gap."
    )
    if choice is not champion:
        text += (
            f" Against {champion.label} it gives up {_points(comparison, choice, champion)}"
            f"{_doubt(comparison, choice, champion)}."
        )
    return Recommendation("costly", choice.label, text + _caveat(choice))


def _why_close(comparison: Comparison, choice: Entry, best: Entry) -> str:
    floor = _floor(comparison)
    if choice is best:
        why = f"it has the best {_title(comparison)}, {_figure(comparison, choice)}"
    else:
        why = (
            f"it is the smallest epsilon within reach of the best: "
            f"{_figure(comparison, choice)} against {_figure(comparison, best)} for {best.label}, "
            f"{_points(comparison, choice, best)} less{_doubt(comparison, choice, best)}"
        )
    return f"Pick {choice.label}: {why}. {floor}" + _caveat(choice)


def _doubt(comparison: Comparison, choice: Entry, best: Entry) -> str:
    """How sure the loss is, wherever it may be more than the tolerance: evidence may be thin."""
    loss, half = _loss(comparison, choice, best), _paired_half(comparison, choice, best)
    if half is None or loss + half <= TOLERANCE + _EDGE:
        return ""
    known = f"95% interval {_span(comparison, -loss - half, half - loss)}, from "
    known += f"{len(comparison.seeds)} splits"
    if loss <= TOLERANCE + _EDGE:
        return f" on average ({known})"
    return (
        f" on average, which these splits cannot tell from none ({known}; more seeds or rows may "
        "tell)"
    )


def _floor(comparison: Comparison) -> str:
    base = comparison.baselines[comparison.primary]
    name = METRICS[comparison.primary].baseline
    return f"It beats the {name} ({base.mean:.3f}) with the whole of its 95% interval."


def _blind(comparison: Comparison, ran: list[Entry]) -> Recommendation | None:
    """Nothing can be said, because the scores are too uncertain."""
    if len(comparison.seeds) < 2:
        return Recommendation(
            "one-split", None,
            "One split gives no interval, so nothing is recommended; compare with seeds=5.",
        )  # fmt: skip
    best = _best(comparison, ran).scores[comparison.primary]
    half = best.half or 0.0
    if comparison.test_rows >= FEWEST_TEST_ROWS and half <= WIDEST_HALF:
        return None
    return Recommendation(
        "too-small", None,
        f"The data are too small to recommend anything: {comparison.test_rows} rows are held out "
        f"in each split, and even the best {_title(comparison)} is known only to within "
        f"{_size(comparison, half)} either way. Compare on more rows"
        + (", or with more seeds." if len(comparison.seeds) < 20 else "."),
    )  # fmt: skip


def _nothing_wins(comparison: Comparison, ran: list[Entry]) -> Recommendation:
    best, base = _best(comparison, ran), comparison.baselines[comparison.primary]
    return Recommendation(
        "nothing-wins", None,
        f"No model beats the {METRICS[comparison.primary].baseline} ({base.mean:.3f}): the best, "
        f"{best.label}, reaches {_figure(comparison, best)}. Privacy is not what holds it back; "
        "look at the features and the model first.",
    ) if not best.protected else Recommendation(
        "no-private-wins", None, _none_beats(comparison, ran)
    )  # fmt: skip


def _no_private_wins(
    comparison: Comparison, private: list[Entry], winners: list[Entry]
) -> Recommendation:
    best = _best(comparison, winners)
    text = _none_beats(comparison, private)
    return Recommendation(
        "no-private-wins", None,
        f"{text} {best.label} reaches {_figure(comparison, best)}, so there is something to "
        "learn.",
    )  # fmt: skip


def _none_beats(comparison: Comparison, private: Sequence[Entry]) -> str:
    epsilons = sorted({e.epsilon for e in private if e.epsilon is not None})
    name = METRICS[comparison.primary].baseline
    base = comparison.baselines[comparison.primary].mean
    largest = f"epsilon {epsilons[-1]:g}" if epsilons else "this setting"
    at = f"at {largest}" if len(epsilons) == 1 else f"up to {largest}"
    return (
        f"No private model beats the {name} ({base:.3f}) {at}: take a larger epsilon, more rows "
        "or fewer columns."
    )


def _no_private(comparison: Comparison, ran: list[Entry]) -> Recommendation:
    best = _best(comparison, ran)
    reached = f"{best.label} reaches {_title(comparison)} {_figure(comparison, best)}"
    lost = [entry for entry in comparison.entries if not entry.ran]
    if lost:
        first = lost[0]
        remedy = f" Write: {first.remedy}" if first.remedy else ""
        return Recommendation(
            "private-refused", None,
            f"No private model ran, so none is recommended. {first.label}: {first.refusal}."
            f"{remedy}",
        )  # fmt: skip
    hidden = [entry for entry in ran if entry.protected]
    if hidden:
        pick = _best(comparison, hidden)
        return Recommendation(
            "no-epsilon", pick.label,
            f"Pick {pick.label}, at {_title(comparison)} {_figure(comparison, pick)}: it hides "
            "the rows while computing. No differential privacy was compared, so the trained model "
            "may still reveal rows.",
        )  # fmt: skip
    return Recommendation(
        "only-plain", None,
        f"Only plain training was compared, which protects nobody: {reached}. Add "
        "Private(epsilon=1.0) to see what privacy would cost.",
    )  # fmt: skip


def _caveat(entry: Entry) -> str:
    guarantee = entry.guarantee
    claim = central(guarantee) if guarantee is not None else None
    if isinstance(claim, DPGuarantee) and not claim.secret_noise:
        return " Its noise was reproducible: train again without the seed before releasing."
    if guarantee is not None and guarantee.simulated:
        return " This was a rehearsal under one user: it protected nobody yet."
    return ""


def _within_tolerance(comparison: Comparison, entry: Entry, best: Entry) -> bool:
    loss = _loss(comparison, entry, best)
    if loss <= TOLERANCE + _EDGE:
        return True
    if loss > BLURRED + _EDGE:
        return False
    half = _paired_half(comparison, entry, best)
    return half is not None and loss <= half


def _paired_half(comparison: Comparison, entry: Entry, best: Entry) -> float | None:
    """Half the 95% interval of the mean difference, split by split; None for one split."""
    metric = comparison.primary
    ours, theirs = entry.scores[metric].values, best.scores[metric].values
    paired = [b - a for a, b in zip(ours, theirs, strict=True)]
    return half_width(paired, train_rows=comparison.train_rows, test_rows=comparison.test_rows)


def _beats_baseline(comparison: Comparison, entry: Entry) -> bool:
    low = entry.scores[comparison.primary].low
    return low is not None and low > comparison.baselines[comparison.primary].mean


def _loss(comparison: Comparison, entry: Entry, best: Entry) -> float:
    metric = comparison.primary
    return best.scores[metric].mean - entry.scores[metric].mean


def _best(comparison: Comparison, entries: Sequence[Entry]) -> Entry:
    return max(entries, key=lambda entry: entry.scores[comparison.primary].mean)


def _strongest(comparison: Comparison, entries: Sequence[Entry]) -> Entry:
    return min(
        entries,
        key=lambda entry: (entry.epsilon or 0.0, -entry.scores[comparison.primary].mean),
    )


def _title(comparison: Comparison) -> str:
    title = METRICS[comparison.primary].title
    return title if comparison.primary == "r2" else title.lower()


def _figure(comparison: Comparison, entry: Entry) -> str:
    return f"{entry.scores[comparison.primary].mean:.3f}"


def _points(comparison: Comparison, entry: Entry, best: Entry) -> str:
    return _size(comparison, max(_loss(comparison, entry, best), 0.0))


def _size(comparison: Comparison, difference: float) -> str:
    """A difference of scores: percentage points of accuracy, plain numbers of R2."""
    if comparison.primary == "r2":
        return f"{difference:.3f}"
    points = f"{100 * difference:.1f}".removesuffix(".0")
    return f"{points} point" + ("" if points == "1" else "s")


def _span(comparison: Comparison, low: float, high: float) -> str:
    """Both ends of a difference, in the unit of `_size`."""
    if comparison.primary == "r2":
        return f"{low:+.3f} to {high:+.3f}"
    return f"{100 * low:+.1f} to {100 * high:+.1f} points"
