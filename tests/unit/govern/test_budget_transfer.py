"""Budget moves between ledgers and is never copied; older and forked ledgers are refused."""

from __future__ import annotations

import copy

import pytest

from privet.claims import spending
from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import (
    Budget,
    Pin,
    Registry,
    adopt,
    audit_totals,
    check_pin,
    export_budget,
    import_budget,
    pin,
)
from privet.govern.ledger import Ledger, SigningKey, verify
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, claim, fit, gaussian_claim, registered
from tests.unit.govern.ledgers import copied

OWNER = SigningKey.generate()


@pytest.fixture
def here(tmp_path):
    ledger = Ledger.open(tmp_path / "here.db")
    registered(ledger, owner_key=OWNER.public.hex())
    return ledger


@pytest.fixture
def there(tmp_path):
    return Ledger.open(tmp_path / "there.db")


def spend(ledger, epsilon, name="patients"):
    with spending(LedgerSteward(ledger), fit(name, claim(epsilon))) as run:
        run.touch()
        run.commit(claim(epsilon), COST)


def left(ledger, name="patients"):
    return Registry(ledger).balance(name).left.epsilon


def key_of(ledger):
    return ledger.head().key


def test_a_share_moves(here, there):
    spend(here, 1.0)
    record = export_budget(here, "patients", 0.25, to=there.identity)
    assert left(here) == 1.5
    import_budget(there, record, key=key_of(here))
    assert left(there) == 0.5
    with pytest.raises(OutOfBudget):
        spend(there, 0.6)
    spend(there, 0.5)
    with pytest.raises(OutOfBudget):
        spend(here, 1.6)
    spend(here, 1.5)
    assert verify(here).ok
    assert verify(there).ok
    assert audit_totals(here) == audit_totals(there) == []


def test_all_closes_and_can_come_back(here, there):
    held = LedgerSteward(here).reserve(fit("patients", claim(1.0)))
    record = export_budget(here, "patients", "all", to=there.identity)
    import_budget(there, record, key=key_of(here))
    assert left(there) == 2.0
    LedgerSteward(here).release(held)
    with pytest.raises(OutOfBudget, match="moved to another ledger"):
        spend(here, 0.5)
    with pytest.raises(OutOfBudget, match="moved to another ledger"):
        export_budget(here, "patients", 0.5, to=there.identity)
    back = export_budget(there, "patients", 0.5, to=here.identity)
    import_budget(here, back, key=key_of(there))
    assert left(here) == 2.0  # one that was released, one that came back
    spend(here, 2.0)
    with pytest.raises(OutOfBudget):
        spend(there, 1.1)


def test_it_is_imported_once_and_only_where_it_was_sent(here, there, tmp_path):
    record = export_budget(here, "patients", 0.5, to=there.identity)
    third = Ledger.open(tmp_path / "third.db")
    with pytest.raises(Refused, match="moved to another ledger than this one"):
        import_budget(third, record, key=key_of(here))
    import_budget(there, record, key=key_of(here))
    with pytest.raises(Refused, match="imported already"):
        import_budget(there, record, key=key_of(here))
    assert left(there) == 1.5


def test_forged_records_are_refused(here, there, tmp_path):
    record = export_budget(here, "patients", 0.5, to=there.identity)
    with pytest.raises(Refused, match="does not hold"):
        import_budget(there, record, key="0" * 32)
    forged = copy.deepcopy(record)
    text = forged["entry"]["text"]
    forged["entry"]["text"] = text.replace('"loss":"1.5"', '"loss":"9.5"')
    assert forged["entry"]["text"] != text
    with pytest.raises(Refused, match="does not open the commitment"):
        import_budget(there, forged, key=key_of(here))
    other = here.receipt(2).to_json()
    with pytest.raises(Refused, match="something else"):
        import_budget(there, other, key=key_of(here))
    with pytest.raises(InvalidInput):
        import_budget(there, {}, key=key_of(here))
    assert there.head().size == 1


