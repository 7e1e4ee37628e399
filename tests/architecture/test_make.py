"""The two commands: what they are made of, and the one line that each failure ends with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("demo", "test", "check", "lint", "bench", "peers", "clean", "test-all-pythons")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


# A make that runs these tests would pass its own flags on.
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def run(*command: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=OUTSIDE | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@needs_make
def test_help_lists_every_target():
    shown = run("make", "help").stdout
    assert {line.split()[0] for line in shown.splitlines()} == {"help", *TARGETS}


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_declared(target):
    done = run("make", "--dry-run", target)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["run", "venv", "peer", "pythons"])
def test_scripts_are_executable_and_parse(name):
    path = ROOT / ".ci" / name
    assert os.access(path, os.X_OK)
    assert run("bash", "-n", str(path)).returncode == 0


def test_ci_runs_tests_then_linters_then_everything():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (\w+)$", text, re.MULTILINE) == ["test", "lint", "check"]


def test_fast_tests_leave_out_every_marker_but_none_unknown():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    left_out = set(re.findall(r"not (\w+)", re.search(r"^FAST := (.*)$", makefile, re.M)[1]))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    markers = re.search(r"markers = \[(.*?)\n\]", project, re.DOTALL)[1]
    assert left_out == set(re.findall(r'"(\w+):', markers))


def failed_with_one_remedy(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("privet: ")]
    assert len(said) == 1, done.stderr
    return said[0]


def test_a_python_too_old_or_absent_ends_with_one_line(tmp_path):
    done = run(str(ROOT / ".ci" / "venv"), ".venv", folder=tmp_path, PYTHON="/nonexistent/python")
    assert "needs Python 3.11 or newer" in failed_with_one_remedy(done)
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 310\n")
    old.chmod(0o755)
    done = run(str(ROOT / ".ci" / "venv"), ".venv", folder=tmp_path, PYTHON=str(old))
    assert "needs Python 3.11 or newer" in failed_with_one_remedy(done)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_without_a_package_index_it_ends_with_one_line(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = run(
        str(ROOT / ".ci" / "venv"),
        ".venv",
        folder=tmp_path,
        PYTHON=sys.executable,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="https://localhost:9/simple",
    )
    assert "no package index can be reached" in failed_with_one_remedy(done)
