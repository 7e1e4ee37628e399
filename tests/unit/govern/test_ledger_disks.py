"""Ledgers on disks that may not be written, and on full ones, with file systems that are so."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing, contextmanager

import pytest

from privet.errors import Unavailable
from privet.govern.ledger import Ledger, held_keys, verify
from tests.unit.govern.ledgers import plain


@contextmanager
def mounted(*words, at):
    """Something mounted, where this user may."""
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *words, at], check=False,
                                       capture_output=True).returncode:
        pytest.skip("needs a user who may mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@contextmanager
def frozen(folder):
    """The folder as a read-only file system."""
    with mounted("--bind", folder, at=folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield


def test_a_ledger_on_a_read_only_file_system_is_read(tmp_path):
    folder = tmp_path / "a b?#%"
    folder.mkdir()
    plain(folder / "l.db", 3)
    with frozen(folder), closing(Ledger.open(folder / "l.db", create=False)) as ledger:
        assert verify(ledger).ok
        assert len(list(ledger.entries())) == 4
        assert held_keys(ledger)[0].signed == 4
        with pytest.raises(Unavailable, match=r"read-only for this user(.|\n)*remount,rw"):
            ledger.append("fit", {})


def test_entries_in_a_log_are_not_passed_over(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "snapshot"
    kept.mkdir()
    folder.mkdir()
    plain(kept / "l.db", 3)
    with closing(Ledger.open(kept / "l.db")) as ledger:
        ledger.append("fit", {})
        for name in ("l.db", "l.db-wal"):
            shutil.copy2(kept / name, folder / name)
    with frozen(folder), pytest.raises(Unavailable, match=r"in the log beside it(.|\n)*cp .*-wal"):
        Ledger.open(folder / "l.db", create=False)


def test_a_file_that_changes_while_it_is_read_as_it_stands(tmp_path):
    folder = tmp_path / "shown"
    kept = tmp_path / "kept"
    kept.mkdir()
    folder.mkdir()
    plain(kept / "l.db", 3)
    with mounted("--bind", kept, at=folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        ledger = Ledger.open(folder / "l.db", create=False)
        with pytest.raises(Unavailable, match="run it again"), ledger.reading():
            plain(kept / "l.db", 2)
        assert ledger.head().size == 6


def test_a_full_disk_is_named(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", at=folder):
        plain(folder / "l.db", 3)
        with (open(folder / "rest", "wb", buffering=0) as rest,
              pytest.raises(OSError, match="space")):
            while rest.write(b"x" * 4096):
                pass
        for use in (verify, lambda ledger: ledger.append("fit", {})):
            with pytest.raises(Unavailable, match=r"is full(.|\n)*1048576 bytes free(.|\n)*df -h"):
                use(Ledger.open(folder / "l.db", create=False))
        (folder / "rest").unlink()
        assert verify(Ledger.open(folder / "l.db")).ok
