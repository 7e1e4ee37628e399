"""Registered sets: relatives are recognised, derived sets spend from their ancestors."""

from __future__ import annotations

import pytest

from privet.claims import spending
from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import Budget, Registry, Sketch, audit_totals, hash_key
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, KEY, claim, fit, ids, registered, traces


@pytest.fixture
def ledger(tmp_path):
    with_file = Ledger.open(tmp_path / "l.db")
    yield with_file
    with_file.close()


def spend(ledger, name, epsilon, purpose=""):
    steward = LedgerSteward(ledger)
    with spending(steward, fit(name, claim(epsilon), purpose=purpose)) as run:
        run.touch()
        run.commit(claim(epsilon), COST)


def test_what_was_registered_is_what_is_found(ledger):
    registry = registered(
        ledger, rows=10, units=5, columns=["age", "city"], unit="person", max_rows=2,
        purposes={"research": Budget(1.0, 1e-6)}, owner="office", owner_key="ab" * 32,
        traces=traces(ledger, 0, 9),
    )
    found = Registry(ledger).get("patients")
    assert (found.rows, found.units, found.columns) == (10, 5, ("age", "city"))
    assert (found.unit, found.max_rows, found.relation) == ("person", 2, "zero-out")
    assert found.purposes == {"research": Budget(1.0, 1e-6)}
    assert [item.name for item in registry.list()] == ["patients"]
    registry.add_version("patients", version="patients 2", rows=12, units=6)
    assert Registry(ledger).get("patients").versions == ("patients 1", "patients 2")
    entries = [e.kind for e in ledger.entries() if e.kind.startswith("dataset.")]
    assert entries == ["dataset.register", "dataset.version"]
    assert verify(ledger).ok


@pytest.mark.parametrize(("facts", "words"), [
    ({"name": ""}, "name"),
    ({"name": "patients"}, "registered already"),
    ({"parents": ["nobody"]}, "no data set of this name"),
    ({"disjoint_from": ["nobody"]}, "no data set of this name"),
    ({"rows": -1}, "rows"),
    ({"max_rows": 2.5}, "max_rows"),
    ({"budget": 3.0}, "Budget"),
    ({"purposes": {"research": Budget(4.0, 1e-6)}}, "within the budget"),
    ({"purposes": {"research": Budget(1.0, 1e-6, "gaussian")}}, "within the budget"),
    ({"relation": "swap"}, "relation"),
    ({"owner_key": "ab"}, "owner's key"),
    ({"version": ""}, "version"),
])
def test_bad_registrations_are_refused_and_leave_nothing(ledger, facts, words):
    registered(ledger)
    size = ledger.head().size
    given = {"name": "other", "unit": "row", "budget": Budget(1.0, 1e-6), "version": "1"} | facts
    with pytest.raises(InvalidInput, match=words):
        Registry(ledger).register(given.pop("name"), **given)
    assert ledger.head().size == size


def test_relatives_are_recognised(ledger):
    registry = registered(ledger, traces=traces(ledger, 0, 6000))

    def match(start, stop, version="new"):
        found = registry.recognise(traces(ledger, start, stop), version)
        return found.kind, found.names

    assert match(0, 6000, "patients 1") == ("exact", ("patients",))
    assert match(0, 6001) == ("changed", ("patients",))
    assert match(0, 40_000) == ("changed", ("patients",))
    assert match(100, 400) == ("derived", ("patients",))
    assert match(5900, 12_000) == ("derived", ("patients",))
    assert match(6000, 9000) == ("unknown", ())
    assert registry.recognise(None, "new").kind == "unknown"


