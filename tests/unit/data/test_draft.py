"""The draft of a schema: kinds, comments, what is dropped, and what the file admits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privet.data import Dataset, Schema, read
from privet.data.drafting import CONFIRM, FROM_DATA, draft
from privet.data.readers import open_source
from privet.data.values import POINTS
from privet.errors import DataError, UnknownColumn

ROWS = 200


def _people() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    ages = rng.integers(20, 90, ROWS)
    return {
        "patient_id": np.arange(ROWS) + 1000,
        "name": np.array([f"Jane Roe {i}" for i in range(ROWS)], dtype=object),
        "contact": np.array([f"p{i}@example.org" for i in range(ROWS)], dtype=object),
        "birthday": np.array([f"1980-01-{i % 28 + 1:02d}" for i in range(ROWS)], dtype=object),
        "visit": np.array([f"2020-02-{i % 28 + 1:02d}" for i in range(ROWS)], dtype=object),
        "age": ages,
        "dose": np.where(np.arange(ROWS) % 9 == 0, np.nan, rng.normal(5, 1, ROWS)),
        "ward": np.array(["a", "b", "c", None] * (ROWS // 4), dtype=object),
        "grade": rng.integers(1, 4, ROWS),
        "smoker": rng.integers(0, 2, ROWS).astype(bool),
        "note": np.array([f"felt unwell and left after {i} days" for i in range(ROWS)], object),
        "empty": np.full(ROWS, np.nan),
        "outcome": np.array(["no", "yes"] * (ROWS // 2), dtype=object),
    }


@pytest.fixture(scope="module")
def found() -> Schema:
    return draft(_people(), target="outcome")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("patient_id", "identifier"), ("name", "identifier"), ("contact", "identifier"),
     ("birthday", "identifier"), ("visit", "ignore"), ("age", "number"), ("dose", "number"),
     ("ward", "category"), ("grade", "number"), ("smoker", "boolean"), ("note", "ignore"),
     ("empty", "ignore"), ("outcome", "category")],
)
def test_kinds(found: Schema, name: str, kind: str) -> None:
    assert found.columns[name].kind == kind


def test_bounds_and_categories_are_the_datas_own_and_marked(found: Schema) -> None:
    age = _people()["age"]
    assert found.columns["age"].bounds == (age.min(), age.max())
    assert found.columns["ward"].categories == ("a", "b", "c")
    assert found.bounds_from == "data"
    for name in ("age", "dose", "ward", "outcome", "grade"):
        assert FROM_DATA in str(found.columns[name].comment)
        assert found.columns[name].bounds_from == "data"


def test_missing_values_are_declared_whether_there_are_some_or_not(found: Schema) -> None:
    rules = {name: column.missing for name, column in found.columns.items() if column.is_used}
    assert rules == {"age": "level", "dose": "level", "ward": "level", "grade": "level",
                     "smoker": "level", "outcome": "drop-row"}


def _edited(path: Path, bounds: str) -> str:
    """The draft's declarations without comments, once its bounds are replaced."""
    lines = draft(path, target="stay").to_toml().splitlines()
    bare = [line.partition("#")[0].rstrip() for line in lines]
    return "\n".join(bounds if line.startswith("bounds =") else line for line in bare if line)


@pytest.mark.parametrize(("place", "cell"), [
    (0, ""), (0, "41.5"), (1, ""), (2, ""), (3, ""), (3, "7.5"),
])
def test_one_cell_of_one_person_shows_in_no_declaration(
    tmp_path: Path, place: int, cell: str
) -> None:
    rows = [[str(20 + i % 50), "abc"[i % 3], "yes" if i % 2 else "no", str(i % 40)]
            for i in range(ROWS)]
    texts = []
    for changed in (rows[7][place], cell):
        rows[7][place] = changed
        path = tmp_path / "rows.csv"
        path.write_text("\n".join(["age,ward,smoker,stay", *map(",".join, rows)]) + "\n")
        texts.append(_edited(path, "bounds = [0, 120]"))
    assert texts[0] == texts[1]
    assert 'kind = "number"' in texts[0] and "bounds = [0, 120]" in texts[0]


def test_kinds_are_said_to_be_guesses_from_the_data(found: Schema) -> None:
    assert "Kinds are taken from the data too" in str(found.comment)
    for column in found.columns.values():
        assert CONFIRM in str(column.comment)


def test_reasons_and_suggestions_stand_in_the_comments(found: Schema) -> None:
    assert "e-mail" in str(found.columns["contact"].comment)
    assert "date of birth" in str(found.columns["birthday"].comment)
    assert "dates" in str(found.columns["visit"].comment)
    assert "free text" in str(found.columns["note"].comment)
    assert "no value" in str(found.columns["empty"].comment)
    assert 'kind = "category", categories = [1, 2, 3]' in str(found.columns["grade"].comment)
    assert "categories" not in str(found.columns["age"].comment)


def test_the_file_admits_at_its_top_that_it_is_private(found: Schema, tmp_path: Path) -> None:
    found.save(tmp_path / "s.toml")
    text = (tmp_path / "s.toml").read_text()
    assert "CONTAINS PRIVATE VALUES" in text.partition("[columns")[0]
    loaded = Schema.load(tmp_path / "s.toml")
    assert loaded == found
    assert loaded.columns["age"].comment == found.columns["age"].comment


