"""Public folds for a comparison that is released: every unit is held out once.

Folds are drawn without looking at a cell: from the number of privacy units, which is public under
the zero-out relation, and from a public seed. So they are the same on neighbouring data sets, and
one unit takes part in `folds - 1` trainings and in one scoring, whatever the rows hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from privet.entropy import reproducible_stream
from privet.errors import DataError
from privet.protect.base import Array, Facts, Rows

SEED = 0
"""Of the shuffle. It is public: folds evaluate, they amplify nothing and hide nothing."""


@dataclass(frozen=True)
class Fold:
    """Numbers of the privacy units of one fold, ascending.

    Attributes:
        train: units to train on, as many in every fold.
        test: units that are held out; each unit is in one fold's.
    """

    train: Array
    test: Array


def folds_of(units: int, folds: int) -> list[Fold]:
    """Cut a public shuffle of 0..units-1 into so many folds.

    Where the number does not divide, the trainings of some folds leave out one unit that they
    could have used, so that all have the same size and one plan holds for all.

    Raises:
        DataError: there are fewer units than folds.
    """
    kept = training_units(units, folds)
    order = reproducible_stream(SEED, "folds of a released comparison").permutation(units)
    place = np.arange(units) % folds
    return [
        Fold(train=np.sort(order[place != number][:kept]), test=np.sort(order[place == number]))
        for number in range(folds)
    ]


def training_units(units: int, folds: int) -> int:
    """How many units each fold trains on.

    Raises:
        DataError: there are fewer units than folds.
    """
    if units < folds:
        raise DataError(
            "the data are too small to hold out every privacy unit once",
            value=f"{units} units",
            bound=f"at least one for each of {folds} splits",
            remedy=f"seeds={max(units, 2)}",
        )
    return units - -(-units // folds)


def training_facts(facts: Facts, folds: int) -> Facts:
    """What is public about the rows of any one training.

    Raises:
        DataError: there are fewer units than folds.
    """
    units = facts.units or facts.rows
    kept = training_units(units, folds)
    return replace(facts, rows=facts.rows * kept // units, units=kept)


def training_rows(rows: Rows, fold: Fold, facts: Facts) -> Rows:
    """The rows of the units to train on, under the facts that are the same for all folds."""
    index = rows_of_units(rows, fold.train)
    unit = None if rows.unit is None else np.searchsorted(fold.train, rows.unit[index])
    return Rows(
        x=rows.x[index],
        y=rows.y[index],
        unit=unit,
        weight=None if rows.weight is None else rows.weight[index],
        owner=None if rows.owner is None else rows.owner[index],
        facts=facts,
    )


def rows_of_units(rows: Rows, units: Array) -> Array:
    """Numbers of the rows that belong to these units, ascending."""
    if rows.unit is None:
        return units
    return np.flatnonzero(np.isin(rows.unit, units))
