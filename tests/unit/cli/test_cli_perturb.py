"""`privet perturb` and `privet local estimate`: from records to reports and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from privet.govern.ledger import Ledger

PLAIN = """\
bounds_from = "domain"

[columns.age]
kind = "number"
bounds = [0, 120]

[columns.city]
kind = "category"
categories = ["Bern", "Genf", "Chur"]
"""


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    lines = ["id,age,city,when"]
    lines += [f"{i},{30 + i % 41},{('Bern', 'Bern', 'Chur')[i % 3]},2026-01-{1 + i % 28:02d}"
              for i in range(3000)]
    (tmp_path / "answers.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "answers.toml").write_text(PLAIN)
    return tmp_path / "answers.csv"


def test_perturb_and_estimate(privet: Any, answers: Path) -> None:
    done = privet("perturb", answers, "--epsilon", "8", "--out", "noisy.csv")
    assert done.code == 0, done.err
    assert "Left out: id, when." in done.out
    assert "8-local differential privacy per record" in done.out
    assert Path("noisy.local.json").is_file()
    assert "2026-01" not in Path("noisy.csv").read_text()
    shown = privet("local", "estimate", "noisy.csv")
    assert shown.code == 0, shown.err
    assert "standard error" in shown.out and "Bern" in shown.out
    columns = privet("local", "estimate", "noisy.csv", "--json").json["columns"]
    found = {entry["column"]: entry for entry in columns}
    assert abs(found["age"]["mean"] - 50) < 6 * found["age"]["error"] < 15
    bern = found["city"]["levels"][0]
    assert bern["level"] == "Bern" and abs(bern["share"] - 2 / 3) < 6 * bern["error"] < 0.2
    one = privet("local", "estimate", "noisy.csv", "--column", "age", "--json").json
    assert [entry["column"] for entry in one["columns"]] == ["age"]


def test_sites_perturb_their_own_and_are_read_together(privet: Any, answers: Path) -> None:
    for site in ("1", "2"):
        done = privet("perturb", answers, "--epsilon", "4", "--records", "6000", "--out",
                      f"site-{site}.csv")
        assert done.code == 0, done.err
    both = privet("local", "estimate", "site-1.csv", "site-2.csv", "--json")
    assert both.json["rows"] == 6000
    privet("perturb", answers, "--epsilon", "2", "--out", "site-3.csv")
    assert "different ways" in privet("local", "estimate", "site-1.csv", "site-3.csv").err
    assert "--records 10000" in privet("perturb", answers, "--epsilon", "4", "--records", "0",
                                       "--out", "no.csv").err


def test_perturb_as_json(privet: Any, answers: Path) -> None:
    done = privet("perturb", answers, "--epsilon", "1", "--columns", "some", "--out", "n.csv",
                  "--json").json
    assert done["rows"] == 3000 and done["dropped"] == ["id", "when"]
    assert done["guarantee"]["epsilon"] == 1.0 and not done["guarantee"]["recorded"]
    assert done["per_record"] == 1
    assert {"name", "randomiser", "epsilon", "reason"} <= set(done["columns"][0])


def test_perturbing_again_is_refused_or_added_up(privet: Any, answers: Path) -> None:
    whole = ("--columns", "all", "--out", "noisy.csv")
    assert privet("perturb", answers, "--epsilon", "1", *whole).code == 0
    over = privet("perturb", answers, "--epsilon", "2", "--out", "noisy.csv")
    assert over.code == 2 and "--again" in over.err
    noise = privet("perturb", "noisy.csv", "--schema", "answers.toml", "--epsilon", "2", "--out",
                   "twice.csv")
    assert noise.code == 2 and "perturbed before" in noise.err
    Path("renamed.csv").write_text(Path("noisy.csv").read_text())
    renamed = privet("perturb", "renamed.csv", "--schema", "answers.toml", "--epsilon", "2",
                     "--out", "twice.csv")
    assert renamed.code == 2 and "perturbed before" in renamed.err
    lost = privet("perturb", "renamed.csv", "--schema", "answers.toml", "--epsilon", "2", "--out",
                  "twice.csv", "--again")
    assert lost.code == 2 and "no description" in lost.err
    both = privet("perturb", answers, "--epsilon", "2", *whole, "--again", "--json")
    assert both.json["guarantee"]["epsilon"] == 3.0
    head, _, _ = PLAIN.partition("[columns.city]")
    schema = head.replace("[columns.age]", '[columns."age (randomised)"]')
    Path("marked.toml").write_text(schema)
    twice = privet("perturb", "noisy.csv", "--schema", "marked.toml", "--epsilon", "1", "--out",
                   "twice.csv", "--again", "--json")
    assert twice.code == 0, twice.err
    assert twice.json["guarantee"]["epsilon"] == 4.0


@pytest.mark.parametrize(("words", "said"), [
    (("--epsilon", "0"), "--epsilon 1"),
    (("--epsilon", "many"), "--epsilon 1"),
    (("--epsilon", "1", "--columns", "few"), "--columns auto"),
    (("--epsilon", "1", "--schema", "none.toml"), "no such schema"),
    (("--epsilon", "1", "--out", "answers.csv"), "--out new-answers.csv"),
    (("--epsilon", "1", "--out", "no/where.csv"), "mkdir"),
])  # fmt: skip
def test_refusals_name_the_line(privet: Any, answers: Path, words: Any, said: str) -> None:
    out = () if "--out" in words else ("--out", "noisy.csv")
    done = privet("perturb", answers, *words, *out)
    assert done.code == 2
    assert said in done.err
    assert not Path("noisy.csv").exists()


def test_without_a_schema_there_are_no_bounds(privet: Any, answers: Path) -> None:
    answers.with_suffix(".toml").unlink()
    done = privet("perturb", answers, "--epsilon", "1", "--out", "noisy.csv")
    assert done.code == 2 and "privet schema draft" in done.err
    drafted = privet("schema", "draft", answers, "--out", "answers.toml")
    assert drafted.code == 0
    marked = privet("perturb", answers, "--epsilon", "1", "--out", "noisy.csv")
    assert marked.code == 2 and 'bounds_from = "domain"' in marked.err


def test_what_no_file_is(privet: Any, answers: Path) -> None:
    assert "there is no such file" in privet("local", "estimate", "none.csv").err
    done = privet("local", "estimate", answers)
    assert done.code == 2 and "no description" in done.err
    privet("perturb", answers, "--epsilon", "1", "--out", "noisy.csv")
    wrong = privet("local", "estimate", "noisy.csv", "--column", "when")
    assert wrong.code == 2 and "no perturbed column" in wrong.err


@pytest.fixture
def registered(
    privet: Any, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    done = privet("dataset", "register", "answers", answers, "--budget", "3", "--delta", "1e-3")
    assert done.code == 0, done.err
    return answers


def kinds() -> list[str]:
    return [entry.kind for entry in Ledger.open().entries() if entry.kind.startswith("run")]


def test_registered_records_are_charged(privet: Any, registered: Path) -> None:
    done = privet("perturb", registered, "--epsilon", "2", "--out", "noisy.csv", "--purpose",
                  "survey", "--json")
    assert done.code == 0, done.err
    assert done.json["guarantee"]["recorded"]
    assert kinds() == ["run.decide", "run.reserve", "run.commit"]
    entry = next(iter(Ledger.open().entries(kind="run.reserve"))).payload
    assert entry is not None
    assert entry["request"]["action"] == "perturb"
    assert entry["request"]["parameters"]["columns"] == ["age", "city"]
    left = json.loads(privet("budget", "show", "answers", "--json").out)
    assert left["spent"]["epsilon"] == 2.0
    over = privet("perturb", registered, "--epsilon", "2", "--out", "more.csv")
    assert over.code == 2 and "too little budget is left" in over.err
    assert not Path("more.csv").exists()


def test_what_text_refuses_costs_nothing_and_what_cells_do_is_spent(
    privet: Any, registered: Path
) -> None:
    schema = registered.with_suffix(".toml")
    schema.write_text(PLAIN.replace("bounds = [0, 120]\n", ""))
    assert privet("perturb", registered, "--epsilon", "1", "--out", "n.csv").code == 2
    assert kinds() == []
    schema.write_text(PLAIN.replace('"Chur"', '"Lugano"'))
    done = privet("perturb", registered, "--epsilon", "1", "--out", "n.csv")
    assert done.code == 2 and "Chur" not in done.err
    assert kinds()[-2:] == ["run.reserve", "run.forfeit"]
    assert not Path("n.csv").exists()


def test_a_persons_records_are_charged_together(
    privet: Any, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    whose = '[unit]\ncolumn = "id"\nmax_rows = 3\n'
    schema = answers.with_suffix(".toml")
    schema.write_text(PLAIN + whose)
    done = privet("dataset", "register", "answers", answers, "--budget", "4", "--delta", "1e-4")
    assert done.code == 0, done.err
    made = privet("perturb", answers, "--epsilon", "1", "--out", "noisy.csv", "--json")
    assert made.json["guarantee"]["max_rows"] == 3, made.err
    left = json.loads(privet("budget", "show", "answers", "--json").out)
    assert left["spent"]["epsilon"] == 3.0
    schema.write_text(PLAIN)
    other = privet("perturb", answers, "--epsilon", "1", "--out", "other.csv")
    assert other.code == 2 and "another privacy unit" in other.err


def test_training_on_records_and_under_local(privet: Any, patients: Path, schema: Path) -> None:
    under = ("train", patients, "--protect", "local", "--out", "m.safetensors")
    done = privet(*under, "--epsilon", "8")
    assert done.code == 0, done.err
    assert "8-local differential privacy" in done.out
    assert privet("perturb", patients, "--epsilon", "8", "--out", "noisy.csv").code == 0
    made = privet("local", "train", "noisy.csv", "--out", "n.safetensors", "--json")
    assert made.code == 0, made.err
    assert made.json["guarantee"]["kind"] == "local-dp"
    assert "8-local" in privet("local", "train", "noisy.csv", "--out", "n.safetensors").out
    assert privet("predict", "n.safetensors", patients).code == 0
    wrong = privet(*under, "--delta", "1e-5")
    assert wrong.code == 2 and "--delta means nothing" in wrong.err


def test_records_without_a_target_train_nothing(privet: Any, answers: Path) -> None:
    privet("perturb", answers, "--epsilon", "8", "--out", "noisy.csv")
    done = privet("local", "train", "noisy.csv", "--out", "m.safetensors")
    assert done.code == 2 and "no target" in done.err


def test_local_is_compared_where_it_is_asked_for(privet: Any, patients: Path, schema: Path) -> None:
    done = privet("compare", patients, "--protect", "plain,local", "--epsilon", "4", "--seeds", "2",
                  "--json")
    assert done.code == 0, done.err
    assert [entry["name"] for entry in done.json["entries"]] == ["plain", "local"]
    assert done.json["entries"][1]["guarantee"]["kind"] == "local-dp"
    release = privet("compare", patients, "--protect", "local", "--epsilon", "4", "--seeds", "2",
                     "--release", "9")
    assert release.code == 2 and "cannot be released" in release.err
