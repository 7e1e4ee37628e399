"""What a sequence of private releases adds up to, and the noise that a budget allows.

One table, `SUPPORT`, maps relation x sampler x accountant to supported or refused. All figures
come from privacy loss distributions (PLD) of the package dp-accounting, pessimistic estimate,
with two parts of our own around them:

* Gaussians that see every unit are collapsed into one before any discretisation: mechanisms
  with noise multipliers s_i compose exactly to one with mu^2 = sum 1 / s_i^2 (Dong, Roth & Su
  2019, "Gaussian differential privacy", Cor. 3.3). This is an identity, not the central limit
  approximation, which under-reports and is refused.
* Calibrations find their way with a fast estimate, are cached, and what they find is changed
  until dp-accounting itself confirms the budget.

Under "replace-one" a unit's leaving and another's coming both count, so the sensitivity doubles;
that factor is applied here, once, and nowhere else.
"""

from __future__ import annotations

from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.dp.accountant.calibrate import (
    MOST_STEPS,
    SLACK,
    mu_for,
    noise_multiplier_for,
    release,
    steps_for,
)
from privet.dp.accountant.estimate import estimate_epsilon
from privet.dp.accountant.spent import (
    INTERVAL,
    Events,
    accountant_name,
    epsilon_for,
    epsilon_on_grid,
    gaussian_delta,
    rho_for,
)
from privet.dp.accountant.support import (
    ACCOUNTANTS,
    GRID,
    LARGEST,
    MECHANISM,
    SUPPORT,
    Support,
    check_budget,
    check_supported,
    default_delta,
    split_delta,
)

__all__ = [
    "ACCOUNTANTS",
    "GRID",
    "INTERVAL",
    "LARGEST",
    "MECHANISM",
    "MOST_STEPS",
    "SLACK",
    "SUPPORT",
    "Event",
    "Events",
    "Gaussian",
    "PoissonGaussian",
    "Support",
    "accountant_name",
    "check_budget",
    "check_supported",
    "default_delta",
    "epsilon_for",
    "epsilon_on_grid",
    "estimate_epsilon",
    "gaussian_delta",
    "mu_for",
    "noise_multiplier_for",
    "release",
    "rho_for",
    "split_delta",
    "steps_for",
]
