"""What passes for other data or another ledger is recognised, and what is other is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from privet.govern.ledger import Ledger
from privet.govern.report import report

DELTA = ("--delta", "1e-4")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def train(privet: Any, data: Path, epsilon: str = "1", *more: str) -> Any:
    return privet("train", data, "--epsilon", epsilon, *DELTA, "--out", "m.safetensors", *more)


def register(privet: Any, name: str, data: Path, *more: str) -> Any:
    return privet("dataset", "register", name, data, "--budget", "2", "--delta", "1e-3", *more)


def test_a_copy_of_the_ledger_spends_nothing_again(
    privet: Any, home: Path, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(privet, "patients", patients).code == 0
    Ledger.open().close()
    shutil.copytree(home, home.with_name("copied"))
    assert train(privet, patients, "1.5").code == 0
    copy = home.with_name("copied") / "ledger.db"
    monkeypatch.setenv("PRIVET_LEDGER", str(copy))
    Path("m.safetensors").unlink()
    again = train(privet, patients, "1.5")
    assert again.code == 2 and "older than the one that was seen" in again.err
    assert privet("budget", "show", "patients").code == 0, "reading it is no use"
    lost = privet("ledger", "adopt", "--lost", "1.5", "--reason", "the disk broke")
    assert lost.code == 0, lost.err
    assert train(privet, patients, "0.6").code == 2
    assert train(privet, patients, "0.5").code == 0
    monkeypatch.delenv("PRIVET_LEDGER")
    both = train(privet, patients, "0.5")
    assert both.code == 2 and "must not be used" in both.err


def test_a_moved_ledger_goes_on(
    privet: Any, home: Path, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(privet, "patients", patients).code == 0
    assert train(privet, patients, "1").code == 0
    for file in home.glob("ledger.*"):
        file.rename(home / file.name.replace("ledger", "moved"))
    gone = train(privet, patients, "1")
    assert gone.code == 2 and "--ledger PATH" in gone.err
    monkeypatch.setenv("PRIVET_LEDGER", str(home / "moved.db"))
    assert train(privet, patients, "1").code == 0
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == 2.0


# After the key of the hashes was changed or lost


@pytest.fixture
def registered(privet: Any, patients: Path, schema: Path) -> Path:
    assert register(privet, "patients", patients).code == 0
    return patients


def other(folder: Path, lines: int = 80) -> Path:
    """Data of the same shape that have nothing to do with `patients`."""
    path = folder / "other.csv"
    body = [f"{20 + i % 60}.5,Chur,{'yes' if i % 2 else 'no'}" for i in range(lines)]
    path.write_text("\n".join(["age,city,ill", *body]) + "\n")
    path.with_suffix(".toml").write_text((folder / "patients.toml").read_text())
    return path


def test_after_a_new_key_other_data_take_no_name_over(
    privet: Any, home: Path, registered: Path, tmp_path: Path
) -> None:
    assert train(privet, registered, "1.5").code == 0
    assert privet("dataset", "rekey").code == 0
    theirs = other(tmp_path)
    for words in ((), ("--attest", "it is")):
        wrong = privet("dataset", "version", "patients", theirs, *words)
        assert wrong.code == 2 and "not the registered 'patients'" in wrong.err
    copy = tmp_path / "copy.csv"
    copy.write_text(registered.read_text())
    again = register(privet, "again", copy)
    assert again.code == 2 and "registered already, as 'patients'" in again.err
    grown = tmp_path / "grown.csv"
    grown.write_text(registered.read_text() + "77,Bern,yes\n")
    assert privet("dataset", "version", "patients", grown).code == 0
    assert not (home / "ledger.hash.old").exists()
    assert "too little budget" in train(privet, registered, "1").err
    assert privet("train", theirs, *DELTA, "--out", "o.safetensors").code == 0
    shown = privet("dataset", "show", "patients")
    assert "Versions: 2" in shown.out and "BREAK" not in shown.out
    assert "BREAK" not in report(Ledger.open(), "ropa")


def test_after_a_lost_key_somebodys_word_is_shown(
    privet: Any, home: Path, registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    assert train(privet, registered, "1.5").code == 0
    (home / "ledger.hash").unlink()
    for data in (registered, other(tmp_path)):
        refused = train(privet, data, "0.1")
        assert refused.code == 2 and "--attest" in refused.err
    plain = privet("dataset", "version", "patients", registered)
    assert plain.code == 2 and "no hash tells" in plain.err
    word = ("--attest", "the disk with the key broke")
    wrong = privet("dataset", "version", "patients", other(tmp_path, 79), *word)
    assert wrong.code == 2 and "other rows and units" in wrong.err
    done = privet("dataset", "version", "patients", registered, *word, "--json")
    assert done.code == 0 and done.json["attested"] is True
    assert "too little budget" in train(privet, registered, "1").err
    said = {"entry": done.json["entry"], "by": "Cy Holm", "reason": word[1]}
    assert privet("dataset", "show", "patients", "--json").json["attested"] == [said]
    shown = privet("dataset", "show", "patients").out
    assert "BREAK" in shown and "Cy Holm" in shown and word[1] in shown.replace("\n", " ")
    assert word[1] in privet("ledger", "show", str(said["entry"])).out
    assert "Cy Holm" in privet("ledger", "list").out
    for kind in ("ropa", "card"):
        assert f"Cy Holm says so: {word[1]}" in report(Ledger.open(), kind)


# Relatives that pass at first sight

PERSONS = """\
target = "ill"
bounds_from = "domain"

