"""Private bounds: valid whatever the data, tight where the data allow, and of the right cost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privet.dp import bounds as module
from privet.dp.accounting import Gaussian, epsilon_for
from privet.dp.bounds import CELLS, decimal_edges, private_bounds, private_bounds_for
from privet.entropy import Stream, reproducible_stream, secret_stream
from privet.errors import InvalidBudget, InvalidInput

RNG = np.random.default_rng(0)
AGE = RNG.integers(17, 91, 20_000).astype(float)


def _bounds(values: object, noise: float = 5.0, **options: float) -> tuple[float, float]:
    return private_bounds(values, noise_multiplier=noise, stream=reproducible_stream(1), **options)


@pytest.mark.parametrize(
    ("values", "widest"),
    [
        (AGE, 2.0),
        (RNG.normal(0, 1, 20_000), 1.6),
        (-RNG.lognormal(10, 0.5, 20_000), 2.0),
        (RNG.uniform(1e-4, 2e-4, 20_000), 3.0),
        (RNG.uniform(1990, 2020, 20_000), 10.0),
    ],
)
def test_large_columns_are_covered_and_not_much_wider(values: np.ndarray, widest: float) -> None:
    low, high = _bounds(values)
    assert np.mean((values >= low) & (values <= high)) > 0.98
    assert high - low < widest * np.ptp(values)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [3.0],
        [math.nan] * 10,
        [math.inf, -math.inf, 1e308, -1e308, 0.0],
        np.full(5000, 7.0),
        np.full(5000, 1e300),
        np.full(5000, -math.inf),
        np.zeros(5000),
        RNG.normal(size=30),
    ],
)
def test_no_data_raise_and_bounds_are_always_bounds(values: object) -> None:
    with np.errstate(all="raise"):
        low, high = _bounds(values)
    assert -1e12 <= low < high <= 1e12


def test_too_few_rows_give_the_widest_bounds() -> None:
    assert _bounds(RNG.normal(size=10), noise=50.0) == (-1e12, 1e12)


def test_a_constant_column_is_covered() -> None:
    low, high = _bounds(np.full(5000, 7.0))
    assert low <= 7.0 <= high and high - low < 20


def test_missing_values_count_nowhere() -> None:
    assert _bounds(AGE) == _bounds(np.concatenate([AGE, np.full(50_000, math.nan)]))


def test_outliers_beyond_the_coverage_are_left_out() -> None:
    values = np.concatenate([AGE, np.full(20, 1e9)])
    assert _bounds(values)[1] < 500
    assert _bounds(values, coverage=0.9999)[1] < 1e12


@pytest.mark.parametrize("removed", [3.0, 17.0, math.inf, -1e-7])
def test_one_row_changes_one_count_by_one_in_each_histogram(
    removed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact: list[np.ndarray] = []

    def without_noise(total: np.ndarray, *, scale: float, stream: Stream) -> np.ndarray:
        exact.append(total)
        return total

    monkeypatch.setattr(module, "release", without_noise)
    for value in (removed, math.nan):
        values = np.append(AGE, value)
        counts = module._counts(values, np.array(decimal_edges()), 1.0, reproducible_stream(0))
        assert len(counts) == len(decimal_edges()) - 1
        module._narrow(values, 10.0, 100.0, 1.0, reproducible_stream(0), 0.99)
    for with_row, without in (exact[0::2], exact[1::2]):
        assert np.abs(with_row - without).sum() <= 1


def test_noise_is_what_was_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two steps gets sqrt(2) of the noise multiplier, and a little for the grid."""
    scales: list[float] = []
    original = module.release

    def spy(total: np.ndarray, *, scale: float, stream: Stream) -> np.ndarray:
        scales.append(scale)
        return original(total, scale=scale, stream=stream)

    monkeypatch.setattr(module, "release", spy)
    columns = {"a": AGE, "b": AGE, "c": AGE}
    _, guarantee = private_bounds_for(
        columns, epsilon=0.5, delta=1e-6, stream=reproducible_stream(0)
    )
    assert len(scales) == 6
    # One row moves one count per column and step: its loss is that of one Gaussian.
    mu = math.sqrt(sum(1 / scale**2 for scale in scales))
    spent = epsilon_for(Gaussian(1 / mu), guarantee.delta_split["mechanism"])
    assert 0.495 < spent <= 0.5
    for scale in scales:
        step = scale / 2**32
        assert scale / (1 + step) >= scales[0] / (1 + 2.0**-31 * 20)


def test_guarantee_says_what_was_done() -> None:
    found, guarantee = private_bounds_for(
        {"age": AGE, "height": AGE * 2}, epsilon=1.0, delta=1e-6, stream=secret_stream("test")
    )
    assert list(found) == ["age", "height"]
    assert (guarantee.epsilon, guarantee.delta) == (1.0, 1e-6)
    assert (guarantee.unit, guarantee.relation) == ("row", "zero-out")
    assert guarantee.secret_noise and sum(guarantee.delta_split.values()) <= 1e-6
    assert "2 columns" in str(guarantee.events[0])
    _, rehearsed = private_bounds_for(
        {"age": AGE}, epsilon=1.0, delta=1e-6, stream=reproducible_stream(0)
    )
    assert not rehearsed.secret_noise


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"noise": 0.0}, InvalidBudget),
        ({"noise": math.nan}, InvalidBudget),
        ({"noise": 1e20}, InvalidBudget),
        ({"coverage": 0.0}, InvalidInput),
        ({"coverage": 1.0}, InvalidInput),
    ],
)
def test_arguments_are_checked(options: dict[str, float], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        _bounds(AGE, **options)


def test_tables_are_checked() -> None:
    stream = reproducible_stream(0)
    with pytest.raises(InvalidInput, match="no column"):
        private_bounds_for({}, epsilon=1.0, delta=1e-6, stream=stream)
    with pytest.raises(InvalidInput, match="same length"):
        private_bounds_for({"a": [1.0], "b": []}, epsilon=1.0, delta=1e-6, stream=stream)
    for epsilon, delta in ((0.0, 1e-6), (1.0, 0.0), (1.0, 1.0)):
        with pytest.raises(InvalidBudget):
            private_bounds_for({"a": [1.0]}, epsilon=epsilon, delta=delta, stream=stream)


def test_the_grid_is_public_and_signed() -> None:
    edges = decimal_edges()
    assert list(edges) == sorted(set(edges)) == [-edge for edge in reversed(edges)]
    assert {1.0, 2.0, 5.0, 10.0, 1e12, 1e-6} <= set(edges)
    assert CELLS == 40
