"""Answers belong to their rows, come batch by batch, and are written whole or not at all."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from privet.data import Dataset


@pytest.fixture
def model(privet, patients: Path, schema: Path) -> str:
    done = privet("train", patients, "--protect", "plain", "--out", "m.safetensors")
    assert done.code == 0, done.err
    return "m.safetensors"


def of_ages(path: Path, ages: list[Any]) -> Path:
    path.write_text("age,city\n" + "".join(f"{age},Bern\n" for age in ages))
    return path


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data come in batches of three rows."""
    whole = Dataset.batches

    def batches(self: Dataset, columns: Any = None, size: int = 3) -> Iterator[Any]:
        return whole(self, columns, 3)

    monkeypatch.setattr(Dataset, "batches", batches)


@pytest.mark.parametrize("words", [["--json"], ["--out", "p.csv"], []])
def test_predictions_and_probabilities_are_of_the_same_rows(
    privet, model: str, tmp_path: Path, words: list[str]
) -> None:
    with duckdb.connect(str(tmp_path / "new.duckdb")) as con:
        con.execute("CREATE TABLE new AS SELECT i % 100 AS age, 'Bern' AS city "
                    "FROM range(1000) AS t(i)")  # fmt: skip
    done = privet("predict", model, "new.duckdb", "--proba", "--query",
                  "SELECT age, city FROM new ORDER BY random()", *words)  # fmt: skip
    assert done.code == 0, done.err
    if "--json" in words:
        columns = done.json
    else:
        text = Path("p.csv").read_text() if words else done.out
        lines = list(csv.DictReader(text.splitlines()))
        columns = {name: [line[name] for line in lines] for name in lines[0]}
    assert set(columns["prediction"]) == {"no", "yes"} and len(columns["prediction"]) == 1000
    for answer, chance in zip(columns["prediction"], columns["probability of yes"], strict=True):
        assert answer == ("yes" if float(chance) > 0.5 else "no")


def test_batches_make_the_same_answer_as_one(
    privet, model: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    new = of_ages(tmp_path / "new.csv", list(range(20, 30)))
    kinds: list[list[str]] = [[], ["--json"], ["--proba"], ["--proba", "--json"]]
    whole = [privet("predict", model, new, *words) for words in kinds]
    assert all(done.code == 0 for done in whole)
    request.getfixturevalue("small_batches")
    assert [privet("predict", model, new, *words) for words in kinds] == whole
    assert whole[3].out == json.dumps(whole[3].json, indent=2) + "\n", "one document, indented"


@pytest.mark.parametrize("words", [[], ["--json"], ["--out", "p.csv"],
                                   ["--out", "p.csv", "--json"]])  # fmt: skip
def test_a_bad_row_in_a_later_batch_leaves_no_answer(
    privet, model: str, tmp_path: Path, words: list[str], small_batches: None
) -> None:
    (tmp_path / "p.csv").write_text("old")
    new = of_ages(tmp_path / "new.csv", [20, 30, 40, 50, 60, 70, "old"])
    before = {path.name for path in tmp_path.iterdir()}
    done = privet("predict", model, new, *words)
    assert (done.code, done.out) == (2, ""), done
    assert (tmp_path / "p.csv").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == before


def test_answers_are_on_disk_before_the_last_row_is_read(
    privet, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = of_ages(tmp_path / "new.csv", [20, 80] * 30_000)
    whole, sizes = Dataset.batches, []

    def batches(self: Dataset, columns: Any = None, size: int = 0) -> Iterator[Any]:
        for batch in whole(self, columns, 10_000):
            sizes.append(sum(part.stat().st_size for part in tmp_path.glob(".p.csv.*.part")))
            yield batch

    monkeypatch.setattr(Dataset, "batches", batches)
    assert privet("predict", model, new, "--out", "p.csv").code == 0
    assert len(sizes) >= 6 and sizes[-1] > 100_000 and sizes == sorted(sizes)
    assert Path("p.csv").read_text().count("\n") == 60_001


def test_a_terminal_shows_the_first_rows_and_counts_all(
    privet, model: str, tmp_path: Path, small_batches: None, monkeypatch, capsys
) -> None:
    from privet.cli import predict
    from privet.cli.sources import Source

    new = of_ages(tmp_path / "new.csv", list(range(20, 50)))
    table = predict._Table()
    for batch in predict._answers(
                predict._opened(model, predict._loaded(model, True), Source(str(new))), True):
        table.add(batch)
    table.show()
    out = capsys.readouterr().out
    assert "The first 20 of 30 rows" in out
    assert " 20 " in out and " 21 " not in out


@pytest.mark.parametrize(("cell", "line"), [
    ("Oslo", 'other = "level", or add it to categories, under [columns.city]'),
    ("", 'missing = "level", under [columns.city]'),
])  # fmt: skip
def test_what_the_schema_in_a_model_refuses_is_mended_by_training_again_or_in_the_data(
    privet, model: str, patients: Path, schema: Path, cell: str, line: str
) -> None:
    Path("new.csv").write_text(f"age,city\n30,{cell}\n")
    done = privet("predict", model, "new.csv")
    assert done.code == 2 and "Oslo" not in done.err
    command, _, note = done.err.partition("write: ")[2].partition("   # ")
    assert line in note and note.rstrip().endswith("or mend the cells of new.csv")
    setting = line.partition(", ")[0]
    schema.write_text(schema.read_text().replace("[columns.city]", f"[columns.city]\n{setting}"))
    names = {"DATA": str(patients), "FILE": str(schema)}
    again = [names.get(word, word) for word in shlex.split(command)][1:]
    assert privet(*again, "--protect", "plain").code == 0
    assert privet("predict", model, "new.csv").code == 0
