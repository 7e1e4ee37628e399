"""Beginning a ledger, whole or not at all, whoever else begins it at the same moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from privet.entropy import secret_stream
from privet.errors import InvalidInput, Unavailable
from privet.govern.ledger.keyring import Keyring
from privet.govern.ledger.keys import SigningKey, sync_folder
from privet.govern.ledger.places import data_folder, refuse_network
from privet.govern.ledger.records import identity_of
from privet.govern.ledger.store import Store
from privet.govern.ledger.succession import OPENED, Keys
from privet.govern.ledger.tables import META, SCHEMA_VERSION
from privet.govern.ledger.writing import Tip, Transaction


def begin(store: Store, *, create: bool, clock: Callable[[], str]) -> str:
    """The identity of the ledger in a store, which is begun if it is not there.

    Raises:
        InvalidInput: no ledger, and `create` is False; or something else is there.
    """
    path = store.address.path
    if path is None:
        return _identity(store) or _begin_server(store, create=create, clock=clock)
    refuse_network(path)
    try:
        there, folder = path.exists(), path.is_dir()
        empty = there and not folder and path.stat().st_size == 0
    except OSError as error:
        raise Unavailable(f"no ledger can be read at {path}: {error.strerror}") from error
    if not there:
        _refuse_unless(create, store)
        _begin_file(store, path, clock)
    elif folder or empty:
        raise InvalidInput(
            f"{path} is {'a folder' if folder else 'empty'}, not a ledger",
            remedy="restore it from a backup, or name a file that is not there yet",
        )
    identity = _identity(store)
    if identity is None:
        raise InvalidInput(f"{path} is an empty database, not a ledger of privet")
    return identity


def _identity(store: Store) -> str | None:
    meta = store.meta()
    return None if meta is None else meta["identity"]


def _refuse_unless(create: bool, store: Store) -> None:
    if not create:
        raise InvalidInput(
            f"there is no ledger at {store.address.shown}",
            remedy=f"Ledger.open({store.address.shown!r}, create=True)",
        )


def _begin_file(store: Store, path: Path, clock: Callable[[], str]) -> None:
    """Make the file under another name, and give it its own only when it is complete."""
    folder = path.parent
    try:
        if folder == data_folder():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{secret_stream('name').read(8).hex()}")
        if not folder.is_dir():
            raise InvalidInput(f"the folder {folder} is not there", remedy=f"mkdir -p {folder}")
        # Read by its owner only; SQLite gives its log the same mode.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Unavailable(f"no ledger can be made at {path}: {error.strerror}") from error
    draft = Store(replace(store.address, path=part), 30.0)
    try:
        draft.use_wal()
        with draft.creating() as connection:
            _write_first(connection, Keyring(store.address.key).first(), clock)
        draft.checkpoint()
        draft.close()
        os.link(part, path)
        sync_folder(folder)
    except FileExistsError:
        # Another process was first; its ledger is the one.
        draft.close()
    except OSError as error:
        raise Unavailable(f"no ledger can be made at {path}: {error.strerror}") from error
    finally:
        draft.close()
        for end in ("", "-wal", "-shm"):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _begin_server(store: Store, *, create: bool, clock: Callable[[], str]) -> str:
    _refuse_unless(create, store)
    key_file = store.address.key
    if key_file.parent == data_folder():
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with store.creating() as connection:
        query = sa.select(META.c.value).where(META.c.name == "identity")
        found: str | None = connection.execute(query).scalar()
        if found is not None:  # another process was first
            return found
        return _write_first(connection, Keyring(key_file).first(), clock)


def _write_first(connection: sa.Connection, key: SigningKey, clock: Callable[[], str]) -> str:
    stream = secret_stream("privet ledger salts")
    nonce = stream.read(32)
    identity = identity_of(nonce, key.public)
    meta = {"schema": str(SCHEMA_VERSION), "identity": identity}
    rows = [{"name": name, "value": value} for name, value in meta.items()]
    connection.execute(sa.insert(META), rows)

    def only(_: Keys) -> SigningKey:
        return key

    first = Transaction(connection, identity, Tip(), key=only, clock=clock, stream=stream)
    payload = {"nonce": nonce.hex(), "public": key.public.hex(), "schema": SCHEMA_VERSION}
    first.append_own(OPENED, payload)
    return identity
