"""What a released comparison is charged, from claims and public facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from privet.claims import DPGuarantee, Gaussian, NoGuarantee, PoissonGaussian
from privet.data.types import BoundsClaim
from privet.dp.accounting import GRID, MECHANISM, epsilon_for
from privet.errors import InvalidBudget, Refused
from privet.protect.base import Facts
from privet.protect.choose.charge import Tally, charge, check

FACTS = Facts(rows=1000, features=1, outputs=1, classes=2, units=1000)
SHAPE = Tally(size=3, sensitivity=0.75**0.5, units=1000)
DELTA = 5e-4


def claim(*events: Gaussian, **more: object) -> DPGuarantee:
    return replace(
        DPGuarantee(epsilon=0.5, delta=1e-5, unit="row", relation="zero-out", accountant="test",
                    events=events or (Gaussian(8.0, 4),),
                    delta_split={MECHANISM: 9e-6, GRID: 1e-9}),
        **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "event", [Gaussian(8.0, 4), PoissonGaussian(2.0, 10, rate=0.1)], ids=["every-unit", "sampled"]
)
def test_everything_stays_within_the_budget_and_uses_it(event):
    made = charge([claim(event)], FACTS, SHAPE, times=4, epsilon=2.0, delta=DELTA).guarantee
    fits, scores = made.events
    assert fits == replace(event, count=4 * event.count)
    total = epsilon_for([fits, scores], made.delta_split[MECHANISM])
    assert total == pytest.approx(made.epsilon) and 1.99 < made.epsilon <= 2.0
    louder = replace(scores, noise_multiplier=scores.noise_multiplier * 0.9)
    assert epsilon_for([fits, louder], made.delta_split[MECHANISM]) > 2.0
    assert sum(made.delta_split.values()) == pytest.approx(DELTA) and made.delta == DELTA


def test_noise_on_the_grid_is_counted_at_the_epsilon_of_everything():
    made = charge([claim(), claim()], FACTS, SHAPE, times=4, epsilon=3.0, delta=DELTA).guarantee
    stated = 2 * 4 * 1e-9
    assert stated * (1 + 20.085) / 2 <= made.delta_split[GRID] < stated * (1 + 20.086) / 2 + 1e-15


def test_the_scale_is_the_multiplier_times_the_sensitivity_with_room_for_rounding():
    made = charge([claim()], FACTS, SHAPE, times=4, epsilon=2.0, delta=DELTA)
    multiplier = made.guarantee.events[-1].noise_multiplier
    assert multiplier * SHAPE.sensitivity < made.scale < multiplier * SHAPE.sensitivity * 1.002


def test_bounds_that_were_found_privately_are_paid_once():
    bounds = BoundsClaim(0.4, 1e-5, "row", "zero-out", (Gaussian(20.0),))
    facts = replace(FACTS, bounds_claim=bounds)
    with_bounds = claim(Gaussian(20.0), Gaussian(8.0, 4))
    assert check("p", with_bounds, facts) is with_bounds
    made = charge([with_bounds], facts, SHAPE, times=4, epsilon=2.4, delta=DELTA).guarantee
    plain = charge([claim()], FACTS, SHAPE, times=4, epsilon=2.0, delta=DELTA - 1e-5).guarantee
    assert made.events[0] == Gaussian(20.0) and made.events[1] == plain.events[0]
    assert made.epsilon == pytest.approx(0.4 + plain.epsilon, abs=1e-3)
    assert made.delta_split["bounds"] == 1e-5 and made.delta == DELTA
    with pytest.raises(Refused, match="does not name its releases"):
        check("p", claim(), facts)
    with pytest.raises(InvalidBudget):
        charge([with_bounds], facts, SHAPE, times=4, epsilon=0.3, delta=DELTA)


@pytest.mark.parametrize(
    "guarantee",
    [
        NoGuarantee(),
        claim(events=()),
        claim(delta_split={MECHANISM: 9e-6, "other": 1e-9}),
        claim(unit="person"),
        claim(relation="add-remove"),
    ],
)
def test_claims_that_cannot_be_added_up_are_refused(guarantee):
    with pytest.raises(Refused):
        check("p", guarantee, FACTS)


def test_a_seed_anywhere_makes_the_whole_reproducible():
    seeded = [claim(secret_noise=False), claim()]
    made = charge(seeded, FACTS, SHAPE, times=1, epsilon=2.0, delta=DELTA)
    assert not made.guarantee.secret_noise
    kept = charge([claim()], FACTS, SHAPE, times=1, epsilon=2.0, delta=DELTA, secret=False)
    assert not kept.guarantee.secret_noise


def test_a_budget_that_adds_up_gaussians_can_count_it():
    from privet.govern.budget.filters import Budget, Terms
    from privet.govern.budget.filters import charge as counted

    made = charge([claim()], FACTS, SHAPE, times=4, epsilon=2.0, delta=DELTA).guarantee
    budget = Budget(2.5, DELTA * 1.1, composition="gaussian")
    amount = counted(made, Terms("row", "zero-out", budget))
    wanted = sum(event.count / event.noise_multiplier**2 for event in made.events)
    assert amount.loss * 1e-30 == pytest.approx(wanted)  # counted in parts of 10^-30
    assert amount.loss <= budget.limit.loss
