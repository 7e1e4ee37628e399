"""The private draft: what may depend on the cells, and what may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privet.claims import DPGuarantee
from privet.data import Schema
from privet.dp import bounds
from privet.dp.draft import draft_private
from privet.errors import DataError, InvalidBudget, InvalidInput, UnknownColumn

ROWS = 2_000


def _people() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {
        "patient_id": np.arange(ROWS),
        "age": rng.integers(20, 90, ROWS),
        "dose": np.where(np.arange(ROWS) % 9 == 0, np.nan, rng.normal(5, 1, ROWS)),
        "ward": np.array(["zebra", "yak"] * (ROWS // 2), dtype=object),
        "smoker": rng.integers(0, 2, ROWS).astype(bool),
        "outcome": np.array(["no", "yes"] * (ROWS // 2), dtype=object),
    }


CLASSES = {"outcome": ["no", "yes"]}
ALL = {"patient_id": "identifier", "age": "integer", "dose": "number", "ward": ["zebra", "yak"],
       "smoker": "boolean", **CLASSES}


def test_bounds_come_from_the_mechanism_and_say_so() -> None:
    schema, guarantee = draft_private(_people(), epsilon=2.0, target="outcome", kinds=CLASSES)
    assert {name: column.kind for name, column in schema.columns.items()} == {
        "patient_id": "identifier", "age": "number", "dose": "number", "ward": "ignore",
        "smoker": "boolean", "outcome": "category",
    }
    for name, least, most in (("age", 20, 90), ("dose", 3, 7)):
        column = schema.columns[name]
        low, high = column.bounds or (0.0, 0.0)
        assert column.bounds_from == "dp"
        assert low <= least + 5 and high >= most - 5
        assert high - low < 10 * (most - least)
    assert schema.bounds_from == "dp"
    assert isinstance(guarantee, DPGuarantee)
    assert 0 < guarantee.epsilon <= 2.0 + 1e-6
    assert guarantee.delta == pytest.approx(0.1 * ROWS**-1.1)
    assert guarantee.relation == "zero-out"
    assert guarantee.secret_noise
    assert any("not covered" in note for note in guarantee.provenance)


def test_with_every_kind_declared_nothing_is_left_uncovered() -> None:
    schema, guarantee = draft_private(_people(), epsilon=2.0, target="outcome", kinds=ALL)
    assert not any("not covered" in note for note in guarantee.provenance)
    assert "Not covered" not in schema.to_toml()
    assert schema.columns["ward"].categories == ("zebra", "yak")
    assert schema.columns["age"].kind == "integer"


def test_no_category_of_the_data_is_written() -> None:
    schema, _ = draft_private(_people(), epsilon=2.0, target="outcome")
    text = schema.to_toml()
    for cell in ("zebra", "yak", '"yes"', '"no"'):
        assert cell not in text
    assert schema.target_name is None
    assert '# target = "outcome"' in text
    assert 'kind = "category"' in str(schema.columns["ward"].comment)


def test_the_lines_of_a_text_column_work_below_its_heading(tmp_path: Path) -> None:
    schema, _ = draft_private(_people(), epsilon=2.0, target="outcome")
    text = schema.to_toml()
    for name in ("ward", "outcome"):
        lines = str(schema.columns[name].comment).splitlines()
        where = lines.index(f'below [columns.{name}], instead of kind = "ignore":')
        filled = "\n".join(lines[where + 1 :]).replace('"...", "..."', '"a", "b"')
        heading = f"[columns.{name}]\n"
        assert heading + 'kind = "ignore"' in text
        text = text.replace(heading + 'kind = "ignore"', heading + filled)
    file = tmp_path / "s.toml"
    file.write_text(text.replace('# target = "outcome"', 'target = "outcome"'))
    filled_in = Schema.load(file)
    assert filled_in.target_name == "outcome"
    assert filled_in.columns["outcome"].other == "refuse"
    assert filled_in.columns["ward"].other == "level"


def _shape(schema: Any) -> Any:
    """All of a schema but the noisy bounds."""
    return schema.comment, [
        (c.name, c.kind, c.categories, c.missing, c.other, c.bounds_from, c.bounds is None)
        for c in schema.columns.values()
    ]


@pytest.mark.parametrize("odd", [None, "abc", float("nan"), float("inf"), 10**400, "", True])
def test_with_declared_kinds_one_odd_cell_changes_nothing_but_the_noise(odd: Any) -> None:
    neighbour = _people()
    neighbour["age"] = neighbour["age"].astype(object)
    neighbour["age"][17] = odd
    one, claim = draft_private(_people(), epsilon=2.0, target="outcome", kinds=ALL)
    other, its_claim = draft_private(neighbour, epsilon=2.0, target="outcome", kinds=ALL)
    assert _shape(one) == _shape(other)
    assert claim == its_claim


def test_a_missing_value_changes_no_rule() -> None:
    schema, _ = draft_private(_people(), epsilon=2.0, target="outcome", kinds=CLASSES)
    rules = {name: c.missing for name, c in schema.columns.items() if c.is_used}
    assert rules == {"age": "level", "dose": "level", "smoker": "level", "outcome": "drop-row"}


def test_identifiers_are_told_by_name_alone() -> None:
    table = {"n": np.arange(100), "email": np.arange(100) % 7, "x": np.arange(100) % 11}
    schema, _ = draft_private(table, epsilon=1.0)
    assert schema.columns["n"].kind == "number"  # a row counter, but only its cells say so
    assert schema.columns["email"].kind == "identifier"


def test_the_noise_is_secret_and_fresh_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    streams: list[Any] = []
    real = bounds.private_bounds_for

    def watched(*args: Any, stream: Any, **options: Any) -> Any:
        streams.append((stream.secret, stream.child("look").read(16)))
        return real(*args, stream=stream, **options)

    monkeypatch.setattr(bounds, "private_bounds_for", watched)
    for _ in range(2):
        draft_private({"a": np.arange(99)}, epsilon=1.0)
    assert [secret for secret, _ in streams] == [True, True]
    assert streams[0][1] != streams[1][1]


def test_the_draft_is_saved_and_loaded(tmp_path: Path) -> None:
    schema, _ = draft_private(_people(), epsilon=2.0, target="outcome", kinds=CLASSES)
    schema.save(tmp_path / "s.toml")
    assert type(schema).load(tmp_path / "s.toml") == schema
    assert "differential" in (tmp_path / "s.toml").read_text().partition("[columns")[0]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epsilon": 0.0}, InvalidBudget, "epsilon"),
        ({"epsilon": float("inf")}, InvalidBudget, "epsilon"),
        ({"epsilon": 1.0, "delta": 0.5}, InvalidBudget, "below one over"),
        ({"epsilon": 1.0, "delta": 2.0}, InvalidBudget, "delta"),
        ({"epsilon": 1.0, "target": "absent"}, UnknownColumn, "absent"),
        ({"epsilon": 1.0, "kinds": {"absent": "number"}}, UnknownColumn, "absent"),
        ({"epsilon": 1.0, "kinds": {"age": "real"}}, InvalidInput, "kind"),
        ({"epsilon": 1.0, "target": "age", "kinds": {"age": "ignore"}}, InvalidInput, "left out"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        draft_private(_people(), **options)


def test_nothing_to_spend_on() -> None:
    with pytest.raises(InvalidInput, match="no column of numbers"):
        draft_private({"a": np.array(["x"] * 9, dtype=object)}, epsilon=1.0)
    with pytest.raises(InvalidInput, match="no column of numbers"):
        draft_private({"email": np.arange(9)}, epsilon=1.0)
    with pytest.raises(DataError, match="too few") as caught:
        draft_private({"a": [1]}, epsilon=1.0)
    assert "two rows" in str(caught.value.remedy)
