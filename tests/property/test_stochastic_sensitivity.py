"""What one unit can change in the sums of DP-SGD, in exact arithmetic.

The sums are those that `train_stochastic` hands to the noise: they are caught there, rounded to
the noise's grid as `release` does it, and compared as fractions, so that no rounding of the test
hides one of the code.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.dp import training
from privet.dp.clipping import x64
from privet.dp.gradients import UnitShape
from privet.dp.linear import Box, Units, inside
from privet.dp.mechanisms import Grid
from privet.dp.stochastic_defaults import StochasticSettings
from privet.entropy import reproducible_stream
from privet.models.losses import logistic, softmax, squared
from privet.models.mlp import functions

U, D = 5, 2
CLIP = 0.3
FAR = Box(low=np.array([-1.0, 2.0]), high=np.array([1.0, 1e6]), norm=1e6 + 1)
NEAR = Box(low=np.full(D, -1.0), high=np.ones(D), norm=2**0.5)


def unrolled(params, x):
    """One matrix used at every turn of a scan, and once more at the end."""

    def turn(state, _):
        return jnp.tanh(params["w"] @ state + params["b"]), None

    state, _ = jax.lax.scan(turn, x, None, length=3)
    return (params["w"] @ state)[:1]


def cliff(params, x):
    """Infinite, or no number, for some rows; its gradient too."""
    return jnp.stack([jnp.log(params["w"][0, 0] * x[0]) + jnp.exp(800 * x[1] * params["b"][0])])


def network(activation, outputs):
    init, apply = functions((3,), activation)
    return apply, init(1, D, outputs)


TIED = {"w": np.array([[0.7, -0.2], [0.4, 1.1]]), "b": np.array([0.1, -0.3])}
MODELS = {
    "tanh": (*network("tanh", 1), logistic, 1),
    "relu": (*network("relu", 3), softmax, 3),
    "gelu": (*network("gelu", 1), squared, 1),
    "scan": (unrolled, TIED, squared, 1),
    "cliff": (cliff, TIED, squared, 1),
}
SIZES = (0.0, -0.0, 1.0, -1.0, 1 / 3, 5e-324, 1e30, 1.7e308, -1.7e308)
ODD = (np.nan, np.inf, -np.inf)
number = st.one_of(st.floats(-1.5, 1.5), st.sampled_from(SIZES + ODD))
weight = st.one_of(st.floats(0.1, 2.0), st.sampled_from((0.0, -1.0, 1e-9, 1e6, 1e308, *ODD)))


@st.composite
def units(draw: st.DrawFn, rows: int, outputs: int, loss) -> Units:
    """U units of up to `rows` rows, whatever a reader may let through."""

    def drawn(values, *shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)

    target = number if loss is squared else st.integers(0, outputs - 1 or 1)
    return Units(
        x=drawn(number, U, rows, D), y=drawn(target, U, rows), weight=drawn(weight, U, rows)
    )


def without(whole: Units, unit: int) -> Units:
    kept = whole.weight.copy()
    kept[unit] = 0.0
    return replace(whole, weight=kept)


def released(given, model, *, rate=1.0, noise=1.0, clip=CLIP) -> list[Fraction]:
    """The sum over a sample of the units as it is before noise, on the grid, exactly."""
    apply, start, loss, _ = model
    caught: list[Fraction] = []

    def catch(total, *, scale, stream):
        grid = Grid(scale)
        caught.extend(int(cell) * Fraction(grid.step) for cell in np.ravel(grid.units(total)))
        return total

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "release", catch)
        list(
            training.train_stochastic(
                given,
                training.Problem(apply, loss, 0.0, normaliser=U, most_units=U),
                start,
                settings=StochasticSettings(rate=rate, steps=1, clip=clip, microbatch=2),
                noise_multiplier=noise,
                stream=reproducible_stream(11),
            )
        )
    return caught


def squared_distance(one: list[Fraction], other: list[Fraction]) -> Fraction:
    return sum(((a - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction(0))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_unit_moves_the_released_sum_by_at_most_the_clip(model, rows, data):
    whole = inside(
        data.draw(units(rows, model[3], model[2])), data.draw(st.sampled_from([NEAR, FAR]))
    )
    options = {
        "rate": data.draw(st.sampled_from((1.0, 0.5))),
        "noise": data.draw(st.sampled_from((1e-2, 1.0, 300.0))),
    }
    total = released(whole, model, **options)
    for unit in range(U):
        near = released(without(whole, unit), model, **options)
        assert squared_distance(total, near) <= Fraction(CLIP) ** 2


@pytest.mark.parametrize("model", ["tanh", "scan"])
def test_the_clip_is_reached_and_a_broken_one_would_be_noticed(model, monkeypatch):
    loud = Units(np.full((U, 1, D), 0.9), np.ones((U, 1), int), np.full((U, 1), 1e4))
    pair = [released(given, MODELS[model]) for given in (loud, without(loud, 3))]
    assert squared_distance(*pair) > Fraction(0.998 * CLIP) ** 2
    monkeypatch.setattr(training, "clip_bound", lambda *args, **options: 1.001 * CLIP)
    pair = [released(given, MODELS[model]) for given in (loud, without(loud, 3))]
    assert squared_distance(*pair) > Fraction(CLIP) ** 2


def summed(given: Units, model, limit: float, dtype=np.float64) -> np.ndarray:
    apply, params, loss, _ = model
    problem = training.Problem(apply, loss, 0.0, normaliser=U, most_units=U, dtype=dtype)
    shape = UnitShape(*given.x.shape[1:], given.y.dtype.kind == "i")
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])
    return problem.gradients(params, shape).block_sum(
        flat, given.x, given.y, given.weight, limit
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", ["tanh", "relu", "gelu", "scan"])
def test_what_a_unit_adds_does_not_depend_on_its_place_or_on_others(model, dtype):
    """So that the sum is a function of who takes part, not of how they are numbered."""
    draw = np.random.default_rng(3)
    row, parts = draw.uniform(-1, 1, (2, D)), set()
    for place in range(61):
        x = draw.uniform(-1, 1, (61, 2, D))
        x[place] = row
        only = np.zeros((61, 2))
        only[place] = 1.0
        given = Units(x, np.ones((61, 2), int), only)
        parts.add(summed(given, MODELS[model], CLIP, dtype).tobytes())
    assert len(parts) == 1


def test_a_matrix_used_at_every_turn_is_clipped_by_its_whole_gradient():
    """Adding the squares of each use's gradient, as book-keeping by layer does, would differ."""
    draw = np.random.default_rng(4)
    given = Units(draw.uniform(-1, 1, (7, 2, D)), draw.normal(size=(7, 2)), np.ones((7, 2)))
    _, params, loss, _ = MODELS["scan"]

    def slope(unit: int, uses=None):
        """By hand: every use has a matrix of its own, whose gradients are then added."""

        def objective(apart):
            total = 0.0
            for x, y in zip(given.x[unit], given.y[unit], strict=True):
                state = x
                for turn in range(3):
                    state = jnp.tanh(apart["w"][turn] @ state + apart["b"][turn])
                total = total + loss((apart["w"][3] @ state)[:1], y)
            return total

        apart = {"w": jnp.stack([params["w"]] * 4), "b": jnp.stack([params["b"]] * 3)}
        return jax.grad(objective)(apart)

    expected, by_use = 0.0, 0.0
    with x64():
        for unit in range(7):
            each = slope(unit)
            whole = np.concatenate([np.ravel(each[name].sum(axis=0)) for name in ("b", "w")])
            squares = sum(float((each[name] ** 2).sum()) for name in ("b", "w"))
            expected = expected + whole * min(1, 0.05 / np.linalg.norm(whole))
            by_use = by_use + whole * min(1, 0.05 / squares**0.5)
    found = summed(given, MODELS["scan"], 0.05)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found != pytest.approx(by_use, rel=0.05)


