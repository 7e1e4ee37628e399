"""Every run settles its reservation: committed, released before the data, or forfeited after."""

from __future__ import annotations

import pytest

from privet.claims import (
    Cost,
    Decision,
    NoGuarantee,
    NullSteward,
    Receipt,
    Request,
    Reservation,
    noting,
    spending,
)
from privet.errors import OutOfBudget, Refused

REQUEST = Request(action="fit", data_set="patients", guarantee=NoGuarantee())


class Notebook:
    """A steward that grants once and writes down what it is told."""

    def __init__(self, *, grants=True, budget=1):
        self.grants, self.budget, self.heard = grants, budget, []

    def decide(self, request):
        self.heard.append("decide")
        return Decision(granted=self.grants, reason="policy 7", remedy="ask the owner")

    def reserve(self, request):
        self.heard.append("reserve")
        if self.budget < 1:
            raise OutOfBudget("nothing is left")
        self.budget -= 1
        return Reservation(request=request, token="t1")

    def release(self, reservation):
        self.heard.append("release")
        self.budget += 1

    def forfeit(self, reservation, reason):
        self.heard.append(f"forfeit {reason}")

    def commit(self, reservation, guarantee, cost):
        self.heard.append("commit")
        return Receipt(recorded=True, entry="entry 1")


def test_a_run_that_ends_well_is_committed_once():
    steward = Notebook()
    with spending(steward, REQUEST) as spend:
        spend.touch()
        receipt = spend.commit(NoGuarantee(), Cost())
    assert receipt == spend.receipt == Receipt(recorded=True, entry="entry 1")
    assert steward.heard == ["decide", "reserve", "commit"]


def test_a_failure_before_the_first_row_gives_the_budget_back():
    steward = Notebook()
    with pytest.raises(ZeroDivisionError), spending(steward, REQUEST):
        raise ZeroDivisionError
    assert steward.heard == ["decide", "reserve", "release"]
    assert steward.budget == 1


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_a_failure_after_the_first_row_is_spent_whatever_it_was(error):
    steward = Notebook()
    with pytest.raises(error), spending(steward, REQUEST) as spend:
        spend.touch()
        assert spend.touched
        raise error
    assert steward.heard == ["decide", "reserve", f"forfeit {error.__name__}"]
    assert steward.budget == 0


def test_a_run_that_forgets_to_commit_is_spent():
    steward = Notebook()
    with spending(steward, REQUEST) as spend:
        spend.touch()
    assert steward.heard[-1] == "forfeit ended without a commit"


def test_a_failure_after_the_commit_changes_nothing():
    steward = Notebook()
    with pytest.raises(ZeroDivisionError), spending(steward, REQUEST) as spend:
        spend.touch()
        spend.commit(NoGuarantee(), Cost())
        raise ZeroDivisionError
    assert steward.heard == ["decide", "reserve", "commit"]


def test_committing_twice_is_refused_and_recorded_once():
    steward = Notebook()
    with spending(steward, REQUEST) as spend:
        spend.touch()
        spend.commit(NoGuarantee(), Cost())
        with pytest.raises(Refused, match="committed already"):
            spend.commit(NoGuarantee(), Cost())
    assert steward.heard.count("commit") == 1


def test_a_denied_request_reserves_nothing_and_says_why():
    steward = Notebook(grants=False)
    refused = pytest.raises(Refused, match="does not allow to fit: policy 7")
    with refused as caught, spending(steward, REQUEST):
        pytest.fail("the block ran")
    assert caught.value.remedy == "ask the owner"
    assert steward.heard == ["decide"]


def test_an_empty_budget_stops_before_the_block():
    steward = Notebook(budget=0)
    with pytest.raises(OutOfBudget), spending(steward, REQUEST):
        pytest.fail("the block ran")
    assert steward.heard == ["decide", "reserve"]


def test_the_null_steward_allows_all_and_records_nothing():
    with spending(NullSteward(), REQUEST) as spend:
        spend.touch()
        assert spend.commit(NoGuarantee(), Cost()) == Receipt(recorded=False)


def test_what_is_reserved_is_noted_with_its_end():
    class Broken(Notebook):
        def reserve(self, request):
            raise KeyboardInterrupt

    def attempt(steward, error, *, touch):
        with pytest.raises(error), spending(steward, REQUEST) as spend:
            if touch:
                spend.touch()
            raise error

    with noting() as runs:
        attempt(Notebook(), ZeroDivisionError, touch=False)
        attempt(Notebook(), KeyboardInterrupt, touch=True)
        attempt(Notebook(budget=0), OutOfBudget, touch=True)
        attempt(Broken(), KeyboardInterrupt, touch=True)
        with spending(Notebook(), REQUEST) as spend:
            assert runs[-1] is spend and spend.ending is None
            spend.commit(NoGuarantee(), Cost())
    assert [run.ending for run in runs] == ["released", "forfeited", "refused", None, None]
    assert [run.reservation is None for run in runs] == [False, False, True, True, False]
    with spending(Notebook(), REQUEST) as spend:
        spend.commit(NoGuarantee(), Cost())
    assert spend not in runs
