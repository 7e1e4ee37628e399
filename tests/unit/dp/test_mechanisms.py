"""Noise on a grid: what is exact, what is bounded, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from privet.dp.discrete import discrete_gaussian
from privet.dp.mechanisms import (
    CLIP_MARGIN,
    SIGMA,
    Grid,
    clip_bound,
    discretisation_delta,
    gaussian_noise,
    release,
    slack,
)
from privet.entropy import Stream, reproducible_stream
from privet.errors import InvalidInput


@pytest.mark.parametrize("scale", [1.0, 0.7, math.pi * 1e-9, 12345.678, 1e100])
def test_noise_is_an_exact_multiple_of_the_step(scale: float) -> None:
    grid = Grid(scale)
    assert scale <= grid.scale <= scale * (1 + 2.0**-15)
    noise = gaussian_noise((50, 4), scale=scale, stream=reproducible_stream(2))
    drawn = discrete_gaussian(200, stream=reproducible_stream(2), sigma=SIGMA).reshape(50, 4)
    steps = [Fraction(value) / Fraction(grid.step) for value in noise.ravel()]
    assert steps == drawn.ravel().tolist()
    assert np.array_equal(noise / grid.step, drawn)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf, 1e-300])
def test_other_scales_are_refused(scale: float) -> None:
    with pytest.raises(InvalidInput, match="scale"):
        Grid(scale)


def test_a_release_shows_nothing_below_the_grid() -> None:
    """Totals that round alike are released alike, bit for bit, under equal noise."""
    step = Grid(1.0).step
    total = np.array([10.0, -3.5, 0.0])
    first = release(total, scale=1.0, stream=reproducible_stream(3))
    second = release(total + 0.4 * step, scale=1.0, stream=reproducible_stream(3))
    assert np.array_equal(first, second)
    third = release(total + 0.6 * step, scale=1.0, stream=reproducible_stream(3))
    assert np.array_equal(third - first, np.full(3, step))


def test_no_data_make_a_release_fail() -> None:
    with np.errstate(all="raise"):
        drawn = release(
            [math.nan, math.inf, -math.inf, 1e308], scale=1e-6, stream=reproducible_stream(4)
        )
    assert np.isfinite(drawn).all()
    assert abs(drawn[0]) < 1e-4 and drawn[1] > 1.0 > -1.0 > drawn[2]


def test_saturation_brings_no_two_totals_further_apart() -> None:
    grid = Grid(1.0)
    values = np.array([-1e300, -(2.0**20), -1.0, 0.0, 1.0, 2.0**20 - 1, 2.0**20 + 1, 1e300])
    apart = np.diff(grid.units(values).astype(float)) * grid.step
    assert np.all(apart <= np.diff(values) + grid.step)


def test_slack_covers_the_summation_error_of_adverse_terms() -> None:
    rng = np.random.default_rng(0)
    n, clip = 20_000, 1.0
    terms = rng.choice([1.0, -1.0], n) * (1.0 - rng.random(n) * 1e-3)
    total = 0.0
    for term in terms:
        total += term
    error = abs(Fraction(total) - sum(map(Fraction, terms)))
    allowed = slack(1, n, clip)
    assert 2 * error < allowed
    assert allowed < clip * CLIP_MARGIN


def test_slack_grows_with_what_it_depends_on() -> None:
    base = slack(100, 1000, 1.0, scale=1.0)
    assert base >= 10 * Grid(1.0).step
    assert slack(400, 1000, 1.0, scale=1.0) > base
    assert slack(100, 10_000, 1.0, scale=1.0) > base
    assert slack(100, 1000, 1.0, scale=64.0) > base
    assert slack(100, 1000, 1.0, scale=1.0, depth=20) < base
    assert slack(1, 2**60, 1.0) == math.inf


def test_clip_bound_leaves_room_for_the_slack_or_refuses() -> None:
    bound = clip_bound(1000, 100_000, 2.0)
    assert bound == 2.0 * (1 - 2.0**-10)
    assert bound + slack(1000, 100_000, 2.0) <= 2.0
    with pytest.raises(InvalidInput, match="clip margin"):
        clip_bound(1000, 10_000_000, 2.0)
    assert clip_bound(1000, 10_000_000, 2.0, depth=5000) == bound


def test_distance_to_the_continuous_gaussian_at_a_small_sigma() -> None:
    """The formula 1 / (23 sigma^2) behind `discretisation_delta`, by summation at sigma = 8."""
    sigma = 8
    k = np.arange(-400, 401)
    weights = np.exp(-(k**2) / (2 * sigma**2))
    upper = [mpmath.ncdf((int(i) + 0.5) / sigma) - mpmath.ncdf((int(i) - 0.5) / sigma) for i in k]
    distance = float(sum(abs(a - b) for a, b in zip(weights / weights.sum(), upper, strict=True)))
    assert 0.4 / (23 * sigma**2) < distance / 2 < 1 / (23 * sigma**2)
    assert 1 / (23 * SIGMA**2) < 2.0**-68


def test_discretisation_is_far_below_any_delta() -> None:
    assert 1e-14 < discretisation_delta(10**6, 1.0) < 2e-14
    assert discretisation_delta(0, 1.0) == 0.0


def test_a_stream_is_what_the_mechanisms_take() -> None:
    assert isinstance(reproducible_stream(0).child("noise"), Stream)
