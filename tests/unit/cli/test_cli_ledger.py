"""`privet ledger`: what a person sees of a ledger, and what a changed one looks like."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from privet.claims import DPGuarantee, Gaussian, to_json
from privet.govern.ledger import Ledger

CLAIM = DPGuarantee(
    epsilon=1.0, delta=1e-5, unit="row", relation="zero-out", accountant="test",
    events=(Gaussian(3.0, what="a sum"),),
)  # fmt: skip


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of four entries, the default one."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path))
    ledger = Ledger.open()
    ledger.append("dataset.register", {"name": "patients", "version": "ab"})
    asked = {"action": "fit", "data_set": "patients", "purpose": "care"}
    ledger.append("run.decide", {"request": asked, "granted": False, "reason": "no such purpose"})
    ledger.append("run.commit", {"reserve": 2, "guarantee": to_json(CLAIM)})
    return tmp_path / "ledger.db"


def change(where: Path, sql: str) -> None:
    with sqlite3.connect(where) as connection:
        connection.execute(sql)
    connection.close()


def test_entries_are_listed_in_words(privet: Any, where: Path) -> None:
    done = privet("ledger", "list")
    assert done.code == 0
    for words in ("fit patients for 'care'", "refused: no such purpose", "(1, 1e-05)-different"):
        assert words in done.out
    found = json.loads(privet("ledger", "list", "--last", "2", "--json").out)
    assert [entry["entry"] for entry in found["entries"]] == [3, 4]
    only = json.loads(privet("ledger", "list", "--kind", "run.decide", "--json").out)
    assert [entry["kind"] for entry in only["entries"]] == ["run.decide"]


def test_an_entry_is_shown_whole(privet: Any, where: Path) -> None:
    assert '"noise_multiplier": 3.0' in privet("ledger", "show", "4").out
    found = json.loads(privet("ledger", "show", "4", "--json").out)
    assert found["payload"]["guarantee"] == to_json(CLAIM)
    Ledger.open().redact(3, "by request")
    done = privet("ledger", "show", "3")
    assert "redacted" in done.out and "no such purpose" not in done.out
    beyond = privet("ledger", "show", "99")
    assert beyond.code == 2


def test_a_changed_entry_is_named_and_the_exit_code_says_so(privet: Any, where: Path) -> None:
    whole = privet("ledger", "verify")
    assert whole.code == 0 and "holds: 4 entries" in whole.out
    # The data set of these entries has no budget.
    assert "not compared, and decide nothing: entry 2 (dataset.register)" in whole.out
    change(where, "UPDATE entries SET kind = 'run.release' WHERE seq = 3")
    done = privet("ledger", "verify")
    assert done.code == 2 and "entry 3, kind: was changed" in done.err
    as_json = privet("ledger", "verify", "--json")
    assert as_json.code == 2
    assert json.loads(as_json.out)["findings"][0] == {
        "entry": 3, "field": "kind", "problem": "was changed"}


def test_a_receipt_finds_what_was_cut_off(privet: Any, where: Path, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    assert privet("ledger", "receipt", "3", "--out", str(file)).code == 0
    assert privet("ledger", "verify", "--receipt", str(file)).code == 0
    change(where, "DELETE FROM payloads WHERE seq = 4")
    change(where, "DELETE FROM entries WHERE seq = 4")
    assert privet("ledger", "verify").code == 0
    done = privet("ledger", "verify", "--receipt", str(file))
    assert done.code == 2 and "4" in done.err


def test_the_export_holds_every_entry(privet: Any, where: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    assert privet("ledger", "export", "--out", str(file)).code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    stored = list(Ledger.open().entries())
    assert [line["chain"] for line in lines] == [entry.chain.hex() for entry in stored]
    assert [line["text"] for line in lines] == [entry.text for entry in stored]


def test_two_ledgers_witness_each_other(privet: Any, where: Path, tmp_path: Path) -> None:
    other, theirs, word = (str(tmp_path / n) for n in ("other.db", "theirs.json", "word.json"))
    Ledger.open(other)
    assert privet("ledger", "receipt", "--out", theirs).code == 0
    signed = privet("ledger", "cosign", theirs, "--ledger", other, "--out", word)
    assert signed.code == 0, signed.err
    kept = privet("ledger", "cosign", word)
    assert kept.code == 0 and "first 4 entries" in kept.out
    assert Ledger.open().receipt(size=4).cosignatures
    stranger = privet("ledger", "cosign", word, "--ledger", other)
    assert stranger.code == 2, "a signature on another ledger's head"
    record = json.loads(Path(theirs).read_text())
    record["entry"]["kind"] = "run.release"
    Path(theirs).write_text(json.dumps(record))
    forged = privet("ledger", "cosign", theirs, "--ledger", other, "--out", word)
    assert forged.code == 2 and "does not hold" in forged.err


def test_no_ledger_no_file_no_json_end_in_words(privet: Any, where: Path, tmp_path: Path) -> None:
    absent = privet("ledger", "list", "--ledger", str(tmp_path / "none.db"))
    assert absent.code == 2 and "privet dataset register" in absent.err
    assert not (tmp_path / "none.db").exists()
    assert privet("ledger", "verify", "--receipt", str(tmp_path / "none.json")).code == 2
    (tmp_path / "odd.json").write_text("[1]")
    assert privet("ledger", "cosign", str(tmp_path / "odd.json")).code == 2


def test_a_changed_payload_decides_nothing_and_is_shown_as_changed(
    privet: Any, where: Path
) -> None:
    change(where, "UPDATE payloads SET text = replace(text, 'patients', 'patienten')")
    assert "ALTERED" in privet("ledger", "list").out
    found = json.loads(privet("ledger", "list", "--json").out)["entries"]
    assert [entry["altered"] for entry in found] == [False, True, True, False]
    for words in (("budget", "audit"), ("dataset", "list"), ("ledger", "show", "2"),
                  ("report", "--format", "ropa", "--out", "r.html")):
        done = privet(*words)
        assert done.code == 2 and "privet ledger verify" in done.err, words
