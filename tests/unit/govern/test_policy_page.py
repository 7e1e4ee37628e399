"""The page of a request: complete, self-contained, and safe whatever stands in the request."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from privet.claims import (
    DPGuarantee,
    FLGuarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
    NoGuarantee,
    Sight,
)
from privet.errors import Refused
from privet.govern.ledger import Ledger
from privet.govern.policy import adopt, approve, deny, page, request
from privet.govern.policy.words import flat, promises, shown
from tests.unit.govern.policies import (
    ANNA,
    BO,
    DATA,
    SOON,
    ledger_with,
    private,
    reserved,
    text_of,
    wish,
)

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}'
NOW = datetime.now(UTC)


class Reader(HTMLParser):
    """What a browser would see: the tags, their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def ledger(tmp_path):
    return ledger_with(tmp_path)


def read(ledger, entry):
    return Reader(page(ledger, entry, now=NOW)).text


def test_page_answers_what_an_approver_asks(ledger):
    guarantee = private(sights=(Sight("curator", "all rows", False),),
                        assumptions=("the curator is trusted",), checks=("recompute epsilon",))
    reserved(ledger, wish(purpose="quality control", guarantee=private(0.75)))
    entry = request(ledger, wish(guarantee=guarantee), "Cy Holm", "the ward asks")
    said = read(ledger, entry)
    for part in ("Train a model on patients", "reduce readmissions", "Cy Holm", "the ward asks",
                 "500", "logistic", "curator: all rows", "the curator is trusted",
                 "recompute epsilon", "epsilon 1 of the privacy budget",
                 "73.1 of 100", "1 in 1,000,000", "2.25 left of epsilon 3",
                 "1.5 left of epsilon 1.5", "0 of 2 approvals", "Anna Berg , Bo Lund may approve",
                 f"privet approve {entry.payload['job']}", f"privet deny {entry.payload['job']}",
                 ledger.identity):
        assert part in said, part
    assert "not recorded in a ledger" not in said


def test_page_follows_the_approvals(ledger):
    entry = request(ledger, wish(), "Cy Holm", "needed")
    job = entry.payload["job"]
    approve(ledger, job, ANNA, expires=NOW + SOON, reason="fine by me")
    said = read(ledger, entry)
    assert "1 of 2 approvals. It waits for 1 more person." in said
    assert "fine by me" in said
    assert "Bo Lund may approve" in said
    approve(ledger, job, BO, expires=NOW + SOON)
    said = read(ledger, entry)
    assert "Approved by 2 of 2. It may run." in said
    assert f"privet approve {job}" not in said
    deny(ledger, job, ANNA, reason="stop")
    assert "The policy refuses it, whoever approves: Anna Berg denied this job: stop." in read(
        ledger, entry)


def test_page_shows_which_rule_refuses(ledger):
    entry = request(ledger, wish(), "Cy Holm", "needed")
    ledger.append("dataset.version", {"name": "patients", "version": "v2", "units": 600})
    assert "(not the newest)" in read(ledger, entry)
    adopt(ledger, text_of(approvals="1", epsilon_per_release="0.5"))
    said = read(ledger, entry)
    assert "whoever approves: epsilon 1 is above 0.5" in said
    assert "epsilon at most 0.5" in said


def test_hostile_strings_are_text(tmp_path):
    purposes = '{"' + HOSTILE.replace('"', '\\"') + '" = {}}'
    people = f'[approvers]\n"<b>Anna</b>" = "{ANNA.public.hex()}"\n"Bo" = "{BO.public.hex()}"\n'
    ledger = ledger_with(tmp_path, text_of(people, approvals="1", columns=None, purposes=purposes))
    name = HOSTILE + "\u202e\x00"
    ledger.append("dataset.register", {**DATA, "name": name, "columns": [HOSTILE]})
    ledger.append("report", {"format": "card", "data_set": name})
    guarantee = DPGuarantee(
        epsilon=1.0, delta=1e-6, unit=HOSTILE, relation="zero-out", accountant=HOSTILE,
        sights=(Sight(HOSTILE, HOSTILE, False),), assumptions=(HOSTILE,), checks=(HOSTILE,),
    )
    wanted = wish(data_set=name, purpose=HOSTILE, guarantee=guarantee,
                  parameters={HOSTILE: HOSTILE, "columns": [HOSTILE], "x": {HOSTILE: [1, HOSTILE]}})
    entry = request(ledger, wanted, HOSTILE, HOSTILE)
    approve(ledger, entry.payload["job"], ANNA, expires=NOW + SOON, reason=HOSTILE)
    html = page(ledger, entry, now=NOW)
    seen = Reader(html)
    assert not {"script", "img", "b", "iframe"} & set(seen.tags)
    assert not [pair for pair in seen.attributes if pair[0].startswith("on")]
    assert HOSTILE in seen.text
    assert "<b>Anna</b>" in seen.text
    assert not re.search("[\x00\u202a-\u202e\u2066-\u2069]", html)
    html.encode("utf-8")


