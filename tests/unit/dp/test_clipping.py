"""Sums without rounding, factors that never lengthen, grids that fit."""

from __future__ import annotations

from functools import reduce
from operator import add

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.dp.clipping import check_grid, clip_factors, exact_bits, rounded_down, x64
from privet.errors import InvalidBudget

numbers = st.lists(st.floats(-3, 3, allow_nan=False), min_size=2, max_size=60)


@given(numbers)
def test_rounded_numbers_sum_alike_in_any_order(values):
    rounded = rounded_down(np.array(values), exact_bits(len(values), 3.0))
    forth, back = 0.0, 0.0
    for one in rounded:
        forth += one
    for one in rounded[::-1]:
        back += one
    assert forth == back == np.sum(rounded)


@given(numbers, st.integers(0, 50))
def test_rounding_down_lengthens_nothing(values, bits):
    rounded = rounded_down(np.array(values), bits)
    assert (np.abs(rounded) <= np.abs(values)).all()
    assert np.abs(rounded - values).max() < 2.0**-bits


def test_without_rounding_the_order_of_a_sum_shows():
    values = [0.1, 0.2, 0.3]
    # Python's own sum is compensated from 3.12 on.
    assert reduce(add, values) != reduce(add, values[::-1])


def test_factors_bring_norms_to_the_limit_and_drop_what_is_not_finite():
    with x64():
        factors = np.asarray(clip_factors(np.array([0.0, 0.5, 2.0, np.inf, np.nan]), 1.0))
    assert factors.tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_noise_that_no_grid_can_hold_is_refused():
    check_grid(size=1000, noise_multiplier=50.0, count=10**6)
    with pytest.raises(InvalidBudget, match="so much noise"):
        check_grid(size=10**6, noise_multiplier=5000.0, count=100)
    with pytest.raises(InvalidBudget, match="so little noise"):
        check_grid(size=10, noise_multiplier=1e-6, count=100)


def test_double_precision_ends_with_its_block():
    before = jax.config.jax_enable_x64
    with x64():
        assert jax.numpy.zeros(1).dtype == np.float64
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.zeros(1).dtype == (np.float64 if before else np.float32)
