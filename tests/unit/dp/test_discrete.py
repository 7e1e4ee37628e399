"""The public samplers: shapes, streams, refusals, and the float64 part of the decision."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from privet.dp.discrete import (
    MARGIN,
    TWINS,
    Slopes,
    discrete_gaussian,
    discrete_laplace,
    exp_minus,
    sample,
)
from privet.dp.laws import Law, tables
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput

DRAW = {"sigma": discrete_gaussian, "scale": discrete_laplace}


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("scale", [1025.0, 1500.5, 2047.999, 2.0**32, 2.0**52])
def test_exp_minus_stays_within_the_proven_error(power: int, scale: float) -> None:
    law = Law(power, Fraction(scale))
    s, levels = law.low_bits, len(tables(law).thresholds)
    slopes = _slopes(law)
    rng = np.random.default_rng(0)
    y, k = rng.integers(0, 2**s, 400), rng.integers(0, levels, 400)
    y[:3], k[:3] = (2**s - 1, 0, 1), levels - 1  # v at its largest
    computed = exp_minus(y * 2.0**-s, k, slopes)
    with mpmath.workdps(40):
        for a, b, c in zip(y.tolist(), k.tolist(), computed.tolist(), strict=True):
            v = law.rate * (((b << s) + a) ** power - (b << s) ** power)
            assert v < Fraction(3, 10)
            exact = mpmath.exp(-mpmath.mpf(v.numerator) / v.denominator)
            assert abs(exact - mpmath.mpf(c)) < 2.0**-48 < MARGIN / 8


def _slopes(law: Law) -> Slopes:
    rate = law.rate * 2 ** (law.low_bits * law.power)
    if law.power == 1:
        return Slopes(0.0, 0.0, float(rate))
    return Slopes(float(rate), 2 * float(rate), 0.0)


@pytest.mark.parametrize("scale", [1025, 12345.678, 2**32, 2**52])
@pytest.mark.parametrize("power", [1, 2])
def test_a_kernel_that_leaves_much_undecided_gives_the_same_draws(power: int, scale: float) -> None:
    """The exact path and the float64 path agree, on one draw in four."""
    law = Law(power, Fraction(scale))
    usual = sample(500, reproducible_stream(9), law, TWINS)
    careful = sample(500, reproducible_stream(9), law, TWINS, 2.0**-3)
    assert np.array_equal(usual, careful)


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("scale", [0.5, 3, Fraction(22, 7), 1024, 2**32])
def test_draws(name: str, scale: float) -> None:
    draw = DRAW[name]
    first = draw(1000, stream=reproducible_stream(1), **{name: scale})
    assert first.dtype == np.int64 and first.shape == (1000,)
    assert np.array_equal(first, draw(1000, stream=reproducible_stream(1), **{name: scale}))
    stream = reproducible_stream(1)
    again = [draw(1000, stream=stream, **{name: scale}) for _ in range(2)]
    assert np.array_equal(again[0], first) and not np.array_equal(*again)
    assert draw(0, stream=stream, **{name: scale}).shape == (0,)


@pytest.mark.parametrize("name", DRAW)
def test_a_float_stands_for_the_rational_that_it_is(name: str) -> None:
    draw = DRAW[name]
    same = [0.1, np.float64(0.1), Fraction(0.1)]
    drawn = [draw(500, stream=reproducible_stream(1), **{name: scale}) for scale in same]
    assert all(np.array_equal(drawn[0], other) for other in drawn)
    whole = [draw(50, stream=reproducible_stream(1), **{name: s}) for s in (7, np.int64(7), 7.0)]
    assert all(np.array_equal(whole[0], other) for other in whole)


@pytest.mark.parametrize("name", DRAW)
def test_the_ends_of_the_range_neither_overflow_nor_fail(name: str) -> None:
    draw = DRAW[name]
    huge = draw(100_000, stream=reproducible_stream(3), **{name: 2**52})
    assert 2.0**53 < np.abs(huge).max() < 2.0**58 and len(np.unique(huge)) == len(huge)
    assert not draw(100_000, stream=reproducible_stream(3), **{name: 2.0**-10}).any()


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize(
    "scale", [0, -2, math.nan, math.inf, -math.inf, 2**53, 2.0**-11, 10**400, True, "1", None]
)
def test_other_scales_are_refused(name: str, scale: object) -> None:
    with pytest.raises(InvalidInput, match=name) as refusal:
        DRAW[name](1, stream=reproducible_stream(0), **{name: scale})
    assert refusal.value.bound and refusal.value.remedy


@pytest.mark.parametrize("count", [-1, 1.5, math.nan])
def test_other_counts_are_refused(count: int) -> None:
    with pytest.raises(InvalidInput, match="count"):
        discrete_gaussian(count, stream=reproducible_stream(0), sigma=1)


def test_any_kind_of_number_is_a_scale() -> None:
    first = discrete_gaussian(50, stream=reproducible_stream(1), sigma=np.float32(2.5))
    second = discrete_gaussian(50, stream=reproducible_stream(1), sigma=Fraction(Decimal("2.5")))
    assert np.array_equal(first, second)
