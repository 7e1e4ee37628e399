"""Taking persons out of the sketches, by entries that hold nothing of them.

Formal guarantees:
    - Afterwards the ledger's database holds no hash of these ids, and no salt with which a guess
      of one could be confirmed, in the sketches of this set. SQLite overwrites the deleted bytes
      at once, unless another process is reading just then; PostgreSQL keeps them until VACUUM, and
      backups of either keep them until they are deleted.
    - What was taken out is told from what another hand deleted: an entry says so.
    - Not claimed: that nothing depends on these persons. The content hash of a version stays; it
      confirms a guess only to whoever holds the hash key and every other row.

Of rows, hashes are found by whole rows only, as they were hashed. Where those are not given, or not
all of them are found, the sketch of rows goes as a whole.

What it costs: `Sketch.without`. A set without sketches is known by its content hash alone: an
exact copy is recognised, a grown, changed or filtered one is not.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from privet.errors import InvalidInput, Refused
from privet.govern.budget import sketches
from privet.govern.budget.basis import basis_in, view_in
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import FORGET, REKEY, View, roots_of
from privet.govern.budget.sketch import (
    Sketch,
    hash_key,
    hash_key_file,
    hash_keys,
    hashed,
    key_name,
    old_key_file,
    write_fresh_key,
)
from privet.govern.budget.sketches import Sealed
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.keys import write_private

Instead = Mapping[int, Sealed | None]


def forget(
    ledger: Ledger, name: str, ids: Iterable[bytes], contents: Iterable[bytes] = ()
) -> Entry | None:
    """Remove the hashes of these persons from all sketches of a set.

    A sketch under a hash key that is lost, in which nobody can find them, goes as a whole. A
    version that is registered later from data that still hold these persons brings them back.

    Args:
        ids: as `Sketch.of` took them.
        contents: their rows without the unit's column, as far as the caller has them.

    Returns:
        The entry, which names the sketches and none of the values; None if they hold nothing of
        these persons.

    Raises:
        InvalidInput: no such set.
        Refused: a sketch of it was changed by another hand.
    """
    gone = _Gone(hash_keys(ledger), tuple(ids), tuple(contents))

    def work(transaction: Transaction) -> Entry | None:
        data_set = existing(view_in(ledger, transaction), name)
        if data_set.broken:
            raise Refused(
                f"sketches of {name!r} were changed by another hand, so nobody can tell whom they "
                "hold",
                value=f"of entries {', '.join(map(str, data_set.broken))}",
                remedy=f"privet dataset forget {shlex.quote(name)} --all",
            )
        instead: dict[int, Sealed | None] = {}
        found = sketches.read(transaction.connection, data_set.roots)
        for place, old in found.items():
            units = found.get(abs(place))
            left = gone.rows_left(old.sketch, units.sketch if units else None) if (
                old.contents) else gone.units_left(old.sketch)
            if left is None:
                instead[place] = None
            elif left != old.sketch:
                instead[place] = Sealed.of(old.name, old.version, left, contents=old.contents)
        return _replace(transaction, FORGET, {"name": name}, instead) if instead else None

    entry = ledger.atomically(work)
    ledger.scrub()
    return entry


class _Gone:
    """Persons to be forgotten, by their hashes under each key that is at hand."""

    def __init__(
        self, keys: Sequence[bytes], ids: tuple[bytes, ...], contents: tuple[bytes, ...]
    ) -> None:
        self._ids = {key_name(key): frozenset(hashed(key, ids)) for key in keys}
        self._rows = {key_name(key): frozenset(hashed(key, contents)) for key in keys}

    def units_left(self, units: Sketch) -> Sketch | None:
        """A sketch of units without them; None if nothing of it may stay."""
        ids = self._ids.get(units.key)
        return None if ids is None else _without(units, ids)

    def rows_left(self, rows: Sketch, units: Sketch | None) -> Sketch | None:
        """A sketch of rows without theirs; None if nothing of it may stay."""
        ids, gone = self._ids.get(rows.key), self._rows.get(rows.key)
        if ids is None or gone is None:
            return None
        seen = frozenset(value for value in gone if rows.covers(value))
        may_hold = units is None or any(
            value in units.values or not units.covers(value) for value in ids
        )
        if may_hold and (not gone or not seen <= {*rows.values}):
            return None  # some rows of theirs are not as they were hashed
        return _without(rows, seen)


def _without(sketch: Sketch, gone: frozenset[int]) -> Sketch | None:
    return sketch if gone.isdisjoint(sketch.values) else sketch.without(gone)


def erase(ledger: Ledger, name: str) -> Entry:
    """Erase all sketches of a set, those included that another hand has changed.

    Raises:
        InvalidInput: no such set, or it has no sketch.
    """

    def work(transaction: Transaction) -> Entry:
        view = view_in(ledger, transaction)
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
    """Follow the hash key by a new one.

    The key before is kept, and what it has hashed: by it the sets are recognised, and told from
    other data, until each has a version under the new key. The old hashes of a version are erased
    with a new version that it is like, and the old key with the last (`end_rotation`).

    The new key takes its place once the entry is written. A process that ends between leaves the
    old one there, as if nothing had been done: rotate again.

    Raises:
        Refused: sets are known by the key before this one only.
        Unavailable: the folder of the key cannot be written.
    """
    path, before = hash_key_file(ledger), old_key_file(ledger)
    waiting, own = path.with_name(path.name + ".new"), hash_key(ledger)

    def work(transaction: Transaction) -> Entry:
        view = view_in(ledger, transaction)
        behind = _known_otherwise(ledger, view)
        if behind:
            raise Refused(
                "sets are not known by this hash key yet, and the one before it would be lost",
                value=", ".join(behind), bound="a version of each set under this key",
                remedy=f"privet dataset version {shlex.quote(behind[0])} FILE",
            )
        waiting.unlink(missing_ok=True)
        fresh = write_fresh_key(waiting)
        sketches.erase_strays(transaction.connection, None, roots_of(view))
        return transaction.append(REKEY, {"key": fresh, "sketches": {}})

    entry = ledger.atomically(work)
    before.unlink(missing_ok=True)
    write_private(before, own.hex().encode() + b"\n")
    os.replace(waiting, path)
    end_rotation(ledger, _view(ledger))
    return entry


def end_rotation(ledger: Ledger, view: View) -> None:
    """Delete the hash key before, if no set is known by it any more, and what was erased."""
    before = old_key_file(ledger)
    if before.exists():
        if not _known_otherwise(ledger, view):
            before.unlink()
        ledger.scrub()


def _known_otherwise(ledger: Ledger, view: View) -> list[str]:
    """The sets of which any version is known by the key before, or all by a lost one."""
    own, *before = map(key_name, hash_keys(ledger))
    return [s.name for s in view.sets.values() if s.key not in (None, own)
            or any(one.key in before for one in (*s.sketches, *s.contents))]


def _view(ledger: Ledger) -> View:
    with ledger.reading() as connection:
        return basis_in(ledger, connection).view(View(), connection)


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
