"""Data that are registered in a ledger elsewhere are not read past it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests import postgres
from tests.unit.cli.cli_helpers import rows

server, url = postgres.server, postgres.url
DELTA = ("--delta", "1e-4")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the ledger lies: not at the default place."""
    if request.param == "sqlite":
        return str(tmp_path / "my ledger.db")
    found: str = request.getfixturevalue("url")
    return found


def register(privet: Any, data: Path, address: str, name: str = "patients") -> None:
    done = privet("dataset", "register", name, data, "--budget", "2", "--delta", "1e-3",
                  "--ledger", address)
    assert done.code == 0, done.err


def train(privet: Any, data: Path, *more: str, epsilon: str = "1") -> Any:
    return privet("train", data, "--epsilon", epsilon, *DELTA, "--out", "m.safetensors", *more)


def spent(privet: Any, address: str) -> float:
    found: float = privet("budget", "show", "patients", "--ledger", address, "--json").json[
        "spent"]["epsilon"]
    return found


def line_of(err: str) -> list[str]:
    found = re.search(r"write: (--ledger .+?)   # or: export PRIVET_LEDGER=", err)
    assert found is not None, err
    return shlex.split(found[1])


def test_training_past_the_ledger_is_refused_with_the_line_that_spends(
    privet: Any, patients: Path, schema: Path, address: str
) -> None:
    register(privet, patients, address)
    refused = train(privet, patients)
    assert refused.code == 2 and not Path("m.safetensors").exists()
    assert spent(privet, address) == 0
    line = line_of(refused.err)
    done = train(privet, patients, *line)
    assert done.code == 0, done.err
    assert spent(privet, address) == pytest.approx(1)
    assert train(privet, patients, *line, epsilon="1.5").code == 2, "it does not fit any more"


