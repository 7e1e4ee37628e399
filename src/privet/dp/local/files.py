"""Perturbed tables as two files: a CSV of reports, and beside it what they mean.

The CSV has a header of marked names and, in each cell, a report: a whole number, or the bits of a
unary report as "x" and hexadecimal digits; a blank where the record did not report the column.
FILE.local.json says for each column the randomiser, its parameters and the epsilon, and the
guarantee of the whole. It holds nothing but what was known before a record was read, besides the
digest of the CSV.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from privet.claims import LocalDPGuarantee
from privet.claims import from_json as claim_from_json
from privet.claims import to_json as claim_to_json
from privet.claims.serial import is_whole
from privet.data.readers import open_source
from privet.data.schema import Schema
from privet.data.tomlfile import write_atomically
from privet.data.values import Array, concatenate, is_missing, to_numbers
from privet.dp.local.described import from_json, to_json
from privet.dp.local.layout import Attribute, Layout, levels_of
from privet.dp.local.oracle import FrequencyOracle
from privet.dp.local.oracles import UnaryEncoding
from privet.dp.local.table import Perturbed
from privet.errors import DataError

FORMAT = 1
KIND = "privet-perturbed"
MARK = " (randomised)"
"""Behind a column's name in the header, so that nobody takes reports for the truth."""
_FIELDS = frozenset(("format", "kind", "sha256", "rows", "epsilon", "per_record", "reason",
                     "columns", "schema", "dropped", "guarantee"))
_ROWS = 1 << 16


def description_of(path: str | os.PathLike[str]) -> Path:
    """Where the description of a perturbed file stands: FILE.local.json for FILE.csv."""
    return Path(path).with_suffix(".local.json")


def is_perturbed(path: str | os.PathLike[str], columns: tuple[str, ...] = ()) -> bool:
    """Say whether a file is a perturbed one: by its description, or by its marked columns."""
    return description_of(path).is_file() or any(name.endswith(MARK) for name in columns)


def write(table: Perturbed, path: str | os.PathLike[str]) -> None:
    """Write both files, each whole or not at all.

    Raises:
        DataError: a file cannot be written.
    """
    text = _csv(table).encode()
    record = {
        "format": FORMAT, "kind": KIND, "sha256": hashlib.sha256(text).hexdigest(),
        "rows": table.rows, "epsilon": table.layout.epsilon,
        "per_record": table.layout.per_record, "reason": table.layout.reason,
        "columns": [to_json(attribute) for attribute in table.layout.attributes],
        "schema": table.schema.to_dict(), "dropped": list(table.dropped),
        "guarantee": claim_to_json(table.guarantee),
    }  # fmt: skip
    described = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    try:
        write_atomically(path, text)
        write_atomically(description_of(path), described.encode())
    except OSError as error:
        raise DataError(f"the perturbed file cannot be written ({error.strerror})",
                        value=str(path), bound="a file in a folder that you may write to",
                        remedy=f"mkdir -p {Path(path).parent}") from error


def read(path: str | os.PathLike[str]) -> Perturbed:
    """Read what `write` wrote.

    Raises:
        DataError: a file is missing, was changed, or holds something that is no report.
        InvalidInput: the description is malformed.
    """
    record = _description(path)
    content = _content(path)
    if hashlib.sha256(content).hexdigest() != record["sha256"]:
        raise DataError("the perturbed file was changed since it was written", value=str(path),
                        bound="the file that its description belongs to",
                        remedy="privet perturb DATA --epsilon 1 --out FILE")
    attributes = tuple(from_json(item) for item in record["columns"])
    layout = Layout(attributes, record["per_record"], record["epsilon"], record["reason"])
    reports, present = {}, {}
    columns = _columns(path, attributes)
    for attribute in attributes:
        cells = columns[attribute.name]
        if len(cells) != record["rows"]:
            raise _malformed("rows")
        found, there = _reports(attribute, cells)
        reports[attribute.name], present[attribute.name] = found, there
    return Perturbed(layout, guarantee_of(path), record["rows"], reports, present,
                     _schema(record, attributes), tuple(record["dropped"]))


def guarantee_of(path: str | os.PathLike[str]) -> LocalDPGuarantee:
    """What the description of a perturbed file guarantees, whatever became of the file.

    Raises:
        DataError, InvalidInput: there is no description, or it is malformed.
    """
    guarantee = claim_from_json(_description(path)["guarantee"])
    if not isinstance(guarantee, LocalDPGuarantee):
        raise _malformed("guarantee")
    return guarantee


