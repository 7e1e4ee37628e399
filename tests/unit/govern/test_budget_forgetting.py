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
    key_name,
    rotate_hash_key,
)
from privet.govern.budget.sketch import hashed
from privet.govern.ledger import Ledger, verify
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import ids, registered, sketch
from tests.unit.govern.ledgers import copied, sql


@pytest.fixture
def ledger(tmp_path):
    with_file = Ledger.open(tmp_path / "l.db")
    yield with_file
    with_file.close()


def kind(ledger, start, stop, version="new"):
    return Registry(ledger).recognise(sketch(ledger, start, stop), version).kind


def stored(tmp_path):
    """Everything that the files of the database hold."""
    return b"".join(path.read_bytes() for path in tmp_path.glob("l.db*"))


def packed(ledger, *persons):
    return [value.to_bytes(8, "big") for value in hashed(hash_key(ledger), persons)]


def test_entries_hold_no_hash_of_a_person(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 9))
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 10))
    for entry in ledger.entries(2):
        assert entry.payload["sketch"].keys() == {"root", "key"}
        assert len(json.dumps(entry.payload)) < 1000
    assert kind(ledger, 0, 10) == "changed"
    assert packed(ledger, *ids(3, 4))[0] in stored(tmp_path)


def test_one_person_is_forgotten_and_the_others_are_not(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 9))
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 10))
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
    registered(ledger, sketch=sketch(ledger, 0, 2))
    assert steward.admit(sketch(ledger, 1, 3), "new") == "patients"
    Registry(ledger).forget("patients", *ids(0, 2))
    assert steward.admit(sketch(ledger, 1, 3), "new") is None


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
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 60))
    entry = registry.erase_sketch("patients")
    assert entry.payload["sketches"] == {"2": None, "3": None}
    assert sql(tmp_path / "l.db", "SELECT COUNT(*) FROM sketches") == [(0,)]
    assert kind(ledger, 0, 50, "patients 1") == kind(ledger, 0, 60, "2") == "exact"
    assert kind(ledger, 0, 51) == "unknown"
    assert audit_totals(ledger) == []
    with pytest.raises(InvalidInput, match="no sketch"):
        registry.erase_sketch("patients")
    registry.add_version("patients", version="3", sketch=sketch(ledger, 0, 70))
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
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    ledger.close()
    sql(tmp_path / "l.db", change)
    assert any("'patients' that entry 2 promises is missing or was changed" in line
               for line in audit_totals(ledger))
    for start, stop in ((0, 50), (900, 999)):
        with pytest.raises(Refused, match="by another hand") as caught:
            LedgerSteward(ledger).admit(sketch(ledger, start, stop), "new")
    assert "forget patients --all" in caught.value.remedy
    given = {"unit": "row", "budget": Budget(1.0), "version": "1"}
    with pytest.raises(Refused, match="by another hand"):
        Registry(ledger).register("half", sketch=sketch(ledger, 25, 75), **given)
    with pytest.raises(Refused, match="by another hand"):
        Registry(ledger).forget("patients", *ids(0, 1))
    assert Registry(ledger).balance("patients").left.epsilon == 3.0
    entry = Registry(ledger).erase_sketch("patients")
    assert entry.payload["broken"] == [2]
    assert audit_totals(ledger) == []
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 60))
    assert kind(ledger, 0, 61) == "changed"


