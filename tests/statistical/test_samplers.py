"""The samplers have their distributions, and a scale that is off by 2 % is noticed.

Seeds are fixed, so that a test that passes once always passes. Had they not been, each check
here would fail a right sampler with probability at most ALARM = 1e-5 (two-sided), and about two
hundred checks together with at most 2e-3. The same checks must fail at 0.98 and 1.02 of the scale.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet import native
from privet.dp.discrete import (
    TWINS,
    Kernels,
    chosen,
    discrete_gaussian,
    discrete_laplace,
    sample,
)
from privet.dp.laws import Law
from privet.dp.mechanisms import SIGMA, gaussian_noise
from privet.entropy import reproducible_stream

pytestmark = pytest.mark.statistical

ALARM = 1e-5
DRAWS = 1_000_000
WRONG = (0.98, 1.02)
GAUSSIAN, LAPLACE = 2, 1
# Both sides of every border between methods, and of the guide's two sizes.
SMALL = [(GAUSSIAN, scale) for scale in (0.4, 1, 2.5, 10, 100, 115, 1000, 1024, 1025, 2047, 2049)]
SMALL += [(LAPLACE, scale) for scale in (0.4, 1, 2.5, 10, 23, 24, 100, 256, 257, 511, 513)]
LARGE = [(power, scale) for power in (GAUSSIAN, LAPLACE) for scale in (2**20, 1e9, 2**52)]


@pytest.fixture(params=["twins", "compiled"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Every implementation there is."""
    if request.param == "compiled" and not native.available():
        pytest.skip(native.reason())
    return chosen() if request.param == "compiled" else TWINS


def _draw(power: int, scale: float, kernels: Kernels, count: int = DRAWS) -> np.ndarray:
    return sample(count, reproducible_stream(1, f"{power} {scale}"), Law(power, Fraction(scale)),
                  kernels)  # fmt: skip


def _pmf_p(drawn: np.ndarray, power: int, scale: float) -> float:
    """p-value of a chi-square test against the exact probabilities, in at most 400 bins."""
    reach = int(scale * (14 if power == GAUSSIAN else 60)) + 2
    z = np.arange(-reach, reach + 1, dtype=float)
    weights = np.exp(-(np.abs(z) ** power) / (power * scale**power))
    width = 2 * reach // 400 + 1
    starts = np.arange(0, len(z), width)
    expected = np.add.reduceat(weights, starts) / weights.sum() * len(drawn)
    observed = np.bincount((np.clip(drawn, -reach, reach) + reach) // width,
                           minlength=len(starts))  # fmt: skip
    kept = np.flatnonzero(expected >= 10)
    low, high = kept[0], kept[-1] + 1
    pool = [np.concatenate([[c[:low].sum()], c[low:high], [c[high:].sum()]])
            for c in (observed, expected)]  # fmt: skip
    pool = [np.concatenate([[c[0] + c[1]], c[2:-2], [c[-2] + c[-1]]]) for c in pool]
    return float(stats.chisquare(*pool).pvalue)


def _limit_p(drawn: np.ndarray, power: int, scale: float) -> float:
    law = "norm" if power == GAUSSIAN else "laplace"
    return float(stats.kstest(drawn / scale, law, method="asymp").pvalue)


def _scale_p(drawn: np.ndarray, power: int, scale: float) -> float:
    """Two-sided: sums of squares are chi-square, sums of magnitudes are gamma."""
    if power == GAUSSIAN:
        law, total = stats.chi2(len(drawn)), float(np.sum((drawn / scale) ** 2))
    else:
        law, total = stats.gamma(len(drawn)), float(np.sum(np.abs(drawn / scale)))
    return float(2 * min(law.cdf(total), law.sf(total)))


@pytest.mark.parametrize(("power", "scale"), SMALL)
def test_probabilities_are_the_exact_ones(kernels: Kernels, power: int, scale: float) -> None:
    drawn = _draw(power, scale, kernels)
    assert _pmf_p(drawn, power, scale) > ALARM
    for factor in WRONG:
        assert _pmf_p(drawn, power, factor * scale) < ALARM


@pytest.mark.parametrize(("power", "scale"), LARGE)
def test_large_scales_have_the_continuous_limit(
    kernels: Kernels, power: int, scale: float
) -> None:
    drawn = _draw(power, scale, kernels)
    for p_value in (_limit_p, _scale_p):
        assert p_value(drawn, power, scale) > ALARM
        for factor in WRONG:
            assert p_value(drawn, power, factor * scale) < ALARM


