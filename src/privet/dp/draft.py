"""A first schema whose bounds are found under differential privacy, and may be used as they are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.data.columns import KINDS, Column
from privet.data.declared import plain
from privet.data.drafting import UNIT_HINT
from privet.data.identifiers import by_name
from privet.data.schema import Schema
from privet.data.source import rows_in
from privet.data.tomlfile import heading
from privet.data.types import BoundsClaim
from privet.data.values import Array, is_missing
from privet.errors import (
    DataError,
    InvalidBudget,
    InvalidInput,
    UnknownColumn,
    fraction,
    one_of,
    positive,
)

if TYPE_CHECKING:
    from privet.claims import DPGuarantee, Steward

Kind = str | Sequence[Any]
"""A kind's name, or the list of a category's public values."""

_WIDEST = 1e12  # the outermost edge of the public grid
_BY_TYPE = (
    "not covered: the data themselves decided which columns without an entry in kinds= hold "
    "numbers, truth values or text"
)


def draft_private(
    source: Any,
    *,
    epsilon: float,
    delta: float | None = None,
    target: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    steward: Steward | None = None,
    data_set: str | None = None,
    purpose: str = "",
) -> tuple[Schema, DPGuarantee]:
    """Draft a schema, spending (epsilon, delta) on the bounds of its numbers.

    Formal guarantees:
        * The bounds of all number columns together are (epsilon, delta)-differentially private
          per row under the zero-out relation, against anyone who sees the schema; the number
          of rows is public. The mechanism is `privet.dp.bounds.private_bounds_for`.
        * No category, count, missing-value rule or comment is a function of the cells.
          Categories come from `kinds` alone; a text column without them is written as
          kind = "ignore" with the lines to fill in.
        * A column is taken for an identifier by its NAME alone.
        * NOT covered: whether a column without an entry in `kinds` is a number, a truth value
          or text. In a database, Parquet file or typed frame that is part of the table's
          declaration, which is public as a rule; in a CSV file one odd cell of one person
          can turn a number column into text. Declare every column in `kinds` to have it
          covered: cells that are no numbers then count as missing. The number of rows, column
          names and the source's failures (an unreadable file) are not covered either.

    Args:
        source: a `Source`, or anything that `privet.data.readers.open_source` opens.
        epsilon: the budget to spend, above 0.
        delta: below 1/rows; a tenth of 1/rows**1.1 unless given.
        target: the column to predict. A target of text without categories in `kinds` is left
            for the person, with the lines to write.
        kinds: {column: kind or list of categories}, from what is publicly known.
        steward: who grants and records the use of the rows; None for nobody.
        data_set: the name by which the steward knows the data.
        purpose: why, for the steward.

    Memory: one float64 for every row of every column of numbers; text is never held.

    Raises:
        InvalidBudget: epsilon or delta outside their range.
        UnknownColumn: `kinds` or `target` name a column that is not there.
        InvalidInput: a kind that does not exist, or no column of numbers to spend on.
        DataError: the rows cannot be read, or there are too few.
        Refused: the steward says no; nothing but the number of rows was read.
    """
    from privet.claims import Cost, NullSteward, Request, spending
    from privet.data.readers import open_source
    from privet.dp.bounds import bounds_guarantee

    positive(epsilon=epsilon, remedy="--epsilon 0.5")
    if delta is not None:
        fraction(delta=delta)
    opened = open_source(source)
    declared = dict(kinds or {})
    _check(declared, target, opened.columns)
    settled = {name: _declared(name, declared.get(name)) for name in opened.columns}
    wanted = [name for name, kind in settled.items() if kind in ("number", "integer", None)]
    if not wanted:
        raise InvalidInput("no column of numbers to find bounds for", value=sorted(settled),
                           bound="at least one", remedy='kinds={"age": "number"}')
    delta = _delta(delta, rows_in(opened))
    guarantee = bounds_guarantee(len(wanted), epsilon=epsilon, delta=delta)
    request = Request(
        action="schema",
        data_set=data_set,
        guarantee=guarantee,
        purpose=purpose,
        parameters={"columns": wanted, "target": target, "kinds": plain(declared)},
    )
    with spending(steward or NullSteward(), request) as spend:
        spend.touch()
        started = time.perf_counter()
        numbers = _scan(opened, wanted, settled)
        schema, guarantee = _drafted(settled, declared, numbers, target, opened.describe,
                                     epsilon, delta)
        cost = Cost(seconds=time.perf_counter() - started).coarse()
        receipt = spend.commit(guarantee, cost)
    return schema, replace(guarantee, recorded=receipt.recorded)


def _check(declared: Mapping[str, Kind], target: str | None, known: Sequence[str]) -> None:
    for name in [*declared, *([] if target is None else [target])]:
        if name not in known:
            raise UnknownColumn("no such column in the data", value=name,
                                bound="one of " + ", ".join(map(repr, known)))
    for kind in declared.values():
        if isinstance(kind, str):
            one_of(KINDS, kind=kind)
    if target is not None and declared.get(target) in ("identifier", "ignore"):
        raise InvalidInput(f"the target {target!r} cannot be left out", value=declared[target],
                           bound="a number, a truth value or categories")


def _declared(name: str, kind: Kind | None) -> str | None:
    """The kind as far as it is known without a look at the cells."""
    if kind is None:
        return "identifier" if by_name(name) else None
    if not isinstance(kind, str):
        return "category"
    return "ignore" if kind == "category" else kind


def _scan(
    opened: Any, wanted: list[str], settled: dict[str, str | None]
) -> dict[str, Array]:
    """Read the columns that may be numbers; settle by type those that are undeclared."""
    parts: dict[str, list[Array]] = {name: [] for name in wanted}
    types: dict[str, set[str]] = {name: set() for name in wanted}
    for batch in opened.batches(wanted):
        for name in wanted:
            if settled[name] is None:
                types[name] |= _types(batch[name])
            parts[name].append(_numbers(batch[name]))
    for name in wanted:
        if settled[name] is None:
            found = types[name]
            settled[name] = (
                "number" if found == {"number"} else "boolean" if found == {"boolean"} else "text"
            )
    kept = [name for name in wanted if settled[name] in ("number", "integer")]
    return {name: np.concatenate(parts[name]) for name in kept if parts[name]}


def _types(values: Array) -> set[str]:
    if values.dtype != object:
        empty = values.dtype == np.float64 and bool(np.isnan(values).all())
        return set() if empty else {"boolean" if values.dtype == np.bool_ else "number"}
    words = {bool: "boolean", int: "number", float: "number"}
    return {words.get(type(value), "text") for value in values if not is_missing(value)}


def _numbers(values: Array) -> Array:
    """Float64, NaN where a cell is missing or no number: nothing in a cell raises."""
    if values.dtype != object:
        return values.astype(np.float64)
    return np.fromiter(map(_number, values), dtype=np.float64, count=len(values))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _delta(delta: float | None, rows: int) -> float:
    if rows < 2:
        raise DataError("too few rows to find bounds for", value=rows, bound="at least 2",
                        remedy="a file with two rows or more, a line for each below its header")
    if delta is None:
        # A tenth of what a model takes by default, so that both together stay below 1 / rows.
        return 0.1 * float(rows**-1.1)
    if delta >= 1 / rows:
        raise InvalidBudget("delta must lie below one over the number of rows", value=delta,
                            bound=f"delta < {1 / rows:.3g}", remedy=f"delta={rows**-1.1:.2g}")
    return delta


def _drafted(settled: dict[str, str | None], declared: Mapping[str, Kind],
             numbers: dict[str, Array], target: str | None, describe: str, epsilon: float,
             delta: float) -> tuple[Schema, DPGuarantee]:
    from privet.dp.bounds import private_bounds_for
    from privet.entropy import secret_stream

    if not numbers:
        raise InvalidInput("no column of numbers to find bounds for", value=sorted(settled),
                           bound="at least one", remedy='kinds={"age": "number"}')
    bounds, guarantee = private_bounds_for(
        numbers, epsilon=epsilon, delta=delta, stream=secret_stream("bounds of a schema draft")
    )
    columns = {
        name: _column(name, str(kind), declared.get(name), bounds.get(name), name == target)
        for name, kind in settled.items()
    }
    named = target if target is not None and columns[target].is_used else None
    undeclared = any(name not in declared and kind != "identifier"
                     for name, kind in settled.items())
    notes: tuple[str, ...] = (f"bounds by a private histogram over a public grid, from {describe}",)
    notes += (_BY_TYPE,) if undeclared else ("column kinds declared by the user",)
    guarantee = replace(guarantee, provenance=(*guarantee.provenance, *notes))
    top = [f"First draft of a schema. Bounds found under {guarantee.headline()}.",
           "No category in it was taken from the data.", UNIT_HINT]
    if undeclared:
        top.append(_BY_TYPE.capitalize() + ".")
    if target is not None and named is None:
        top.append(f"The target {target!r} has no declared classes: fill in its categories below "
                   "and write here")
        top.append(f'target = "{target}"')
    claim = BoundsClaim(guarantee.epsilon, guarantee.delta, guarantee.unit, guarantee.relation,
                        guarantee.events)
    found = Schema(columns, named, bounds_claim=claim, comment="\n".join(top))
    return found, guarantee


def _column(name: str, kind: str, declared: Kind | None, bounds: Any, is_target: bool) -> Column:
    missing = "drop-row" if is_target else "level"
    if kind == "identifier":
        note = "declared an identifier" if declared else f"looks like {by_name(name)}"
        return Column(name, "identifier", comment=f"{note}: left out of models")
    if kind in ("number", "integer"):
        low, high = (float(bound) for bound in bounds)
        note = "bounds found under differential privacy"
        if max(-low, high) >= _WIDEST:
            note += ("\nnothing stood out from the noise: write bounds from domain knowledge, or "
                     "spend more")
        return Column(name, kind, bounds=(low, high), missing=missing, bounds_from="dp",
                      comment=note)
    if kind == "boolean":
        return Column(name, "boolean", missing=missing)
    if kind == "category" and declared is not None:
        other = "refuse" if is_target else "level"
        return Column(name, "category", categories=tuple(declared), missing=missing, other=other)
    note = "declared as ignored" if declared == "ignore" else _fill(name, missing, is_target)
    return Column(name, "ignore", comment=note)


def _fill(name: str, missing: str, is_target: bool) -> str:
    """The lines that make a category of a text column, and where they go."""
    lines = ["text: to use it, write every value it may take, from what is publicly known,",
             f'below {heading(name)}, instead of kind = "ignore":',
             'kind = "category"', 'categories = ["...", "..."]']
    if not is_target:  # a target has no level for other classes
        lines.append('other = "level"')
    return "\n".join([*lines, f'missing = "{missing}"'])
