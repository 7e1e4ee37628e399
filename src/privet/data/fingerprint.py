"""What a ledger needs of data to know them again: each row, and each unit's id, as bytes.

Equal data give equal bytes, whatever holds them. A cell is its `values.label`, so that 1, 1.0
and "1" are one; text is first read as a cell of a CSV file would be, because a file of text is
what data are exported to: "1.50" is 1.5, "True" is true, "NA" is missing, and the times
"2024-05-01 12:30:00" and "2024-05-01T12:30:00" are one. Columns are taken by name, not by place.

What no reader can know again: single-precision numbers that were written to text, which rounds
them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from privet.data.readers.base import MARKS
from privet.data.readers.delimited import DECIMAL, TRUTH
from privet.data.source import Source
from privet.data.values import Array, label, labels
from privet.errors import InvalidInput

KEY_BYTES = 32
_DOMAIN = b"privet content hash 1"
_LANES = 64
_ROWS = 4096
_LENGTH = 4
_SHORT = 6
_TELLING = frozenset("-.0123456789infTtFf")
"""First characters of text that may be another way to write a number, a truth or a time."""
_STAMP = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(\.(?P<part>[0-9]+))?(?P<zone>Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_NUMBER, _TRUTH = re.compile(DECIMAL), re.compile(TRUTH)


class Scanned(NamedTuple):
    """A batch of rows as bytes.

    Attributes:
        rows: each row, in the data's order.
        less: by the name of a column, each row as if that column were not there.
        ids: by the name of a column, its cells after their length; each once in a batch, and
            again in later ones. Missing ones are nobody's, and left out. The column's name is no
            part of them: the same people are known under another one.
    """

    rows: list[bytes]
    less: dict[str, list[bytes]]
    ids: dict[str, list[bytes]]


def scan(
    source: Source, *, less: Collection[str] = (), ids: Collection[str] = ()
) -> Iterator[Scanned]:
    """Yield all that a ledger needs of the rows, in one pass: the same bytes exactly if the same
    content. One batch is held at a time.

    Layout of a row: the number of columns; then, in the order of their names, each name and each
    cell after its length, in UTF-8; a missing cell has length 0. All numbers are 4 bytes,
    big-endian. So no two rows, and no two sequences of rows, are joined to the same bytes. All
    columns count, those included that a schema leaves out.

    Args:
        less, ids: names of columns of the source.

    Raises:
        DataError: the rows cannot be read; the message shows no cell.
    """
    # A CSV file's names are stripped, so all are.
    names = sorted(source.columns, key=lambda name: (name.strip(), name))
    heads = {name: _framed(name.strip()) for name in names}
    missing = _framed("")
    for batch in source.batches(names):
        cells = {name: _column(batch[name], heads[name]) for name in names}
        bare = {name: [cell[len(heads[name]) :] for cell in dict.fromkeys(cells[name])]
                for name in ids}
        yield Scanned(
            _joined([*cells.values()]),
            {name: _joined([cells[other] for other in names if other != name]) for name in less},
            {name: [cell for cell in found if cell != missing] for name, found in bare.items()},
        )


def _joined(cells: list[list[bytes]]) -> list[bytes]:
    start = len(cells).to_bytes(_LENGTH, "big")
    return [start + row for row in map(b"".join, zip(*cells, strict=True))]


def may_identify(values: Array) -> bool:
    """True if a column, (n,) canonical, may hold ids: it holds no truths and no measurements.

    Its name plays no part. A number with a fraction is a measurement.
    """
    if values.dtype == bool:
        return False
    if values.dtype == object:
        said = _said(values)
        return not said or sum(map(_is_measurement, said)) < len(said) / 2
    return values.dtype != np.float64 or bool(np.all((values % 1 == 0) | np.isnan(values)))


def is_telling(values: Array) -> bool:
    """True if equal ids in two such columns, (n,) canonical, hardly meet by chance.

    Whole numbers of up to six digits do: ages, years, amounts, and whatever is counted from 1.
    """
    said = _said(values)
    return sum(len(text) > _SHORT or not text.isdecimal() for text in said) > len(said) / 2


def _said(values: Array) -> set[str]:
    return {_settled(found) for found in labels(values) if found}


def _is_measurement(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and not text.lstrip("+-").isdecimal()


class ContentHash:
    """Name the content of rows, whatever the order of rows and columns: 64 hex digits.

    The order of rows is left out because an export rarely keeps it, and because nothing that
    privacy rests on follows from it; a sorted copy under a fresh name would be a fresh budget.
    How often a row stands there counts.

    Method: the sum, in 64 lanes modulo 2^64, of SHAKE-128(key, row), a multiset hash as AdHash
    (Bellare & Micciancio 1997) and LtHash (Lewi et al. 2019, ePrint 2019/227); then HMAC-SHA-256
    of the number of rows and the sum.

    Formal guarantees:
        - Whoever lacks the key can confirm no guess about a cell, under SHAKE-128 and HMAC as
          pseudorandom functions.
        - Without the key nobody finds two contents of one name. Whoever holds it needs about
          2^100 steps (Wagner's generalised birthday attack on 4096 bits, less those that many
          copies of a row cancel).
        - It recognises the same content only: one changed cell is another name.

    Args:
        key: secret, at least 32 bytes, of the ledger's own.

    Raises:
        InvalidInput: the key is too short.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise InvalidInput("the key of a content hash is too short", value=f"{len(key)} bytes",
                               bound=f">= {KEY_BYTES} bytes",
                               remedy="secrets.token_bytes(32)")
        self._key = key
        self._inner = hashlib.shake_128(hmac.digest(key, _DOMAIN + b" rows", "sha256"))
        self._total, self._count = np.zeros(_LANES, dtype=np.uint64), 0

    def add(self, rows: list[bytes]) -> None:
        """Count rows in, as `scan` gives them."""
        for start in range(0, len(rows), _ROWS):
            joined = b"".join(_expand(self._inner, row) for row in rows[start : start + _ROWS])
            lanes = np.frombuffer(joined, dtype="<u8").reshape(-1, _LANES)
            self._total += lanes.sum(axis=0, dtype=np.uint64)
        self._count += len(rows)

    def name(self) -> str:
        """The name of all rows so far."""
        found = self._count.to_bytes(8, "big") + self._total.astype("<u8").tobytes()
        return hmac.digest(self._key, _DOMAIN + found, "sha256").hex()


