"""Budgets that are refused, noise that is enough and no more, delta in parts."""

from __future__ import annotations

import math

import pytest

from privet.claims.events import Gaussian, PoissonGaussian
from privet.dp.accountant import calibrate
from privet.dp.accounting import (
    check_budget,
    check_supported,
    default_delta,
    epsilon_for,
    mu_for,
    noise_multiplier_for,
    split_delta,
)
from privet.errors import InvalidBudget, InvalidInput, Refused


@pytest.mark.parametrize("epsilon", [0, -1, math.inf, math.nan, "much"])
def test_epsilons_that_mean_nothing_are_refused(epsilon):
    with pytest.raises(InvalidBudget, match="epsilon"):
        check_budget(epsilon, 1e-6, 100)


@pytest.mark.parametrize("delta", [0, 1, 0.01, 0.5, math.nan])
def test_deltas_of_a_unit_or_more_are_refused(delta):
    with pytest.raises(InvalidBudget, match="delta"):
        check_budget(1.0, delta, 100)


def test_the_default_delta_can_be_used():
    for units in (1, 2, 150, 10**6):
        check_budget(1.0, default_delta(units), units)
    assert default_delta(1000) == 1000**-1.1


@pytest.mark.parametrize("sampler", ["fixed-size", "shuffled", "truncated-poisson"])
def test_samples_that_are_not_independent_draws_are_refused(sampler):
    with pytest.raises(Refused, match="draws"):
        epsilon_for(Gaussian(1.0, sampler=sampler), 1e-5)


@pytest.mark.parametrize("accountant", ["rdp", "clt"])
def test_other_accountants_are_refused(accountant):
    with pytest.raises(Refused, match=accountant):
        check_supported("zero-out", "poisson", accountant)


def test_malformed_events_are_refused():
    with pytest.raises(InvalidInput):
        PoissonGaussian(1.0, rate=1.5)
    with pytest.raises(InvalidBudget):
        Gaussian(0.0)
    with pytest.raises(InvalidInput):
        check_supported("neighbours", "poisson")


@pytest.mark.parametrize("relation", ["zero-out", "replace-one"])
@pytest.mark.parametrize("rate", [1.0, 0.2])
@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_calibrated_noise_is_enough_and_hardly_more(epsilon, rate, relation):
    noise = noise_multiplier_for(epsilon, 1e-5, count=20, rate=rate, relation=relation)
    event = Gaussian(noise, 20) if rate == 1 else PoissonGaussian(noise, 20, rate=rate)
    spent = epsilon_for(event, 1e-5, relation)
    assert epsilon - 1e-3 <= spent <= epsilon


def test_the_square_of_mu_is_what_is_shared_out():
    mu = mu_for(1.0, 1e-5)
    parts = [Gaussian(1 / (mu * math.sqrt(share))) for share in (0.15, 0.85)]
    assert 1 - 1e-6 <= epsilon_for(parts, 1e-5) <= 1 + 1e-9


def test_noise_beside_other_releases_covers_both():
    beside = Gaussian(20.0)
    noise = noise_multiplier_for(1.0, 1e-5, count=5, rate=0.5, beside=beside)
    alone = noise_multiplier_for(1.0, 1e-5, count=5, rate=0.5)
    assert noise > alone
    both = (beside, PoissonGaussian(noise, 5, rate=0.5))
    assert 1 - 1e-3 <= epsilon_for(both, 1e-5) <= 1
    with pytest.raises(InvalidBudget, match="already"):
        noise_multiplier_for(0.1, 1e-5, beside=Gaussian(1.0))


def test_calibrations_are_computed_once(monkeypatch):
    first = noise_multiplier_for(0.77, 1e-5, count=3, rate=0.3)
    monkeypatch.setattr(calibrate, "epsilon_on_grid", None)
    assert noise_multiplier_for(0.77, 1e-5, count=3, rate=0.3) == first


def test_delta_is_split_by_name():
    split = split_delta(1.0, 1e-6, 10**6, truncation=1e-9)
    assert set(split) == {"mechanism", "noise on a grid", "truncation"}
    assert sum(split.values()) == pytest.approx(1e-6, rel=1e-12)
    assert 0 < split["noise on a grid"] < 1e-12
    with pytest.raises(InvalidBudget, match="delta"):
        split_delta(16.0, 1e-12, 10**9)


def test_sampling_at_every_unit_is_no_sampling():
    assert epsilon_for(PoissonGaussian(3.0, 4, rate=1.0), 1e-5) == epsilon_for(
        Gaussian(3.0, 4), 1e-5
    )
