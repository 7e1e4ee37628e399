"""A process killed while it saves leaves the old model or the new one, never half of one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import privet as pv

KILLS = 16
_SAVES = """
import sys
import numpy as np
import privet as pv
x = np.random.default_rng(0).normal(size=(60, 2000))
model = pv.LinearRegression().fit(x, x[:, 0])
print("ready", flush=True)
while True:
    pv.save(model, sys.argv[1])
"""


@pytest.mark.slow
def test_a_kill_while_saving_leaves_a_whole_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    rows = np.eye(2000)[:3]
    expected = None
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", _SAVES, str(path)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            # The saves take about a millisecond each; the delays fall at different parts of them.
            time.sleep(0.02 + 0.00093 * kill)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        found = pv.load(path).predict(rows)
        expected = found if expected is None else expected
        np.testing.assert_allclose(found, expected)
