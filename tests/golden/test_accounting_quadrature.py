"""The accountant against the hockey-stick divergence of one release, worked out by hand.

In units of the clip, a release without the unit follows N(0, s^2), with it the mixture
(1 - q) N(0, s^2) + q N(1, s^2), and with another in its place (1 - q) N(0, s^2) + q N(-1, s^2).
The ratio of two such densities rises or falls all the way, so the set on which one exceeds
e^epsilon times the other is a half-line, and its probabilities are normal tails.
"""

from __future__ import annotations

import math
from itertools import product

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from privet.claims.events import Gaussian, PoissonGaussian
from privet.dp.accounting import epsilon_for

RATES, DELTAS = (0.01, 0.2, 0.64, 1.0), (1e-3, 1e-6)
CASES = [
    *product((3.0,), RATES, DELTAS),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in product((0.6, 1.0), RATES, DELTAS)),
]


def density(t: float, s: float, q: float, mean: float) -> float:
    """Of the mixture over that of N(0, s^2)."""
    return 1 - q + q * math.exp((2 * mean * t - mean**2) / (2 * s**2))


def above(t: float, s: float, q: float, mean: float) -> float:
    """Probability of more than t under the mixture."""
    return float((1 - q) * norm.sf(t / s) + q * norm.sf((t - mean) / s))


def divergence(epsilon: float, s: float, q: float, first: float, second: float) -> float:
    """Hockey-stick of the mixtures at two means; the first lies higher."""

    def excess(t: float) -> float:
        ratio = math.log(density(t, s, q, first)) - math.log(density(t, s, q, second))
        return ratio - epsilon

    far = 30 * s
    if excess(far) <= 0:
        return 0.0
    t = brentq(excess, -far, far, xtol=1e-14)
    return above(t, s, q, first) - math.exp(epsilon) * above(t, s, q, second)


def exact(s: float, q: float, delta: float, relation: str) -> float:
    """Smallest epsilon that holds in both directions."""
    # Mirrored, N(0) against the mixture at 1 is N(0) against the mixture at -1: higher again.
    pairs = [(1.0, 0.0), (0.0, -1.0)] if relation != "replace-one" else [(1.0, -1.0)]

    def missing(epsilon: float) -> float:
        return max(divergence(epsilon, s, q, *pair) for pair in pairs) - delta

    return float(brentq(missing, 0.0, 60.0, xtol=1e-12)) if missing(0.0) > 0 else 0.0


@pytest.mark.parametrize("relation", ["zero-out", "add-remove", "replace-one"])
@pytest.mark.parametrize(("s", "q", "delta"), CASES)
def test_one_release_spends_what_the_divergence_says(s, q, delta, relation):
    truth = exact(s, q, delta, relation)
    ours = epsilon_for(PoissonGaussian(s, rate=q), delta, relation)
    assert truth - 1e-6 <= ours <= truth + 1e-3
    if q == 1:
        assert ours == epsilon_for(Gaussian(s), delta, relation)


def test_replacing_by_sampling_is_not_the_doubled_noise():
    """Where q is small, the worst replacement is far from two removals at one level of noise."""
    one, two, half = (
        exact(s, 0.01, 1e-6, relation)
        for s, relation in ((1.0, "zero-out"), (1.0, "replace-one"), (0.5, "zero-out"))
    )
    assert one <= two < half
