"""Vectors by rank in a codebook: exact privacy, no bias, the stated variance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from privet.dp.local.odds import within
from privet.dp.local.vectors import VectorCode
from privet.entropy import reproducible_stream
from privet.errors import DataError, InvalidInput


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_every_report_is_within_epsilon_exactly(epsilon: float) -> None:
    code = VectorCode(3, epsilon, codes=16)
    rng = np.random.default_rng(1)
    vectors = [*rng.normal(size=(5, 3)), np.zeros(3), np.array([1e-300, 0, 0])]
    for seed in (0, 12345, 2**62):
        tables = [code.chances(vector, seed) for vector in vectors]
        assert all(sum(table) == 1 for table in tables)
        worst = max(max(column) / min(column) for column in zip(*tables, strict=True))
        assert worst == code.ratio
    assert within(code.ratio, epsilon) and not within(code.ratio, 0.99 * epsilon)


@pytest.mark.parametrize(("epsilon", "length"), [(0.5, 1.0), (2.0, 0.4), (5.0, 0.0)])
def test_means_have_no_bias_and_the_stated_variance(epsilon: float, length: float) -> None:
    """Fixed seed; variance within 10 %, bias within 5 standard deviations."""
    code = VectorCode(4, epsilon, radius=3.0, codes=48)
    vector = np.array([0.6, -0.8, 0.0, 0.0]) * length * 3.0
    stream = reproducible_stream(2)
    decoded = code.decode(code.perturb(np.tile(vector, (4000, 1)), stream=stream))
    errors = decoded.std(axis=0) / math.sqrt(len(decoded))
    assert (np.abs(decoded.mean(axis=0) - vector) < 5 * errors).all()
    measured = ((decoded - vector) ** 2).sum() / len(decoded)
    # The variance is over d + 1 directions; the further one has 1 / (d + 1) of it at length 0.
    across = code.variance * 9 * 4 / 5
    assert abs(measured / across - 1) < 0.15
    mean, error = code.estimate(code.perturb(np.tile(vector, (500, 1)), stream=stream))
    assert mean.shape == error.shape == (4,)


def test_reports_are_drawn_with_these_chances() -> None:
    """Ranks of the reported directions; binomial, 5 standard deviations."""
    code, stream = VectorCode(2, 1.0, codes=20), reproducible_stream(4)
    reports = code.perturb(np.tile([1.0, 0.0], (5000, 1)), stream=stream)
    hits = sum(
        code.chances([1.0, 0.0], seed)[index] > min(code.chances([1.0, 0.0], seed))
        for seed, index in reports[:2000].tolist()
    )
    odds, t = code.odds, code.favoured
    chance = t * odds.favoured / (t * odds.favoured + (20 - t) * odds.other)
    assert abs(hits / 2000 - chance) < 5 * math.sqrt(chance * (1 - chance) / 2000)


def test_it_comes_near_privunit() -> None:
    """Within 15 % of the best variance of PrivUnit at d = 100: cap of probability p at height g."""
    from scipy.integrate import quad
    from scipy.special import ndtr

    epsilon, best = 2.0, math.inf
    for height in np.linspace(0.0, 3.0, 61):  # PrivUnitG (Asi, Feldman & Talwar 2022)
        cap = float(ndtr(-height))
        p = cap * math.exp(epsilon) / (cap * math.exp(epsilon) + 1 - cap)
        bulk = quad(lambda x: x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi), height, 9)[0]
        best = min(best, 1 / (bulk * (p / cap - (1 - p) / (1 - cap))) ** 2)
    ours = 1 / VectorCode(100, epsilon)._gain(VectorCode(100, epsilon).favoured) ** 2
    assert best * 0.999 <= ours < 1.15 * best


@pytest.mark.parametrize("vectors", [[[1.0]], [[math.nan, 0.0]], [["a", "b"]], [1.0, 2.0]])
def test_what_is_no_vector_is_not_shown(vectors: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        VectorCode(2, 1.0).perturb(np.array(vectors), stream=reproducible_stream(0))
    assert caught.value.value is None


def test_what_is_no_report_is_refused() -> None:
    code = VectorCode(2, 1.0, codes=8)
    for wrong in ([[0, 8]], [[-1, 0]], [[0.5, 1.0]], [0, 1]):
        with pytest.raises(DataError):
            code.decode(np.array(wrong))
    with pytest.raises(DataError):
        code.estimate(np.array([[1, 1]]))
