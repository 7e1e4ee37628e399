"""Several processes, killed processes, full disks, locked and read-only files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from privet.errors import Unavailable
from privet.govern.ledger import Ledger, verify
from tests.unit.govern.ledgers import FIT, plain

APPENDER = """
import sys
from privet.govern.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    entry = ledger.append("fit", {"number": number, "who": sys.argv[3]})
    sys.stdout.write(f"{entry.seq} {number}\\n")
    sys.stdout.flush()
"""


def appender(path, count, who="me"):
    command = [sys.executable, "-c", APPENDER, str(path), str(count), who]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_begin_one_ledger_and_append_to_it(tmp_path):
    path = tmp_path / "l.db"
    processes = [appender(path, 25, str(number)) for number in range(4)]
    seqs = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        seqs += [int(line.split()[0]) for line in out.splitlines()]
    assert sorted(seqs) == list(range(2, 102))
    ledger = Ledger.open(path)
    assert verify(ledger).ok
    for number in range(4):
        mine = [e.payload["number"] for e in ledger.entries(kind="fit")
                if e.payload["who"] == str(number)]
        assert mine == list(range(25))
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_kill_loses_nothing_acknowledged(tmp_path):
    path = tmp_path / "l.db"
    acknowledged = {}
    for round_, wait in enumerate([0.0, 0.003, 0.01, 0.031, 0.07, 0.2]):
        process = appender(path, 100_000, str(round_))
        lines = [process.stdout.readline()]
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.wait()
        for line in lines:
            parts = line.split()
            if len(parts) == 2:
                acknowledged[int(parts[0])] = (int(parts[1]), str(round_))
        ledger = Ledger.open(path)
        assert verify(ledger).ok
        found = {e.seq: (e.payload["number"], e.payload["who"])
                 for e in ledger.entries(kind="fit")}
        assert acknowledged.items() <= found.items()
        # At most one entry was written and not yet acknowledged in each round.
        assert len(found) - len(acknowledged) <= round_ + 1
        ledger.close()
    assert len(acknowledged) > 10


def test_locked_ledger_says_so_and_writes_nothing(tmp_path):
    path = tmp_path / "l.db"
    plain(path, 1)
    other = Ledger.open(path)
    with closing(Ledger.open(path, timeout=0.1)) as ledger, other.transaction() as work:
        work.append("fit", FIT)
        with pytest.raises(Unavailable, match="another process holds"):
            ledger.append("fit", FIT)
        assert ledger.head().size == 2
    assert other.append("fit", FIT).seq == 4
    assert verify(other).ok


def test_full_disk_writes_nothing(tmp_path):
    ledger = plain(tmp_path / "l.db", 3)
    with ledger.transaction() as work:
        work.connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(Unavailable, match="full"):
        for _ in range(100):
            ledger.append("fit", {"text": "x" * 9000})
    size = ledger.head().size
    assert verify(ledger).ok
    ledger.close()
    again = Ledger.open(tmp_path / "l.db")
    assert again.append("fit", FIT).seq == size + 1


LIMITED = """
import resource, signal, sys
from privet.errors import Unavailable
from privet.govern.ledger import Ledger, verify
ledger = Ledger.open(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for _ in range(1000):
        ledger.append("fit", {"text": "x" * 9000})
except Unavailable as error:
    size = ledger.head().size
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert verify(ledger).ok
    assert ledger.append("fit", {}).seq == size + 1
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_disk_that_fails_in_the_middle_of_a_write(tmp_path):
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "l.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing was written" in done.stdout
    assert verify(Ledger.open(tmp_path / "l.db")).ok


@pytest.fixture
def open_folder():
    """A folder that others may enter; those that pytest makes are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def as_nobody(code, path):
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


READ_ONLY = """
import os, sys
from privet.errors import Unavailable
from privet.govern.ledger import Ledger, verify
# Everything is imported before root becomes nobody, who may not read the interpreter.
with_rights = Ledger.open(sys.argv[1])
assert verify(with_rights).ok
with_rights.close()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    there = Ledger.open(sys.argv[1], create=False)
    assert verify(there).ok
    there.append("fit", {})
except Unavailable as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="users of Linux")
def test_read_only_file_says_so(open_folder):
    path = open_folder / "l.db"
    plain(path, 3)
    path.chmod(0o444)
    before = path.read_bytes()
    # The folder cannot be written either, so the log cannot be made there.
    open_folder.chmod(0o555)
    done = as_nobody(READ_ONLY, path)
    assert done.returncode == 0, done.stderr
    assert "read-only" in done.stdout
    assert "it can be read" in done.stdout
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="users of Linux")
def test_a_folder_that_may_not_be_entered_says_so(open_folder):
    path = open_folder / "l.db"
    plain(path, 1)
    closing = "os.chmod(os.path.dirname(sys.argv[1]), 0)\nif os.geteuid"
    done = as_nobody(READ_ONLY.replace("if os.geteuid", closing), path)
    assert done.returncode == 0, done.stderr
    assert "Permission denied" in done.stdout
