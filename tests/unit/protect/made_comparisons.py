"""Comparisons without any training, for tests of what is made from them."""

from __future__ import annotations

from typing import Any

from privet.claims import (
    Cost,
    DPGuarantee,
    Gaussian,
    Guarantee,
    MPCGuarantee,
    NoGuarantee,
    Sight,
)
from privet.protect.choose import Comparison, Entry, Score
from privet.protect.choose.score import half_width

OWNER = Sight("data owner", "all rows and the model", protected=False)
CURATOR = Sight("curator", "all rows in the clear", protected=False)
HOLDER = Sight("whoever gets the model", "parameters with calibrated noise", protected=True)
MADE = {"date": "2026-01-31", "privet": "0.1.0", "numpy": "2.4.6", "system": "Linux x86_64",
        "call": "pv.compare(data, model='logistic')"}  # fmt: skip


def score(metric: str, mean: float, spread: float = 0.004) -> Score:
    values = [mean + spread * step for step in (-1, -0.5, 0, 0.5, 1)]
    return Score(metric, tuple(values), half_width(values, train_rows=300, test_rows=100))


def entry(
    label: str, mean: float, claim: Guarantee, *, name: str = "", spread: float = 0.004
) -> Entry:
    return Entry(
        label=label, name=name or label, guarantee=claim,
        cost=Cost(seconds=1.5, peak_memory=2048, bytes_sent={"site": 10}),
        scores={
            "accuracy": score("accuracy", mean, spread),
            "auc": score("auc", min(mean + 0.02, 0.995), spread / 2),
        },
    )  # fmt: skip


def plain(mean: float = 0.97, **options: Any) -> Entry:
    claim = NoGuarantee(sights=(OWNER,), assumptions=("the model may reveal rows",),
                        checks=("nothing is claimed",))  # fmt: skip
    return entry("plain", mean, claim, **options)


def dp(epsilon: float, **changes: Any) -> DPGuarantee:
    settings: dict[str, Any] = {
        "delta": 1e-3, "unit": "row", "relation": "zero-out", "accountant": "PLD of tests",
        "events": (Gaussian(4.0, what=f"for {epsilon:g}"),), "sights": (CURATOR, HOLDER),
        "assumptions": ("the curator is trusted",), "checks": (f"epsilon_for([{epsilon:g}])",),
    }  # fmt: skip
    return DPGuarantee(epsilon=epsilon, **(settings | changes))


def private(epsilon: float, mean: float, *, name: str = "private", **options: Any) -> Entry:
    return entry(f"{name} eps={epsilon:g}", mean, dp(epsilon), name=name, **options)


def shared(mean: float = 0.96) -> Entry:
    claim = MPCGuarantee(
        parties=3, threshold=1, adversary="semi-honest", simulated=True,
        sights=(OWNER, Sight("each of three parties", "random shares", protected=True)),
    )  # fmt: skip
    return entry("shared", mean, claim)


def refusing(label: str = "private eps=9") -> Entry:
    return Entry(label=label, name="private", refusal="column 'age' has no bounds",
                 remedy="bounds = [0, 120]")  # fmt: skip


def comparison(*entries: Entry, **changes: Any) -> Comparison:
    settings: dict[str, Any] = {
        "data": "patients", "target": "ill", "model": "logistic", "classes": 2, "rows": 4000,
        "features": 17, "train_rows": 3000, "test_rows": 1000, "test_size": 0.25,
        "seeds": (10, 11, 12, 13, 14), "release": "Releasing these figures has no epsilon.",
        "baselines": {"accuracy": score("accuracy", 0.6, 0.0), "auc": score("auc", 0.5, 0.0)},
        "made": MADE,
    }  # fmt: skip
    return Comparison(entries=entries, **(settings | changes))


def usual() -> Comparison:
    """Plain and three epsilons; the middle one is recommended."""
    return comparison(plain(), private(0.5, 0.93), private(1, 0.962), private(3, 0.968))


def crowded() -> Comparison:
    """Eight lines: several protections of one epsilon, two levels, wide intervals."""
    return comparison(
        plain(), shared(), private(0.05, 0.61, spread=0.05), private(0.1, 0.7, spread=0.03),
        private(1, 0.93), private(3, 0.955), private(1, 0.89, name="federated + private"),
        private(1, 0.9, name="local"),
    )  # fmt: skip


def regression() -> Comparison:
    def line(found: Entry, r2: float, mae: float) -> Entry:
        scores = {"r2": score("r2", r2, 0.01), "mae": score("mae", mae, mae / 50)}
        return Entry(label=found.label, name=found.name, guarantee=found.guarantee,
                     cost=found.cost, scores=scores)  # fmt: skip

    return comparison(
        line(plain(), 0.7, 6100.0), line(private(0.5, 0.9), 0.35, 9100.0),
        line(private(3, 0.9), 0.69, 6300.0),
        classes=None, target="pressure",
        baselines={"r2": score("r2", -0.01, 0.0), "mae": score("mae", 12000.0, 0.0)},
    )  # fmt: skip


HOSTILE = (
    "<script>alert(1)</script>",
    "\"' onload=alert(1) x='",
    "</style></title></svg><img src=x onerror=alert(1)>",
    "\u05e9\u05dc\u05d5\u05dd \u202e abc \u2066",
    "W" * 300,
    "\u5f88\u957f\u7684\u540d\u5b57" * 30,
    "{{ 7 * 7 }}{% raw %}",
    "nul \x00 and a lone \ud800 surrogate",
    "",
)


def hostile(text: str) -> Comparison:
    """The same text wherever a text comes from outside."""
    sights = (Sight(text, text, protected=True), Sight(text, text, protected=False))
    events = (Gaussian(1.0, what=text),)
    claim = dp(1, unit=text or "row", accountant=text, events=events, sights=sights,
               assumptions=(text,), checks=(text,), provenance=(text,))  # fmt: skip
    lines = (
        entry(text, 0.95, claim),
        entry(f"{text} plain", 0.97, NoGuarantee(sights=sights, checks=(text,)), name=text),
        Entry(label=f"{text} refused", name=text, refusal=text or "no", remedy=text),
    )
    return comparison(*lines, data=text, target=text, model=text, unit=text, release=text,
                      made={"date": text, text or "x": text, "call": text})  # fmt: skip
