"""Each branch of the recommendation, on constructed comparisons."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from privet.claims import Cost, DPGuarantee, MPCGuarantee, NoGuarantee
from privet.protect.choose import Comparison, Entry, Recommendation, Score, recommend
from privet.protect.choose.score import half_width


def score(metric: str, values: list[float]) -> Score:
    return Score(metric, tuple(values), half_width(values, train_rows=300, test_rows=100))


def around(mean: float, spread: float = 0.004) -> list[float]:
    return [mean + spread * step for step in (-1, -0.5, 0, 0.5, 1)]


def dp(epsilon: float, **changes: Any) -> DPGuarantee:
    return DPGuarantee(
        epsilon=epsilon, delta=1e-3, unit="row", relation="zero-out", accountant="PLD", **changes
    )


def plain(mean: float, spread: float = 0.004) -> Entry:
    return Entry(
        label="plain", name="plain", guarantee=NoGuarantee(), cost=Cost(seconds=1.0),
        scores={"accuracy": score("accuracy", around(mean, spread))},
    )  # fmt: skip


def private(epsilon: float, mean: float, spread: float = 0.004, **changes: Any) -> Entry:
    return Entry(
        label=f"private ε={epsilon:g}", name="private", guarantee=dp(epsilon, **changes),
        cost=Cost(seconds=1.0), scores={"accuracy": score("accuracy", around(mean, spread))},
    )  # fmt: skip


def comparison(*entries: Entry, **changes: Any) -> Comparison:
    settings: dict[str, Any] = {
        "data": "patients", "target": "ill", "model": "logistic", "classes": 2, "rows": 400,
        "features": 5, "train_rows": 300, "test_rows": 100, "test_size": 0.25,
        "seeds": (0, 1, 2, 3, 4), "baselines": {"accuracy": score("accuracy", [0.6] * 5)},
    }  # fmt: skip
    return Comparison(entries=entries, **(settings | changes))


def advice(*entries: Entry, **changes: Any) -> Recommendation:
    return recommend(comparison(*entries, **changes))


def test_smallest_epsilon_within_one_point_of_the_best_is_picked() -> None:
    found = advice(plain(0.97), private(3, 0.968), private(1, 0.961), private(0.5, 0.94))
    assert (found.kind, found.choice) == ("pick", "private ε=1")
    assert "0.961" in found.text and "0.970" in found.text and "0.9 points less" in found.text


def test_a_loss_beyond_one_point_that_the_splits_can_tell_is_not_picked() -> None:
    found = advice(plain(0.97), private(3, 0.968), private(1, 0.955))
    assert found.choice == "private ε=3"


def test_a_loss_up_to_three_points_that_the_splits_cannot_tell_is_picked() -> None:
    blurred = private(1, 0.955)
    noisy = [0.95, 0.99, 0.93, 0.985, 0.92]
    blurred = dataclasses.replace(blurred, scores={"accuracy": score("accuracy", noisy)})
    found = advice(plain(0.97), private(3, 0.968), blurred)
    assert found.choice == "private ε=1"
    # paired differences of split values: mean -1.5 points; half by Nadeau and Bengio's formula
    lost = [ours - theirs for ours, theirs in zip(noisy, around(0.97), strict=True)]
    half = half_width(lost, train_rows=300, test_rows=100)
    assert half is not None
    low, high = 100 * (-0.015 - half), 100 * (half - 0.015)
    assert (
        "1.5 points less on average, which these splits cannot tell from none (95% interval "
        f"{low:+.1f} to {high:+.1f} points, from 5 splits; more seeds or rows may tell)"
    ) in found.text


def test_a_small_loss_that_may_be_a_large_one_is_told_with_its_interval() -> None:
    noisy = [0.955, 0.99, 0.94, 0.985, 0.94]
    close = dataclasses.replace(private(1, 0.962), scores={"accuracy": score("accuracy", noisy)})
    found = advice(plain(0.97), close)
    assert found.choice == "private ε=1"
    assert "0.8 points less on average (95% interval -" in found.text
    assert "interval" not in advice(plain(0.97), private(1, 0.962)).text.partition("It beats")[0]


def test_a_costly_pick_says_what_it_gives_up_against_a_larger_epsilon() -> None:
    found = advice(plain(0.97), private(3, 0.9), private(1, 0.895))
    assert "Against private ε=3 it gives up 0.5 points." in found.text
    assert "Against" not in advice(plain(0.97), private(3, 0.9)).text


def test_a_loss_beyond_three_points_is_not_picked_however_blurred() -> None:
    noisy = dataclasses.replace(
        private(1, 0.9), scores={"accuracy": score("accuracy", [0.85, 0.97, 0.83, 0.96, 0.89])}
    )
    assert advice(plain(0.97), private(3, 0.968), noisy).choice == "private ε=3"


def test_exactly_one_point_is_within_tolerance() -> None:
    assert advice(plain(0.97), private(3, 0.97), private(1, 0.96)).choice == "private ε=1"


def test_the_best_private_model_is_picked_with_its_price_if_none_is_close() -> None:
    found = advice(plain(0.97), private(3, 0.9), private(1, 0.895), private(0.5, 0.8))
    assert (found.kind, found.choice) == ("costly", "private ε=1")
    assert "7.5 points less" in found.text


def test_a_private_model_better_than_plain_is_said_to_be_the_best() -> None:
    found = advice(plain(0.95), private(1, 0.96))
    assert found.choice == "private ε=1"
    assert "has the best accuracy" in found.text


def test_no_private_model_beats_the_majority_class() -> None:
    found = advice(plain(0.9), private(1, 0.602), private(0.1, 0.5))
    assert (found.kind, found.choice) == ("no-private-wins", None)
    assert "No private model beats the majority class (0.600) up to epsilon 1" in found.text


def test_the_lower_interval_end_must_beat_the_majority_class_and_not_the_mean() -> None:
    assert advice(plain(0.63), private(1, 0.63, spread=0.03)).kind == "no-private-wins"
    assert advice(plain(0.63), private(1, 0.63, spread=0.01)).kind == "pick"


def test_nothing_beats_the_majority_class() -> None:
    found = advice(plain(0.601), private(1, 0.6))
    assert (found.kind, found.choice) == ("nothing-wins", None)
    assert "not what holds it back" in found.text


def test_only_private_models_ran_and_none_wins() -> None:
    assert advice(private(1, 0.6)).kind == "no-private-wins"
    assert "at epsilon 1:" in advice(private(1, 0.6)).text


def test_one_split_recommends_nothing() -> None:
    entry = dataclasses.replace(plain(0.9), scores={"accuracy": score("accuracy", [0.9])})
    found = advice(entry, seeds=(0,))
    assert (found.kind, found.choice) == ("one-split", None)
    assert "seeds=5" in found.text


@pytest.mark.parametrize(
    ("spread", "test_rows"), [(0.3, 100), (0.004, 10)], ids=["wide interval", "few rows"]
)
def test_data_too_small_recommend_nothing(spread: float, test_rows: int) -> None:
    found = advice(plain(0.7, spread), private(1, 0.7, spread), test_rows=test_rows)
    assert (found.kind, found.choice) == ("too-small", None)
    assert f"{test_rows} rows are held out" in found.text


def test_only_plain_was_given() -> None:
    found = advice(plain(0.9))
    assert (found.kind, found.choice) == ("only-plain", None)
    assert "Private(epsilon=1.0)" in found.text


def test_a_refused_private_model_is_named_with_its_remedy() -> None:
    lost = Entry(label="private ε=1", name="private", refusal="no bounds", remedy="bounds = [0, 1]")
    found = advice(plain(0.9), lost)
    assert (found.kind, found.choice) == ("private-refused", None)
    assert "no bounds" in found.text and "bounds = [0, 1]" in found.text


def test_all_refused() -> None:
    assert advice(Entry(label="a", name="a", refusal="no")).kind == "nothing-ran"


def test_a_protection_without_epsilon_is_picked_with_a_warning() -> None:
    shared = dataclasses.replace(
        plain(0.9), label="shared", name="shared",
        guarantee=MPCGuarantee(parties=3, threshold=1, adversary="semi-honest", simulated=True),
    )  # fmt: skip
    found = advice(plain(0.9), shared)
    assert (found.kind, found.choice) == ("no-epsilon", "shared")
    assert "may still reveal rows" in found.text


def test_reproducible_noise_is_named() -> None:
    found = advice(plain(0.97), private(1, 0.97, secret_noise=False))
    assert "reproducible" in found.text


def test_regression_goes_by_r2() -> None:
    def entry(label: str, mean: float, **changes: Any) -> Entry:
        return Entry(label=label, name=label, scores={"r2": score("r2", around(mean))}, **changes)

    found = advice(
        entry("plain", 0.6, guarantee=NoGuarantee()), entry("private", 0.595, guarantee=dp(1)),
        classes=None, baselines={"r2": score("r2", [-0.01] * 5)},
    )  # fmt: skip
    assert found.choice == "private"
    assert "0.005 less" in found.text and "mean predictor" in found.text
