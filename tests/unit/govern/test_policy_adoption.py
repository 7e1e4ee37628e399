"""Only the text that the ledger's owner signed counts."""

from __future__ import annotations

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.budget import Budget, Registry
from privet.govern.ledger import Ledger, SigningKey, rotate_key
from privet.govern.policy import Policy, adopt, adopt_organisation, sign
from privet.govern.policy.adoption import ORGANISATION, adopted_organisation, organisation_digest
from privet.govern.report import Organisation
from privet.govern.steward import LedgerSteward
from tests.unit.govern.policies import (
    PEOPLE,
    committed,
    ledger_with,
    policy_of,
    private,
    reserved,
    text_of,
    wish,
)


@pytest.fixture
def ledger(tmp_path):
    return ledger_with(tmp_path, text_of())


def asked(policy, ledger):
    return policy.decide(wish(), requester="Cy Holm", ledger=ledger)


def test_adopted_policy_comes_back_and_decides(ledger):
    policy = Policy.from_ledger(ledger)
    assert policy == policy_of()
    policy.require_adopted(ledger)
    assert asked(policy, ledger).granted


def test_ledger_without_a_policy(tmp_path):
    ledger = Ledger.open(tmp_path / "other.db")
    assert Policy.from_ledger(ledger) is None
    assert "adopted no policy" in asked(policy_of(), ledger).reason


def test_policy_edited_after_adoption_is_refused(ledger):
    edited = Policy.parse(text_of().replace("= 1.0", "= 9.0"))
    with pytest.raises(Refused, match="differs") as caught:
        edited.require_adopted(ledger)
    assert caught.value.remedy == "privet policy adopt policy.toml"
    decision = asked(edited, ledger)
    assert not decision.granted
    assert decision.remedy == "privet policy adopt policy.toml"


def test_last_adoption_counts(ledger):
    stricter = text_of(epsilon_per_release="0.5")
    adopt(ledger, stricter)
    assert Policy.from_ledger(ledger) == Policy.parse(stricter)
    assert not asked(policy_of(), ledger).granted


def test_signature_may_be_made_beforehand_but_only_by_the_ledgers_key(ledger):
    text = text_of(epsilon_per_release="0.5")
    with pytest.raises(Refused, match="not signed by the ledger's key"):
        adopt(ledger, text, sign(text, SigningKey.generate()))
    own = ledger.keyring.current(ledger.keys)
    with pytest.raises(Refused, match="not signed"):
        adopt(ledger, text, sign(text_of(), own))
    adopt(ledger, text, sign(text, own))
    assert Policy.from_ledger(ledger).text == text


@pytest.mark.parametrize("part", ["text", "digest", "signer", "signature", "all"])
def test_adoption_that_does_not_verify_is_passed_over(ledger, part):
    other = text_of(epsilon_per_release="99.0")
    own = ledger.keyring.current(ledger.keys)
    thief = SigningKey.generate()
    payload = {"text": other, "digest": Policy.parse(other).digest, "signer": own.id,
               "signature": sign(other, own).hex()}
    forged = {"text": text_of(epsilon_per_release="98.0"), "digest": "0" * 64, "signer": thief.id,
              "signature": "zz", "all": ""}
    if part == "all":
        payload |= {"signer": thief.id, "signature": sign(other, thief).hex()}
    else:
        payload[part] = forged[part]
    ledger.append("policy.adopt", payload)
    assert Policy.from_ledger(ledger) == policy_of()


def test_adoption_outlives_a_change_of_the_ledgers_key(ledger):
    old = ledger.keyring.current(ledger.keys)
    rotate_key(ledger)
    assert Policy.from_ledger(ledger) == policy_of()
    text = text_of(epsilon_per_release="0.5")
    with pytest.raises(Refused, match="not signed"):
        adopt(ledger, text, sign(text, old))
    # The old key's signature does not count behind the change, even if it was written there.
    ledger.append("policy.adopt", {"text": text, "digest": Policy.parse(text).digest,
                                   "signer": old.id, "signature": sign(text, old).hex()})
    assert Policy.from_ledger(ledger) == policy_of()


def test_redacted_policy_is_refused_until_another_is_adopted(ledger):
    (entry,) = ledger.entries(kind="policy.adopt")
    ledger.redact(entry.seq, "a mistake")
    with pytest.raises(Refused, match="redacted"):
        Policy.from_ledger(ledger)
    adopt(ledger, text_of())
    assert Policy.from_ledger(ledger) == policy_of()


def test_policy_for_another_ledger_and_approver_with_the_ledgers_key(ledger):
    with pytest.raises(Refused, match="another ledger"):
        adopt(ledger, f'ledger = "{"ab" * 16}"\n' + text_of())
    adopt(ledger, f'ledger = "{ledger.identity}"\n' + text_of())
    own = ledger.keyring.current(ledger.keys).public.hex()
    with pytest.raises(Refused, match="the ledger's own key"):
        adopt(ledger, text_of(PEOPLE + f'"Owner" = "{own}"\n'))


def test_nothing_is_adopted_that_is_no_policy(ledger):
    with pytest.raises(InvalidInput):
        adopt(ledger, "owner = 1")
    with pytest.raises(InvalidInput):
        sign("owner = 1", SigningKey.generate())


