"""Every statement of a report leads to an entry, is declared, or is "not evidenced"."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from privet.errors import InvalidInput, Refused
from privet.govern.evidence import KINDS
from privet.govern.ledger import Ledger
from privet.govern.policy import adopt_organisation
from privet.govern.policy.adoption import ORGANISATION as ORGANISATION_KIND
from privet.govern.policy.words import promises
from privet.govern.report import papers, receipt_page, report, report_json
from privet.govern.report import record as note
from privet.govern.report import written as written_here
from privet.govern.report.reports import ENTRIES
from tests.unit.govern.ledgers import sql
from tests.unit.govern.recorded import ORGANISATION, claim, payloads, record, written
from tests.unit.govern.test_evidence import Without

ANSWERS = ["Who learns what", "Under which assumption", "At what cost", "How to check it"]
MITCHELL = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]
ARTICLE_30 = {
    "a": ["Controller", "Joint controllers", "Representative, if outside the Union",
          "Data-protection officer",
          "Organisation file"],
    "b": ["Purpose", "Description", "Legal basis", "Processing recorded",
          "Organisation file of the runs"],
    "c": [
        "Categories of data subjects",
        "Categories of personal data",
        "Data set",
        "Columns",
        "Rows",
        "People or other units",
    ],
    "d": ["Recipients", "Roles, and what each saw", "Who ran it"],
    "e": ["Transfers and their safeguards"],
    "f": ["Envisaged limits"],
    "g": [
        "Measures of the organisation",
        "What the data subjects are promised",
        "Protection of each run",
        "Caveats",
        "Privacy budget",
        "Spent",
        "Set aside for runs that have not ended",
        "Moved between ledgers",
        "Left",
        "Policy in force",
        "Refusals and approvals",
        "Assessments",
    ],
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return record(tmp_path_factory.mktemp("reports") / "l.db")


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    """The same ledger with the organisation file adopted, as entry 17."""
    found = record(tmp_path_factory.mktemp("declared") / "l.db")
    adopt_organisation(found, ORGANISATION)
    return found


def lines(found):
    """(term, statements) of a report in JSON."""
    yield from ((line["term"], line["statements"]) for line in found["answers"])
    for section in found["sections"]:
        for group in section["groups"]:
            yield from ((line["term"], line["statements"]) for line in group["lines"])


def said(found, term):
    return next(statements for name, statements in lines(found) if name == term)


@pytest.mark.parametrize("kind", ["card", "ropa"])
@pytest.mark.parametrize("which", ["ledger", "declared"])
def test_every_statement_says_what_supports_it(request, kind, which):
    ledger = request.getfixturevalue(which)
    found = report_json(ledger, kind)
    assert json.loads(json.dumps(found)) == found
    there = {item["seq"]: item for item in found["entries"]}
    for seq, item in there.items():
        entry = ledger.get(seq)
        assert (item["kind"], item["time"]) == (entry.kind, entry.time)
        assert item["commitment"] == entry.commitment.hex()
    kinds = set()
    for term, statements in lines(found):
        assert statements, term
        for item in statements:
            kinds.add(item["support"])
            assert (item["text"] is None) == (item["support"] == "missing")
            assert bool(item["entries"]) == (item["support"] == "ledger"), term
            assert set(item["entries"]) <= set(there)
    assert kinds == {"ledger", "head", "missing"} | ({which} - {"ledger"})


@pytest.mark.parametrize("kind", ["card", "ropa"])
def test_the_four_answers_come_first(ledger, kind):
    found = report_json(ledger, kind)
    assert [line["term"] for line in found["answers"]] == ANSWERS
    texts = [line["statements"][0]["text"] for line in found["answers"]]
    assert texts == [
        "whoever gets the model: parameters with calibrated noise",
        "the curator is trusted",
        "2.5 s, 200 MB peak memory, 2.05 kB sent (site 2,048 bytes)",
        "epsilon_for(events) <= 1",
    ]
    assert all(line["statements"][0]["entries"] == [9] for line in found["answers"])
    assert found["answers"][-1]["statements"][-1]["support"] == "head"


def test_a_card_has_the_sections_of_mitchell_and_others(declared):
    found = report_json(declared, "card")
    assert [section["title"] for section in found["sections"]] == MITCHELL
    assert found["title"] == "logistic on patients"
    assert [item["text"] for item in said(found, "accuracy")] == ["0.81, between 0.79 and 0.83"]
    assert said(found, "Primary intended use")[0]["support"] == "declared"
    assert said(found, "Rows, in the newest version")[0] == {
        "text": "12,500", "support": "ledger", "entries": [4], "more": 0,
    }  # fmt: skip
    assert said(found, "Caveats of the claim")[0]["text"] == "none beyond the assumptions above"


def test_a_record_has_the_letters_of_article_30(declared):
    found = report_json(declared, "ropa")
    first, *rows = found["sections"]
    letters = {g["letter"]: [line["term"] for line in g["lines"]] for g in first["groups"]}
    assert letters == {"a": ARTICLE_30["a"]}
    assert [row["title"] for row in rows] == ["patients: readmission"]
    for row in rows:
        letters = {g["letter"]: [line["term"] for line in g["lines"]] for g in row["groups"]}
        assert letters == {key: ARTICLE_30[key] for key in "bcdefg"}
    assert [item["text"] for item in said(found, "Processing recorded")] == [
        "finished: 1 fit (train a model)",
        "failed after reading data: 1",
        "ended before reading data: 1",
    ]
    assert said(found, "Transfers and their safeguards")[0]["text"] == "none"
    assert said(found, "Refusals and approvals")[0]["entries"] == [14]


def test_a_part_for_each_data_set_and_purpose(tmp_path):
    more = payloads(data="visits", purpose="planning")[:1] + payloads(purpose="teaching")[6:7]
    ledger = written(tmp_path / "l.db", payloads()[:3] + more)
    adopt_organisation(ledger, ORGANISATION)
    found = report_json(ledger, "ropa")
    assert [section["title"] for section in found["sections"][1:]] == [
        "patients: readmission",
        "patients: teaching",
        "visits: planning",
    ]
    only = report_json(ledger, "ropa", data_set="visits")
    assert [section["title"] for section in only["sections"][1:]] == [
        "visits: planning",
        "no data set recorded: readmission",
    ], "a purpose that is only declared is listed as such"
    assert said(only, "Processing recorded")[0]["support"] == "missing"


def test_runs_under_another_organisation_file_are_told(tmp_path):
    """Each run names the digest of the file that was adopted when it was reserved."""
    ledger = record(tmp_path / "l.db")
    old = adopt_organisation(ledger, ORGANISATION.replace("General", "Small"))
    reserve = payloads()[6][1] | {"organisation": old.payload["digest"]}
    ledger.append("run.reserve", reserve | {"token": "t4"})
    new = adopt_organisation(ledger, ORGANISATION)
    ledger.append("run.reserve",
                  reserve | {"token": "t5", "organisation": new.payload["digest"]})
    found = report_json(ledger, "ropa")
    assert found["organisation"] == new.payload["digest"]
    assert found["title"] == "General Hospital"
    assert said(found, "Organisation file")[0]["entries"] == [new.seq]
    told = {item["text"].split(" digest")[0]: item["entries"]
            for item in said(found, "Organisation file of the runs")}
    assert told == {
        "3 runs made when none was adopted: what is declared here was declared later": [8, 10, 12],
        "1 run made under an older text, not shown here:": [old.seq + 1],
        "1 run made under the text that is shown here": [new.seq + 1],
    }


def test_an_assessment_from_elsewhere_is_cited_by_its_entry(tmp_path):
    ledger = record(tmp_path / "l.db")
    (tmp_path / "secret name.pdf").write_bytes(b"%PDF what was assessed")
    about = {"kind": "dpia", "by": "data-protection officer", "day": "2026-10-02"}
    entry = note(ledger, "patients", tmp_path / "secret name.pdf", **about)
    assert entry.payload == {
        "format": "dpia", "data_set": "patients", "title": "data-protection impact assessment",
        "sha256": hashlib.sha256(b"%PDF what was assessed").hexdigest(),
        "date": "2026-10-02", "by": "data-protection officer",
    }, "neither its text nor its name"
    written_here(ledger, "card", "patients", "<html>")
    for kind in ("card", "ropa"):
        (found,) = said(report_json(ledger, kind), "Assessments")
        assert found["entries"] == [entry.seq]
        assert found["text"].startswith(
            "data-protection impact assessment, 2026-10-02, signed off by data-protection officer"
        )
        assert entry.payload["sha256"] in found["text"]
    assert [(p.kind, p.by) for p in papers(ledger, "patients")] == [
        ("dpia", "data-protection officer"), ("card", "")]
    assert papers(ledger, "visits") == ()
    ledger.redact(entry.seq, "withdrawn")
    assert said(report_json(ledger, "card"), "Assessments")[0]["support"] == "missing"


@pytest.mark.parametrize(("changes", "words"), [
    ({"data_set": "visits"}, "visits"),
    ({"kind": "card"}, "one of dpia, lia, tia, ethics"),
    ({"by": " "}, "who signed it off"),
    ({"title": "a\nb"}, "no usable title"),
    ({"day": "2.10.2026"}, "date"),
    ({"day": "9000-01-01"}, "to come"),
    ({"path": "absent.pdf"}, "cannot be read"),
])  # fmt: skip
def test_a_document_that_cannot_be_recorded_leaves_no_entry(tmp_path, changes, words):
    ledger = record(tmp_path / "l.db")
    (tmp_path / "a.pdf").touch()
    usual = {"data_set": "patients", "path": tmp_path / "a.pdf", "kind": "dpia", "by": "officer"}
    with pytest.raises(InvalidInput, match=words):
        note(ledger, **(usual | changes))
    assert list(ledger.entries(kind="report")) == []


def test_a_card_says_in_plain_words_what_is_promised_and_what_happened(declared):
    found = report_json(declared, "card")
    promise = said(found, "What the data subjects are promised")
    assert promise[0]["text"] == next(promises(claim()))
    assert promise[0]["entries"] == [9]
    assert said(found, "What was done")[0]["text"] == "fit (train a model)"
    assert said(found, "How it ended")[0]["text"] == "finished and recorded"
    text = report(declared, "ropa")
    for words in ("data set registered", "run failed after reading data", "policy adopted"):
        assert words in text
    assert set(ENTRIES) == set(KINDS)


def test_names_are_cited_by_their_registration_alone(declared):
    found = report_json(declared, "ropa")
    assert said(found, "Data set")[0]["entries"] == [2]
    assert said(found, "Purpose")[0]["entries"] == [2]


def test_no_digest_passes_for_that_of_a_file(declared):
    """What is signed is not the file alone, so sha256sum gives something else."""
    text = report(declared, "ropa")
    assert f"digest {ORGANISATION_KIND.digest(ORGANISATION)}" in text
    assert f"SHA-256 {ORGANISATION_KIND.digest(ORGANISATION)}" not in text


def test_a_redacted_organisation_file_declares_nothing(tmp_path):
    ledger = record(tmp_path / "l.db")
    entry = adopt_organisation(ledger, ORGANISATION)
    ledger.redact(entry.seq, "the officer has left")
    found = report_json(ledger, "ropa")
    assert found["organisation"] is None
    assert {item["seq"] for item in found["entries"] if item["redacted"]} == {entry.seq}


GONE = {
    2: ["Columns that the data set holds", "Privacy unit", "Owner", "Budget of the data set",
        "Spent", "Left"],
    3: ["Policy in force"],
    8: ["Run by", "What was done", "Parameters", "Software", "Purpose of the run"],
    9: [*ANSWERS[:3], "Claim", "accuracy", "Cost of the run", "How it ended"],
}


@pytest.mark.parametrize("seq", GONE)
@pytest.mark.parametrize("way", ["absent", "redacted"])
def test_without_its_entry_a_statement_is_not_evidenced(tmp_path, seq, way):
    ledger = record(tmp_path / "l.db")
    # With one run only, no other takes the place of the one whose entry is gone.
    whole = report_json(ledger, "card", model="t1")
    if way == "redacted":
        ledger.redact(seq, "asked")
    reader = ledger if way == "redacted" else Without(ledger, seq)
    less = report_json(reader, "card", model="t1")
    kept = {term for term, _ in lines(less)}
    for term in GONE[seq]:
        assert said(whole, term)[0]["support"] == "ledger", term
        if term in kept:
            assert {item["support"] for item in said(less, term)} == {"missing"}, term
    for _, statements in lines(less):
        assert not any(seq in item["entries"] for item in statements)
    listed = {item["seq"]: item["redacted"] for item in less["entries"]}
    assert listed.get(seq) == (True if way == "redacted" else None)


def test_an_empty_ledger_evidences_nothing(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    for kind in ("card", "ropa"):
        found = report_json(ledger, kind)
        supports = {item["support"] for _, statements in lines(found) for item in statements}
        assert supports == {"missing", "head"}
        assert found["entries"] == []
        assert "not evidenced" in report(ledger, kind)


def test_many_entries_are_counted_and_a_few_linked(tmp_path):
    entries = payloads()[:1]
    for number in range(30):
        reserve, commit = payloads()[6:8]
        entries += [reserve, (commit[0], commit[1] | {"reserve": 3 + 2 * number})]
    found = report_json(written(tmp_path / "l.db", entries), "ropa")
    (cost,) = said(found, "At what cost")
    assert cost["text"].startswith("30 runs together: 75 s")
    assert cost["entries"] == [4, 6, 8, 10, 56, 58, 60, 62] and cost["more"] == 22


def test_altered_entries_are_not_cited(tmp_path):
    path = tmp_path / "l.db"
    ledger = record(path)
    ledger.close()
    sql(path, "UPDATE payloads SET text = replace(text, 'readmission', 'advertising')")
    with pytest.raises(Refused, match=r"entry \d+ was changed after it was written"):
        report(Ledger.open(path), "ropa")


def test_bad_arguments(ledger):
    with pytest.raises(InvalidInput, match="one of card, ropa"):
        report(ledger, "pia")
    with pytest.raises(InvalidInput, match="no such run"):
        report(ledger, "card", model=99)
    with pytest.raises(InvalidInput, match="32 hex digits"):
        receipt_page(key="xyz")


class Page(HTMLParser):
    """Ids, links and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [found["href"]] if tag == "a" else []
        for name in ("src", "href", "action", "style"):
            assert name == "href" or name not in found
        if tag == "link":
            assert found["href"] == "data:,"


