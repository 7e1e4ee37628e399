"""What `Private` claims, what it refuses before it reads a row, what its result holds."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from privet.claims import from_json, to_json
from privet.dp.linear import Units
from privet.entropy import reproducible_stream
from privet.errors import InvalidBudget, InvalidInput, MissingBounds, Refused
from privet.models import model_for
from privet.protect import Private
from privet.protect.base import Facts, Rows, Unwatched
from privet.protect.private_linear import box_of, private_mean

LOGISTIC = model_for("logistic", classes=2)
NETWORK = model_for("mlp", classes=2, hidden=(3,), seed=1)


def facts(n=200, **changes) -> Facts:
    known = Facts(
        rows=n,
        features=2,
        outputs=1,
        classes=2,
        low=np.full(2, -1.0),
        high=np.ones(2),
        norm=2**0.5,
        units=n,
    )
    return replace(known, **changes)


def rows(n=200, seed=0, **changes) -> Rows:
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    return Rows(x=x, y=(x[:, 0] > 0).astype(np.int64), facts=facts(n, **changes))


@pytest.mark.parametrize("epsilon", [0, -1.0, float("inf"), float("nan")])
def test_an_epsilon_that_means_nothing_is_refused(epsilon):
    with pytest.raises(InvalidBudget, match="epsilon"):
        Private(epsilon)


def test_deltas_of_a_unit_or_more_are_refused():
    with pytest.raises(InvalidBudget, match="delta"):
        Private(1.0, delta=1 / 200).plan(LOGISTIC, facts())
    with pytest.raises(InvalidBudget, match="delta"):
        Private(1.0, delta=2)
    # Units count, not rows.
    with pytest.raises(InvalidBudget, match="delta"):
        Private(1.0, delta=0.03).plan(LOGISTIC, facts(units=40, unit="patient", max_rows=5))
    Private(1.0, delta=0.02).plan(LOGISTIC, facts(units=40, unit="patient", max_rows=5))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": ("age: bounds", "city: categories")}, "age: bounds; city: categories"),
        ({"low": None}, "min and max of each column"),
        ({"norm": None}, "min and max of each column"),
        ({"classes": None}, "target: min and max"),
        ({"bounds_from": "data"}, "taken from the data"),
    ],
)
@pytest.mark.parametrize("model", [LOGISTIC, NETWORK])
def test_bounds_that_are_absent_or_of_the_data_are_refused(changes, said, model):
    with pytest.raises(MissingBounds, match=said):
        Private(1.0).plan(model, facts(**changes))


def test_a_secret_number_of_units_needs_a_public_guess():
    with pytest.raises(Refused, match="expected_units"):
        Private(1.0, relation="add-remove").plan(LOGISTIC, facts())
    guessed = Private(1.0, relation="add-remove", expected_units=100)
    plans = [guessed.plan(LOGISTIC, facts(n)).settings for n in (90, 300)]
    assert plans[0] == plans[1]  # nothing depends on how many there are
    assert guessed.plan(LOGISTIC, facts()).guarantee.relation == "add-remove"


def test_settings_that_do_not_fit_are_refused():
    for wrong in ({"clip": 0}, {"steps": 0}, {"step_size": -1}, {"relation": "bounded"}):
        with pytest.raises(InvalidInput):
            Private(1.0, **wrong)
    with pytest.raises(InvalidInput, match="every unit"):
        Private(1.0, sampling_rate=0.5).plan(LOGISTIC, facts())


@pytest.mark.parametrize("model", [LOGISTIC, NETWORK])
@pytest.mark.parametrize("relation", ["zero-out", "replace-one"])
def test_a_reader_recomputes_epsilon_from_the_guarantee(model, relation):
    private = Private(1.0, relation=relation, steps=4)
    guarantee = private.plan(model, facts(2000)).guarantee
    imports, _, call = guarantee.checks[0].rpartition("; ")
    space: dict = {}
    exec(imports, space)
    spent = eval(call, space)
    assert 1 - 1e-3 <= spent <= 1 + 1e-9
    assert guarantee.delta == pytest.approx(2000**-1.1)
    assert sum(guarantee.delta_split.values()) <= guarantee.delta * (1 + 1e-12)
    assert guarantee.events
    assert guarantee.accountant.startswith("PLD, dp-accounting")
    assert from_json(to_json(guarantee)) == guarantee


def test_replacing_takes_twice_the_noise():
    noises = [
        Private(1.0, relation=relation, steps=10).plan(LOGISTIC, facts()).settings
        for relation in ("zero-out", "replace-one")
    ]
    one, two = (settings["noise_multipliers"][-1] for settings in noises)
    assert two == pytest.approx(2 * one, rel=1e-6)


def test_the_guarantee_says_whom_it_counts_and_whom_it_trusts():
    by_person = facts(units=60, unit="patient", max_rows=4)
    guarantee = Private(1.0).plan(LOGISTIC, by_person).guarantee
    assert guarantee.unit == "patient"
    assert guarantee.delta == pytest.approx(60**-1.1)
    assumed = " ".join(guarantee.assumptions)
    assert "trusted" in assumed
    assert "at most 4 rows" in assumed
    assert "number of privacy units is public" in assumed
    assert {sight.protected for sight in guarantee.sights} == {True, False}


def test_noise_that_can_be_repeated_is_marked():
    first, again, other = (
        Private(1.0, insecure_seed=seed).fit(LOGISTIC, rows()) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.params["w"], again.params["w"])
    assert not np.array_equal(first.params["w"], other.params["w"])
    assert not first.guarantee.secret_noise
    secret, too = (Private(1.0).fit(LOGISTIC, rows()) for _ in range(2))
    assert secret.guarantee.secret_noise
    assert not np.array_equal(secret.params["w"], too.params["w"])


@pytest.mark.parametrize("model", [LOGISTIC, NETWORK])
def test_a_result_holds_arrays_of_floats_and_coarse_costs(model):
    result = Private(2.0, steps=5, insecure_seed=0).fit(model, rows())
    for leaf in jax.tree.leaves(result.params):
        assert type(leaf) is np.ndarray
        assert leaf.dtype.kind == "f"
        assert np.isfinite(leaf).all()
    assert result.steps == 5
    assert result.cost == result.cost.coarse()


def test_large_epsilons_are_not_put_to_use():
    assert Private(1e6).plan(LOGISTIC, facts()).guarantee.epsilon == 16


def test_labels_name_the_budget():
    assert Private(0.5).label == "private eps=0.5"


@pytest.mark.slow
def test_with_a_large_budget_the_classes_are_learnt():
    given = rows(1000)
    for model, steps in ((LOGISTIC, None), (NETWORK, 40)):
        params = Private(8.0, steps=steps, insecure_seed=0).fit(model, given).params
        scores = model.apply(params, given.x)[:, 0]
        assert ((scores > 0) == given.y).mean() > 0.9


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("model", [LOGISTIC, NETWORK])
def test_a_spoilt_row_spoils_nothing(model, spoilt):
    given = rows()
    given.x[3] = spoilt
    params = Private(1.0, steps=3, insecure_seed=0).fit(model, given).params
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def test_one_row_moves_the_released_mean_by_its_share_at_most():
    given, box = rows(50), box_of(facts(50))
    whole = Units(given.x[:, None], given.y[:, None], np.ones((50, 1)))
    settings = {"units": 50, "relation": "zero-out"}
    largest = 0.0
    for unit in range(50):
        weight = whole.weight.copy()
        weight[unit] = 0
        near = replace(whole, weight=weight)
        two = [private_mean(u, box, 1.0, settings, reproducible_stream(4)) for u in (whole, near)]
        largest = max(largest, float(np.linalg.norm(two[0] - two[1])))
    assert 0.5 * box.radius / 50 < largest <= box.radius / 50


def test_rows_of_one_person_count_as_one():
    """Forty copies of a row move a model no further than one unit may."""
    n = 100
    given = rows(n)
    unit = np.concatenate([np.zeros(40, np.int64), np.arange(1, 61)])
    private = Private(1.0, steps=1, step_size=1.0, clip=0.1, insecure_seed=3)
    by_person = facts(n, unit="patient", units=61, max_rows=40)
    base = replace(given, unit=unit, facts=by_person)
    x = given.x.copy()
    x[:40] = 0.0
    plan = private.plan(LOGISTIC, by_person)
    first = dict(
        plan.settings, mean_share=0.0, noise_multipliers=plan.settings["noise_multipliers"][-1:]
    )
    plan = replace(plan, settings=first)
    empty = replace(base, weight=np.where(unit == 0, 0.0, 1.0))
    one, two = (private.run(LOGISTIC, r, plan, Unwatched()).params for r in (base, empty))
    # theta moves by at most step * clip / units, in (w, b / bias).
    moved = np.hypot(np.linalg.norm(one["w"] - two["w"]), (one["b"] - two["b"])[0] / 0.25)
    assert 0 < moved <= 0.1 / 61
