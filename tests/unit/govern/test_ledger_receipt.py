"""Receipts hold offline; any changed field of one is refused; heads show consistency."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.ledger import Ledger, Receipt, SigningKey, check, cosign, extends
from tests.unit.govern.ledgers import FIT, WITNESS, plain, rich

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return plain(tmp_path_factory.mktemp("receipts") / "l.db", 12)


@pytest.fixture(scope="module")
def receipt(tmp_path_factory):
    ledger = rich(tmp_path_factory.mktemp("cosigned") / "l.db")
    return ledger.receipt(2, size=6)


def test_every_receipt_of_every_head_holds(ledger):
    for size in range(1, 14):
        for seq in range(1, size + 1):
            receipt = ledger.receipt(seq, size=size)
            assert check(receipt) == []
            assert check(receipt, ledger=ledger.identity, key=ledger.keys.current_id) == []
            assert (receipt.entry.seq, receipt.head.size) == (seq, size)


def test_receipt_survives_json(receipt):
    assert len(receipt.cosignatures) == 1
    again = Receipt.from_json(json.dumps(receipt.to_json()))
    assert again == receipt
    assert check(again) == []
    assert again.entry.payload["purpose"] == FIT["purpose"]


def paths(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))
    else:
        yield path, value


def changed(value):
    if value is None:
        return "00"
    if isinstance(value, int):
        return value + 1
    return ("0" if value[-1:] != "0" else "1").join([value[:-1], ""]) if value else "00"


def test_every_changed_field_is_refused(receipt):
    record = receipt.to_json()
    count = 0
    for path, value in paths(record):
        bad = json.loads(json.dumps(record))
        place = bad
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = changed(value)
        try:
            wrong = check(Receipt.from_json(bad))
        except InvalidInput:
            wrong = ["malformed"]
        assert wrong, path
        count += 1
    assert count > 25


def test_missing_extra_and_hostile_fields_are_refused(receipt):
    for part in ("entry", "head"):
        for name in receipt.to_json()[part]:
            bad = receipt.to_json()
            del bad[part][name]
            with pytest.raises(InvalidInput):
                Receipt.from_json(bad)
            for value in (None, 1.5, [], {}, "zz", -1, 0, 1 << 70, "\ud800", True):
                bad = receipt.to_json()
                bad[part][name] = value
                try:
                    assert check(Receipt.from_json(bad)), (part, name, value)
                except InvalidInput as error:
                    assert "malformed" in str(error)
    bad = receipt.to_json()
    bad["entry"]["more"] = 1
    with pytest.raises(InvalidInput):
        Receipt.from_json(bad)
    for text in ("", "[]", "{}", "null", "not json"):
        with pytest.raises(InvalidInput):
            Receipt.from_json(text)


def test_receipt_of_a_redacted_entry_holds_without_payload(tmp_path):
    ledger = plain(tmp_path / "l.db", 3)
    before = ledger.receipt(2)
    ledger.redact(2, "asked")
    after = ledger.receipt(2)
    assert after.entry.redacted
    assert check(after) == check(before) == []
    assert check(replace(after, entry=replace(after.entry, salt=bytes(32)))) != []


def test_other_ledger_and_other_key_are_refused(receipt):
    assert "not 00" in check(receipt, ledger="00")[0]
    assert "not 00" in check(receipt, key="00")[0]


def test_heads_extend_one_another(ledger):
    heads = [ledger.receipt(size=size).head for size in range(1, 14)]
    for old in heads:
        for new in heads[old.size - 1 :]:
            proof = ledger.consistency(old.size, new.size)
            assert extends(old, new, proof)
            if new.size > old.size:
                assert not extends(new, old, proof)
                assert not extends(old, new, proof[:-1])
    with pytest.raises(InvalidInput):
        ledger.consistency(5, 14)
    with pytest.raises(InvalidInput):
        ledger.consistency(9, 5)


def test_fork_is_seen_by_whoever_holds_a_head(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    plain(first / "l.db", 3)
    for path in first.iterdir():
        (second / path.name).write_bytes(path.read_bytes())
        (second / path.name).chmod(0o600)
    one, two = Ledger.open(first / "l.db"), Ledger.open(second / "l.db")
    one.append("fit", FIT | {"number": 1})
    held = one.head()
    two.append("fit", FIT | {"number": 2})
    two.append("fit", FIT)
    assert not extends(held, two.head(), two.consistency(held.size))
    with pytest.raises(Refused, match="does not have"):
        two.add_cosignature(cosign(held, WITNESS, time=NOW))


def test_cosignatures(ledger):
    head = ledger.receipt(size=3).head
    seen = cosign(head, WITNESS, time=NOW)
    assert seen.holds()
    assert not replace(seen, public=SigningKey.generate().public).holds()
    with pytest.raises(InvalidInput, match="cannot be cosigned"):
        cosign(replace(head, size=4), WITNESS, time=NOW)
    with pytest.raises(Refused, match="not signed"):
        ledger.add_cosignature(replace(seen, time="2027"))
    with pytest.raises(Refused, match="does not have"):
        ledger.add_cosignature(replace(seen, size=999))
    receipt = ledger.receipt(2, size=3)
    strange = cosign(ledger.receipt(size=4).head, WITNESS, time=NOW)
    assert "another head" in check(replace(receipt, cosignatures=(strange,)))[0]


def test_receipts_that_do_not_exist(ledger):
    for seq, size in ((99, None), (0, None), (5, 4), (1, 99), (1, 0)):
        with pytest.raises(InvalidInput):
            ledger.receipt(seq, size=size)
