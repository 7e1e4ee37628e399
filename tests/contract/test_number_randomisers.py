"""The suite that every randomiser of a number passes: exact privacy, no bias, stated variance."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privet.dp.local.number import NumberRandomiser
from privet.dp.local.numbers import NUMBERS, Duchi, Hybrid, Piecewise
from privet.dp.local.odds import within
from privet.entropy import reproducible_stream
from privet.errors import DataError, InvalidBudget, InvalidInput

EPSILONS = (0.05, 0.5, 1.0, 3.0, 8.0)


@pytest.fixture(params=NUMBERS)
def kind(request: pytest.FixtureRequest) -> type[NumberRandomiser]:
    return NUMBERS[request.param]


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_every_report_is_within_epsilon_exactly(
    kind: type[NumberRandomiser], epsilon: float
) -> None:
    made = kind(0, 10, epsilon, 12)
    tables = [made.chances(point) for point in range(13)]
    assert all(sum(table) == 1 and len(table) == made.outcomes for table in tables)
    columns = [column for column in zip(*tables, strict=True) if max(column) > 0]
    worst = max(max(column) / min(column) for column in columns)
    assert worst == made.ratio
    assert within(made.ratio, epsilon) and not within(made.ratio, 0.99 * epsilon)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_decoded_reports_have_the_right_mean_exactly(
    kind: type[NumberRandomiser], epsilon: float
) -> None:
    made = kind(0, 10, epsilon, 12)
    decoded = made.decode_grid(np.arange(made.outcomes))
    for point in range(13):
        chances = np.array([float(chance) for chance in made.chances(point)])
        assert chances @ decoded == pytest.approx(point, abs=1e-6)
        number = point / 12 * 10
        spread = chances @ (decoded - point) ** 2 * (10 / 12) ** 2
        assert made.variance(number) == pytest.approx(spread, rel=1e-6)


def test_squares_have_the_right_mean_exactly() -> None:
    made = Piecewise(-1, 1, 2.0, 12)
    squares = made.decode_squares(np.arange(made.outcomes))
    for point in range(13):
        chances = np.array([float(chance) for chance in made.chances(point)])
        assert chances @ squares == pytest.approx(point**2, abs=1e-6)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
def test_variances_are_the_published_ones(epsilon: float) -> None:
    """Wang et al. 2019, lemma 1 and equations 4 and 7, on [-1, 1]."""
    e, half = math.exp(epsilon), math.exp(epsilon / 2)
    for t in (0.0, 0.5, 1.0):
        assert Duchi(-1, 1, epsilon).variance(t) == pytest.approx(
            ((e + 1) / (e - 1)) ** 2 - t**2, rel=1e-4
        )
        assert Piecewise(-1, 1, epsilon).variance(t) == pytest.approx(
            t**2 / (half - 1) + (half + 3) / (3 * (half - 1) ** 2), rel=1e-3
        )
    rivals = (Duchi(-1, 1, epsilon), Piecewise(-1, 1, epsilon))
    worst = Hybrid(-1, 1, epsilon).worst_variance()
    assert worst <= min(rival.worst_variance() for rival in rivals) * 1.001


def test_means_and_errors_over_many_rounds(kind: type[NumberRandomiser]) -> None:
    """Mean square error within 10 % of theory (5 standard deviations); a wrong epsilon is not."""
    n, rounds, stream = 500, 6000, reproducible_stream(5)
    made = kind(20, 60, 1.0)
    numbers = 20 + 40 * (stream.words(n) * 2.0**-64) ** 2
    reports = made.perturb(np.tile(numbers, rounds), stream=stream)
    means = made.decode(reports).reshape(rounds, n).mean(axis=1)
    theory = np.mean([made.variance(float(number)) for number in numbers]) / n
    measured = np.mean((means - numbers.mean()) ** 2)
    assert abs(measured / theory - 1) < 0.1
    wrong = np.mean([kind(20, 60, 1.2).variance(float(number)) for number in numbers]) / n
    assert abs(measured / wrong - 1) > 0.1
    assert abs(means.mean() - numbers.mean()) < 5 * (theory / rounds) ** 0.5


def test_a_wrong_epsilon_is_told_apart(kind: type[NumberRandomiser]) -> None:
    """Clopper-Pearson on the event that tells the two ends apart best; wrong once in a million."""
    from scipy.stats import beta

    claimed, n = kind(0, 1, 1.0, 16), 400_000
    low, high = claimed.chances(0), claimed.chances(16)
    event = np.array([b > 0 and b / a == claimed.ratio for a, b in zip(low, high, strict=True)])

    def bound(run: NumberRandomiser) -> float:
        # A wider window of another epsilon would shift the cells: reports are compared as such.
        hits = [
            int(event[np.minimum(run.perturb(np.full(n, end), stream=reproducible_stream(end)),
                                 len(event) - 1)].sum())
            for end in (0, 1)
        ]  # fmt: skip
        most = beta.isf(5e-7, hits[0] + 1, n - hits[0])
        return float(math.log(beta.ppf(5e-7, hits[1], n - hits[1] + 1) / most))

    assert 0.9 < bound(claimed) <= 1.0
    wrong = kind(0, 1, 1.15, 16)
    object.__setattr__(wrong, "window", 10)  # Piecewise: the claimed width
    if isinstance(wrong, Hybrid):
        object.__setattr__(wrong.piecewise, "window", 10)
    assert Piecewise(0, 1, 1.0, 16).window == 10
    assert bound(wrong) > 1.0


@pytest.mark.parametrize("point", [0, 5, 12])
def test_reports_are_drawn_with_these_chances(kind: type[NumberRandomiser], point: int) -> None:
    from scipy.stats import chi2

    made, n = kind(0, 12, 1.0, 12), 200_000
    reports = made.perturb(np.full(n, point), stream=reproducible_stream(23))
    expected = n * np.array([float(chance) for chance in made.chances(point)])
    seen = np.bincount(reports, minlength=made.outcomes)
    kept = expected > 0
    assert not seen[~kept].any()
    distance = ((seen[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    assert distance < chi2.isf(1e-6, kept.sum() - 1)


def test_numbers_beyond_the_bounds_are_clipped(kind: type[NumberRandomiser]) -> None:
    made = kind(-1, 3, 1.0)
    points = made.points(np.array([-np.inf, -9.0, -1.0, 1.0, 3.0, 1e300, np.inf]))
    assert points.tolist() == [0, 0, 0, made.grid // 2, made.grid, made.grid, made.grid]
    huge = kind(-1e300, 1e300, 1.0)
    assert huge.points(np.array([0.0, 1e300])).tolist() == [huge.grid // 2, huge.grid]


@pytest.mark.parametrize("numbers", [[math.nan], ["a"], [[1.0]], [None]])
def test_what_is_no_number_is_not_shown(
    kind: type[NumberRandomiser], numbers: list[Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        kind(0, 1, 1.0).perturb(np.array(numbers), stream=reproducible_stream(0))
    assert caught.value.value is None


def test_what_is_no_report_is_refused(kind: type[NumberRandomiser]) -> None:
    made = kind(0, 1, 1.0)
    for wrong in ([made.outcomes], [-1], [0.5], [[1]]):
        with pytest.raises(DataError):
            made.decode(np.array(wrong))
    with pytest.raises(DataError):
        made.estimate(np.array([0]))


@pytest.mark.parametrize(("arguments", "error"), [
    ((1, 1, 1.0), InvalidInput), ((2, 1, 1.0), InvalidInput), ((0, math.inf, 1.0), InvalidInput),
    ((0, 1, 0.0), InvalidBudget), ((0, 1, math.nan), InvalidBudget), ((0, 1, 1.0, 0), InvalidInput),
])  # fmt: skip
def test_impossible_randomisers(
    kind: type[NumberRandomiser], arguments: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        kind(*arguments)


def test_the_coin_of_the_hybrid_is_a_dyadic_number() -> None:
    assert Hybrid(0, 1, 0.6).share == 0
    assert Hybrid(0, 1, 1.0).share == Fraction(25786, 2**16)  # 1 - e^(-1/2)
