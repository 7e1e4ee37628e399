"""Private linear training against a second implementation in NumPy, without noise.

The reference forms every unit's gradient as a matrix and clips it by its own norm; the library
never forms one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as shares

from privet.dp import linear
from privet.dp.clipping import SHRINK, x64
from privet.dp.linear_defaults import LinearSettings
from privet.models.losses import logistic, softmax, squared

D, N = 3, 40
BOX = linear.Box(low=np.full(D, -1.0), high=np.ones(D), norm=3**0.5)
CENTRE = np.array([0.2, -0.1, 0.0])
LOSSES = {"logistic": (logistic, 1), "squared": (squared, 1), "softmax": (softmax, 3)}
SETTINGS = LinearSettings(clip=0.4, step_size=3.0, steps=25)
NOISE = 1e-2


def some(loss: str, rows: int) -> linear.Units:
    """Units of 1 to `rows` weighted rows."""
    draw = np.random.default_rng(rows)
    x = draw.uniform(-1, 1, (N, rows, D))
    classes = max(LOSSES[loss][1], 2)
    y = x[..., 0] - x[..., 1] + 0.2 * draw.normal(size=(N, rows))
    if loss != "squared":
        y = np.digitize(y, np.linspace(-0.5, 0.5, classes - 1) if classes > 2 else [0.0])
    weight = draw.uniform(0.2, 3.0, (N, rows))
    weight[:, 1:] *= draw.integers(0, 2, (N, rows - 1))
    return linear.inside(linear.Units(x=x, y=y, weight=weight), BOX)


def train(given: linear.Units, loss: str, *, centre=CENTRE, normaliser=N, **changes):
    function, outputs = LOSSES[loss]
    chosen = replace(SETTINGS, **changes)
    return linear.train_linear(
        given,
        function,
        outputs=outputs,
        centre=centre,
        settings=chosen,
        noise=np.zeros((chosen.steps, D + 1, outputs)),
        noise_multiplier=NOISE,
        normaliser=normaliser,
        l2=0.5,
        most_units=N,
    )


def slope_of_loss(loss: str, scores, y):
    """d loss / d scores by hand, (K,)."""
    if loss == "squared":
        return scores - y
    if loss == "logistic":
        return expit(scores) - y
    return shares(scores) - np.eye(len(scores))[y]


def shortened(gradient, limit):
    return gradient * min(1.0, limit / max(np.linalg.norm(gradient), limit))


def gradient_of_unit(loss: str, z, y, weight, theta, clip):
    """(D + 1, K): rows clipped, summed, clipped."""
    limit, total = clip * SHRINK, np.zeros_like(theta)
    for row, target, heaviness in zip(z, y, weight, strict=True):
        if heaviness > 0:
            slope = slope_of_loss(loss, row @ theta, target)
            total += shortened(heaviness * np.outer(row, slope), limit)
    return shortened(total, limit)


def reference(given: linear.Units, loss: str, **changes):
    """Steps 2 to 5 of `privet.dp.linear` in plain loops."""
    chosen = replace(SETTINGS, **changes)
    z = np.concatenate([given.x - CENTRE, np.full((*given.y.shape, 1), chosen.bias)], axis=2)
    theta = np.zeros((D + 1, LOSSES[loss][1]))
    last, length, kept = np.zeros_like(theta), chosen.step_size, []
    chance = chosen.evidence * (chosen.clip * NOISE / N) ** 2 * theta.size**0.5
    for _ in range(chosen.steps):
        total = sum(
            gradient_of_unit(loss, *unit, theta, chosen.clip)
            for unit in zip(z, given.y, given.weight, strict=True)
        )
        penalty = 0.5 * np.vstack([theta[:D], np.zeros_like(theta[D:])])
        slope = (total + penalty) / N
        agreement = (slope * last).sum()
        length *= chosen.growth if agreement > chance else 1.0
        length *= chosen.shrinkage if agreement < -chance else 1.0
        theta, last = theta - length * slope, slope
        kept.append(theta)
    mean = np.mean(kept[int(chosen.steps * chosen.average_from) :], axis=0)
    return mean[:D], chosen.bias * mean[D] - CENTRE @ mean[:D]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_without_noise_it_is_descent_on_clipped_gradients_of_units(loss, rows):
    given = some(loss, rows)
    w, b = reference(given, loss)
    found = train(given, loss)
    # Features and slopes are kept to some 20 binary digits after the point.
    assert found["w"] == pytest.approx(w, abs=1e-5)
    assert found["b"] == pytest.approx(b, abs=1e-5)
    assert np.abs(w).max() > 0.05
    # The clip binds: without it, training ends elsewhere.
    free, _ = reference(given, loss, clip=100.0)
    assert np.abs(free - w).max() > 1e-3


@pytest.mark.parametrize("loss", LOSSES)
def test_a_units_gradient_is_clipped_as_if_it_had_been_formed(loss):
    given = some(loss, 3)
    scores = np.random.default_rng(2).normal(size=(N, 3, LOSSES[loss][1]))
    z = np.where((given.weight > 0)[..., None], given.x, 0.0)
    with x64():
        gram = np.einsum("uid,ujd->uij", z, z)
        e = linear.residuals(LOSSES[loss][0], scores, given.y, given.weight, gram, 0.4, 40)
    found = np.einsum("uid,uik->udk", z, np.asarray(e))
    bound = 0
    for unit in range(N):
        whole = np.zeros_like(found[0])
        for i in np.flatnonzero(given.weight[unit]):
            slope = slope_of_loss(loss, scores[unit, i], given.y[unit, i])
            one = given.weight[unit, i] * np.outer(z[unit, i], slope)
            whole += shortened(one, 0.4 * SHRINK)
        assert found[unit] == pytest.approx(shortened(whole, 0.4 * SHRINK), abs=1e-9)
        bound += np.linalg.norm(whole) > 0.4
    assert 0 < bound < N


def test_weights_act_before_the_clip():
    """A light row counts by its weight, unclipped; a heavy one is cut to the clip."""
    given = some("squared", 1)
    once = {"steps": 1, "average_from": 0.0}
    free, _ = reference(replace(given, weight=np.ones((N, 1))), "squared", clip=1e6, **once)
    light = train(replace(given, weight=np.full((N, 1), 1e-3)), "squared", **once)["w"]
    assert light == pytest.approx(1e-3 * free, rel=1e-3)
    only = np.zeros((N, 1))
    only[5] = 1e6
    heavy = train(replace(given, weight=only), "squared", bias=1e-9, **once)["w"]
    most = SETTINGS.step_size * SETTINGS.clip * SHRINK / N
    assert np.linalg.norm(heavy) == pytest.approx(most, rel=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", ["x", "y", "weight"])
def test_a_row_that_is_not_finite_leaves_the_bits_of_a_fit_without_it(part, value):
    given = some("squared", 1)
    spoilt = replace(given, **{part: getattr(given, part).copy()})
    getattr(spoilt, part)[7] = value
    left = np.delete(np.arange(N), 7)
    absent = linear.Units(given.x[left], given.y[left], given.weight[left])
    found, expected = (train(linear.inside(u, BOX), "squared", steps=8) for u in (spoilt, absent))
    assert found["w"].tobytes() == expected["w"].tobytes()
    assert found["b"].tobytes() == expected["b"].tobytes()
    whole = train(given, "squared", steps=8)
    assert whole["w"].tobytes() != expected["w"].tobytes()


@pytest.mark.parametrize("rows", [1, 3])
def test_a_model_has_the_same_bits_in_any_order_of_units(rows):
    given = some("logistic", rows)
    first = train(given, "logistic", steps=12)["w"]
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(N)
        moved = linear.Units(given.x[order], given.y[order], given.weight[order])
        assert train(moved, "logistic", steps=12)["w"].tobytes() == first.tobytes()


@pytest.mark.parametrize(("part", "value"), [("x", np.nan), ("y", np.inf), ("weight", np.inf)])
def test_the_other_rows_of_a_unit_with_a_row_that_is_not_finite_still_count(part, value):
    given = some("squared", 3)
    spoilt = replace(given, **{part: getattr(given, part).copy()})
    getattr(spoilt, part)[7, 0] = value
    absent = replace(given, weight=given.weight.copy())
    absent.weight[7, 0] = 0.0
    found, expected = (train(linear.inside(u, BOX), "squared", steps=8) for u in (spoilt, absent))
    assert found["w"].tobytes() == expected["w"].tobytes()
    sums = [linear.mean_sum(linear.inside(u, BOX), BOX).tobytes() for u in (spoilt, absent, given)]
    assert sums[0] == sums[1] != sums[2]
