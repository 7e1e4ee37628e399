"""Comparisons that may be released: what they claim, what they hold, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.claims import Gaussian, NullSteward
from privet.dp.accounting import GRID, MECHANISM, default_delta, epsilon_for
from privet.errors import DataError, InvalidBudget, InvalidInput, Refused
from privet.protect.choose import Comparison, page
from privet.protect.choose.folds import folds_of, training_units
from tests.unit.protect.released_helpers import BY_PERSON, NUMBERS, Constant, people


def released(data: Any, *protections: Any, **settings: Any) -> Comparison:
    settings = {"release": 1.0, "insecure_seed": 7, "seeds": 4} | settings
    return pv.compare(data, protections=list(protections) or [Constant()], **settings)


def claim_of(comparison: Comparison) -> Any:
    assert comparison.guarantee is not None
    return comparison.guarantee


# Folds


@pytest.mark.parametrize(("units", "folds"), [(20, 4), (23, 4), (5, 5), (2, 2), (101, 3)])
def test_every_unit_is_held_out_once_and_trainings_are_equally_large(units, folds):
    made = folds_of(units, folds)
    held = np.sort(np.concatenate([fold.test for fold in made]))
    assert held.tolist() == list(range(units))
    for fold in made:
        assert not set(fold.train) & set(fold.test)
        assert len(fold.train) == training_units(units, folds) == units - -(-units // folds)
        assert (np.diff(fold.train) > 0).all() and (np.diff(fold.test) > 0).all()


def test_folds_are_shuffled_and_the_same_every_time():
    first, again = folds_of(100, 4), folds_of(100, 4)
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert first[0].test.tolist() != list(range(25)) and 30 < first[0].test.mean() < 70


def test_too_few_units_are_refused():
    with pytest.raises(DataError, match="hold out every privacy unit once"):
        released(people(3), seeds=4)
    with pytest.raises(InvalidInput):
        released(people(), seeds=1)


def test_all_fits_have_the_same_facts_and_all_rows_of_a_person_are_on_one_side():
    protection = Constant()
    released(people(21, schema=BY_PERSON, rows=3), protection, release=10.0)
    facts = [facts for facts, _ in protection.seen]
    assert len(facts) == 4
    assert {(each.units, each.rows) for each in facts} == {(15, 45)}
    for _, rows in protection.seen:
        assert np.bincount(rows.unit, minlength=15).tolist() == [3] * 15


# The claim


def test_the_claim_is_of_all_fits_of_one_unit_and_the_scores():
    data = people(400)
    protections = [pv.Private(0.3, insecure_seed=1), pv.Private(0.5, insecure_seed=2)]
    claim = claim_of(released(data, *protections, release=2.5, seeds=3))
    assert claim.epsilon <= 2.5 and claim.delta == default_delta(400) < 1 / 400
    assert (claim.unit, claim.relation) == ("row", "zero-out")
    *fits, scores = claim.events
    from privet.estimators.comparison import model_for
    from privet.protect.rows import facts_of

    model = model_for("logistic", classes=2)
    training = replace(facts_of(data, model), rows=266, units=266)
    one = [event for p in protections for event in p.plan(model, training).guarantee.events]
    wanted = sum(2 * event.count / event.noise_multiplier**2 for event in one)
    assert sum(e.count / e.noise_multiplier**2 for e in fits) == pytest.approx(wanted, rel=1e-12)
    assert epsilon_for(claim.events, claim.delta_split[MECHANISM]) <= claim.epsilon + 1e-12
    assert set(claim.delta_split) == {MECHANISM, GRID}
    assert isinstance(scores, Gaussian) and scores.count == 1


def test_the_budget_is_used_up_but_no_score_is_finer_than_anyone_needs():
    tight = claim_of(released(people(), release=0.7))
    assert 0.699 < tight.epsilon <= 0.7
    large = released(people(2000), release=12.0)
    assert claim_of(large).epsilon < 12.0
    score = large.entries[0].scores["accuracy"]
    assert score.half == pytest.approx(1.96 * 0.001, rel=1e-3)


def test_too_little_is_refused_with_the_number_that_is_enough():
    with pytest.raises(InvalidBudget, match="costs more") as caught:
        released(people(), release=0.1)
    enough = float((caught.value.remedy or "").removeprefix("release="))
    comparison = released(people(), release=enough)
    assert claim_of(comparison).epsilon <= enough
    half = comparison.entries[0].scores["accuracy"].half
    assert half is not None and half / 1.96 <= 0.0301
    with pytest.raises(InvalidBudget):
        released(people(), release=0.95 * enough)


def test_more_than_is_put_to_use_is_refused():
    with pytest.raises(InvalidBudget, match="cannot be released together"):
        released(people(4), release=50.0, seeds=2)


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (pv.Plain(), "guarantees nothing"),
        (Constant(relation="replace-one"), "places that stay"),
        (Constant(fits=20), "counts its fits itself"),
        (pv.Private(1.0, 1e-4, fits=20), "counts its fits itself"),
    ],
)
def test_what_cannot_be_released_is_refused_before_a_row_is_read(protection, words):
    class Never(NullSteward):
        def decide(self, request: Any) -> Any:
            raise AssertionError("asked before everything public was checked")

    with pytest.raises(Refused, match=words) as caught:
        released(people(), Constant(), protection, steward=Never())
    assert caught.value.remedy


def test_a_delta_of_one_in_all_units_is_refused_and_epsilon_is_a_number():
    with pytest.raises(InvalidBudget):
        released(people(), delta=1 / 200)
    with pytest.raises(InvalidBudget):
        released(people(), release=float("nan"))


def test_a_protection_that_departs_from_its_plan_releases_nothing():
    class Other(Constant):
        def fit(self, *args: Any, **more: Any) -> Any:
            result = super().fit(*args, **more)
            return replace(result, guarantee=replace(result.guarantee, epsilon=9.0))

    with pytest.raises(Refused, match="did not keep to its plan"):
        released(people(), Other())


# What is in it


def test_scores_are_right_but_for_their_noise():
    comparison = released(people(2000), Constant(1.0), Constant(-1.0), release=8.0)
    ill, well = (entry.scores["accuracy"].mean for entry in comparison.entries)
    assert (ill, well) == (pytest.approx(0.4, abs=0.006), pytest.approx(0.6, abs=0.006))
    assert comparison.baselines["accuracy"].mean == pytest.approx(0.6, abs=0.006)
    assert comparison.recommended.kind == "no-private-wins"


def test_numbers_are_scored_by_their_error_in_their_own_unit():
    comparison = released(
        people(2000, schema=NUMBERS), Constant(0.6), Constant(-0.6), release=8.0, model="linear"
    )
    high, low = (entry.scores["mae"].mean for entry in comparison.entries)
    assert high == pytest.approx(0.6 * 30, abs=0.4) and low == pytest.approx(0.4 * 30, abs=0.4)
    # 40 % at 40 and 60 % at 10 have the mean 22 and the mean error 14.4.
    assert comparison.baselines["mae"].mean == pytest.approx(14.4, abs=50 / 32 + 0.4)
    assert comparison.primary == "mae" and comparison.recommended.kind == "pick"
    assert "Mean absolute error" in page(comparison)


def test_a_person_with_many_rows_counts_once():
    single = people(400, schema=BY_PERSON, rows=1)
    many = people(400, schema=BY_PERSON, rows=3)
    one, three = (released(data, release=5.0) for data in (single, many))
    assert one.entries[0].scores == three.entries[0].scores
    assert claim_of(one).unit == "person"


def _but_scores(comparison: Comparison, other: Comparison) -> Comparison:
    entries = tuple(
        replace(entry, scores=theirs.scores)
        for entry, theirs in zip(comparison.entries, other.entries, strict=True)
    )
    return replace(comparison, entries=entries, baselines=other.baselines)


@pytest.mark.parametrize("protection", [Constant(), pv.Private(0.5, insecure_seed=3)])
def test_nothing_but_noisy_scores_depends_on_the_rows(protection):
    """Under one stream of noise; the other data set shares the number of people alone."""
    one = released(people(200), protection, release=3.0)
    other = released(people(200, ill=0.1, aged=False), protection, release=3.0)
    assert one.entries != other.entries
    assert _but_scores(one, other) == other
    assert page(_but_scores(one, other)) == page(other)
    assert _but_scores(one, other).to_json() == other.to_json()
    for entry in one.entries:
        assert entry.cost is None and len(entry.scores) == 1 and not entry.notes
        assert len(next(iter(entry.scores.values())).values) == 1


def test_one_person_moves_a_score_by_what_the_claim_says():
    """Noise is the same under one seed, so that the difference is that of the sums."""
    base, without = (people(200, ill=ill) for ill in (0.4, 0.405))
    one, other = (released(data, release=3.0) for data in (base, without))
    moved = other.entries[0].scores["accuracy"].mean - one.entries[0].scores["accuracy"].mean
    assert moved == pytest.approx(1 / 200, abs=1e-9)


def test_it_is_shown_and_read_back():
    comparison = released(people(), Constant(1.0), Constant(-1.0), release=3.0)
    assert Comparison.from_json(json.loads(json.dumps(comparison.to_json()))) == comparison
    assert "seconds" not in comparison.table_rows()[0]
    html = page(comparison)
    for word in ("Peak memory", "Seconds", "Bytes sent", "For the curator only"):
        assert word not in html
    assert "Not for release" in html and "must not be released" in comparison.release


def test_secret_noise_may_be_released_and_is_fresh_each_time():
    first, again = (released(people(), release=3.0, insecure_seed=None) for _ in range(2))
    assert claim_of(first).secret_noise and "may be released" in first.release
    assert "May be released" in page(first)
    assert first.entries != again.entries
    assert "release=3.0" in first.made["call"] and "test_size" not in first.made["call"]


def test_a_test_size_means_nothing_and_is_refused():
    with pytest.raises(TypeError, match="test_size"):
        released(people(), test_size=0.2)