def _schema(record: dict[str, Any], attributes: tuple[Attribute, ...]) -> Schema:
    """The schema of the records, if the attributes are its columns."""
    schema = Schema.parse(record["schema"])
    for attribute in attributes:
        column = schema.columns.get(attribute.column)
        if column is None or not column.is_used:
            raise _malformed(f"column {attribute.column!r}")
        counted = attribute.name == column.name and bool(attribute.levels)
        if counted and attribute.levels != levels_of(column):
            raise _malformed(f"levels of {attribute.name!r}")
    return schema


def _csv(table: Perturbed) -> str:
    names = [attribute.name for attribute in table.layout.attributes]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name + MARK for name in names])
    cells = [_cells(table.reports[name], table.present[name]) for name in names]
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue()


def _cells(reports: Array, present: Array) -> list[str]:
    if reports.ndim == 2:
        made = ["x" + report.tobytes().hex() for report in reports]
    else:
        made = list(map(str, reports.tolist()))
    following = iter(made)
    return [next(following) if there else "" for there in present.tolist()]


def _columns(path: str | os.PathLike[str], attributes: tuple[Attribute, ...]) -> dict[str, Array]:
    names = [attribute.name + MARK for attribute in attributes]
    source = open_source(os.fspath(path))
    missing = [name for name in names if name not in source.columns]
    if missing:
        raise _malformed(f"column {missing[0]!r}")
    parts: dict[str, list[Array]] = {name: [] for name in names}
    for batch in source.batches(names, _ROWS):
        for name in names:
            parts[name].append(batch[name])
    empty = np.empty(0, object)
    return {
        name.removesuffix(MARK): concatenate(pieces) if pieces else empty
        for name, pieces in parts.items()
    }


def _reports(attribute: Attribute, cells: Array) -> tuple[Array, Array]:
    """The reports of those who made one, and who they are."""
    made = attribute.randomiser
    if isinstance(made, UnaryEncoding):
        there = np.array([not is_missing(cell) for cell in cells], bool)
        found: Array = _bits(attribute, cells[there], (made.domain_size + 7) // 8)
    else:
        numbers = to_numbers(cells, column=attribute.name)
        there = ~np.isnan(numbers)
        numbers = numbers[there]
        whole = np.abs(numbers) < 2.0**53
        if not (whole & (numbers == np.floor(numbers))).all():
            raise _no_report(attribute)
        found = numbers.astype(np.int64)
    if isinstance(made, FrequencyOracle):
        made.counts(found)  # refuses what is no report
    else:
        made.checked(found)
    return found, there


def _bits(attribute: Attribute, cells: Array, size: int) -> Array:
    good = [isinstance(cell, str) and len(cell) == 1 + 2 * size and cell[0] == "x"
            and set(cell[1:]) <= set("0123456789abcdef") for cell in cells]  # fmt: skip
    if not all(good):
        raise _no_report(attribute)
    joined = bytes.fromhex("".join(cell[1:] for cell in cells))
    return np.frombuffer(joined, np.uint8).reshape(len(cells), size)


def _description(path: str | os.PathLike[str]) -> dict[str, Any]:
    place = description_of(path)
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no description stands beside the perturbed file", value=str(place),
                        bound="both files that 'privet perturb' wrote",
                        remedy=f"cp OTHER/{place.name} {place.parent}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError("the description of the perturbed file cannot be read",
                        value=str(place), bound="the JSON that 'privet perturb' wrote",
                        ) from error
    if not isinstance(record, dict) or set(record) != _FIELDS:
        raise _malformed("its fields")
    kinds: dict[str, Any] = {"sha256": str, "reason": str, "columns": list, "dropped": list,
                             "epsilon": (int, float), "guarantee": dict,
                             "schema": dict}
    for name, kind in kinds.items():
        if not isinstance(record[name], kind) or isinstance(record[name], bool):
            raise _malformed(name)
    if (record["format"], record["kind"]) != (FORMAT, KIND):
        raise _malformed("format")
    many = len(record["columns"])
    if not is_whole(record["rows"]) or record["rows"] < 1 or not many:
        raise _malformed("rows")
    if not is_whole(record["per_record"]) or not 1 <= record["per_record"] <= many:
        raise _malformed("per_record")
    if not all(isinstance(name, str) for name in record["dropped"]):
        raise _malformed("dropped")
    return record


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the perturbed file cannot be read ({error.strerror})", value=str(path),
                        bound="a file written by 'privet perturb'",
                        remedy="privet perturb DATA --epsilon 1 --out FILE") from error


def _malformed(what: str) -> DataError:
    return DataError(f"the description of the perturbed file does not fit it: {what}",
                     bound="both files as 'privet perturb' wrote them",
                     remedy="privet perturb DATA --epsilon 1 --out FILE")


def _no_report(attribute: Attribute) -> DataError:
    return DataError(f"column {attribute.name!r} holds something that is no report of "
                     f"{attribute.randomiser.name}", bound="the file as 'privet perturb' wrote it")
