"""Bad input: one message with what to write, exit code 2, no traceback, no file left."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from tests.unit.cli.cli_helpers import SCHEMA, Run, rows

# name: (lines of the CSV, schema, further words, what the message must say)
Case = tuple[list[str], str, list[str], list[str]]


def edited(old: str, new: str) -> str:
    assert old in SCHEMA
    return SCHEMA.replace(old, new)


def with_row(line: str) -> list[str]:
    return [*rows(), line]


CASES: dict[str, Case] = {
    "schema names an absent column": (
        rows(), SCHEMA + '\n[columns.weight]\nkind = "number"\nbounds = [0, 300]\n', [],
        ["weight"],
    ),
    "target is not in the data": (rows(), SCHEMA, ["--target", "sick"], ["sick"]),
    "target is like no column": (
        rows(), SCHEMA, ["--target", "zzzzzz"], ["zzzzzz", "age, city, ill", "--target COLUMN"],
    ),
    "target constant": (
        ["age,city,ill"] + [f"{age},Bern,no" for age in range(40)], SCHEMA, [], ["ill"],
    ),
    "undeclared missing value": (with_row(",Bern,no"), SCHEMA, [], ["age", "missing"]),
    "empty file": ([], SCHEMA, [], ["patients.csv"]),
    "no rows": (["age,city,ill"], SCHEMA, [], ["rows"]),
    "one class declared": (
        rows(), edited('categories = ["no", "yes"]', 'categories = ["no"]'), [], ["ill"],
    ),
    "unknown category": (
        with_row("30,Basel,no"), SCHEMA, [], ["city", "categories"],
    ),
    "text in a number": (with_row("old,Bern,no"), SCHEMA, [], ["age", "number"]),
    "epsilon zero": (rows(), SCHEMA, ["--epsilon", "0"], ["epsilon", "0 < epsilon", "--epsilon 1"]),
    "epsilon negative": (rows(), SCHEMA, ["--epsilon", "-1"], ["epsilon", "-1"]),
    "epsilon nan": (rows(), SCHEMA, ["--epsilon", "nan"], ["epsilon", "nan"]),
    "epsilon inf": (rows(), SCHEMA, ["--epsilon", "inf"], ["epsilon", "inf"]),
    "an epsilon is lost": (
        rows(), SCHEMA, ["--epsilon", "1,,2"], ["1,,2", "number", "--epsilon 1"],
    ),
    "epsilon text": (rows(), SCHEMA, ["--epsilon", "small"], ["epsilon", "small"]),
    "delta too large": (rows(), SCHEMA, ["--delta", "0.5"], ["delta"]),
    "delta not below one": (rows(), SCHEMA, ["--delta", "1"], ["delta"]),
    "delta text": (rows(), SCHEMA, ["--delta", "tiny"], ["delta", "tiny"]),
    "missing bounds": (rows(), edited("bounds = [0, 120]\n", ""), [], ["age", "bounds"]),
    "bounds from the data": (
        rows(), edited('bounds_from = "domain"', 'bounds_from = "data"'), [], ["data", "bounds"],
    ),
    "malformed TOML": (rows(), "[columns.age\nkind = ", [], ["patients.toml"]),
    "unknown key": (rows(), edited("bounds = [0", "bound = [0"), [], ["bound", "bounds"]),
    "bounds out of order": (rows(), edited("[0, 120]", "[120, 0]"), [], ["age", "[0, 120]"]),
    "protection not built": (rows(), SCHEMA, ["--protect", "shared"], ["shared", "plain"]),
    "model does not fit": (rows(), SCHEMA, ["--model", "linear"], ["linear", "--model logistic"]),
    "no seeds": (rows(), SCHEMA, ["--seeds", "0"], ["seeds"]),
}  # fmt: skip


def put(folder: Path, lines: list[str], schema: str) -> None:
    (folder / "patients.csv").write_text("".join(line + "\n" for line in lines))
    (folder / "patients.toml").write_text(schema)


def refused(done: Run, folder: Path, *said: str) -> None:
    """One message, exit code 2, nothing on stdout and no new file."""
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("Error: "), done.err
    assert "Traceback" not in done.err
    for word in said:
        assert word in done.err, f"{word!r} is not in {done.err!r}"
    left = {path.name for path in folder.iterdir()}
    assert left <= {"patients.csv", "patients.toml"}, left


@pytest.mark.parametrize("name", CASES)
def test_compare_refuses(privet, tmp_path: Path, name: str) -> None:
    lines, schema, words, said = CASES[name]
    put(tmp_path, lines, schema)
    done = privet("compare", "patients.csv", "--schema", "patients.toml", "--seeds", "2",
                  "--html", "r.html", *words)  # fmt: skip
    refused(done, tmp_path, *said)


@pytest.mark.parametrize("name", CASES)
def test_train_refuses(privet, tmp_path: Path, name: str) -> None:
    lines, schema, words, said = CASES[name]
    if "--seeds" in words:
        pytest.skip("train has no seeds")
    put(tmp_path, lines, schema)
    done = privet("train", "patients.csv", "--schema", "patients.toml", "--out",
                  "m.safetensors", *words)  # fmt: skip
    if name == "target constant":
        # One observed class of two declared ones is a private fact, so Private must not tell.
        assert done.code in (0, 2)
        return
    refused(done, tmp_path, *said)


def test_missing_file(privet, tmp_path: Path) -> None:
    for words in (["compare"], ["train", "--out", "m"], ["schema", "draft"]):
        refused(privet(*words, "nothing.csv"), tmp_path, "no such file", "nothing.csv")


def test_missing_schema_file(privet, tmp_path: Path, patients: Path) -> None:
    done = privet("compare", patients, "--schema", "none.toml")
    refused(done, tmp_path, "none.toml", "privet schema draft")


def test_an_identifier_that_repeats_is_refused(privet, tmp_path: Path) -> None:
    lines = ["id,age,city,ill", *(f"{i % 20},{line}" for i, line in enumerate(rows()[1:]))]
    put(tmp_path, lines, SCHEMA + '\n[columns.id]\nkind = "identifier"\n')
    for words in (["compare"], ["train", "--out", "m"]):
        done = privet(*words, "patients.csv")
        refused(done, tmp_path, "'id'", 'column = "id"', 'unit = "row"')
    done = privet("schema", "check", "patients.toml", "patients.csv")
    assert done.code == 0
    assert "Not ready" in done.out and 'column = "id"' in done.out
    # a row that is said to be a person is believed: people may share a name
    put(tmp_path, lines, 'unit = "row"\n' + SCHEMA + '\n[columns.id]\nkind = "identifier"\n')
    assert privet("train", "patients.csv", "--epsilon", "8", "--out", "m").code == 0
    # with the person as the unit, or without any guarantee, it is no obstacle
    put(tmp_path, lines, SCHEMA.replace("[columns.age]", '[unit]\ncolumn = "id"\nmax_rows = 4\n'
                                        "\n[columns.age]"))  # fmt: skip
    assert privet("train", "patients.csv", "--epsilon", "8", "--out", "m").code == 0


def test_no_target(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), edited('target = "ill"\n', ""))
    done = privet("compare", "patients.csv", "--schema", "patients.toml")
    refused(done, tmp_path, "--target")


def test_private_without_a_schema_says_how_to_get_one(privet, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("\n".join(rows()) + "\n")
    done = privet("compare", "patients.csv", "--target", "ill", "--html", "r.html")
    refused(done, tmp_path, "privet schema draft patients.csv --target ill > patients.toml",
            "edit the bounds", "--schema patients.toml", "--protect plain")  # fmt: skip


def test_private_by_bounds_from_data_says_what_to_edit(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), SCHEMA.replace('"domain"', '"data"'))
    done = privet("train", "patients.csv", "--schema", "patients.toml", "--out", "m")
    refused(done, tmp_path, "edit the bounds in patients.toml", "bounds_from")


@pytest.mark.parametrize("words", [
    ["compare", "patients.csv", "--schema", "patients.toml", "--html", "no/r.html"],
    ["train", "patients.csv", "--schema", "patients.toml", "--out", "no/m.safetensors"],
    ["schema", "draft", "patients.csv", "--out", "no/s.toml"],
    ["demo", "--html", "no/r.html"],
])  # fmt: skip
def test_a_folder_that_does_not_exist_is_refused_before_any_work(
    privet, tmp_path: Path, words: list[str], monkeypatch
) -> None:
    import privet.cli.sources as sources

    def read(*_: object, **__: object) -> None:
        raise AssertionError("data were read")

    monkeypatch.setattr(sources, "open_data", read)
    monkeypatch.setattr(sources, "source_of", read)
    put(tmp_path, rows(), SCHEMA)
    refused(privet(*words), tmp_path, "does not exist", "mkdir -p no")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), SCHEMA)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = privet("train", "patients.csv", "--schema", "patients.toml", "--out", "locked/m")
    assert done.code == 2
    assert "cannot be written" in done.err
    assert not list(locked.iterdir())


@pytest.mark.parametrize(("words", "said"), [
    (["compare", "patients.csv", "--protect", "plain", "--epsilon", "1"], "--epsilon means"),
    (["train", "patients.csv", "--protect", "plain", "--epsilon", "1", "--out", "m"],
     "--epsilon means"),
    (["compare", "patients.csv", "--open"], "--html"),
    (["schema", "draft", "patients.csv", "--epsilon", "1"], "--private"),
    (["schema", "draft", "patients.csv", "--private"], "--epsilon"),
    (["schema", "draft", "patients.csv", "--private", "--epsilon", "0"], "epsilon"),
    (["schema", "draft", "patients.csv", "--kind", "age=number"], "--private"),
    (["schema", "draft", "patients.csv", "--private", "--epsilon", "1", "--kind", "age"],
     "COLUMN=KIND"),
    (["schema", "draft", "patients.csv", "--private", "--epsilon", "1", "--keep-identifiers"],
     "--kind"),
    (["predict", "no.safetensors", "patients.csv"], "privet train"),
    (["compare", "demo:titanic"], "demo:breast-cancer"),
])  # fmt: skip
def test_options_that_contradict(privet, tmp_path: Path, words: list[str], said: str) -> None:
    put(tmp_path, rows(), SCHEMA)
    refused(privet(*words), tmp_path, said)


@pytest.mark.parametrize("words", [[], ["--out", "p.csv"], ["--json"]])
def test_no_rows_to_predict_for_are_refused(privet, tmp_path: Path, words: list[str]) -> None:
    put(tmp_path, rows(), SCHEMA)
    assert privet("train", "patients.csv", "--protect", "plain", "--out", "m").code == 0
    (tmp_path / "new.csv").write_text("age,city\n")
    done = privet("predict", "m", "new.csv", *words)
    assert (done.code, done.out) == (2, "")
    assert "no rows" in done.err and "new.csv" in done.err and "at least one row" in done.err
    assert not (tmp_path / "p.csv").exists()


def test_a_file_that_is_no_model(privet, tmp_path: Path, patients: Path) -> None:
    done = privet("predict", patients, patients)
    refused(done, tmp_path, "patients.csv")


def told(done: Run) -> str:
    """The line that the message says to write."""
    assert done.code == 2, done
    return done.err.rstrip("\n").partition("  write: ")[2]


def test_data_that_lack_a_column_of_the_model(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), SCHEMA)
    assert privet("train", "patients.csv", "--protect", "plain", "--out", "m").code == 0
    (tmp_path / "new.csv").write_text("age,town\n41,Bern\n")
    done = privet("predict", "m", "new.csv", "--out", "p.csv")
    assert told(done) == "age,city   # the header, in any order, above the rows"
    assert "new, which the model reads, has no such column; got 'city'" in done.err
    with duckdb.connect(str(tmp_path / "new.duckdb")) as con:
        con.execute("CREATE TABLE new AS SELECT 41 AS age, 'Bern' AS town")
    done = privet("predict", "m", "new.duckdb", "--table", "new")
    assert told(done) == """--query 'SELECT "age", "city" FROM new'"""
    done = privet("predict", "m", "new.duckdb", "--query", "SELECT age FROM new")
    assert told(done) == """--query 'SELECT "age", "city" FROM ...'"""


@pytest.mark.parametrize(("declared", "said"), [
    ("Age", "[columns.age]   # in patients.toml, instead of [columns.Age]"),
    ("weight", "patients.toml without [columns.weight], or data that have the column"),
])  # fmt: skip
def test_a_schema_for_other_data_says_what_to_change_in_it(
    privet, tmp_path: Path, declared: str, said: str
) -> None:
    put(tmp_path, rows(), SCHEMA.replace("[columns.age]", f"[columns.{declared}]"))
    for words in (["compare"], ["train", "--out", "m"], ["schema", "check", "patients.toml"]):
        assert told(privet(*words, "patients.csv")) == said


def test_a_budget_without_delta_enough_is_told_as_options(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), SCHEMA)
    done = privet("train", "patients.csv", "--delta", "1e-300", "--epsilon", "1e-9", "--out", "m")
    assert told(done).startswith("--epsilon ") and " --delta " in told(done)
    assert "epsilon=" not in told(done) and "delta=" not in told(done)


@pytest.mark.parametrize(("kind", "said"), [
    ("nope=number", "--kind COLUMN=number"),
    ("agee=number", "--kind age=number"),
    ("ilL=no, not known", "--kind 'ill=no,not known'"),
])  # fmt: skip
def test_a_kind_of_no_column_says_what_to_write(
    privet, tmp_path: Path, kind: str, said: str
) -> None:
    put(tmp_path, rows(), SCHEMA)
    done = privet("schema", "draft", "patients.csv", "--private", "--epsilon", "1", "--kind", kind)
    assert told(done) == said


def test_private_draft_without_a_number_says_how_to_declare_one(privet, tmp_path: Path) -> None:
    put(tmp_path, ["city", "Bern", "Chur"], SCHEMA)
    done = privet("schema", "draft", "patients.csv", "--private", "--epsilon", "1", "--kind",
                  "city=Bern,Chur")  # fmt: skip
    assert told(done) == "--kind age=number"


@pytest.mark.parametrize("words", [
    ["compare", "--protect", "plain"], ["schema", "draft"],
    ["schema", "draft", "--private", "--epsilon", "1"],
])  # fmt: skip
@pytest.mark.parametrize(("name", "target", "option"), [
    ("ill today", "ill_today", "--target 'ill today'"),
    ("iller", "ill", "--target iller"),
    ("zz", "ill", "--target COLUMN   # one of these"),
    ('the "ill" one', "the ill one", """--target 'the "ill" one'"""),
])  # fmt: skip
def test_the_target_that_was_meant_is_told_as_an_option(
    privet, tmp_path: Path, words: list[str], name: str, target: str, option: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    lines = [f"age,city,{quoted}", *rows()[1:]]
    (tmp_path / "patients.csv").write_text("".join(line + "\n" for line in lines))
    done = privet(*words, "patients.csv", "--target", target)
    assert told(done) == option
    assert "the target is missing: patients has no such column" in done.err


def test_the_target_is_looked_for_where_the_schema_declares_it(privet, tmp_path: Path) -> None:
    put(tmp_path, rows(), SCHEMA)
    done = privet("train", "patients.csv", "--target", "il", "--out", "m")
    assert told(done) == "--target ill"
    assert "the target is missing: the schema has no such column" in done.err
