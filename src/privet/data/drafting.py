"""A first schema, written from the data for a person to correct.

A draft reads private rows, and its bounds and categories are values of theirs: the file says so
at its top, every such column is marked `bounds_from = "data"`, and private protections refuse
it until a person has replaced them. `privet.dp.draft.draft_private` writes one that may be used.

What a person has no cause to replace must be no function of the cells either, or it would reach
the model: one missing value would add a column to it. So every feature gets a level for missing
values, every number is of kind "number", and only the kind itself remains to be confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from privet.data.columns import Column
from privet.data.identifiers import Evidence, has_decimal_commas, identifies, is_date, is_prose
from privet.data.infer import infer
from privet.data.names import NO_HEADER, like_cells
from privet.data.schema import Schema
from privet.data.types import Unit
from privet.data.values import POINTS, Array, Batch, label

FROM_DATA = "taken from the data: NOT private; replace by domain knowledge"
"""The comment above every column whose bounds or categories are values of private rows."""
CONFIRM = "kind taken from the data: confirm it by what the column means"
"""The comment above every column: which kind it has is a guess from private rows."""
COMMAS = f"numbers with a decimal comma are read as text; write them with a point:\n{POINTS}"
"""The comment above a column that is text because of its commas."""
FEW = 20
"""Whole numbers with at most this many different values may be codes of categories."""
_SAMPLE = 1_000
_COUNTED = 20_000
_MOSTLY = 0.8
_FAR = 2.0**1000


def draft(source: Any, *, target: str | None = None, drop_identifiers: bool = True) -> Schema:
    """Guess every column's kind, bounds and categories, in one pass over the batches.

    Args:
        source: a `Source`, or anything that `privet.data.readers.open_source` opens.
        target: the column to predict; never taken for an identifier.
        drop_identifiers: declare likely identifiers as such, so that no model sees them. If
            False they keep the kind their values suggest, with the suspicion as a comment.

    Returns:
        A schema to save and correct. Its bounds and categories are NOT private.

    Raises:
        DataError: the rows cannot be read, or there is none.
        UnknownColumn: the target is not among the columns.
    """
    from privet.data.readers import open_source

    opened = open_source(source)
    looks = {name: _Look(name) for name in opened.columns}
    guessed = infer(_watched(opened.batches(), looks), target=target, unit=Unit())
    columns = {
        name: _settled(column, looks[name], drop=drop_identifiers, is_target=name == target)
        for name, column in guessed.columns.items()
    }
    return replace(guessed, columns=columns, comment=_top(opened.describe, opened.columns))


UNIT_HINT = (
    "If a person can have several rows, name the id column in a table [unit]; if not, write\n"
    'unit = "row".'
)
"""What a draft cannot know, for the top of its file."""


def _top(describe: str, names: Sequence[str]) -> str:
    doubt = f"CHECK THE DATA: {NO_HEADER}.\n" if like_cells(names) else ""
    return doubt + (
        f"First draft of a schema, written from {describe}.\n"
        "THIS FILE CONTAINS PRIVATE VALUES: least and greatest numbers and categories of its "
        "rows.\n"
        "Keep it where the data are kept until you have replaced every value that is marked\n"
        '"taken from the data" by what is known without looking at the rows; then write\n'
        'bounds_from = "domain".\n'
        "Kinds are taken from the data too: what is a number, a category, an identifier or "
        "ignored\n"
        "was guessed from cells and counts. Confirm each by what the column means.\n"
        'Every number is of kind "number": write "integer" where only whole ones can stand. '
        "Every\n"
        'feature has missing = "level", whether a value is missing or not: take it away where '
        "none\n"
        f"can ever be, whatever these rows say.\n{UNIT_HINT}"
    )


@dataclass
class _Look:
    """What was seen of a column so far: a sample of each batch, and bounded counts."""

    name: str
    cells: list[str] = field(default_factory=list)
    distinct: set[str] = field(default_factory=set)
    seen: int = 0
    textual: bool = False
    whole: bool = True
    codes: dict[float, None] | None = field(default_factory=dict)
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Array) -> None:
        """Look at a batch: evenly spread cells, and the first rows for uniqueness."""
        chosen = np.unique(np.linspace(0, len(values) - 1, min(_SAMPLE, len(values))).astype(int))
        self.cells += [text for text in map(label, values[chosen]) if text]
        numbers = self._classify(values)
        if self.seen < _COUNTED:
            self._count(values[: _COUNTED - self.seen])
        if self.codes is not None:
            self.codes.update(dict.fromkeys(np.unique(numbers).tolist()))
            if len(self.codes) > FEW:
                self.codes = None

    def _classify(self, values: Array) -> Array:
        """Note what kinds of value there are; return the finite numbers."""
        if values.dtype == object:
            kinds = set(map(type, values)) - {type(None)}
            self.textual |= not kinds <= {int, float, bool}
            self.whole &= not kinds & {str, bool}
        else:
            self.whole &= values.dtype != np.bool_
        numbers = _finite(values)
        self.whole &= bool((numbers == np.floor(numbers)).all())
        return numbers

    def _count(self, head: Array) -> None:
        # The range is that of the rows whose values are counted, or a counter would look sparse.
        texts = [text for text in map(label, head) if text]
        self.distinct.update(texts)
        self.seen += len(texts)
        numbers = _finite(head)
        if len(numbers):
            self.low = min(self.low, float(numbers.min()))
            self.high = max(self.high, float(numbers.max()))

    def evidence(self) -> Evidence:
        """What the identifier rules look at."""
        return Evidence(
            self.name, self.cells, self.textual, self.whole and not self.textual, self.seen,
            len(self.distinct), self.low, self.high,
        )


def _finite(values: Array) -> Array:
    if values.dtype != object:
        numbers = values.astype(np.float64)
    else:
        # A whole number may be too large for a float, but not after clipping.
        found = [min(max(v, -_FAR), _FAR) for v in values if type(v) in (int, float) and v == v]
        numbers = np.array(found, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def _watched(batches: Iterator[Batch], looks: dict[str, _Look]) -> Iterator[Batch]:
    for batch in batches:
        for name, values in batch.items():
            looks[name].add(values)
        yield batch


def _settled(column: Column, look: _Look, *, drop: bool, is_target: bool) -> Column:
    seen = look.evidence()
    reason = None if is_target or not seen.seen else identifies(seen)
    if reason is not None and drop:
        return Column(column.name, "identifier", bounds_from="data",
                      comment=f"looks like {reason}: left out of models\n{CONFIRM}")
    suspicion = [f"looks like {reason}: consider kind = \"identifier\""] if reason else []
    dates = column.kind == "category" and not is_target and seen.share(is_date) >= _MOSTLY
    # infer's word for too many different texts is identifier
    if not seen.seen or column.kind == "identifier" or dates:
        why = _why_ignored(seen) if seen.seen else "no value in any row: ignored"
        return Column(column.name, "ignore", bounds_from="data",
                      comment="\n".join([*suspicion, why, CONFIRM]))
    return replace(
        column,
        kind="number" if column.is_numeric else column.kind,
        missing="drop-row" if is_target else "level",
        comment="\n".join([*suspicion, *_comments(column, look), CONFIRM]),
    )


def _why_ignored(seen: Evidence) -> str:
    if seen.share(is_date) >= _MOSTLY:
        return "dates: ignored; write them as a number, such as days since a public date"
    if has_decimal_commas(seen):
        return COMMAS
    if is_prose(seen):
        return "free text: ignored"
    return "many different texts: ignored; for a category list every value it may take"


def _comments(column: Column, look: _Look) -> list[str]:
    lines = [COMMAS] if has_decimal_commas(look.evidence()) else []
    if column.bounds is not None:
        lines.append(f"bounds {FROM_DATA}")
    if column.categories is not None:
        lines.append(f"categories {FROM_DATA}")
    if column.kind == "integer" and look.codes is not None and len(look.codes) >= 2:
        codes = sorted(int(code) for code in look.codes)
        lines.append("few different values: if they are codes rather than amounts, write")
        lines.append(f'kind = "category", categories = {codes} instead of kind and bounds')
    return lines
