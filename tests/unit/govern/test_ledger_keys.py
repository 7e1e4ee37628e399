"""Key files, passphrases, rotation, and the replacement of a lost key."""

from __future__ import annotations

import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from privet.errors import InvalidInput, Refused
from privet.govern.ledger import Ledger, SigningKey, check, verify
from privet.govern.ledger.custody import (
    name_approvers,
    replace_key,
    replacement_statement,
    rotate_key,
)
from privet.govern.ledger.keys import VARIABLE, signed_by
from privet.govern.ledger.statements import Signature
from tests.unit.govern.ledgers import APPROVERS, FIT, plain, replaced, sql

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def test_signature_of_rfc_8032():
    # Section 7.1, test 2.
    private = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(private))
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    assert signed_by(key.public, key.sign(b"\x72"), b"\x72")
    assert not signed_by(key.public, key.sign(b"\x72"), b"\x73")
    assert not signed_by(key.public[:31], key.sign(b"\x72"), b"\x72")
    assert not signed_by(key.public, b"", b"\x72")


def test_key_file_is_encrypted_and_read_back(tmp_path):
    key = SigningKey.generate()
    key.save(tmp_path / "a.key")
    text = (tmp_path / "a.key").read_text()
    assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert SigningKey.load(tmp_path / "a.key").public == key.public
    assert key.public.hex() not in repr(key)
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(tmp_path / "a.key")
    assert SigningKey.load(tmp_path / "a.key").public == key.public
    assert {path.name for path in tmp_path.iterdir()} == {"a.key", "a.passphrase"}


def test_passphrase_of_the_environment_wins_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "correct horse")
    plain(tmp_path / "l.db", 1)
    assert not (tmp_path / "l.passphrase").exists()
    monkeypatch.setenv(VARIABLE, "wrong horse")
    with pytest.raises(InvalidInput, match="wrong passphrase") as caught:
        Ledger.open(tmp_path / "l.db").append("fit", FIT)
    assert "wrong horse" not in str(caught.value)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InvalidInput, match=VARIABLE):
        Ledger.open(tmp_path / "l.db").append("fit", FIT)
    # Reading and verifying need no key.
    assert verify(Ledger.open(tmp_path / "l.db")).ok