def test_a_set_that_is_counted_otherwise_takes_nothing_in(here, there):
    registered(there, unit="person")
    record = export_budget(here, "patients", 0.5, to=there.identity)
    with pytest.raises(Refused, match="counted otherwise"):
        import_budget(there, record, key=key_of(here))


def test_ancestors_lose_what_leaves(here, there):
    registry = Registry(here)
    registry.register("adults", unit="row", budget=Budget(2.0, 1e-5), version="1",
                      parents=["patients"])
    export_budget(here, "adults", 0.5, to=there.identity)
    assert (left(here, "adults"), left(here)) == (1.0, 2.0)
    spend(here, 1.5)
    with pytest.raises(OutOfBudget, match="less left than is to leave"):
        export_budget(here, "adults", 0.75, to=there.identity)


def test_caps_of_purposes_are_divided_too(tmp_path, there):
    ledger = Ledger.open(tmp_path / "caps.db")
    registry = registered(ledger, purposes={"care": Budget(2.0, 1e-5)})
    record = export_budget(ledger, "patients", 0.5, to=there.identity)
    import_budget(there, record, key=key_of(ledger))
    for one in (registry, Registry(there)):
        assert one.balance("patients").purposes["care"].left.epsilon == 1.0


def test_gaussian_shares_add_up_to_the_whole(tmp_path, there):
    ledger = Ledger.open(tmp_path / "g.db")
    registry = registered(ledger, budget=Budget(1.0, 1e-6, "gaussian"))
    whole = registry.balance("patients").left.loss
    import_budget(there, export_budget(ledger, "patients", 0.5, to=there.identity),
                  key=key_of(ledger))
    halves = [Registry(one).balance("patients").left.loss for one in (ledger, there)]
    assert sum(halves) == pytest.approx(whole, rel=1e-12)
    LedgerSteward(there).reserve(fit("patients", gaussian_claim((whole / 2.01) ** -0.5)))
    with pytest.raises(OutOfBudget, match="mu squared"):
        LedgerSteward(there).reserve(fit("patients", gaussian_claim(100.0, count=100)))


@pytest.mark.parametrize("share", [0, 1, -0.5, 2.0, float("nan"), True, "half"])
def test_shares_out_of_range(here, there, share):
    with pytest.raises(InvalidInput, match="share"):
        export_budget(here, "patients", share, to=there.identity)
    with pytest.raises(InvalidInput, match="another ledger"):
        export_budget(here, "patients", 0.5, to=here.identity)


def test_the_pinned_ledger_may_grow(here):
    pinned = pin(here)
    spend(here, 0.5)
    check_pin(here, "patients", pinned)


def test_a_restored_backup_is_refused_until_the_owner_signs(here, tmp_path):
    here.close()
    folder = tmp_path / "backup"
    folder.mkdir()
    old = copied(tmp_path / "here.db", folder)
    spend(here, 2.0)
    pinned = pin(here)
    restored = Ledger.open(old)
    with pytest.raises(Refused, match="older than the one that was seen"):
        check_pin(restored, "patients", pinned)
    spend(restored, 0.5)
    for _ in range(2):
        restored.append("note", {})
    with pytest.raises(Refused, match="fork"):
        check_pin(restored, "patients", pinned)
    facts = {"lost": Budget(2.0, 1e-6), "reason": "the disk broke"}
    with pytest.raises(Refused, match="does not own"):
        adopt(restored, "patients", pinned, SigningKey.generate(), **facts)
    with pytest.raises(InvalidInput, match="reason"):
        adopt(restored, "patients", pinned, OWNER, lost=None, reason=" ")
    with pytest.raises(OutOfBudget):
        adopt(restored, "patients", pinned, OWNER, lost=Budget(2.75, 1e-6), reason="worse")
    adopt(restored, "patients", pinned, OWNER, **facts)
    check_pin(restored, "patients", pinned)
    assert left(restored) == 0.5
    with pytest.raises(Refused):
        check_pin(restored, "others", pinned)
    with pytest.raises(Refused):
        check_pin(restored, "patients", Pin(pinned.ledger, pinned.size + 9, pinned.root))
    assert audit_totals(restored) == []