@pytest.mark.parametrize(
    ("power", "scale", "beyond"),
    [(GAUSSIAN, 10, 45), (GAUSSIAN, 1000, 4500), (GAUSSIAN, 3000, 13500), (LAPLACE, 10, 120),
     (LAPLACE, 3000, 36000)],
)  # fmt: skip
def test_tails_are_there(kernels: Kernels, power: int, scale: float, beyond: int) -> None:
    """Beyond 4.5 deviations, or 12 scales: about 7 in a million, counted on ten million draws."""
    found = int((np.abs(_draw(power, scale, kernels, 10 * DRAWS)) >= beyond).sum())
    z = np.arange(0, 60 * scale + 1)
    weights = np.exp(-(z**power) / (power * scale**power))
    chance = 2 * weights[beyond:].sum() / (2 * weights.sum() - 1)
    assert stats.binomtest(found, 10 * DRAWS, chance).pvalue > ALARM
    for wrong in (0.4, 2.0):
        assert stats.binomtest(found, 10 * DRAWS, wrong * chance).pvalue < ALARM


@pytest.mark.parametrize("power", [GAUSSIAN, LAPLACE])
def test_moments(power: int) -> None:
    """Of odd order 0, of fourth order what the law says; signs are fair."""
    second, fourth, sixth, eighth = (1, 3, 15, 105) if power == GAUSSIAN else (2, 24, 720, 40320)
    z = _draw(power, 2**32, chosen()) / 2**32
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS)
    assert abs(z.mean()) < limit * np.sqrt(second)
    assert abs((z**3).mean()) < limit * np.sqrt(sixth)
    spread = np.sqrt(eighth - fourth**2)
    assert abs((z**4).mean() - fourth) < limit * spread
    assert abs(((z * 1.03) ** 4).mean() - fourth) > limit * spread
    assert abs((z > 0).mean() - 0.5) < limit / 2
    assert abs((z > 0.01).mean() - 0.5) > limit / 2


def test_low_bits_are_uniform() -> None:
    """No rounding pattern in the last eight bits, where floating-point noise has one."""
    drawn = discrete_gaussian(DRAWS, stream=reproducible_stream(0, "bits"), sigma=SIGMA)
    assert stats.chisquare(np.bincount(drawn & 255, minlength=256)).pvalue > ALARM
    assert stats.chisquare(np.bincount((drawn & ~1) & 255, minlength=256)).pvalue < ALARM


@pytest.mark.parametrize("scale", [10, 2**32])
@pytest.mark.parametrize("lag", [1, 2, 3, 32])
def test_draws_are_independent_of_earlier_ones(lag: int, scale: int) -> None:
    z = _draw(GAUSSIAN, scale, chosen()) / scale
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS - lag)
    for of in (z, np.abs(z) - np.abs(z).mean()):
        scaled = of / of.std()
        assert abs(np.mean(scaled[lag:] * scaled[:-lag])) < limit
    mixed = z.copy()
    mixed[lag:] += 0.02 * z[:-lag]
    assert abs(np.mean(mixed[lag:] * mixed[:-lag])) > limit


def test_child_streams_are_uncorrelated() -> None:
    parent = reproducible_stream(0, "children")
    first, second = (
        discrete_laplace(DRAWS, stream=parent.child("noise"), scale=100) / 141 for _ in range(2)
    )
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS)
    assert abs(np.mean(first * second)) < limit
    assert abs(np.mean(first * (second + 0.02 * first))) > limit


@pytest.mark.parametrize("scale", [0.7, 1e-6])
def test_noise_in_real_units_has_the_scale_asked_for(scale: float) -> None:
    noise = gaussian_noise(DRAWS, scale=scale, stream=reproducible_stream(1, "scale"))
    assert _scale_p(noise, GAUSSIAN, scale) > ALARM
    for factor in WRONG:
        assert _scale_p(noise, GAUSSIAN, factor * scale) < ALARM


@pytest.mark.slow
@pytest.mark.parametrize(("power", "scale"), [(GAUSSIAN, 1025), (LAPLACE, 257)])
def test_the_exact_path_alone_has_the_exact_probabilities(power: int, scale: float) -> None:
    """With the margin at its widest every proposal goes through arbitrary precision."""
    law = Law(power, Fraction(scale))
    drawn = sample(8_000, reproducible_stream(power, "exact"), law, TWINS, 2.0)
    assert _pmf_p(drawn, power, scale) > ALARM
    for factor in (0.85, 1.15):
        assert _pmf_p(drawn, power, factor * scale) < ALARM
