"""Every example runs beside the data it names, and says something."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NUMBERED = sorted(EXAMPLES.glob("[0-9][0-9]_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.name)
def test_example_runs(path, tmp_path):
    for name in ("patients.csv", "patients.toml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "privacy" in done.stdout


def test_there_are_examples_and_their_numbers_differ():
    numbers = [path.name[:2] for path in NUMBERED]
    assert len(numbers) >= 3
    assert len(set(numbers)) == len(numbers)


def test_patients_are_what_the_script_writes(tmp_path):
    shutil.copy(EXAMPLES / "make_patients.py", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make_patients.py")], check=True)
    written = (tmp_path / "patients.csv").read_bytes()
    assert written == (EXAMPLES / "patients.csv").read_bytes()
