"""The fixed sequence of `Protection.fit`: plan, decide, reserve, run, commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from privet.claims import (
    Cost,
    Decision,
    Guarantee,
    NoGuarantee,
    NullSteward,
    Receipt,
    Request,
    Reservation,
    Sight,
)
from privet.errors import Cancelled, InvalidInput, OutOfBudget, Refused
from privet.protect.base import (
    Facts,
    Model,
    Outcome,
    Plan,
    Protection,
    Rows,
    Unwatched,
    Watch,
    step,
)
from privet.protect.stack import one_protection


def model() -> Model:
    return Model(
        name="constant",
        init=lambda seed, features, outputs: {},
        apply=lambda params, x: x,
        loss=lambda scores, y: 0.0,
    )


def rows(n: int = 4) -> Rows:
    facts = Facts(rows=n, features=1, outputs=1, classes=2, data_set="wards")
    return Rows(np.zeros((n, 1)), np.zeros(n, dtype=np.int64), facts)


@dataclass
class Ledger:
    """A steward that writes down what it was told."""

    grant: bool = True
    left: bool = True
    told: list[str] = field(default_factory=list)
    request: Request | None = None

    def decide(self, request: Request) -> Decision:
        self.told.append("decide")
        self.request = request
        return Decision(granted=self.grant, reason="purpose not listed", remedy="purpose='care'")

    def reserve(self, request: Request) -> Reservation:
        self.told.append("reserve")
        if not self.left:
            raise OutOfBudget("0.1 is left", value=1.0)
        return Reservation(request=request, token="7")

    def release(self, reservation: Reservation) -> None:
        self.told.append("release")

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        self.told.append(f"forfeit {reason}")

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        self.told.append("commit")
        return Receipt(recorded=True, entry="1")


@dataclass
class Trial(Protection):
    """A protection whose steps can be made to fail."""

    ledger: Ledger
    fail: BaseException | None = None
    refuse: bool = False
    name: ClassVar[str] = "trial"

    def plan(self, model: Model, facts: Facts) -> Plan:
        self.ledger.told.append("plan")
        if self.refuse:
            raise InvalidInput("no bounds")
        return Plan(NoGuarantee(), Cost(estimated=True), {"steps": 3})

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        self.ledger.told.append("run")
        if self.fail:
            raise self.fail
        return Outcome({"w": np.ones(1)}, bytes_sent={"site": 8}, rounds=2)

    def sights(self) -> tuple[Sight, ...]:
        return ()


@dataclass
class Discreet(Trial):
    """A protection whose exact timing is private."""

    exact_timing: ClassVar[bool] = False


def test_the_sequence_and_the_result() -> None:
    ledger = Ledger()
    result = Trial(ledger).fit(model(), rows(), steward=ledger, purpose="care")
    assert ledger.told == ["plan", "decide", "reserve", "run", "commit"]
    assert result.guarantee.recorded
    assert result.cost.rounds == 2 and result.cost.total_bytes == 8
    assert result.cost.seconds is not None and not result.cost.estimated
    request = ledger.request
    assert request is not None and request.data_set == "wards" and request.purpose == "care"
    stated = {"model": "constant", "protection": "trial", "columns": [], "steps": 3}
    assert request.parameters.items() >= stated.items()


def test_without_a_steward_nothing_is_recorded() -> None:
    result = Trial(Ledger()).fit(model(), rows())
    assert not result.guarantee.recorded
    assert "not recorded in a ledger" in str(result.guarantee)


def test_a_plan_that_refuses_spends_nothing() -> None:
    ledger = Ledger()
    with pytest.raises(InvalidInput):
        Trial(ledger, refuse=True).fit(model(), rows(), steward=ledger)
    assert ledger.told == ["plan"]


def test_a_policy_that_refuses_reads_nothing() -> None:
    ledger = Ledger(grant=False)
    with pytest.raises(Refused, match="purpose not listed") as caught:
        Trial(ledger).fit(model(), rows(), steward=ledger)
    assert caught.value.remedy == "purpose='care'"
    assert ledger.told == ["plan", "decide"]


def test_an_empty_budget_reads_nothing() -> None:
    ledger = Ledger(left=False)
    with pytest.raises(OutOfBudget):
        Trial(ledger).fit(model(), rows(), steward=ledger)
    assert ledger.told == ["plan", "decide", "reserve"]


@pytest.mark.parametrize("error", [ValueError("a row"), KeyboardInterrupt(), Cancelled("stop")])
def test_a_run_that_fails_has_spent_its_reservation(error: BaseException) -> None:
    ledger = Ledger()
    with pytest.raises(type(error)):
        Trial(ledger, fail=error).fit(model(), rows(), steward=ledger)
    assert ledger.told[-1] == f"forfeit {type(error).__name__}"
    assert "commit" not in ledger.told


def test_exact_timing_is_withheld_where_it_is_private() -> None:
    ledger = Ledger()
    cost = Discreet(ledger).fit(model(), rows(), steward=ledger).cost
    assert cost.seconds == pytest.approx(0.1)


def test_step_reports_and_stops() -> None:
    heard: list[Any] = []

    class Impatient(Unwatched):
        def progress(self, done: int, total: int, what: str) -> None:
            heard.append((done, total, what))

        def cancelled(self) -> bool:
            return bool(heard)

    watch = Impatient()
    step(watch, 1, 9, "steps")
    with pytest.raises(Cancelled, match="step 2 of 9"):
        step(watch, 2, 9, "steps")
    assert heard == [(1, 9, "steps")]


def test_one_protection_takes_one_and_names_a_bad_stack() -> None:
    trial = Trial(Ledger())
    assert one_protection(trial) is trial
    assert one_protection([trial]) is trial
    assert one_protection(None).name == "plain"
    with pytest.raises(InvalidInput, match="cannot be stacked"):
        one_protection([trial, trial])
    with pytest.raises(InvalidInput, match="must be a protection"):
        one_protection("private")


def test_the_null_steward_grants_and_records_nothing() -> None:
    steward = NullSteward()
    request = Request(action="fit", data_set=None, guarantee=NoGuarantee())
    assert steward.decide(request).granted
    reservation = steward.reserve(request)
    steward.release(reservation)
    steward.forfeit(reservation, "reason")
    assert not steward.commit(reservation, NoGuarantee(), Cost()).recorded
