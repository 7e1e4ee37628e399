"""Can two neighbouring data sets be told apart better than the guarantee allows?

Many models are trained privately on data with one unit and without it, one step each. The
attack knows everything but the noise: the unit lies where it changes the weights the most, and
the others cancel. Under (epsilon, delta)-differential privacy, the chance to say "with" where it
is so is at most e^epsilon times the chance to say so where it is not, plus delta.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from privet.models import model_for
from privet.protect import Private
from privet.protect.base import Facts, Plan, Rows, Unwatched

OTHERS = 88
N = OTHERS + 1
EPSILON, DELTA = 1.0, 0.01
MODELS = 8000
THRESHOLDS = (1.5, 4.6)  # where the likelihood ratio is e, at half the noise and at all of it
MODEL = model_for("logistic", classes=2)
FACTS = Facts(
    rows=N,
    features=2,
    outputs=1,
    classes=2,
    low=np.full(2, -1.0),
    high=np.ones(2),
    norm=2**0.5,
    units=N,
)
DIRECTION = np.ones(2) / 2**0.5


def rows(*, there: bool) -> Rows:
    """The unit at (1, 1) of class 1; the others at 0, half of each class."""
    x = np.zeros((N, 2))
    x[0] = 1.0
    y = np.r_[1, np.zeros(OTHERS // 2, np.int64), np.ones(OTHERS // 2, np.int64)]
    weight = np.ones(N)
    weight[0] = float(there)
    return Rows(x=x, y=y, facts=FACTS, weight=weight)


def moves(plan: Plan, *, there: bool) -> np.ndarray:
    """How far each of many models moved towards the unit, in clips."""
    given, settings = rows(there=there), plan.settings
    scale = N / (settings["step_size"] * settings["clip"])
    first = 0 if there else MODELS  # no noise is used twice
    return np.array(
        [
            scale
            * float(
                DIRECTION @ private(seed).run(MODEL, given, plan, Unwatched()).params["w"][:, 0]
            )
            for seed in range(first, first + MODELS)
        ]
    )


def private(seed: int) -> Private:
    return Private(EPSILON, DELTA, steps=1, insecure_seed=seed)


def excess(with_unit: np.ndarray, without: np.ndarray) -> float:
    """By how many of its standard errors the better of two attacks beats the bound."""
    factor, found = math.exp(EPSILON), []
    for threshold in THRESHOLDS:
        hits, alarms = (with_unit > threshold).mean(), (without > threshold).mean()
        error = math.sqrt((hits * (1 - hits) + factor**2 * alarms * (1 - alarms) + 1e-9) / MODELS)
        found.append((hits - factor * alarms - DELTA) / error)
    return float(max(found))


def fits(moved: np.ndarray, deviation: float) -> bool:
    """Chi-squared test of the deviation; rejects a right one with a chance of 1e-6."""
    ratio = (MODELS - 1) * moved.var(ddof=1) / deviation**2
    return bool(chi2.ppf(5e-7, MODELS - 1) < ratio < chi2.isf(5e-7, MODELS - 1))


@pytest.mark.slow
def test_calibrated_noise_passes_and_half_of_it_is_caught():
    """A right one fails the first claim with a chance below 7e-5 (4 deviations, twice)."""
    plan = private(0).plan(MODEL, FACTS)
    noise = plan.settings["noise_multipliers"]
    present, absent = moves(plan, there=True), moves(plan, there=False)
    assert excess(present, absent) < 4
    # The sum changes by the clip, of which the weights have all but the constant feature's part.
    moved, error = present.mean() - absent.mean(), noise[-1] * math.sqrt(2 / MODELS)
    assert abs(moved - 1 / math.hypot(1, 0.25 / 2**0.5)) < 5 * error
    assert fits(absent, noise[-1])
    assert not fits(absent, noise[-1] / 2)

    halved = replace(plan, settings={**plan.settings, "noise_multipliers": [s / 2 for s in noise]})
    present, absent = moves(halved, there=True), moves(halved, there=False)
    assert excess(present, absent) > 6
    assert not fits(absent, noise[-1])
