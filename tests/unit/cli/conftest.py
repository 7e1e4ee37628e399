"""Small data sets and a runner for the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from privet.cli.main import cli

SCHEMA = """\
bounds_from = "domain"

[target]
name = "ill"

[columns.age]
kind = "number"
bounds = [0, 120]

[columns.city]
kind = "category"
categories = ["Bern", "Genf", "Chur"]

[columns.ill]
kind = "category"
categories = ["no", "yes"]
"""


@dataclass(frozen=True)
class Run:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


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


def start(*words: str | Path, folder: Path, **extra: str) -> subprocess.Popen[str]:
    """Start `python -m privet` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "privet", *map(str, words)],
        cwd=folder, env=os.environ | extra, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def rows(count: int = 80) -> list[str]:
    """Lines of a small CSV in which illness goes with age."""
    lines = ["age,city,ill"]
    for i in range(count):
        age = 20 + (i * 37) % 60
        lines.append(f"{age},{('Bern', 'Genf', 'Chur')[i % 3]},{'yes' if age > 50 else 'no'}")
    return lines


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
