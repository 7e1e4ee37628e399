"""What a policy's refusal says to write is a line that works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.cli_helpers import SCHEMA

POLICY = """\
owner = "St. Mary"

[approvers]
"Anna Berg" = "{public}"

[default]
actions = ["fit"]
protections = ["private"]
purposes = {{ care = {{}} }}
epsilon_per_release = 1.0
delta_per_release = 1e-3
{terms}
"""
CARE = ("--purpose", "care", "--delta", "1e-4")


@pytest.fixture
def adopted(privet: Any, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Register `patients` and adopt a policy with some terms."""
    monkeypatch.setenv("PRIVET_HOME", str(patients.parent / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")

    def adopt(terms: str) -> Path:
        assert privet("dataset", "register", "patients", patients, "--budget", "2", "--delta",
                      "1e-3").code == 0
        key = json.loads(privet("key", "new", "--out", "anna.key", "--json").out)
        Path("policy.toml").write_text(POLICY.format(public=key["public"], terms=terms))
        assert privet("policy", "adopt", "policy.toml").code == 0
        return patients

    return adopt


def train(privet: Any, data: Path) -> Any:
    return privet("train", data, *CARE, "--out", "m.safetensors")


def words(line: str, **names: str) -> list[str]:
    """A command line with its placeholders filled in, without the program's name."""
    return [names.get(word, word) for word in shlex.split(line)][1:]


def test_the_commands_that_a_missing_approval_names_lead_to_the_run(
    privet: Any, adopted: Any
) -> None:
    data = adopted("approvals = 1")
    refused = train(privet, data)
    assert refused.code == 2
    said = " ".join(refused.err.split())
    asked = r'(privet request train DATA --reason "\.\.\.")'
    found = re.search(asked + r".*(privet approve \w+ --key FILE)", said)
    assert found is not None, said
    ask, approve = found.groups()
    assert privet(*words(ask, DATA=str(data)), *CARE).code == 0
    assert privet(*words(approve, FILE="anna.key")).code == 0
    assert train(privet, data).code == 0


def test_a_column_that_is_not_allowed_is_left_out_of_the_schema(
    privet: Any, adopted: Any, schema: Path
) -> None:
    data = adopted('columns = ["age", "ill"]')
    refused = train(privet, data)
    assert refused.code == 2
    assert 'kind = "ignore"   # under [columns.city] in the schema' in refused.err
    schema.write_text(SCHEMA.replace(
        'kind = "category"\ncategories = ["Bern", "Genf", "Chur"]', 'kind = "ignore"'
    ))
    done = train(privet, data)
    assert done.code == 0, done.err


def test_the_report_that_must_exist_is_written_as_told(privet: Any, adopted: Any) -> None:
    data = adopted('reports = ["ropa"]')
    refused = train(privet, data)
    found = re.search(r"privet report --format ropa --data-set patients --out ropa.html",
                      refused.err)
    assert refused.code == 2 and found is not None
    assert privet(*words(found[0])).code == 0
    assert train(privet, data).code == 0


def test_the_assessment_that_must_exist_is_recorded_as_told(privet: Any, adopted: Any) -> None:
    data = adopted('reports = ["dpia"]')
    line = remedy(train(privet, data))
    assert line == "privet report record patients FILE --kind dpia --by ROLE"
    Path("dpia.pdf").write_bytes(b"%PDF")
    assert privet("report", "list").out == "No report exists.\n"
    named = {"FILE": "dpia.pdf", "ROLE": "data-protection officer"}
    assert privet(*words(line, **named)).code == 0
    listed = privet("report", "list", "patients", "--json").json["reports"]
    assert [(item["kind"], item["by"], item["title"]) for item in listed] == [
        ("dpia", "data-protection officer", "data-protection impact assessment")]
    assert "data-protection officer" in privet("report", "list").out
    assert privet("report", "list", "others").code == 2
    done = train(privet, data)
    assert done.code == 0, done.err


def test_a_constant_target_is_exchanged_by_an_option(privet: Any, patients: Path) -> None:
    Path("same.toml").write_text(SCHEMA.replace('["no", "yes"]', '["no", "yes", "maybe"]'))
    lines = patients.read_text().splitlines()
    place = lines[0].split(",").index("ill")
    rows = [line.split(",") for line in lines[1:]]
    same = [",".join([*row[:place], "no", *row[place + 1 :]]) for row in rows]
    patients.write_text("\n".join([lines[0], *same]) + "\n")
    refused = privet("train", patients, "--schema", "same.toml", "--protect", "plain", "--out",
                     "m.safetensors")  # fmt: skip
    assert refused.code == 2
    assert "write: --target COLUMN   # one that varies" in refused.err
    done = privet("train", patients, "--schema", "same.toml", "--protect", "plain", "--out",
                  "m.safetensors", "--target", "age")  # fmt: skip
    assert done.code == 0, done.err


@pytest.fixture
def registered(privet: Any, patients: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`patients` with a budget of epsilon 1."""
    monkeypatch.setenv("PRIVET_HOME", str(patients.parent / "home"))
    done = privet("dataset", "register", "patients", patients, "--budget", "1", "--delta", "1e-3")
    assert done.code == 0, done.err
    return patients


def remedy(done: Any) -> str:
    """The line that a refusal says to write."""
    assert done.code == 2
    found = re.search(r"write: (.+)", done.err)
    assert found is not None, done.err
    return found[1]


def test_the_line_for_a_derived_set_registers_it(privet: Any, registered: Path) -> None:
    part = registered.parent / "part.csv"
    part.write_text("\n".join(registered.read_text().splitlines()[:30]) + "\n")
    part.with_suffix(".toml").write_text(SCHEMA)
    line = remedy(train(privet, part))
    named = {"NAME": "part", "FILE": str(part), "EPSILON": "0.5"}
    assert privet(*words(line, **named)).code == 0
    again = remedy(privet(*words(line, **named)))
    assert again == "privet dataset register part-2 FILE --budget EPSILON"


def test_what_still_fits_is_said_in_options(privet: Any, registered: Path) -> None:
    line = remedy(privet("train", registered, "--epsilon", "2", "--delta", "1e-4", "--out", "m.st"))
    assert line.startswith("--epsilon 1.0 --delta 0.001   # the most that fits")


def test_a_row_is_a_unit_that_can_be_named(privet: Any, registered: Path) -> None:
    lines = [line.split(",") for line in registered.read_text().splitlines()]
    visits = registered.parent / "visits.csv"
    visits.write_text("".join(
        f"{'id' if number == 0 else number // 2},{','.join(cells)}\n"
        for number, cells in enumerate(lines)))
    visits.with_suffix(".toml").write_text(
        SCHEMA + '\n[unit]\ncolumn = "id"\nmax_rows = 3\n[columns.id]\nkind = "identifier"\n')
    register = ("dataset", "register", "visits", visits, "--budget", "1", "--delta", "1e-3")
    asked = privet(*register, "--parent", "patients")
    assert "--unit row" in remedy(asked)
    done = privet(*register, "--parent", "patients", "--unit", "row", "--json")
    assert done.code == 0, done.err
    assert (done.json["unit"], done.json["units"]) == ("row", done.json["rows"])
    version = privet("dataset", "version", "visits", visits, "--json")
    assert version.code == 0 and version.json["units"] == done.json["units"]


@pytest.mark.parametrize(("asked", "line"), [
    (("dataset", "register", "x", "patients.csv", "--budget", "nan"), "--budget 3"),
    (("dataset", "register", "x", "patients.csv", "--budget", "much"), "--budget 3"),
    (("dataset", "register", "x", "patients.csv", "--budget", "1", "--purpose", "a b=nan"),
     "--purpose 'a b=1'"),
    (("dataset", "register", "x", "patients.csv", "--budget", "1", "--purpose", "a=5",
      "--purpose", "a=0.1"), "--purpose a=1"),
    (("budget", "plan", "--budget", "nan", "--release", "m:1"), "--budget 3"),
    (("budget", "plan", "--budget", "3", "--release", "m:nan"),
     '--release "monthly counts:0.1:12:1"'),
    (("budget", "transfer", "patients", "--to", "0" * 32, "--share", "2", "--out", "m.json"),
     "--share all"),
    (("ledger", "adopt", "--lost", "nan", "--reason", "x"),
     "--lost EPSILON   # what was spent meanwhile"),
])  # fmt: skip
def test_a_number_that_is_none_is_mended_at_its_own_option(
    privet: Any, registered: Path, asked: tuple[str, ...], line: str
) -> None:
    assert remedy(privet(*asked)) == line


def test_changed_data_run_under_a_policy_once_they_are_a_version(
    privet: Any, adopted: Any
) -> None:
    data = adopted("")
    data.write_text(data.read_text() + data.read_text().splitlines()[1] + "\n")
    line = remedy(train(privet, data))
    assert line == "privet dataset version patients FILE"
    assert privet(*words(line, FILE=str(data))).code == 0
    done = train(privet, data)
    assert done.code == 0, done.err
