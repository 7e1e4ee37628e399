"""Is the noise on a released comparison as large as its guarantee says, and no larger?

Seeds are fixed, so that a test that passes once always passes; had they not been, each check
would fail right code with a probability of 1e-4. The same checks fail at half and twice the noise,
and already at 0.9 and 1.1 of it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

import privet as pv
from privet.protect.choose import public
from tests.unit.protect.released_helpers import Constant, people

pytestmark = pytest.mark.statistical

ALARM = 1e-4
RUNS = 500
UNITS = 40


def released(monkeypatch, runs: int, *, ill: float = 0.5) -> tuple[np.ndarray, object]:
    """(runs, 3) noisy sums: one score, and the counts of two classes; and the claim."""
    sums = []
    read = public.tally.estimates

    def watched(noisy, **more):
        sums.append(noisy)
        return read(noisy, **more)

    monkeypatch.setattr(public.tally, "estimates", watched)
    data, claim = people(UNITS, ill=ill), None
    for seed in range(runs):
        comparison = pv.compare(data, protections=[Constant()], release=4.0, seeds=2,
                                insecure_seed=seed)  # fmt: skip
        claim = comparison.guarantee
    monkeypatch.setattr(public.tally, "estimates", read)
    return np.array(sums), claim


def p_value(noise: np.ndarray, scale: float) -> float:
    squares = float(((noise / scale) ** 2).sum())
    return float(2 * min(chi2.cdf(squares, noise.size), chi2.sf(squares, noise.size)))


@pytest.mark.slow
def test_the_noise_has_the_scale_that_the_claim_says(monkeypatch):
    """Scale over the most that one unit adds, both from outside, is the claim's multiplier."""
    sums, claim = released(monkeypatch, RUNS)
    truth = np.array([0.0, 0.0, 0.0])  # half are ill: all three parts are centred at their truth
    most = math.sqrt(1 / 4 + 1 / 2)
    scale = claim.events[-1].noise_multiplier * most
    assert p_value(sums - truth, scale) > ALARM
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert p_value(sums - truth, factor * scale) < ALARM
    assert abs(sums.mean()) < 4 * scale / math.sqrt(sums.size)


@pytest.mark.slow
def test_the_noise_on_one_part_says_nothing_about_another(monkeypatch):
    sums, _ = released(monkeypatch, RUNS)
    found = np.corrcoef(sums.T)[np.triu_indices(3, 1)]
    assert np.abs(found).max() < 4 / math.sqrt(RUNS)
    mixed = sums + 0.5 * sums[:, [1, 2, 0]]
    assert np.abs(np.corrcoef(mixed.T)[np.triu_indices(3, 1)]).max() > 4 / math.sqrt(RUNS)


def test_one_unit_is_found_no_better_than_its_multiplier_allows(monkeypatch):
    """One person falls ill: a unit leaves one end and another comes at the other."""
    (one,), claim = released(monkeypatch, 1)
    (other,), _ = released(monkeypatch, 1, ill=0.525)
    moved = float(np.linalg.norm(other - one))
    scale = claim.events[-1].noise_multiplier * math.sqrt(3 / 4)
    # Two changes under zero-out, both of full length and in one direction.
    assert moved / scale == pytest.approx(2 / claim.events[-1].noise_multiplier, rel=2e-3)