def test_sets_that_share_units_need_a_parent(ledger):
    registry = registered(ledger, traces=traces(ledger, 0, 100))
    given = {"unit": "row", "budget": Budget(1.0, 1e-6), "version": "1",
             "traces": traces(ledger, 50, 150)}
    with pytest.raises(Refused) as caught:
        registry.register("half", **given)
    assert caught.value.remedy == (
        "privet dataset register half FILE --parent patients --budget EPSILON"
    )
    with pytest.raises(Refused, match="not disjoint"):
        registry.register("half", disjoint_from=["patients"], **given)
    registry.register("half", parents=["patients"], **given)
    registry.register("others", **given | {"version": "2", "traces": traces(ledger, 200, 300)})
    with pytest.raises(Refused, match="shares units"):
        registry.add_version("others", version="3", traces=traces(ledger, 0, 300))
    with pytest.raises(Refused, match="was made from"):
        registry.register("self", **given, parents=["patients"], disjoint_from=["patients"])


def test_content_is_registered_once(ledger):
    registry = registered(ledger, unit="person")
    registry.add_version("patients", version="patients 2")
    size = ledger.head().size
    for version in ("patients 1", "patients 2"):
        with pytest.raises(Refused, match="registered already, as 'patients'") as caught:
            registry.register("again", unit="row", budget=Budget(1.0), version=version)
        assert "register again FILE --parent patients" in caught.value.remedy
        assert caught.value.remedy.endswith("--unit person")
    assert ledger.head().size == size
    given = {"unit": "person", "budget": Budget(1.0)}
    registry.register("copy", **given, version="patients 2", parents=["patients"])
    registry.register("grandchild", **given, version="patients 1", parents=["copy"])
    with pytest.raises(Refused, match="as 'copy'"):
        registry.register("sibling", **given, version="patients 2", parents=["patients"])


def test_no_version_is_the_content_of_another_set(ledger):
    registry = registered(ledger)
    registry.register("b", unit="row", budget=Budget(0.1), version="b 1", parents=["patients"])
    with pytest.raises(Refused, match="registered already, as 'b'") as caught:
        registry.add_version("patients", version="b 1")
    assert "register patients-2 FILE --parent b" in caught.value.remedy
    assert registry.get("patients").versions == ("patients 1",)
    registry.add_version("b", version="patients 1")
    # Under a new hash key, copies are copies again, in either order; so is an old version.
    registry.add_version("b", version="renamed")
    registry.add_version("patients", version="renamed")
    registry.add_version("patients", version="patients 1")


def test_a_parent_of_another_unit_or_relation_is_refused(ledger):
    registry = registered(ledger)
    for facts in ({"unit": "person"}, {"relation": "replace-one"}):
        given = {"unit": "row", "budget": Budget(1.0, 1e-6), "version": "1"} | facts
        with pytest.raises(Refused, match="another unit or relation"):
            registry.register("child", parents=["patients"], **given)


def test_derived_sets_spend_from_all_ancestors(ledger):
    registry = registered(ledger)
    for name, parent in (("adults", "patients"), ("women", "adults")):
        registry.register(name, unit="row", budget=Budget(2.0, 1e-5), version="1",
                          parents=[parent])
    spend(ledger, "women", 1.0)
    spend(ledger, "patients", 1.5)
    assert registry.balance("patients").spent.epsilon == 2.5
    assert registry.balance("adults").spent.epsilon == 1.0
    balance = registry.balance("women")
    assert (balance.left.epsilon, balance.fits, balance.limited_by) == (1.0, 0.5, "patients")
    with pytest.raises(OutOfBudget, match="'patients'"):
        spend(ledger, "women", 0.6)
    spend(ledger, "women", 0.5)
    assert audit_totals(ledger) == []


def test_siblings_add_up_unless_declared_disjoint(ledger):
    registry = registered(ledger)
    given = {"unit": "row", "budget": Budget(3.0, 1e-5), "parents": ["patients"]}
    registry.register("north", **given, version="n", traces=traces(ledger, 0, 50))
    registry.register("south", **given, version="s", traces=traces(ledger, 50, 90),
                      disjoint_from=["north"])
    registry.register("adults", **given, version="a")
    spend(ledger, "north", 2.0)
    spend(ledger, "south", 2.5)
    assert registry.balance("patients").spent.epsilon == 2.5
    with pytest.raises(OutOfBudget):
        spend(ledger, "adults", 0.6)
    spend(ledger, "north", 0.5)
    spend(ledger, "adults", 0.5)
    assert registry.balance("patients").left.epsilon == 0
    with pytest.raises(OutOfBudget):
        spend(ledger, "north", 0.1)