def test_a_sketch_that_was_put_back_is_named(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    path = tmp_path / "l.db"
    row = sql(path, "SELECT * FROM sketches")[0]
    registry.erase_sketch("patients")
    ledger.close()
    sql(path, f"INSERT INTO sketches VALUES ({', '.join('?' * len(row))})", *row)
    assert audit_totals(ledger) == ["a sketch stands in the table for entry 2, which promises none"]
    assert kind(ledger, 0, 51) == "unknown"


def test_a_forgotten_value_cannot_be_put_back_unnoticed(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    ((before,),) = sql(tmp_path / "l.db", "SELECT hashes FROM sketches")
    registry.forget("patients", *ids(3, 4))
    ledger.close()
    sql(tmp_path / "l.db", "UPDATE sketches SET hashes = ?", before)
    assert any("entry 2" in line for line in audit_totals(ledger))


def test_a_rotated_hash_key_needs_new_versions(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 50))
    registry.register("staff", unit="row", budget=Budget(1.0), version="1",
                      sketch=sketch(ledger, 100, 150))
    registry.register("words", unit="row", budget=Budget(1.0), version="words 1")
    old, held = hash_key(ledger), sketch(ledger, 0, 50)
    entry = rotate_hash_key(ledger)
    new = hash_key(ledger)
    assert new != old
    assert entry.payload == {"key": key_name(new), "sketches": {"2": None, "3": None}}
    assert old.hex().encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert (tmp_path / "l.hash").stat().st_mode & 0o077 == 0
    assert sql(tmp_path / "l.db", "SELECT COUNT(*) FROM sketches") == [(0,)]
    for start, stop in ((0, 50), (900, 999)):
        with pytest.raises(Refused, match="not the one by which") as caught:
            kind(ledger, start, stop)
        assert caught.value.value == "patients, staff"
        assert caught.value.remedy.startswith("privet dataset version patients FILE")
    with pytest.raises(Refused, match="not the one by which"):
        registry.require_known_by(key_name(new))
    with pytest.raises(Refused, match="not the one by which"):
        registry.register("half", unit="row", budget=Budget(1.0), version="1",
                          sketch=sketch(ledger, 0, 10))
    assert held.values != sketch(ledger, 0, 50).values
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 50))
    with pytest.raises(Refused, match="not the one by which"):
        kind(ledger, 900, 999)
    registry.add_version("staff", version="staff 2", sketch=sketch(ledger, 100, 150))
    assert kind(ledger, 0, 51) == "changed"
    assert audit_totals(ledger) == []
    assert verify(ledger).ok


def test_a_lost_hash_key_does_not_make_data_nobodys(ledger, tmp_path):
    registered(ledger, sketch=sketch(ledger, 0, 50))
    (tmp_path / "l.hash").unlink()
    with pytest.raises(Refused, match="not the one by which"):
        LedgerSteward(ledger).admit(sketch(ledger, 0, 50), "patients 1")


def test_rotation_that_ended_between_entry_and_file_can_be_done_again(ledger, tmp_path):
    registered(ledger, sketch=sketch(ledger, 0, 50))
    old = hash_key(ledger)
    rotate_hash_key(ledger)
    path = tmp_path / "l.hash"
    path.rename(tmp_path / "l.hash.new")
    path.write_text(old.hex() + "\n")
    path.chmod(0o600)
    assert kind(ledger, 0, 50, "patients 1") == "exact"
    rotate_hash_key(ledger)
    assert not (tmp_path / "l.hash.new").exists()
    assert hash_key(ledger) != old


def test_under_two_keys_what_cannot_be_searched_goes_as_a_whole(ledger, tmp_path):
    registry = registered(ledger, sketch=sketch(ledger, 0, 9))
    (tmp_path / "l.hash").unlink()
    registry.add_version("patients", version="2", sketch=sketch(ledger, 0, 9))
    entry = registry.forget("patients", b"a stranger")
    assert entry.payload["sketches"] == {"2": None}
    assert audit_totals(ledger) == []


def test_a_copy_of_the_ledger_keeps_its_sketches(ledger, tmp_path):
    registered(ledger, sketch=sketch(ledger, 0, 50))
    ledger.close()
    folder = tmp_path / "copy"
    folder.mkdir()
    copy = Ledger.open(copied(tmp_path / "l.db", folder))
    assert kind(copy, 0, 51) == "changed"
    assert isinstance(Registry(copy).get("patients").sketches[0], Sketch)