def test_spent_of_a_purpose_is_added_up_over_relatives(ledger):
    policy, usual = policy_of(), {"guarantee": private(0.75, 1e-7)}
    registry = Registry(ledger)
    for name, parents in (("ward", ["patients"]), ("others", [])):
        registry.register(name, unit="patient", version=f"{name} 1", parents=parents,
                          budget=Budget(2.0, 1e-6))
    for changes in ({"data_set": "others"}, {"purpose": "quality control"}):
        reserved(ledger, wish(**usual | changes))
    assert asked(policy, ledger).granted
    steward, held = reserved(ledger, wish(**usual, data_set="ward"))
    assert "0.75 left" in asked(policy, ledger).reason
    assert policy.decide(wish(), requester="Cy", ledger=ledger, spent=0.0).granted
    steward.release(held)
    assert asked(policy, ledger).granted
    reserved(ledger, wish(**usual))
    ledger.redact(ledger.head().size, "asked")
    assert "0.75 left" in asked(policy, ledger).reason, "the totals still count it"


def test_facts_follow_the_version_that_is_read(ledger):
    policy = policy_of()
    ledger.append("dataset.version", {"name": "patients", "version": "v2", "units": 50})
    assert "50 privacy units" in asked(policy, ledger).reason
    old = policy.decide(wish(), requester="Cy", ledger=ledger, version="v1")
    assert old.granted
    strange = policy.decide(wish(), requester="Cy", ledger=ledger, version="v3")
    assert "in version 'v3'" in strange.reason


def test_age_of_a_model_is_that_of_its_run(ledger):
    policy = policy_of()
    commit = int(committed(ledger, wish(guarantee=private(0.5))).partition("/")[2])
    for seq, granted in ((commit, True), (commit - 1, False), (999, False), (True, False)):
        request = wish(action="predict", parameters={"columns": [], "model_entry": seq})
        assert policy.decide(request, requester="Cy", ledger=ledger).granted is granted


FILE = '[controller]\nname = "Hospital"\ncontact = "dpo@hospital.example"\n'


def test_each_decision_and_reservation_names_both_texts(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    Registry(ledger).register("patients", unit="patient", units=500, columns=["age", "city"],
                              version="v1", budget=Budget(3.0, 1e-5))
    ledger.append("report", {"format": "card", "data_set": "patients"})
    adopt(ledger, text_of())

    def entries(kind):
        return [entry.payload for entry in ledger.entries(kind=kind)]

    steward = LedgerSteward(ledger, requester="Cy", policy=Policy.from_ledger(ledger))
    assert steward.decide(wish()).granted
    steward.release(steward.reserve(wish()))
    adopt_organisation(ledger, FILE)
    steward.reserve(wish())
    digest = ORGANISATION.digest(FILE)
    (decided,), (before, after) = entries("run.decide"), entries("run.reserve")
    assert {p["policy"] for p in (decided, before, after)} == {policy_of().digest}
    assert (decided["organisation"], before["organisation"]) == (None, None)
    assert after["organisation"] == digest == organisation_digest(ledger)


def test_an_organisation_file_counts_once_the_ledgers_key_signed_it(ledger):
    given = Organisation.parse(FILE.encode())
    with pytest.raises(Refused, match="differs") as caught:
        given.require_adopted(ledger, name="our file.toml")
    assert caught.value.remedy == "privet report adopt 'our file.toml'"
    entry = adopt_organisation(ledger, given.text)
    given.require_adopted(ledger)
    assert Organisation.from_ledger(ledger).adopted == entry.seq
    own = ledger.keyring.current(ledger.keys)
    other = FILE.replace("Hospital", "Insurer")
    forged = {"text": other, "digest": ORGANISATION.digest(other), "signer": own.id}
    # A signature on another kind of text, and none at all.
    for signature in (own.sign(b"x" + ORGANISATION.message(other)), b""):
        ledger.append("organisation.adopt", forged | {"signature": signature.hex()})
        assert organisation_digest(ledger) == given.digest
    with pytest.raises(Refused, match="differs"):
        Organisation.parse(other.encode()).require_adopted(ledger)
    ledger.redact(entry.seq, "the officer has left")
    assert organisation_digest(ledger) is None and Organisation.from_ledger(ledger) is None


def test_the_owners_key_signs_where_the_policy_names_it(ledger):
    before = adopt_organisation(ledger, FILE)
    owner, thief = SigningKey.generate(), SigningKey.generate()
    adopt(ledger, f'owner_key = "{owner.public.hex()}"\n' + text_of())
    assert adopted_organisation(ledger).seq == before.seq, "it was not asked for then"
    for key in (None, thief):
        with pytest.raises(Refused, match="owner's key") as caught:
            adopt_organisation(ledger, FILE, key)
        assert "--owner-key FILE" in caught.value.remedy
    new = FILE.replace("Hospital", "Clinic")
    own = ledger.keyring.current(ledger.keys)
    ledger.append("organisation.adopt", {
        "text": new, "digest": ORGANISATION.digest(new), "signer": own.id,
        "signature": own.sign(ORGANISATION.message(new)).hex(), "owner_key": thief.id,
        "owner_signature": thief.sign(ORGANISATION.message(new)).hex()})
    assert adopted_organisation(ledger).seq == before.seq, "the ledger's key alone does not do"
    entry = adopt_organisation(ledger, new, owner)
    assert adopted_organisation(ledger).seq == entry.seq
