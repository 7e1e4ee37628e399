"""The suite that every frequency oracle passes: exact privacy, no bias, the stated variance."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privet.dp.local.choose import ORACLES, best_oracle
from privet.dp.local.odds import Odds, within
from privet.dp.local.oracle import FrequencyOracle
from privet.entropy import reproducible_stream
from privet.errors import DataError, InvalidBudget, InvalidInput

SIZES = (2, 3, 5, 6)
EPSILONS = (0.05, 0.5, 1.0, 3.0, 8.0)


@pytest.fixture(params=ORACLES)
def kind(request: pytest.FixtureRequest) -> type[FrequencyOracle]:
    return ORACLES[request.param]


def indices(oracle: FrequencyOracle, reports: Any) -> Any:
    """The place of each report among `outputs`."""
    return reports[:, 0].astype(np.int64) if reports.ndim == 2 else reports


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_every_report_is_within_epsilon_exactly(
    kind: type[FrequencyOracle], size: int, epsilon: float
) -> None:
    oracle = kind(size, epsilon)
    tables = [oracle.chances(value) for value in range(size)]
    assert all(sum(table) == 1 for table in tables)
    assert all(len(table) == len(oracle.outputs()) for table in tables)
    worst = max(max(column) / min(column) for column in zip(*tables, strict=True))
    assert worst == oracle.ratio
    assert within(oracle.ratio, epsilon)
    assert not within(oracle.ratio, 0.97 * epsilon), "much of the budget is not used"


@pytest.mark.parametrize("size", SIZES)
def test_p_and_q_are_what_the_reports_support(kind: type[FrequencyOracle], size: int) -> None:
    oracle = kind(size, 1.0)
    outputs = oracle.outputs()
    support = [oracle.counts(outputs[i : i + 1]) for i in range(len(outputs))]
    for value in range(size):
        chances = oracle.chances(value)
        for other in range(size):
            expected = sum(
                (c for c, s in zip(chances, support, strict=True) if s[other]), Fraction(0)
            )
            assert expected == (oracle.p if other == value else oracle.q)


@pytest.mark.parametrize("size", [3, 5])
def test_reports_are_drawn_with_these_chances(kind: type[FrequencyOracle], size: int) -> None:
    """Chi-square; the seed is fixed, the false-alarm rate 1e-6 each."""
    from scipy.stats import chi2

    oracle, n = kind(size, 1.0), 200_000
    reports = oracle.perturb(np.full(n, 1), stream=reproducible_stream(3))
    seen = np.bincount(indices(oracle, reports), minlength=len(oracle.outputs()))
    expected = n * np.array([float(chance) for chance in oracle.chances(1)])
    distance = float(((seen - expected) ** 2 / expected).sum())
    assert distance < chi2.isf(1e-6, len(expected) - 1)
    wrong = n * np.array([float(chance) for chance in kind(size, 1.1).chances(1)])
    assert ((seen - wrong) ** 2 / wrong).sum() > chi2.isf(1e-6, len(expected) - 1)


def lower_bound(claimed: FrequencyOracle, run: FrequencyOracle, n: int = 400_000) -> float:
    """A lower bound of the epsilon that `run` realises, wrong with a chance of 1e-6.

    The event that tells value 0 from 1 best is taken from the claimed oracle's own table; the
    chance of an event is bounded by Clopper & Pearson (1934).
    """
    from scipy.stats import beta

    zero, one = claimed.chances(0), claimed.chances(1)
    worst = max(a / b for a, b in zip(zero, one, strict=True))
    event = np.array([a / b == worst for a, b in zip(zero, one, strict=True)])
    hits = [
        int(event[indices(run, run.perturb(np.full(n, v), stream=reproducible_stream(v)))].sum())
        for v in (0, 1)
    ]
    low = beta.ppf(5e-7, hits[0], n - hits[0] + 1)
    high = beta.isf(5e-7, hits[1] + 1, n - hits[1])
    return float(math.log(low / high))


def test_a_wrong_epsilon_is_told_apart(kind: type[FrequencyOracle]) -> None:
    size, claimed = 5, 1.0
    right, wrong = kind(size, claimed), kind(size, 1.1)
    # Same outputs, so that the event can be looked up: subsets keep their size.
    assert len(right.outputs()) == len(wrong.outputs())
    assert 0.9 < lower_bound(right, right) <= claimed
    assert lower_bound(right, wrong) > claimed


def test_estimates_have_no_bias_and_the_stated_variance(kind: type[FrequencyOracle]) -> None:
    """Mean square error within 10 % of theory: 5 standard deviations of its own noise."""
    size, n, rounds = 64, 2000, 120
    oracle, stream = kind(size, 1.0), reproducible_stream(11)
    values = np.minimum(stream.below(size, n), stream.below(size, n))
    truth = np.bincount(values, minlength=size) / n
    found = np.stack(
        [oracle.estimate(oracle.perturb(values, stream=stream)).shares for _ in range(rounds)]
    )
    theory = np.array([oracle.variance(share, n) for share in truth])
    measured = ((found - truth) ** 2).mean()
    assert abs(measured / theory.mean() - 1) < 0.1
    score = (found.mean(axis=0) - truth) / np.sqrt(theory / rounds)
    assert np.abs(score).max() < 5.5
    wrong = np.array([kind(size, 1.2).variance(share, n) for share in truth])
    assert abs(measured / wrong.mean() - 1) > 0.1


def test_standard_errors_cover_the_population(kind: type[FrequencyOracle]) -> None:
    size, n, rounds = 32, 1000, 200
    oracle, stream = kind(size, 2.0), reproducible_stream(13)
    chances = np.arange(1, size + 1) / (size * (size + 1) / 2)
    scores = []
    for _ in range(rounds):
        values = np.searchsorted(np.cumsum(chances), stream.words(n) * 2.0**-64).clip(0, size - 1)
        found = oracle.estimate(oracle.perturb(values, stream=stream))
        scores.append((found.shares - chances) / found.errors)
    spread = np.std(scores)
    assert 0.93 < spread < 1.07


def test_consistent_shares_are_shares(kind: type[FrequencyOracle]) -> None:
    oracle, stream = kind(40, 1.0), reproducible_stream(17)
    values = np.zeros(500, np.int64)
    found = oracle.estimate(oracle.perturb(values, stream=stream))
    kept = found.consistent()
    assert kept.min() >= 0 and abs(kept.sum() - 1) < 1e-9
    truth = np.eye(40)[0]
    assert ((kept - truth) ** 2).sum() < ((found.shares - truth) ** 2).sum()


def test_many_reports_are_counted_as_one_by_one(kind: type[FrequencyOracle]) -> None:
    oracle, stream = kind(9, 1.5), reproducible_stream(19)
    reports = oracle.perturb(stream.below(9, 20_000), stream=stream)
    parts = sum(oracle.counts(part) for part in np.array_split(reports, 900))
    assert np.array_equal(oracle.counts(reports), parts)
    assert np.array_equal(oracle.counts(reports), oracle.supports(reports).sum(axis=0))
    assert np.allclose(oracle.decode(reports).mean(axis=0), oracle.estimate(reports).shares)


@pytest.mark.parametrize("values", [[5], [-1], [0.5], [[0]], ["a"]])
def test_values_outside_the_domain_are_not_shown(
    kind: type[FrequencyOracle], values: list[Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        kind(5, 1.0).perturb(np.array(values), stream=reproducible_stream(0))
    assert caught.value.value is None and caught.value.__context__ is None


def test_what_is_no_report_is_refused(kind: type[FrequencyOracle]) -> None:
    oracle = kind(5, 1.0)
    for wrong in (np.array([999]), np.array([-1]), np.array([0.5]), np.zeros((2, 9), np.uint8)):
        with pytest.raises(DataError):
            oracle.counts(wrong)
    with pytest.raises(DataError):
        oracle.estimate(oracle.perturb(np.zeros(0, np.int64), stream=reproducible_stream(0)))


@pytest.mark.parametrize(("size", "epsilon", "error"), [
    (1, 1.0, InvalidInput), (2**20 + 1, 1.0, InvalidInput), (2.5, 1.0, InvalidInput),
    (4, 0.0, InvalidBudget), (4, -1.0, InvalidBudget), (4, math.nan, InvalidBudget),
    (4, math.inf, InvalidBudget), (4, 1e-7, InvalidBudget),
])  # fmt: skip
def test_impossible_oracles(
    kind: type[FrequencyOracle], size: Any, epsilon: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        kind(size, epsilon)


def test_large_epsilons_stop_at_sixteen(kind: type[FrequencyOracle]) -> None:
    assert kind(5, 400.0).ratio == kind(5, 16.0).ratio


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 0.1, 0.7, 1.0, math.log(3), 5.0, 15.9, 16.0])
def test_odds_lie_just_below(epsilon: float) -> None:
    from decimal import Context, Decimal

    exact = Fraction(Context(prec=90).exp(Decimal(epsilon)))
    ratio = Odds.below(epsilon).ratio
    assert ratio <= exact
    assert exact - ratio < exact * Fraction(1, 2**19)
    assert not within(exact + Fraction(1, 10**40), epsilon)


@pytest.mark.parametrize(("size", "epsilon", "name"), [
    (2, 1.0, "grr"), (4, 2.0, "grr"), (128, 3.0, "subset"), (10**5, 1.0, "hadamard"),
    (200, 0.05, "hadamard"),
])  # fmt: skip
def test_the_best_oracle_says_why(size: int, epsilon: float, name: str) -> None:
    choice = best_oracle(size, epsilon, 10**6)
    assert choice.oracle.name == name
    assert name in choice.reason and "bits" in choice.reason
    for other in ORACLES.values():
        assert other.name in choice.reason
    rivals = [kind(size, epsilon) for kind in ORACLES.values() if size < 1000]
    least = min((rival.variance(0.0, 10**6) for rival in rivals), default=1.0)
    assert not rivals or choice.oracle.variance(0.0, 10**6) <= 1.05 * least


def test_subset_selection_is_as_accurate_as_with_all_subsets() -> None:
    """The variance of Ye & Barg (2018) for the best size of subset."""
    from privet.dp.local.oracles import SubsetSelection

    for size in (31, 127, 1009):  # primes, which need no padding
        oracle = SubsetSelection(size, 1.0)
        d, e = oracle.size, math.e
        p = d * e / (d * e + size - d)
        q = p * (d - 1) / (size - 1) + (1 - p) * d / (size - 1)
        assert oracle.variance(0.0, 1) == pytest.approx(q * (1 - q) / (p - q) ** 2, rel=1e-4)


def test_unary_encoding_has_the_published_variance() -> None:
    from privet.dp.local.oracles import UnaryEncoding

    for epsilon in (0.1, 1.0, 4.0):
        e = math.exp(epsilon)
        published = 4 * e / (1000 * (e - 1) ** 2)  # Wang et al. 2017, equation 9
        assert UnaryEncoding(8, epsilon).variance(0.0, 1000) == pytest.approx(published, rel=2e-3)
