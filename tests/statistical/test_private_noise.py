"""Is the noise of private linear training as large as the guarantee says, and no larger?

The releases are taken from real fits with fixed seeds: the centre of the features, and the
parameters after one step. The attack knows everything but the noise, so what it measures is
the whole budget: the shift that one unit makes, in deviations of the noise, over both releases.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from privet.dp import linear
from privet.dp.accounting import mu_for
from privet.entropy import reproducible_stream
from privet.models import model_for
from privet.protect import Private
from privet.protect.base import Facts, Plan, Rows, Unwatched
from privet.protect.private_linear import private_mean

pytestmark = pytest.mark.statistical

OTHERS = 88
N = OTHERS + 1
EPSILON, DELTA = 1.0, 0.01
MODELS = 2000
MODEL = model_for("logistic", classes=2)
FACTS = Facts(
    rows=N, features=2, outputs=1, classes=2,
    low=np.full(2, -1.0), high=np.ones(2), norm=2**0.5, units=N,
)  # fmt: skip


def rows(*, there: bool) -> Rows:
    """One unit at (1, 1) of class 1; the others at 0, half of each class."""
    x = np.zeros((N, 2))
    x[0] = 1.0
    y = np.r_[1, np.zeros(OTHERS // 2, np.int64), np.ones(OTHERS // 2, np.int64)]
    weight = np.ones(N)
    weight[0] = float(there)
    return Rows(x=x, y=y, facts=FACTS, weight=weight)


def private(seed: int, **changes) -> Private:
    return Private(EPSILON, DELTA, steps=1, insecure_seed=seed, **changes)


def scores(plan: Plan, claimed: list[float], monkeypatch, *, there: bool) -> np.ndarray:
    """(MODELS,) the most powerful score for the unit's presence, from both releases."""
    centres = []
    train = linear.train_linear

    def watched(*args, centre, **rest):
        centres.append(centre)
        return train(*args, centre=centre, **rest)

    given, bias = rows(there=there), plan.settings["bias"]
    length = plan.settings["step_size"] * plan.settings["clip"] / N
    first = 0 if there else MODELS  # no noise is used twice
    found = np.empty(MODELS)
    with monkeypatch.context() as patch:
        patch.setattr(linear, "train_linear", watched)
        for i in range(MODELS):
            params = private(first + i).run(MODEL, given, plan, Unwatched()).params
            centre, w = centres[i], params["w"][:, 0]
            theta = np.r_[w, (params["b"][0] + centre @ w) / bias]
            towards = np.r_[1 - centre, bias]
            moved = theta @ towards / np.linalg.norm(towards) / length
            mean = N * centre.sum() / 2**0.5 / 2**0.5  # in radii, towards (1, 1)
            found[i] = mean / claimed[0] ** 2 + moved / claimed[1] ** 2
    return found


def separation(plan: Plan, claimed: list[float], monkeypatch) -> float:
    """Shift over deviation between fits with the unit and without it."""
    present, absent = (scores(plan, claimed, monkeypatch, there=t) for t in (True, False))
    deviation = math.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return float((present.mean() - absent.mean()) / deviation)


def error(mu: float) -> float:
    """Deviation of `separation` (Hedges & Olkin 1985, ch. 5)."""
    return math.sqrt((2 + mu**2 / 4) / MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("relation", ["zero-out", "replace-one"])
def test_neighbours_are_as_far_apart_as_the_budget_allows(relation, monkeypatch):
    """A right implementation fails with a chance below 1.2e-6 (5 deviations, two-sided)."""
    plan = private(0, relation=relation).plan(MODEL, FACTS)
    noise = plan.settings["noise_multipliers"]
    # Leaving out is half of replacing, so half the shift must be seen there.
    mu = mu_for(EPSILON, DELTA, relation)
    assert abs(separation(plan, noise, monkeypatch) - mu) < 5 * error(mu)

    halved = replace(plan, settings={**plan.settings, "noise_multipliers": [s / 2 for s in noise]})
    assert separation(halved, noise, monkeypatch) - mu > 5 * error(mu)


def test_noise_on_the_mean_has_the_claimed_deviation():
    """Rejects the right deviation with a chance of 1e-6; a tenth more or less with all but 1e-9."""
    box = linear.Box(low=np.full(50, -1.0), high=np.ones(50), norm=3.0)
    units = linear.Units(np.full((200, 1, 50), 0.1), np.zeros((200, 1)), np.ones((200, 1)))
    settings = {"units": 200, "relation": "zero-out"}
    draws = np.array(
        [
            private_mean(units, box, 2.0, settings, reproducible_stream(seed)) - 0.1
            for seed in range(200)
        ]
    ).ravel()
    claimed = box.radius * 2.0 / 200

    def fits(deviation: float) -> bool:
        ratio = float((draws**2).sum()) / deviation**2
        return bool(chi2.ppf(5e-7, draws.size) < ratio < chi2.isf(5e-7, draws.size))

    assert fits(claimed)
    assert not fits(0.9 * claimed)
    assert not fits(1.1 * claimed)
    # The mean itself: within 5 standard errors, a chance below 1e-6.
    assert abs(draws.mean()) < 5 * claimed / math.sqrt(draws.size)
