"""What one unit can change in the sums of private linear training, in exact arithmetic.

Floats are turned into fractions, so that no rounding of the test hides one of the code. The sums
are taken from `train_linear` itself: after one step of length 1 without noise, at normaliser 1,
the parameters are the negative of the released sum, rounding to the noise's grid included.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.dp import linear
from privet.dp.clipping import SHRINK, exact_bits, rounded_down, x64
from privet.dp.linear_defaults import LinearSettings
from privet.models.losses import logistic, softmax, squared

U, D = 5, 2
Z = Fraction(0)
BOXES = [
    linear.Box(low=np.full(D, -1.0), high=np.ones(D), norm=2**0.5),
    linear.Box(low=np.array([-1.0, 0.0]), high=np.array([1.0, 1.0]), norm=1.0),
    linear.Box(low=np.array([0.1, 2.0]), high=np.array([0.7, 1e6]), norm=1e6 + 1),
]
LOSSES = {"logistic": (logistic, 1), "squared": (squared, 1), "softmax": (softmax, 3)}

SIZES = (0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e-9, 5e-324, 50.0, 1e30, 1.7e308, -1.7e308)
ODD = (np.nan, np.inf, -np.inf)
number = st.one_of(st.floats(-1.5, 1.5), st.sampled_from(SIZES + ODD))
weight = st.one_of(st.floats(0.1, 2.0), st.sampled_from((0.0, -1.0, 1e-9, 1e6, 1e308, *ODD)))


@st.composite
def units(draw: st.DrawFn, rows: int, *, loss: str) -> linear.Units:
    """U units of up to `rows` rows, whatever a reader may let through."""

    def drawn(values, *shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)

    target = number if loss == "squared" else st.integers(0, LOSSES[loss][1] - 1 or 1)
    return linear.Units(
        x=drawn(number, U, rows, D), y=drawn(target, U, rows), weight=drawn(weight, U, rows)
    )


def without(whole: linear.Units, unit: int) -> linear.Units:
    kept = whole.weight.copy()
    kept[unit] = 0.0
    return replace(whole, weight=kept)


def fractions(values) -> list[Fraction]:
    """Of every element, exactly; fails on one that is not finite."""
    return [Fraction(float(value)) for value in np.ravel(values)]


def squared_distance(one, other) -> Fraction:
    pairs = zip(fractions(one), fractions(other), strict=True)
    return sum(((a - b) ** 2 for a, b in pairs), Z)


def released(whole: linear.Units, box: linear.Box, loss: str, *, clip=0.3, noise=1.0):
    """(D + 1, K): the clipped sum of gradients at parameters 0, as it is before noise."""
    function, outputs = LOSSES[loss]
    one_step = LinearSettings(clip=clip, step_size=1.0, steps=1, bias=1.0, average_from=0.0)
    found = linear.train_linear(
        linear.inside(whole, box),
        function,
        outputs=outputs,
        centre=np.zeros(D),
        settings=one_step,
        noise=np.zeros((1, D + 1, outputs)),
        noise_multiplier=noise,
        normaliser=1,
    )
    return -np.vstack([found["w"], found["b"]])


@pytest.mark.parametrize("box", BOXES, ids=["square", "ball", "far"])
@pytest.mark.parametrize("rows", [1, 3])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_unit_moves_the_sum_of_means_by_at_most_the_radius(box, rows, data):
    whole = linear.inside(data.draw(units(rows, loss="squared")), box)
    total = linear.mean_sum(whole, box)
    limit = Fraction(box.radius * SHRINK) ** 2
    for unit in range(U):
        assert squared_distance(total, linear.mean_sum(without(whole, unit), box)) <= limit
    order = data.draw(st.permutations(range(U)))
    moved = linear.Units(whole.x[order], whole.y[order], whole.weight[order])
    assert linear.mean_sum(moved, box).tobytes() == total.tobytes()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [1, 3])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_unit_moves_the_released_sum_of_gradients_by_at_most_the_clip(loss, rows, data):
    box = data.draw(st.sampled_from(BOXES))
    noise = data.draw(st.sampled_from((1e-2, 1.0, 300.0)))
    whole = data.draw(units(rows, loss=loss))
    total = released(whole, box, loss, noise=noise)
    for unit in range(U):
        near = released(without(whole, unit), box, loss, noise=noise)
        assert squared_distance(total, near) <= Fraction(0.3) ** 2
    order = data.draw(st.permutations(range(U)))
    moved = linear.Units(whole.x[order], whole.y[order], whole.weight[order])
    assert released(moved, box, loss, noise=noise).tobytes() == total.tobytes()


BITS = exact_bits(U * 3, 0.3)


def parts_of_sum(whole: linear.Units, loss: str, scores):
    """Features (U, 3, D + 1) and clipped residuals (U, 3, K), digits as `train_linear` has them."""
    function, _ = LOSSES[loss]
    z = np.concatenate([whole.x, np.ones((*whole.y.shape, 1))], axis=2)
    z = rounded_down(np.where((whole.weight > 0)[..., None], z, 0.0), BITS // 2)
    gram = np.einsum("uid,ujd->uij", z, z)
    digits = BITS - BITS // 2
    with x64():
        e = linear.residuals(function, scores, whole.y, whole.weight, gram, 0.3, digits)
    return z, np.asarray(e)


def gradients(z, e) -> list[list[Fraction]]:
    """Of each unit, exactly, flat."""
    return [
        [
            sum((Fraction(row[i]) * Fraction(out[k]) for row, out in zip(zu, eu, strict=True)), Z)
            for i in range(z.shape[2])
            for k in range(e.shape[2])
        ]
        for zu, eu in zip(z, e, strict=True)
    ]


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_no_scores_lengthen_a_units_gradient_beyond_the_clip(loss, data):
    whole = linear.inside(data.draw(units(3, loss=loss)), data.draw(st.sampled_from(BOXES)))
    outputs = LOSSES[loss][1]
    size = U * 3 * outputs
    drawn = data.draw(st.lists(number, min_size=size, max_size=size))
    scores = np.array(drawn).reshape(U, 3, outputs)
    limit = Fraction(0.3) ** 2
    z, e = parts_of_sum(whole, loss, scores)
    each = gradients(z, e)
    for gradient in each:
        assert sum((part**2 for part in gradient), Z) <= limit
    # No float is rounded on the way to the sum, whatever the order.
    exact = [sum(parts, Z) for parts in zip(*each, strict=True)]
    assert fractions(z.reshape(-1, D + 1).T @ e.reshape(-1, outputs)) == exact


def test_the_bounds_are_reached_and_would_be_missed_if_they_were_lower():
    """The properties above are not true for want of anything to bound."""
    corner = linear.Units(np.ones((U, 1, D)), np.full((U, 1), -9.0), np.ones((U, 1)))
    box = BOXES[0]
    total = linear.mean_sum(linear.inside(corner, box), box)
    near = linear.mean_sum(linear.inside(without(corner, 2), box), box)
    assert squared_distance(total, near) > Fraction(0.998 * box.radius) ** 2
    moved = squared_distance(
        released(corner, box, "squared"), released(without(corner, 2), box, "squared")
    )
    assert moved > Fraction(0.998 * 0.3) ** 2


@pytest.mark.parametrize("broken", ["clip", "rounding"])
def test_a_broken_bound_would_be_noticed(broken, monkeypatch):
    draw = np.random.default_rng(8)
    whole = linear.inside(
        linear.Units(draw.uniform(-1, 1, (U, 3, D)), draw.normal(size=(U, 3)), np.ones((U, 3))),
        BOXES[0],
    )
    if broken == "clip":
        monkeypatch.setattr(linear, "SHRINK", 1.01)
        corner = linear.Units(np.ones((U, 1, D)), np.full((U, 1), -9.0), np.ones((U, 1)))
        pair = (released(w, BOXES[0], "squared", clip=0.31) for w in (corner, without(corner, 1)))
        assert squared_distance(*pair) > Fraction(0.31) ** 2
        return
    monkeypatch.setattr(linear, "rounded_down", lambda values, bits: values)
    sums = {
        linear.mean_sum(
            linear.Units(whole.x[order], whole.y[order], whole.weight[order]), BOXES[0]
        ).tobytes()
        for order in (draw.permutation(U) for _ in range(50))
    }
    assert len(sums) > 1