def test_absent_rows_of_a_model_that_is_not_finite_at_zero_spoil_nothing():
    def direction(params, x):
        return jnp.stack([params["w"] @ (x / jnp.sqrt(x @ x))])

    model = (direction, {"w": np.ones(2)}, squared, 1)
    x = np.array([[[0.6, -0.3], [0.0, 0.0]], [[0.1, 0.9], [0.5, 0.5]]])
    given = Units(x, np.full((2, 2), 3.0), np.array([[1.0, 0.0], [1.0, 1.0]]))
    only = Units(x[:1, :1], given.y[:1, :1], np.ones((1, 1)))
    found = summed(given, model, 1e9) - summed(without(given, 0), model, 1e9)
    assert found == pytest.approx(summed(only, model, 1e9), rel=1e-12)
    assert np.abs(found).max() > 0.1
    nobody = Units(np.zeros((2, 2, 2)), given.y, np.zeros((2, 2)))
    assert not summed(nobody, model, 1e9).any()


def test_millions_of_units_can_be_trained_on():
    """The sum goes through blocks, so its rounding stays within the margin of the clip."""
    apply, start, loss, _ = MODELS["tanh"]
    few = Units(np.zeros((3, 1, D)), np.zeros((3, 1), int), np.ones((3, 1)))
    steps = training.train_stochastic(
        few,
        training.Problem(apply, loss, 0.0, normaliser=3, most_units=10_000_000),
        start,
        settings=StochasticSettings(rate=1.0, steps=1, microbatch=256),
        noise_multiplier=1.0,
        stream=reproducible_stream(0),
    )
    assert len(list(steps)) == 1
