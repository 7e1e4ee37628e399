"""Can neighbouring data be told apart better than the guarantee of DP-SGD allows?

Whole fits of a few sampled steps with fixed seeds; the attack sees the noisy sums as the
optimiser sees them, and knows everything but the sample and the noise. One unit's gradient has
the length of the clip and the others' are 0, so that the sums of a fit with the unit follow
(1 - q) N(0, s^2) + q N(1, s^2) at every step, in clips, and without it N(0, s^2): the worst pair
there is (Zhu, Dong & Wang 2022, "Optimal accounting", section 4). The test by likelihood ratio
e^epsilon then attains delta exactly, so that the claim can be missed to either side.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from privet.dp import mechanisms, training
from privet.dp.linear import Units
from privet.dp.stochastic_defaults import StochasticSettings
from privet.entropy import reproducible_stream
from privet.models.losses import squared
from privet.protect import Private
from privet.protect.base import Facts, Model, Plan, Rows, Unwatched

pytestmark = pytest.mark.statistical

N, STEPS, FITS = 16, 3, 4000
RATE = 0.25
EPSILON, DELTA = 0.7, 0.03
MODEL = Model(
    name="slope",
    init=lambda seed, features, outputs: {"slope": np.zeros(features)},
    apply=lambda params, x: (params["slope"] @ x)[None],
    loss=squared,
)
FACTS = Facts(
    rows=N, features=1, outputs=1, classes=None, target_range=(-1.0, 1.0),
    low=np.full(1, -1.0), high=np.ones(1), norm=1.0, units=N,
)  # fmt: skip


def plan(relation: str, **changes) -> Plan:
    private = Private(EPSILON, DELTA, relation=relation, steps=STEPS, sampling_rate=RATE, **changes)
    return private.plan(MODEL, FACTS)


def rows(x: float) -> Rows:
    """The unit at x; the others at 0, where the slope of a line does not show."""
    given = np.zeros((N, 1))
    given[3] = x
    return Rows(x=given, y=np.full(N, -1.0), facts=FACTS, weight=np.full(N, 1e3))


def sums(noise: float, x: float, seed: int) -> np.ndarray:
    """(FITS, STEPS) noisy sums in clips; a step of length 0 makes all fits start alike."""
    given = rows(x)
    caught = []

    def release(total, *, scale, stream):
        caught.append(float(mechanisms.release(total, scale=scale, stream=stream)[0]))
        return total

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "release", release)
        every = training.train_stochastic(
            Units(given.x[:, None], given.y[:, None], given.weight[:, None]),
            training.Problem(MODEL.apply, squared, 0.0, normaliser=N, most_units=N),
            MODEL.init(0, 1, 1),
            settings=StochasticSettings(
                rate=RATE, steps=FITS * STEPS, clip=1.0, step_size=0.0, microbatch=N
            ),
            noise_multiplier=noise,
            stream=reproducible_stream(seed),
        )
        for _ in every:
            pass
    return np.array(caught).reshape(FITS, STEPS)


def log_likelihood(seen: np.ndarray, noise: float, shift: float) -> np.ndarray:
    """(FITS,) of the sampled unit at `shift` against an absent one, over all steps."""
    ratio = (2 * shift * seen - shift**2) / (2 * noise**2)
    return np.log((1 - RATE) + RATE * np.exp(ratio)).sum(axis=1)


def excess(present: np.ndarray, absent: np.ndarray, noise: float, other: float) -> float:
    """By how many standard errors the best attack misses the bound, from above if positive."""

    def score(seen: np.ndarray) -> np.ndarray:
        found = log_likelihood(seen, noise, 1.0)
        return found - log_likelihood(seen, noise, other) if other else found

    hits = (score(present) > EPSILON).mean()
    alarms, factor = (score(absent) > EPSILON).mean(), math.exp(EPSILON)
    error = math.sqrt((hits * (1 - hits) + factor**2 * alarms * (1 - alarms)) / FITS)
    return float((hits - factor * alarms - DELTA) / error)


@pytest.mark.slow
@pytest.mark.parametrize(("relation", "other"), [("zero-out", 0.0), ("replace-one", -1.0)])
def test_calibrated_noise_passes_and_other_noise_is_caught(relation, other):
    """A right implementation fails with a chance of 6.4e-5 (4 deviations, two-sided)."""
    found = plan(relation)
    noise = found.settings["noise_multipliers"][-1]
    assert found.settings["rate"] == RATE
    seen = {}
    for share in (1.0, 0.5, 2.0):
        present, absent = (sums(share * noise, x, seed) for x, seed in ((1.0, 1), (other, 2)))
        seen[share] = excess(present, absent, share * noise, other)
    assert abs(seen[1.0]) < 4
    assert seen[0.5] > 6
    assert seen[2.0] < -6


def test_equal_noise_leaves_neighbours_within_a_clip():
    """With one seed the sums differ by what the unit adds, and the parameters by steps of Adam."""
    private = Private(EPSILON, DELTA, steps=STEPS, sampling_rate=0.5, insecure_seed=4)
    found = private.plan(MODEL, FACTS)
    clip, step = found.settings["clip"], found.settings["step_size"]
    caught, params = [], []
    for x in (1.0, 0.0, -1.0):
        sums_of_one = []

        def release(total, *, scale, stream, into=sums_of_one):
            into.append(mechanisms.release(total, scale=scale, stream=stream))
            return into[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "release", release)
            params.append(private.run(MODEL, rows(x), found, Unwatched()).params["slope"])
        caught.append(np.array(sums_of_one))
    apart = np.abs(np.array(caught) - caught[1])
    assert 0 < apart.max() <= clip
    # By Cauchy & Schwarz, |mean / sqrt(mean of squares)| <= sqrt(sum of a_i^2 / b_i) for weights
    # a and b; Adam's step is that long (Kingma & Ba 2015, Algorithm 1).
    a, b = (decay ** np.arange(STEPS) for decay in (0.9, 0.999))
    longest = step * math.sqrt(float(((a / a.sum()) ** 2 / (b / b.sum())).sum()))
    assert 0 < np.abs(params[0] - params[2]).max() <= 2 * STEPS * longest
