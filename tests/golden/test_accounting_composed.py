"""The accountant against figures that dp-accounting composed event by event.

The oracle adds one event at a time and never composes an event with itself, which takes minutes;
its epsilons at delta 1e-5 (version 0.6.0) are written down here and were made by

    accountant = dp_accounting.pld.PLDAccountant(relation)
    for event in events:
        accountant.compose(event)       # GaussianDpEvent or PoissonSampledDpEvent
    accountant.get_epsilon(1e-5)

Zero-out was composed under ADD_OR_REMOVE_ONE and under REPLACE_SPECIAL, with the same result.
"""

from __future__ import annotations

import math

import pytest
from dp_accounting.pld import privacy_loss_distribution as distributions
from scipy.optimize import brentq
from scipy.stats import norm

from privet.dp.accounting import (
    SUPPORT,
    Gaussian,
    PoissonGaussian,
    check_supported,
    epsilon_for,
    gaussian_delta,
    mu_for,
    noise_multiplier_for,
)
from privet.errors import Refused

DELTA = 1e-5
COMPOSED = [
    # events, epsilon of zero-out and add-remove, epsilon of replace-one
    ((PoissonGaussian(1.0, 1, rate=0.01),), 0.19945047347144237, 0.2093715765442203),
    ((PoissonGaussian(1.0, 20, rate=0.01),), 0.4549331075628816, 0.5003351829230288),
    ((PoissonGaussian(1.0, 200, rate=0.01),), 0.9124759665632947, 1.2280825249944443),
    ((PoissonGaussian(2.0, 10, rate=0.1),), 0.7984675092979598, 1.2528295791798447),
    ((PoissonGaussian(2.0, 40, rate=0.1),), 1.483529880389911, 2.6122820883821025),
    ((Gaussian(30.0, 200),), 1.8663708807924002, 4.089235173098787),
    (
        (Gaussian(10.0, 40), PoissonGaussian(1.5, 5, rate=0.1)),
        2.732056316892499,
        5.947795061436848,
    ),
]


@pytest.mark.parametrize("relation", ["zero-out", "add-remove", "replace-one"])
@pytest.mark.parametrize(("events", "one_sided", "replaced"), COMPOSED)
def test_epsilons_are_those_of_composing_event_by_event(events, one_sided, replaced, relation):
    oracle = replaced if relation == "replace-one" else one_sided
    ours = epsilon_for(events, DELTA, relation)
    # The oracle rounds the loss of each Gaussian up anew; ours are one before they are rounded.
    rounded = 1e-8 * sum(e.count for e in events if not isinstance(e, PoissonGaussian))
    assert oracle - 1e-6 - rounded <= ours <= oracle + 1e-3


REASONS = {
    ("every-unit", "pld"): None,
    ("every-unit", "rdp"): "Renyi",
    ("every-unit", "clt"): "central limit",
    ("poisson", "pld"): None,
    ("poisson", "rdp"): "Renyi",
    ("poisson", "clt"): "central limit",
    ("fixed-size", "pld"): "fixed size",
    ("fixed-size", "rdp"): "Renyi",
    ("fixed-size", "clt"): "central limit",
    ("shuffled", "pld"): "shuffled",
    ("shuffled", "rdp"): "Renyi",
    ("shuffled", "clt"): "central limit",
    ("truncated-poisson", "pld"): "cutting a sample off",
    ("truncated-poisson", "rdp"): "Renyi",
    ("truncated-poisson", "clt"): "central limit",
}


@pytest.mark.parametrize("relation", ["zero-out", "add-remove", "replace-one"])
@pytest.mark.parametrize(("sampler", "accountant"), REASONS)
def test_every_cell_of_the_table(relation, sampler, accountant):
    reason = REASONS[sampler, accountant]
    assert SUPPORT[relation, sampler, accountant].supported is (reason is None)
    if reason is None:
        check_supported(relation, sampler, accountant)
    else:
        with pytest.raises(Refused, match=reason):
            check_supported(relation, sampler, accountant)


def limit_epsilon(noise: float, count: int, rate: float, delta: float) -> float:
    """What the central limit theorem says (Bu, Dong, Long & Su 2020, section 2.4)."""
    mu = rate * math.sqrt(count * math.expm1(1 / noise**2))

    def excess(epsilon: float) -> float:
        tail = math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))
        return float(norm.cdf(mu / 2 - epsilon / mu)) - tail - delta

    return float(brentq(excess, 0, 100))


@pytest.mark.parametrize(("noise", "count", "rate"), [(1.0, 1, 0.01), (0.8, 20, 0.01)])
def test_the_central_limit_reports_less_than_is_surely_spent(noise, count, rate):
    """Which is why it is refused; the lower bound is an optimistic discretisation."""
    surely = (
        distributions.from_gaussian_mechanism(
            noise,
            pessimistic_estimate=False,
            value_discretization_interval=1e-3,
            sampling_prob=rate,
            use_connect_dots=False,
        )
        .self_compose(count)
        .get_epsilon_for_delta(DELTA)
    )
    event = PoissonGaussian(noise, count, rate=rate)
    assert limit_epsilon(noise, count, rate, DELTA) < 0.9 * surely
    assert surely <= epsilon_for(event, DELTA) <= surely + 0.05 + count * 2e-3


@pytest.mark.parametrize("relation", ["zero-out", "add-remove", "replace-one"])
@pytest.mark.parametrize(
    ("count", "rate"), [(1, 1.0), (200, 1.0), pytest.param(5, 0.1, marks=pytest.mark.slow)]
)
def test_a_thousandth_less_noise_exceeds_the_budget(count, rate, relation):
    noise = noise_multiplier_for(1.0, DELTA, count=count, rate=rate, relation=relation)

    def spent(share: float) -> float:
        if rate == 1:
            return epsilon_for(Gaussian(share * noise, count), DELTA, relation)
        return epsilon_for(PoissonGaussian(share * noise, count, rate=rate), DELTA, relation)

    assert spent(1.0) <= 1.0 < spent(0.999)


@pytest.mark.parametrize("relation", ["zero-out", "replace-one"])
@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-3), (1.0, 1e-5), (8.0, 1e-6)])
def test_a_thousandth_more_mu_exceeds_the_budget(epsilon, delta, relation):
    mu = mu_for(epsilon, delta, relation)
    assert epsilon_for(Gaussian(1 / mu), delta, relation) <= epsilon
    assert epsilon_for(Gaussian(1 / (1.001 * mu)), delta, relation) > epsilon
    doubled = 2 if relation == "replace-one" else 1
    assert gaussian_delta(doubled * mu, epsilon) <= delta
    assert gaussian_delta(doubled * mu * 1.0001, epsilon) > delta