def test_under_replace_one_nothing_is_disjoint(ledger):
    registry = registered(ledger, relation="replace-one")
    with pytest.raises(Refused, match="replace-one"):
        registry.register("south", unit="row", budget=Budget(1.0), version="1",
                          relation="replace-one", disjoint_from=["patients"])


def test_purposes_are_caps_within_the_whole(ledger):
    registry = registered(ledger, purposes={"research": Budget(1.0, 1e-5),
                                            "billing": Budget(2.5, 1e-5)})
    spend(ledger, "patients", 1.0, "research")
    with pytest.raises(OutOfBudget, match="purpose 'research'"):
        spend(ledger, "patients", 0.1, "research")
    with pytest.raises(OutOfBudget, match="for 'patients'"):
        spend(ledger, "patients", 2.25, "billing")
    spend(ledger, "patients", 2.0, "billing")
    balance = registry.balance("patients")
    assert balance.purposes["billing"].left.epsilon == 0.5
    assert balance.purposes["billing"].fits == 0.0
    with pytest.raises(Refused, match="for other purposes"):
        spend(ledger, "patients", 0.1, "marketing")


def test_gaussian_and_basic_relatives_are_each_counted_their_way(ledger):
    registry = registered(ledger, budget=Budget(3.0, 1e-5, "gaussian"))
    registry.register("adults", unit="row", budget=Budget(2.0, 1e-5), version="1",
                      parents=["patients"])
    with pytest.raises(Refused, match="names no Gaussian"):
        spend(ledger, "adults", 0.5)


def test_redacted_registration_stops_everything(ledger):
    registered(ledger)
    ledger.redact(2, "by mistake")
    with pytest.raises(Refused, match="was redacted"):
        Registry(ledger).list()


def test_sketch_survives_packing_and_order_and_tells_nothing_under_another_key():
    one = Sketch.of(KEY, ids(0, 5000))
    again = Sketch.of(KEY, reversed(ids(0, 5000) + ids(0, 10)))
    assert one == again == Sketch.unpack(one.pack(), full=True, key=one.key)
    assert one.full
    assert len(one.values) == 2048
    small = Sketch.of(KEY, ids(0, 5))
    assert not small.full
    assert small == Sketch.unpack(small.pack(), full=False, key=small.key)
    assert Sketch.of(KEY, []).overlap(one).common == 0
    other = Sketch.of(KEY[::-1], ids(0, 5000))
    assert not set(other.values) & set(one.values)
    with pytest.raises(InvalidInput, match="different keys"):
        one.overlap(other)


def test_sketch_estimates_shares():
    whole, part = Sketch.of(KEY, ids(0, 40_000)), Sketch.of(KEY, ids(0, 10_000))
    overlap = part.overlap(whole)
    assert overlap.of_first == 1.0
    assert 0.2 < overlap.of_second < 0.3


@pytest.mark.parametrize(("raw", "full"), [
    (b"\0\0\0", False), (bytes(7) + b"\1" + bytes(8), False), (bytes(16), False), (b"", True),
])
def test_malformed_sketches_are_refused(raw, full):
    with pytest.raises(InvalidInput, match="malformed sketch"):
        Sketch.unpack(raw, full=full, key="k")


def test_hash_key_is_kept_private_and_the_same(ledger, tmp_path):
    key = hash_key(ledger)
    assert key == hash_key(Ledger.open(tmp_path / "l.db"))
    path = tmp_path / "l.hash"
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o644)
    with pytest.raises(Refused, match="may read"):
        hash_key(ledger)
    path.chmod(0o600)
    path.write_text("zz")
    with pytest.raises(InvalidInput, match="does not hold a hash key"):
        hash_key(ledger)
