"""Sketches of persons can be erased, and what another hand did to them is told from that."""

from __future__ import annotations

import json

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.budget import (
    Budget,
    Registry,
    Sketch,
    audit_totals,
    hash_key,
    hash_keys,
    key_name,
    rotate_hash_key,
)
from privet.govern.budget.sketch import hashed
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import ids, registered, traces
from tests.unit.govern.ledgers import copied, sql


@pytest.fixture
def ledger(tmp_path):
    with_file = Ledger.open(tmp_path / "l.db")
    yield with_file
    with_file.close()


def kind(ledger, start, stop, version="new"):
    return Registry(ledger).recognise(traces(ledger, start, stop), version).kind


def sketch(ledger, start, stop):
    return traces(ledger, start, stop).units["row"]


def stored(tmp_path):
    """Everything that the files of the database hold."""
    return b"".join(path.read_bytes() for path in tmp_path.glob("l.db*"))


def packed(ledger, *persons):
    return [value.to_bytes(8, "big") for value in hashed(hash_key(ledger), persons)]


def test_entries_hold_no_hash_of_a_person(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 9))
    registry.add_version("patients", version="2", traces=traces(ledger, 0, 10))
    for entry in ledger.entries(2):
        assert entry.payload["sketch"].keys() == {"root", "key"}
        assert len(json.dumps(entry.payload)) < 1000
    assert kind(ledger, 0, 10) == "changed"
    assert packed(ledger, *ids(3, 4))[0] in stored(tmp_path)


def test_one_person_is_forgotten_and_the_others_are_not(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 9))
    registry.add_version("patients", version="2", traces=traces(ledger, 0, 10))
    value = packed(ledger, *ids(3, 4))[0]
    before = sql(tmp_path / "l.db", "SELECT hex(salt) FROM sketches")
    entry = registry.forget("patients", *ids(3, 4))
    assert entry.kind == "dataset.forget"
    assert entry.payload["name"] == "patients"
    assert set(entry.payload["sketches"]) == {"2", "3"}
    assert value.hex() not in entry.text
    assert value not in stored(tmp_path)
    assert not any(bytes.fromhex(salt) in stored(tmp_path) for (salt,) in before)
    assert packed(ledger, *ids(4, 5))[0] in stored(tmp_path)
    assert kind(ledger, 3, 4) == "unknown"
    assert kind(ledger, 4, 10) == "changed"
    assert kind(ledger, 0, 10, "2") == "exact"
    assert audit_totals(ledger) == []
    assert verify(ledger).ok
    assert registry.forget("patients", *ids(3, 4)) is None
    assert registry.forget("patients", b"a stranger") is None
    with pytest.raises(InvalidInput, match="no data set"):
        registry.forget("nobody", b"x")


def test_a_view_that_was_read_before_sees_what_was_forgotten(ledger):
    steward = LedgerSteward(ledger)
    registered(ledger, traces=traces(ledger, 0, 2))
    assert steward.admit(traces(ledger, 1, 3), "new") == "patients"
    Registry(ledger).forget("patients", *ids(0, 2))
    assert steward.admit(traces(ledger, 1, 3), "new") is None


def test_forgetting_costs_one_value_of_a_full_sketch(ledger):
    whole = sketch(ledger, 0, 5000)
    for value in (whole.values[0], whole.values[-1], whole.values[700]):
        less = whole.without({value})
        assert len(less.values) == 2047
        assert less.full
        assert less.overlap(whole).of_first == 1.0
        assert less.overlap(whole).of_second >= 1 - 1 / 2048
    assert whole.without(set()) == whole
    assert whole.without(set(whole.values)) is None
    assert sketch(ledger, 0, 2).without(set(sketch(ledger, 0, 2).values)).values == ()


