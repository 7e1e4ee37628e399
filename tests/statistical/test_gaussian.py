"""The discrete Gaussian has its distribution, and a scale that is off by 3 % is noticed.

Seeds are fixed, so that a test that passes once always passes. Had they not been, each check
here would fail a right sampler with probability at most ALARM = 1e-4 (two-sided), and about
forty checks together with at most 4e-3. The same checks must fail at 0.97 and 1.03 of the scale.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from privet import native
from privet.dp.discrete import numpy_kernel
from privet.dp.mechanisms import SIGMA, discrete_gaussian, gaussian_noise, sample
from privet.entropy import reproducible_stream

pytestmark = pytest.mark.statistical

ALARM = 1e-4
DRAWS = 100_000
WRONG = (0.97, 1.03)


def _pmf_p(drawn: np.ndarray, sigma: float) -> float:
    """p-value of a chi-square test against the exact probabilities; rare ends are pooled."""
    k = np.arange(-int(12 * sigma) - 2, int(12 * sigma) + 3)
    weights = np.exp(-(k**2) / (2 * sigma**2))
    expected = weights / weights.sum() * len(drawn)
    kept = np.flatnonzero(expected >= 10)
    low, high = k[kept[0]], k[kept[-1]]
    observed = np.bincount(np.clip(drawn, low, high) - low, minlength=high - low + 1)
    pooled = expected[kept].copy()
    pooled[0] += expected[: kept[0]].sum()
    pooled[-1] += expected[kept[-1] + 1 :].sum()
    return float(stats.chisquare(observed, pooled).pvalue)


def _normal_p(drawn: np.ndarray, sigma: float) -> float:
    return float(stats.kstest(drawn / sigma, "norm").pvalue)


def _variance_p(drawn: np.ndarray, sigma: float) -> float:
    squares = float(np.sum((drawn / sigma) ** 2))
    return 2 * min(stats.chi2.cdf(squares, len(drawn)), stats.chi2.sf(squares, len(drawn)))


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 4])
def test_small_scales_have_the_exact_probabilities(bits: int) -> None:
    drawn = discrete_gaussian(DRAWS, stream=reproducible_stream(bits, "pmf"), sigma=2**bits)
    assert _pmf_p(drawn, 2**bits) > ALARM
    for factor in WRONG:
        assert _pmf_p(drawn, factor * 2**bits) < ALARM


@pytest.mark.parametrize("bits", [16, 32, 40])
def test_large_scales_have_the_normal_limit(bits: int) -> None:
    drawn = discrete_gaussian(DRAWS, stream=reproducible_stream(bits, "ks"), sigma=2**bits)
    for p_value in (_normal_p, _variance_p):
        assert p_value(drawn, 2**bits) > ALARM
        for factor in WRONG:
            assert p_value(drawn, factor * 2**bits) < ALARM


def test_moments() -> None:
    z = discrete_gaussian(DRAWS, stream=reproducible_stream(0, "moments")) / SIGMA
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS)
    assert abs(z.mean()) < limit
    assert abs((z**3).mean()) < limit * np.sqrt(15)
    assert abs((z**4).mean() - 3) < limit * np.sqrt(96)
    assert abs(((z * 1.03) ** 4).mean() - 3) > limit * np.sqrt(96)
    assert abs((z > 0).mean() - 0.5) < limit / 2


def test_tails_are_there() -> None:
    """Beyond 3.5 deviations: 1 in 2149, counted on a million draws."""
    z = discrete_gaussian(1_000_000, stream=reproducible_stream(0, "tails")) / SIGMA
    beyond = int((np.abs(z) > 3.5).sum())
    expected = 2 * stats.norm.sf(3.5)
    assert stats.binomtest(beyond, len(z), expected).pvalue > ALARM
    assert stats.binomtest(beyond, len(z), 2 * stats.norm.sf(3.5 / 0.93)).pvalue < ALARM


def test_low_bits_are_uniform() -> None:
    """No rounding pattern in the last eight bits, where floating-point noise has one."""
    drawn = discrete_gaussian(DRAWS, stream=reproducible_stream(0, "bits"))
    assert stats.chisquare(np.bincount(drawn & 255, minlength=256)).pvalue > ALARM
    assert stats.chisquare(np.bincount((drawn & ~1) & 255, minlength=256)).pvalue < ALARM


@pytest.mark.parametrize("lag", [1, 2, 3, 32])
def test_draws_are_independent_of_earlier_ones(lag: int) -> None:
    z = discrete_gaussian(DRAWS, stream=reproducible_stream(0, "serial")) / SIGMA
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS - lag)
    for of in (z, np.abs(z) - np.abs(z).mean()):
        scaled = of / of.std()
        assert abs(np.mean(scaled[lag:] * scaled[:-lag])) < limit
    mixed = z.copy()
    mixed[lag:] += 0.05 * z[:-lag]
    assert abs(np.mean(mixed[lag:] * mixed[:-lag])) > limit


def test_child_streams_are_uncorrelated() -> None:
    parent = reproducible_stream(0, "children")
    first, second = (
        discrete_gaussian(DRAWS, stream=parent.child("noise")) / SIGMA for _ in range(2)
    )
    limit = stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS)
    assert abs(np.mean(first * second)) < limit
    assert abs(np.mean(first * (second + 0.05 * first))) > limit


@pytest.mark.parametrize("scale", [0.7, 1e-6])
def test_noise_in_real_units_has_the_scale_asked_for(scale: float) -> None:
    noise = gaussian_noise(DRAWS, scale=scale, stream=reproducible_stream(1, "scale"))
    assert _variance_p(noise, scale) > ALARM
    for factor in WRONG:
        assert _variance_p(noise, factor * scale) < ALARM


@pytest.mark.parametrize("bits", [0, 2])
def test_the_exact_path_alone_has_the_exact_probabilities(bits: int) -> None:
    """With the margin at its widest every proposal goes through arbitrary precision."""
    drawn = sample(5_000, reproducible_stream(bits, "exact"), bits, numpy_kernel, 2.0)
    assert _pmf_p(drawn, 2**bits) > ALARM
    assert _pmf_p(drawn, 1.15 * 2**bits) < ALARM


@pytest.mark.skipif(not native.available(), reason=native.reason())
def test_the_compiled_kernel_by_itself() -> None:
    kernel = native.kernel("gaussian_block", numpy_kernel)
    drawn = sample(DRAWS, reproducible_stream(3, "compiled"), 3, kernel)
    assert _pmf_p(drawn, 8.0) > ALARM
    assert _pmf_p(drawn, 8.24) < ALARM
