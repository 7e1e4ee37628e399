"""Where a ledger may live."""

from __future__ import annotations

from pathlib import Path

import pytest

from privet.errors import InvalidInput, Refused, Unavailable
from privet.govern.ledger import Ledger, places
from tests.unit.govern.ledgers import plain, sql

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/vdb /home/local ext4 rw 0 0
//bank/share /mnt/the\\040share cifs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
/dev/vdc /over ext4 rw 0 0
server:/over /over nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/ledger.db", "ext4"),
        ("/home/anna/ledger.db", "nfs4"),
        ("/home/local/ledger.db", "ext4"),
        ("/homework/ledger.db", "ext4"),
        ("/mnt/the share/ledger.db", "cifs"),
        ("/mnt/ssh/a/b/ledger.db", "fuse.sshfs"),
        ("/over/ledger.db", "nfs"),
    ],
)
def test_type_of_the_file_system(path, kind):
    assert places.mount_type(Path(path), MOUNTS) == kind


def test_ledger_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    plain(tmp_path / "old.db", 1)
    monkeypatch.setattr(places, "mount_type", lambda path, mounts: "nfs4")
    for name in ("new.db", "old.db"):
        with pytest.raises(Refused, match="postgresql://"):
            Ledger.open(tmp_path / name)
    assert not (tmp_path / "new.db").exists()


def test_symlink_to_a_network_file_system_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("/mnt/ssh")
    assert places.mount_type(tmp_path / "link" / "l.db", MOUNTS) == "fuse.sshfs"


def test_default_place(tmp_path, monkeypatch):
    monkeypatch.delenv("PRIVET_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with pytest.raises(InvalidInput, match="no ledger"):
        Ledger.open(create=False)
    assert not (tmp_path / "data").exists()
    ledger = Ledger.open()
    assert ledger.address == str(tmp_path / "data" / "privet" / "ledger.db")
    assert (tmp_path / "data" / "privet").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    assert Ledger.open().identity != ledger.identity
    assert (tmp_path / "home" / "ledger.db").exists()


def test_addresses_that_cannot_be_used(tmp_path):
    for text in ("mysql://root:hunter2@host/db", "sqlite://", ":memory:", "://", "oracle://x/y",
                 f"sqlite:///{tmp_path}/x.db?mode=ro"):
        with pytest.raises(InvalidInput) as caught:
            Ledger.open(text)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidInput, match="mkdir"):
        Ledger.open(tmp_path / "no" / "folder" / "l.db")
    with pytest.raises(InvalidInput, match="folder"):
        Ledger.open(tmp_path)
    assert Ledger.open(f"sqlite:///{tmp_path}/x.db").address == str(tmp_path / "x.db")


def test_password_of_an_address_is_never_shown():
    pytest.importorskip("sqlalchemy")
    address = places.find_address("postgresql://anna:hunter2@host/db")
    assert "hunter2" not in address.shown
    assert "hunter2" in address.url
    try:
        Ledger.open("postgresql://anna:hunter2@127.0.0.1:1/db")
    except Unavailable as error:
        assert "hunter2" not in str(error)
        assert "host" not in repr(error.__cause__) or "hunter2" not in repr(error.__cause__)
    else:
        pytest.fail("there is no server at port 1")


def test_files_that_are_no_ledger(tmp_path):
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("not a database, " * 100)
    sql(tmp_path / "other.db", "CREATE TABLE patients (name TEXT)")
    for name, word in (("empty.db", "empty"), ("text.db", "NOTADB"), ("other.db", "not a ledger")):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(InvalidInput, match=word):
            Ledger.open(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(("version", "remedy"), [
    ("0", "privet ledger export --out entries.jsonl   # with the older release that wrote it"),
    *((other, "pip install --upgrade privet") for other in ("2", "", "one")),
])  # fmt: skip
def test_ledger_of_another_release_is_refused_unchanged(tmp_path, version, remedy):
    path = tmp_path / "l.db"
    plain(path, 1)
    sql(path, "UPDATE meta SET value = ? WHERE name = 'schema'", version)
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="another release") as caught:
        Ledger.open(path)
    assert caught.value.remedy == remedy
    assert path.read_bytes() == before


def test_ledger_without_its_facts_is_refused(tmp_path):
    path = tmp_path / "l.db"
    plain(path, 1)
    sql(path, "DROP TABLE meta")
    with pytest.raises(InvalidInput, match="not a ledger"):
        Ledger.open(path)


def test_key_file_of_ones_own(tmp_path):
    (tmp_path / "keys").mkdir()
    Ledger.open(tmp_path / "l.db", key=tmp_path / "keys" / "mine.key").append("fit", {})
    assert not (tmp_path / "l.key").exists()
    assert (tmp_path / "keys" / "mine.key").exists()


def test_names_of_files_that_look_like_addresses(tmp_path):
    for name in ("a?mode=ro.db", "a#b.db", "a%20b.db", "é ü.db", "sqlite:l.db", "-x.db"):
        Ledger.open(tmp_path / name).append("fit", {})
        assert (tmp_path / name).exists()
        assert Ledger.open(tmp_path / name, create=False).head().size == 2
