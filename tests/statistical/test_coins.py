"""Packed coins have their chance in every place, and are independent.

Seeds are fixed; each check would otherwise fail right coins with a probability of 1e-5, and each
fails coins whose chance is off by 2 %.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.dp.bernoulli import bernoulli_bits, bernoulli_exp_bits
from privet.entropy import reproducible_stream

pytestmark = pytest.mark.statistical

ALARM = 1e-5
CHANCES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 21), Fraction(4097, 8192), Fraction(20, 21)]


def _ones(packed: np.ndarray) -> int:
    return int(np.bitwise_count(packed).sum())


@pytest.mark.parametrize("chance", CHANCES, ids=str)
def test_the_chance_is_the_one_asked_for(chance: Fraction) -> None:
    bits = 8_000_000
    ones = _ones(bernoulli_bits(reproducible_stream(1, str(chance)), chance, bits))
    assert stats.binomtest(ones, bits, float(chance)).pvalue > ALARM
    rarer = min(chance, 1 - chance)
    for factor in (0.98, 1.02):
        wrong = float(factor * rarer if rarer == chance else 1 - factor * rarer)
        assert stats.binomtest(ones, bits, wrong).pvalue < ALARM


@pytest.mark.parametrize("x", [Fraction(1, 10), Fraction(1), Fraction(7, 2)], ids=str)
def test_the_chance_of_an_exponential(x: Fraction) -> None:
    bits, chance = 8_000_000, math.exp(-x)
    ones = _ones(bernoulli_exp_bits(reproducible_stream(1, str(x)), x, bits))
    assert stats.binomtest(ones, bits, chance).pvalue > ALARM
    for factor in (0.98, 1.02):
        assert stats.binomtest(ones, bits, factor * chance).pvalue < ALARM


@pytest.mark.parametrize("chance", [Fraction(1, 3), Fraction(1, 21)], ids=str)
def test_every_place_has_the_chance_and_neighbours_are_independent(chance: Fraction) -> None:
    rows, columns, p = 40_000, 77, float(chance)
    packed = bernoulli_bits(reproducible_stream(2, str(chance)), chance, (rows, columns))
    bits = np.unpackbits(packed, axis=1, count=columns, bitorder="little").astype(float)
    counts = bits.sum(axis=0)
    spread = rows * p * (1 - p)
    assert stats.chi2.sf(((counts - rows * p) ** 2 / spread).sum(), columns) > ALARM
    skewed = counts + np.linspace(-1, 1, columns) * 4 * np.sqrt(spread)
    assert stats.chi2.sf(((skewed - rows * p) ** 2 / spread).sum(), columns) < ALARM
    centred = (bits - p) / math.sqrt(p * (1 - p))
    limit = stats.norm.isf(ALARM / 2) / math.sqrt(rows * (columns - 1))
    assert abs(np.mean(centred[:, 1:] * centred[:, :-1])) < limit
    assert abs(np.mean(centred[1:, :-1] * centred[:-1, 1:])) < limit
    assert abs(np.mean(centred[:, 1:] * (centred[:, :-1] + 0.01 * centred[:, 1:]))) > limit
