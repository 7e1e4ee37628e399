"""Encoded rows with their public facts, from a data set or from bare arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.data.source import require_rows
from privet.errors import DataError
from privet.protect.base import Facts, Model, Rows, Unread

if TYPE_CHECKING:
    from privet.data import Dataset, Target

Array = np.ndarray[Any, Any]

_ORIGINS = {
    "domain": "bounds and classes: declared in the schema from domain knowledge",
    "dp": "bounds: found by a differentially private release",
    "data": "bounds or classes: taken from the data itself, so they are not public",
}


def unread(data: Dataset, model: Model, *, private: bool = False) -> Unread:
    """State what is public about a data set; it is encoded for the model only when it is read.

    Everything in `Facts` except the number of rows and units comes from the schema alone, and
    so does whether this function raises, but for a source that cannot be read at all.

    Args:
        data: rows with a schema.
        model: says how to encode.
        private: keep a place, of weight 0, for every row that a missing value drops, so that
            the number of rows and units is no function of the cells; and doubt that a row is a
            person where an identifier repeats (`Dataset.check_units`).

    Raises:
        SchemaError: no target is named, or no column to learn from.
        UnknownColumn: the target or the unit's id is not in the data.
        DataError: there are no rows.
    """
    facts = facts_of(data, model)
    return Unread(facts, lambda: _read(data, model, facts, private=private))


def rows_of(data: Dataset, model: Model, *, private: bool = False) -> Rows:
    """Read what `unread` promises, at once.

    Raises:
        SchemaError, DataError: the data are at odds with the schema, or empty.
        Refused: `private`, and an identifier shows that a row may not be a person.
    """
    return unread(data, model, private=private).read()


def facts_of(data: Dataset, model: Model) -> Facts:
    """What is public about a data set that the model will be trained on; see `unread`."""
    from privet.data import Encoder
    from privet.data.declared import declared, withheld

    schema = data.schema
    target, encoder = schema.required_target(), Encoder(schema, model.encoding)
    data.require(target.name)
    rows, units = data.sizes()
    require_rows(rows, data.name)
    bounds = encoder.bounds
    classes = len(target.classes) if target.classes is not None else None
    ranged = classes is None and target.low is not None and target.high is not None
    return Facts(
        rows=rows,
        features=len(encoder.names),
        outputs=outputs_for(classes),
        classes=classes,
        low=None if bounds is None else bounds.low,
        high=None if bounds is None else bounds.high,
        norm=None if bounds is None else float(bounds.norm),
        target_range=(float(target.low), float(target.high)) if ranged else None,  # type: ignore[arg-type]  # both known if ranged
        unit=schema.unit.name,
        units=units,
        max_rows=schema.unit.max_rows,
        bounds_from=schema.bounds_from,
        data_set=data.name,
        columns=(*(column.name for column in schema.features), target.name),
        missing=tuple(encoder.missing_bounds),
        provenance=(_ORIGINS[schema.bounds_from],),
        bounds_claim=schema.bounds_claim,
        declared=declared(schema),
        withheld=withheld(schema),
    )


def _read(data: Dataset, model: Model, facts: Facts, *, private: bool) -> Rows:
    if private:
        data.check_units()
    encoded = data.encode(encoding=model.encoding, keep_dropped=private)
    rows = len(encoded.x)
    units = rows if encoded.unit is None else int(encoded.unit.max()) + 1
    if private and (rows, units) != (facts.rows, facts.units):
        raise DataError("the data changed while they were read", value=f"{rows} rows",
                        bound=f"the {facts.rows} counted first",
                        remedy="a copy of the data that nobody writes to")
    facts = replace(facts, rows=rows, units=units)
    return Rows(x=encoded.x, y=encoded.y, facts=facts, unit=encoded.unit, weight=encoded.weight)


def rows_of_arrays(
    x: Array, y: Array, *, classes: int | None, weight: Array | None = None
) -> Rows:
    """Rows from arrays that no schema describes: good for training in the clear only.

    Args:
        x: (n, d) numbers, used as they are.
        y: (n,) class numbers 0..classes-1, or numbers to predict.
        classes: number of classes; None for regression.
        weight: (n,) sample weights, or None.

    Raises:
        DataError: there are no rows, or the lengths differ.
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64 if classes is None else np.int64)
    n, features = x.shape
    require_rows(n)
    if y.shape != (n,):
        raise DataError("x and y differ in length", value=y.shape, bound=f"({n},)")
    target = "the range of the target" if classes is None else "the classes of the target"
    facts = Facts(
        rows=n,
        features=features,
        outputs=outputs_for(classes),
        classes=classes,
        units=n,
        bounds_from="data",
        missing=(f"the bounds of {features} columns", target),
        provenance=("bounds and classes: none declared",),
    )
    return Rows(x=x, y=y, facts=facts, weight=weight)


def require_two(y: Array, target: Target, where: str = "the data") -> None:
    """Refuse a target that does not vary; reads the rows, so for training in the clear alone.

    Args:
        y: (n,) class numbers or numbers.
        target: what they are.
        where: which rows these are, for the message.

    Raises:
        DataError: no row, or one class, or one value, in all of them.
    """
    require_rows(len(y), where)
    if (y == y[0]).all():
        what = "class" if target.is_classes else "value"
        raise DataError(
            f"{where} hold a single {what} of the target {target.name!r} (n_samples={len(y)})",
            bound=f"at least two: from one {what} alone there is nothing to learn",
            remedy='target="COLUMN"   # one that varies',
        )


def outputs_for(classes: int | None) -> int:
    """Scores per row: one for a number or two classes, else one per class."""
    return 1 if classes is None or classes == 2 else classes
