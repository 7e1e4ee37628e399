"""One writing transaction: checks the head it builds on, then appends and signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from privet.entropy import Stream
from privet.errors import Refused
from privet.govern.ledger import merkle
from privet.govern.ledger.canonical import SALT_BYTES, commitment
from privet.govern.ledger.keys import SigningKey, signed_by
from privet.govern.ledger.reading import broken, entry_of, load_entry, load_keys, node_reader
from privet.govern.ledger.records import (
    FIRST_LINK,
    Entry,
    chain_hash,
    check_kind,
    envelope,
    head_statement,
    key_id,
    link_hash,
)
from privet.govern.ledger.succession import Keys, Place, follow, signer
from privet.govern.ledger.tables import COLUMNS, ENTRIES, PAYLOADS, WITH_PAYLOAD

_FEW = 32
_BACK = (
    sa.select(*COLUMNS)
    .select_from(WITH_PAYLOAD)
    .where(ENTRIES.c.seq <= sa.bindparam("upto"))
    .order_by(ENTRIES.c.seq.desc())
    .limit(_FEW)
)
_LAST = (
    sa.select(ENTRIES.c.seq, ENTRIES.c.chain, ENTRIES.c.signature)
    .order_by(ENTRIES.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Tip:
    """The last entry, and what the next one needs of all before it."""

    seq: int = 0
    chain: bytes = b""
    signature: bytes = b""
    peaks: merkle.Peaks = ()
    keys: Keys = field(default_factory=Keys)

    @property
    def link(self) -> bytes:
        """The next entry's `prev`."""
        return link_hash(self.chain, self.signature) if self.seq else FIRST_LINK


def current_tip(connection: sa.Connection, ledger: str, known: Tip) -> Tip:
    """The tip in the database. One that this process did not write itself is checked: its
    fields, the Merkle root and the signature over both.

    So whoever signs entry n has seen a valid signature on head n - 1, by itself or by the key
    that it follows, and by induction the last valid signature stands for all before it.

    Raises:
        Refused: somebody without the key has written to the ledger.
    """
    last = connection.execute(_LAST).first()
    if last is None:
        raise broken(1, "is missing")
    if (last.seq, bytes(last.chain), bytes(last.signature)) == (
        known.seq,
        known.chain,
        known.signature,
    ):
        return known
    entry = load_entry(connection, last.seq)
    assert entry is not None
    node = node_reader(connection)
    peaks = tuple(node(level, index) for level, index in merkle.peak_names(entry.seq))
    keys = load_keys(connection, ledger, before=entry.seq)
    public = signer(keys, entry.kind, entry.payload)
    chain = chain_hash(
        ledger, entry.seq, entry.time, entry.kind, entry.key, entry.prev, entry.commitment
    )
    statement = head_statement(
        ledger, entry.seq, merkle.root_of(peaks), chain, entry.time, entry.key
    )
    named = public is not None and key_id(public) == entry.key
    if (
        chain != entry.chain
        or public is None
        or not named
        or not signed_by(public, entry.signature, statement)
    ):
        raise broken(entry.seq, "does not have a valid signature over all before it")
    place = Place(ledger, entry.seq, entry.prev)
    keys, problem = follow(keys, place, entry.kind, entry.payload)
    if problem:
        raise broken(entry.seq, f"does not hold: {problem}")
    return Tip(entry.seq, entry.chain, entry.signature, peaks, keys)


def chain_of(ledger: str, entry: Entry) -> bytes:
    """An entry's chain hash, by the fields that stand there."""
    return chain_hash(ledger, entry.seq, entry.time, entry.kind, entry.key, entry.prev,
                      entry.commitment)


def link_of(ledger: str, entry: Entry) -> bytes:
    """What the entry after this one must name, by the fields that stand there."""
    return link_hash(chain_of(ledger, entry), entry.signature)


