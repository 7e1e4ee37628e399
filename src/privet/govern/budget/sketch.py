"""Small sketches of who is in a data set, to recognise its relatives.

A sketch keeps the k smallest of the keyed hashes of unit ids (or of row contents, where a row is
the unit): bottom-k, Cohen & Kaplan 2007. Two sketches under one key show which of those ids both
sets hold. A keyed hash of a person's id stays personal data (GDPR Art. 4(5)), so sketches stand in
a table that can be erased (`sketches`), and never in an entry.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

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
        found = Sketcher(key)
        found.add(items)
        return found.sketch()

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

    def covers(self, value: int) -> bool:
        """True if this value would be here, were it in the set."""
        return not self.full or value <= self.values[-1]

    def without(self, values: Collection[int]) -> Sketch | None:
        """The sketch of the same set less these ids; None if it then knows nobody.

        What it costs: of a full sketch of k values, k - 1 are left, so that it sees a derived set
        of one in k - 1 persons where it saw one of one in k, and estimated parts are off by 1/k
        at most. Those who were taken out are not known again, by this sketch.
        """
        left = tuple(value for value in self.values if value not in values)
        return None if self.full and not left else replace(self, values=left)

    def pack(self) -> bytes:
        """The values as bytes, at most 16 kB."""
        return b"".join(value.to_bytes(_BYTES, "big") for value in self.values)

    @classmethod
    def unpack(cls, raw: bytes, *, full: bool, key: str) -> Sketch:
        """The sketch whose values `pack` wrote.

        Raises:
            InvalidInput: they are not that.
        """
        values = [int.from_bytes(raw[i : i + _BYTES], "big") for i in range(0, len(raw), _BYTES)]
        sound = len(raw) % _BYTES == 0 and len(values) <= KEEP and values == sorted(set(values))
        if not sound or (full and not values):
            raise InvalidInput("malformed sketch of a data set")
        return cls(tuple(values), full, key)


class Sketcher:
    """Gathers a sketch, from batches of ids as bytes.

    Args:
        key: `hash_key(ledger)`, at least 32 bytes.

    Raises:
        InvalidInput: the key is too short.
    """

    def __init__(self, key: bytes) -> None:
        self._key, self._name = key, key_name(key)
        self._seen: dict[int, int] = {}
        self._heap: list[int] = []  # the greatest kept value, negated, on top
        self._full = False

    def add(self, items: Iterable[bytes]) -> None:
        """Take in ids, in any order."""
        seen, heap = self._seen, self._heap
        for value in hashed(self._key, items):
            if value in seen:
                seen[value] += 1
            elif len(heap) < KEEP:
                heapq.heappush(heap, -value)
                seen[value] = 1
            else:
                self._full = True
                if value < -heap[0]:
                    del seen[-heapq.heapreplace(heap, -value)]
                    seen[value] = 1

    def sketch(self) -> Sketch:
        """The sketch of all so far; repeated ones count once."""
        return Sketch(tuple(sorted(self._seen)), self._full, self._name)

    def own(self) -> float:
        """The part of all items so far that came once, 0 to 1, as far as the sketch sees.

        What is in a sketch at last was in it since it came first, so its count is exact.
        """
        return sum(n == 1 for n in self._seen.values()) / max(1, sum(self._seen.values()))


def hashed(key: bytes, items: Iterable[bytes]) -> Iterator[int]:
    """The values of ids in a sketch under a key: 0 to 2^64 - 1.

    Raises:
        InvalidInput: the key is too short.
    """
    inner = bytes.fromhex(keyed_hash(key, [b"sketch"]))
    for item in items:
        yield int.from_bytes(hmac.digest(inner, item, hashlib.sha256)[:_BYTES], "big")


def key_name(key: bytes) -> str:
    """What a hash key is called, 16 hex digits; it tells nothing about the key.

    Raises:
        InvalidInput: the key is too short.
    """
    return keyed_hash(key, [b"the name of this key"])[:16]


def hash_key_file(ledger: Ledger) -> Path:
    """Where a ledger's hash key stands: beside its signing key, ending in `.hash`."""
    return ledger.keyring.path.with_suffix(".hash")


def old_key_file(ledger: Ledger) -> Path:
    """Where the hash key before it stands, while sets are known by that one."""
    path = hash_key_file(ledger)
    return path.with_name(path.name + ".old")


def hash_key(ledger: Ledger) -> bytes:
    """The key under which a ledger names data: 32 bytes in a file of its own beside the signing
    key, ending in `.hash`, made when it is first asked for. Whoever has it can test guesses of
    ids. Without it registered sets cannot be recognised, and their use is refused until each has
    a version under a new one.

    Raises:
        InvalidInput: the file does not hold a key.
        Refused: group or others may read the file.
    """
    path = hash_key_file(ledger)
    if not path.exists():
        try:
            write_fresh_key(path)
        except FileExistsError:  # another process made one at this moment: that one is read
            return hash_key(ledger)
    return _read_key(path)


def hash_keys(ledger: Ledger) -> tuple[bytes, ...]:
    """The ledger's hash key; then the one before it, while that is kept.

    Raises:
        InvalidInput, Refused: see `hash_key`.
    """
    own, before = hash_key(ledger), old_key_file(ledger)
    return tuple(dict.fromkeys((own, _read_key(before)) if before.exists() else (own,)))


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(read_private(path, "hash key file").decode("ascii"))
    except ValueError as error:
        raise InvalidInput(f"the file {path} does not hold a hash key",
                           remedy="restore it from a backup") from error
    if len(key) != 32:
        raise InvalidInput(f"the file {path} does not hold a hash key",
                           remedy="restore it from a backup")
    return key


def write_fresh_key(path: Path) -> str:
    """Make a hash key in a new file; its name.

    Raises:
        FileExistsError: there is a file already.
        Unavailable: the folder cannot be written.
    """
    fresh = secret_stream("privet ledger hash key").read(32)
    write_private(path, fresh.hex().encode() + b"\n")
    return key_name(fresh)
