"""Small sketches of who is in a data set, to recognise its relatives.

A sketch keeps the k smallest of the keyed hashes of unit ids (or of row contents, where a row is
the unit): bottom-k, Cohen & Kaplan 2007. Two sketches under one key show which of those ids both
sets hold. A keyed hash of a person's id stays personal data (GDPR Art. 4(5)).
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privet.entropy import secret_stream
from privet.errors import InvalidInput
from privet.govern.ledger import Ledger, keyed_hash
from privet.govern.ledger.keys import read_private, write_private

KEEP = 2048
_BYTES = 8


@dataclass(frozen=True)
class Overlap:
    """What two sketches have in common.

    Attributes:
        common: ids in both sketches.
        of_first: estimated part of the first set's units that the second holds, 0 to 1.
        of_second: the same the other way round.
    """

    common: int
    of_first: float
    of_second: float


@dataclass(frozen=True)
class Sketch:
    """The smallest keyed hashes of a set's ids, in order; `full` if larger ones were left out.

    A derived set of n units out of N is recognised unless none of its ids is among the about
    2048 n / N that both sketches see: with probability 1 - e^-20 for one per cent, 63 % for one
    in 2048. Ids that are written otherwise (spaces, leading zeros) are other ids, and two sets
    that number their persons from 1 look like relatives.
    """

    values: tuple[int, ...]
    full: bool
    key: str

    @classmethod
    def of(cls, key: bytes, items: Iterable[bytes]) -> Sketch:
        """The sketch of ids as bytes, in any order; repeated ones count once.

        Args:
            key: `hash_key(ledger)`, at least 32 bytes.

        Raises:
            InvalidInput: the key is too short.
        """
        name = keyed_hash(key, [b"the name of this key"])[:16]
        inner = bytes.fromhex(keyed_hash(key, [b"sketch"]))
        kept: set[int] = set()
        heap: list[int] = []  # the greatest kept value, negated, on top
        full = False
        for item in items:
            digest = hmac.digest(inner, item, hashlib.sha256)
            value = int.from_bytes(digest[:_BYTES], "big")
            if value in kept:
                continue
            if len(heap) < KEEP:
                heapq.heappush(heap, -value)
                kept.add(value)
                continue
            full = True
            if value < -heap[0]:
                kept.discard(-heapq.heapreplace(heap, -value))
                kept.add(value)
        return cls(tuple(sorted(kept)), full, name)

    def overlap(self, other: Sketch) -> Overlap:
        """What both have in common, as far as both are complete.

        Raises:
            InvalidInput: they are under different keys, and tell nothing about one another.
        """
        if self.key != other.key:
            raise InvalidInput("the sketches were made under different keys",
                               value=other.key, bound=self.key,
                               remedy="Sketch.of(hash_key(ledger), ids)")
        ends = [sketch.values[-1] for sketch in (self, other) if sketch.full]
        end = min(ends, default=1 << 64)
        first = {value for value in self.values if value <= end}
        second = {value for value in other.values if value <= end}
        both = len(first & second)
        return Overlap(both, both / max(1, len(first)), both / max(1, len(second)))

    def to_json(self) -> dict[str, Any]:
        """A JSON object of at most 22 kB."""
        raw = b"".join(value.to_bytes(_BYTES, "big") for value in self.values)
        text = base64.b64encode(raw).decode("ascii")
        return {"key": self.key, "full": self.full, "values": text}

    @classmethod
    def from_json(cls, record: Any) -> Sketch:
        """What `to_json` wrote.

        Raises:
            InvalidInput: it is not that.
        """
        try:
            raw = base64.b64decode(record["values"], validate=True)
            full, key = record["full"], record["key"]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("malformed sketch of a data set") from error
        values = [int.from_bytes(raw[i : i + _BYTES], "big") for i in range(0, len(raw), _BYTES)]
        sound = len(raw) % _BYTES == 0 and len(values) <= KEEP and values == sorted(set(values))
        if not sound or type(full) is not bool or type(key) is not str or (full and not values):
            raise InvalidInput("malformed sketch of a data set")
        return cls(tuple(values), full, key)


def hash_key(ledger: Ledger) -> bytes:
    """The key under which a ledger names data: 32 bytes in a file of its own beside the signing
    key, ending in `.hash`, made when it is first asked for. Whoever has it can test guesses of
    ids; without it, registered sets are no longer recognised.

    Raises:
        InvalidInput: the file does not hold a key.
        Refused: group or others may read the file.
    """
    path: Path = ledger.keyring._path.with_suffix(".hash")
    if not path.exists():
        fresh = secret_stream("privet ledger hash key").read(32)
        try:
            write_private(path, fresh.hex().encode() + b"\n")
        except FileExistsError:  # another process made one at this moment: that one is read
            return hash_key(ledger)
    try:
        key = bytes.fromhex(read_private(path, "hash key file").decode("ascii"))
    except ValueError as error:
        raise InvalidInput(f"the file {path} does not hold a hash key",
                           remedy="restore it from a backup") from error
    if len(key) != 32:
        raise InvalidInput(f"the file {path} does not hold a hash key",
                           remedy="restore it from a backup")
    return key