def test_comments_stay_in_the_file_and_out_of_what_a_model_carries(found: Schema) -> None:
    assert CONFIRM in found.to_toml() and "PRIVATE VALUES" in found.to_toml()
    carried = str(found.to_dict())
    assert CONFIRM not in carried and "PRIVATE VALUES" not in carried


def test_no_identifying_cell_reaches_the_file(found: Schema) -> None:
    text = found.to_toml()
    for cell in ("Jane Roe", "example.org", "1980-01", "2020-02", "felt unwell", "1199"):
        assert cell not in text


def test_the_draft_encodes_the_rows_it_was_drafted_from(found: Schema) -> None:
    encoded = read(_people(), schema=found).encode()
    assert isinstance(read(_people(), schema=found), Dataset)
    assert len(encoded.x) == ROWS
    assert not any("patient_id" in name or "name" in name for name in encoded.names)


def test_identifiers_may_be_kept_but_the_suspicion_stays() -> None:
    kept = draft(_people(), target="outcome", drop_identifiers=False)
    assert kept.columns["patient_id"].kind == "number"
    assert kept.columns["contact"].kind == "ignore"  # too many texts for a category
    for name in ("patient_id", "contact", "birthday"):
        assert 'consider kind = "identifier"' in str(kept.columns[name].comment)


def test_names_of_people_under_a_neutral_column_name_do_not_reach_the_file() -> None:
    first = ["Anna", "Jan", "María del Carmen", "Li", "Zoë"]
    last = ["Schmidt", "Müller", "Ruiz", "Wei"]
    rows = [f"{last[i % 4]}, {first[i % 5]}" for i in range(40)]
    table = {"k": np.array(rows, dtype=object), "age": np.arange(40) * 1.5,
             "town": np.array(["New York", "Santa Fe"] * 20, dtype=object)}
    found = draft(table)
    assert found.columns["k"].kind == "identifier" and "Schmidt" not in found.to_toml()
    assert found.columns["town"].kind == "category"


@pytest.mark.parametrize("values", [3, 40, 150])
def test_decimal_commas_are_told_with_the_line_that_mends_the_file(
    tmp_path: Path, values: int
) -> None:
    cells = [f"{i % values},{i % 7}" if i % 3 else str(i % values) for i in range(210)]
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("dose;grade\n" + "".join(f"{cell};{i % 4}\n" for i, cell in enumerate(cells)))
    column = draft(old).columns["dose"]
    assert column.kind != "identifier"
    assert "decimal comma" in str(column.comment) and POINTS in str(column.comment)
    line = POINTS.replace("old.csv", str(old)).replace("new.csv", str(new))
    exec(f"import pandas\n{line}")
    mended = draft(new).columns["dose"]
    assert mended.kind == "number" and "comma" not in str(mended.comment)


def test_lists_and_sentences_with_commas_are_no_decimal_commas() -> None:
    table = {"a": np.array(["1,2,3", "yes, no", "a,5"] * 20, dtype=object)}
    assert "decimal" not in str(draft(table).columns["a"].comment)


def test_the_target_is_never_taken_for_an_identifier() -> None:
    table = {"age": np.arange(50) * 1.5, "patient_id": np.arange(50)}
    assert draft(table).columns["patient_id"].kind == "identifier"
    assert draft(table, target="patient_id").columns["patient_id"].kind == "number"


def test_batches_do_not_change_the_draft(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = [f"{i % 50},{'uvw'[i % 3]},{i}" for i in range(150_000)]  # three batches
    path.write_text("\n".join(["a,b,c", *rows]))
    found = draft(path)
    assert found.columns["a"].bounds == (0, 49)
    assert found.columns["b"].categories == ("u", "v", "w")
    assert found.columns["c"].kind == "identifier"


def test_numbers_beyond_any_bound_do_not_stop_a_draft() -> None:
    huge = np.array([10**400, -(10**400), 3] * 20, dtype=object)
    infinite = np.array([np.inf, -np.inf, 2.0] * 20)
    found = draft({"huge": huge, "infinite": infinite, "mixed": np.array([10**400, "x"] * 30)})
    low, high = found.columns["huge"].bounds or (0.0, 0.0)
    assert np.isfinite([low, high]).all() and low < 3 < high
    assert found.columns["infinite"].kind == "number"


@pytest.mark.parametrize("cell", ["roe@example.org", "1980-01-31", "long " * 14])
def test_a_first_row_taken_for_a_header_is_doubted_and_not_shown(
    tmp_path: Path, cell: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"Jane Roe,{cell},Rome\n" + "".join(f"J {i},x,Oslo\n" for i in range(9)))
    doubt = "the first line is taken for the header"
    assert doubt in str(draft(path).comment)
    for call in (lambda: draft(path, target="rom"), lambda: read(path, target="Jane"),
                 lambda: open_source(path).batches(["Roma"])):
        with pytest.raises(UnknownColumn, match=doubt) as caught:
            call()
        for name in ("Jane Roe", cell.strip(), "Rome"):
            assert name not in str(caught.value)
    path.write_text("name,mail,city\n" + path.read_text())
    assert doubt not in str(draft(path).comment)
    with pytest.raises(UnknownColumn, match="perhaps city"):
        draft(path, target="cty")


def test_what_cannot_be_drafted(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn, match="absent"):
        draft(_people(), target="absent")
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="no rows"):
        draft(tmp_path / "a.csv")
