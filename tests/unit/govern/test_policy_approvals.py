"""An approval is a signature by a named key, of somebody else, over exactly this request."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from privet.claims import Decision
from privet.errors import InvalidInput, Refused
from privet.govern.ledger import Ledger, SigningKey
from privet.govern.policy import (
    Policy,
    adopt,
    approve,
    deny,
    evaluate,
    job_digest,
    pending,
    request,
    revoke,
    signers,
)
from privet.govern.policy.acts import statement
from privet.govern.policy.facts import acts
from tests.unit.govern.policies import (
    ANNA,
    BO,
    DATA,
    MALLORY,
    PEOPLE,
    SOON,
    ledger_with,
    private,
    reserved,
    text_of,
    wish,
)


class Office:
    """A ledger with a policy that asks for approvals, at a moment that tests move."""

    def __init__(self, folder, text=None):
        self.now = datetime.now(UTC)
        self.ledger = ledger_with(folder, text, clock=self.time)
        self.policy = Policy.from_ledger(self.ledger)

    def time(self):
        return self.now.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def decide(self, wanted=None, requester="Cy Holm"):
        return self.policy.decide(wanted or wish(), requester=requester, ledger=self.ledger,
                                  now=self.now)

    def request(self, wanted=None, requester="Cy Holm", **more):
        return request(self.ledger, wanted or wish(), requester, "needed", now=self.now, **more)

    def approve(self, key, entry, expires=SOON, **more):
        return approve(self.ledger, entry.payload["job"], key, expires=self.now + expires,
                       now=self.now, **more)

    def run(self, wanted=None):
        return reserved(self.ledger, wanted or wish())


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


@pytest.fixture
def single(tmp_path):
    return Office(tmp_path, text_of(approvals="1", approval_days="10"))


def test_two_people_approve_and_the_record_names_their_entries(office):
    entry = office.request()
    assert "0 of 2 approvals; Anna Berg, Bo Lund may approve" in office.decide().reason
    first = office.approve(ANNA, entry)
    assert "1 of 2 approvals; Bo Lund may approve" in office.decide().reason
    second = office.approve(BO, entry)
    assert office.decide().granted
    told = office.policy.standing(wish(), requester="Cy Holm", ledger=office.ledger,
                                  now=office.now)
    assert told.approvals == (first.seq, second.seq)


def test_two_signatures_of_one_person_are_one(office):
    entry = office.request()
    office.approve(ANNA, entry)
    office.approve(ANNA, entry, expires=timedelta(days=1))
    assert "1 of 2" in office.decide().reason


@pytest.mark.parametrize("change", [
    {"purpose": "quality control"},
    {"action": "compare"},
    {"guarantee": private(0.99)},
    {"guarantee": private(1.0, 2e-6)},
    {"parameters": {"model": "logistic", "columns": ["age", "city"]}},
    {"parameters": {"model": "logistic", "columns": ["age"], "steps": 1}},
])  # fmt: skip
def test_altered_request_needs_another_approval(single, change):
    single.approve(ANNA, single.request())
    assert single.decide().granted
    assert "0 of 1" in single.decide(wish(**change)).reason


def test_another_version_or_data_set_needs_another_approval(single):
    single.approve(ANNA, single.request())
    single.ledger.append("dataset.register", {**DATA, "name": "others"})
    single.ledger.append("report", {"format": "card", "data_set": "others"})
    assert "0 of 1" in single.decide(wish(data_set="others")).reason
    single.ledger.append("dataset.version", {"name": "patients", "version": "v2", "units": 600})
    assert "0 of 1" in single.decide().reason
    old = single.policy.decide(wish(), requester="Cy Holm", ledger=single.ledger, version="v1",
                               now=single.now)
    assert old.granted


def test_expired_approval_does_not_count(single):
    single.approve(ANNA, single.request())
    single.now += SOON - timedelta(seconds=2)
    assert single.decide().granted
    single.now += timedelta(seconds=2)
    assert "0 of 1" in single.decide().reason


def test_approval_cannot_outlast_what_the_policy_allows(single):
    entry = single.request()
    for days in (10.01, 0, -1):
        with pytest.raises(InvalidInput, match="cannot end then"):
            single.approve(ANNA, entry, expires=timedelta(days=days))
    with pytest.raises(InvalidInput, match="cannot end then"):
        approve(single.ledger, entry.payload["job"], ANNA, expires=datetime(2040, 1, 1))
    # A longer one that was signed without this package ends with the policy's days, too.
    end = (single.now + timedelta(days=999)).isoformat()
    forged(single, ANNA, "grant", entry.payload["job"], entry.seq, end)
    assert single.decide().granted
    single.now += timedelta(days=11)
    assert "0 of 1" in single.decide().reason


def test_clock_that_is_set_back_revives_nothing(single):
    single.approve(ANNA, single.request())
    single.now += SOON
    single.ledger.append("note", {})
    assert "0 of 1" in single.policy.decide(
        wish(), requester="Cy Holm", ledger=single.ledger).reason  # the clock of this machine


def test_revoked_approval_does_not_count_until_it_is_given_again(single):
    entry = single.request()
    single.approve(ANNA, entry)
    revoke(single.ledger, entry.payload["job"], ANNA, reason="changed my mind", now=single.now)
    assert "0 of 1" in single.decide().reason
    with pytest.raises(InvalidInput, match="nothing of this key's to revoke"):
        revoke(single.ledger, entry.payload["job"], ANNA, reason="again", now=single.now)
    single.approve(ANNA, entry)
    assert single.decide().granted


def test_nobody_revokes_for_another(office):
    entry = office.request()
    grant = office.approve(ANNA, entry)
    office.approve(BO, entry)
    assert office.decide().granted
    forged(office, BO, "revoke", entry.payload["job"], grant.seq, "")
    assert "1 of 2 approvals; Bo Lund may approve" in office.decide().reason  # Anna's stands


def test_denial_refuses_whoever_approves_until_it_is_taken_back(office):
    entry = office.request()
    office.approve(ANNA, entry)
    deny(office.ledger, entry.payload["job"], BO, reason="too many columns", now=office.now)
    decision = office.decide()
    assert "Bo Lund denied this job: too many columns" in decision.reason
    with pytest.raises(Refused, match="denied this job"):
        office.request()
    revoke(office.ledger, entry.payload["job"], BO, reason="explained", now=office.now)
    office.approve(BO, entry)
    assert office.decide().granted
    deny(office.ledger, entry.payload["job"], ANNA, reason="after all", now=office.now)
    assert "Anna Berg denied" in office.decide().reason


def test_key_that_the_policy_does_not_name(office):
    entry = office.request()
    for act in (lambda: office.approve(MALLORY, entry),
                lambda: deny(office.ledger, entry.payload["job"], MALLORY, reason="no")):
        with pytest.raises(Refused, match="does not name this key") as caught:
            act()
        assert MALLORY.public.hex() in caught.value.remedy
    end = (office.now + SOON).isoformat()
    forged(office, MALLORY, "grant", entry.payload["job"], entry.seq, end)
    forged(office, MALLORY, "grant", entry.payload["job"], entry.seq, end, signer=ANNA.id)
    forged(office, MALLORY, "deny", entry.payload["job"], entry.seq, "")
    assert "0 of 2" in office.decide().reason


def test_approver_of_another_data_set_does_not_count(tmp_path):
    office = Office(tmp_path, text_of(approvals="1", approvers='["Bo Lund"]'))
    entry = office.request()
    with pytest.raises(Refused, match="does not name this key"):
        office.approve(ANNA, entry)
    forged(office, ANNA, "grant", entry.payload["job"], entry.seq,
           (office.now + SOON).isoformat())
    assert "0 of 1" in office.decide().reason
    office.approve(BO, entry)
    assert office.decide().granted


@pytest.mark.parametrize("name", ["Anna Berg", "anna  berg ", "ANNA BERG", "Anna\u3000Berg"])
def test_whoever_asks_cannot_approve_under_their_name(single, name):
    entry = single.request(requester=name)
    with pytest.raises(Refused, match="whoever asks cannot approve"):
        single.approve(ANNA, entry)
    forged(single, ANNA, "grant", entry.payload["job"], entry.seq,
           (single.now + SOON).isoformat())
    assert "0 of 1 approvals; Bo Lund" in single.decide(requester=name).reason
    assert single.decide(requester="Cy Holm").granted


def test_whoever_asks_cannot_approve_with_their_key_under_another_name(single):
    entry = single.request(requester="A. B.", key=ANNA)
    with pytest.raises(Refused, match="whoever asks cannot approve"):
        single.approve(ANNA, entry)
    forged(single, ANNA, "grant", entry.payload["job"], entry.seq,
           (single.now + SOON).isoformat())
    assert "0 of 1" in single.decide(requester="A. B.").reason
    assert "0 of 1" in single.decide(requester=ANNA.id).reason
    single.approve(BO, entry)
    assert single.decide(requester="A. B.").granted


def test_key_of_a_request_counts_only_if_it_signed(single):
    entry = single.request(key=MALLORY)
    payload = {**entry.payload, "public": ANNA.public.hex()}
    single.ledger.append("approval.request", payload)
    single.ledger.append("approval.request", {**payload, "public": "zz", "signature": 3})
    single.approve(ANNA, entry)
    assert single.decide().granted


def test_approval_is_good_for_one_run(single):
    wanted = wish(guarantee=private(0.5))
    entry = single.request(wanted)
    single.approve(ANNA, entry)
    steward, held = single.run(wanted)
    assert "0 of 1" in single.decide(wanted).reason
    steward.release(held)
    assert single.decide(wanted).granted


def test_policy_may_let_an_approval_be_good_for_more(tmp_path):
    purposes = '{"reduce readmissions" = {}}'
    office = Office(tmp_path, text_of(approvals="1", approval_runs="2", purposes=purposes))
    entry = office.request()
    office.approve(ANNA, entry)
    office.run()
    assert office.decide().granted
    office.run()
    assert "0 of 1" in office.decide().reason


def test_signatures_are_not_moved_to_another_job_ledger_verb_or_expiry(single, tmp_path):
    entry = single.request()
    single.approve(ANNA, entry)
    (grant,), _ = acts(single.ledger, entry.payload["job"])
    other = wish(purpose="quality control")
    job = job_digest(other, version="v1")
    moved = replace(grant, job=job)
    policy = single.policy

    def decided(act, wanted=None, **changes):
        from privet.govern.policy.facts import collect, data_sets

        facts, _ = collect(single.ledger, wanted or wish(), known=data_sets(single.ledger),
                           requester="Cy Holm", terms=policy.terms("patients"))
        return evaluate(policy, wanted or wish(), requester="Cy Holm", approvals=[act],
                        facts=replace(facts, **changes), now=single.now)

    assert decided(grant).granted
    assert not decided(moved, other).granted
    assert not decided(grant, ledger="ab" * 16).granted
    late = (single.now + timedelta(days=5)).isoformat()
    for altered in ({"expires": late}, {"verb": "deny"}, {"of": grant.of + 1}, {"reason": "x"},
                    {"head": bytes(32)}, {"head": b""},
                    {"signature": b""}, {"signature": bytes(64)}, {"expires": ""}):
        decision = decided(replace(grant, **altered))
        assert "0 of 1" in decision.reason, altered


def test_redacted_denial_or_revocation_voids_what_was_approved_before(single):
    entry = single.request()
    single.approve(ANNA, entry)
    gone = revoke(single.ledger, entry.payload["job"], ANNA, reason="no", now=single.now)
    single.ledger.redact(gone.seq, "a name in it")
    assert "0 of 1" in single.decide().reason
    single.approve(ANNA, entry)
    assert single.decide().granted


def test_requests_that_nobody_could_approve_are_refused_at_once(single, tmp_path):
    with pytest.raises(Refused, match="not among the allowed"):
        single.request(wish(action="query"))
    for bad in ({"requester": " "}, {"requester": None}):
        with pytest.raises(InvalidInput, match="requester is missing"):
            single.request(**bad)
    with pytest.raises(InvalidInput, match="reason is missing"):
        request(single.ledger, wish(), "Cy", "")
    with pytest.raises(InvalidInput, match="nobody has asked"):
        approve(single.ledger, "0" * 64, ANNA, expires=single.now + SOON)
    (tmp_path / "free").mkdir()
    free = Office(tmp_path / "free", text_of())
    with pytest.raises(InvalidInput, match="nobody needs to approve"):
        free.request()
    bare = Ledger.open(tmp_path / "bare.db")
    with pytest.raises(Refused, match="adopted no policy"):
        request(bare, wish(), "Cy", "needed")
    assert pending(bare) == ()


def test_request_whose_record_was_altered_is_not_approved(single):
    entry = single.request()
    payload = {**entry.payload, "request": {**entry.payload["request"], "purpose": "fun"}}
    single.ledger.append("approval.request", payload)
    fine = single.approve(ANNA, entry)
    assert fine.payload["of"] == entry.seq
    assert [item.entry.seq for item in pending(single.ledger, now=single.now)] == []


def test_pending_lists_what_waits_and_no_more(office):
    office.request()
    again = office.request()
    other = office.request(wish(parameters={"columns": []}))
    found = pending(office.ledger, now=office.now)
    assert [item.entry.seq for item in found] == [again.seq, other.seq]
    assert (found[0].needed, found[0].granted, found[0].may_approve) == (
        2, (), ("Anna Berg", "Bo Lund"))
    office.approve(ANNA, again)
    assert pending(office.ledger, now=office.now)[0].granted == ("Anna Berg",)
    office.approve(BO, again)
    deny(office.ledger, other.payload["job"], ANNA, reason="no", now=office.now)
    assert pending(office.ledger, now=office.now) == ()
    office.run()
    assert pending(office.ledger, now=office.now) == ()


def test_job_is_the_same_from_the_request_and_from_its_record(single):
    entry = single.request(wish(parameters={"columns": ("age",), "nested": {"a": [1, 2.5, None]}}))
    assert entry.payload["job"] == job_digest(entry.payload["request"])
    assert job_digest(wish(), version="v1") != job_digest(wish(), version="v2")
    with pytest.raises(InvalidInput):
        job_digest(wish(parameters={"odd": object()}))


def test_removed_approver_no_longer_counts(single):
    entry = single.request()
    single.approve(ANNA, entry)
    new = SigningKey.generate().public.hex()
    adopt(single.ledger, text_of(PEOPLE.replace(ANNA.public.hex(), new), approvals="1"))
    policy = Policy.from_ledger(single.ledger)
    decision = policy.decide(wish(), requester="Cy Holm", ledger=single.ledger, now=single.now)
    assert isinstance(decision, Decision)
    assert "0 of 1" in decision.reason


def forged(office, key, verb, job, of, expires, signer=None, follows=None, late=0):
    """Write an act behind the functions that check it, perhaps after other entries."""
    tip = office.ledger.tip()
    message = statement(office.ledger.identity, tip.chain, verb, job, of, expires, "")
    for _ in range(late):
        office.ledger.append("note", {})
    return office.ledger.append(f"approval.{verb}", {
        "job": job, "of": of, "follows": tip.seq if follows is None else follows,
        "signer": signer or key.id, "signature": key.sign(message).hex(),
        "expires": expires or None, "reason": "",
    })


def replayed(office, entry):
    """Write an entry once more, as whoever can use the ledger can."""
    return office.ledger.append(entry.kind, entry.payload)


def test_approval_that_is_written_again_is_the_same_approval(office):
    entry = office.request()
    first = office.approve(ANNA, entry)
    replayed(office, first)
    assert "1 of 2" in office.decide().reason
    office.approve(BO, entry)
    told = office.policy.standing(wish(), requester="Cy Holm", ledger=office.ledger,
                                  now=office.now)
    assert told.decision.granted
    assert first.seq in told.approvals
    assert len(told.approvals) == 2
    assert list(signers(office.ledger).values()) == ["Anna Berg", "Bo Lund"]


def test_approval_that_is_written_again_is_not_good_for_another_run(single):
    wanted = wish(guarantee=private(0.5))
    grant = single.approve(ANNA, single.request(wanted))
    single.run(wanted)
    replayed(single, grant)
    assert "0 of 1" in single.decide(wanted).reason
    single.ledger.redact(grant.seq, "a name in it")
    replayed(single, grant)
    assert "0 of 1" in single.decide(wanted).reason


def test_approval_that_is_written_again_ends_when_it_ended(single):
    single.policy = policy = Policy.parse(text_of(approvals="1", approval_days="2"))
    adopt(single.ledger, policy.text)
    entry = single.request()
    end = (single.now + timedelta(days=9)).isoformat()
    grant = forged(single, ANNA, "grant", entry.payload["job"], entry.seq, end)
    assert single.decide().granted
    single.now += timedelta(days=3)
    assert "0 of 1" in single.decide().reason
    single.ledger.redact(grant.seq, "a name in it")
    replayed(single, grant)
    assert "0 of 1" in single.decide().reason


@pytest.mark.parametrize("undo", [revoke, deny])
def test_approval_that_is_written_again_undoes_no_revocation_and_no_denial(single, undo):
    entry = single.request()
    grant = single.approve(ANNA, entry)
    gone = undo(single.ledger, entry.payload["job"], ANNA, reason="no", now=single.now)
    replayed(single, grant)
    assert not single.decide().granted
    single.ledger.redact(gone.seq, "a name in it")
    replayed(single, grant)
    assert not single.decide().granted
    single.approve(ANNA, entry)
    assert single.decide().granted


def test_approval_that_is_written_late_stands_behind_what_was_said_since(single):
    entry = single.request()
    job = entry.payload["job"]
    end = (single.now + SOON).isoformat()
    tip = single.ledger.tip()
    held_back = statement(single.ledger.identity, tip.chain, "grant", job, entry.seq, end, "")
    deny(single.ledger, job, ANNA, reason="no", now=single.now)
    single.ledger.append("approval.grant", {
        "job": job, "of": entry.seq, "follows": tip.seq, "signer": ANNA.id,
        "signature": ANNA.sign(held_back).hex(), "expires": end, "reason": ""})
    assert "Anna Berg denied" in single.decide().reason


def test_denial_and_revocation_that_are_written_again_change_nothing(single):
    entry = single.request()
    job = entry.payload["job"]
    denial = deny(single.ledger, job, ANNA, reason="no", now=single.now)
    back = revoke(single.ledger, job, ANNA, reason="explained", now=single.now)
    replayed(single, denial)
    assert "0 of 1" in single.decide().reason
    single.approve(ANNA, entry)
    for old in (back, denial, back):
        replayed(single, old)
        assert single.decide().granted
    deny(single.ledger, job, ANNA, reason="after all", now=single.now)
    replayed(single, back)
    assert "Anna Berg denied" in single.decide().reason


@pytest.mark.parametrize("follows", [0, -1, True, "5", None, 10**9])
def test_act_that_names_no_head_before_it_does_not_count(single, follows):
    entry = single.request()
    grant = forged(single, ANNA, "grant", entry.payload["job"], entry.seq,
                   (single.now + SOON).isoformat(), late=1)
    assert single.decide().granted
    revoke(single.ledger, entry.payload["job"], ANNA, reason="no", now=single.now)
    for changed in ({"follows": follows}, {"follows": grant.seq}, {"follows": grant.seq - 1}):
        single.ledger.append("approval.grant", {**grant.payload, **changed})
        assert "0 of 1" in single.decide().reason


def test_of_a_grant_and_a_denial_at_one_head_the_denial_counts(single):
    entry = single.request()
    job, end = entry.payload["job"], (single.now + SOON).isoformat()
    tip = single.ledger.tip()
    for verb, until in (("deny", ""), ("grant", end)):
        message = statement(single.ledger.identity, tip.chain, verb, job, entry.seq, until, "")
        single.ledger.append(f"approval.{verb}", {
            "job": job, "of": entry.seq, "follows": tip.seq, "signer": ANNA.id,
            "signature": ANNA.sign(message).hex(), "expires": until or None, "reason": ""})
    assert "Anna Berg denied" in single.decide().reason
