"""The tables, and the version of their layout.

Payloads lie beside the chain, so that they can be deleted without touching it. Hashes of
complete Merkle subtrees stand with the entry that completed them: node (level, index) is in
the row `seq = (index + 1) << level`, at byte 32 * (level - 1) of `subtrees`; leaves follow from
`chain`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from privet.errors import Refused

SCHEMA_VERSION = 1


class Stored(sa.types.TypeDecorator[Any]):
    """A column that is read only if it holds the type of value that was written.

    SQLite stores whatever it is given, in any column. `verify` reads past this, and names it.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, kind: type[Any], *, optional: bool = False) -> None:
        super().__init__()
        self.kind = kind
        self.optional = optional

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The database's own type; SQLite's row number is an INTEGER."""
        number = sa.Integer() if dialect.name == "sqlite" else sa.BigInteger()
        types: dict[type[Any], Any] = {int: number, str: sa.Text(), bytes: sa.LargeBinary()}
        return dialect.type_descriptor(types[self.kind])

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """A check in place of a conversion, which could fail.

        Raises:
            Refused: on reading a value of another type.
        """
        return self._checked

    def _checked(self, value: Any) -> Any:
        if type(value) is self.kind or (value is None and self.optional):
            return value
        raise Refused(
            "the ledger was altered: a value is not of the type that was written",
            value=type(value).__name__,
            bound=self.kind.__name__,
            remedy="privet ledger verify   # names its entry",
        )


METADATA = sa.MetaData()
# The newest of no entries is none.
_SEQ = Stored(int, optional=True)
_TEXT = Stored(str)
_BYTES = Stored(bytes)

META = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)
ENTRIES = sa.Table(
    "entries",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("time", _TEXT, nullable=False),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("key", _TEXT, nullable=False),
    sa.Column("prev", _BYTES, nullable=False),
    sa.Column("commitment", _BYTES, nullable=False),
    sa.Column("chain", _BYTES, nullable=False),
    sa.Column("signature", _BYTES, nullable=False),
    sa.Column("subtrees", _BYTES, nullable=False),
    # With `seq`, so that the newest entry of a kind is found at once, also of a rare kind.
    sa.Index("ix_entries_kind", "kind", "seq"),
)
PAYLOADS = sa.Table(
    "payloads",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("salt", Stored(bytes, optional=True), nullable=False),
    sa.Column("text", Stored(str, optional=True), nullable=False),
)
# Which entry holds a cosignature of the head of which size: an index, checked by `verify`.
COSIGNATURES = sa.Table(
    "cosignatures",
    METADATA,
    sa.Column("size", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
)
WITH_PAYLOAD = ENTRIES.outerjoin(PAYLOADS, ENTRIES.c.seq == PAYLOADS.c.seq)
COLUMNS = (
    *(column for column in ENTRIES.c if column.name != "subtrees"),
    PAYLOADS.c.salt,
    PAYLOADS.c.text,
)
