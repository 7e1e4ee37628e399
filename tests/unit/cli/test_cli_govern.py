"""Registered data on the command line: budgets that end, policies, approvals, reports."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from privet.govern.ledger import Ledger, verify
from privet.govern.report.organisation import EXAMPLE as ORGANISATION
from tests.unit.cli.cli_helpers import SCHEMA, rows

DELTA = ("--delta", "1e-4")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    return tmp_path / "home"


@pytest.fixture
def registered(privet: Any, home: Path, patients: Path, schema: Path) -> Path:
    """`patients`, registered with a budget of epsilon 2."""
    done = privet("dataset", "register", "patients", patients, "--budget", "2", "--delta", "1e-3")
    assert done.code == 0, done.err
    assert "80 rows of 80 units" in done.out
    return patients


def train(privet: Any, data: Path, epsilon: str = "1", *more: str) -> Any:
    return privet("train", data, "--epsilon", epsilon, *DELTA, "--out", "m.safetensors", *more)


def kinds() -> list[str]:
    return [entry.kind for entry in Ledger.open().entries() if not entry.kind.startswith("led")]


def test_a_training_spends_what_is_there_and_no_more(privet: Any, registered: Path) -> None:
    done = train(privet, registered, "1", "--purpose", "care")
    assert done.code == 0, done.err
    assert "not recorded" not in done.out
    assert kinds() == ["dataset.register", "run.decide", "run.reserve", "run.commit"]
    entry = next(iter(Ledger.open().entries(kind="run.reserve"))).payload
    assert entry is not None
    assert entry["request"]["purpose"] == "care"
    assert entry["request"]["parameters"]["columns"] == ["age", "city", "ill"]
    assert entry["requester"] == "Cy Holm"
    assert train(privet, registered, "1").code == 0
    Path("m.safetensors").unlink()
    over = train(privet, registered, "0.1")
    assert over.code == 2 and "too little budget is left" in over.err
    assert not Path("m.safetensors").exists()
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert (left["spent"]["epsilon"], left["fits"]) == (2.0, 0.0)
    assert privet("budget", "audit").code == 0
    assert "patients" in privet("dataset", "list").out
    assert verify(Ledger.open()).ok


def test_totals_that_another_hand_lowered_are_refused_named_and_mended(
    privet: Any, registered: Path, home: Path
) -> None:
    assert train(privet, registered, "1.5").code == 0
    assert privet("ledger", "verify").code == 0
    with closing(sqlite3.connect(home / "ledger.db")) as connection, connection:
        connection.execute("UPDATE budget_totals SET spent_loss = '0'")
    for words in (("ledger", "verify"), ("budget", "audit")):
        done = privet(*words)
        assert done.code == 2 and "spent_loss '0'" in done.err, words
        assert "privet budget audit --rebuild" in done.err
        assert privet(*words, "--json").json["holds"] is False
    assert "spent_loss '1.5'" in privet("ledger", "verify", "--json").json["beside"][1]
    Path("m.safetensors").unlink()
    for done in (train(privet, registered, "1.5"), train(privet, registered, "0.25"),
                 privet("budget", "show", "patients")):  # fmt: skip
        assert done.code == 2 and "somebody has changed them" in done.err
        assert "privet budget audit --rebuild" in done.err
    assert not Path("m.safetensors").exists()
    assert privet("budget", "audit", "--rebuild").code == 0
    assert privet("ledger", "verify", "--json").json["beside"] == []
    assert "too little budget" in train(privet, registered, "1.5").err
    assert train(privet, registered, "0.25").code == 0


def test_what_cells_end_is_spent_and_what_the_schema_refuses_is_not(
    privet: Any, home: Path, tmp_path: Path, schema: Path
) -> None:
    lines = rows()
    lines[3] = lines[3].replace("Bern", "Wien").replace("Genf", "Wien").replace("Chur", "Wien")
    file = tmp_path / "patients.csv"
    file.write_text("\n".join(lines) + "\n")
    privet("dataset", "register", "patients", file, "--budget", "2", "--delta", "1e-3")
    assert privet("train", file, "--delta", "0.5", "--out", "m.safetensors").code == 2
    assert kinds() == ["dataset.register"]
    assert train(privet, file).code == 2
    assert kinds()[-2:] == ["run.reserve", "run.forfeit"]
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == 1.0


def test_copies_and_grown_sets_spend_and_parts_must_be_registered(
    privet: Any, registered: Path, tmp_path: Path
) -> None:
    lines = registered.read_text().splitlines()
    copy, grown, part = (tmp_path / name for name in ("c.csv", "g.csv", "p.csv"))
    copy.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    grown.write_text("\n".join([*lines, "77,Bern,yes"]) + "\n")
    part.write_text("\n".join(lines[:30]) + "\n")
    for file in (copy, grown, part):
        file.with_suffix(".toml").write_text(SCHEMA)
    assert train(privet, copy, "0.5").code == 0
    assert train(privet, grown, "0.5").code == 0
    refused = train(privet, part, "0.1")
    assert refused.code == 2 and "--parent patients" in refused.err
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == 1.0
    done = privet("dataset", "register", "part", part, "--parent", "patients", "--budget", "0.5",
                  "--delta", "1e-3")
    assert done.code == 0, done.err
    assert train(privet, part, "0.3").code == 0
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == pytest.approx(1.3)
    assert privet("dataset", "version", "patients", grown).code == 0


def test_unregistered_data_are_nobodys(privet: Any, registered: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    body = [f"{20 + i % 60}.5,Chur,{'yes' if i % 2 else 'no'}" for i in range(90)]
    other.write_text("\n".join(["age,city,ill", *body]) + "\n")
    other.with_suffix(".toml").write_text(SCHEMA)
    done = train(privet, other)
    assert done.code == 0 and "not recorded" in done.out
    assert kinds() == ["dataset.register"]


def test_comparing_is_recorded_and_training_in_the_clear_refused(
    privet: Any, registered: Path
) -> None:
    done = privet("compare", registered, "--epsilon", "1", "--seeds", "2", "--purpose", "choose")
    assert done.code == 0, done.err
    assert kinds()[-1] == "run.commit"
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == 0.0
    plain = privet("train", registered, "--protect", "plain", "--out", "m.safetensors")
    assert plain.code == 2 and "promises nothing" in plain.err


POLICY = """\
owner = "St. Mary"