def test_the_option_goes_before_the_variable(
    privet: Any, patients: Path, schema: Path, address: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(privet, patients, address)
    other = tmp_path / "others.csv"
    other.write_text("age,city,ill\n" + "".join(f"{20 + i}.5,Chur,yes\n" for i in range(40)))
    register(privet, other, str(tmp_path / "other.db"), "others")
    monkeypatch.setenv("PRIVET_LEDGER", str(tmp_path / "other.db"))
    refused = train(privet, patients)
    assert refused.code == 2 and "other.db" in refused.err
    assert train(privet, patients, *line_of(refused.err)).code == 0
    monkeypatch.setenv("PRIVET_LEDGER", address)
    assert train(privet, patients, epsilon="0.5").code == 0
    assert spent(privet, address) == pytest.approx(1.5)


def test_part_of_the_data_is_refused_too_and_others_are_nobodys(
    privet: Any, patients: Path, schema: Path, tmp_path: Path
) -> None:
    register(privet, patients, str(tmp_path / "my.db"))
    part = tmp_path / "part.csv"
    part.write_text("\n".join(rows()[:31]) + "\n")
    arguments = ("--schema", str(schema))
    refused = train(privet, part, *arguments)
    assert refused.code == 2 and "my.db" in refused.err
    other = tmp_path / "others.csv"
    lines = [f"{20 + i}.5,Chur,{'yes' if i > 20 else 'no'}" for i in range(40)]
    other.write_text("\n".join(["age,city,ill", *lines]) + "\n")
    done = train(privet, other, *arguments)
    assert done.code == 0 and "Note" not in done.err, done.err


COMMANDS = (
    ("compare", "DATA", "--protect", "private", "--epsilon", "1", *DELTA, "--seeds", "2"),
    ("query", "DATA", "SELECT COUNT(*) FROM patients", "--epsilon", "0.5", *DELTA),
    ("perturb", "DATA", "--epsilon", "0.5", "--out", "noisy.csv"),
    ("schema", "draft", "DATA", "--private", "--epsilon", "0.5", *DELTA, "--kind", "city=Bern,Genf",
     "--kind", "ill=no,yes", "--out", "draft.toml"),
    ("request", "train", "DATA", "--reason", "why"),
    ("request", "query", "DATA", "SELECT COUNT(*) FROM patients", "--epsilon", "1", "--reason",
     "why"),
)  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]).lower())
def test_every_command_that_reads_data_takes_the_ledger(
    privet: Any, patients: Path, schema: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    register(privet, patients, str(tmp_path / "my.db"))
    line = [str(patients) if word == "DATA" else word for word in words]
    refused = privet(*line)
    assert refused.code == 2 and "my.db" in refused.err, refused.err
    done = privet(*line, *line_of(refused.err))
    if words[0] == "request":
        assert "the ledger has adopted no policy" in done.err, "it is asked of that ledger"
    else:
        assert done.code == 0, done.err


@pytest.mark.parametrize("loss", ["file", "key", "replaced"])
def test_a_ledger_that_cannot_be_asked_is_named(
    privet: Any, patients: Path, schema: Path, tmp_path: Path, loss: str
) -> None:
    ledger = tmp_path / "my.db"
    register(privet, patients, str(ledger))
    if loss == "key":
        ledger.with_suffix(".hash").unlink()
    else:
        for file in tmp_path.glob("my.*"):
            file.unlink()
    if loss == "replaced":
        from privet.govern.ledger import Ledger

        Ledger.open(ledger).close()
    before = {*tmp_path.glob("my.*")}
    done = train(privet, patients)
    assert done.code == 0, done.err
    assert "Note: whether the ledger at" in done.err and str(ledger) in " ".join(done.err.split())
    assert {*tmp_path.glob("my.*")} - before <= {ledger.with_name("my.db-wal"),
                                                 ledger.with_name("my.db-shm")}


def test_a_ledger_that_was_moved_is_asked_at_its_new_place(
    privet: Any, patients: Path, schema: Path, tmp_path: Path
) -> None:
    register(privet, patients, str(tmp_path / "my.db"))
    for file in tmp_path.glob("my.*"):
        file.rename(tmp_path / file.name.replace("my", "moved"))
    assert train(privet, patients, "--ledger", str(tmp_path / "moved.db")).code == 0
    refused = train(privet, patients)
    assert refused.code == 2 and "moved.db" in refused.err and "Note" not in refused.err


def test_no_password_is_asked_of_or_written(
    privet: Any, home: Path, patients: Path, schema: Path
) -> None:
    heads = home / "state" / "heads.json"
    heads.parent.mkdir(parents=True)
    heads.write_text(json.dumps({
        "addresses": {"postgresql+psycopg://me:***@127.0.0.1:1/db": "a" * 32},
        "ledgers": {"a" * 32: {"size": 1, "root": "00" * 32}},
    }))
    done = train(privet, patients)
    assert done.code == 0, done.err
    assert "postgresql+psycopg://me@127.0.0.1:1/db" in done.err.replace("\n", "")
    assert "***" not in done.err


def test_python_is_told_the_same(
    privet: Any, patients: Path, schema: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import privet as pv
    from privet.errors import Refused

    register(privet, patients, address)
    data = pv.read(str(patients), schema=str(schema))
    model = pv.LogisticRegression(protect=pv.Private(epsilon=1.0, delta=1e-4))
    with pytest.raises(Refused, match="another ledger"):
        model.fit(data)
    monkeypatch.setenv("PRIVET_LEDGER", address)
    assert model.fit(data).guarantee_.recorded
    assert spent(privet, address) == pytest.approx(1)


def test_a_server_is_named_as_its_address_is_written() -> None:
    from privet.estimators.elsewhere import _reachable

    url = sa.make_url(_reachable("postgresql+psycopg://me:***@host/db?options=-csearch_path%3Da"))
    assert (url.password, url.query["connect_timeout"], url.query["options"]) == (
        None, "5", "-csearch_path=a")


def test_names_steer_no_terminal_and_may_hold_the_sign(
    privet: Any, patients: Path, tmp_path: Path
) -> None:
    name = "a\x1b]0;pwned\x07b"
    done = privet("dataset", "register", name, patients, "--budget", "2", "--purpose", "a=b=1")
    assert done.code == 0, done.err
    shown = privet("budget", "show", name)
    assert shown.code == 0 and "pwned" in shown.out
    assert "\x1b" not in shown.out + shown.err and "\x07" not in shown.out
    assert list(privet("budget", "show", name, "--json").json["purposes"]) == ["a=b"]
