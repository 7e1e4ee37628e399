"""Comparisons made up for looking at: typical ones, and ones that crowd the page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from privet.claims import Cost, DPGuarantee, LocalDPGuarantee, MPCGuarantee, NoGuarantee, Sight
from privet.protect.choose import Comparison, Entry, Score
from privet.protect.choose.release import composed, release_line
from privet.protect.choose.score import half_width

TRAIN, TEST = 426, 143


def score(metric: str, mean: float, spread: float) -> Score:
    values = tuple(mean + spread * step for step in (-1.2, -0.4, 0.1, 0.5, 1.0))
    return Score(metric, values, half_width(values, train_rows=TRAIN, test_rows=TEST))


def scores(accuracy: float, auc: float, spread: float) -> dict[str, Score]:
    return {
        "accuracy": score("accuracy", accuracy, spread),
        "balanced_accuracy": score("balanced_accuracy", accuracy - 0.01, spread),
        "auc": score("auc", auc, spread / 2),
    }


def plain(accuracy: float = 0.976, auc: float = 0.994) -> Entry:
    return Entry(
        label="plain",
        name="plain",
        guarantee=NoGuarantee(
            sights=(
                Sight("data owner", "all rows and the model", False),
                Sight("whoever gets the model", "the model, and what it reveals of any row", False),
            ),
            assumptions=("everyone who sees the model may see the rows it was trained on",),
            checks=("nothing to check: nothing is claimed",),
        ),
        scores=scores(accuracy, auc, 0.006),
        cost=Cost(seconds=0.0182, peak_memory=3_400_000),
    )


def private(epsilon: float, accuracy: float, auc: float, spread: float = 0.01) -> Entry:
    return Entry(
        label=f"private eps={epsilon:g}",
        name="private",
        guarantee=DPGuarantee(
            epsilon=epsilon,
            delta=1.28e-3,
            unit="row",
            relation="zero-out",
            accountant="PLD, dp-accounting 0.6.0",
            events=(f"30 x Gaussian(noise_multiplier={31.7 / epsilon:.4f}) on every unit: "
                    "clipped gradients",),
            provenance=("bounds and classes: declared in the schema from domain knowledge",),
            sights=(
                Sight("curator", "all rows in the clear, on its own machine", False),
                Sight("whoever gets the model", "parameters with calibrated noise", True),
                Sight("whoever asks for predictions", "functions of those parameters", True),
            ),
            assumptions=(
                "the curator who runs the training is trusted and keeps the rows to itself",
                "bounds, categories and classes of the schema were not taken from these rows",
                "one person contributes one row",
            ),
            checks=(
                "from privet.dp.accounting import Gaussian, epsilon_for; epsilon_for([Gaussian("
                f"noise_multiplier={31.7 / epsilon:.4f}, count=30)], 0.00128, 'zero-out')",
            ),
        ),
        scores=scores(accuracy, auc, spread),
        cost=Cost(seconds=0.5, peak_memory=50_000_000),
    )  # fmt: skip


def comparison(*entries: Entry, **changes: Any) -> Comparison:
    claims = [e.guarantee for e in entries if isinstance(e.guarantee, DPGuarantee)] * 5
    pair = composed(claims)
    settings: dict[str, Any] = {
        "data": "breast-cancer",
        "target": "diagnosis",
        "model": "logistic",
        "classes": 2,
        "rows": 569,
        "features": 30,
        "train_rows": TRAIN,
        "test_rows": TEST,
        "test_size": 0.25,
        "seeds": (0, 1, 2, 3, 4),
        "baselines": {
            "accuracy": score("accuracy", 0.629, 0.0),
            "balanced_accuracy": score("balanced_accuracy", 0.5, 0.0),
            "auc": score("auc", 0.5, 0.0),
        },
        "release": release_line(claims, pair, test_size=0.25, unprotected=True),
        "release_epsilon": pair[0] if pair else None,
        "release_delta": pair[1] if pair else None,
        "made": {"date": "2025-01-31", "privet": "0.1.0", "Python": "3.11.7", "jax": "0.7.0"},
    }
    return Comparison(entries=entries, **(settings | changes))


def typical() -> Comparison:
    return comparison(
        plain(),
        private(0.5, 0.942, 0.985, 0.014),
        private(1, 0.958, 0.990, 0.009),
        private(3, 0.967, 0.992, 0.006),
    )


def crowded() -> Comparison:
    """Many epsilons, two protections at one epsilon, a refusal, long names, markup in names."""
    local = replace(
        private(1, 0.80, 0.88, 0.02),
        label="local eps=1",
        name="local",
        guarantee=LocalDPGuarantee(
            epsilon=1.0, sights=(Sight("collector", "rows noised on each device", True),)
        ),
    )
    shared = replace(
        plain(0.974),
        label="shared",
        name="shared",
        guarantee=MPCGuarantee(
            parties=3, threshold=1, adversary="semi-honest", simulated=True,
            sights=(Sight("each of three parties", "uniformly random shares of every row", True),),
        ),
        cost=Cost(seconds=812.4, bytes_sent={"party 1": 5_000_000_000}, rounds=9_120),
    )  # fmt: skip
    lost = Entry(
        label="encrypted", name="encrypted", refusal="column 'ag<e>' has no bounds & no bins",
        remedy="bounds = [0, 120]   # under [columns.age]",
    )  # fmt: skip
    privates = [
        private(e, a, a + 0.02, s)
        for e, a, s in (
            (0.1, 0.71, 0.05), (0.2, 0.84, 0.03), (0.3, 0.88, 0.02), (0.5, 0.93, 0.015),
            (1, 0.955, 0.01), (2, 0.966, 0.006), (3, 0.969, 0.005), (10, 0.972, 0.004),
        )
    ]  # fmt: skip
    return comparison(
        plain(), shared, *privates, local, lost,
        data="<script>alert('x')</script> registry_of_patients_2019_2024_final_version",
        target="diagnosis & outcome after five years", rows=1_284_559,
    )  # fmt: skip


def hopeless() -> Comparison:
    """No private model beats the majority class."""
    return comparison(plain(0.72, 0.75), private(0.1, 0.56, 0.55, 0.04), private(0.3, 0.62, 0.6))


def single() -> Comparison:
    """One epsilon and one split."""
    def cut(entry: Entry) -> Entry:
        return replace(entry, scores={
            name: Score(name, s.values[:1], None) for name, s in entry.scores.items()
        })  # fmt: skip

    return comparison(cut(plain()), cut(private(1, 0.958, 0.99)), seeds=(0,))


def number() -> Comparison:
    """A regression."""
    def of(entry: Entry, r2: float, mae: float) -> Entry:
        return replace(entry, scores={"r2": score("r2", r2, 0.02), "mae": score("mae", mae, 0.8)})

    return comparison(
        of(plain(), 0.48, 44.1), of(private(1, 1, 1), 0.31, 50.4), of(private(3, 1, 1), 0.43, 46.2),
        classes=None, data="diabetes", target="progression", model="linear",
        baselines={"r2": score("r2", -0.01, 0.002), "mae": score("mae", 66.0, 0.5)},
    )  # fmt: skip


SAMPLES = {
    "typical": typical,
    "crowded": crowded,
    "hopeless": hopeless,
    "single": single,
    "number": number,
}
