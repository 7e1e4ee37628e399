"""The table of sketches, beside the chain, where what it holds of persons can be erased.

The entry of a version holds salted commitments to its sketches, and the name of the hash key; the
sketches and their salts stand here, that of the units under the entry's number, that of the rows
without their unit under the same number below zero. So a row that somebody changed or deleted is
told from one that was erased, which an entry says, and what was erased cannot be confirmed by a
guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from privet.entropy import secret_stream
from privet.errors import InvalidInput
from privet.govern.budget.sketch import Sketch
from privet.govern.ledger.canonical import SALT_BYTES, commitment, framed

_DOMAINS = {False: b"privet sketch 1", True: b"privet sketch of contents 1"}
METADATA = sa.MetaData()
SKETCHES = sa.Table(
    "sketches",
    METADATA,
    # The entry that registered the version; below zero for the rows without their unit.
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True,
              autoincrement=False),
    sa.Column("data_set", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("complete", sa.Integer, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
# Without types, so that what another hand put into a column is read, and found to be wrong.
_ALL = sa.select(*(sa.type_coerce(column, sa.types.NULLTYPE) for column in SKETCHES.c))
_OF_ENTRIES = _ALL.where(SKETCHES.c.seq.in_(sa.bindparam("entries", expanding=True)))
_SEQS = sa.select(SKETCHES.c.seq).order_by(SKETCHES.c.seq)
_MANY = 500
"""Entries asked for by number at once; more are found by reading the table through."""


@dataclass(frozen=True)
class Sealed:
    """A sketch of a version, with the salt of the commitment that its entry holds.

    Attributes:
        contents: it is of the rows without their unit, not of the units.
    """

    name: str
    version: str
    sketch: Sketch
    salt: bytes
    contents: bool = False

    @classmethod
    def of(cls, name: str, version: str, sketch: Sketch, *, contents: bool = False) -> Sealed:
        """Under a fresh salt."""
        salt = secret_stream("privet sketch salts").read(SALT_BYTES)
        return cls(name, version, sketch, salt, contents)

    @property
    def root(self) -> str:
        """The commitment: 64 hex digits."""
        parts = (self.name, self.version, self.sketch.key, int(self.sketch.full))
        domain = _DOMAINS[self.contents]
        return commitment(self.salt, framed(domain, *parts, self.sketch.pack())).hex()

    def promise(self) -> dict[str, str]:
        """What the entry says of it."""
        return {"root": self.root, "key": self.sketch.key}


def create(connection: sa.Connection) -> None:
    """Make the table where it is not there yet."""
    METADATA.create_all(connection)


def write(connection: sa.Connection, seq: int, sealed: Sealed) -> None:
    """Put a sketch of the version that entry `seq` tells of into the table."""
    create(connection)
    connection.execute(sa.insert(SKETCHES), {
        "seq": place(seq, contents=sealed.contents),
        "data_set": sealed.name,
        "version": sealed.version,
        "key": sealed.sketch.key,
        "complete": int(not sealed.sketch.full),
        "salt": sealed.salt,
        "hashes": sealed.sketch.pack(),
    })


def place(seq: int, *, contents: bool) -> int:
    """Where the sketch of an entry stands."""
    return -abs(seq) if contents else abs(seq)


def read(connection: sa.Connection, roots: Mapping[int, str]) -> dict[int, Sealed]:
    """The sketches that open the commitments at these places; the others are not as written."""
    if not roots or not _there(connection):
        return {}
    few = len(roots) <= _MANY
    rows = connection.execute(_OF_ENTRIES, {"entries": list(roots)}) if few else (
        connection.execute(_ALL))
    found = ((row.seq, _sealed(row)) for row in rows if row.seq in roots)
    return {seq: one for seq, one in found if one is not None and one.root == roots[seq]}


def erase(connection: sa.Connection, entries: Iterable[int]) -> None:
    """Delete the sketches at these places."""
    if _there(connection):
        for seq in entries:
            connection.execute(sa.delete(SKETCHES).where(SKETCHES.c.seq == seq))


def erase_strays(connection: sa.Connection, name: str | None, keep: Iterable[int] = ()) -> None:
    """Delete what stands in the table for a data set, or for all, without an entry that says so."""
    if _there(connection):
        stray = sa.delete(SKETCHES).where(SKETCHES.c.seq.not_in(list(keep)))
        connection.execute(stray if name is None else stray.where(SKETCHES.c.data_set == name))


def strays(connection: sa.Connection, roots: Mapping[int, str]) -> Iterator[int]:
    """Entries that have a sketch in the table, and promised none or have had it erased."""
    if _there(connection):
        for seq in connection.execute(_SEQS).scalars():
            if seq not in roots:
                yield abs(seq)


def _there(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table(SKETCHES.name)


def _sealed(row: Any) -> Sealed | None:
    """A row as it was written; None if it holds what was never written."""
    types = {"data_set": str, "version": str, "key": str, "complete": int, "salt": bytes,
             "hashes": bytes}
    if any(type(getattr(row, name)) is not wanted for name, wanted in types.items()):
        return None
    try:
        sketch = Sketch.unpack(row.hashes, full=not row.complete, key=row.key)
    except InvalidInput:
        return None
    return Sealed(row.data_set, row.version, sketch, row.salt, contents=row.seq < 0)
