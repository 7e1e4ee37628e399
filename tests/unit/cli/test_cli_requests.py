"""`privet request`: every use that a steward decides can be asked for, and runs once approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import privet as pv
from privet.govern.ledger import Ledger, SigningKey
from privet.govern.policy import adopt, pending

ANNA = SigningKey.generate()
POLICY = f"""
owner = "St. Mary's"
[approvers]
"Anna Berg" = "{ANNA.public.hex()}"
[default]
actions = ["fit", "compare", "schema", "perturb"]
protections = ["private", "local"]
purposes = {{care = {{plain = true}}}}
epsilon_per_release = 9.0
delta_per_release = 1e-2
approvals = 1
"""
CARE = ("--purpose", "care")
COMMANDS = {
    "train": ("train", "--epsilon", "1", "--delta", "1e-4", *CARE, "--out", "m.safetensors"),
    "train in the clear": ("train", "--protect", "plain", *CARE, "--out", "m.safetensors"),
    "compare": ("compare", "--epsilon", "1", "--seeds", "2", *CARE),
    "compare --release": ("compare", "--epsilon", "0.5", "--seeds", "2", "--release", "6",
                          "--delta", "1e-3", *CARE),
    "perturb": ("perturb", "--epsilon", "2", *CARE, "--out", "noisy.csv"),
    "draft": ("draft", "--private", "--epsilon", "0.5", "--kind", "city=Bern,Genf", *CARE),
}  # fmt: skip


@pytest.fixture
def data(
    privet: Any, tmp_path: Path, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """`patients`, registered, under a policy that asks for one approval of everything."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    done = privet("dataset", "register", "patients", patients, "--budget", "30", "--delta", "0.1")
    assert done.code == 0, done.err
    ledger = Ledger.open()
    adopt(ledger, POLICY)
    ledger.close()
    ANNA.save(tmp_path / "anna.key")
    done = privet("policy", "show")
    assert done.code == 0, done.err
    return patients


def real(words: tuple[str, ...], data: Path) -> tuple[str | Path, ...]:
    """The command itself, not the request for it."""
    return ("schema",) * (words[0] == "draft") + (words[0], data, *words[1:])


def kinds(kind: str) -> int:
    return len(list(Ledger.open().entries(kind=kind)))


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_each_use_is_asked_for_approved_and_run(
    privet: Any, data: Path, words: tuple[str, ...]
) -> None:
    early = privet(*real(words, data))
    assert early.code == 2 and "0 of 1 approvals" in early.err, early.err
    assert kinds("run.reserve") == 0, "nothing was spent"
    assert f"privet request {words[0]} DATA" in " ".join(early.err.split())
    before = set(Path.cwd().iterdir())
    ask = ("request", words[0], data, *words[1:], "--reason", "yearly", "--page", "p.html")
    done = privet(*ask, "--json")
    assert done.code == 0, done.err
    assert set(Path.cwd().iterdir()) - before == {Path.cwd() / "p.html"}, "nothing else is written"
    assert kinds("run.reserve") == 0
    job = json.loads(done.out)["job"]
    html = Path("p.html").read_text()
    assert "yearly" in html and "Cy Holm" in html
    if words[0] != "draft":
        assert "What the data are taken for" in html and "0 to 120, clipped beyond" in html
    (waiting,) = pending(Ledger.open())
    assert waiting.job == job
    assert privet("policy", "pending", job, "--html", "again.html").code == 0
    assert Path("again.html").read_text() == html
    assert privet("approve", job[:12], "--key", "anna.key").code == 0
    ran = privet(*real(words, data))
    assert ran.code == 0, ran.err
    assert kinds("run.reserve") == kinds("run.commit") == 1
    assert privet(*real(words, data)).code == 2, "one approval is one run"


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_an_approval_is_not_good_for_another_epsilon(
    privet: Any, data: Path, words: tuple[str, ...]
) -> None:
    job = privet("request", words[0], data, *words[1:], "--reason", "x", "--json").json["job"]
    assert privet("approve", job, "--key", "anna.key").code == 0
    if "--epsilon" in words:
        other = tuple("0.75" if words[i - 1] == "--epsilon" else word
                      for i, word in enumerate(words))  # fmt: skip
    else:
        other = (*words, "--model", "additive")
    refused = privet(*real(other, data))
    assert refused.code == 2 and "0 of 1 approvals" in refused.err
    assert kinds("run.reserve") == 0


def test_what_the_command_line_asked_for_runs_in_python(privet: Any, data: Path) -> None:
    words = COMMANDS["train"]
    job = privet("request", *words[:1], data, *words[1:], "--reason", "x", "--json").json["job"]
    assert privet("approve", job, "--key", "anna.key").code == 0
    model = pv.Classifier("logistic", protect=pv.Private(1.0, 1e-4))
    rows = pv.read(data, schema=data.with_suffix(".toml"))
    assert model.fit(rows, purpose="care").guarantee_.recorded


def test_what_is_kept_by_no_ledger_needs_no_approval(privet: Any, data: Path) -> None:
    other = data.with_name("other.csv")
    other.write_text("age,city,ill\n1,Bern,no\n2,Genf,yes\n3,Chur,no\n")
    other.with_suffix(".toml").write_text(data.with_suffix(".toml").read_text())
    ask = ("request", "train", other, "--protect", "plain", "--reason", "x")
    done = privet(*ask)
    assert done.code == 2 and "nobody needs to approve" in done.err
    plain = privet("request", "draft", data, "--reason", "x")  # a use in the clear, since recorded
    assert plain.code == 2 and "the purpose 'bounds of a schema' is not" in plain.err


def test_denied_and_revoked(privet: Any, data: Path) -> None:
    words = COMMANDS["compare"]
    job = privet("request", *words[:1], data, *words[1:], "--reason", "x", "--json").json["job"]
    assert privet("approve", job, "--key", "anna.key").code == 0
    assert privet("revoke", job, "--key", "anna.key", "--reason", "no").code == 0
    assert privet(*real(words, data)).code == 2
    assert privet("deny", job, "--key", "anna.key", "--reason", "no").code == 0
    refused = privet(*real(words, data))
    assert refused.code == 2 and "denied this job" in refused.err
