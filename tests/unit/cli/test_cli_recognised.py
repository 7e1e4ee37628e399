"""What passes for other data or another ledger is recognised, and what is other is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from privet.govern.ledger import Ledger

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