[unit]
column = "{unit}"
max_rows = 1

[columns.age]
kind = "number"
bounds = [0, 120]

[columns.ill]
kind = "category"
categories = ["no", "yes"]
"""


def persons(folder: Path, name: str, *, unit: str = "pid", ids: str = "p", seed: int = 0,
            schema_unit: str | None = None) -> Path:
    """A CSV of persons with a measurement each; another seed is another set of the same shape."""
    path = folder / f"{name}.csv"
    lines = [f"{unit},age,ill"]
    for i in range(90):
        age = 20 + ((i * 37 + seed * 11) % 60) + i / 1000 + seed / 7
        lines.append(f"{ids}{i},{age:.5f},{'yes' if age > 50 else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".toml").write_text(PERSONS.format(unit=schema_unit or unit))
    return path


def edit(path: Path) -> Path:
    """The file with one row changed."""
    lines = path.read_text().splitlines()
    head, *cells = lines[3].split(",")
    lines[3] = ",".join([head, "33.5", *cells[1:]])
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("words", "facts"), [
    ((), {"unit": "subject"}),
    ((), {"ids": "x"}),
    ((), {"unit": "subject", "ids": "x"}),
    (("--unit", "row"), {}),
    (("--unit", "row"), {"ids": "x"}),
], ids=["renamed", "rewritten", "both", "by row", "rewritten by row"])
def test_a_set_in_another_dress_gets_no_budget_of_its_own(
    privet: Any, tmp_path: Path, words: tuple[str, ...], facts: dict[str, str]
) -> None:
    assert register(privet, "people", persons(tmp_path, "people"), "--unit", "pid").code == 0
    dressed = edit(persons(tmp_path, "dressed", **facts))
    again = register(privet, "again", dressed, *words)
    assert again.code == 2 and "shares units with the registered 'people'" in again.err
    used = train(privet, dressed, "0.5")
    if "unit" in facts:
        assert used.code == 2 and 'unit = "pid"' in used.err
    else:  # it is that set, and spends its budget
        assert used.code == 0 and "not recorded" not in used.out
    facts = {"ids": "x"} | facts
    other = persons(tmp_path, "other", **facts, seed=1)
    assert "not recorded" in train(privet, other, "0.5").out
    assert register(privet, "other", other, *words).code == 0


def test_without_its_ids_it_is_the_same_set(privet: Any, tmp_path: Path) -> None:
    assert register(privet, "people", persons(tmp_path, "people"), "--unit", "pid").code == 0
    for seed, code in ((0, 2), (1, 0)):
        bare = edit(persons(tmp_path, f"bare{seed}", seed=seed))
        bare.write_text("".join(line.partition(",")[2] + "\n"
                                for line in bare.read_text().splitlines()))
        bare.with_suffix(".toml").unlink()
        done = register(privet, f"bare{seed}", bare)
        assert done.code == code, done.err
        assert code == 0 or "--parent people" in done.err