@posix
@pytest.mark.parametrize("name", ["l.key", "l.passphrase"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_files_that_others_may_read_are_refused(tmp_path, name, mode):
    plain(tmp_path / "l.db", 1)
    (tmp_path / name).chmod(mode)
    with pytest.raises(Refused, match="chmod 600"):
        Ledger.open(tmp_path / "l.db").append("fit", FIT)


def test_files_that_are_no_keys(tmp_path):
    ledger = plain(tmp_path / "l.db", 1)
    path = tmp_path / "l.key"
    word = (tmp_path / "l.passphrase").read_bytes().strip()

    def pem(private, encryption):
        form = serialization.PrivateFormat.PKCS8
        return private.private_bytes(serialization.Encoding.PEM, form, encryption)

    shut, bare = serialization.BestAvailableEncryption(word), serialization.NoEncryption()
    for content, error in (
        (b"nothing", InvalidInput),
        (b"", InvalidInput),
        (pem(x25519.X25519PrivateKey.generate(), shut), InvalidInput),
        (pem(ed25519.Ed25519PrivateKey.generate(), bare), Refused),
        (pem(ed25519.Ed25519PrivateKey.generate(), shut), InvalidInput),
    ):
        path.write_bytes(content)
        with pytest.raises(error):
            Ledger.open(tmp_path / "l.db").append("fit", FIT)
    path.unlink()
    with pytest.raises(InvalidInput, match="two approvers"):
        Ledger.open(tmp_path / "l.db").append("fit", FIT)
    assert ledger.head().size == 2


def test_key_file_opens_with_openssl(tmp_path):
    plain(tmp_path / "l.db", 1)
    command = ["openssl", "pkey", "-in", str(tmp_path / "l.key"), "-noout",
               "-passin", f"file:{tmp_path / 'l.passphrase'}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    assert done.returncode == 0, done.stderr


def test_rotation_is_signed_by_both_keys(tmp_path):
    ledger = plain(tmp_path / "l.db", 2)
    other = Ledger.open(tmp_path / "l.db")
    other.append("fit", FIT)
    before = ledger.receipt(2)
    old = ledger.keys.current_id
    entry = rotate_key(ledger)
    new = ledger.keys.current_id
    assert (entry.key, old != new) == (old, True)
    assert ledger.append("fit", FIT).key == new
    assert other.append("fit", FIT).key == new
    assert not (tmp_path / "l.key.new").exists()
    assert SigningKey.load(tmp_path / "l.key").id == new
    for receipt in (before, ledger.receipt(2), ledger.receipt(entry.seq, size=entry.seq)):
        assert check(receipt) == []
        assert verify(ledger, receipt).ok


def test_rotation_outlives_an_end_between_entry_and_files(tmp_path, monkeypatch):
    ledger = plain(tmp_path / "l.db", 1)
    with monkeypatch.context() as patch:
        patch.setattr(ledger.keyring, "settle", lambda: None)
        rotate_key(ledger)
    assert (tmp_path / "l.key.new").exists()
    again = Ledger.open(tmp_path / "l.db")
    assert again.append("fit", FIT).key == again.keys.current_id
    assert not (tmp_path / "l.key.new").exists()
    assert verify(again).ok


def test_rotation_that_failed_leaves_the_old_key(tmp_path, monkeypatch):
    ledger = plain(tmp_path / "l.db", 1)
    old = ledger.keys.current_id
    with monkeypatch.context() as patch:
        patch.setattr("privet.govern.ledger.custody.rotated_payload", lambda *_: {"a": b""})
        with pytest.raises((InvalidInput, Refused)):
            rotate_key(ledger)
    assert (tmp_path / "l.key.new").exists()
    assert Ledger.open(tmp_path / "l.db").append("fit", FIT).key == old
    rotate_key(ledger)
    assert ledger.append("fit", FIT).key != old


def test_lost_key_is_replaced_by_two_approvers_visibly(tmp_path):
    ledger = plain(tmp_path / "l.db", 1)
    name_approvers(ledger, [key.public for key in APPROVERS])
    (tmp_path / "l.key").unlink()
    new = SigningKey.generate()
    replaced(ledger, new, APPROVERS[1:])
    assert ledger.append("fit", FIT).key == new.id
    verdict = verify(Ledger.open(tmp_path / "l.db"))
    assert verdict.ok
    assert verdict.breaks == (4,)


def test_replacements_that_are_refused(tmp_path):
    ledger = plain(tmp_path / "l.db", 1)
    new, stranger = SigningKey.generate(), SigningKey.generate()
    with pytest.raises(Refused, match="fewer than 2"):
        replaced(ledger, new, APPROVERS[:2])
    old = SigningKey.load(tmp_path / "l.key")
    named = [*APPROVERS[:2], old, new]
    name_approvers(ledger, [key.public for key in named])
    for approvers in ([], APPROVERS[:1], [APPROVERS[0]] * 2, [APPROVERS[0], stranger],
                      [APPROVERS[0], old], [APPROVERS[0], new], [old, new]):
        with pytest.raises(Refused, match="fewer than 2"):
            replaced(ledger, new, approvers)
    stale = replacement_statement(ledger, new.public)
    ledger.append("fit", FIT)
    with pytest.raises(Refused, match="not signed"):
        replace_key(ledger, new, [Signature.by(key, stale) for key in APPROVERS[:2]], "x")
    statement = replacement_statement(ledger, stranger.public)
    with pytest.raises(Refused, match="not signed"):
        replace_key(ledger, new, [Signature.by(key, statement) for key in APPROVERS[:2]], "x")
    assert ledger.head().size == 4
    assert ledger.append("fit", FIT).key == old.id
    assert SigningKey.load(tmp_path / "l.key").id == old.id


def test_approvers_that_cannot_be_named(tmp_path):
    ledger = plain(tmp_path / "l.db", 1)
    public = APPROVERS[0].public
    for publics in ([], [public, public], [b"short"]):
        with pytest.raises(Refused, match="malformed"):
            name_approvers(ledger, publics)


def test_forged_replacement_is_found(tmp_path):
    ledger = plain(tmp_path / "l.db", 1)
    name_approvers(ledger, [key.public for key in APPROVERS])
    replaced(ledger, SigningKey.generate(), APPROVERS[:2])
    signature = ledger.get(4).payload["approvals"][0]["signature"]
    sql(tmp_path / "l.db", "UPDATE payloads SET text = replace(text, ?, ?) WHERE seq = 4",
        signature, "0" * 128)
    assert {item.seq for item in verify(ledger).findings} == {4}
