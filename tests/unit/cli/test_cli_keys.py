"""Keys on the command line: made, rotated, and replaced by two approvers on their own machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from privet.govern.ledger import Ledger, SigningKey, verify


@pytest.fixture
def ledger(
    privet: Any, tmp_path: Path, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A ledger with one registered set; three people have keys of their own."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    assert privet("dataset", "register", "patients", patients, "--budget", "3").code == 0
    for name in ("anna", "bo", "cara"):
        made = privet("key", "new", "--out", f"{name}.key", "--json")
        assert made.code == 0, made.err
        Path(f"{name}.pub").write_text(made.json["public"] + "\n")
    return tmp_path / "home"


def train(privet: Any, patients: Path) -> Any:
    return privet("train", patients, "--epsilon", "0.5", "--delta", "1e-4", "--out", "m.st")


def test_a_rotated_key_signs_and_the_old_one_is_gone(
    privet: Any, ledger: Path, patients: Path
) -> None:
    before = Ledger.open().keys.current_id
    done = privet("key", "rotate", "--json")
    assert done.code == 0, done.err
    assert done.json["old"] == before != done.json["new"]
    assert train(privet, patients).code == 0
    book = Ledger.open()
    assert list(book.entries())[-1].key == done.json["new"]
    assert verify(book).ok
    rows = privet("key", "list", "--json").json["keys"]
    assert [row["may"] for row in rows] == [[], ["sign entries now"]]
    assert "(first)" in rows[0]["signed"] and "(rotated)" in rows[1]["signed"]


def lose(ledger: Path) -> None:
    (ledger / "ledger.key").unlink()


def test_a_lost_key_is_replaced_by_two_approvers(
    privet: Any, ledger: Path, patients: Path
) -> None:
    named = privet("key", "approvers", "anna.pub", "bo.pub", "cara.key")
    assert named.code == 0, named.err
    lose(ledger)
    assert train(privet, patients).code == 2
    assert privet("key", "new", "--out", "new.key").code == 0
    asked = privet("key", "statement", "--new-key", "new.key", "--out", "statement.json")
    assert asked.code == 0, asked.err
    assert "takes the place of the lost key" in asked.out
    for name in ("anna", "cara"):
        signed = privet("key", "sign", "statement.json", "--key", f"{name}.key",
                        "--out", f"{name}.json")
        assert signed.code == 0, signed.err
        assert "takes the place of the lost key" in signed.out
    one = privet("key", "replace", "anna.json", "--new-key", "new.key", "--reason", "lost")
    assert one.code == 2 and "fewer than 2" in one.err
    twice = privet("key", "replace", "anna.json", "anna.json", "--new-key", "new.key",
                   "--reason", "lost")
    assert twice.code == 2 and "fewer than 2" in twice.err
    done = privet("key", "replace", "anna.json", "cara.json", "--new-key", "new.key",
                  "--reason", "the disk broke", "--json")
    assert done.code == 0, done.err
    assert train(privet, patients).code == 0
    book = Ledger.open()
    assert verify(book).breaks == (done.json["entry"],)
    assert list(book.entries())[-1].key == SigningKey.load(Path("new.key")).id
    kept = (ledger / "ledger.key").read_bytes()
    assert kept.startswith(b"-----BEGIN ENCRYPTED")
    again = privet("key", "replace", "anna.json", "cara.json", "--new-key", "new.key",
                   "--reason", "x")
    assert again.code == 2 and "no signature on the statement" in again.err


def test_signatures_and_statements_that_do_not_do(
    privet: Any, ledger: Path, patients: Path
) -> None:
    assert privet("key", "approvers", "anna.pub").code == 2
    assert privet("key", "approvers", "anna.pub", "anna.key").code == 2
    own = Ledger.open().keys.current
    assert own is not None
    refused = privet("key", "approvers", "anna.pub", own.hex())
    assert refused.code == 2 and "own key" in refused.err
    assert privet("key", "approvers", "anna.pub", "bo.pub").code == 0
    privet("key", "new", "--out", "new.key")
    privet("key", "statement", "--new-key", "new.key", "--out", "statement.json")
    for name in ("anna", "cara"):
        privet("key", "sign", "statement.json", "--key", f"{name}.key", "--out", f"{name}.json")
    stranger = privet("key", "replace", "anna.json", "cara.json", "--new-key", "new.key",
                      "--reason", "x")
    assert stranger.code == 2 and "fewer than 2" in stranger.err
    other = privet("key", "replace", "anna.json", "cara.json", "--new-key", "bo.key",
                   "--reason", "x")
    assert other.code == 2 and "no signature on the statement" in other.err
    record = json.loads(Path("statement.json").read_text())
    for wrong in ({**record, "seq": "7"}, {**record, "statement": "x"}, {**record, "lost": "zz"}):
        Path("wrong.json").write_text(json.dumps(wrong))
        done = privet("key", "sign", "wrong.json", "--key", "bo.key", "--out", "bo.json")
        assert done.code == 2 and "no statement" in done.err
    assert train(privet, patients).code == 0, "the key that was not lost still signs"
    assert not list(Ledger.open().entries(kind="ledger.key-replaced"))


def test_the_list_says_who_signed_what(privet: Any, ledger: Path) -> None:
    public = Path("anna.pub").read_text().strip()
    Path("policy.toml").write_text(
        f'owner = "St. Mary"\n[approvers]\n"Anna Berg" = "{public}"\n[default]\n'
        "actions = []\npurposes = {}\nprotections = []\n"
    )
    assert privet("policy", "adopt", "policy.toml").code == 0
    assert privet("key", "approvers", "anna.pub", "bo.pub").code == 0
    rows = {row["whose"]: row for row in privet("key", "list", "--json").json["keys"]}
    assert rows["Anna Berg"]["may"] == ["approve runs", "replace the ledger's key"]
    assert rows["not named in a policy"]["may"] == ["replace the ledger's key"]
    assert "Anna Berg" in privet("key", "list").out


def owned(owner: str, actions: str = "[]") -> str:
    """A policy that names its owner's key and two approvers."""
    people = "".join(f'"{name}" = "{Path(f"{name}.pub").read_text().strip()}"\n'
                     for name in ("anna", "bo"))
    public = Path(f"{owner}.pub").read_text().strip()
    return (f'owner = "St. Mary"\nowner_key = "{public}"\n[approvers]\n{people}[default]\n'
            f"actions = {actions}\npurposes = {{}}\nprotections = []\n")


