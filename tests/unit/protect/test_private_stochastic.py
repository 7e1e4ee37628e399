"""What `Private` runs for models that are not linear is what its guarantee says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privet.dp import mechanisms, sampling, training
from privet.models import model_for
from privet.protect import Private
from privet.protect.base import Facts, Rows, Unwatched

N, STEPS = 120, 4
NETWORK = model_for("mlp", classes=2, hidden=(3,), seed=1)
FACTS = Facts(
    rows=N, features=2, outputs=1, classes=2,
    low=np.full(2, -1.0), high=np.ones(2), norm=2**0.5, units=N,
)  # fmt: skip


def rows() -> Rows:
    x = np.random.default_rng(0).uniform(-1, 1, (N, 2))
    return Rows(x=x, y=(x[:, 0] > 0).astype(np.int64), facts=FACTS)


def private(**options) -> Private:
    relation = options.setdefault("relation", "zero-out")
    guess = 100 if relation == "add-remove" else None
    return Private(1.0, 1e-3, steps=STEPS, clip=0.5, expected_units=guess, **options)


class Seen:
    """What a run draws and what its optimiser is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, noise: bool = True) -> None:
        self.scales: list[float] = []
        self.rates: list[float] = []
        self.sums: list[np.ndarray] = []
        self.steps: list[np.ndarray] = []
        release, poisson, adam = mechanisms.release, sampling.poisson, training._adam()

        def released(total, *, scale, stream):
            self.scales.append(scale)
            self.sums.append(release(total, scale=scale, stream=stream) if noise else total)
            return self.sums[-1]

        def taken(units, rate, stream):
            self.rates.append(rate)
            return poisson(units, rate, stream)

        def stepped(params, first, second, share, size, turn):
            self.steps.append(share)
            return adam(params, first, second, share, size, turn)

        monkeypatch.setattr(mechanisms, "release", released)
        monkeypatch.setattr(training, "release", released)
        monkeypatch.setattr(sampling, "poisson", taken)
        monkeypatch.setattr(training, "_adam", lambda: stepped)


@pytest.mark.parametrize("relation", ["zero-out", "replace-one"])
def test_events_name_the_noise_and_the_samples_that_are_drawn(relation, monkeypatch):
    seen, asked = Seen(monkeypatch), private(relation=relation, sampling_rate=0.25)
    plan = asked.plan(NETWORK, FACTS)
    asked.run(NETWORK, rows(), plan, Unwatched())
    mean, gradients = plan.settings["noise_multipliers"]
    assert seen.scales == [mean * 2**0.5, *[gradients * 0.5] * STEPS]
    assert seen.rates == [0.25] * STEPS
    assert tuple(map(str, plan.guarantee.events)) == (
        f"1 x Gaussian(noise_multiplier={mean!r}) on every unit: sum of features",
        f"{STEPS} x Gaussian(noise_multiplier={gradients!r}) on a poisson sample at rate 0.25: "
        "sum of clipped gradients",
    )


@pytest.mark.parametrize(("relation", "public"), [("zero-out", N), ("add-remove", 100)])
def test_sums_are_divided_by_public_numbers(relation, public, monkeypatch):
    """Never by how many took part, nor by how many there are where that is secret."""
    seen, asked = Seen(monkeypatch), private(relation=relation, sampling_rate=0.25)
    plain = replace(NETWORK, l2=0.0)
    asked.run(plain, rows(), asked.plan(plain, FACTS), Unwatched())
    sums = seen.sums[1:]  # the first is of features
    assert len(sums) == len(seen.steps) == STEPS
    for total, step in zip(sums, seen.steps, strict=True):
        assert step == pytest.approx(total / (0.25 * public), rel=1e-12)


def test_weights_are_pulled_in_and_biases_are_not(monkeypatch):
    seen, asked = Seen(monkeypatch), private(sampling_rate=0.25)
    heavy = replace(NETWORK, l2=1e3)
    asked.run(heavy, rows(), asked.plan(heavy, FACTS), Unwatched())
    start = NETWORK.init(1, 2, 1)
    pulled = seen.steps[0] - seen.sums[1] / (0.25 * N)
    expected = [1e3 / N * start[name] * (start[name].ndim > 1) for name in sorted(start)]
    assert pulled == pytest.approx(np.concatenate(list(map(np.ravel, expected))), abs=1e-9)


@pytest.mark.parametrize("fits", [None, 3])
@pytest.mark.parametrize("relation", ["zero-out", "add-remove", "replace-one"])
def test_the_line_of_the_guarantee_gives_epsilon_as_it_stands(relation, fits):
    """Copied and run; with a hundredth less noise in one fit it would say more than promised."""
    guarantee = (
        private(relation=relation, fits=fits, sampling_rate=0.25).plan(NETWORK, FACTS).guarantee
    )
    imports, _, call = guarantee.checks[0].rpartition("; ")
    space: dict = {}
    exec(imports, space)
    assert eval(call, space) <= guarantee.epsilon
    assert [event.count for event in guarantee.events] == [fits or 1, (fits or 1) * STEPS]
    if fits is None:
        for event in guarantee.events:
            noise = event.noise_multiplier
            call = call.replace(repr(noise), repr(noise * 0.99))
        assert eval(call, space) > guarantee.epsilon


def test_samples_are_whole_however_many_take_part(monkeypatch):
    """No unit of a sample is left out for want of room: blocks go on as long as there are some."""
    seen, asked = Seen(monkeypatch, noise=False), private(sampling_rate=1)
    plan = asked.plan(NETWORK, FACTS)
    sums = []
    for block in (1, 7, 64, 1000):
        cut = replace(plan, settings={**plan.settings, "microbatch": block, "steps": 1})
        before = len(seen.sums)
        asked.run(NETWORK, rows(), cut, Unwatched())
        sums.append(np.concatenate([np.ravel(part) for part in seen.sums[before:]]))
    for other in sums[1:]:
        assert other == pytest.approx(sums[0], abs=1e-6)  # of single precision
    assert np.abs(sums[0][2:]).max() > 0.1


def test_settings_of_the_user_are_kept_and_rates_made_exact():
    plan = private(sampling_rate=0.1, step_size=0.02).plan(NETWORK, FACTS).settings
    assert (plan["clip"], plan["steps"], plan["step_size"]) == (0.5, STEPS, 0.02)
    assert plan["rate"] == sampling.exact_rate(0.1) != 0.1
    assert plan["method"] == "stochastic"


def test_a_plan_depends_on_public_numbers_alone():
    first, again = (private().plan(NETWORK, replace(FACTS, owners=(name,))) for name in "ab")
    assert first.settings == again.settings
    more = private().plan(NETWORK, replace(FACTS, rows=4 * N, units=4 * N))
    assert more.settings["rate"] < first.settings["rate"]
