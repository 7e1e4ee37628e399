"""Filters: the exact limit fits, a hair more does not; nothing that is no Gaussian is one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from privet.claims import (
    FLGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    NoGuarantee,
    PoissonGaussian,
)
from privet.dp import accounting
from privet.errors import InvalidBudget, InvalidInput, Refused
from privet.govern.budget import Amount, Budget, Terms, charge
from privet.govern.budget.amounts import GRID, below, decimal, exact, parsed, up
from privet.govern.budget.exposure import heaviest
from privet.govern.budget.filters import protected
from privet.govern.budget.gaussian import delta_above, epsilon_for, log_upper_tail, mu_for
from tests.unit.govern.budgets_helpers import claim, gaussian_claim

BASIC = Terms("row", "zero-out", Budget(1.0, 1e-6))
GAUSSIAN = Terms("row", "zero-out", Budget(1.0, 1e-6, "gaussian"))


def total(claims, terms):
    whole = Amount()
    for item in claims:
        whole += charge(item, terms)
    return whole


def test_ten_tenths_are_one_and_a_hair_more_is_not():
    tenths = [claim(0.1, 1e-7)] * 10
    assert total(tenths, BASIC) == BASIC.budget.limit
    for hair in (claim(5e-324, 0.0), claim(0.0, 5e-324)):
        assert not total([*tenths, hair], BASIC).within(BASIC.budget.limit)
    more = [*tenths[1:], claim(math.nextafter(0.1, 1), 1e-7)]
    assert not total(more, BASIC).within(BASIC.budget.limit)
    less = [*tenths[1:], claim(math.nextafter(0.1, 0), 1e-7)]
    assert total(less, BASIC).within(BASIC.budget.limit)


def test_gaussian_limit_is_exact():
    budget = GAUSSIAN.budget
    least = 1 / mu_for(budget.epsilon, budget.mechanism_delta)
    fits = charge(gaussian_claim(math.nextafter(least, 9)), GAUSSIAN)
    assert fits.within(budget.limit)
    assert not charge(gaussian_claim(least * (1 - 1e-15)), GAUSSIAN).within(budget.limit)
    # Four releases of twice the noise cost the same.
    four = charge(gaussian_claim(2 * math.nextafter(least, 9), count=4), GAUSSIAN)
    assert abs(four.loss - fits.loss) <= 1
    assert not total([gaussian_claim(2 * least * (1 + 1e-9))] * 5, GAUSSIAN).within(budget.limit)


def test_gaussian_delta_of_the_grid_is_counted_at_the_budget_epsilon():
    grid = charge(gaussian_claim(10.0, rest=1e-12), GAUSSIAN).delta / GRID
    assert math.isclose(grid, 1e-12 * (1 + math.e) / 2, rel_tol=1e-9)
    # One per cent of delta is kept for it.
    assert GAUSSIAN.budget.limit.delta == up(exact(1e-8))
    allowed = 1e-8 / ((1 + math.e) / 2)
    assert charge(gaussian_claim(10.0, rest=allowed * 0.999), GAUSSIAN).within(
        GAUSSIAN.budget.limit)
    assert not charge(gaussian_claim(10.0, rest=allowed * 1.001), GAUSSIAN).within(
        GAUSSIAN.budget.limit)


def test_replace_one_doubles_the_sensitivity():
    terms = Terms("row", "replace-one", GAUSSIAN.budget)
    one = charge(gaussian_claim(10.0), GAUSSIAN)
    two = charge(gaussian_claim(10.0, relation="replace-one"), terms)
    assert two.loss == 4 * one.loss


@pytest.mark.parametrize("wrong", [
    claim(0.1),
    gaussian_claim(9.0, events=(PoissonGaussian(9.0, 1, rate=0.5),)),
    gaussian_claim(9.0, events=(PoissonGaussian(9.0, 1, rate=1.0),)),
    gaussian_claim(9.0, delta_split={"bounds": 1e-7}),
    gaussian_claim(9.0, delta_split={"mechanism": 5e-8, "bounds": 1e-8}),
    gaussian_claim(9.0, delta_split={}),
    LocalDPGuarantee(epsilon=0.1),
], ids=lambda item: item.headline()[:30])
def test_what_is_no_gaussian_on_every_unit_is_refused_with_the_remedy(wrong):
    with pytest.raises(Refused) as caught:
        charge(wrong, GAUSSIAN)
    assert 'composition="basic"' in caught.value.remedy


@pytest.mark.parametrize("terms", [BASIC, GAUSSIAN])
def test_another_unit_or_relation_is_refused(terms):
    for given in (gaussian_claim(9.0, relation="replace-one"),
                  gaussian_claim(9.0, relation="add-remove"), claim(0.1, unit="person")):
        with pytest.raises(Refused, match="another privacy unit or relation"):
            charge(given, terms)


def test_claims_that_protect_nothing_charge_nothing():
    assert charge(NoGuarantee(), BASIC) == Amount()
    assert protected(claim(secret=False)) == ()
    fl = FLGuarantee(sites=3, min_contributors=2, secure_aggregation=True, aggregator_sees=())
    joint = JointGuarantee(parts=(fl, claim(0.25, 1e-8), LocalDPGuarantee(epsilon=9.0)))
    assert charge(joint, BASIC) == charge(claim(0.25, 1e-8), BASIC)
    assert protected(JointGuarantee(parts=(fl,))) == ()


def test_local_claims_cost_their_epsilon_per_record():
    local = LocalDPGuarantee(epsilon=0.25)
    assert charge(local, BASIC) == Amount(GRID // 4, 0)
    by_id = Terms("person", "zero-out", Budget(1.0))
    of_three = LocalDPGuarantee(epsilon=0.25, unit="person", max_rows=3)
    assert charge(of_three, by_id) == Amount(3 * GRID // 4, 0)
    for claimed, terms in ((local, by_id), (of_three, BASIC)):
        with pytest.raises(Refused, match="another privacy unit"):
            charge(claimed, terms)
    with pytest.raises(Refused, match="add-remove"):
        charge(local, Terms("row", "add-remove", Budget(1.0)))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0, 0, 1e6, 1e-40, True, "1"])
def test_budgets_out_of_range(wrong):
    with pytest.raises(InvalidBudget):
        Budget(wrong, 1e-6)


@pytest.mark.parametrize("wrong", [math.nan, -1e-9, 1.0, 2])
def test_deltas_out_of_range(wrong):
    with pytest.raises(InvalidBudget):
        Budget(1.0, wrong)


def test_gaussian_budget_needs_a_delta_and_a_known_filter():
    assert Budget(1.0, 0.0).limit.delta == 0
    with pytest.raises(InvalidBudget):
        Budget(1.0, 0.0, "gaussian")
    with pytest.raises(InvalidInput, match="composition"):
        Budget(1.0, 1e-6, "advanced")
    assert Budget.from_json(GAUSSIAN.budget.to_json()) == GAUSSIAN.budget


@pytest.mark.parametrize("epsilon", [0.001, 0.05, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("delta", [1e-12, 1e-6, 1e-2])
def test_mu_agrees_with_the_accountant_and_is_not_above_the_theorem(epsilon, delta):
    mu = mu_for(epsilon, delta)
    assert math.isclose(mu, accounting.mu_for(epsilon, delta), rel_tol=1e-6)
    assert accounting.gaussian_delta(mu, epsilon) <= delta * (1 + 1e-9)
    assert accounting.gaussian_delta(mu * (1 + 1e-6), epsilon) > delta
    assert math.isclose(epsilon_for(mu, delta), epsilon, rel_tol=1e-6)


def test_tails_far_out():
    scipy_stats = pytest.importorskip("scipy.stats")
    for x in np.linspace(-5, 60, 131):
        right = float(scipy_stats.norm.logsf(x))
        assert math.isclose(log_upper_tail(float(x)), right, rel_tol=1e-11, abs_tol=1e-11)
    assert mu_for(200.0, 1e-6) > mu_for(100.0, 1e-6)
    assert delta_above(0.01, 10.0) == 0.0


def test_so_small_a_budget_is_refused_not_guessed():
    with pytest.raises(InvalidBudget):
        mu_for(1e-12, 1e-200)


def test_adaptive_gaussians_under_the_filter_keep_the_promise():
    """An analyst who doubles down when the losses went up gains nothing: the total loss of a
    stopped sequence has at most the tail of one Gaussian with the whole mu."""
    rng = np.random.default_rng(7)
    epsilon, delta = 1.0, 1e-2
    mu = mu_for(epsilon, delta)
    runs, left, loss = 400_000, np.full(400_000, mu**2), np.zeros(400_000)
    for step in range(6):
        # A small first bet; then everything on the runs that look dangerous, crumbs on others.
        bet = mu**2 / 4 if step == 0 else np.where(loss > 0, left, mu**2 / 50)
        bet = np.minimum(bet, left)
        loss += bet / 2 + np.sqrt(bet) * rng.standard_normal(runs)
        left -= bet
    worst = np.mean(np.maximum(0, 1 - np.exp(epsilon - loss)))
    assert worst <= delta * 1.05
    # The test can see an overspend of a tenth in mu.
    more = 1.1 * mu
    wide = more**2 / 2 + more * rng.standard_normal(runs)
    assert np.mean(np.maximum(0, 1 - np.exp(epsilon - wide))) > delta * 1.05


def test_amounts_are_exact_decimals():
    assert decimal(up(exact(0.1))) == "0.1"
    assert parsed("0.1") == GRID // 10
    for text in ("0.10", "1e3", "", "-0", ".5", "1.", "1" * 500, None, "0." + "1" * 31):
        with pytest.raises(InvalidInput):
            parsed(text)
    assert Amount.from_json(Amount(-5, 7).to_json()) == Amount(-5, 7)
    assert below(GRID // 3) <= Fraction(1, 3)
    assert up(exact(below(GRID // 3))) <= GRID // 3
    assert below(GRID // 10) == 0.1


def test_heaviest_of_disjoint_groups():
    pairs = {frozenset(p) for p in [("a", "b"), ("b", "c"), ("a", "c"), ("x", "a")]}

    def disjoint(one, two):
        return frozenset((one, two)) in pairs

    assert heaviest({"a": 3, "b": 5, "c": 1}, disjoint) == 5
    assert heaviest({"a": 3, "b": 5, "c": 1, "p": 2}, disjoint) == 7
    assert heaviest({"a": 9, "b": 5, "x": 5}, disjoint) == 10
    assert heaviest({"a": 3, "y": 5}, disjoint) == 8
    many = {f"month {number}": number for number in range(200)}
    assert heaviest(many, lambda one, two: one != two) == 199
