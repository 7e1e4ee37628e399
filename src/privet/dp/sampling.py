"""Which units and rows take part: secret choices, each unit on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from privet.dp.linear import Units
from privet.entropy import Stream

Array = np.ndarray[Any, Any]


def gather(
    x: Array,
    y: Array,
    *,
    unit: Array | None,
    weight: Array | None,
    units: int,
    max_rows: int,
    stream: Stream,
) -> Units:
    """Rows by privacy unit, at most `max_rows` of each.

    Args:
        x: (n, d) features.
        y: (n,) class numbers or targets.
        unit: (n,) number of each row's unit, 0..units-1; None if every row is a unit.
        weight: (n,) sample weights; None for ones.
        units: number of units U.
        max_rows: most rows of one unit, m.
        stream: where the choice of surplus rows is drawn from.

    Returns:
        Arrays of shape (U, m, ...), weight 0 where a unit has fewer rows.

    Formal guarantees: which of a unit's rows are kept depends on that unit's rows and on
    secret randomness alone, never on other units.
    """
    x = np.asarray(x, dtype=np.float64)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    y = np.asarray(y)
    if unit is None:
        return Units(x=x[:, None, :], y=y[:, None], weight=weight[:, None])
    order = stream.permutation(len(x))
    order = order[np.argsort(unit[order], kind="stable")]
    owner = unit[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner, side="left")
    kept = place < max_rows
    order, owner, place = order[kept], owner[kept], place[kept]
    gathered = Units(
        x=np.zeros((units, max_rows, x.shape[1])),
        y=np.zeros((units, max_rows), dtype=y.dtype),
        weight=np.zeros((units, max_rows)),
    )
    gathered.x[owner, place] = x[order]
    gathered.y[owner, place] = y[order]
    gathered.weight[owner, place] = weight[order]
    return gathered
