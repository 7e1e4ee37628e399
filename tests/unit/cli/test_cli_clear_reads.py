"""Whatever shows rows of a registered set in the clear asks its steward, and is recorded."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

POLICY = """\
owner = "St. Mary"

[approvers]
"Anna Berg" = "{public}"

[default]
actions = ["fit", "predict", "schema"]
protections = ["private"]
purposes = {{ care = {{}}, curating = {{ plain = true }} }}
epsilon_per_release = 1.0
delta_per_release = 1e-3
{terms}
"""
CARE = ("--purpose", "care")
CURATING = ("--purpose", "curating")


@pytest.fixture
def model(privet: Any, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`patients`, registered, and a model that was trained on them."""
    monkeypatch.setenv("PRIVET_HOME", str(patients.parent / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    assert privet("dataset", "register", "patients", patients, "--budget", "2", "--delta",
                  "1e-3").code == 0
    done = privet("train", patients, *CARE, "--delta", "1e-4", "--out", "m.safetensors")
    assert done.code == 0, done.err
    return "m.safetensors"


@pytest.fixture
def governed(privet: Any, model: str) -> Any:
    """Adopt a policy with some terms."""

    def adopt(terms: str) -> str:
        key = json.loads(privet("key", "new", "--out", "anna.key", "--json").out)
        Path("policy.toml").write_text(POLICY.format(public=key["public"], terms=terms))
        done = privet("policy", "adopt", "policy.toml")
        assert done.code == 0, done.err
        return model

    return adopt


def runs(privet: Any, kind: str) -> list[dict[str, Any]]:
    """What the ledger says of runs, by kind of entry."""
    from privet.govern.ledger import Ledger

    return [entry.payload or {} for entry in Ledger.open(create=False).entries(kind=kind)]


def refused(done: Any) -> str:
    """The line that a refusal says to write; nothing may have been shown."""
    assert done.code == 2 and done.out == ""
    return " ".join(done.err.split("write:")[1].split())


def test_predictions_of_registered_rows_are_recorded_and_take_nothing(
    privet: Any, model: str, patients: Path
) -> None:
    left = privet("budget", "show", "patients", "--json").json
    done = privet("predict", model, patients, "--purpose", "recall list", "--json")
    assert done.code == 0 and len(done.json["prediction"]) == 80
    run = runs(privet, "run.reserve")[-1]
    asked = run["request"]
    assert (asked["action"], asked["data_set"], asked["purpose"]) == (
        "predict", "patients", "recall list")
    assert asked["parameters"]["columns"] == ["age", "city"]
    assert privet("budget", "show", "patients", "--json").json["left"] == left["left"]
    assert not run["unprotected"]
    assert runs(privet, "run.commit")[-1]["token"] == run["token"]
    listed = [runs(privet, "run.commit")[0]["reserve"], asked["parameters"]["model_entry"]]
    assert listed[1] > listed[0]


def test_strange_rows_are_nobodys_business(privet: Any, model: str) -> None:
    Path("new.csv").write_text("age,city\n33,Bern\n")
    assert privet("predict", model, "new.csv").code == 0
    assert len(runs(privet, "run.reserve")) == 1


def test_a_failed_prediction_is_written_down(privet: Any, model: str, patients: Path) -> None:
    lines = patients.read_text().splitlines()
    patients.write_text("\n".join([*lines[:-1], "30,Basel,no"]) + "\n")
    assert privet("dataset", "version", "patients", patients).code == 0
    done = privet("predict", model, patients, "--out", "p.csv")
    assert done.code == 2 and "Basel" not in done.err and not Path("p.csv").exists()
    assert runs(privet, "run.forfeit")[-1]["reason"] == "UnknownCategory"


def test_the_policy_decides_on_predictions(privet: Any, governed: Any, patients: Path) -> None:
    model = governed('columns = ["age", "city", "ill"]\nkeep_models_days = 30')
    assert refused(privet("predict", model, patients)).startswith("--purpose care")
    assert privet("predict", model, patients, *CARE).code == 0
    governed_again = POLICY.format(public="{public}", terms='columns = ["age", "ill"]')
    key = re.findall('"([0-9a-f]{64})"', Path("policy.toml").read_text())[0]
    Path("policy.toml").write_text(governed_again.replace("{public}", key))
    assert privet("policy", "adopt", "policy.toml").code == 0
    done = privet("predict", model, patients, *CARE)
    assert done.code == 2 and "city not among the allowed columns" in " ".join(done.err.split())


def test_an_old_model_predicts_no_more(
    privet: Any, governed: Any, patients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from privet.govern.policy import facts

    model = governed("keep_models_days = 30")
    real = facts._model_time
    monkeypatch.setattr(facts, "_model_time", lambda *each: real(*each) - timedelta(days=31))
    done = privet("predict", model, patients, *CARE)
    assert "older than the 30 days" in " ".join(done.err.split())
    assert refused(done).startswith("privet train DATA --out FILE")


def test_a_model_that_no_ledger_trained_has_no_age(
    privet: Any, governed: Any, patients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = patients.parent / "home"
    monkeypatch.setenv("PRIVET_HOME", str(patients.parent / "elsewhere"))
    assert privet("train", patients, "--protect", "plain", "--out", "own.safetensors").code == 0
    monkeypatch.setenv("PRIVET_HOME", str(home))
    governed("keep_models_days = 30")
    done = privet("predict", "own.safetensors", patients, *CARE)
    assert done.code == 2 and "age of the model is not known" in " ".join(done.err.split())


def test_predictions_can_be_asked_for_and_approved(
    privet: Any, governed: Any, patients: Path
) -> None:
    model = governed("approvals = 1")
    line = refused(privet("predict", model, patients, *CARE))
    ask, approve = re.fullmatch(r"(privet request .+?) # .+ then: (privet approve .+)",
                                line).groups()
    words = {"MODEL": model, "DATA": str(patients), "FILE": "anna.key"}
    assert privet(*[words.get(w, w) for w in shlex.split(ask)][1:], *CARE).code == 0
    assert privet(*[words.get(w, w) for w in shlex.split(approve)][1:]).code == 0
    assert privet("predict", model, patients, *CARE).code == 0
    assert privet("predict", model, patients, *CARE, "--proba").code == 2  # another job


@pytest.mark.parametrize("words", [("draft", "patients.csv"),
                                   ("check", "patients.toml", "patients.csv")])
def test_rows_are_not_looked_at_in_the_clear_without_a_policy(
    privet: Any, model: str, words: tuple[str, ...]
) -> None:
    done = privet("schema", *words)
    assert "bounds" not in done.out
    line = refused(done)
    assert line.startswith("privet schema draft FILE --private --epsilon E #")
    assert not runs(privet, "run.decide")[-1]["granted"]
    line = line.split(" #")[0].replace("FILE", "patients.csv").replace(" E", " 0.5")
    drafted = privet(*shlex.split(line)[1:], "--kind", "city=Bern,Genf", "--kind", "ill=no,yes")
    assert drafted.code == 0, drafted.err


@pytest.mark.parametrize("words", [("draft", "patients.csv"),
                                   ("check", "patients.toml", "patients.csv")])
def test_a_purpose_in_the_clear_allows_a_look_that_is_recorded(
    privet: Any, governed: Any, words: tuple[str, ...]
) -> None:
    governed("")
    assert refused(privet("schema", *words, *CARE)).startswith("privet schema draft FILE")
    done = privet("schema", *words, *CURATING)
    assert done.code == 0, done.err
    asked = runs(privet, "run.reserve")[-1]["request"]
    assert (asked["action"], asked["guarantee"]["kind"]) == ("schema", "none")
    assert asked["parameters"]["command"] == words[0]
    assert set(asked["parameters"]["columns"]) == {"age", "city", "ill"}
    assert len(runs(privet, "run.commit")) == 2


def test_a_check_can_be_asked_for(privet: Any, governed: Any) -> None:
    governed("approvals = 1")
    line = refused(privet("schema", "check", "patients.toml", "patients.csv", *CURATING))
    assert line.startswith("privet request check SCHEMA DATA --reason")
    done = privet("request", "check", "patients.toml", "patients.csv", *CURATING, "--reason", "x")
    assert done.code == 0, done.err
    approve = re.search("privet approve (\\w+)", done.out)
    assert approve is not None
    assert privet("approve", approve[1], "--key", "anna.key").code == 0
    assert privet("schema", "check", "patients.toml", "patients.csv", *CURATING).code == 0
