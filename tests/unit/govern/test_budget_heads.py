"""What was last seen of a ledger: an older, forked, other or missing one is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import stat

import pytest

from privet.errors import InvalidInput, Refused, Unavailable
from privet.govern.budget import Budget, adopt
from privet.govern.budget.heads import check, check_missing, conflict, heads_file, remember
from privet.govern.ledger import Ledger
from tests.unit.govern.budgets_helpers import registered
from tests.unit.govern.ledgers import copied, sql


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "l.db"


@pytest.fixture
def ledger(path):
    with_file = Ledger.open(path)
    registered(with_file)
    yield with_file
    with_file.close()


def backup(ledger, path, folder):
    """A function that puts the ledger back as it is now."""
    ledger.close()
    folder.mkdir()
    copied(path, folder)

    def restore():
        ledger.close()
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        shutil.copy2(folder / path.name, path)
        return Ledger.open(path)

    return restore


def test_what_was_never_seen_and_what_has_grown_is_fine(ledger, path):
    check(ledger)
    assert conflict(ledger) is None
    remember(ledger)
    for _ in range(3):
        Ledger.open(path).append("note", {})  # another process's
        check(ledger)
        remember(ledger)
    record = json.loads(heads_file().read_text())[str(path)]
    assert record == {"ledger": ledger.identity, "size": 5, "root": ledger.head().root.hex()}


def test_a_restored_backup_is_refused_even_after_it_grew(ledger, path, tmp_path):
    restore = backup(ledger, path, tmp_path / "backup")
    ledger.append("note", {"spent": 1})
    remember(ledger)
    old = restore()
    with pytest.raises(Refused, match="older than the one that was seen") as caught:
        check(old)
    assert caught.value.value == f"ledger {old.identity} of 2 entries"
    assert "at least 3 entries" in caught.value.bound
    assert "privet ledger adopt" in caught.value.remedy
    with pytest.raises(Refused):
        remember(old)
    old.append("note", {"spent": 2})
    with pytest.raises(Refused, match="fork"):
        check(old)
    old.append("note", {"spent": 3})
    with pytest.raises(Refused, match="fork"):
        remember(old)


def test_another_ledger_at_the_address_is_refused(ledger, path):
    remember(ledger)
    ledger.close()
    path.unlink()
    with pytest.raises(Refused, match="one was used before"):
        check_missing(str(path))
    other = Ledger.open(path)
    with pytest.raises(Refused, match="another ledger"):
        check(other)
    other.append("note", {})
    registered(other)
    with pytest.raises(Refused, match="another ledger"):
        check(other)


def test_addresses_are_apart_and_links_are_not(ledger, path, tmp_path):
    remember(ledger)
    check(Ledger.open(tmp_path / "other.db"))
    check_missing(str(tmp_path / "none.db"))
    check_missing(None)
    link = tmp_path / "link"
    link.symlink_to(path.parent)
    path.unlink()
    with pytest.raises(Refused):
        check_missing(str(link / "l.db"))


def test_the_newest_head_stays_where_two_remember(ledger, path):
    behind = Ledger.open(path)
    remember(behind)
    ledger.append("note", {})
    remember(ledger)
    remember(behind)
    assert json.loads(heads_file().read_text())[str(path)]["size"] == 3


def test_once_all_owners_have_adopted_it_counts(ledger, path, tmp_path):
    registered(ledger, "staff")
    restore = backup(ledger, path, tmp_path / "backup")
    ledger.append("note", {})
    remember(ledger)
    old = restore()
    pinned = conflict(old)
    adopt(old, "patients", pinned, None, lost=Budget(1.0), reason="disk lost")
    with pytest.raises(Refused):
        check(old)
    adopt(old, "staff", pinned, None, lost=None, reason="disk lost")
    check(old)
    remember(old)
    assert conflict(old) is None
    # The adoption was for what was seen then: a later restore needs its own.
    old.close()
    again = restore()
    with pytest.raises(Refused, match="older"):
        check(again)


def test_an_empty_ledger_is_adopted_by_nobody(ledger, path):
    remember(ledger)
    ledger.close()
    path.unlink()
    other = Ledger.open(path)
    assert conflict(other) is not None
    with pytest.raises(Refused):
        check(other)


def test_the_file_lies_in_the_users_state(monkeypatch, tmp_path, home):
    assert heads_file() == home / "state" / "heads.json"
    monkeypatch.delenv("PRIVET_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert heads_file() == tmp_path / "state" / "privet" / "heads.json"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert heads_file() == tmp_path / ".local" / "state" / "privet" / "heads.json"


def test_the_file_is_private_and_replaced_whole(ledger):
    remember(ledger)
    assert stat.S_IMODE(heads_file().stat().st_mode) == 0o600
    ledger.append("note", {})
    remember(ledger)
    assert {p.name for p in heads_file().parent.iterdir()} == {"heads.json", "heads.lock"}


@pytest.mark.parametrize("text", [
    "", "[]", "nothing", '{"a": 1}', '{"a": {"ledger": "x"}}',
    '{"a": {"ledger": "x", "size": "3", "root": "y"}}',
])
def test_a_file_that_holds_something_else_is_refused(ledger, text):
    heads_file().parent.mkdir(parents=True)
    heads_file().write_text(text)
    for call in (check, remember):
        with pytest.raises(InvalidInput, match="does not hold the heads"):
            call(ledger)
    assert heads_file().read_text() == text


def test_a_state_folder_that_cannot_be_made_is_said(ledger, home):
    home.mkdir(exist_ok=True)
    (home / "state").write_text("a file in the way")
    with pytest.raises(Unavailable, match="cannot be re"):
        remember(ledger)


def test_an_entry_rewritten_before_the_remembered_head_is_a_fork(ledger, path):
    remember(ledger)
    ledger.append("note", {})
    ledger.close()
    sql(path, "UPDATE entries SET subtrees = zeroblob(length(subtrees)) WHERE seq = 2")
    with pytest.raises(Refused, match="fork"):
        check(Ledger.open(path))


def _use(path, count):
    ledger = Ledger.open(path)
    for _ in range(count):
        ledger.append("note", {"by": os.getpid()})
        remember(ledger)
    ledger.close()


@pytest.mark.slow
def test_processes_that_use_one_ledger_do_not_refuse_one_another(ledger, path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_use, args=(path, 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert json.loads(heads_file().read_text())[str(path)]["size"] == 2 + 3 * 15
