"""Counting the fits of one budget through copies, clones, threads and processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from privet.errors import OutOfBudget, Refused
from privet.protect.fits import FitCount


def test_copies_count_together() -> None:
    count = FitCount()
    copies = [copy.copy(count), copy.deepcopy(count), pickle.loads(pickle.dumps(count))]
    for each in copies:
        each.take(3, "linear")
    assert count.used == 3
    with pytest.raises(OutOfBudget, match="fits=3"):
        copies[0].take(3, "linear")
    assert count.used == 3


def test_threads_never_overspend() -> None:
    count = FitCount()

    def attempt(_: int) -> bool:
        try:
            count.take(50, "linear")
        except OutOfBudget:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(200))) == 50


def test_another_process_counts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "count"
    file.write_bytes(pickle.dumps(FitCount()))
    code = (
        "import pickle, sys\n"
        "from privet.errors import Refused\n"
        f"count = pickle.load(open({str(file)!r}, 'rb'))\n"
        "try: count.take(10, 'linear')\n"
        "except Refused as error: sys.exit(7 if 'n_jobs=1' in str(error) else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def test_a_forked_child_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    count = FitCount()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(Refused):
        count.take(10, "linear")
