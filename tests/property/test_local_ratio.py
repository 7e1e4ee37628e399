"""Whatever the domain and epsilon: no report reveals more than was claimed, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.dp.local.choose import ORACLES
from privet.dp.local.hashed import HashedSubset
from privet.dp.local.layout import share_of
from privet.dp.local.numbers import NUMBERS
from privet.dp.local.odds import LARGEST, within

EPSILON = st.floats(1e-3, 40.0)


def worst(tables: list[list[Fraction]]) -> Fraction:
    assert all(sum(table) == 1 for table in tables)
    used = [column for column in zip(*tables, strict=True) if any(column)]
    return max(max(column) / min(column) for column in used)


@pytest.mark.parametrize("name", ORACLES)
@given(size=st.integers(2, 7), epsilon=EPSILON)
@settings(max_examples=25, deadline=None)
def test_oracles(name: str, size: int, epsilon: float) -> None:
    oracle = ORACLES[name](size, epsilon)
    assert worst([oracle.chances(value) for value in range(size)]) == oracle.ratio
    assert within(oracle.ratio, min(epsilon, LARGEST))
    assert 0 < oracle.q < oracle.p < 1


@pytest.mark.parametrize("name", NUMBERS)
@given(grid=st.integers(1, 12), epsilon=EPSILON)
@settings(max_examples=25, deadline=None)
def test_numbers(name: str, grid: int, epsilon: float) -> None:
    made = NUMBERS[name](-1.0, 2.0, epsilon, grid)
    tables = [made.chances(point) for point in range(grid + 1)]
    assert within(worst(tables), min(epsilon, LARGEST))
    decoded = made.decode_grid(np.arange(made.outcomes))
    for point, table in enumerate(tables):
        mean = sum(float(chance) * value for chance, value in zip(table, decoded, strict=True))
        assert mean == pytest.approx(point, abs=1e-5 * max(1.0, float(np.abs(decoded).max())))


@given(prime=st.sampled_from([2, 3, 5, 7]), epsilon=EPSILON)
@settings(max_examples=25, deadline=None)
def test_lines(prime: int, epsilon: float) -> None:
    oracle = HashedSubset(epsilon, prime)
    assert within(worst([oracle.chances(value) for value in range(prime)]), min(epsilon, LARGEST))


@given(epsilon=EPSILON, parts=st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_parts_never_exceed_the_whole(epsilon: float, parts: int) -> None:
    share = share_of(epsilon, parts)
    assert Fraction(share) * parts <= Fraction(epsilon)
    assert share >= epsilon / parts * (1 - 1e-12)
