"""The recommendation of a released comparison, from its figures alone."""

from __future__ import annotations

import pytest

from privet.claims import DPGuarantee
from privet.protect.choose import Comparison, Entry, Score


def comparison(
    *scores: tuple[float, float], half: float = 0.004, metric: str = "accuracy",
    base: float = 0.6, secret: bool = True, span: float = 1.0,
) -> Comparison:  # fmt: skip
    """One entry per (epsilon, score)."""
    def claim(epsilon: float) -> DPGuarantee:
        return DPGuarantee(epsilon=epsilon, delta=1e-5, unit="row", relation="zero-out",
                           accountant="test", secret_noise=secret)

    return Comparison(
        data="d", target="t", model="m", classes=2 if metric == "accuracy" else None, rows=500,
        features=3, train_rows=400, test_rows=100, test_size=0.2, seeds=(0, 1, 2, 3, 4),
        baselines={metric: Score(metric, (base,), half)}, guarantee=claim(5.0), span=span,
        entries=tuple(
            Entry(label=f"eps={epsilon:g}", name="private", guarantee=claim(epsilon),
                  scores={metric: Score(metric, (value,), half)})
            for epsilon, value in scores
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "half", "choice"),
    [
        (((0.5, 0.94), (1, 0.945), (3, 0.95)), 0.004, "eps=0.5"),
        (((0.5, 0.90), (1, 0.945), (3, 0.95)), 0.004, "eps=1"),
        (((0.5, 0.93), (3, 0.95)), 0.004, "eps=3"),
        (((0.5, 0.93), (3, 0.95)), 0.02, "eps=0.5"),
        (((0.5, 0.91), (3, 0.95)), 0.05, "eps=3"),
        (((0.5, 0.95), (3, 0.90)), 0.004, "eps=0.5"),
        (((0.5, 0.604), (3, 0.95)), 0.004, "eps=3"),
        (((0.5, 0.604), (3, 0.605)), 0.004, None),
        (((1, 0.9),), 0.004, "eps=1"),
    ],
)
def test_the_smallest_epsilon_that_noise_and_a_point_allow(scores, half, choice):
    made = comparison(*scores, half=half)
    assert made.choice == choice
    assert (made.recommended.kind == "pick") == (choice is not None)


def test_errors_are_better_when_smaller_and_points_are_of_the_range():
    near = comparison((0.5, 5.4), (3, 5.0), metric="mae", base=20.0, span=50.0)
    far = comparison((0.5, 5.6), (3, 5.0), metric="mae", base=20.0, span=50.0)
    worse = comparison((1, 21.0), metric="mae", base=20.0, span=50.0)
    assert (near.choice, far.choice, worse.choice) == ("eps=0.5", "eps=3", None)


def test_words_name_the_figures_and_reproducible_noise():
    text = comparison((0.5, 0.93), (3, 0.95), half=0.02, secret=False).recommendation
    for part in ("eps=0.5", "0.930", "0.950", "cannot tell from none", "0.600", "reproducible"):
        assert part in text
    assert "at epsilon 3" in comparison((3, 0.6)).recommendation
