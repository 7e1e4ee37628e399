"""Who takes part, and which rows of a person."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2

from privet.dp.sampling import exact_rate, gather, poisson
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput


class Told:
    """A stream that says what it is told to."""

    def __init__(self, *halves: int) -> None:
        low, high = halves[::2], halves[1::2]
        self._words = np.array(low, np.uint64) | (np.array(high, np.uint64) << np.uint64(32))

    def words(self, count: int) -> np.ndarray:
        return self._words[:count]


def test_a_unit_takes_part_exactly_below_the_threshold():
    threshold = 2**31
    stream = Told(threshold - 1, threshold, 0, 2**32 - 1)
    assert poisson(4, 0.5, stream).tolist() == [0, 2]
    assert poisson(3, 1.0, stream).tolist() == [0, 1, 2]


def test_rates_that_cannot_be_drawn_are_refused():
    for rate in (0.1, 0.0, 1.5):
        with pytest.raises(InvalidInput, match="exactly"):
            poisson(10, rate, reproducible_stream(0))
    assert exact_rate(0.1) == round(0.1 * 2**32) / 2**32
    assert exact_rate(1e-30) == 2.0**-32
    assert exact_rate(1.0) == 1.0


def test_units_take_part_at_the_rate_and_independently():
    """Each bound fails a right sampler with a chance of 1e-6."""
    rate, units, draws = exact_rate(0.2), 50, 4000
    stream = reproducible_stream(5)
    taken = np.zeros((draws, units))
    for row in taken:
        row[poisson(units, rate, stream)] = 1
    total = taken.sum()
    assert binom.ppf(5e-7, draws * units, rate) <= total <= binom.isf(5e-7, draws * units, rate)
    sizes = taken.sum(axis=1)
    # Batches of a fixed size would have variance 0, shuffled ones too little.
    spread = (draws - 1) * sizes.var(ddof=1) / (units * rate * (1 - rate))
    assert chi2.ppf(5e-7, draws - 1) < spread < chi2.isf(5e-7, draws - 1)
    correlation = np.corrcoef(taken[:, ::2].sum(axis=1), taken[:, 1::2].sum(axis=1))[0, 1]
    assert abs(correlation) < 4.9 / np.sqrt(draws)


def rows(units=4, each=5):
    unit = np.repeat(np.arange(units), each)
    x = np.arange(units * each, dtype=float)[:, None]
    return x, x[:, 0], unit


def test_rows_stay_with_their_unit_and_are_bounded():
    x, y, unit = rows()
    got = gather(
        x, y, unit=unit, weight=x[:, 0] + 1, units=5, max_rows=3, stream=reproducible_stream(1)
    )
    assert got.x.shape == (5, 3, 1)
    for number in range(4):
        assert set(got.x[number, :, 0]) <= set(x[unit == number, 0])
        assert len(set(got.x[number, :, 0])) == 3
    assert np.array_equal(got.y, got.x[..., 0])
    assert np.array_equal(got.weight[:4], got.x[:4, :, 0] + 1)
    assert not got.weight[4].any()  # nobody has this number


def test_units_with_few_rows_keep_them_all():
    x, y, unit = rows(each=2)
    got = gather(x, y, unit=unit, weight=None, units=4, max_rows=3, stream=reproducible_stream(1))
    assert got.weight.sum(axis=1).tolist() == [2, 2, 2, 2]
    assert sorted(got.x[got.weight > 0][:, 0]) == sorted(x[:, 0])


def test_any_surplus_row_may_be_the_one_left_out():
    """A right choice fails with a chance below 1e-9: 400 draws, 5 rows, 1 kept."""
    x, y, unit = rows(units=1)
    seen = [
        float(
            gather(
                x, y, unit=unit, weight=None, units=1, max_rows=1, stream=reproducible_stream(seed)
            ).x[0, 0, 0]
        )
        for seed in range(400)
    ]
    counts = np.bincount(np.array(seen, int), minlength=5)
    assert counts.min() > 35  # of 80 expected
    assert counts.max() < 135
