"""Private linear training: what one unit can change, exactly; steps that adapt; settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privet.dp import linear
from privet.dp.clipping import x64
from privet.dp.linear_defaults import LinearSettings, counted_penalty, linear_settings
from privet.dp.mechanisms import gaussian_noise
from privet.entropy import reproducible_stream
from privet.models.losses import logistic, softmax, squared

BOX = linear.Box(low=np.full(3, -1.0), high=np.ones(3), norm=float(np.sqrt(3)))


def units(count: int = 40, rows: int = 1, seed: int = 0) -> linear.Units:
    draw = np.random.default_rng(seed)
    return linear.Units(
        x=draw.uniform(-1, 1, (count, rows, 3)),
        y=draw.integers(0, 2, (count, rows)),
        weight=np.ones((count, rows)),
    )


def without(given: linear.Units, unit: int) -> linear.Units:
    weight = given.weight.copy()
    weight[unit] = 0.0
    return replace(given, weight=weight)


def train(given: linear.Units, loss=logistic, *, noise=1e-3, outputs=1, **changes):
    chosen = replace(LinearSettings(), **changes)
    drawn = gaussian_noise(
        (chosen.steps, 4, outputs), scale=chosen.clip * noise, stream=reproducible_stream(3)
    )
    return linear.train_linear(
        given,
        loss,
        outputs=outputs,
        centre=np.zeros(3),
        settings=chosen,
        noise=drawn,
        noise_multiplier=noise,
        normaliser=len(given.x),
    )


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(("loss", "outputs"), [(logistic, 1), (squared, 1), (softmax, 2)])
def test_no_unit_changes_a_sum_by_more_than_the_clip(rows, loss, outputs):
    given = units(30, rows)
    z = np.concatenate([50 * given.x, np.ones((30, rows, 1))], axis=2)
    scores = np.random.default_rng(1).normal(size=(30, rows, outputs))
    with x64():
        clipped = np.asarray(
            linear.residuals(
                loss, scores, given.y, given.weight, np.einsum("uid,ujd->uij", z, z), 0.3, 30
            )
        )
    lengths = np.linalg.norm(np.einsum("uid,uik->udk", z, clipped), axis=(1, 2))
    assert lengths.max() <= 0.3
    assert lengths.max() > 0.29


def test_the_sum_of_means_changes_by_exactly_one_unit_and_at_most_the_radius():
    given = linear.inside(units(50, 3), BOX)
    whole = linear.mean_sum(given, BOX)
    for unit in range(5):
        change = np.linalg.norm(whole - linear.mean_sum(without(given, unit), BOX))
        assert 0 < change <= BOX.radius


@pytest.mark.parametrize("part", ["x", "y", "weight"])
def test_a_row_that_is_not_finite_counts_as_absent(part):
    given = units()
    spoilt = replace(given, y=given.y.astype(float))
    getattr(spoilt, part)[4] = np.nan
    found, expected = (
        train(linear.inside(u, BOX)) for u in (spoilt, without(given, 4))
    )
    assert np.array_equal(found["w"], expected["w"])


def test_rows_beyond_the_bounds_are_moved_inside():
    far = replace(units(), x=units().x * 100)
    inside = linear.inside(far, BOX).x
    assert np.abs(inside).max() <= 1
    assert np.linalg.norm(inside, axis=2).max() <= BOX.norm


def test_with_little_noise_descent_finds_the_least_squares():
    given = units(400)
    target = 0.1 * given.x[..., 0] - 0.2 * given.x[..., 2] + 0.05
    found = train(
        replace(given, y=target), squared, clip=4.0, step_size=1.0, bias=1.0, steps=400
    )
    assert found["w"][:, 0] == pytest.approx([0.1, 0.0, -0.2], abs=1e-3)
    assert found["b"][0] == pytest.approx(0.05, abs=1e-3)


def test_a_step_that_is_too_long_shrinks_and_one_too_short_grows():
    given = units(400)
    aimed = replace(given, y=0.3 * given.x[..., 0])
    fixed = {"growth": 1.0, "shrinkage": 1.0}

    def error(**changes):
        w = train(aimed, squared, bias=1.0, steps=60, **changes)["w"][:, 0]
        return float(np.linalg.norm(w - [0.3, 0, 0]))

    assert error(clip=1.0, step_size=8.0) < 0.05 < error(clip=1.0, step_size=8.0, **fixed)
    assert error(clip=1.0, step_size=0.02) < error(clip=1.0, step_size=0.02, **fixed) / 2


def test_pure_noise_leaves_the_step_alone():
    empty = replace(units(), weight=np.zeros((40, 1)))
    noisy, fixed = (
        train(empty, noise=5.0, evidence=6.0, **changes)["w"]
        for changes in ({}, {"growth": 1.0, "shrinkage": 1.0})
    )
    assert np.array_equal(noisy, fixed)


def test_settings_are_functions_of_public_facts():
    facts = {"units": 426, "features": 30, "outputs": 1, "mu": 0.4}
    two = linear_settings(classes=2, **facts)
    number = linear_settings(classes=None, **facts)
    assert two == linear_settings(classes=2, **facts)
    assert number.step_size == two.step_size / 4  # curvature 1 against 1/4
    assert linear_settings(classes=2, **{**facts, "mu": 1e-3}).steps == 20
    assert linear_settings(classes=2, **{**facts, "units": 10**7}).steps == 200


def test_a_penalty_counts_beyond_what_noise_does():
    assert counted_penalty(1.0, kind="logistic", norm=5.0, mu=0.4) == 0
    assert counted_penalty(100.0, kind="logistic", norm=2.0, mu=0.5) == 98.0
    assert counted_penalty(0.0, kind="squared", norm=0.0, mu=0.5) == 0
