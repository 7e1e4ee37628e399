"""Budgets against a twin in memory: never overspent, and cached totals are what entries say."""

from __future__ import annotations

import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from privet.claims import DPGuarantee, Request
from privet.errors import OutOfBudget, Refused
from privet.govern.budget import (
    Budget,
    Registry,
    audit_totals,
    export_budget,
    import_budget,
    rebuild_totals,
)
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST
from tests.unit.govern.ledgers import sql

TENTHS = st.integers(1, 12)
PURPOSES = ("care", "research")
CAP = 12


def claim(tenths):
    return DPGuarantee(epsilon=tenths / 10, delta=0.0, unit="row", relation="zero-out",
                       accountant="x")


class Twin:
    """What must be left, in tenths of epsilon, by plain arithmetic over all that happened."""

    def __init__(self):
        self.limit: dict[str, Fraction] = {}
        self.cap: dict[str, Fraction] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.disjoint: set[frozenset[str]] = set()
        self.closed: set[str] = set()
        self.runs: dict[str, tuple[str, str, int, str]] = {}

    def holders(self, name):
        return {name}.union(*(self.holders(parent) for parent in self.parents[name]))

    def used(self, holder, purpose=None):
        """By brute force: the worst set of sources that one unit can be in."""
        by_source: dict[str, int] = {}
        for name, why, tenths, state in self.runs.values():
            counts = state != "released" and purpose in (None, why)
            if counts and holder in self.holders(name):
                by_source[name] = by_source.get(name, 0) + tenths
        names, worst = list(by_source), 0
        for mask in range(1 << len(names)):
            picked = [name for at, name in enumerate(names) if mask >> at & 1]
            if not any(frozenset((a, b)) in self.disjoint for a in picked for b in picked):
                worst = max(worst, sum(by_source[name] for name in picked))
        return worst

    def left(self, holder):
        return self.limit[holder] - self.used(holder)

    def fits(self, name, purpose, tenths):
        self.runs["trial"] = (name, purpose, tenths, "open")
        try:
            return not self.closed & self.holders(name) and all(
                self.left(holder) >= 0
                and (holder not in self.cap or purpose != "care"
                     or self.cap[holder] >= self.used(holder, "care"))
                for holder in self.holders(name)
            )
        finally:
            del self.runs["trial"]


