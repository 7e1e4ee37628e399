"""DP-SGD: what a unit adds to a sum, what the noise divides by, what is refused."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.dp import training
from privet.dp.gradients import UnitShape
from privet.dp.linear import Units
from privet.dp.stochastic_defaults import StochasticSettings, stochastic_settings
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput
from privet.models.losses import logistic, squared
from privet.models.mlp import functions

START, APPLY = functions((4,), "tanh")
PARAMS = START(1, 3, 1)
CLIP = 0.5


def units(count: int = 12, rows: int = 2, seed: int = 0) -> Units:
    draw = np.random.default_rng(seed)
    return Units(
        x=draw.uniform(-1, 1, (count, rows, 3)),
        y=draw.integers(0, 2, (count, rows)),
        weight=np.ones((count, rows)),
    )


def clipped_sum(given: Units, loss=logistic, apply=APPLY, params=PARAMS, limit=CLIP) -> np.ndarray:
    """The jitted sum over all units, as one vector."""
    problem = training.Problem(apply, loss, 0.0, len(given.x), len(given.x), dtype=np.float64)
    _, rows, features = given.x.shape
    shape = UnitShape(rows, features, whole=given.y.dtype.kind == "i")
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])
    return problem.gradients(params, shape).block_sum(
        flat, given.x, given.y, given.weight, limit
    )


def one_by_one(given: Units) -> np.ndarray:
    """Each unit alone, unclipped, then clipped by NumPy."""
    total = 0.0
    for unit in range(len(given.x)):
        only = Units(*(getattr(given, part)[unit : unit + 1] for part in ("x", "y", "weight")))
        gradient = clipped_sum(only, limit=1e9)
        total = total + gradient * min(1.0, CLIP / max(np.linalg.norm(gradient), 1e-300))
    return total


def test_the_sum_is_that_of_units_clipped_one_by_one():
    assert clipped_sum(units()) == pytest.approx(one_by_one(units()), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(1e-3, 1e6), unit=st.integers(0, 5))
def test_leaving_a_unit_out_changes_the_sum_by_at_most_the_clip(seed, size, unit):
    whole = units(6, seed=seed)
    whole = replace(whole, x=whole.x * size)
    weight = whole.weight.copy()
    weight[unit] = 0
    change = clipped_sum(whole) - clipped_sum(replace(whole, weight=weight))
    assert np.linalg.norm(change) <= CLIP * (1 + 1e-12)


def test_the_clip_is_reached():
    far = replace(units(1), weight=np.full((1, 2), 1e3))
    assert np.linalg.norm(clipped_sum(far)) == pytest.approx(CLIP)


def test_weights_act_before_the_clip():
    light, heavy = (replace(units(1, 1), weight=np.full((1, 1), w)) for w in (1e-3, 1e6))
    assert clipped_sum(light) == pytest.approx(1e-3 * clipped_sum(units(1, 1), limit=1e9), rel=1e-9)
    assert np.linalg.norm(clipped_sum(heavy)) <= CLIP * (1 + 1e-12)


def test_a_gradient_that_is_not_finite_counts_as_absent():
    def roots(scores, y):
        return jnp.sqrt(scores[0] - 1e9 * (y > 1)) ** 2

    spoilt = units()
    spoilt.y[3] = 2  # the root of a negative number
    weight = spoilt.weight.copy()
    weight[3] = 0
    params = {**PARAMS, "b1": np.array([50.0])}
    with_nan = clipped_sum(spoilt, loss=roots, params=params)
    without = clipped_sum(replace(spoilt, weight=weight), loss=roots, params=params)
    assert np.isfinite(with_nan).all()
    assert np.array_equal(with_nan, without)


def test_tied_parameters_are_clipped_by_their_whole_gradient():
    def tied(params, x):
        return jnp.stack([params["w"] @ x + params["w"] @ x[::-1]])

    given = units(5)
    total = clipped_sum(given, apply=tied, params={"w": np.ones(3)})
    assert np.linalg.norm(total) <= 5 * CLIP
    only = Units(given.x[:1] * 100, given.y[:1], given.weight[:1])
    assert np.linalg.norm(clipped_sum(only, apply=tied, params={"w": np.ones(3)})) <= CLIP + 1e-12


@pytest.mark.parametrize("leaf", [np.arange(3), np.array([True]), np.zeros(2, complex)])
def test_parameters_that_are_no_floats_are_refused(leaf):
    with pytest.raises(InvalidInput, match="floating-point"):
        training.count_parameters({"w": np.ones(3), "state": leaf})
    assert training.count_parameters(PARAMS) == 3 * 4 + 4 + 4 + 1


def line(params, x):
    return x @ params["w"] + params["b"]


def run(given: Units, *, noise=1e-3, start=None, **changes):
    chosen = replace(StochasticSettings(rate=1.0, steps=200, clip=4.0, microbatch=16), **changes)
    start = start or {"w": np.zeros((3, 1)), "b": np.zeros(1)}
    problem = training.Problem(line, squared, 0.0, len(given.x), len(given.x))
    every = list(
        training.train_stochastic(
            given,
            problem,
            start,
            settings=chosen,
            noise_multiplier=noise,
            stream=reproducible_stream(2),
        )
    )
    assert len(every) == chosen.steps
    return every[-1]


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_with_little_noise_a_line_is_found(rate):
    given = units(60, 1)
    aimed = replace(given, y=0.3 * given.x[..., 0] - 0.2)
    found = run(aimed, rate=rate, step_size=0.02, steps=300)
    assert found["w"][:, 0] == pytest.approx([0.3, 0, 0], abs=0.03)
    assert found["b"][0] == pytest.approx(-0.2, abs=0.03)


def test_sizes_of_blocks_do_not_show():
    given = units(30, 1)
    small, large = (run(given, microbatch=size, steps=5, rate=0.5) for size in (1, 64))
    assert small["w"] == pytest.approx(large["w"], abs=1e-6)  # of single precision


def test_an_empty_sample_still_gives_noise():
    found = run(units(4, 1), rate=2.0**-32, steps=1, noise=1.0)
    assert np.abs(found["w"]).min() > 0


def test_settings_are_functions_of_public_facts():
    small, large = (stochastic_settings(units=n) for n in (50, 100_000))
    assert small.rate == 1.0
    assert large.rate == pytest.approx(1024 / 100_000)
    assert 100 <= small.steps <= large.steps <= 2000
