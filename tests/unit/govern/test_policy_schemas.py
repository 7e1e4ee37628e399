"""The schema of a request as a table: complete, whatever JSON stands in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from privet.errors import Refused
from privet.govern.policy import Policy, adopt, page, request, schemas
from tests.unit.govern.policies import ledger_with, text_of, wish
from tests.unit.govern.test_policy_page import Reader

SCHEMA = {
    "target": "ill",
    "unit": {"column": "name", "max_rows": 3},
    "bounds_claim": {"epsilon": 0.25, "delta": 1e-6, "unit": "row", "relation": "zero-out"},
    "columns": {
        "name": {"kind": "identifier"},
        "age": {"kind": "number", "bounds": [0, 120], "bins": 8, "missing": "level"},
        "weight": {"kind": "number", "bounds": [0, 300], "missing": {"value": 70}},
        "height": {"kind": "number", "bounds": [0, 300], "missing": {"value": 70}},
        "city": {"kind": "category", "categories": ["Bern", "Chur"], "other": "level"},
        "dose": {"kind": "number", "bounds": [0, 9], "bounds_from": "dp"},
        "ill": {"kind": "category", "bounds_from": "data"},
    },
}


def test_rows_say_what_columns_may_hold() -> None:
    rows = {row.names: (row.kind, row.holds, row.missing) for row in schemas.rows(SCHEMA)}
    assert list(rows) == ["name", "age", "weight, height", "city", "dose", "ill"]
    assert rows["age"] == ("number", "0 to 120, clipped beyond; bins: 8", "a level of its own")
    assert rows["weight, height"] == ("number", "0 to 300, clipped beyond", "replaced by 70")
    assert rows["city"] == ("category", "Bern, Chur; others as a level of their own", "refused")
    assert "found by a private release" in rows["dose"][1]
    assert rows["ill"][1] == "taken from the data, and not shown"
    lines = dict(schemas.lines(SCHEMA))
    assert lines["To predict"] == "ill"
    assert lines["One person is"] == "all rows of one name, at most 3 of them"
    assert "epsilon 0.25" in lines["Finding the bounds has spent"]


@pytest.mark.parametrize("odd", [
    7, "x7", ["x7"], {"columns": "x7"}, {"columns": ["x7"]}, {"columns": {"a": "x7"}},
    {"columns": {"a": {"kind": ["x7"], "bounds": "x7", "missing": ["x7"], "other": {"x": "x7"},
                       "bounds_from": ["x7"], "more": {"x": "x7"}}}},
    {"unit": ["x7"], "target": {"x": "x7"}, "bounds_claim": "x7", "more": "x7"},
], ids=str)  # fmt: skip
def test_whatever_stands_there_is_shown(odd: object) -> None:
    said = str(schemas.lines(odd)) + str(schemas.rows(odd))
    assert str(said).count("7") == max(1, str(odd).count("7"))


def test_the_page_has_the_table(tmp_path: Path) -> None:
    ledger = ledger_with(tmp_path, text_of(approvals="1", columns=None))
    parameters = {"model": "logistic", "columns": ["age", "weight"], "schema": SCHEMA}
    entry = request(ledger, wish(parameters=parameters), "Cy Holm", "needed")
    html = page(ledger, entry, now=datetime.now(UTC))
    said = Reader(html).text
    for part in ("What the data are taken for", "0 to 300, clipped beyond", "weight, height",
                 "all rows of one name, at most 3 of them", "replaced by 70"):
        assert part in said, part
    assert "schema.columns" not in said, "the schema is not told twice"


def test_what_is_not_shown_is_not_approved(tmp_path: Path) -> None:
    ledger = ledger_with(tmp_path)
    hidden = wish(parameters={"columns": ["age"], "withheld": ["weights of single rows"]})
    with pytest.raises(Refused, match="cannot show: weights of single rows"):
        request(ledger, hidden, "Cy Holm", "needed")
    free = text_of(approvals="0")
    adopt(ledger, free)
    assert Policy.parse(free).decide(hidden, requester="Cy Holm", ledger=ledger).granted
