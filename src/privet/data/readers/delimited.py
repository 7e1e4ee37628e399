"""CSV and TSV files, plain or gzipped, scanned by DuckDB as text and typed cell by cell.

Why not DuckDB's own types: its sniffer looks at a sample, so a later row can raise; and even
over the whole file, a column's type is a function of every row in it. One person's odd cell
would then change how all other people's cells are read ("1.50" stays text in one data set and
is the number 1.5 in its neighbour), and the sensitivity that differential privacy counts on is
gone (rule 14: what is found in the data never changes what happens to other rows). Here the
meaning of a cell depends on that cell alone:

* blank, NULL, null, NA, NaN, nan (quoted or not): missing;
* true, True, TRUE, false, False, FALSE: a truth value;
* a whole number without plus sign or leading zeros: that integer, of up to 4,300 digits (more
  are text to Python, and as far out as infinity to a column of numbers);
* a decimal number with a point, or a signed exponent (1.5, .5, 1e-05), inf, -inf: that float,
  infinite where it lies beyond float64;
* everything else: text as it stands, so 007, +49301234, 1,5 and 12e4 keep their characters.

Only the array type of a batch follows from its cells together; `values.label` and
`values.to_numbers` read the same cell the same way in each of them. Numbers that float64
cannot hold beside others stay exact, as objects.

Layout: the first line names the columns, unless one of its cells is a number; then the file has
no header and the columns are column0, column1, ... The separator is the one of comma,
semicolon, tab and bar that stands most often in the first line outside quotes (tab in a .tsv).
A line with another number of cells raises, and so does a NUL byte; blank lines are skipped where
there are two columns or more, and a missing value where there is one.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from privet.data.readers.arrow_stream import Piece
from privet.data.readers.base import MARKS, Reader, unique_names
from privet.data.readers.duck import Field, connect, file_pattern, guarded, one, stream, text
from privet.data.values import Array, Batch
from privet.errors import DataError

_HEAD = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_WHOLE = r"-?(0|[1-9][0-9]*)"
_MOST_DIGITS = 4300  # of an int that Python reads from text and writes as text
_MANTISSA = r"((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)"
DECIMAL = rf"-?({_MANTISSA}([eE][+-]?[0-9]+)?|(0|[1-9][0-9]*)[eE][+-][0-9]+|inf)"
"""A pattern of the text that is read as a float."""
TRUTH = "true|True|TRUE|false|False|FALSE"
"""A pattern of the text that is read as a truth value."""
_EXACT = 2**53
_LARGE = 3  # the place of larger whole numbers among the parts of a cell


class Layout(NamedTuple):
    """What the first line says: the names, whether it is a header, the separator."""

    names: tuple[str, ...]
    header: bool
    separator: str


def delimited_reader(path: str, *, describe: str, tabs: bool = False) -> Reader:
    """A reader of one delimited text file.

    Raises:
        DataError: the file is empty, not UTF-8, holds a NUL byte, or its first line names a
            column twice.
    """
    layout = sniff(path, describe=describe, tabs=tabs)
    numbers = {name: index for index, name in enumerate(layout.names)}
    source = _scan(path, layout)

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Batch]:
        # Our own column names: DuckDB's ignore case, a file's do not.
        asked = ", ".join(f"c{numbers[name]}" for name in wanted)
        # All cells as one long column, row by row: its expressions are compiled once, not once
        # for every column, which took seconds and a gigabyte for a thousand of them.
        cells = f"SELECT unnest([{asked}]) AS cell FROM {source}"
        field = cell_field("cell", width=len(wanted))
        select = ", ".join(f"{part} AS p{i}" for i, part in enumerate(field.parts))

        def start() -> Iterator[list[list[Array]]]:
            with connect() as con:
                rows = con.sql(f"SELECT {select} FROM ({cells})")
                yield from stream(rows, [field], size * len(wanted))

        for (columns,) in guarded(start, describe):
            if any(map(_has_nul, columns)):
                raise _nul(describe)
            yield dict(zip(wanted, columns, strict=True))

    note = "" if layout.header else ", without a header line"
    return Reader(layout.names, describe + note, pull)


def _scan(path: str, layout: Layout) -> str:
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(layout.names)))
    options = {
        "columns": "{" + columns + "}",
        "auto_detect": "false",
        "header": str(layout.header).lower(),
        "delim": text(layout.separator),
        "quote": text('"'),
        "escape": text('"'),
        "strict_mode": "true",
        "compression": text("gzip" if path.lower().endswith(".gz") else "none"),
    }
    given = ", ".join(f"{key} = {value}" for key, value in options.items())
    return f"read_csv({file_pattern(path)}, {given})"


def sniff(path: str, *, describe: str, tabs: bool = False) -> Layout:
    """Read the first line only.

    Raises:
        DataError: nothing to read, not UTF-8, a NUL byte, or a column named twice.
    """
    head = _head(path, describe)
    separator = "\t" if tabs else _separator(head)
    # Errors are raised outside of except: a context would keep what the file holds.
    try:
        cells = next(csv.reader(io.StringIO(head, newline=""), delimiter=separator), [])
    except csv.Error:
        cells = None
    if cells is None:
        raise DataError(f"the first line of {describe} is no delimited text",
                        remedy="name,age,city")
    if not any(cell.strip() for cell in cells):
        raise DataError(f"the first line of {describe} is blank", bound="the columns' names",
                        remedy="name,age,city")
    if any(re.fullmatch(f"{_WHOLE}|{DECIMAL}", cell.strip()) for cell in cells):
        return Layout(tuple(f"column{i}" for i in range(len(cells))), False, separator)
    header = f"the first line of {describe}, taken for the header,"
    names = [cell.strip() or f"column{i}" for i, cell in enumerate(cells)]
    return Layout(unique_names(names, describe=header), True, separator)


def _head(path: str, describe: str) -> str:
    opener = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            raw = file.read(_HEAD)
    except (EOFError, gzip.BadGzipFile, OSError):
        raise DataError(f"cannot read {describe}", bound="a readable, complete file",
                        remedy=f"head {path!r}") from None
    if not raw.strip():
        raise DataError(f"{describe} is empty", bound="a header line and rows",
                        remedy="name,age,city")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{describe} is not UTF-8 text", bound="UTF-8",
                        remedy="iconv -f UTF-16 -t UTF-8 old.csv > new.csv")
    if b"\0" in raw:
        raise _nul(f"line {raw[: raw.index(0)].count(10) + 1} of {describe}")
    try:
        # Only the tail of the head may be half a character.
        return raw.decode("utf-8-sig", "strict" if len(raw) < _HEAD else "ignore")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
    raise DataError(f"line {line} of {describe} is not UTF-8 text", bound="UTF-8",
                    remedy="iconv -f LATIN1 -t UTF-8 old.csv > new.csv")


def _nul(where: str) -> DataError:
    return DataError(f"{where} holds a NUL byte, which no text does", bound="UTF-8 text",
                     remedy="tr -d '\\000' < old.csv > new.csv   # or iconv -f UTF-16 -t UTF-8")


def _has_nul(column: Array) -> bool:
    if column.dtype != object:
        return False
    return "\0" in "".join([cell for cell in column if type(cell) is str])


def _separator(head: str) -> str:
    bare = re.sub(r'"[^"]*"', "", head)
    line = next((line for line in bare.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=line.count)


def cell_field(column: str, *, width: int) -> Field[list[Array]]:
    """Five parts of a text column: whole numbers of 64 bits, decimals, truths, larger whole
    numbers as text, and the rest as text.

    Args:
        column: the cells of `width` columns, row by row.
        width: how many arrays the field builds.
    """
    bare = f"trim({column}, ' ' || chr(9))"
    number = f"regexp_full_match({bare}, {text(_WHOLE)})"
    decimal = f"regexp_full_match({bare}, {text(DECIMAL)})"
    whole = f"CASE WHEN {number} THEN TRY_CAST({bare} AS BIGINT) END"
    float_ = f"CASE WHEN {decimal} THEN TRY_CAST({bare} AS DOUBLE) END"
    large = f"CASE WHEN {number} AND ({whole}) IS NULL THEN {bare} END"
    # Patterns, no IN: DuckDB makes a join of a longer list, and a join loses the rows' order.
    truth = f"regexp_full_match({bare}, {text(TRUTH)})"
    truth = f"CASE WHEN {truth} THEN TRY_CAST({bare} AS BOOLEAN) END"
    marks = text("|".join(sorted(MARKS)))
    rest = (
        f"CASE WHEN NOT regexp_full_match({bare}, {marks}) AND NOT {number} "
        f"AND ({float_}) IS NULL AND ({truth}) IS NULL THEN {column} END"
    )

    def build(parts: Sequence[Piece]) -> list[Array]:
        return [_build([_every(part, start, width) for part in parts]) for start in range(width)]

    return Field((whole, float_, truth, large, rest), build)


def _every(part: Piece, start: int, step: int) -> Piece:
    valid = None if part.valid is None else part.valid[start::step]
    return Piece(part.values[start::step], valid)


def _build(parts: Sequence[Piece]) -> Array:
    filled = [_filled(part) for part in parts]
    if filled[_LARGE].any():
        parts = [*parts[:_LARGE], _whole(parts[_LARGE], filled[_LARGE]), *parts[_LARGE + 1 :]]
    used = [index for index, mask in enumerate(filled) if mask.any()]
    if len(used) == 1 and (used[0] != 0 or _small(parts[0], filled[0])):
        return one([parts[used[0]]])
    if used == [0, 1] and _small(parts[0], filled[0]):
        out = np.full(len(filled[0]), np.nan)
        for index in used:
            out[filled[index]] = parts[index].values[filled[index]]
        return out
    return _mixed(parts, filled)


def _whole(part: Piece, filled: Array) -> Piece:
    """Texts of digits as the integers that they are."""
    out = np.empty(len(part.values), dtype=object)
    digits = part.values[filled]
    out[filled] = [int(cell) if len(cell.lstrip("-")) <= _MOST_DIGITS else cell for cell in digits]
    return Piece(out, part.valid)


def _small(part: Piece, filled: Array) -> bool:
    """True if the whole numbers need no more than float64, or nothing asks for float64."""
    values = part.values[filled]
    return bool(filled.all() or (np.abs(values) <= _EXACT).all())


def _filled(part: Piece) -> Array:
    return np.ones(len(part.values), bool) if part.valid is None else part.valid


def _mixed(parts: Sequence[Piece], filled: Sequence[Array]) -> Array:
    out = np.empty(len(filled[0]), dtype=object)
    for part, mask in zip(parts, filled, strict=True):
        out[mask] = part.values[mask].astype(object)
    return out
