"""The private key file of a ledger, and its change without a moment in which no key is there."""

from __future__ import annotations

import os
from pathlib import Path

from privet.errors import InvalidInput
from privet.govern.ledger.keys import SigningKey, sync_folder
from privet.govern.ledger.succession import Keys

_LOST = (
    "privet key new --out new.key; privet key statement --new-key new.key --out statement.json   "
    "# for two approvers to sign, unless a backup has the file"
)


class Keyring:
    """The key file and, during a change, its successor, which ends in `.new`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(path.name + ".new")
        self._loaded: SigningKey | None = None

    @property
    def path(self) -> Path:
        """The key file; what else belongs to the ledger's keys lies beside it."""
        return self._path

    def current(self, keys: Keys) -> SigningKey:
        """The private half of the ledger's current key; read when it is first needed, and
        again after another process has changed it.

        Raises:
            InvalidInput: the file is missing, cannot be decrypted, or holds another key.
        """
        if self._loaded is not None and self._loaded.public == keys.current:
            return self._loaded
        if self._next.exists():
            # A process ended between the entry and the change of files.
            waiting = SigningKey.load(self._next)
            if waiting.public == keys.current:
                self.settle()
        if not self._path.exists():
            raise InvalidInput(
                f"the ledger's key file {self._path} is not there, so nothing can be signed",
                bound=f"the file of key {keys.current_id}",
                remedy=_LOST,
            )
        found = SigningKey.load(self._path)
        if found.public != keys.current:
            raise InvalidInput(
                f"the key file {self._path} holds another key than the ledger is signed with",
                value=found.id,
                bound=keys.current_id,
                remedy=_LOST,
            )
        self._loaded = found
        return found

    def first(self) -> SigningKey:
        """The key for a new ledger: made, unless there is a file already."""
        if not self._path.exists():
            try:
                SigningKey.generate().save(self._path)
            except FileExistsError:
                # Another process made it at this moment; that one is loaded.
                self._loaded = None
        return SigningKey.load(self._path)

    def prepare(self, key: SigningKey | None = None) -> SigningKey:
        """Save a key as the successor; whoever calls this holds the ledger's write lock."""
        key = key or SigningKey.generate()
        self._next.unlink(missing_ok=True)
        key.save(self._next)
        return key

    def settle(self) -> None:
        """Put the successor in the key file's place."""
        if self._next.exists():
            os.replace(self._next, self._path)
            sync_folder(self._path.parent)
        self._loaded = None