def walk_back(connection: sa.Connection, ledger: str, tip: Tip) -> Iterator[Entry]:
    """The entries, newest first, each checked to be the one that the head fixes: whoever has no
    key cannot have changed it, also its kind, or taken one out from among them.

    Raises:
        Refused: somebody without the key has done so.
    """
    link, seq = tip.link, tip.seq
    while seq > 0:
        rows = connection.execute(_BACK, {"upto": seq}).all()
        for row in rows:
            entry = entry_of(row)
            if entry.seq != seq or link_of(ledger, entry) != link:
                raise broken(seq, "is not the one that was signed")
            yield entry
            link, seq = entry.prev, seq - 1
        if not rows:
            raise broken(seq, "is missing")


class Transaction:
    """A writing transaction of a ledger; handed out by `Ledger.transaction`.

    Attributes:
        connection: SQLAlchemy connection; what else is written through it is committed, or
            undone, together with the entries.
    """

    def __init__(
        self,
        connection: sa.Connection,
        ledger: str,
        tip: Tip,
        *,
        key: Callable[[Keys], SigningKey],
        clock: Callable[[], str],
        stream: Stream,
    ) -> None:
        self.connection = connection
        self.tip = tip
        self._ledger = ledger
        self._key = key
        self._clock = clock
        self._stream = stream

    def append(self, kind: str, payload: dict[str, Any]) -> Entry:
        """Write one entry; durable once the transaction has ended without an error.

        Args:
            kind: a lower-case word such as "fit"; "ledger." is reserved.
            payload: JSON values, at most 1 MiB; never a private cell.

        Raises:
            InvalidInput: the kind or the payload cannot be written.
        """
        check_kind(kind, own=False)
        return self.append_own(kind, payload)

    def place(self) -> Place:
        """Where the next entry will stand."""
        return Place(self._ledger, self.tip.seq + 1, self.tip.link)

    def prove(self, entry: Entry) -> None:
        """Return if an entry is the one that the signed head fixes, by its Merkle path.

        Raises:
            Refused: somebody without the key has changed it.
        """
        chain = chain_of(self._ledger, entry)
        path = merkle.inclusion(node_reader(self.connection), entry.seq - 1, self.tip.seq)
        root = merkle.root_of(self.tip.peaks)
        if not merkle.verify_inclusion(
            merkle.leaf_hash(chain), entry.seq - 1, self.tip.seq, path, root
        ):
            raise broken(entry.seq, "is not the one that was signed")

    def append_own(
        self, kind: str, payload: dict[str, Any], key: SigningKey | None = None
    ) -> Entry:
        """Write an entry of any kind, signed by the ledger's key or the one given."""
        check_kind(kind, own=True)
        tip, place, time = self.tip, self.place(), self._clock()
        text = envelope(time, kind, payload)
        keys, problem = follow(tip.keys, place, kind, payload)
        if problem:
            raise Refused(f"this entry about keys would not hold: {problem}")
        key = key or self._key(tip.keys)
        if signer(tip.keys, kind, payload) != key.public:
            raise Refused(f"key {key.id} must not sign an entry of kind {kind!r} here")
        salt = self._stream.read(SALT_BYTES)
        committed = commitment(salt, text)
        chain = chain_hash(
            self._ledger, place.seq, time, kind, key.id, place.prev, committed
        )
        peaks, done = merkle.grow(tip.peaks, tip.seq, merkle.leaf_hash(chain))
        signature = key.sign(
            head_statement(self._ledger, place.seq, merkle.root_of(peaks), chain, time, key.id)
        )
        entry = Entry(
            seq=place.seq,
            time=time,
            kind=kind,
            key=key.id,
            prev=place.prev,
            commitment=committed,
            chain=chain,
            signature=signature,
            salt=salt,
            text=text.decode("ascii"),
        )
        self._insert(entry, b"".join(done))
        self.tip = Tip(entry.seq, chain, signature, peaks, keys)
        return entry

    def _insert(self, entry: Entry, subtrees: bytes) -> None:
        values = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
        payload = {"seq": entry.seq, "salt": values.pop("salt"), "text": values.pop("text")}
        self.connection.execute(sa.insert(ENTRIES), {**values, "subtrees": subtrees})
        self.connection.execute(sa.insert(PAYLOADS), payload)
