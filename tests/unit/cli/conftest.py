"""An empty folder, a runner and a small data set for the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from privet.cli.main import cli
from tests.unit.cli.cli_helpers import SCHEMA, Run, rows

Runner = Callable[..., Run]


@pytest.fixture
def privet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str | Path) -> Run:
        result = CliRunner().invoke(cli, [str(word) for word in words])
        return Run(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """A clean CSV of 80 rows."""
    path = tmp_path / "patients.csv"
    path.write_text("\n".join(rows()) + "\n")
    return path


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A schema with public bounds that fits `patients`."""
    path = tmp_path / "patients.toml"
    path.write_text(SCHEMA)
    return path
