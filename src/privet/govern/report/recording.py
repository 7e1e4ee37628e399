"""Which documents exist about a data set: written here, or written elsewhere and signed off.

An entry keeps what is needed to find a document and to know it again: never its text.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from privet.errors import InvalidInput, one_of
from privet.govern.budget import Registry
from privet.govern.facts import Paper
from privet.govern.policy.terms import RECORDED, REPORTED

if TYPE_CHECKING:
    from privet.govern.ledger import Entry, Ledger

LONGEST = 200
"""Characters of a title, or of who signed a document off."""


def written(ledger: Ledger, kind: str, data_set: str | None, text: str) -> Entry:
    """Record that a report of this kind was written, with the SHA-256 of its text."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ledger.append(REPORTED, {"format": kind, "data_set": data_set, "sha256": digest})


def record(
    ledger: Ledger,
    data_set: str,
    path: str | os.PathLike[str],
    *,
    kind: str,
    by: str,
    title: str = "",
    day: str = "",
) -> Entry:
    """Record a document that was written elsewhere and signed off by a person.

    Args:
        data_set: the registered set that it is about.
        path: the file. Its SHA-256 is recorded; neither its text nor its name.
        kind: of `RECORDED`.
        by: who signed it off; a role rather than a name.
        title: by default the kind in words.
        day: the document's date in ISO 8601; by default today, UTC.

    Raises:
        InvalidInput: no such data set, kind or file; no usable words; a date to come.
    """
    Registry(ledger).get(data_set)
    one_of(tuple(RECORDED), kind=kind, remedy=f"--kind {next(iter(RECORDED))}")
    payload = {
        "format": kind,
        "data_set": data_set,
        "sha256": _digest(path),
        "title": _words(title or RECORDED[kind], "title", '--title "..."'),
        "date": _day(day),
        "by": _words(by, "name of who signed it off", '--by "data-protection officer"'),
    }
    return ledger.append(REPORTED, payload)


def papers(ledger: Ledger, data_set: str | None = None) -> tuple[Paper, ...]:
    """The documents that exist, in order; those about one data set, where it is named."""
    found = (Paper.of(entry.seq, entry.time, entry.payload)
             for entry in ledger.entries(kind=REPORTED) if entry.payload is not None)  # fmt: skip
    return tuple(item for item in found if data_set in (None, item.data_set))


def _digest(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"the document cannot be read ({error.strerror})", value=str(path),
                           bound="a file") from None  # fmt: skip


def _words(text: str, what: str, remedy: str) -> str:
    clean = text.strip()
    if not clean.isprintable() or not 0 < len(clean) <= LONGEST:
        raise InvalidInput(f"no usable {what}", value=text, remedy=remedy,
                           bound=f"1 to {LONGEST} printable characters")  # fmt: skip
    return clean


def _day(text: str) -> str:
    today = datetime.now(UTC).date()
    try:
        found = date.fromisoformat(text) if text else today
    except ValueError:
        found = date.max
    if found > today:
        raise InvalidInput("the document's date is none, or is to come", value=text,
                           bound=f"up to {today}", remedy=f"--date {today}")  # fmt: skip
    return found.isoformat()
