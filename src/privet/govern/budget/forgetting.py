"""Taking persons out of the sketches, by entries that hold nothing of them.

Formal guarantees:
    - Afterwards the ledger's database holds no hash of these ids, and no salt with which a guess
      of one could be confirmed, in the sketches of this set. SQLite overwrites the deleted bytes
      at once, unless another process is reading just then; PostgreSQL keeps them until VACUUM, and
      backups of either keep them until they are deleted.
    - What was taken out is told from what another hand deleted: an entry says so.
    - Not claimed: that nothing depends on these persons. The content hash of a version stays; it
      confirms a guess only to whoever holds the hash key and every other row.

What it costs: `Sketch.without`. A set without sketches is known by its content hash alone: an
exact copy is recognised, a grown, changed or filtered one is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from privet.errors import InvalidInput, Refused
from privet.govern.budget import sketches
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import FORGET, REKEY, View, advance, roots_of
from privet.govern.budget.sketch import (
    hash_key,
    hash_key_file,
    hashed,
    key_name,
    write_fresh_key,
)
from privet.govern.budget.sketches import Sealed
from privet.govern.ledger import Entry, Ledger, Transaction

Instead = Mapping[int, Sealed | None]


def forget(ledger: Ledger, name: str, ids: Iterable[bytes]) -> Entry | None:
    """Remove the hashes of these ids from all sketches of a set.

    A sketch under an earlier hash key, in which nobody can find them, goes as a whole. A version
    that is registered later from data that still hold these persons brings them back.

    Args:
        ids: as `Sketch.of` took them.

    Returns:
        The entry, which names the sketches and none of the values; None if they hold none of
        these ids.

    Raises:
        InvalidInput: no such set.
        Refused: a sketch of it was changed by another hand.
    """
    key = hash_key(ledger)
    own, gone = key_name(key), frozenset(hashed(key, ids))

    def work(transaction: Transaction) -> Entry | None:
        data_set = existing(advance(View(), transaction.connection), name)
        if data_set.broken:
            raise Refused(
                f"sketches of {name!r} were changed by another hand, so nobody can tell whom they "
                "hold",
                value=f"of entries {', '.join(map(str, data_set.broken))}",
                remedy=f"privet dataset forget {name} --all",
            )
        instead: dict[int, Sealed | None] = {}
        for seq, old in sketches.read(transaction.connection, data_set.roots).items():
            if old.sketch.key != own:
                instead[seq] = None
            elif not gone.isdisjoint(old.sketch.values):
                left = old.sketch.without(gone)
                instead[seq] = None if left is None else Sealed.of(old.name, old.version, left)
        return _replace(transaction, FORGET, {"name": name}, instead) if instead else None

    entry = ledger.atomically(work)
    ledger.scrub()
    return entry


def erase(ledger: Ledger, name: str) -> Entry:
    """Erase all sketches of a set, those included that another hand has changed.

    Raises:
        InvalidInput: no such set, or it has no sketch.
    """

    def work(transaction: Transaction) -> Entry:
        view = advance(View(), transaction.connection)
        data_set = existing(view, name)
        if not data_set.roots:
            raise InvalidInput(f"the data set {name!r} has no sketch to erase", value=name,
                               remedy="privet dataset list")
        sketches.erase_strays(transaction.connection, name, roots_of(view))
        facts = {"name": name, "broken": list(data_set.broken)}
        return _replace(transaction, FORGET, facts, dict.fromkeys(data_set.roots))

    entry = ledger.atomically(work)
    ledger.scrub()
    return entry


def rotate_hash_key(ledger: Ledger) -> Entry:
    """Follow the hash key by a new one, and erase what the old one has hashed.

    Old sketches and content hashes tell nothing under the new key. So the use of registered data
    is refused until each set has a version under it: `privet dataset version NAME FILE`.

    The new key takes its place once the entry is written. A process that ends between leaves the
    old one there, under which exact copies are still recognised: rotate again.

    Raises:
        Unavailable: the folder of the key cannot be written.
    """
    path = hash_key_file(ledger)
    waiting = path.with_name(path.name + ".new")

    def work(transaction: Transaction) -> Entry:
        waiting.unlink(missing_ok=True)
        fresh = write_fresh_key(waiting)
        view = advance(View(), transaction.connection)
        sketches.erase_strays(transaction.connection, None)
        return _replace(transaction, REKEY, {"key": fresh}, dict.fromkeys(roots_of(view)))

    entry = ledger.atomically(work)
    os.replace(waiting, path)
    ledger.scrub()
    return entry


def _replace(
    transaction: Transaction, kind: str, facts: dict[str, Any], instead: Instead
) -> Entry:
    """Put other sketches, or none, in the place of those of some entries."""
    sketches.erase(transaction.connection, instead)
    for seq, sealed in instead.items():
        if sealed is not None:
            sketches.write(transaction.connection, seq, sealed)
    # The name of the key stays, so only the commitment is new.
    after = {
        str(seq): None if sealed is None else {"root": sealed.root}
        for seq, sealed in instead.items()
    }
    return transaction.append(kind, {**facts, "sketches": after})
