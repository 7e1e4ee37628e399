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
        key = json.loads(privet("policy", "key", "--out", "anna.key", "--json").out)
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
    found = re.search(r'(privet request DATA --reason "\.\.\.").*(privet approve \w+ --key FILE)',
                      said)
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