def _expand(keyed: Any, row: bytes) -> bytes:
    state = keyed.copy()
    state.update(row)
    expanded: bytes = state.digest(8 * _LANES)
    return expanded


class _Cells(dict[str | None, bytes]):
    """Labels of one column, framed after its name; each different one is worked out once."""

    def __init__(self, head: bytes, *, text: bool) -> None:
        super().__init__()
        self._head, self._text = head, text

    def __missing__(self, found: str | None) -> bytes:
        cell = _settled(found) if found and self._text else found or ""
        framed = self[found] = self._head + _framed(cell)
        return framed


def _column(values: Array, head: bytes = b"") -> list[bytes]:
    """(m,) canonical cells as bytes, each after the head."""
    cells = _Cells(head, text=values.dtype == object)
    return [*map(cells.__getitem__, labels(values))]


def _framed(text: str) -> bytes:
    # A frame may hold half a surrogate pair; it must not stop a ledger.
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(_LENGTH, "big") + raw


def _settled(text: str) -> str:
    """A label of text as its cell reads in a CSV file; "" where that is missing."""
    if text in MARKS:
        return ""
    if text[0] not in _TELLING:
        return text
    if _TRUTH.fullmatch(text):
        return text.lower()
    if text == "-0":
        return "0"
    if _NUMBER.fullmatch(text):
        return str(label(float(text)))
    stamp = _STAMP.fullmatch(text)
    return text if stamp is None else _time(**stamp.groupdict())


def _time(day: str, time: str, part: str | None, zone: str | None) -> str:
    """A time without the zeros that some writers leave out, in UTC's own words."""
    rest = (part or "").rstrip("0")
    if not zone and not rest and time == "00:00:00":
        return day
    digits = (zone or "").replace(":", "")
    if zone:
        digits = "+0000" if zone == "Z" else digits.ljust(5, "0")
        digits = digits[:3] + ":" + digits[3:]
    return f"{day}T{time}" + (f".{rest}" if rest else "") + digits
