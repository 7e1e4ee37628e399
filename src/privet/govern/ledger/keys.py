"""Ed25519 keys of a ledger, encrypted at rest.

A key file is PKCS #8 in PEM, encrypted under a passphrase: the environment variable
PRIVET_LEDGER_PASSPHRASE, or else the text of the file beside it that ends in `.passphrase`.
If neither exists when a key is made, a random passphrase is written there. Then a copy of the
key file alone (a backup, a mail) reveals nothing, and whoever reads the whole folder has the
key: set the variable from a secret store where that is not enough. Both files must be readable
by their owner only.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

# Govern stands beside the techniques and knows none; entropy is allowed because it is the only
# reader of the system's randomness, and keys and salts are secrets like any noise.
from privet.entropy import Stream, secret_stream
from privet.errors import InvalidInput, Refused, Unavailable
from privet.govern.ledger.records import key_id

VARIABLE = "PRIVET_LEDGER_PASSPHRASE"
PUBLIC_BYTES = 32


class SigningKey:
    """The private half of an Ed25519 key. Its `repr` and errors never show it."""

    __slots__ = ("_private", "id", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    @classmethod
    def generate(cls, stream: Stream | None = None) -> SigningKey:
        """A new key from the operating system's randomness."""
        source = stream or secret_stream("privet ledger key")
        return cls(Ed25519PrivateKey.from_private_bytes(source.read(32)))

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a key file.

        Raises:
            InvalidInput: no such file, not a key, no passphrase or the wrong one.
            Refused: group or others may read the file or its passphrase.
        """
        pem = read_private(path, "key file")
        word = passphrase(path)
        if word is None:
            raise InvalidInput(
                f"the key file {path} is encrypted, and there is no passphrase for it",
                bound=f"{VARIABLE} in the environment, or the file {passphrase_file(path)}",
                remedy=f"export {VARIABLE}=...",
            )
        try:
            private = serialization.load_pem_private_key(pem, password=word)
        except TypeError as error:  # an unencrypted key, given a passphrase
            raise Refused(
                f"the key file {path} is not encrypted",
                remedy=f"openssl pkcs8 -topk8 -in {path} -out encrypted.key",
            ) from error
        except ValueError as error:
            raise InvalidInput(
                f"the key file {path} cannot be decrypted: wrong passphrase, or not a key file",
                bound=f"the passphrase in {VARIABLE} or in {passphrase_file(path)}",
                remedy=f"export {VARIABLE}=...",
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidInput(f"the key in {path} is not an Ed25519 key")
        return cls(private)

    def save(self, path: Path) -> None:
        """Write an encrypted key file, whole or not at all; an existing file is kept.

        Raises:
            FileExistsError: there is a file already.
        """
        pem = self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase(path) or _new_passphrase(path)),
        )
        write_private(path, pem)

    def sign(self, message: bytes) -> bytes:
        """64 bytes (RFC 8032)."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"<SigningKey {self.id}>"


def signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """True if the signature is the key's over the message; False for malformed ones too."""
    if len(public) != PUBLIC_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def passphrase_file(path: Path) -> Path:
    """Where the passphrase of a key file stands, if it stands in a file."""
    name = path.name.removesuffix(".new")
    return path.with_name(name).with_suffix(".passphrase")


def passphrase(path: Path) -> bytes | None:
    """The passphrase of a key file, or None if there is none."""
    word = os.environ.get(VARIABLE)
    if word:
        return word.encode()
    beside = passphrase_file(path)
    if not beside.exists():
        return None
    text = read_private(beside, "passphrase file").strip()
    if not text:
        raise InvalidInput(f"the passphrase file {beside} is empty")
    return text


def _new_passphrase(path: Path) -> bytes:
    word = secret_stream("privet ledger passphrase").read(32).hex().encode()
    try:
        write_private(passphrase_file(path), word + b"\n")
    except FileExistsError:  # another process made one at this moment: use that
        return passphrase(path) or word
    return word


def read_private(path: Path, what: str) -> bytes:
    """The bytes of a file that only its owner may read.

    Raises:
        InvalidInput: it is not there or cannot be read.
        Refused: its mode lets group or others in.
    """
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except FileNotFoundError as error:
        raise InvalidInput(f"the {what} {path} is not there") from error
    except OSError as error:
        raise InvalidInput(f"the {what} {path} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise Refused(
            f"group or others may read the {what} {path}",
            value=f"{mode:04o}",
            bound="0600",
            remedy=f"chmod 600 {path}",
        )
    return content


def write_private(path: Path, content: bytes) -> None:
    """Write a file with mode 0600 that is there whole or not at all, and flushed to the disk.

    Raises:
        FileExistsError: there is a file already.
        Unavailable: the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{secret_stream('name').read(8).hex()}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_all(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(part, path)
        finally:
            os.unlink(part)
        sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        part.unlink(missing_ok=True)
        full = error.errno == errno.ENOSPC
        folder = shlex.quote(str(path.parent))
        raise Unavailable(
            f"{path} cannot be written: {'the disk is full' if full else error.strerror}",
            bound=f"{len(content)} bytes free in {path.parent}" if full else None,
            remedy=f"df -h {folder}  # then free some" if full else f"ls -ld {folder}",
        ) from error


def _write_all(handle: int, content: bytes) -> None:
    """Write all of it: a disk that fills up takes a part, and fails at the next."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest):]


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a new name in it outlives a loss of power."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
