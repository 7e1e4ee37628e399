"""Noise on a grid: what is exact, what is bounded, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from privet.dp import discrete
from privet.dp.mechanisms import (
    CLIP_MARGIN,
    SIGMA,
    Grid,
    clip_bound,
    discrete_gaussian,
    discretisation_delta,
    gaussian_noise,
    release,
    sample,
    slack,
)
from privet.entropy import Stream, reproducible_stream
from privet.errors import InvalidInput


class Scripted:
    """A stream that gives the words it was told to."""

    def __init__(self, *words: int) -> None:
        self.left = list(words)

    def words(self, count: int) -> np.ndarray:
        taken, self.left = self.left[:count], self.left[count:]
        assert len(taken) == count, "more random bits were asked for than expected"
        return np.array(taken, np.uint64)


def _thresholds(bits: int) -> list[int]:
    with mpmath.workdps(120):
        total = mpmath.nsum(lambda k: mpmath.exp(-k * k / 2), [0, 60])
        sums = [sum(mpmath.exp(-mpmath.mpf(j * j) / 2) for j in range(k + 1)) for k in range(9)]
        return [int(mpmath.floor(part / total * mpmath.mpf(2) ** bits)) for part in sums]


def test_thresholds_are_the_distribution_by_another_library() -> None:
    assert discrete.tables().thresholds[:9].tolist() == _thresholds(64)
    assert discrete.tables().thresholds[-1] == 2**64 - 1


def test_exponentials_stay_within_the_proven_error() -> None:
    rng = np.random.default_rng(0)
    x, k = rng.integers(0, 2**32, 3000) / 2**32, rng.integers(0, 9, 3000)
    x[:3] = 0.0, 1 - 2.0**-32, 2.0**-32
    computed = discrete._exp_minus(x, k, discrete.tables())
    with mpmath.workdps(40):
        errors = [
            abs(mpmath.exp(-mpmath.mpf(a) * (mpmath.mpf(a) + 2 * int(b)) / 2) - mpmath.mpf(c))
            for a, b, c in zip(x, k, computed, strict=True)
        ]
    assert max(errors) < 2.0**-49 < discrete.MARGIN / 16


@pytest.mark.parametrize("level", [0, 3])
def test_a_tie_of_the_level_is_settled_by_further_bits(level: int) -> None:
    tie = int(discrete.tables().thresholds[level])
    further = _thresholds(128)[level] & (2**64 - 1)
    for extra, expected in ((further - 1, level), (further + 1, level + 1)):
        stream = Scripted(extra)
        words = np.array([tie, 0, 0], np.uint64)
        assert discrete.decide(words, 0, stream) == expected
        assert not stream.left


def test_a_tie_of_a_tie_takes_more_bits() -> None:
    tie = _thresholds(192)[1]
    words = np.array([tie >> 128, 0, 0], np.uint64)
    middle, last = (tie >> 64) & (2**64 - 1), tie & (2**64 - 1)
    assert discrete.decide(words, 0, Scripted(middle, last - 1)) == 1
    assert discrete.decide(words, 0, Scripted(middle, last + 1)) == 2


def test_levels_beyond_the_table_are_drawn() -> None:
    # Probability 2**-73 or so: without this the tail would be cut at 10 sigma.
    words = np.array([2**64 - 1, 0, 0], np.uint64)
    assert discrete.decide(words, 0, Scripted(2**64 - 2**30)) == 11
    assert discrete.decide(words, 0, Scripted(2**64 - 10**15)) == 10
    assert discrete.decide(words, 0, Scripted(0)) == 9


def test_a_tie_of_the_acceptance_is_settled_by_further_bits() -> None:
    s, y, k = 32, 2**31 + 12345, 1
    v = Fraction(y * (y + 2 * k * 2**s), 2 ** (2 * s + 1))
    with mpmath.workdps(80):
        p = mpmath.exp(-mpmath.mpf(v.numerator) / v.denominator) * mpmath.mpf(2) ** 128
        scaled = int(mpmath.floor(p))
    u = int(discrete.tables().thresholds[0]) + 5
    words = np.array([u, y, scaled >> 64], np.uint64)
    last = scaled & (2**64 - 1)
    assert discrete.decide(words, s, Scripted(last - 1)) == (k << s) + y
    assert discrete.decide(words, s, Scripted(last + 1)) is None
    # One unit of the first word away nothing more is read, however near in float64.
    for shift, drawn in ((-1, (k << s) + y), (1, None)):
        near = np.array([u, y, (scaled >> 64) + shift], np.uint64)
        assert discrete.decide(near, s, Scripted()) == drawn


def test_zero_is_drawn_with_one_sign_only() -> None:
    assert discrete.decide(np.array([0, 0, 2**64 - 1], np.uint64), 32, Scripted()) == 0
    assert discrete.decide(np.array([0, 2**63, 0], np.uint64), 32, Scripted()) is None
    assert discrete.decide(np.array([0, 2**63 + 1, 0], np.uint64), 32, Scripted()) == -1


@pytest.mark.parametrize("s", [0, 1, 5, 32, 40])
def test_a_kernel_that_leaves_much_undecided_gives_the_same_draws(s: int) -> None:
    """The exact path and the float64 path agree, on one draw in four."""
    usual = sample(800, reproducible_stream(9), s, discrete.numpy_kernel)
    careful = sample(800, reproducible_stream(9), s, discrete.numpy_kernel, 2.0**-3)
    assert np.array_equal(usual, careful)


def test_draws_of_the_public_function() -> None:
    first = discrete_gaussian(1000, stream=reproducible_stream(1))
    assert first.dtype == np.int64 and first.shape == (1000,)
    assert np.array_equal(first, discrete_gaussian(1000, stream=reproducible_stream(1)))
    stream = reproducible_stream(1)
    again = [discrete_gaussian(1000, stream=stream) for _ in range(2)]
    assert not np.intersect1d(*again).size
    assert discrete_gaussian(0, stream=stream).shape == (0,)


@pytest.mark.parametrize("sigma", [0, -2, 3, 2**41, 1.5])
def test_other_sigmas_are_refused(sigma: int) -> None:
    with pytest.raises(InvalidInput, match="sigma"):
        discrete_gaussian(1, stream=reproducible_stream(0), sigma=sigma)


@pytest.mark.parametrize("scale", [1.0, 0.7, math.pi * 1e-9, 12345.678, 1e100])
def test_noise_is_an_exact_multiple_of_the_step(scale: float) -> None:
    grid = Grid(scale)
    assert scale <= grid.scale <= scale * (1 + 2.0**-15)
    noise = gaussian_noise((50, 4), scale=scale, stream=reproducible_stream(2))
    drawn = discrete_gaussian(200, stream=reproducible_stream(2)).reshape(50, 4)
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
