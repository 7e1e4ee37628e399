"""Only the text that the ledger's owner signed counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.budget import Budget, Registry
from privet.govern.ledger import Ledger, Signature, SigningKey, rotate_key
from privet.govern.policy import Policy, adopt, adopt_organisation, adoption, in_force
from privet.govern.policy.adoption import (
    ORGANISATION,
    OrganisationAdoption,
    adopted_organisation,
    organisation_digest,
)
from privet.govern.report import Organisation
from privet.govern.steward import LedgerSteward
from tests.unit.govern.policies import (
    ANNA,
    BO,
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


OWNER, NEXT, THIEF = (SigningKey.generate() for _ in range(3))


def owned(owner=OWNER, **changes):
    return f'owner_key = "{owner.public.hex()}"\n' + text_of(**changes)


def written(ledger, wanted, key, **changes):
    """An adoption that somebody wrote without asking `adopt`, signed by a key."""
    made = adoption(ledger, wanted)
    payload = {"text": wanted, "digest": Policy.parse(wanted).digest, "follows": made.follows,
               "signer": key.id, "signature": key.sign(made.message).hex(), "approvals": []}
    return ledger.append("policy.adopt", payload | changes)


@pytest.mark.parametrize("changes", [
    {"text": text_of(epsilon_per_release="98.0")}, {"digest": "0" * 64}, {"signer": THIEF.id},
    {"signature": "zz"}, {"signature": None}, {"follows": 0}, {"follows": "1"}, {"text": None},
    {"text": "owner = 1"},
], ids=" ".join)
def test_adoption_that_does_not_verify_is_passed_over(ledger, changes):
    other = text_of(epsilon_per_release="0.5")
    own = ledger.keyring.current(ledger.keys)
    entry = written(ledger, other, own, **changes)
    written(ledger, other, THIEF)
    assert Policy.from_ledger(ledger) == policy_of()
    assert in_force(ledger).passed_over[0][0] == entry.seq
    written(ledger, other, own)
    assert Policy.from_ledger(ledger).text == other, "the same, signed as it must be"


def test_adoption_outlives_a_change_of_the_ledgers_key(ledger):
    old = ledger.keyring.current(ledger.keys)
    rotate_key(ledger)
    assert Policy.from_ledger(ledger) == policy_of()
    # The old key's signature does not count behind the change.
    written(ledger, text_of(epsilon_per_release="0.5"), old)
    assert Policy.from_ledger(ledger) == policy_of()


def test_the_first_policy_pins_the_owner_whom_it_names(ledger):
    with pytest.raises(Refused, match="not signed by key"):
        adopt(ledger, owned())
    with pytest.raises(Refused, match="not signed by key"):
        adopt(ledger, owned(), owner=THIEF)
    with pytest.raises(Refused, match="names an owner's key") as caught:
        adopt(ledger, text_of(epsilon_per_release="0.5"), owner=OWNER)
    assert OWNER.public.hex() in caught.value.remedy
    adopt(ledger, owned(), owner=OWNER)
    assert Policy.from_ledger(ledger).text == owned()


@pytest.mark.parametrize("text", [
    text_of(actions='["query"]'), owned(THIEF), owned(epsilon_per_release="0.5")
], ids=["none", "own", "same"])
def test_only_the_pinned_owner_is_followed(ledger, text):
    adopt(ledger, owned(), owner=OWNER)
    own = ledger.keyring.current(ledger.keys)
    for owner in (None, THIEF):
        with pytest.raises(Refused, match="owner's key") as caught:
            adopt(ledger, text, owner=owner)
        assert "--owner-key FILE" in caught.value.remedy
    # Written by hand, with the ledger's key and with a stranger's: refused by name on reading.
    entries = [written(ledger, text, key) for key in (own, THIEF)]
    assert Policy.from_ledger(ledger).text == owned()
    passed_over = dict(in_force(ledger).passed_over)
    assert [entry.seq for entry in entries] == list(passed_over)
    assert all(OWNER.id in why for why in passed_over.values())
    adopt(ledger, text, owner=OWNER)
    assert Policy.from_ledger(ledger).text == text


def test_an_owner_hands_over_to_the_next(ledger):
    adopt(ledger, owned(), owner=OWNER)
    adopt(ledger, owned(NEXT), owner=OWNER)
    with pytest.raises(Refused, match=NEXT.id):
        adopt(ledger, owned(), owner=OWNER)
    adopt(ledger, owned(), owner=NEXT)


def test_no_old_signature_brings_an_old_policy_back(ledger):
    first = adopt(ledger, owned(), owner=OWNER)
    second = adopt(ledger, owned(epsilon_per_release="0.5"), owner=OWNER)
    for old in (first, second):
        ledger.append("policy.adopt", old.payload)
        assert Policy.from_ledger(ledger).text == owned(epsilon_per_release="0.5")
    assert len(in_force(ledger).passed_over) == 2


def test_a_signature_is_good_for_one_ledger(ledger, tmp_path):
    other = Ledger.open(tmp_path / "other.db")
    made = Signature.by(OWNER, adoption(other, owned()))
    with pytest.raises(Refused, match="not signed"):
        adopt(ledger, owned(), signed=[made])
    adopt(other, owned(), signed=[made])


def test_two_approvers_stand_in_for_a_lost_key(ledger):
    adopt(ledger, owned(), owner=OWNER)
    new = owned(NEXT)
    made = adoption(ledger, new)

    def by(*keys):
        return [Signature.by(key, made) for key in keys]

    own = ledger.keyring.current(ledger.keys)
    for signed in (by(ANNA), by(ANNA, ANNA), by(ANNA, THIEF), by(ANNA, own), by(NEXT, THIEF)):
        with pytest.raises(Refused, match="nor by 2 approvers"):
            adopt(ledger, new, signed=signed)
    adopt(ledger, new, signed=by(ANNA, BO))
    assert Policy.from_ledger(ledger).text == new
    with pytest.raises(Refused, match="nor by 2 approvers"):
        adopt(ledger, owned(THIEF), signed=by(ANNA, BO))  # they signed another text


def test_approvers_do_not_stand_in_where_no_owner_is_pinned(ledger):
    new = owned(NEXT)
    made = adoption(ledger, new)
    with pytest.raises(Refused, match="not signed by key"):
        adopt(ledger, new, signed=[Signature.by(key, made) for key in (ANNA, BO)])


def test_behind_a_redacted_policy_only_the_owner_before_it_is_followed(ledger):
    adopt(ledger, owned(), owner=OWNER)
    entry = adopt(ledger, owned(epsilon_per_release="0.5"), owner=OWNER)
    ledger.redact(entry.seq, "a mistake")
    with pytest.raises(Refused, match="redacted"):
        Policy.from_ledger(ledger)
    with pytest.raises(Refused, match="owner's key"):
        adopt(ledger, text_of())
    written(ledger, text_of(), ledger.keyring.current(ledger.keys))
    with pytest.raises(Refused, match="redacted"):
        Policy.from_ledger(ledger)
    adopt(ledger, owned(), owner=OWNER)
    assert Policy.from_ledger(ledger).text == owned()


def test_behind_a_redacted_first_policy_nothing_counts(ledger):
    (entry,) = ledger.entries(kind="policy.adopt")
    ledger.redact(entry.seq, "a mistake")
    own = ledger.keyring.current(ledger.keys)
    with pytest.raises(Refused, match="whom it named as its owner") as caught:
        Policy.from_ledger(ledger)
    assert "budget transfer" in caught.value.remedy
    with pytest.raises(Refused, match="redacted"):
        adopt(ledger, text_of())
    written(ledger, text_of(), own)
    with pytest.raises(Refused, match="redacted"):
        Policy.from_ledger(ledger)


def test_policy_for_another_ledger_and_approver_with_the_ledgers_key(ledger):
    with pytest.raises(Refused, match="another ledger"):
        adopt(ledger, f'ledger = "{"ab" * 16}"\n' + text_of())
    adopt(ledger, f'ledger = "{ledger.identity}"\n' + text_of())
    own = ledger.keyring.current(ledger.keys).public.hex()
    with pytest.raises(Refused, match="the ledger's own key"):
        adopt(ledger, text_of(PEOPLE + f'"Owner" = "{own}"\n'))
    with pytest.raises(Refused, match="the owner has the ledger's own key"):
        adopt(ledger, f'owner_key = "{own}"\n' + text_of())


def test_nothing_is_adopted_that_is_no_policy(ledger):
    with pytest.raises(InvalidInput):
        adopt(ledger, "owner = 1")
    with pytest.raises(InvalidInput):
        adoption(ledger, "owner = 1")


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

    steward = LedgerSteward(ledger, requester="Cy")
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
    forged = {"text": other, "digest": ORGANISATION.digest(other), "signer": own.id,
              "follows": entry.seq}  # fmt: skip
    made = OrganisationAdoption(ledger=ledger.identity, follows=entry.seq, text=other)
    # A signature on another kind of text, one for another place, and none at all.
    for signature in (own.sign(b"x" + made.message), own.sign(replace(made, follows=0).message),
                      b""):
        ledger.append("organisation.adopt", forged | {"signature": signature.hex()})
        assert organisation_digest(ledger) == given.digest
    with pytest.raises(Refused, match="differs"):
        Organisation.parse(other.encode()).require_adopted(ledger)
    ledger.redact(entry.seq, "the officer has left")
    assert organisation_digest(ledger) is None and Organisation.from_ledger(ledger) is None


def test_the_owners_key_signs_where_the_policy_names_it(ledger):
    before = adopt_organisation(ledger, FILE)
    owner, thief = SigningKey.generate(), SigningKey.generate()
    adopt(ledger, f'owner_key = "{owner.public.hex()}"\n' + text_of(), owner=owner)
    assert adopted_organisation(ledger).seq == before.seq, "it was not asked for then"
    for key in (None, thief):
        with pytest.raises(Refused, match="owner's key") as caught:
            adopt_organisation(ledger, FILE, key)
        assert caught.value.remedy == "privet report adopt organisation.toml --owner-key FILE"
        assert "None" not in str(caught.value)
    new = FILE.replace("Hospital", "Clinic")
    given = Organisation.parse(new.encode())
    with pytest.raises(Refused, match="differs") as caught:
        given.require_adopted(ledger, name="new.toml")
    assert caught.value.remedy == "privet report adopt new.toml --owner-key FILE"
    made = OrganisationAdoption(ledger=ledger.identity, follows=before.seq, text=new)
    for key in (ledger.keyring.current(ledger.keys), thief):
        ledger.append("organisation.adopt", {
            "text": new, "digest": ORGANISATION.digest(new), "follows": before.seq,
            "signer": key.id, "signature": key.sign(made.message).hex()})
    assert adopted_organisation(ledger).seq == before.seq, "the ledger's key alone does not do"
    entry = adopt_organisation(ledger, new, owner)
    assert adopted_organisation(ledger).seq == entry.seq
    given.require_adopted(ledger)


def test_no_old_organisation_file_comes_back_without_its_owner(ledger, tmp_path):
    owner = SigningKey.generate()
    policy = f'owner_key = "{owner.public.hex()}"\n' + text_of()
    adopt(ledger, policy, owner=owner)
    files = [FILE.replace("Hospital", word) for word in ("Clinic", "Practice", "Institute")]
    old, middle, last = (adopt_organisation(ledger, file, owner) for file in files)
    assert [entry.payload["follows"] for entry in (old, middle, last)] == [0, old.seq, middle.seq]
    for again in (old, middle):
        for follows in (again.payload["follows"], last.seq):
            ledger.append("organisation.adopt", again.payload | {"follows": follows})
            assert adopted_organisation(ledger).seq == last.seq
    other = Ledger.open(tmp_path / "other.db")
    adopt(other, policy, owner=owner)
    other.append("organisation.adopt", old.payload)
    assert adopted_organisation(other) is None, "it was signed for another ledger"
    ledger.redact(last.seq, "wrong name")
    assert adopted_organisation(ledger).text is None
    ledger.append("organisation.adopt", old.payload)
    assert adopted_organisation(ledger).text is None
    assert adopt_organisation(ledger, files[0], owner).payload["follows"] == last.seq
    assert adopted_organisation(ledger).text == files[0]


def test_without_a_named_owner_no_owners_key_is_taken(ledger):
    owner = SigningKey.generate()
    with pytest.raises(Refused, match="names no owner's key") as caught:
        adopt_organisation(ledger, FILE, owner)
    assert caught.value.remedy == f'owner_key = "{owner.public.hex()}"'


def test_behind_a_redacted_first_policy_nobody_can_say_who_signs(ledger):
    entry = adopt(ledger, text_of())
    ledger.redact(entry.seq, "gone")
    with pytest.raises(Refused, match="redacted"):
        adopt_organisation(ledger, FILE)
