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
from privet.govern.budget.heads import check, check_missing, conflicts, heads_file, remember
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


def newest(identity):
    """How many entries of a ledger are remembered."""
    return json.loads(heads_file().read_text())["ledgers"][identity]["size"]


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
    assert conflicts(ledger) == ()
    remember(ledger)
    for _ in range(3):
        Ledger.open(path).append("note", {})  # another process's
        check(ledger)
        remember(ledger)
    assert json.loads(heads_file().read_text()) == {
        "addresses": {str(path): ledger.identity},
        "ledgers": {ledger.identity: {"size": 5, "root": ledger.head().root.hex()}},
    }


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


def copy_of(ledger, path, folder):
    ledger.close()
    folder.mkdir()
    return Ledger.open(copied(path, folder))


def test_a_copy_elsewhere_spends_no_second_time(ledger, path, tmp_path):
    remember(ledger)
    copy = copy_of(ledger, path, tmp_path / "copy")
    check(copy)  # nothing was spent in either since: a ledger may move
    ledger.append("note", {"spent": 1})
    remember(ledger)
    with pytest.raises(Refused, match="older than the one that was seen"):
        check(copy)
    for _ in range(2):
        copy.append("note", {"spent": 2})
        with pytest.raises(Refused, match="fork"):
            remember(copy)
    check(ledger)


def test_the_fork_that_grew_first_counts(ledger, path, tmp_path):
    remember(ledger)
    copy = copy_of(ledger, path, tmp_path / "copy")
    copy.append("note", {"spent": 2})
    remember(copy)
    with pytest.raises(Refused, match="older"):
        check(ledger)
    ledger.append("note", {"spent": 1})
    with pytest.raises(Refused, match="fork"):
        check(ledger)
    # An honest loss is mended; what was adopted over must be adopted in its turn.
    (pinned,) = conflicts(ledger)
    adopt(ledger, "patients", pinned, None, lost=Budget(1.0), reason="the copy was lost")
    remember(ledger)
    with pytest.raises(Refused, match=r"fork|older"):
        check(copy)


def test_another_ledger_beside_the_first_is_nobodys_business(ledger, tmp_path):
    remember(ledger)
    other = Ledger.open(tmp_path / "other.db")
    registered(other)
    for each in (other, ledger, other):
        each.append("note", {})
        remember(each)
        check(each)


def test_an_older_copy_of_another_ledger_gives_up_both(ledger, path, tmp_path):
    other = Ledger.open(tmp_path / "other.db")
    registered(other)
    remember(other)
    old = tmp_path / "old"
    old.mkdir()
    other.close()
    copied(tmp_path / "other.db", old)
    other.append("note", {})
    remember(other)
    remember(ledger)
    ledger.close()
    path.unlink()
    for end in (".db", ".key", ".passphrase"):
        shutil.copy2(tmp_path / f"other{end}", path.with_suffix(end))
    shutil.copy2(old / "other.db", path)
    here = Ledger.open(path)
    both = conflicts(here)
    assert {one.ledger for one in both} == {ledger.identity, other.identity}
    adopt(here, "patients", both[0], None, lost=Budget(1.0), reason="lost")
    assert conflicts(here) == both[1:]
    adopt(here, "patients", both[1], None, lost=None, reason="lost")
    remember(here)
    with pytest.raises(Refused):
        check(other)


def test_heads_of_earlier_releases_are_taken_over(ledger, path, tmp_path):
    def known(size):
        root = ledger.receipt(size, size=size).head.root.hex()
        return {"ledger": ledger.identity, "size": size, "root": root}

    copy = copy_of(ledger, path, tmp_path / "copy")
    ledger.append("note", {})
    heads_file().parent.mkdir(parents=True)
    heads_file().write_text(json.dumps({str(path): known(3), str(copy.address): known(2)}))
    check(ledger)
    with pytest.raises(Refused, match="older"):
        check(copy)
    ledger.append("note", {})
    remember(ledger)
    assert newest(ledger.identity) == 4
    copy.close()
    os.unlink(copy.address)
    with pytest.raises(Refused, match="one was used before") as caught:
        check_missing(str(copy.address))
    assert "--ledger PATH" in caught.value.remedy


def test_the_newest_head_stays_where_two_remember(ledger, path):
    behind = Ledger.open(path)
    remember(behind)
    ledger.append("note", {})
    remember(ledger)
    remember(behind)
    assert newest(ledger.identity) == 3


def test_once_all_owners_have_adopted_it_counts(ledger, path, tmp_path):
    registered(ledger, "staff")
    restore = backup(ledger, path, tmp_path / "backup")
    ledger.append("note", {})
    remember(ledger)
    old = restore()
    (pinned,) = conflicts(old)
    adopt(old, "patients", pinned, None, lost=Budget(1.0), reason="disk lost")
    with pytest.raises(Refused):
        check(old)
    adopt(old, "staff", pinned, None, lost=None, reason="disk lost")
    check(old)
    remember(old)
    assert conflicts(old) == ()
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
    assert conflicts(other)
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
    '{"addresses": {"/a": "x"}, "ledgers": {}}',
    '{"addresses": {}, "ledgers": {"x": {"size": "3", "root": "y"}}}',
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
    with pytest.raises(Refused, match=r"fork|altered"):
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
    assert newest(ledger.identity) == 2 + 3 * 15