def test_an_erased_sketch_recognises_by_content_alone(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    registry.add_version("patients", version="2", traces=traces(ledger, 0, 60))
    entry = registry.erase_sketch("patients")
    assert entry.payload["sketches"] == {"2": None, "3": None}
    assert sql(tmp_path / "l.db", "SELECT COUNT(*) FROM sketches") == [(0,)]
    assert kind(ledger, 0, 50, "patients 1") == kind(ledger, 0, 60, "2") == "exact"
    assert kind(ledger, 0, 51) == "unknown"
    assert audit_totals(ledger) == []
    with pytest.raises(InvalidInput, match="no sketch"):
        registry.erase_sketch("patients")
    registry.add_version("patients", version="3", traces=traces(ledger, 0, 70))
    assert kind(ledger, 0, 71) == "changed"


@pytest.mark.parametrize("change", [
    "DELETE FROM sketches WHERE seq = 2",
    "UPDATE sketches SET hashes = substr(hashes, 9) WHERE seq = 2",
    "UPDATE sketches SET hashes = 'text' WHERE seq = 2",
    "UPDATE sketches SET complete = 0 WHERE seq = 2",
    "UPDATE sketches SET key = 'another' WHERE seq = 2",
    "UPDATE sketches SET version = '2' WHERE seq = 2",
    "UPDATE sketches SET salt = zeroblob(32) WHERE seq = 2",
    "UPDATE sketches SET salt = 7 WHERE seq = 2",
    "DROP TABLE sketches",
])
def test_another_hand_on_the_table_is_named_and_stops_recognition(ledger, tmp_path, change):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    ledger.close()
    sql(tmp_path / "l.db", change)
    assert any("'patients' that entry 2 promises is missing or was changed" in line
               for line in audit_totals(ledger))
    for start, stop in ((0, 50), (900, 999)):
        with pytest.raises(Refused, match="by another hand") as caught:
            LedgerSteward(ledger).admit(traces(ledger, start, stop), "new")
    assert "forget patients --all" in caught.value.remedy
    given = {"unit": "row", "budget": Budget(1.0), "version": "1"}
    with pytest.raises(Refused, match="by another hand"):
        Registry(ledger).register("half", traces=traces(ledger, 25, 75), **given)
    with pytest.raises(Refused, match="by another hand"):
        Registry(ledger).forget("patients", *ids(0, 1))
    assert Registry(ledger).balance("patients").left.epsilon == 3.0
    entry = Registry(ledger).erase_sketch("patients")
    assert entry.payload["broken"] == [2]
    assert audit_totals(ledger) == []
    registry.add_version("patients", version="2", traces=traces(ledger, 0, 60))
    assert kind(ledger, 0, 61) == "changed"


def test_a_sketch_that_was_put_back_is_named(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    path = tmp_path / "l.db"
    row = sql(path, "SELECT * FROM sketches")[0]
    registry.erase_sketch("patients")
    ledger.close()
    sql(path, f"INSERT INTO sketches VALUES ({', '.join('?' * len(row))})", *row)
    assert audit_totals(ledger) == ["a sketch stands in the table for entry 2, which promises none"]
    assert kind(ledger, 0, 51) == "unknown"


def test_a_forgotten_value_cannot_be_put_back_unnoticed(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    ((before,),) = sql(tmp_path / "l.db", "SELECT hashes FROM sketches")
    registry.forget("patients", *ids(3, 4))
    ledger.close()
    sql(tmp_path / "l.db", "UPDATE sketches SET hashes = ?", before)
    assert any("entry 2" in line for line in audit_totals(ledger))


def rotated(ledger):
    """A registry of two sets with sketches and one without, after a change of the hash key."""
    registry = registered(ledger, rows=50, units=50, columns=["a", "b"],
                          traces=traces(ledger, 0, 50))
    registry.register("staff", unit="row", budget=Budget(1.0), version="1",
                      traces=traces(ledger, 100, 150))
    registry.register("words", unit="row", budget=Budget(1.0), version="words 1")
    rotate_hash_key(ledger)
    return registry


def test_a_rotated_hash_key_is_kept_until_each_set_has_a_version(ledger, tmp_path):
    old, values = hash_key(ledger), packed(ledger, *ids(0, 1), *ids(100, 101))
    registry = rotated(ledger)
    new = hash_key(ledger)
    assert new != old and hash_keys(ledger) == (new, old)
    assert next(iter(ledger.entries(kind="dataset.rekey"))).payload == {
        "key": key_name(new), "sketches": {}}
    for name in ("l.hash", "l.hash.old"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    # By the old key sets are recognised meanwhile, and others are not.
    assert kind(ledger, 0, 51) == kind(ledger, 100, 140) == "changed"
    assert kind(ledger, 900, 999) == "unknown"
    with pytest.raises(Refused, match="shares units"):
        registry.register("half", unit="row", budget=Budget(1.0), version="h",
                          traces=traces(ledger, 0, 10))
    with pytest.raises(Refused, match="registered already, as 'patients'"):
        registry.register("copy", unit="row", budget=Budget(1.0), version="under the new key",
                          traces=traces(ledger, 0, 50, "patients 1"))
    entry = registry.add_version("patients", version="2", traces=traces(ledger, 0, 60))
    assert entry.payload["sketches"] == {"2": None}
    assert values[0] not in stored(tmp_path) and values[1] in stored(tmp_path)
    assert kind(ledger, 0, 61) == kind(ledger, 100, 140) == "changed"
    assert (tmp_path / "l.hash.old").exists()
    registry.add_version("staff", version="staff 2", traces=traces(ledger, 100, 150))
    assert hash_keys(ledger) == (new,)
    assert old.hex().encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert values[1] not in stored(tmp_path)
    assert kind(ledger, 0, 61) == kind(ledger, 100, 151) == "changed"
    assert kind(ledger, 900, 999) == "unknown"
    assert audit_totals(ledger) == []
    assert verify(ledger).ok


@pytest.mark.parametrize(("start", "stop"), [(900, 950), (100, 150), (0, 20), (30, 130)])
def test_other_data_do_not_take_a_name_over_after_a_new_hash_key(ledger, start, stop):
    registry = rotated(ledger)
    for attested in (None, ("Cy", "it is")):
        with pytest.raises(Refused, match=r"not the registered 'patients'|registered 'staff'"):
            registry.add_version("patients", version="2", rows=50, units=50, columns=["a", "b"],
                                 traces=traces(ledger, start, stop), attested=attested)
    assert kind(ledger, 0, 50) == "changed"
    with pytest.raises(InvalidInput, match="nobody needs"):
        registry.add_version("patients", version="2", traces=traces(ledger, 0, 50),
                             attested=("Cy", "it is"))


def test_a_detour_over_a_strange_version_takes_no_name_over(ledger):
    registry = registered(ledger, rows=50, units=50, columns=["a"], traces=traces(ledger, 0, 50))
    registry.add_version("patients", version="strange", traces=traces(ledger, 900, 950))
    rotate_hash_key(ledger)
    entry = registry.add_version("patients", version="2", traces=traces(ledger, 900, 950))
    assert entry.payload["sketches"] == {"3": None}
    assert kind(ledger, 0, 50) == kind(ledger, 900, 950) == "changed"
    assert len(hash_keys(ledger)) == 2, "the first version is known by the old key alone"
    with pytest.raises(Refused, match="not known by this hash key yet"):
        rotate_hash_key(ledger)
    registry.add_version("patients", version="3", traces=traces(ledger, 0, 40))
    assert len(hash_keys(ledger)) == 1
    assert kind(ledger, 0, 50) == kind(ledger, 900, 950) == "changed"


def test_versions_that_are_gone_are_given_up_by_a_word(ledger):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    registry.add_version("patients", version="strange", traces=traces(ledger, 900, 950))
    rotate_hash_key(ledger)
    entry = registry.add_version("patients", version="2", traces=traces(ledger, 900, 950),
                                 attested=("Cy", "the first data are deleted"))
    assert entry.payload["sketches"] == {"2": None, "3": None}
    assert len(hash_keys(ledger)) == 1
    assert kind(ledger, 0, 50) == "unknown"
    assert [one.reason for one in registry.get("patients").attested] == [
        "the first data are deleted"]


def test_an_exact_copy_is_enough_after_a_new_hash_key(ledger):
    registry = registered(ledger, traces=traces(ledger, 0, 50))
    registry.erase_sketch("patients")
    rotate_hash_key(ledger)
    with pytest.raises(Refused, match="no hash tells"):
        registry.add_version("patients", version="2", traces=traces(ledger, 0, 50, "another"))
    registry.add_version("patients", version="2", traces=traces(ledger, 0, 50, "patients 1"))
    assert len(hash_keys(ledger)) == 1


def test_a_second_rotation_waits_for_the_first(ledger, tmp_path):
    registry = rotated(ledger)
    before = hash_keys(ledger)
    with pytest.raises(Refused, match="not known by this hash key yet") as caught:
        rotate_hash_key(ledger)
    assert caught.value.remedy == "privet dataset version patients FILE"
    assert hash_keys(ledger) == before
    for name, start in (("patients", 0), ("staff", 100)):
        registry.add_version(name, version=name, traces=traces(ledger, start, start + 50))
    rotate_hash_key(ledger)
    assert hash_keys(ledger)[1] == before[0]


def test_where_nothing_has_a_sketch_the_old_key_goes_at_once(ledger):
    registered(ledger)
    hash_key(ledger)
    rotate_hash_key(ledger)
    assert len(hash_keys(ledger)) == 1


def test_a_lost_hash_key_does_not_make_data_nobodys(ledger, tmp_path):
    registered(ledger, traces=traces(ledger, 0, 50))
    (tmp_path / "l.hash").unlink()
    with pytest.raises(Refused, match="not the one by which") as caught:
        LedgerSteward(ledger).admit(traces(ledger, 0, 50), "patients 1")
    assert '--attest "' in caught.value.remedy


def test_where_the_key_is_lost_somebody_says_why_it_is_the_set(ledger, tmp_path):
    registry = registered(ledger, rows=50, units=50, columns=["a", "b"],
                          traces=traces(ledger, 0, 50))
    (tmp_path / "l.hash").unlink()
    seen = {"rows": 50, "units": 50, "columns": ["b", "a"], "traces": traces(ledger, 0, 50)}
    with pytest.raises(Refused, match="no hash tells") as caught:
        registry.add_version("patients", version="2", **seen)
    assert "--attest" in caught.value.remedy
    word = {"attested": ("Cy Holm", "the disk broke")}
    for wrong, value in (("rows", 49), ("units", 51), ("columns", ["a", "c"])):
        with pytest.raises(Refused, match="not like the registered") as caught:
            registry.add_version("patients", version="2", **seen | word | {wrong: value})
        assert caught.value.value == f"other {wrong}"
    with pytest.raises(InvalidInput, match="reason"):
        registry.add_version("patients", version="2", **seen, attested=("Cy Holm", " "))
    entry = registry.add_version("patients", version="2", **seen, **word)
    assert entry.payload["attested"] == {"by": "Cy Holm", "reason": "the disk broke"}
    assert entry.payload["sketches"] == {"2": None}
    (said,) = registry.get("patients").attested
    assert (said.seq, said.by, said.reason) == (entry.seq, "Cy Holm", "the disk broke")
    assert kind(ledger, 0, 51) == "changed"
    assert kind(ledger, 60, 99) == "unknown"
    assert audit_totals(ledger) == []


def test_rotation_that_ended_between_entry_and_file_can_be_done_again(ledger, tmp_path):
    registered(ledger, traces=traces(ledger, 0, 50))
    old = hash_key(ledger)
    rotate_hash_key(ledger)
    path = tmp_path / "l.hash"
    path.rename(tmp_path / "l.hash.new")
    (tmp_path / "l.hash.old").rename(path)
    assert kind(ledger, 0, 50, "patients 1") == "exact"
    assert kind(ledger, 0, 51) == "changed"
    rotate_hash_key(ledger)
    assert not (tmp_path / "l.hash.new").exists()
    assert hash_key(ledger) != old
    assert kind(ledger, 0, 51) == "changed"


def test_under_two_keys_persons_are_forgotten_and_what_cannot_be_searched_goes(ledger, tmp_path):
    registry = registered(ledger, traces=traces(ledger, 0, 9))
    value = packed(ledger, *ids(3, 4))[0]
    rotate_hash_key(ledger)
    assert registry.forget("patients", b"a stranger") is None
    assert registry.forget("patients", *ids(3, 4)).payload["sketches"].keys() == {"2"}
    assert value not in stored(tmp_path)
    assert kind(ledger, 3, 4) == "unknown"
    assert kind(ledger, 4, 9) == "changed"
    (tmp_path / "l.hash.old").unlink()
    entry = registry.forget("patients", b"a stranger")
    assert entry.payload["sketches"] == {"2": None}
    assert audit_totals(ledger) == []


def test_a_copy_of_the_ledger_keeps_its_sketches(ledger, tmp_path):
    registered(ledger, traces=traces(ledger, 0, 50))
    ledger.close()
    folder = tmp_path / "copy"
    folder.mkdir()
    copy = Ledger.open(copied(tmp_path / "l.db", folder))
    assert kind(copy, 0, 51) == "changed"
    assert isinstance(Registry(copy).get("patients").sketches[0], Sketch)
