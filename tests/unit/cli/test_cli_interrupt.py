"""Ctrl-C: exit code 130, one line, no file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.cli.cli_helpers import start


@pytest.mark.slow
@pytest.mark.parametrize(("delay", "sent", "code"), [
    (2.5, signal.SIGINT, 130), (6.0, signal.SIGINT, 130), (4.0, signal.SIGTERM, 143),
])  # fmt: skip
def test_a_comparison_that_is_stopped_leaves_no_file(
    tmp_path: Path, patients: Path, schema: Path, delay: float, sent: signal.Signals, code: int
) -> None:
    process = start("compare", patients, "--schema", schema, "--seeds", "5000",
                    "--html", "report.html", folder=tmp_path)  # fmt: skip
    time.sleep(delay)
    assert process.poll() is None, process.communicate()
    process.send_signal(sent)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert out == ""
    told = "Error: interrupted; no file was written." if sent == signal.SIGINT else ""
    assert err.strip() == told
    assert {path.name for path in tmp_path.iterdir()} == {"patients.csv", "patients.toml"}


def test_an_interrupt_while_writing_leaves_no_file(privet, patients, schema, monkeypatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    done = privet("compare", patients, "--schema", schema, "--protect", "plain", "--seeds", "2",
                  "--html", "report.html")  # fmt: skip
    assert done.code == 130
    assert done.out == ""
    assert not Path("report.html").exists()
    assert {path.name for path in Path().iterdir()} == {"patients.csv", "patients.toml"}


def test_ctrl_c_as_a_process_exits_with_130(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "import privet.cli.doctor as doctor\n"
        "doctor.examine = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "import sys; sys.argv = ['privet', 'doctor']\n"
        "from privet.cli.main import main; main()\n"
    )
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=tmp_path, timeout=60)  # fmt: skip
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