def test_a_policy_with_an_owner_is_followed_by_no_other(privet: Any, ledger: Path) -> None:
    Path("policy.toml").write_text(owned("cara"))
    refused = privet("policy", "adopt", "policy.toml")
    assert refused.code == 2 and "--owner-key FILE" in refused.err
    assert privet("policy", "adopt", "policy.toml", "--owner-key", "cara.key").code == 0
    Path("other.toml").write_text(owned("anna", '["fit"]'))
    for more in ((), ("--owner-key", "anna.key")):
        refused = privet("policy", "adopt", "other.toml", *more)
        assert refused.code == 2 and "owner's key" in refused.err
    # Somebody makes the ledger sign it all the same.
    Ledger.open().append("policy.adopt", {"text": Path("other.toml").read_text()})
    shown = privet("policy", "show")
    assert shown.code == 0 and "actions = []" in shown.out
    assert "does not count" in shown.err
    assert privet("policy", "show", "--json").json["passed_over"][0]["entry"] > 0


def test_the_owner_and_approvers_sign_a_policy_elsewhere(privet: Any, ledger: Path) -> None:
    Path("policy.toml").write_text(owned("cara"))
    assert privet("policy", "adopt", "policy.toml", "--owner-key", "cara.key").code == 0
    for signers, text in ((("cara",), owned("cara", '["fit"]')), (("anna", "bo"), owned("anna"))):
        Path("next.toml").write_text(text)
        asked = privet("policy", "statement", "next.toml", "--out", "statement.json")
        assert asked.code == 0, asked.err
        files = []
        for name in signers:
            signed = privet("key", "sign", "statement.json", "--key", f"{name}.key",
                            "--out", f"{name}.json")
            assert signed.code == 0 and 'owner = "St. Mary"' in signed.out, signed.err
            files += ["--signed", f"{name}.json"]
        if len(signers) > 1:
            assert privet("policy", "adopt", "next.toml", *files[:2]).code == 2, "one is too few"
        done = privet("policy", "adopt", "next.toml", *files)
        assert done.code == 0, done.err
        assert privet("policy", "show").out == text
    again = privet("policy", "adopt", "policy.toml", "--signed", "cara.json")
    assert again.code == 2 and "no signature on the statement" in again.err
