"""`privet verify-receipt` against the table of receipts that the page is held to, too."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.golden.receipts_tampered import Case, cases, receipts

TABLE = cases()


def files_of(case: Case) -> list[str]:
    names = [f"{number}.json" for number in range(len(case.files))]
    for name, raw in zip(names, case.files, strict=True):
        Path(name).write_bytes(raw)
    return names


def judged(privet: Any, case: Case) -> tuple[tuple[str, ...], int, int]:
    """Verdicts, forks and exit code; a file that is no receipt has no other verdict."""
    names = files_of(case)
    done = privet("verify-receipt", *names, "--json")
    if not done.out:
        assert done.code == 2 and names[0] in done.err and len(names) == 1
        return ("refused",), 0, 2
    found = json.loads(done.out)
    for item in found["receipts"]:
        assert item["holds"] == (item["verdict"] == "holds")
        assert item["holds"] or item["claim"] is None
    return (tuple(item["verdict"] for item in found["receipts"]), len(found["contradictions"]),
            done.code)  # fmt: skip


def test_the_table_is_one(privet: Any) -> None:
    """Every case has a name of its own, and each verdict is given in several."""
    assert max(Counter(case.name for case in TABLE).values()) == 1
    counts = Counter(verdict for case in TABLE for verdict in case.verdicts)
    assert len(TABLE) > 300 and min(counts.values()) >= 3 and len(counts) == 4


def test_every_case_is_judged_as_the_table_says(privet: Any) -> None:
    wrong = []
    for case in TABLE:
        verdicts, forks, code = judged(privet, case)
        rank = 2 if forks or "refused" in verdicts else 3 if set(verdicts) != {"holds"} else 0
        if (verdicts, forks, code) != (case.verdicts, case.forks, rank):
            wrong.append((case.name, verdicts, forks, code))
    assert wrong == []


def test_a_receipt_without_content_claims_nothing_and_says_so(privet: Any, tmp_path: Path) -> None:
    good = receipts()["good"]
    empty = {**good, "entry": good["entry"] | {"salt": None, "text": None}}
    (tmp_path / "r.json").write_text(json.dumps(empty))
    done = privet("verify-receipt", "r.json")
    assert done.code == 3 and done.err == ""
    assert "shows only that an entry stood here: entry 9 (run.commit" in done.out
    assert "is not in this receipt" in " ".join(done.out.split())
    assert "whether it was redacted" in done.out
    for word in ("holds", "claims nothing", "with this content", "null"):
        assert word not in done.out
    (tmp_path / "r.json").write_text(json.dumps(receipts()["redacted"]))
    done = privet("verify-receipt", "r.json", "--html", "r.html")
    assert done.code == 3 and "says that it was redacted: the person asked" in done.out
    assert "holds" not in done.out and "Page: r.html" in done.out


def test_a_fork_is_told_before_anything_is_called_holding(privet: Any) -> None:
    case = next(case for case in TABLE if case.forks)
    done = privet("verify-receipt", *files_of(case))
    assert done.code == 2 and done.out == ""
    assert "0.json and 1.json contradict each other" in done.err


@pytest.mark.parametrize("words", [
    ("verify-receipt", "r.json"),
    ("ledger", "verify", "--receipt", "r.json"),
])  # fmt: skip
@pytest.mark.parametrize("content", ["", "{}", '{"format": "privet ledger receipt 1"}'])
def test_what_is_no_receipt_is_named(privet: Any, words: tuple[str, ...], content: str) -> None:
    Path("r.json").write_text(content)
    done = privet(*words)
    assert done.code == 2 and "r.json is no receipt: " in done.err
    assert "privet ledger receipt --out receipt.json" in done.err


def test_ids_are_the_same_in_either_case(privet: Any) -> None:
    good = receipts()["good"]
    Path("r.json").write_text(json.dumps(good))
    identity = good["head"]["ledger"]
    assert privet("verify-receipt", "r.json", "--ledger-id", f" {identity.upper()}").code == 0
    assert privet("verify-receipt", "r.json", "--ledger-id", "00" * 16).code == 2
