"""What the commands do when all is well: compare, train, predict, schema, demo."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from privet.claims import from_json
from tests.unit.cli.cli_helpers import SCHEMA, rows


def test_compare_as_json(privet, patients: Path, schema: Path) -> None:
    done = privet("compare", patients, "--schema", schema, "--epsilon", "1,8", "--seeds", "2",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    record = done.json
    assert [entry["name"] for entry in record["entries"]] == ["plain", "private", "private"]
    assert [entry["epsilon"] for entry in record["entries"]] == [None, 1.0, 8.0]
    assert record["entries"][0]["scores"]["accuracy"]["mean"] > 0.8
    assert record["recommendation"]["text"]
    assert from_json(record["entries"][1]["guarantee"]).epsilon == 1.0


def test_compare_as_table_and_page(privet, patients: Path, schema: Path) -> None:
    done = privet("compare", patients, "--schema", schema, "--epsilon", "1", "--seeds", "2",
                  "--html", "report.html")  # fmt: skip
    assert done.code == 0, done.err
    assert "plain" in done.out and "private eps=1" in done.out
    assert "differential privacy per row" in done.out
    page = Path("report.html").read_text()
    assert str(Path("report.html").resolve()) in done.out
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "private eps=1" in page
    assert done.err == "", "no bar where stderr is no terminal"


def test_compare_plain_needs_no_schema(privet, patients: Path) -> None:
    done = privet("compare", patients, "--target", "ill", "--protect", "plain", "--seeds", "2",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert [entry["name"] for entry in done.json["entries"]] == ["plain"]


@pytest.mark.parametrize("width", ["60", "80"])
def test_compare_fits_narrow_windows(
    privet, patients: Path, schema: Path, width: str, monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = privet("compare", patients, "--schema", schema, "--protect", "plain", "--seeds", "2")
    table = [line for line in done.out.splitlines() if line[:1] in "╭│├╰+|"]
    assert table and max(map(len, table)) <= int(width)
    assert any("Accuracy" in line for line in table)


def test_train_then_predict(privet, patients: Path, schema: Path, tmp_path: Path) -> None:
    done = privet("train", patients, "--schema", schema, "--epsilon", "8", "--out", "m.safetensors")
    assert done.code == 0, done.err
    assert "(8, " in done.out and "differential privacy" in done.out

    new = tmp_path / "new.csv"
    new.write_text("age,city\n90,Bern\n5,Chur\n")
    done = privet("predict", "m.safetensors", new)
    assert done.code == 0, done.err
    assert done.out == "prediction\nyes\nno\n"

    done = privet("predict", "m.safetensors", new, "--proba", "--out", "p.csv")
    assert done.code == 0 and done.out == ""
    with open("p.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["prediction", "probability of no", "probability of yes"]
    for line in lines:
        chances = [float(line["probability of no"]), float(line["probability of yes"])]
        assert sum(chances) == pytest.approx(1)
        assert line["prediction"] == ("no", "yes")[chances[1] > chances[0]]

    done = privet("predict", "m.safetensors", new, "--json")
    assert done.json == {"prediction": ["yes", "no"]}
    names = {"m.safetensors", "p.csv", "new.csv", "patients.csv", "patients.toml"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_train_as_json_carries_the_guarantee(privet, patients: Path, schema: Path) -> None:
    done = privet("train", patients, "--schema", schema, "--protect", "plain", "--out", "m",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["model"] == "m"
    assert from_json(done.json["guarantee"]).kind == "none"
    assert Path("m").is_file()


def test_train_replaces_a_model(privet, patients: Path, schema: Path) -> None:
    Path("m").write_text("old")
    assert privet("train", patients, "--schema", schema, "--out", "m").code == 0
    assert Path("m").read_bytes() != b"old"


def test_a_number_as_target(privet, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("".join(
        ["x,z,y\n"] + [f"{i % 7},{i % 5},{2 * (i % 7) - (i % 5)}\n" for i in range(120)]))
    (tmp_path / "n.toml").write_text(
        'target = "y"\n'
        + "".join(f'[columns.{c}]\nkind = "number"\nbounds = [{lo}, {hi}]\n'
                  for c, lo, hi in (("x", 0, 10), ("z", 0, 10), ("y", -20, 20))))  # fmt: skip
    done = privet("compare", "n.csv", "--schema", "n.toml", "--seeds", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["model"] == "linear"
    assert done.json["entries"][0]["scores"]["r2"]["mean"] > 0.99
    assert privet("train", "n.csv", "--schema", "n.toml", "--out", "m").code == 0
    done = privet("predict", "m", "n.csv", "--proba")
    assert done.code == 2 and "--proba" in done.err


PEOPLE = ["name,email,age,city,ill"] + [
    f"{first} Miller,{first.lower()}{i}@example.org,{'' if i % 17 == 3 else line}"
    for i, (first, line) in enumerate(zip(["Ann", "Bob", "Cleo", "Dan"] * 20, rows()[1:],
                                          strict=True))
]  # fmt: skip


def test_schema_draft_leaves_names_out(privet, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("\n".join(
        line if i % 17 != 4 else line + ",Bern,no" for i, line in enumerate(PEOPLE)) + "\n")
    done = privet("schema", "draft", "people.csv", "--target", "ill")
    assert done.code == 0, done.err
    assert "identifiers: name, email" in done.err or "identifiers: email, name" in done.err
    assert "example.org" not in done.out and "Miller" not in done.out
    assert 'bounds_from = "data"' in done.out
    Path("people.toml").write_text(done.out)

    done = privet("compare", "people.csv", "--schema", "people.toml", "--seeds", "2")
    assert done.code == 2
    assert "edit the bounds in people.toml" in done.err


def test_schema_draft_to_a_file_and_as_json(privet, patients: Path) -> None:
    done = privet("schema", "draft", patients, "--target", "ill", "--out", "s.toml", "--json")
    assert done.code == 0, done.err
    assert done.json["file"] == "s.toml"
    assert done.json["schema"]["target"] == "ill"
    assert 'target = "ill"' in Path("s.toml").read_text()


def test_private_draft_may_be_used_as_it_is(privet, patients: Path) -> None:
    done = privet("schema", "draft", patients, "--target", "ill", "--private", "--epsilon", "4",
                  "--kind", "ill=no,yes", "--kind", "age=number", "--out", "s.toml",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert from_json(done.json["guarantee"]).epsilon == pytest.approx(4)
    assert done.json["schema"].get("bounds_from") == "dp"
    assert "Left out until s.toml lists their categories: city" in done.err
    assert privet("train", patients, "--schema", "s.toml", "--out", "m").code == 0


def test_schema_check(privet, patients: Path, schema: Path) -> None:
    done = privet("schema", "check", schema, patients)
    assert done.code == 0, done.err
    assert "80 rows" in done.out and "Ready for private protections" in done.out
    done = privet("schema", "check", schema, patients, "--json")
    assert done.json["fits"] and done.json["private_ready"] and done.json["rows"] == 80
    schema.write_text(SCHEMA.replace("bounds = [0, 120]\n", ""))
    done = privet("schema", "check", schema, patients)
    assert done.code == 0
    assert "Not ready" in done.out and "age" in done.out
    schema.write_text(SCHEMA.replace('"Chur"', '"Basel"'))
    assert privet("schema", "check", schema, patients).code == 2


@pytest.mark.slow
def test_demo(privet) -> None:
    done = privet("demo")
    assert done.code == 0, done.err
    assert str(Path("privet-report.html").resolve()) in done.out
    assert Path("privet-report.html").stat().st_size > 5000
    assert [path.name for path in Path().iterdir()] == ["privet-report.html"]


def test_the_demo_bounds_are_sensible() -> None:
    from privet.cli.sources import Source, open_data

    data = open_data(Source("demo:breast-cancer"))
    assert data.schema.bounds_from == "domain"
    encoded = data.encode()
    assert encoded.x.shape == (569, 30)
    assert encoded.missing_bounds == ()
    assert encoded.target.classes == ("malignant", "benign")
    assert (encoded.y == 0).sum() == 212, "malignant tumours in the published set"
    rows = next(iter(data.batches()))
    for column in data.schema.features:
        low, high = column.bounds or (0, 0)
        assert low == 0 and column.comment
        assert rows[column.name].max() <= high <= 2.1 * rows[column.name].max(), column.name


def test_json_is_the_only_thing_on_stdout(privet, patients: Path, schema: Path) -> None:
    done = privet("compare", patients, "--schema", schema, "--protect", "plain", "--seeds", "2",
                  "--html", "r.html", "--json")  # fmt: skip
    json.loads(done.out)
    assert Path("r.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["logistic", "additive", "mlp"])
def test_every_model_of_classes(privet, patients: Path, schema: Path, model: str) -> None:
    done = privet("compare", patients, "--schema", schema, "--epsilon", "8", "--seeds", "2",
                  "--model", model, "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["model"] == model
    assert all(entry["scores"] for entry in done.json["entries"])
    done = privet("train", patients, "--schema", schema, "--model", model, "--out", "m")
    assert done.code == 0, done.err
    assert privet("predict", "m", patients).code == 0
