"""The page: everything is there, in order, escaped, and needs nothing but itself."""

from __future__ import annotations

import dataclasses
import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.claims import NoGuarantee, Sight
from privet.protect.choose import Comparison, page
from privet.protect.choose import diagram as seen
from privet.protect.choose.details import details_of
from tests.unit.protect.made_comparisons import (
    HOSTILE,
    comparison,
    crowded,
    dp,
    entry,
    hostile,
    plain,
    private,
    refusing,
    regression,
    shared,
    usual,
)

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Tree(HTMLParser):
    """Tags, attributes and texts; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)
        if data.strip() and "style" not in self.open:
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_sections_come_in_order() -> None:
    assert Tree(page(usual())).headings == [
        "patients", "Recommendation", "Accuracy against ε", "AUC against ε", "All figures",
        "Who sees what", "What each claims", "What releasing this page would cost",
        "How it was made",
    ]  # fmt: skip


def test_nothing_known_is_left_out() -> None:
    found = usual()
    text = Tree(page(found)).text
    for word in ("patients", "ill, 2 classes", "logistic", "4,000", "17", "2026-01-31",
                 "3,000 rows to train on", "1,000 to score", "10, 11, 12, 13, 14", "privet 0.1.0",
                 "numpy 2.4.6", "Linux x86_64", "pv.compare(data, model='logistic')", "25%",
                 "majority class", "0.600", "2.05 kB", "10 B", found.recommendation,
                 found.release, "For the curator only",
                 "The first fit of a kind also compiles"):  # fmt: skip
        assert word in text, word
    for line in found.entries:
        assert line.guarantee is not None and line.cost is not None
        assert line.label in text and line.guarantee.headline() in text
        assert str(line.cost) in text
        for score in line.scores.values():
            assert f"{score.figure} {score.margin}" in text
        for lines in line.guarantee.describe().values():
            for each in lines:
                assert each.split(": ")[-1] in text, each


def test_it_needs_nothing_but_itself() -> None:
    text = page(usual())
    tree = Tree(text)
    names = {tag for tag, _ in tree.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "base", "form", "video"}
    for tag, attributes in tree.tags:
        assert not any(key.startswith("on") for key in attributes), tag
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(key) or "#").startswith(("#", "data:,")), (tag, attributes)
    assert "url(" not in text and "@import" not in text
    policy = next(a for a in tree.named("meta") if a.get("http-equiv"))
    assert "default-src 'none'" in str(policy["content"])
    anchors = [str(a["href"])[1:] for a in tree.named("a")]
    assert set(anchors) <= {a.get("id") for _, a in tree.tags}


def test_identifiers_are_unique_and_used() -> None:
    tree = Tree(page(crowded()))
    names = [str(a["id"]) for _, a in tree.tags if "id" in a]
    assert len(names) == len(set(names))
    for _, attributes in tree.tags:
        for name in str(attributes.get("aria-labelledby") or "").split():
            assert name in names


def test_headings_of_the_table_have_a_scope() -> None:
    tree = Tree(page(usual()))
    scopes = [a.get("scope") for a in tree.named("th")]
    assert scopes.count("row") == 5 and scopes.count("col") == 7 and None not in scopes
    assert tree.named("html")[0]["lang"] == "en"
    assert "width=device-width" in str(tree.named("meta"))


@pytest.mark.parametrize("released", [False, True])
def test_every_line_of_the_table_is_as_wide_as_its_head(released: bool) -> None:
    found = comparison(plain(), private(1, 0.96), *([] if released else [refusing()]))
    if released:
        found = dataclasses.replace(found, guarantee=dp(1.0))
    table = page(found).partition("<table")[2].partition("</table>")[0]
    widths = {
        sum(int(width or 1) for width in re.findall(r'<t[hd] (?:[^>]*colspan="(\d+)")?', row))
        for row in table.split("<tr ")[1:]
    }
    assert widths == {table.count('scope="col"')} and 'colspan="0"' not in table


def test_the_recommended_line_is_marked_in_words() -> None:
    tree = Tree(page(usual()))
    assert [a.get("class") for a in tree.named("tr")].count("chosen") == 1
    assert "recommended" in tree.texts
    none = Tree(page(comparison(plain())))
    assert "No recommendation" in none.texts and "recommended" not in none.texts


def test_a_refusal_is_a_line_with_its_remedy() -> None:
    text = Tree(page(comparison(plain(), private(1, 0.96), refusing()))).text
    assert "Refused. column 'age' has no bounds" in text
    assert "Write: bounds = [0, 120]" in text


def test_one_entry_and_a_single_split() -> None:
    tree = Tree(page(comparison(plain())))
    assert "Accuracy against ε" not in tree.headings and "All figures" in tree.headings
    assert "one fit" in tree.text
    single = page(dataclasses.replace(usual(), seeds=(3,)))
    assert "1 random split," in single and "95% intervals" not in single


def test_regression_has_its_own_figures() -> None:
    tree = Tree(page(regression()))
    assert tree.headings[2:4] == ["R² against ε", "Mean absolute error against ε"]
    assert "AUC" not in tree.text and "6100 ± " in tree.text and "mean predictor" in tree.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_text_and_nothing_else(text: str) -> None:
    tame, wild = Tree(page(hostile("name"))), page(hostile(text))
    wild.encode("utf-8")
    tree = Tree(wild)
    assert not re.search("[\x00\u202a-\u202e\u2066-\u2069]", wild)
    kinds = {tag for tag, _ in tree.tags}
    assert kinds <= {tag for tag, _ in tame.tags} | {"ul"}
    keys = {key for _, attributes in tree.tags for key in attributes}
    assert keys <= {key for _, attributes in tame.tags for key in attributes}
    assert "49" not in tree.headings[0]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_name_is_shown_as_it_is(text: str) -> None:
    tree = Tree(page(hostile(text)))
    shown = re.sub("[\u202a-\u202e\u2066-\u2069]", "", text)
    if shown.isprintable() and shown.strip():
        assert " ".join(shown.split()) in tree.text


def test_every_text_in_a_json_round_trip_gives_the_same_page() -> None:
    for found in (usual(), crowded(), regression(), comparison(plain(), refusing())):
        assert page(Comparison.from_json(found.to_json())) == page(found)


def test_protections_with_equal_sights_share_a_diagram() -> None:
    found = seen.scenes(crowded())
    assert [scene.name for scene in found] == [
        "plain", "shared", "private", "federated + private", "local",
    ]  # fmt: skip
    assert len(found[2].labels) == 4 and found[1].simulated
    assert "simulated, no protection" in page(crowded())
    assert not seen.scenes(comparison(entry("bare", 0.9, NoGuarantee())))


def test_the_diagram_says_by_words_and_by_shape_who_is_protected_from() -> None:
    scene = seen.Scene(("x",), "x", (Sight("cloud", "ciphertexts", True),
                                     Sight("bank", "all rows", False)), False)  # fmt: skip
    svg = Tree(seen.draw(scene, ident="d"))
    assert svg.texts[2:] == ["the rows", "protected", "cloud", "ciphertexts",
                             "not protected", "bank", "all rows"]  # fmt: skip
    classes = [str(a.get("class")) for _, a in svg.tags]
    assert classes.count("shield") == 1 and classes.count("head") == 1
    assert svg.texts[1] == "cloud, protected: sees ciphertexts; bank, not protected: sees all rows"


def test_the_shield_stands_before_the_protected_and_the_arrow_points_at_the_others() -> None:
    for protected, mark, other in ((True, "shield", "head"), (False, "head", "shield")):
        scene = seen.Scene(("x",), "x", (Sight("cloud", "something", protected),), False)
        classes = [a.get("class") for _, a in Tree(seen.draw(scene, ident="d")).tags]
        assert mark in classes and other not in classes
        assert ("role kept" in classes) == protected and ("role bare" in classes) != protected


def test_texts_that_protections_share_are_said_once() -> None:
    (group,) = details_of(comparison(private(1, 0.9), private(3, 0.9)))
    assert [part.label for part in group.parts] == [
        "private eps=1", "private eps=3", "all of these",
    ]  # fmt: skip
    own, other, both = (
        {a.title: [x.text for x in a.lines] for a in p.answers} for p in group.parts
    )
    assert own["how to check it"] == ["epsilon_for([1])"]
    assert other["how to check it"] == ["epsilon_for([3])"]
    assert both["under which assumption"] == ["the curator is trusted"]
    assert "under which assumption" not in own
    assert "how to check it" not in both
    written = page(comparison(private(1, 0.9), private(3, 0.9)))
    assert written.count("the curator is trusted") == 1


def test_only_python_is_set_as_code() -> None:
    claim = dp(1, checks=("from x import y; y(1)", "the noise is what it is", "see: (a)"))
    (group,) = details_of(comparison(entry("a", 0.9, claim)))
    (answer,) = (a for a in group.parts[0].answers if a.title == "how to check it")
    assert [line.is_code for line in answer.lines] == [True, False, False]


def test_contrast_of_the_sheet_is_at_least_that_of_wcag_aa() -> None:
    """Every ink on every ground, in both schemes, by the formula of WCAG 2.2, section 1.4.3."""
    style = page(usual()).split("<style>")[1].split("</style>")[0]
    light = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})", style.split("@media")[0]))
    dark = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})", style.split("@media")[1]))
    assert set(dark) == set(light)
    for scheme in (light, dark):
        for ink, ground in itertools.product(("ink", "soft", "accent", "warn"), ("paper", "tint")):
            assert contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground, scheme)
        for ink in ("ink", "accent"):
            assert contrast(scheme[ink], scheme["band"]) >= 4.5, (ink, scheme)
    assert contrast("#777777", "#ffffff") < 4.5, "the formula can tell"


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_simulated_protection_says_so_and_shared_costs_show() -> None:
    text = Tree(page(comparison(plain(), shared()))).text
    assert "simulated, no protection: all roles ran under one user" in text