def test_the_ledgers_own_key_adopts_for_a_set_without_an_owners(here, there):
    registered(there)
    pinned = Pin("0" * 32, 5, "00" * 32)
    facts = {"lost": Budget(1.0, 1e-6), "reason": "lost"}
    with pytest.raises(Refused, match="does not own"):
        adopt(there, "patients", pinned, OWNER, **facts)
    entry = adopt(there, "patients", pinned, None, **facts)
    assert entry.payload["signer"] == there.keys.current.hex()
    assert left(there) == 2.0
    check_pin(there, "patients", pinned)
    with pytest.raises(Refused, match="does not own") as caught:
        adopt(here, "patients", pinned, None, **facts)
    assert caught.value.remedy == "--owner-key FILE"


def test_an_adoption_that_the_owner_did_not_sign_counts_for_nothing(here, there):
    pinned = Pin("0" * 32, 5, "00" * 32)
    genuine = adopt(here, "patients", pinned, OWNER, lost=None, reason="lost").payload
    check_pin(here, "patients", pinned)
    other = Pin("0" * 32, 6, "00" * 32)
    for change in ({}, {"signature": "00" * 64}, {"signature": "zz"}, {"stated": 3},
                   {"signature": here.keyring.current(here.keys).sign(b"x").hex()}):
        here.append("budget.adopt", genuine | {"pin": other.digest()} | change)
        with pytest.raises(Refused, match="must not spend"):
            check_pin(here, "patients", other)
    here.append("budget.adopt", genuine)  # signed for the head before the first one
    check_pin(here, "patients", pinned)
    adopt(here, "patients", other, OWNER, lost=None, reason="lost")
    check_pin(here, "patients", other)
    check_pin(here, "patients", pinned)


def test_a_loss_under_the_gaussian_filter_takes_its_share_of_both(there):
    registry = registered(there, budget=Budget(1.0, 1e-6, "gaussian"))
    whole = registry.balance("patients").left
    adopt(there, "patients", Pin("0" * 32, 5, "00" * 32), None,
          lost=Budget(0.5, 1e-6, "gaussian"), reason="lost")
    found = registry.balance("patients").left
    assert 0.2 < found.loss / whole.loss < 0.8
    assert found.delta / whole.delta == pytest.approx(found.loss / whole.loss, rel=1e-6)


@pytest.mark.parametrize("moved", [
    {"": {"loss": "-1", "delta": "0"}}, {}, {"": {"loss": "1"}},
    {"": {"loss": "1", "delta": "0"}, "care": {"loss": "1", "delta": "0"}},
])
def test_a_record_that_nobody_could_read_later_is_not_taken_in(here, there, moved):
    good = Registry(here).get("patients")
    facts = {"name": "patients", "version": "1", "unit": good.unit, "budget": good.budget.to_json()}
    entry = here.append("budget.transfer-out", {
        "name": "patients", "to": there.identity, "closes": False, "data_set": facts,
        "moved": {"patients": moved},
    })
    with pytest.raises(InvalidInput):
        import_budget(there, here.receipt(entry.seq).to_json(), key=key_of(here))
    assert there.head().size == 1


def test_a_lost_record_is_a_receipt_of_its_entry(here, there):
    export_budget(here, "patients", 0.5, to=there.identity)
    import_budget(there, here.receipt(here.head().size).to_json(), key=key_of(here))
    assert left(there) == 1.5


def test_an_adoption_is_for_the_head_that_the_owner_saw(here, monkeypatch):
    seen = here.head()
    spend(here, 1.0)
    monkeypatch.setattr(here, "head", lambda: seen)
    with pytest.raises(Refused, match="written meanwhile"):
        adopt(here, "patients", Pin("0" * 32, 5, "00" * 32), OWNER, lost=None, reason="lost")