class BudgetMachine(RuleBasedStateMachine):
    """Two ledgers, one twin each."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.paths = [self.folder / "a.db", self.folder / "b.db"]
        self.ledgers = [Ledger.open(path) for path in self.paths]
        self.stewards = [LedgerSteward(ledger) for ledger in self.ledgers]
        self.twins = [Twin(), Twin()]
        self.held: list[tuple[int, str, object]] = []
        self.records: list[tuple[int, dict, str, str, Fraction, Fraction | None]] = []
        self.number = 0

    def teardown(self):
        for ledger in getattr(self, "ledgers", []):
            ledger.close()
        shutil.rmtree(getattr(self, "folder", "/nonexistent"), ignore_errors=True)

    def pick(self, data, at):
        return data.draw(st.sampled_from(sorted(self.twins[at].limit)))

    @rule(data=st.data(), at=st.integers(0, 1), tenths=st.integers(5, 30), capped=st.booleans())
    def register(self, data, at, tenths, capped):
        twin = self.twins[at]
        if len(twin.limit) >= 5:
            return
        self.number += 1
        name = f"set{self.number}"
        known = sorted(twin.limit)
        parents = data.draw(st.lists(st.sampled_from(known), max_size=2, unique=True)
                            if known else st.just([]))
        twin.parents[name] = tuple(parents)
        others = [other for other in known if other not in twin.holders(name)]
        apart = data.draw(st.lists(st.sampled_from(others), max_size=2, unique=True)
                          if others else st.just([]))
        cap = min(CAP, tenths) if capped else None
        purposes = None if cap is None else {"care": Budget(cap / 10, 0.0),
                                             "research": Budget(tenths / 10, 0.0)}
        Registry(self.ledgers[at]).register(
            name, unit="row", budget=Budget(tenths / 10, 0.0), version=f"{name} 1", parents=parents,
            disjoint_from=apart, purposes=purposes,
        )
        twin.limit[name] = Fraction(tenths)
        if cap is not None:
            twin.cap[name] = Fraction(cap)
        twin.disjoint |= {frozenset((name, other)) for other in apart}

    @precondition(lambda self: any(twin.limit for twin in self.twins))
    @rule(data=st.data(), at=st.integers(0, 1), tenths=TENTHS, purpose=st.sampled_from(PURPOSES))
    def reserve(self, data, at, tenths, purpose):
        if not self.twins[at].limit:
            return
        name = self.pick(data, at)
        request = Request(action="fit", data_set=name, guarantee=claim(tenths), purpose=purpose)
        fits = self.twins[at].fits(name, purpose, tenths)
        try:
            held = self.stewards[at].reserve(request)
        except OutOfBudget:
            assert not fits
            return
        assert fits
        self.twins[at].runs[held.token] = (name, purpose, tenths, "open")
        self.held.append((at, held.token, held))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["commit", "release", "forfeit"]))
    def settle(self, data, how):
        at, token, held = data.draw(st.sampled_from(self.held))
        name, why, tenths, state = self.twins[at].runs[token]
        steward = self.stewards[at]
        steps = {
            "commit": lambda: steward.commit(held, held.request.guarantee, COST),
            "release": lambda: steward.release(held),
            "forfeit": lambda: steward.forfeit(held, "KeyError"),
        }
        if state != "open":
            with pytest.raises(Refused):
                steps[how]()
            return
        steps[how]()
        after = "released" if how == "release" else "spent"
        self.twins[at].runs[token] = (name, why, tenths, after)

    @precondition(lambda self: any(twin.limit for twin in self.twins))
    @rule(data=st.data(), at=st.integers(0, 1), share=st.sampled_from([0.5, 0.25, "all"]))
    def export(self, data, at, share):
        twin = self.twins[at]
        if not twin.limit:
            return
        name = self.pick(data, at)
        part = Fraction(1) if share == "all" else Fraction(share)
        moved = max(Fraction(0), twin.left(name)) * part
        fits = name not in twin.closed and all(
            moved <= twin.left(holder) for holder in twin.holders(name))
        try:
            record = export_budget(self.ledgers[at], name, share, to=self.ledgers[1 - at].identity)
        except OutOfBudget:
            assert not fits
            return
        assert fits
        cap = None
        if name in twin.cap:
            cap = max(Fraction(0), twin.cap[name] - twin.used(name, "care")) * part
            twin.cap[name] -= cap
        for holder in twin.holders(name):
            twin.limit[holder] -= moved
        if share == "all":
            twin.closed.add(name)
        self.records.append((1 - at, record, self.ledgers[at].head().key, name, moved, cap))

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def import_(self, data):
        at, record, key, name, moved, cap = self.records.pop(
            data.draw(st.integers(0, len(self.records) - 1)))
        twin = self.twins[at]
        import_budget(self.ledgers[at], record, key=key)
        with pytest.raises(Refused):
            import_budget(self.ledgers[at], record, key=key)
        twin.parents.setdefault(name, ())
        twin.limit[name] = twin.limit.get(name, Fraction(0)) + moved
        if cap is not None:
            twin.cap[name] = twin.cap.get(name, Fraction(0)) + cap
        twin.closed.discard(name)

    @rule(at=st.integers(0, 1))
    def reopen(self, at):
        self.ledgers[at].close()
        self.ledgers[at] = Ledger.open(self.paths[at])
        self.stewards[at] = LedgerSteward(self.ledgers[at])

    @rule(at=st.integers(0, 1))
    def lose_the_cache(self, at):
        """Whoever deletes the cached totals loses nothing: the entries are what counts."""
        if self.twins[at].limit:
            self.ledgers[at].close()
            sql(self.paths[at], "DELETE FROM budget_totals")
            sql(self.paths[at], "DELETE FROM budget_open")
            if self.twins[at].runs:
                with pytest.raises(Refused):
                    Registry(self.ledgers[at]).balance(min(self.twins[at].limit))
            rebuild_totals(self.ledgers[at])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def kill(self, data):
        """A process that ends here never settles: its reservation counts for ever."""
        self.held.remove(data.draw(st.sampled_from(self.held)))

    @invariant()
    def totals_are_true_and_never_overspent(self):
        for ledger, twin in zip(getattr(self, "ledgers", []), getattr(self, "twins", []),
                                strict=True):
            assert audit_totals(ledger) == []
            registry = Registry(ledger)
            for name in twin.limit:
                left = twin.left(name)
                assert left >= 0
                balance = registry.balance(name)
                assert balance.left.epsilon == pytest.approx(float(left / 10), abs=1e-12)
                assert balance.closed == (name in twin.closed)


TestBudgets = BudgetMachine.TestCase
TestBudgets.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestBudgets = pytest.mark.slow(TestBudgets)