[approvers]
"Anna Berg" = "{public}"

[default]
actions = ["fit"]
protections = ["private"]
purposes = {{ care = {{ epsilon = 2.0 }} }}
epsilon_per_release = 1.0
delta_per_release = 1e-3
minimum_cohort = 50
approvals = 1
approvers = ["Anna Berg"]
"""


def test_one_exact_job_runs_once_it_is_approved(privet: Any, registered: Path) -> None:
    key = json.loads(privet("key", "new", "--out", "anna.key", "--json").out)
    assert privet("key", "new", "--out", "anna.key").code == 2, "a key is never written over"
    Path("policy.toml").write_text(POLICY.format(public=key["public"]))
    assert privet("policy", "pending").code == 2
    assert privet("policy", "adopt", "policy.toml").code == 0
    assert "St. Mary" in privet("policy", "show").out
    care = ("--purpose", "care")
    early = train(privet, registered, "1", *care)
    assert early.code == 2 and "approvals" in early.err
    ask = ("request", "train", registered, "--epsilon", "1", *DELTA, *care,
           "--reason", "yearly model")
    done = privet(*ask, "--page", "request.html")
    assert done.code == 0, done.err
    assert "yearly model" in Path("request.html").read_text()
    job = re.search(r"^privet approve (\w+)", done.out, re.M)
    assert job is not None
    assert job[1] in privet("policy", "pending").out
    assert privet("policy", "pending", job[1], "--html", "again.html").code == 0
    assert privet("approve", job[1], "--key", "anna.key").code == 0
    assert "No request waits" in privet("policy", "pending").out
    assert train(privet, registered, "0.9", *care).code == 2, "another job"
    assert train(privet, registered, "1", *care).code == 0
    assert train(privet, registered, "1", "--purpose", "fun").code == 2
    assert privet("revoke", job[1], "--key", "anna.key", "--reason", "ended").code == 0
    assert privet("deny", job[1], "--key", "anna.key", "--reason", "no more").code == 0
    assert privet("approve", "abc", "--key", "anna.key").code == 2


def test_reports_and_receipts_are_written(privet: Any, registered: Path) -> None:
    train(privet, registered)
    for kind in ("card", "ropa"):
        assert privet("report", "--format", kind, "--out", f"{kind}.html").code == 0
        assert "not evidenced" in Path(f"{kind}.html").read_text()
    assert kinds()[-2:] == ["report", "report"]
    assert privet("ledger", "receipt", "4", "--out", "r.json").code == 0
    done = privet("verify-receipt", "r.json", "--html", "r.html")
    assert done.code == 0 and "holds" in done.out and Path("r.html").exists()
    record = json.loads(Path("r.json").read_text())
    record["entry"]["time"] = "2001-01-01T00:00:00.000000Z"
    Path("r.json").write_text(json.dumps(record))
    forged = privet("verify-receipt", "r.json")
    assert forged.code == 2 and "does not hold" in forged.err
    assert privet("verify-receipt", "r.json", "--json").code == 2


def test_reports_show_the_adopted_organisation_file(
    privet: Any, registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(privet, registered)
    Path("organisation.toml").write_text(ORGANISATION)
    ropa = ("report", "--format", "ropa", "--out", "ropa.html")
    for _ in range(2):
        refused = privet(*ropa, "--organisation", "organisation.toml")
        assert refused.code == 2 and "write: privet report adopt organisation.toml" in refused.err
        assert not Path("ropa.html").exists()
        Path("organisation.toml").write_text(ORGANISATION.replace("General", "St. Mary"))
        assert privet("report", "adopt", "organisation.toml").code == 0
        Path("organisation.toml").write_text(ORGANISATION)
    assert privet("report", "adopt", "organisation.toml", "--json").json["entry"] == 8
    train(privet, registered)
    assert privet(*ropa, "--organisation", "organisation.toml").code == 0
    page = Path("ropa.html").read_text()
    assert "General Hospital" in page and "St. Mary Hospital" not in page
    assert "1 run made when none was adopted" in page
    assert "1 run made under the text that is shown here" in page
    assert privet("report").code == 2
    lost = privet("report", "--out", "ropa.html", "adopt", "organisation.toml")
    assert lost.code == 2 and "privet report adopt --help" in lost.err
    monkeypatch.setenv("PRIVET_LEDGER", str(Ledger.open().address))
    assert privet("report", "adopt", "organisation.toml").code == 0, "no option was given"


def test_a_budget_moves_once(privet: Any, registered: Path, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    identity = Ledger.open(other).identity
    moved = json.loads(privet("budget", "transfer", "patients", "--to", identity, "--share", "0.5",
                              "--out", "moved.json", "--json").out)
    take = ("budget", "import", "moved.json", "--key-id", moved["key"], "--ledger", other)
    assert privet(*take).code == 0
    again = privet(*take)
    assert again.code == 2 and "imported already" in again.err
    here, there = (
        json.loads(privet("budget", "show", "patients", "--json", *where).out)["fits"]
        for where in ((), ("--ledger", other))
    )
    assert here + there == pytest.approx(2.0)


def test_a_year_is_planned(privet: Any, registered: Path) -> None:
    found = json.loads(privet("budget", "plan", "patients", "--release", "counts:0.1:12:1",
                              "--release", "model:1", "--json").out)
    assert [row["fits"] for row in found["releases"]] == [12, 0]
    assert found["releases"][0]["error"] > 10
    assert privet("budget", "plan", "--release", "model:1").code == 2
    assert privet("budget", "plan", "--budget", "1", "--release", "model").code == 2


def test_a_private_draft_of_registered_data_spends(privet: Any, registered: Path) -> None:
    done = privet("schema", "draft", registered, "--private", "--epsilon", "0.5", "--kind",
                  "age=number", "--out", "drafted.toml")
    assert done.code == 0, done.err
    left = json.loads(privet("budget", "show", "patients", "--json").out)
    assert left["spent"]["epsilon"] == 0.5


def restorer(home: Path, folder: Path) -> Any:
    """A function that puts the default ledger back as it is now."""
    shutil.copytree(home, folder, ignore=shutil.ignore_patterns("state"))

    def restore() -> None:
        for path in home.glob("ledger.*"):
            path.unlink()
        shutil.copytree(folder, home, dirs_exist_ok=True)

    return restore


def fits(privet: Any) -> float:
    found = json.loads(privet("budget", "show", "patients", "--json").out)["fits"]
    assert isinstance(found, float)
    return found


def test_a_restored_backup_is_refused_until_it_is_adopted(
    privet: Any, registered: Path, home: Path, tmp_path: Path
) -> None:
    restore = restorer(home, tmp_path / "backup")
    early = privet("ledger", "adopt", "--lost", "0", "--reason", "x")
    assert early.code == 2 and "nothing to adopt" in early.err
    assert train(privet, registered, "1.5").code == 0
    assert train(privet, registered, "0.25").code == 0, "a ledger that has grown is no other one"
    restore()
    assert fits(privet) == 2.0, "what was spent is forgotten in this copy"
    over = train(privet, registered, "1")
    assert over.code == 2 and "older than the one that was seen" in over.err
    assert "privet ledger adopt" in over.err
    assert kinds() == ["dataset.register"]
    for lost in ("-1", "inf", "much"):
        assert privet("ledger", "adopt", "--lost", lost, "--reason", "x").code == 2
    assert privet("ledger", "adopt", "--lost", "1.75").code == 2, "a reason is needed"
    much = privet("ledger", "adopt", "--lost", "2.5", "--reason", "disk lost")
    assert much.code == 2 and "less left" in much.err
    done = privet("ledger", "adopt", "--lost", "1.75", "--reason", "disk lost", "--json")
    assert done.code == 0, done.err
    assert done.json == {"entries": {"patients": 3}, "lost": 1.75, "outstanding": []}
    assert "disk lost" in privet("ledger", "list").out
    assert train(privet, registered, "1").code == 2
    assert fits(privet) == pytest.approx(0.25)
    assert train(privet, registered, "0.25").code == 0
    assert privet("budget", "audit").code == 0
    assert verify(Ledger.open()).ok


def test_a_killed_run_is_remembered_too(
    privet: Any, registered: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = restorer(home, tmp_path / "backup")

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit(137)

    monkeypatch.setattr("privet.govern.steward.settle", killed)
    assert train(privet, registered).code != 0
    assert kinds()[-1] == "run.reserve"
    monkeypatch.undo()
    monkeypatch.setenv("PRIVET_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    restore()
    assert "older than" in train(privet, registered).err


def test_a_deleted_or_replaced_ledger_is_refused(
    privet: Any, registered: Path, home: Path
) -> None:
    assert train(privet, registered, "1.5").code == 0
    for path in home.glob("ledger.*"):
        path.unlink()
    gone = train(privet, registered)
    assert gone.code == 2 and "one was used before" in gone.err
    Ledger.open()
    empty = privet("ledger", "adopt", "--lost", "0", "--reason", "x")
    assert empty.code == 2 and "privet dataset register" in empty.err
    done = privet("dataset", "register", "patients", registered, "--budget", "2", "--delta", "1e-3")
    assert done.code == 0, done.err
    other = train(privet, registered)
    assert other.code == 2 and "another ledger" in other.err
    assert privet("ledger", "adopt", "patients", "--lost", "1.5", "--reason", "lost").code == 0
    assert train(privet, registered, "0.6").code == 2
    assert train(privet, registered, "0.5").code == 0


def test_a_named_ledger_that_is_gone_is_refused(
    privet: Any, registered: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = home / "ledger.db"
    monkeypatch.setenv("PRIVET_LEDGER", str(where))
    assert train(privet, registered).code == 0
    where.unlink()
    assert "one was used before" in train(privet, registered).err
    monkeypatch.setenv("PRIVET_LEDGER", str(home / "never.db"))
    assert "there is no ledger at" in train(privet, registered).err


def test_an_owner_adopts_with_the_key_of_the_registration(
    privet: Any, registered: Path, home: Path, tmp_path: Path
) -> None:
    made = json.loads(privet("key", "new", "--out", "owner.key", "--json").out)
    privet("key", "new", "--out", "other.key")
    Path("owner.pub").write_text(made["public"] + "\n")
    Path("odd.pub").write_text("no key\n")
    lines = registered.read_text().splitlines()
    register = ("--budget", "1", "--delta", "1e-3", "--parent", "patients", "--owner-key")
    for number, given in enumerate((made["public"], "owner.pub", "owner.key")):
        part = tmp_path / f"part{number}.csv"
        part.write_text("\n".join(lines[: 40 + number]) + "\n")
        done = privet("dataset", "register", f"part{number}", part, *register, given)
        assert done.code == 0, done.err
    keys = {e.payload["owner_key"] for e in Ledger.open().entries(kind="dataset.register", start=3)
            if e.payload}
    assert keys == {made["public"]}
    for wrong in ("none.key", "odd.pub"):
        assert privet("dataset", "register", "x", registered, *register, wrong).code == 2
    restore = restorer(home, tmp_path / "backup")
    assert train(privet, registered, "0.5").code == 0
    restore()
    adopt = ("ledger", "adopt", "--reason", "disk lost", "--lost")
    unsaid = privet(*adopt, "0.5")
    assert unsaid.code == 2 and "which data set" in unsaid.err
    mine = privet(*adopt, "0.5", "patients")
    assert mine.code == 0 and "Still refused" in mine.out
    assert train(privet, registered, "0.1").code == 2
    for key in ((), ("--owner-key", "other.key")):
        refused = privet(*adopt, "0", *key)
        assert refused.code == 2 and "--owner-key FILE" in refused.err
    assert privet(*adopt, "0", "patients").code == 2, "adopted already"
    done = privet(*adopt, "0", "--owner-key", "owner.key")
    assert done.code == 0, done.err
    assert train(privet, registered, "0.1").code == 0


def test_adopting_is_explained_with_an_example(privet: Any) -> None:
    done = privet("ledger", "adopt", "--help")
    assert done.code == 0
    for words in ("Example:", "--lost", "--reason", "--owner-key", "privet ledger adopt patients"):
        assert words in done.out


def test_persons_are_forgotten_and_the_others_are_known(
    privet: Any, registered: Path, home: Path, tmp_path: Path
) -> None:
    lines = registered.read_text().splitlines()
    leaving = tmp_path / "leaving.csv"
    leaving.write_text("\n".join(lines[:2]) + "\n")
    leaving.with_suffix(".toml").write_text(SCHEMA)
    alone = train(privet, leaving)
    assert "shares units" in alone.err
    for words in ((), (leaving, "--all")):
        assert privet("dataset", "forget", "patients", *words).code == 2
    done = privet("dataset", "forget", "patients", leaving, "--json")
    assert done.code == 0 and done.json == {"name": "patients", "entry": 3}
    assert "shares units" not in train(privet, leaving).err
    assert "nothing was written" in privet("dataset", "forget", "patients", leaving).out
    assert train(privet, registered, "0.5").code == 0
    assert "Erased" in privet("dataset", "forget", "patients", "--all").out
    assert train(privet, registered, "0.5").code == 0, "an exact copy is known by its content"
    assert privet("budget", "audit").code == 0


def test_after_a_new_hash_key_each_set_needs_a_version(
    privet: Any, registered: Path, home: Path
) -> None:
    assert "privet dataset version patients FILE" in privet("dataset", "rekey").out
    assert train(privet, registered, "0.5").code == 0
    assert "run.commit" in kinds()
    assert privet("dataset", "rekey").code == 2
    assert privet("dataset", "version", "patients", registered).code == 0
    assert not (home / "ledger.hash.old").exists()
    done = train(privet, registered, "0.5")
    assert done.code == 0, done.err
    assert "not recorded" not in done.out
    assert privet("dataset", "rekey").code == 0


def test_a_changed_sketch_is_named(privet: Any, registered: Path, home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.db")) as connection, connection:
        connection.execute("DELETE FROM sketches")
    audit = privet("budget", "audit")
    assert audit.code == 2 and "the sketch of 'patients' that entry 2 promises" in audit.err
    whole = privet("ledger", "verify")
    assert whole.code == 2 and "the sketch of 'patients' that entry 2 promises" in whole.err
    refused = train(privet, registered)
    assert refused.code == 2 and "privet dataset forget patients --all" in refused.err
    assert privet("dataset", "forget", "patients", "--all").code == 0
    assert privet("dataset", "version", "patients", registered).code == 0
    assert privet("budget", "audit").code == 0
    assert train(privet, registered).code == 0


def test_nothing_is_written_to_a_restored_backup_until_it_is_adopted(
    privet: Any, registered: Path, home: Path, tmp_path: Path
) -> None:
    other, leaving = str(tmp_path / "other.db"), tmp_path / "leaving.csv"
    leaving.write_text("age,city,ill\n20.5,Chur,no\n")
    leaving.with_suffix(".toml").write_text(SCHEMA)
    identity = Ledger.open(other).identity
    key = json.loads(privet("key", "new", "--out", "anna.key", "--json").out)
    Path("policy.toml").write_text(POLICY.format(public=key["public"]))
    restore = restorer(home, tmp_path / "backup")
    assert train(privet, registered, "0.5").code == 0
    assert privet("ledger", "verify").code == 0
    restore()
    writing = (
        ("budget", "transfer", "patients", "--to", identity, "--share", "0.5", "--out", "m.json"),
        ("dataset", "register", "new", leaving, "--budget", "1"),
        ("dataset", "version", "patients", registered),
        ("dataset", "forget", "patients", leaving),
        ("dataset", "forget", "patients", "--all"),
        ("dataset", "rekey"),
        ("approve", "0123456", "--key", "anna.key"),
        ("deny", "0123456", "--key", "anna.key", "--reason", "x"),
        ("revoke", "0123456", "--key", "anna.key", "--reason", "x"),
        ("policy", "adopt", "policy.toml"),
    )
    for words in writing:
        refused = privet(*words)
        assert refused.code == 2 and "older than the one that was seen" in refused.err, words
        assert "privet ledger adopt" in refused.err
    assert kinds() == ["dataset.register"] and not Path("m.json").exists()
    told = privet("ledger", "verify", "--json")
    assert told.code == 2 and "older than the one that was seen" in told.err
    assert (told.json["holds"], told.json["as_last_seen"]) == (True, False)
    assert privet("ledger", "adopt", "--lost", "0.5", "--reason", "disk lost").code == 0
    assert privet("ledger", "verify", "--json").json["as_last_seen"] is True
    for words in (*writing[:3], writing[-1]):
        done = privet(*words)
        assert done.code == 0, done.err


@pytest.mark.parametrize("write", ["transfer", "policy"])
def test_what_a_command_wrote_is_remembered(
    privet: Any, registered: Path, home: Path, tmp_path: Path, write: str
) -> None:
    identity = Ledger.open(str(tmp_path / "other.db")).identity
    key = json.loads(privet("key", "new", "--out", "anna.key", "--json").out)
    Path("policy.toml").write_text(POLICY.format(public=key["public"]))
    words = {"transfer": ("budget", "transfer", "patients", "--to", identity, "--out", "m.json"),
             "policy": ("policy", "adopt", "policy.toml")}[write]
    restore = restorer(home, tmp_path / "backup")
    assert privet(*words).code == 0
    restore()
    refused = train(privet, registered)
    assert refused.code == 2 and "older than the one that was seen" in refused.err
    again = privet(*words)
    assert again.code == 2 and "older than the one that was seen" in again.err


def test_a_gone_ledger_is_told_and_nothing_is_taken_into_the_next(
    privet: Any, registered: Path, home: Path, tmp_path: Path
) -> None:
    other = str(tmp_path / "other.db")
    privet("dataset", "register", "others", registered, "--budget", "1", "--ledger", other)
    for path in home.glob("ledger.*"):
        path.unlink()
    for asked in (("dataset", "list"), ("policy", "adopt", "policy.toml")):
        Path("policy.toml").write_text(POLICY.format(public="ab" * 32))
        gone = privet(*asked)
        assert gone.code == 2 and "one was used before" in gone.err, gone.err
    moved = privet("budget", "transfer", "others", "--to", Ledger.open().identity, "--ledger",
                   other, "--out", "moved.json", "--json").json
    assert privet("policy", "adopt", "policy.toml").code == 2
    assert privet("budget", "import", "moved.json", "--key-id", moved["key"]).code == 0
    assert "another ledger" in privet("dataset", "version", "others", registered).err
    assert privet("ledger", "adopt", "--lost", "0.2", "--reason", "lost").code == 0
    assert privet("dataset", "version", "others", registered).code == 0
