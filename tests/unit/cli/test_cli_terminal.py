"""On a terminal: a progress bar on stderr, and nothing of it on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals on this platform")


def on_a_terminal(*words: str | Path, folder: Path, **extra: str) -> tuple[int, str, str]:
    """Run with stderr on a pseudo-terminal: exit code, stdout, what the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "privet", *map(str, words)],
        cwd=folder, env=os.environ | {"COLUMNS": "80", "TERM": "xterm"} | extra,
        stdout=subprocess.PIPE, stderr=slave, text=True,
    )  # fmt: skip
    os.close(slave)
    shown = bytearray()
    while chunk := _read(master):
        shown += chunk
    out = process.communicate(timeout=120)[0]
    os.close(master)
    return process.returncode, out, shown.decode(errors="replace")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux: the other end was closed
        return b""


WORDS = ("compare", "patients.csv", "--protect", "plain", "--seeds", "3")


def test_a_bar_is_shown_on_stderr(tmp_path: Path, patients: Path, schema: Path) -> None:
    code, out, shown = on_a_terminal(*WORDS, folder=tmp_path)
    assert code == 0, shown
    assert "/3" in shown, "steps done of steps in all"
    assert "/3" not in out and "\x1b" not in out
    assert "plain" in out


@pytest.mark.slow
def test_no_colour(tmp_path: Path, patients: Path, schema: Path) -> None:
    coloured = on_a_terminal(*WORDS, folder=tmp_path)[2]
    plain = on_a_terminal(*WORDS, folder=tmp_path, NO_COLOR="1")[2]
    assert "\x1b[3" in coloured
    assert "\x1b[3" not in plain


def test_no_bar_with_json(tmp_path: Path, patients: Path, schema: Path) -> None:
    code, out, shown = on_a_terminal(*WORDS, "--json", folder=tmp_path)
    assert code == 0
    assert shown == ""
    assert out.startswith("{")