@pytest.mark.parametrize("kind", ["card", "ropa"])
def test_html_says_what_json_says(declared, kind):
    text = report(declared, kind)
    page, found = Page(text), report_json(declared, kind)
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert {f"entry-{item['seq']}" for item in found["entries"]} == {
        name for name in page.ids if name.startswith("entry-")
    }
    assert "script" not in page.tags
    missing = sum(s["support"] == "missing" for _, part in lines(found) for s in part)
    assert len(re.findall(r'<p><span class="missing">not evidenced', text)) >= missing > 0
    assert report(declared, kind) == text, "no clock, no chance"
    if kind == "ropa":
        letters = re.findall(r'data-letter="(\w)"', text)
        assert letters == list("abcdefg")


def test_hostile_text_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>\u202e\x00"
    names = dict.fromkeys(("data", "purpose", "who", "column", "role"), evil)
    ledger = record(tmp_path / "l.db", **names)
    for text in (report(ledger, "card"), report(ledger, "ropa")):
        assert "<script" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert not {"\u202e", "\x00"} & set(text)
    page = receipt_page(ledger.receipt(9))
    assert page.count("<script") == 2 and page.count("</script") == 2


def test_a_decision_without_a_policy_is_not_called_one_of_the_policy(tmp_path):
    without = {"policy": None, "reason": "the budget counts it"}
    entries = [
        ("something.else" if kind == "policy.adopt" else kind,
         body | without if kind == "run.decide" else body)
        for kind, body in payloads()
    ]  # fmt: skip
    ledger = written(tmp_path / "l.db", entries)
    card, ropa = (json.dumps(report_json(ledger, kind)) for kind in ("card", "ropa"))
    assert "the request was granted: the budget counts it" in card
    assert "requests refused: 1" in ropa
    for text in (card, ropa):
        assert "the policy granted" not in text and "by the policy" not in text
