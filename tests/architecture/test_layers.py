"""Import layers hold, as configured for import-linter; and a wrong import breaks them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="the lint extra is not installed")

ROOT = Path(__file__).resolve().parents[2]
CONFIG = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
ROOMS = (
    "errors",
    "claims",
    "entropy",
    "data",
    "dp",
    "mpc",
    "protect",
    "govern",
    "models",
    "estimators",
    "cli",
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", "pyproject.toml", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def planted(folder: Path, room: str, line: str) -> Path:
    """A package of the same rooms under another name, with one line in one room."""
    package = folder / "planted"
    for name in ROOMS:
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text(line if name == room else "")
    (package / "__init__.py").write_text("")
    start = CONFIG.index("[tool.importlinter]")
    section = CONFIG[start:].replace('"privet"', '"planted"')
    (folder / "pyproject.toml").write_text(section)
    return folder


def test_package_keeps_its_layers():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("dp", "import planted.protect"),
        ("dp", "import planted.mpc"),
        ("mpc", "def f():\n    from planted.dp import something\n"),
        ("protect", "import planted.models"),
        ("protect", "import planted.govern"),
        ("govern", "import planted.protect"),
        ("models", "import planted.estimators"),
        ("data", "import planted.dp"),
        ("claims", "import planted.entropy"),
        ("errors", "import planted.claims"),
        ("estimators", "import planted.cli"),
    ],
)
def test_wrong_import_breaks_the_contract(tmp_path, room, line):
    done = lint(planted(tmp_path, room, line))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_import_that_goes_down_is_kept(tmp_path):
    done = lint(planted(tmp_path, "estimators", "import planted.models\nimport planted.dp\n"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_room_without_a_layer_breaks_the_contract(tmp_path):
    folder = planted(tmp_path, "dp", "")
    (folder / "planted" / "attic").mkdir()
    (folder / "planted" / "attic" / "__init__.py").write_text("")
    assert lint(folder).returncode == 1
