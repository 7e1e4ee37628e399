"""The accountant against its table, against dp-accounting step by step, and exact formulas."""

from __future__ import annotations

import math

import dp_accounting
import pytest
from dp_accounting import pld
from dp_accounting.pld import privacy_loss_distribution as distributions
from scipy.optimize import brentq
from scipy.stats import norm

from privet.claims.events import Gaussian, PoissonGaussian
from privet.dp.accounting import (
    SUPPORT,
    epsilon_for,
    mu_for,
    noise_multiplier_for,
)

RELATIONS = {
    "zero-out": dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE,
    "add-remove": dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE,
    "replace-one": dp_accounting.NeighboringRelation.REPLACE_ONE,
}


def exact_epsilon(mu: float, delta: float) -> float:
    """Balle & Wang 2018, Theorem 8, in a form of its own."""

    def excess(epsilon: float) -> float:
        high = norm.cdf(mu / 2 - epsilon / mu)
        return high - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu)) - delta

    return float(brentq(excess, 0, 200, xtol=1e-12))


def step_by_step(events, delta, relation="zero-out"):
    accountant = pld.PLDAccountant(RELATIONS[relation])
    for event in events:
        one = dp_accounting.GaussianDpEvent(event.noise_multiplier)
        if isinstance(event, PoissonGaussian):
            one = dp_accounting.PoissonSampledDpEvent(event.rate, one)
        for _ in range(event.count):
            accountant.compose(one)
    return accountant.get_epsilon(delta)


def test_the_table_is_this_one():
    supported = {key for key, support in SUPPORT.items() if support.supported}
    assert supported == {
        (relation, sampler, "pld")
        for relation in RELATIONS
        for sampler in ("every-unit", "poisson")
    }
    assert len(SUPPORT) == 3 * 5 * 3
    assert all(support.supported or support.reason for support in SUPPORT.values())


@pytest.mark.parametrize("delta", [1e-3, 1e-6])
@pytest.mark.parametrize(
    "events",
    [
        (Gaussian(4.0, 9),),
        (Gaussian(8.0), Gaussian(10.0, 12)),
        (Gaussian(50.0, 7), Gaussian(90.0, 3)),
    ],
)
@pytest.mark.parametrize("relation", RELATIONS)
def test_gaussians_on_every_unit_are_exact(events, delta, relation):
    doubled = 2 if relation == "replace-one" else 1
    mu = doubled * math.sqrt(sum(e.count / e.noise_multiplier**2 for e in events))
    truth = exact_epsilon(mu, delta)
    ours = epsilon_for(events, delta, relation)
    assert truth - 1e-6 <= ours <= truth + 1e-3
    theirs = step_by_step(events, delta, relation)
    assert ours <= theirs + 1e-6  # they discretise each step, we none
    assert ours >= theirs - 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(
    "event",
    [
        PoissonGaussian(1.0, 6, rate=0.05),
        PoissonGaussian(3.0, 5, rate=0.5),
    ],
)
def test_poisson_samples_are_what_the_library_composes_step_by_step(event, relation):
    theirs = step_by_step((event,), 1e-5, relation)
    ours = epsilon_for(event, 1e-5, relation)
    assert theirs - 1e-6 <= ours <= theirs + 1e-3


@pytest.mark.slow
def test_a_finer_grid_of_losses_confirms_the_bound():
    event = PoissonGaussian(1.0, 100, rate=0.02)
    fine = distributions.from_gaussian_mechanism(
        1.0, value_discretization_interval=1e-5, sampling_prob=0.02
    ).self_compose(100)
    lower = distributions.from_gaussian_mechanism(
        1.0,
        pessimistic_estimate=False,
        value_discretization_interval=1e-5,
        sampling_prob=0.02,
        use_connect_dots=False,
    ).self_compose(100)
    ours = epsilon_for(event, 1e-5)
    assert ours >= lower.get_epsilon_for_delta(1e-5)
    assert fine.get_epsilon_for_delta(1e-5) - 1e-6 <= ours
    assert ours <= fine.get_epsilon_for_delta(1e-5) + 1e-3


def test_mixed_releases_compose():
    events = (Gaussian(6.0), PoissonGaussian(1.2, 4, rate=0.1))
    theirs = step_by_step(events, 1e-5)
    assert theirs - 1e-6 <= epsilon_for(events, 1e-5) <= theirs + 1e-3


def test_replacing_doubles_the_sensitivity_once():
    """The library's own two accountants disagree here: 17.86 (PLD) and 8.08 (RDP)."""
    thousand = Gaussian(20.0, 1000)
    assert epsilon_for(thousand, 1e-5) == pytest.approx(7.51128, abs=1e-4)
    assert epsilon_for(thousand, 1e-5, "replace-one") == pytest.approx(17.85659, abs=1e-4)
    assert epsilon_for(Gaussian(10.0, 1000), 1e-5) == pytest.approx(17.85659, abs=1e-4)
    assert mu_for(1.0, 1e-5) == pytest.approx(2 * mu_for(1.0, 1e-5, "replace-one"), rel=1e-7)


@pytest.mark.slow
def test_published_figures():
    sampled = PoissonGaussian(1.0, 1000, rate=0.01)
    assert epsilon_for(sampled, 1e-5) == pytest.approx(1.828, abs=1e-3)
    noise = noise_multiplier_for(1.0, 1e-5, count=1000, rate=0.01)
    assert noise == pytest.approx(1.4147, abs=2e-4)
