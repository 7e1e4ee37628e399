"""Whose budget a source spends is decided by its content, never by what it is called."""

from __future__ import annotations

from contextlib import closing

import pytest

from privet.errors import OutOfBudget, Refused
from privet.govern.budget import Budget, Registry
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, claim, fit, registered, traces

ONE = Budget(1.0, 1e-5)


@pytest.fixture
def ledger(tmp_path):
    """`patients` of 600 persons, and its halves `a` and `b`, which are disjoint."""
    with_file = Ledger.open(tmp_path / "l.db")
    registry = registered(with_file, budget=ONE, traces=traces(with_file, 0, 600))
    given = {"unit": "row", "budget": ONE, "parents": ["patients"]}
    registry.register("a", **given, version="a 1", traces=traces(with_file, 0, 300))
    registry.register("b", **given, version="b 1", traces=traces(with_file, 300, 600),
                      disjoint_from=["a"])
    yield with_file
    with_file.close()


def train(ledger, name, start, stop, version, epsilon=1.0):
    """Train on these persons in a file of this name; the set that was charged."""
    steward = LedgerSteward(ledger)
    charged = steward.admit(traces(ledger, start, stop), version, name=name)
    held = steward.reserve(fit(charged, claim(epsilon)))
    steward.commit(held, claim(epsilon), COST)
    return charged


def test_the_parent_under_the_name_of_a_child_is_the_parent(ledger):
    assert train(ledger, "b", 300, 600, "b 1") == "b"
    with pytest.raises(OutOfBudget, match="'patients'"):
        train(ledger, "a", 0, 600, "patients 1")
    assert Registry(ledger).balance("a").spent.epsilon == 0
    # One more person changes nothing about that.
    with pytest.raises(OutOfBudget, match="'patients'"):
        train(ledger, "a", 0, 601, "grown")
    assert train(ledger, "a", 0, 300, "a 1") == "a"


@pytest.mark.parametrize(("start", "version"), [(300, "b 1"), (301, "changed")])
def test_a_child_under_the_name_of_its_parent_is_the_child(tmp_path, start, version):
    with closing(Ledger.open(tmp_path / "l.db")) as ledger:
        registry = registered(ledger, traces=traces(ledger, 0, 600))
        registry.register("b", unit="row", budget=Budget(0.1, 1e-5), version="b 1",
                          parents=["patients"], traces=traces(ledger, 300, 600))
        for name in ("patients", "b", None):
            with pytest.raises(OutOfBudget, match="for 'b'"):
                train(ledger, name, start, 600, version)
        assert train(ledger, "patients", start, 600, version, 0.1) == "b"
        assert registry.balance("patients").spent.epsilon == 0.1


@pytest.mark.parametrize("name", ["a", "b", "patients", "other"])
def test_a_changed_child_with_persons_of_a_disjoint_one_is_refused(ledger, name):
    with pytest.raises(Refused, match="shares units with registered") as caught:
        LedgerSteward(ledger).admit(traces(ledger, 0, 310), "grown", name="a")
    assert caught.value.remedy.startswith(
        "privet dataset register a-2 FILE --parent patients --parent a --parent b "
        "--budget EPSILON"
    )
    # A part of a set is derived from it, whatever it is called.
    with pytest.raises(Refused, match="shares units with registered"):
        LedgerSteward(ledger).admit(traces(ledger, 0, 20), "part", name=name)


def test_a_name_chooses_among_exact_copies_only(ledger):
    steward = LedgerSteward(ledger)
    steward.registry.register("copy", unit="row", budget=ONE, version="a 1", parents=["a"],
                              traces=traces(ledger, 0, 300))
    source = traces(ledger, 0, 300)
    assert steward.admit(source, "a 1", name="a") == "a"
    assert steward.admit(source, "a 1", name="copy") == "copy"
    for name in (None, "patients", "b", "other"):
        assert steward.admit(source, "a 1", name=name) == "copy", "it spends for both"
    assert steward.admit(traces(ledger, 0, 299), "a 2", name="a") == "copy"
