"""Repeated train/test splits that keep every privacy unit on one side.

The splits evaluate; they amplify nothing and hide nothing, so their seeds are public.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from privet.data.types import Target
from privet.errors import DataError
from privet.protect.base import Array, Facts, Rows
from privet.protect.rows import require_two


@dataclass(frozen=True)
class Split:
    """Row numbers of one split."""

    seed: int
    train: Array
    test: Array


def splits_of(
    rows: Rows, target: Target, *, seeds: tuple[int, ...], test_size: float
) -> list[Split]:
    """One split per seed: by privacy unit if rows carry one, else stratified by class.

    Raises:
        DataError: too few rows or units, or nothing to learn in what is left to train on.
    """
    require_two(rows.y, target)
    return [_split(rows, target, seed, test_size) for seed in seeds]


def _split(rows: Rows, target: Target, seed: int, test_size: float) -> Split:
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    index = np.arange(len(rows.y))
    try:
        if rows.unit is not None:
            shuffle = GroupShuffleSplit(1, test_size=test_size, random_state=seed)
            train, test = next(iter(shuffle.split(index, groups=rows.unit)))
        else:
            train, test = train_test_split(
                index,
                test_size=test_size,
                random_state=seed,
                stratify=rows.y if _can_stratify(rows.y, target, test_size) else None,
            )
    except ValueError as error:
        raise _too_small(len(np.unique(rows.unit)) if rows.unit is not None else len(index),
                         rows.facts.unit) from error
    require_two(rows.y[train], target, "the training rows of a split")
    return Split(seed, np.sort(train), np.sort(test))


def _can_stratify(y: Array, target: Target, test_size: float) -> bool:
    """Stratification needs two rows of each class, and a place for each class on both sides."""
    if target.classes is None:
        return False
    counts = np.bincount(y, minlength=len(target.classes))
    present = counts[counts > 0]
    held_out = int(np.ceil(len(y) * test_size))
    return present.min() >= 2 and min(held_out, len(y) - held_out) >= len(present)


def training_rows(rows: Rows, split: Split) -> Rows:
    """The rows to train on, with units numbered from 0 and facts that count them alone."""
    unit, units = None, len(split.train)
    if rows.unit is not None:
        kept, unit = np.unique(rows.unit[split.train], return_inverse=True)
        units = len(kept)
    return Rows(
        x=rows.x[split.train],
        y=rows.y[split.train],
        unit=unit,
        weight=None if rows.weight is None else rows.weight[split.train],
        owner=None if rows.owner is None else rows.owner[split.train],
        facts=_facts(rows.facts, len(split.train), units),
    )


def _facts(facts: Facts, rows: int, units: int) -> Facts:
    return replace(facts, rows=rows, units=units)


def training_facts(facts: Facts, test_size: float) -> Facts:
    """The facts of one split's training rows before it is drawn; the number of units is exact.

    Raises:
        DataError: nothing would be left to train on.
    """
    units = facts.units or facts.rows
    kept = units - math.ceil(units * test_size)
    if kept < 1:
        raise _too_small(units, facts.unit)
    return _facts(facts, kept if facts.unit == "row" else facts.rows * kept // units, kept)


def _too_small(units: int, unit: str) -> DataError:
    what = "rows" if unit == "row" else f"different values of {unit!r}"
    return DataError("the data are too small to be split into training and test rows",
                     value=f"{units} {what}", bound="at least 2, and some for each side",
                     remedy="privet train DATA --out MODEL   # or give more rows")
