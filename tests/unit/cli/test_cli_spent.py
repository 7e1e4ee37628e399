"""A failure after a reservation says what is true: which entry, what of it stays spent."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from privet.claims import Request, Reservation
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
from tests.unit.cli.cli_helpers import SCHEMA, rows, start

DELTA = ("--delta", "1e-4")


@pytest.fixture
def registered(privet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with a budget of epsilon 5, as entry 2."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    path = tmp_path / "patients.csv"
    path.write_text("\n".join(rows(400)) + "\n")
    path.with_suffix(".toml").write_text(SCHEMA)
    done = privet("dataset", "register", "patients", path, "--budget", "5", "--delta", "1e-3")
    assert done.code == 0, done.err
    return path


def kinds() -> list[str]:
    return [entry.kind for entry in Ledger.open().entries()][2:]


def wait_for(kind: str, process: Any) -> None:
    """Until the ledger has an entry of this kind."""
    for _ in range(1200):
        assert process.poll() is None, process.communicate()
        if list(Ledger.open().entries(kind=kind)):
            return
        time.sleep(0.05)
    raise AssertionError(f"no {kind} within a minute")


def training(folder: Path) -> Any:
    """A private fit that takes a while, once its reservation is there."""
    process = start("train", "patients.csv", "--model", "mlp", "--epsilon", "1", *DELTA,
                    "--out", "m.safetensors", folder=folder)  # fmt: skip
    wait_for("run.reserve", process)
    time.sleep(0.2)  # past the reservation, into reading and compiling
    return process


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code", "word"), [
    (signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped"),
])  # fmt: skip
def test_a_private_fit_that_is_stopped_says_what_it_spent(
    privet: Any, registered: Path, sent: signal.Signals, code: int, word: str
) -> None:
    process = training(registered.parent)
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    told = err.strip().splitlines()
    assert told[0] == f"Error: {word}; no file was written."
    assert told[1].startswith("  Entry 4 of the ledger reserved budget of patients: (1, 0.0001)-")
    assert told[2:] == [
        "  It stays spent, since rows may have been read.",
        "  see: privet ledger show 4; privet budget show patients",
    ]
    assert kinds() == ["run.decide", "run.reserve", "run.forfeit"]
    left = privet("budget", "show", "patients", "--json").json
    assert (left["spent"]["epsilon"], left["open"]) == (1.0, [])
    assert not Path("m.safetensors").exists()


@pytest.mark.slow
def test_a_killed_fit_is_shown_as_open_until_it_is_settled(
    privet: Any, registered: Path
) -> None:
    process = training(registered.parent)
    process.kill()
    process.communicate(timeout=60)
    left = privet("budget", "show", "patients", "--json").json
    assert (left["reserved"]["epsilon"], left["fits"]) == (1.0, 4.0)
    assert [(run["entry"], run["action"], run["requester"]) for run in left["open"]] == [
        (4, "fit", "Cy Holm")]
    shown = " ".join(privet("budget", "show", "patients").out.split())
    assert "Reserved by entry 4 (fit by Cy Holm, " in shown
    assert "counts as spent, now and later" in shown
    assert "privet budget forfeit 4 --reason TEXT" in shown
    done = privet("budget", "forfeit", "4", "--reason", "the machine was switched off")
    assert done.code == 0, done.err
    left = privet("budget", "show", "patients", "--json").json
    assert (left["spent"]["epsilon"], left["reserved"]["epsilon"], left["fits"]) == (1.0, 0.0, 4.0)
    assert left["open"] == []
    for entry, words in (("4", "settled already"), ("2", "no reservation")):
        again = privet("budget", "forfeit", entry, "--reason", "x")
        assert again.code == 2 and words in again.err
    assert privet("budget", "audit").code == 0


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def broken(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError("20.5 of Alice")


RUNS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "train": ("privet.protect.private:Private.run",
              ("train", "patients.csv", "--out", "m.safetensors"), "(1, 0.0001)-differential"),
    "compare": ("privet.protect.choose.compare:splits_of",
                ("compare", "patients.csv", "--protect", "plain", "--html", "c.html"), ""),
    "release": ("privet.protect.choose.public:_released",
                ("compare", "patients.csv", "--release", "2", "--epsilon", "0.5",
                 "--html", "c.html"), "(2, 0.0001)-differential"),
    "draft": ("privet.dp.draft:_drafted",
              ("schema", "draft", "patients.csv", "--private", "--epsilon", "1", "--kind",
               "age=number", "--out", "d.toml"), "(1, 0"),
}


@pytest.mark.parametrize("failure", [interrupted, broken])
@pytest.mark.parametrize("name", RUNS)
def test_each_command_says_what_stays_spent(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    failure: Callable[..., None],
) -> None:
    place, words, claim = RUNS[name]
    module, _, path = place.partition(":")
    *holder, last = path.split(".")
    found = import_module(module)
    monkeypatch.setattr(getattr(found, holder[0]) if holder else found, last, failure)
    delta = () if name == "draft" else DELTA
    done = privet(*words, *delta)
    assert done.code == (130 if failure is interrupted else 1), done.err
    assert "o file was written" in done.err and "Alice" not in done.err
    if claim:
        assert f"Entry 4 of the ledger reserved budget of patients: {claim}" in done.err
        assert "It stays spent, since rows may have been read." in done.err
    else:
        assert "Entry 4 of the ledger records that patients was used (compare)" in done.err
        assert "this takes nothing from its budget" in done.err
    assert "see: privet ledger show 4; privet budget show patients" in done.err
    assert kinds() == ["run.decide", "run.reserve", "run.forfeit"]
    again = json.loads(privet(*words, *delta, "--json").err)["error"]
    assert [(item["entry"], item["state"], item["spends"]) for item in again["reservations"]] == [
        (7, "forfeited", bool(claim))]


def test_a_failure_that_text_decides_gives_the_budget_back(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privet.protect.private.Private.admit", interrupted)
    done = privet("train", "patients.csv", *DELTA, "--out", "m.safetensors")
    assert done.code == 130
    assert "It was given back, since no row had been read." in done.err
    assert privet("budget", "show", "patients", "--json").json["fits"] == 5.0


def test_a_failure_after_the_run_says_that_it_is_recorded(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privet.estimators.save", interrupted)
    done = privet("train", "patients.csv", *DELTA, "--out", "m.safetensors")
    assert done.code == 130
    assert "interrupted; its file is written whole, or is not there." in done.err
    assert "The run finished and is recorded, so it stays spent." in done.err
    assert kinds()[-1] == "run.commit"


def test_an_interrupt_amid_reserving_or_settling_is_no_promise(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = LedgerSteward.reserve

    def late(self: LedgerSteward, request: Request) -> Reservation:
        reserve(self, request)
        raise KeyboardInterrupt

    train = ("train", "patients.csv", *DELTA, "--out", "m.safetensors")
    monkeypatch.setattr(LedgerSteward, "reserve", late)
    assert "Whether budget of patients was reserved is not known." in privet(*train).err
    monkeypatch.setattr(LedgerSteward, "reserve", reserve)
    monkeypatch.setattr("privet.protect.private.Private.run", interrupted)
    monkeypatch.setattr(LedgerSteward, "forfeit", interrupted)
    assert "It is not settled, and counts as spent." in privet(*train).err
    left = privet("budget", "show", "patients", "--json").json
    assert left["reserved"]["epsilon"] == 2.0 and len(left["open"]) == 2


def test_nothing_is_said_of_data_that_no_ledger_keeps(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = registered.with_name("other.csv")
    other.write_text("\n".join([rows()[0], "20.25,Bern,no", "60.25,Genf,yes", "61.5,Genf,yes"]))
    other.with_suffix(".toml").write_text(SCHEMA)
    monkeypatch.setattr("privet.protect.private.Private.run", interrupted)
    done = privet("train", other, "--delta", "0.1", "--out", "m.safetensors")
    assert done.err.strip() == "Error: interrupted; no file was written."
    over = privet("train", registered, "--epsilon", "9", *DELTA, "--out", "m.safetensors")
    assert "too little" in over.err and "Entry" not in over.err
