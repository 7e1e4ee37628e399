"""Noise, steps and rho of a budget, against dp-accounting itself; what means nothing is refused."""

from __future__ import annotations

import dp_accounting
import pytest
from dp_accounting import pld
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.dp.accounting import (
    Gaussian,
    PoissonGaussian,
    epsilon_for,
    estimate_epsilon,
    noise_multiplier_for,
    rho_for,
    steps_for,
)
from privet.errors import InvalidBudget, InvalidInput, Refused

RELATIONS = {
    "zero-out": dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE,
    "add-remove": dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE,
    "replace-one": dp_accounting.NeighboringRelation.REPLACE_ONE,
}
GRID = [(1.0, 0.01, 200, 1e-5), (2.0, 0.1, 40, 1e-6), (5.0, 0.5, 20, 1e-3)]


def oracle(noise, rate, steps, delta, relation):
    one = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    accountant = pld.PLDAccountant(RELATIONS[relation])
    accountant.compose(dp_accounting.SelfComposedDpEvent(one, steps))
    return accountant.get_epsilon(delta)


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(("noise", "rate", "steps", "delta"), GRID)
def test_epsilon_and_its_estimate_are_those_of_the_library(noise, rate, steps, delta, relation):
    event = PoissonGaussian(noise, steps, rate=rate)
    truth = oracle(noise, rate, steps, delta, relation)
    assert truth - 1e-6 <= epsilon_for(event, delta, relation) <= truth + 1e-3
    assert estimate_epsilon((event,), delta, relation) == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(("rate", "steps"), [(0.05, 50), (0.5, 10)])
def test_calibrated_noise_spends_the_budget_in_the_librarys_eyes(rate, steps, relation):
    noise = noise_multiplier_for(1.0, 1e-5, count=steps, rate=rate, relation=relation)
    assert 1 - 1e-3 <= oracle(noise, rate, steps, 1e-5, relation) <= 1 + 1e-6


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(("noise", "rate"), [(2.0, 0.05), (20.0, 1.0)])
def test_one_step_more_exceeds_the_budget(noise, rate, relation):
    steps = steps_for(1.0, 1e-5, noise_multiplier=noise, rate=rate, relation=relation)
    assert oracle(noise, rate, steps, 1e-5, relation) <= 1 + 1e-6 if rate < 1 else steps > 1

    def spent(count):
        return epsilon_for(PoissonGaussian(noise, count, rate=rate), 1e-5, relation)

    assert spent(steps) <= 1 < spent(steps + 1)


def test_steps_beside_other_releases_are_fewer():
    beside = (Gaussian(10.0), PoissonGaussian(2.0, 5, rate=0.1))
    steps = steps_for(1.0, 1e-5, noise_multiplier=2.0, rate=0.05, beside=beside)
    assert 1 <= steps < steps_for(1.0, 1e-5, noise_multiplier=2.0, rate=0.05)
    more = PoissonGaussian(2.0, steps + 1, rate=0.05)
    assert epsilon_for((*beside, more), 1e-5) > 1


def test_rho_is_half_of_mu_squared():
    assert rho_for((Gaussian(2.0, 3), Gaussian(1.0))) == pytest.approx(3 / 8 + 1 / 2)
    assert rho_for(Gaussian(2.0), "replace-one") == pytest.approx(4 / 8)
    assert rho_for(()) == 0
    with pytest.raises(Refused, match="samples"):
        rho_for(PoissonGaussian(1.0, rate=0.1))


@settings(max_examples=25, deadline=None)
@given(
    noise=st.floats(0.8, 5), more=st.floats(1.01, 2), rate=st.floats(0.01, 0.9),
    steps=st.integers(1, 100), relation=st.sampled_from(list(RELATIONS)),
)  # fmt: skip
def test_more_noise_spends_less(noise, more, rate, steps, relation):
    less, most = (
        estimate_epsilon((PoissonGaussian(s, steps, rate=rate),), 1e-5, relation, 1e-3)
        for s in (noise * more, noise)
    )
    assert less <= most + 1e-9


def test_what_means_nothing_is_refused():
    for wrong, kind in (
        ({"noise_multiplier": 0.0}, InvalidBudget),
        ({"noise_multiplier": 1.0, "rate": 2.0}, InvalidInput),
    ):
        with pytest.raises(kind):
            steps_for(1.0, 1e-5, **wrong)
    with pytest.raises(InvalidBudget, match="delta"):
        steps_for(1.0, 1.0, noise_multiplier=1.0)
    with pytest.raises(InvalidInput, match="count"):
        noise_multiplier_for(1.0, 1e-5, count=-3)
    with pytest.raises(InvalidInput, match="rate"):
        noise_multiplier_for(1.0, 1e-5, rate=2.0)
    with pytest.raises(InvalidBudget, match="no release") as caught:
        steps_for(0.1, 1e-5, noise_multiplier=1.0)
    assert caught.value.value == 0.1 and "epsilon >=" in caught.value.bound
    enough = float(caught.value.remedy.split("=")[1])
    assert steps_for(0.1, 1e-5, noise_multiplier=enough) == 1
