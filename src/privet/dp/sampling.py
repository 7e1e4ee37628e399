"""Which units and rows take part: secret choices, each unit on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from privet.dp.linear import Units
from privet.entropy import Stream
from privet.errors import InvalidInput

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


RATE_BITS = 32
"""Sampling rates are multiples of 2^-RATE_BITS, so that a draw is exact."""


def exact_rate(rate: float) -> float:
    """The nearest rate that can be drawn exactly, in [2^-32, 1]."""
    whole: int = min(max(round(rate * 2.0**RATE_BITS), 1), 2**RATE_BITS)
    return whole / 2.0**RATE_BITS


def poisson(units: int, rate: float, stream: Stream) -> Array:
    """Indices of the units that take part, each independently with probability `rate`.

    Args:
        units: how many there are.
        rate: a multiple of 2^-32 in (0, 1], see `exact_rate`.
        stream: where the draws come from.

    Returns:
        (k,) increasing indices.

    Formal guarantees: exact Bernoulli draws: unit i takes part if and only if a uniform
    32-bit number falls below rate * 2^32, a whole number.

    Raises:
        InvalidInput: the rate cannot be drawn exactly.
    """
    threshold = rate * 2.0**RATE_BITS
    if threshold != int(threshold) or not 0 < rate <= 1:
        raise InvalidInput("this rate cannot be drawn exactly", value=rate, bound="k / 2^32")
    halves = stream.words((units + 1) // 2)
    uniform = np.stack([halves & np.uint64(0xFFFFFFFF), halves >> np.uint64(32)], axis=1)
    taken: Array = np.flatnonzero(uniform.reshape(-1)[:units] < np.uint64(threshold))
    return taken
