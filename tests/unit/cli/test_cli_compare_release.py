"""`privet compare --release`: what is shown, what is charged, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from privet.claims import from_json
from privet.govern.ledger import Ledger, verify

SMALL = ("--epsilon", "0.5", "--seeds", "2")


@pytest.fixture
def registered(
    privet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patients: Path, schema: Path
) -> Path:
    """`patients`, registered with a budget of epsilon 5."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    done = privet("dataset", "register", "patients", patients, "--budget", "5", "--delta", "0.02")
    assert done.code == 0, done.err
    return patients


def spent(privet: Any) -> tuple[float, float]:
    shown = json.loads(privet("budget", "show", "patients", "--json").out)["spent"]
    return shown["epsilon"], shown["delta"]


@pytest.mark.slow
def test_a_release_is_charged_once_for_everything(privet: Any, registered: Path) -> None:
    assert privet("compare", registered, *SMALL).code == 0
    assert spent(privet) == (0.0, 0.0), "without --release nothing is spent"
    done = privet("compare", registered, *SMALL, "--release", "3", "--json", "--purpose", "care")
    assert done.code == 0, done.err
    claim: Any = from_json(done.json["guarantee"])
    assert claim.recorded and claim.secret_noise and 2.9 < claim.epsilon <= 3
    assert spent(privet) == (pytest.approx(claim.epsilon), pytest.approx(claim.delta))
    kinds = [e.kind for e in Ledger.open().entries() if e.kind.startswith("run.")][-3:]
    assert kinds == ["run.decide", "run.reserve", "run.commit"]
    request = [*Ledger.open().entries(kind="run.reserve")][-1].payload["request"]
    assert request["action"] == "compare" and request["purpose"] == "care"
    assert request["parameters"]["released"] is True
    over = privet("compare", registered, *SMALL, "--release", "3")
    assert over.code == 2 and "too little budget is left" in over.err and not over.out
    assert privet("budget", "audit").code == 0 and verify(Ledger.open()).ok


def test_too_little_names_the_number_and_spends_nothing(privet: Any, registered: Path) -> None:
    done = privet("compare", registered, *SMALL, "--release", "0.6")
    assert done.code == 2 and "releasing costs more" in done.err
    enough = done.err.split("--release ")[1].split()[0]
    assert spent(privet) == (0.0, 0.0)
    assert privet("compare", registered, *SMALL, "--release", enough).code == 0
    assert 0 < spent(privet)[0] <= float(enough)


def test_what_is_shown_holds_no_cost_and_no_plain_training(
    privet: Any, registered: Path, tmp_path: Path
) -> None:
    done = privet("compare", registered, *SMALL, "--release", "4", "--html", "public.html")
    assert done.code == 0, done.err
    flat = " ".join(done.out.split())
    assert "may be released" in flat and "charged to the ledger" in flat
    assert "plain │" not in flat and "seconds" not in flat and "memory" not in flat
    html = (tmp_path / "public.html").read_text()
    assert "May be released" in html and "For the curator only" not in html
    assert "Seconds" not in html and "memory" not in html


def test_one_delta_holds_for_the_trainings_and_for_the_whole(
    privet: Any, registered: Path
) -> None:
    done = privet("compare", registered, *SMALL, "--delta", "0.004", "--release", "4", "--json")
    assert done.code == 0, done.err
    assert done.json["guarantee"]["delta"] == 0.004
    assert done.json["entries"][0]["guarantee"]["delta"] == 0.004


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protect", "plain,private", "--release", "3"), "write: --protect private"),
        (("--protect", "plain", "--release", "3"), "guarantees nothing"),
        (("--release", "0"), "epsilon"),
        (("--release", "nan"), "epsilon"),
        (("--release", "much"), "--release"),
        (("--release", "3", "--seeds", "1"), "--seeds 5"),
    ],
)
def test_what_cannot_be_released_is_refused(
    privet: Any, registered: Path, words: tuple[str, ...], said: str
) -> None:
    done = privet("compare", registered, "--epsilon", "0.5", *words)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert spent(privet) == (0.0, 0.0)
