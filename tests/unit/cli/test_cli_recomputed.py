"""`privet verify-receipt` recomputes what an entry claims."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from privet.claims import Cost, DPGuarantee, Gaussian, NoGuarantee, PoissonGaussian, to_json
from privet.dp.accounting import epsilon_for
from privet.govern.ledger import Ledger, check
from tests.unit.govern.recorded import record

RELEASES = (Gaussian(4.0), PoissonGaussian(3.0, 10, rate=0.1))
SPENT = epsilon_for(RELEASES, 1e-6)


def claim(epsilon: float) -> dict[str, Any]:
    return to_json(
        DPGuarantee(
            epsilon=epsilon, delta=1e-6, unit="row", relation="zero-out", accountant="PLD",
            events=RELEASES,
        )
    )  # fmt: skip


def kept(file: str, guarantee: dict[str, Any] | None) -> str:
    """A receipt of a commit of this claim, signed by its ledger's own key."""
    ledger = Ledger.open(Path(file).with_suffix(".db"))
    body = {"reserve": 1, "token": "t", "guarantee": guarantee, "cost": to_json(Cost())}
    receipt = ledger.receipt(ledger.append("run.commit", body).seq)
    assert check(receipt) == []
    Path(file).write_text(json.dumps(receipt.to_json()))
    return file


def found(privet: Any, *files: str, code: int = 0) -> list[dict[str, Any]]:
    done = privet("verify-receipt", *files, "--json")
    assert done.code == code, done.err
    return [item["claim"] for item in json.loads(done.out)["receipts"]]


def test_a_claim_that_follows_holds(privet: Any) -> None:
    file = kept("r.json", claim(SPENT))
    done = privet("verify-receipt", file)
    assert done.code == 0 and "the claim holds: claimed epsilon" in done.out
    (answer,) = found(privet, file)
    assert answer["answer"] == "holds" and answer["why"] == ""
    assert answer["found"] == pytest.approx(SPENT) and answer["share"] == 1e-6


def test_a_claim_that_was_signed_too_low_ends_with_2(privet: Any) -> None:
    file = kept("r.json", claim(SPENT / 2))
    done = privet("verify-receipt", file, "--html", "r.html")
    assert done.code == 2 and "does not hold" in done.err and "spend more" in done.err
    assert Path("r.html").exists(), "the page shows why"
    (answer,) = found(privet, file, code=2)
    assert answer["answer"] == "does not hold"


def test_a_claim_that_cannot_be_recomputed_says_why(privet: Any) -> None:
    file = kept("r.json", to_json(NoGuarantee()))
    done = privet("verify-receipt", file)
    assert done.code == 0 and "cannot be recomputed" in done.out and "in the clear" in done.out
    (answer,) = found(privet, file)
    assert answer["answer"] == "cannot be recomputed" and answer["found"] is None
    assert found(privet, kept("none.json", None)) == [None]


def test_a_commit_above_its_reservation_does_not_hold(privet: Any, tmp_path: Path) -> None:
    ledger = record(tmp_path / "l.db")
    body = json.loads(json.dumps(ledger.receipt(9).entry.payload))
    body["guarantee"]["epsilon"] = 2.0
    late = ledger.append("run.commit", body).seq
    files = []
    for seq in (late, 8, 9):
        files.append(f"{seq}.json")
        Path(files[-1]).write_text(json.dumps(ledger.receipt(seq).to_json()))
    assert [item["answer"] for item in found(privet, files[0])] == ["holds"]
    answers = found(privet, *files, code=2)
    assert [item["answer"] for item in answers] == ["does not hold", "holds", "holds"]
    assert "entry 8 reserved" in answers[0]["why"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["logistic", "mlp"])
def test_what_a_training_claims_follows_from_its_releases(
    privet: Any, monkeypatch: pytest.MonkeyPatch, patients: Path, schema: Path, model: str
) -> None:
    monkeypatch.setenv("PRIVET_HOME", str(patients.parent / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    privet("dataset", "register", "patients", patients, "--budget", "2", "--delta", "1e-3")
    done = privet("train", patients, "--model", model, "--epsilon", "1", "--delta", "1e-4",
                  "--out", "m.safetensors")  # fmt: skip
    assert done.code == 0, done.err
    ledger = Ledger.open()
    files = []
    for entry in ledger.entries():
        if entry.kind in ("run.reserve", "run.commit"):
            files.append(f"{entry.seq}.json")
            Path(files[-1]).write_text(json.dumps(ledger.receipt(entry.seq).to_json()))
    answers = found(privet, *files)
    assert [item["answer"] for item in answers] == ["holds", "holds"]
    assert 0.9 < answers[1]["found"] <= answers[1]["epsilon"] <= 1
