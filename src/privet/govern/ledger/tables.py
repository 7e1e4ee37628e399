"""The tables, and the version of their layout.

Payloads lie beside the chain, so that they can be deleted without touching it. Hashes of
complete Merkle subtrees stand with the entry that completed them: node (level, index) is in
the row `seq = (index + 1) << level`, at byte 32 * (level - 1) of `subtrees`; leaves follow from
`chain`.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = 1

METADATA = sa.MetaData()
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

META = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
ENTRIES = sa.Table(
    "entries",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("prev", sa.LargeBinary, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("subtrees", sa.LargeBinary, nullable=False),
    # With `seq`, so that the newest entry of a kind is found at once, also of a rare kind.
    sa.Index("ix_entries_kind", "kind", "seq"),
)
PAYLOADS = sa.Table(
    "payloads",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
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