def test_page_needs_no_network(ledger):
    html = page(ledger, request(ledger, wish(), "Cy Holm", "needed"), now=NOW)
    seen = Reader(html)
    assert "script" not in seen.tags
    addresses = [value for name, value in seen.attributes if name in ("src", "href")]
    assert addresses == ["data:,"]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in (
        seen.attributes)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert "max-width: 47rem" in html


def test_entries_that_are_no_request(ledger, tmp_path):
    entry = request(ledger, wish(), "Cy Holm", "needed")
    with pytest.raises(Refused, match="no request"):
        page(ledger, ledger.get(2))
    altered = {**entry.payload, "request": {**entry.payload["request"], "purpose": "fun"}}
    with pytest.raises(Refused, match="no request"):
        page(ledger, ledger.append("approval.request", altered))
    ledger.redact(entry.seq, "asked for")
    with pytest.raises(Refused, match="no request"):
        page(ledger, ledger.get(entry.seq))
    with pytest.raises(Refused, match="adopted no policy"):
        page(Ledger.open(tmp_path / "bare.db"), entry)


FL = FLGuarantee(sites=4, min_contributors=3, secure_aggregation=True, aggregator_sees=())


@pytest.mark.parametrize(("guarantee", "words"), [
    (NoGuarantee(), ["Nothing is promised"]),
    (private(), ["all rows of one patient", "73.1 of 100", "does see the data"]),
    (private(0.0, 0.0), ["no guess gets any better"]),
    (private(30.0), ["as good as certain"]),
    (private(secret_noise=False), ["known seed, so nothing is promised"]),
    (LocalDPGuarantee(epsilon=1.0), ["before it leaves its device", "73.1"]),
    (MPCGuarantee(parties=3, threshold=1, adversary="semi-honest"), ["3 parties", "one of them"]),
    (MPCGuarantee(parties=5, threshold=2, adversary="semi-honest"), ["2 of them together learn "]),
    (HEGuarantee(security_bits=128, scheme="CKKS", ring_dimension=1, modulus_bits=1,
                 noise_flooding=True), ["2^128"]),
    (JointGuarantee(parts=(FL, private())), ["4 sites", "only the sum", "73.1"]),
    (FLGuarantee(sites=4, min_contributors=3, secure_aggregation=False, aggregator_sees=(),
                 simulated=True), ["rehearsal", "nothing protects", "each of the updates"]),
])  # fmt: skip
def test_promises_in_plain_words(guarantee, words):
    said = " ".join(promises(guarantee))
    for word in words:
        assert word in said


def test_who_sees_the_data_is_said_of_a_trusted_curator_only():
    sees = "does see the data"
    assert sees in " ".join(promises(private()))
    assert sees not in " ".join(promises(JointGuarantee(parts=(FL, private()))))
    rehearsed = " ".join(promises(JointGuarantee(parts=(FL, private()), simulated=True)))
    assert "rehearsal" in rehearsed
    assert sees not in rehearsed


def test_delta_of_zero_does_not_fail():
    assert "fail" not in " ".join(promises(private(1.0, 0.0)))


def test_parameters_are_shown_one_a_line():
    parameters = {"a": {"b": {"c": 1}}, "d": ["x", "y"], "e": None, "f": True, "g": "", "h": {},
                  "i": []}
    assert list(flat(parameters)) == [
        ("a.b.c", "1"), ("d", "x, y"), ("e", "not set"), ("f", "yes"), ("g", "(empty)"),
        ("h", "{}"), ("i", "none")]
    assert shown([1, {"a": 2}]) == '[1, {"a": 2}]'
