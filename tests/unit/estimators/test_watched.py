"""An estimator hands its watcher and its steward to the protection."""

from __future__ import annotations

import numpy as np
import pytest

import privet as pv
from privet.claims import Cost, Decision, Guarantee, NullSteward, Receipt, Request, Reservation
from privet.errors import Cancelled, Refused
from privet.protect.base import Unwatched

ROWS = np.array([[0.0], [1.0], [2.0], [3.0]] * 10)
LABELS = np.array([0, 0, 1, 1] * 10)


class Ledger(NullSteward):
    """Keeps what it was told."""

    def __init__(self, *, grant: bool = True) -> None:
        self.grant = grant
        self.requests: list[Request] = []
        self.committed: list[Guarantee] = []

    def decide(self, request: Request) -> Decision:
        self.requests.append(request)
        return Decision(granted=self.grant, reason="purpose not listed")

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        self.committed.append(guarantee)
        return Receipt(recorded=True, entry="1")


class Impatient(Unwatched):
    """Stops at once."""

    def cancelled(self) -> bool:
        return True


def test_a_steward_is_asked_and_told() -> None:
    ledger = Ledger()
    fitted = pv.LogisticRegression().fit(ROWS, LABELS, steward=ledger, purpose="triage")
    assert [request.purpose for request in ledger.requests] == ["triage"]
    assert len(ledger.committed) == 1
    assert fitted.guarantee_.recorded


def test_a_steward_that_says_no_leaves_no_model() -> None:
    model = pv.LogisticRegression()
    with pytest.raises(Refused, match="purpose not listed"):
        model.fit(ROWS, LABELS, steward=Ledger(grant=False))
    assert not hasattr(model, "result_")


@pytest.mark.parametrize("protect", [pv.Plain(), pv.Private(epsilon=1.0, delta=1e-3)])
def test_a_watcher_can_stop_a_fit(protect: object) -> None:
    schema = pv.Schema.for_arrays([0.0], [3.0], classes=[0, 1])
    model = pv.LogisticRegression(protect=protect, schema=schema)
    with pytest.raises(Cancelled):
        model.fit(ROWS, LABELS, watch=Impatient())
    assert not hasattr(model, "result_")
