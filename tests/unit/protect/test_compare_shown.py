"""A comparison as text, in a notebook, and with the call that makes it again."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest

from privet.claims import Cost
from privet.errors import InvalidInput
from privet.protect import Plain, Private
from privet.protect.base import Model
from privet.protect.choose import Comparison, Score
from privet.protect.choose.made import call, made_with
from tests.unit.protect.made_comparisons import (
    comparison,
    plain,
    private,
    refusing,
    regression,
    shared,
    usual,
)


class Cells(HTMLParser):
    """The cells of a table, by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.scopes: list[str | None] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def test_text_is_a_table_with_caption_advice_and_price() -> None:
    found = comparison(plain(), private(1, 0.962), refusing())
    lines = str(found).splitlines()
    assert lines[0] == found.caption and found.release == lines[-1]
    assert found.recommendation in lines
    head, rule, *rows = lines[2:8]
    assert head.split()[0] == "protection" and set(rule) == {"-", " "}
    for row, label in zip(
        rows, ("plain", "private eps=1", "private eps=9", "majority"), strict=True
    ):
        assert row.startswith(label)
    assert head.index("Accuracy") == rows[0].index("0.970"), "columns line up"


def test_notebook_has_the_same_cells_as_the_table() -> None:
    found = comparison(plain(), private(1, 0.962), refusing("a <b> & c"))
    cells = Cells(found._repr_html_())
    table = found.table_rows()
    assert cells.rows == [list(table[0]), *(list(row.values()) for row in table)]
    assert cells.scopes == ["col"] * len(table[0]) + ["row"] * len(table)
    assert found.caption in found._repr_html_() and found.release in found._repr_html_()


def test_caption_counts_the_splits() -> None:
    assert "5 random splits, about 3000 rows to train on and 1000" in usual().caption
    assert "one random split" in dataclasses.replace(usual(), seeds=(1,)).caption


@pytest.mark.parametrize(
    ("values", "half", "wanted"),
    [
        ((9100.4,), 292.384, "9100 ± 292"),
        ((12345.6,), 3.21, "12346 ± 3"),
        ((0.012345,), 0.0007, "0.01235 ± 0.00070"),
        ((3.14159,), None, "3.142"),
        ((0.0,), 0.5, "0.000 ± 0.500"),
        ((1.5e-9,), 1e-10, "1.5e-09 ± 1e-10"),
        ((float("inf"),), None, "inf"),
    ],
)
def test_errors_have_four_digits_in_any_unit(
    values: tuple[float, ...], half: float | None, wanted: str
) -> None:
    assert str(Score("mae", values, half)) == wanted


def test_shares_have_three_decimals() -> None:
    assert str(Score("accuracy", (0.95,), 0.0123)) == "0.950 ± 0.012"
    assert str(Score("r2", (-12.0,))) == "-12.000"


def test_json_is_read_back_equal() -> None:
    for found in (usual(), regression(), comparison(plain(), refusing(), shared())):
        assert Comparison.from_json(found.to_json()) == found
        assert Comparison.from_json(found.to_json()).recommendation == found.recommendation


@pytest.mark.parametrize(
    "broken",
    [
        {"entries": [{}]}, {"entries": [None]}, {"seeds": 3}, {"made": 3}, {"baselines": []},
        {"baselines": {"luck": {"values": [1], "half": None}}},
        {"baselines": {"auc": {"half": None}}}, {"kind": "cost"}, {"format": None},
    ],
    ids=str,
)  # fmt: skip
def test_broken_json_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Comparison.from_json(usual().to_json() | broken)


@pytest.mark.parametrize("record", [None, [], "comparison", 3])
def test_what_is_no_object_is_no_comparison(record: object) -> None:
    with pytest.raises(InvalidInput, match="no comparison"):
        Comparison.from_json(record)  # type: ignore[arg-type]  # what JSON may hold


def test_an_unknown_label_names_those_that_are_there() -> None:
    with pytest.raises(InvalidInput, match="private eps=1"):
        usual().entry("nobody")


def test_the_call_is_python_with_what_differs_from_the_defaults() -> None:
    import privet as pv

    model = Model("mlp", lambda *_: None, lambda p, x: x, lambda s, y: s,
                  tag={"options": {"hidden": [8]}})  # fmt: skip
    protections = [Plain(), Private(epsilon=0.5, relation="replace-one")]
    text = call(model, protections, seeds=5, test_size=0.25)
    assert text == (
        "pv.compare(data, model='mlp', options={'hidden': [8]}, protections=[pv.Plain(), "
        "pv.Private(epsilon=0.5, relation='replace-one')], seeds=5, test_size=0.25)"
    )
    heard = {}

    class Stand:
        Plain, Private = pv.Plain, pv.Private

        @staticmethod
        def compare(data: object, **given: object) -> None:
            heard.update(given)

    eval(text, {"pv": Stand, "data": None})
    assert heard["protections"] == protections and heard["seeds"] == 5


def test_what_it_was_made_with_names_no_machine_and_no_user() -> None:
    import getpass
    import platform

    made = made_with()
    assert {"date", "privet", "Python", "numpy", "jax", "system"} <= set(made)
    everything = " ".join(made.values())
    assert platform.node() not in everything.split()
    assert getpass.getuser() not in everything.split()


def test_cost_unknown_is_left_blank() -> None:
    bare = dataclasses.replace(plain(), cost=Cost())
    row = comparison(bare).table_rows()[0]
    assert row["seconds"] == "" and row["peak memory"] == "" and row["sent"] == "0 B"
