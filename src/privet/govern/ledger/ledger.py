"""The ledger: append-only entries, chained, signed, in a Merkle tree."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from privet.entropy import secret_stream
from privet.errors import InvalidInput, Refused, whole
from privet.govern.ledger import merkle
from privet.govern.ledger.creation import begin
from privet.govern.ledger.keyring import Keyring
from privet.govern.ledger.places import find_address
from privet.govern.ledger.reading import (
    PAGE,
    cosignatures_of,
    existing,
    existing_head,
    head_at,
    load_keys,
    node_reader,
    page,
    removal_of,
)
from privet.govern.ledger.receipt import Cosignature, Receipt, Removal
from privet.govern.ledger.records import RESERVED, Entry, Head, utc_now
from privet.govern.ledger.store import Conflict, Store
from privet.govern.ledger.succession import COSIGNED, REDACTED, Keys
from privet.govern.ledger.tables import COSIGNATURES, PAYLOADS
from privet.govern.ledger.writing import Tip, Transaction, current_tip

TRIES = 10
KEPT = ("totals",)
"""Parts of payloads that a redaction keeps: digests of what stands in tables beside the chain."""
T = TypeVar("T")


class Ledger:
    """An append-only record in SQLite or PostgreSQL. Safe for threads and processes.

    Formal guarantees:
        - An append that returned survives the end of the process and a loss of power, given
          a disk that keeps what it has acknowledged. One that raised has written nothing.
        - Whoever lacks the signing key cannot change, remove, reorder or insert an entry
          unnoticed by `verify`, except by cutting off the newest ones; with a receipt, not
          even that up to the receipt's head.
        - Whoever holds both the database and the key can rewrite everything since the last
          head that somebody else holds. Nothing in one file prevents that: give heads away.
        - Payloads can be read by whoever reads the database: the ledger shows what happened,
          it does not hide it.
    """

    def __init__(
        self, store: Store, identity: str, *, clock: Callable[[], str] = utc_now
    ) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._tip = Tip()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._writer = 0
        self._stream = secret_stream("privet ledger salts")
        self.keyring = Keyring(store.address.key)

    @classmethod
    def open(
        cls,
        path_or_url: str | os.PathLike[str] | None = None,
        *,
        create: bool = True,
        key: str | os.PathLike[str] | None = None,
        timeout: float = 30.0,
        clock: Callable[[], str] = utc_now,
    ) -> Ledger:
        """Open a ledger, or begin one.

        Args:
            path_or_url: a file, or `postgresql://user@host/database`; by default `ledger.db`
                in PRIVET_HOME or in the user's data folder.
            create: begin a ledger where there is none.
            key: the private key file; by default beside the file, ending in `.key`.
            timeout: seconds to wait for another process that writes.
            clock: the source of entries' times.

        Raises:
            InvalidInput: there is none and `create` is False; the file is something else; it
                was written by another release.
            Refused: the file lies on a network file system.
            Unavailable: the database cannot be reached, locked or written.
        """
        address = find_address(path_or_url, None if key is None else Path(key))
        store = Store(address, timeout)
        found = begin(store, create=create, clock=clock)
        return cls(store, found, clock=clock)

    @property
    def identity(self) -> str:
        """32 hex digits, fixed by the first key; a policy pins it."""
        return self._identity

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._store.address.shown

    def close(self) -> None:
        """Close the connections; the object can still be used, and opens new ones."""
        self._store.close()

    # Writing

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """The only writing transaction; entries and whatever else goes through its
        `connection` are committed together, or not at all.

        Raises:
            Refused: this thread has one open already, or the ledger's head was altered.
            Unavailable: locked too long, read-only, disk full. `store.Conflict` under
                PostgreSQL means that it can be run again, as `atomically` does.
        """
        self._fresh()
        if self._writer == threading.get_ident():
            raise Refused(
                "this thread is already writing to the ledger",
                remedy="append through the open transaction",
            )
        with self._lock, self._store.writing() as connection:
            self._writer = threading.get_ident()
            try:
                tip = current_tip(connection, self._identity, self._tip)
                work = Transaction(
                    connection,
                    self._identity,
                    tip,
                    key=self.keyring.current,
                    clock=self._clock,
                    stream=self._stream,
                )
                yield work
            finally:
                self._writer = 0
        # A tip that was not committed does not come here; a stale one is found out by its seq,
        # chain and signature.
        self._tip = work.tip

    def atomically(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; again, if PostgreSQL asks for it."""
        for _ in range(TRIES - 1):
            try:
                with self.transaction() as transaction:
                    return work(transaction)
            except Conflict:
                continue
        with self.transaction() as transaction:
            return work(transaction)

    def append(self, kind: str, payload: dict[str, Any]) -> Entry:
        """Write one entry durably. See `Transaction.append`."""
        return self.atomically(lambda work: work.append(kind, payload))

    def redact(self, seq: int, reason: str) -> Entry:
        """Delete an entry's payload and salt; a signed entry says so, the commitment stays.

        What the payload says of tables beside the chain (`KEPT`) stays in the signed entry, for
        later entries are checked against it; it is a digest, and tells nothing else.

        SQLite overwrites the deleted bytes. PostgreSQL keeps them until VACUUM, and backups of
        either keep them until they are deleted.

        Args:
            reason: why, in words that repeat nothing of the payload.

        Raises:
            InvalidInput: there is no such entry, or it is redacted already.
            Refused: the ledger's own entries are needed to verify it.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise InvalidInput("a redaction needs a reason", value=reason)

        def work(transaction: Transaction) -> Entry:
            entry = existing(transaction.connection, seq)
            if entry.kind.startswith(RESERVED):
                raise Refused(f"entry {seq} is the ledger's own ({entry.kind}) and must stay")
            if entry.redacted:
                raise InvalidInput(f"entry {seq} is redacted already")
            transaction.connection.execute(sa.delete(PAYLOADS).where(PAYLOADS.c.seq == seq))
            # What the payload repeated of its entry stands here from now on.
            facts = {"kind": entry.kind, "time": entry.time, "commitment": entry.commitment.hex()}
            body = (entry.payload or {}) if entry.opens() else {}
            kept = {name: body[name] for name in KEPT if name in body}
            return transaction.append_own(REDACTED, {"entry": seq, "reason": reason,
                                                     **facts, **kept})

        done = self.atomically(work)
        self.scrub()
        return done

    def scrub(self) -> None:
        """Empty SQLite's write-ahead log, where what was deleted would live on."""
        self._store.checkpoint()

    def add_cosignature(self, cosignature: Cosignature) -> Entry:
        """Keep another party's signature on a head of this ledger, as an entry.

        Raises:
            Refused: it is not on a head of this ledger, or not valid.
        """

        def work(transaction: Transaction) -> Entry:
            head = head_at(transaction.connection, self._identity, cosignature.size)
            seen = (cosignature.ledger, cosignature.root, cosignature.chain)
            if head is None or seen != (head.ledger, head.root, head.chain):
                raise Refused("the cosignature is on a head that this ledger does not have")
            if not cosignature.holds():
                raise Refused("the cosignature is not signed by the key that it names")
            entry = transaction.append_own(COSIGNED, cosignature.to_json())
            row = {"size": cosignature.size, "seq": entry.seq}
            transaction.connection.execute(sa.insert(COSIGNATURES), row)
            return entry

        return self.atomically(work)

    # Reading

    @property
    def keys(self) -> Keys:
        """The key that signs, those that signed, and who may replace a lost one."""
        with self.reading() as connection:
            return load_keys(connection, self._identity)

    def tip(self) -> Tip:
        """The last entry, checked, and what the next one needs of all before it."""
        with self.reading() as connection:
            return current_tip(connection, self._identity, self._tip)

    def head(self) -> Head:
        """The newest signed head."""
        with self.reading() as connection:
            return existing_head(connection, self._identity, None)

    def get(self, seq: int) -> Entry:
        """One entry, as stored: `verify` says whether it holds.

        Raises:
            InvalidInput: there is none.
        """
        with self.reading() as connection:
            return existing(connection, whole(seq=seq))

    def entries(self, start: int = 1, kind: str | None = None) -> Iterator[Entry]:
        """Entries from `start` on, in order, read in pages; those that come meanwhile, too."""
        while True:
            with self.reading() as connection:
                found = page(connection, start, kind)
            yield from found
            if len(found) < PAGE:
                return
            start = found[-1].seq + 1

    def receipt(self, seq: int | None = None, *, size: int | None = None) -> Receipt:
        """A receipt of an entry (the newest one) under the head of a size (the newest one).

        Cosignatures are those on that very head. Of a redacted entry, the entry that says so
        comes along, if it stands under that head.

        Raises:
            InvalidInput: there is no such entry or head.
        """
        with self.reading() as connection:
            head = existing_head(connection, self._identity, size)
            entry = existing(connection, head.size if seq is None else whole(seq=seq))
            node = node_reader(connection)
            proof = merkle.inclusion(node, entry.seq - 1, head.size)
            witnesses = tuple(cosignatures_of(connection, head.size))
            by = removal_of(connection, entry, head.size) if entry.redacted else None
            removed = None if by is None else Removal(
                entry=replace(by, signature=b""),
                proof=tuple(merkle.inclusion(node, by.seq - 1, head.size)),
            )
        return Receipt(
            entry=replace(entry, signature=b""),
            head=head,
            proof=tuple(proof),
            cosignatures=witnesses,
            removal=removed,
        )

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the head of size `old` is a prefix of the one of size `new`."""
        with self.reading() as connection:
            head = existing_head(connection, self._identity, new)
            return merkle.consistency(node_reader(connection), old, head.size)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection on one consistent snapshot, for reading only."""
        with self._store.reading() as connection:
            yield connection

    def _fresh(self) -> None:
        """Take a lock and randomness of this process's own, also after a fork."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lock = threading.Lock()
            self._writer = 0
            self._stream = secret_stream("privet ledger salts")
