"""The suite that every protection passes, whatever its technique.

A new protection joins by a line in `PROTECTIONS`.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.claims import Cost, Guarantee, Receipt, Request, Reservation, from_json, to_json
from privet.claims.steward import Decision
from privet.errors import Cancelled, Refused
from privet.models import model_for, scores_of
from privet.protect.base import Facts, Model, Plan, Protection, Rows
from privet.protect.stack import one_protection

PROTECTIONS: dict[str, Callable[[], Protection]] = {
    "plain": pv.Plain,
    "private": lambda: pv.Private(epsilon=8.0, delta=1e-4),
    "private-replace-one": lambda: pv.Private(epsilon=8.0, delta=1e-4, relation="replace-one"),
    "private-add-remove": lambda: pv.Private(
        epsilon=8.0, delta=1e-4, relation="add-remove", expected_units=400
    ),
    "local": lambda: pv.LocallyPrivate(epsilon=16.0),
    "private-several-fits": lambda: pv.Private(epsilon=8.0, delta=1e-4, fits=2),
}
N, D = 400, 3


@pytest.fixture(params=PROTECTIONS)
def protection(request: pytest.FixtureRequest) -> Protection:
    return PROTECTIONS[request.param]()


def rows(task: int | None, *, data_set: str | None = None, count: int = N) -> Rows:
    """Separable rows within declared bounds."""
    rng = np.random.default_rng(5)
    classes = task or 2
    labels = np.arange(count) % classes
    angle = 2 * np.pi * labels / classes
    centre = 0.6 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(count)])
    x = np.clip(centre + 0.1 * rng.normal(size=(count, D)), -1, 1)
    y: Any = labels if task else np.clip(x[:, 0] - 0.5 * x[:, 1], -1, 1)
    facts = Facts(
        rows=count, features=D, outputs=task if task and task > 2 else 1, classes=task,
        low=-np.ones(D), high=np.ones(D), norm=float(np.sqrt(D)),
        target_range=None if task else (-1.0, 1.0), units=count, data_set=data_set,
    )
    return Rows(x=x, y=y, facts=facts)


def model(task: int | None) -> Model:
    return model_for("logistic" if task else "linear", classes=task, l2=0.01)


class Steward:
    """Writes down what it hears, in order."""

    def __init__(self, grant: bool = True) -> None:
        self.heard: list[str] = []
        self.requests: list[Request] = []
        self.grant = grant

    def decide(self, request: Request) -> Decision:
        self.heard.append("decide")
        self.requests.append(request)
        return Decision(granted=self.grant, reason="a test says so")

    def reserve(self, request: Request) -> Reservation:
        self.heard.append("reserve")
        return Reservation(request=request)

    def release(self, reservation: Reservation) -> None:
        self.heard.append("release")

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        self.heard.append(f"forfeit {reason}")

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        self.heard.append("commit")
        return Receipt(recorded=True, entry="1")


class Watcher:
    def __init__(self, stop: bool = False) -> None:
        self.heard: list[tuple[int, int]] = []
        self.stop = stop

    def progress(self, done: int, total: int, what: str) -> None:
        assert what
        self.heard.append((done, total))

    def cancelled(self) -> bool:
        return self.stop


@pytest.mark.parametrize("task", [None, 2, 3])
def test_it_learns(protection: Protection, task: int | None) -> None:
    # Noise on every record needs more of them than noise on a sum.
    data = rows(task, count=4 * N if protection.name == "local" else N)
    result = protection.fit(model(task), data)
    scores = scores_of(result.model, result.params, data.x)
    if task is None:
        assert np.corrcoef(scores[:, 0], data.y)[0, 1] > 0.7
    else:
        guess = scores[:, 0] > 0 if task == 2 else scores.argmax(axis=1)
        assert np.mean(guess == data.y) > 0.85


def test_parameters_are_finite_numpy_arrays_of_the_models_shapes(protection: Protection) -> None:
    data = rows(3)
    result = protection.fit(model(3), data)
    expected = model(3).init(0, D, 3)
    assert {name: value.shape for name, value in result.params.items()} == {
        name: value.shape for name, value in expected.items()
    }
    for value in result.params.values():
        assert isinstance(value, np.ndarray)
        assert np.isfinite(value).all()


def test_plan_needs_facts_alone_and_holds_for_the_run(protection: Protection) -> None:
    data = rows(2)
    plan = protection.plan(model(2), data.facts)
    assert isinstance(plan, Plan)
    assert plan.cost.estimated
    assert plan.cost.seconds is not None
    result = protection.fit(model(2), data)
    assert result.guarantee == plan.guarantee
    assert protection.plan(model(2), data.facts).settings == plan.settings


def test_settings_and_claims_are_json(protection: Protection) -> None:
    import json

    plan = protection.plan(model(2), rows(2).facts)
    assert json.loads(json.dumps(plan.settings)) is not None
    record = json.loads(json.dumps(to_json(plan.guarantee)))
    assert from_json(record) == plan.guarantee


def test_guarantee_answers_the_four_questions(protection: Protection) -> None:
    guarantee = protection.plan(model(2), rows(2).facts).guarantee
    answers = guarantee.describe()
    for question in ("claim", "who learns what", "under which assumption", "how to check it"):
        assert answers[question], question
    assert guarantee.sights == protection.sights()
    assert not guarantee.recorded
    assert protection.name.islower() and " " not in protection.name
    assert protection.label.startswith(protection.name)


def test_decide_reserve_run_commit(protection: Protection) -> None:
    steward = Steward()
    result = protection.fit(model(2), rows(2, data_set="clinic"), steward=steward, purpose="care")
    assert steward.heard == ["decide", "reserve", "commit"]
    (request,) = steward.requests
    assert (request.action, request.data_set, request.purpose) == ("fit", "clinic", "care")
    assert request.parameters["protection"] == protection.label
    assert result.guarantee.recorded
    assert replace(result.guarantee, recorded=False) == request.guarantee


def test_a_refused_request_reads_nothing(protection: Protection) -> None:
    steward = Steward(grant=False)
    unreadable = replace(rows(2), x=None, y=None)  # type: ignore[arg-type]  # would crash if read
    with pytest.raises(Refused):
        protection.fit(model(2), unreadable, steward=steward)
    assert steward.heard == ["decide"]


def test_a_run_that_fails_is_spent(protection: Protection) -> None:
    steward = Steward()
    unreadable = replace(rows(2), x=None, y=None)  # type: ignore[arg-type]  # crashes when read
    with pytest.raises(Exception):  # noqa: B017  # whatever a technique raises
        protection.fit(model(2), unreadable, steward=steward)
    assert steward.heard[:2] == ["decide", "reserve"]
    assert steward.heard[2].startswith("forfeit")


def test_watchers_hear_progress_up_to_the_end(protection: Protection) -> None:
    watcher = Watcher()
    protection.fit(model(2), rows(2), watch=watcher)
    assert watcher.heard
    assert all(0 <= done <= total for done, total in watcher.heard)


def test_a_watcher_can_stop_it_and_the_reservation_is_spent(protection: Protection) -> None:
    steward = Steward()
    with pytest.raises(Cancelled):
        protection.fit(model(2), rows(2), watch=Watcher(stop=True), steward=steward)
    assert steward.heard == ["decide", "reserve", "forfeit Cancelled"]


def test_rows_are_left_as_they_were(protection: Protection) -> None:
    data = rows(2)
    x, y = data.x.copy(), data.y.copy()
    data.x.setflags(write=False)
    data.y.setflags(write=False)
    protection.fit(model(2), data)
    assert np.array_equal(data.x, x)
    assert np.array_equal(data.y, y)


def test_weights_and_units_are_taken(protection: Protection) -> None:
    data = rows(2)
    weighted = replace(data, weight=np.linspace(0.5, 1.0, N))
    assert np.isfinite(protection.fit(model(2), weighted).params["w"]).all()
    facts = replace(data.facts, unit="person", units=N // 2, max_rows=2)
    paired = replace(data, unit=np.arange(N) // 2, facts=facts)
    assert np.isfinite(protection.fit(model(2), paired).params["w"]).all()


def test_cost_is_measured(protection: Protection) -> None:
    cost = protection.fit(model(2), rows(2)).cost
    assert not cost.estimated
    assert cost.seconds is not None and cost.seconds > 0
    if not protection.exact_timing:
        assert cost == cost.coarse()


def test_steps_are_the_planned_ones_where_exact_figures_would_leak(
    protection: Protection,
) -> None:
    data = rows(2)
    result = protection.fit(model(2), data)
    assert result.steps >= 1
    if not protection.exact_timing:
        assert result.steps == protection.plan(model(2), data.facts).settings["steps"]


def test_it_is_a_frozen_value_that_copies_and_pickles(protection: Protection) -> None:
    assert is_dataclass(protection)
    for again in (copy.deepcopy(protection), pickle.loads(pickle.dumps(protection))):
        assert again == protection
        assert repr(again) == repr(protection)
    with pytest.raises(FrozenInstanceError):
        protection.epsilon = 99.0  # type: ignore[attr-defined]  # frozen whatever the name
    assert replace(protection) == protection
    settings = [f.name for f in fields(protection) if f.compare]
    assert all(not name.startswith("_") for name in settings)
    assert one_protection(protection) is protection
    assert one_protection([protection]) is protection
