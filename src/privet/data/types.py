"""Small frozen values that travel from a schema to whoever trains: target, unit, bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.claims.events import Event


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        name: the column.
        classes: the declared classes in declared order (at least two); None for a number.
        low: smallest declared value of a number, in its own unit; None if undeclared.
        high: largest declared value of a number, in its own unit; None if undeclared.
    """

    name: str
    classes: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_classes(self) -> bool:
        """True for classification, False for regression."""
        return self.classes is not None


@dataclass(frozen=True)
class Unit:
    """The privacy unit: what one person contributes.

    Attributes:
        name: "row", or the id column whose equal values are one person.
        max_rows: most rows one unit may contribute; the trainer bounds to it.
        declared: the schema says in words that a row is the unit. A row that is only the default
            is doubted where an identifier stands in several rows.
    """

    name: str = "row"
    max_rows: int = 1
    declared: bool = False

    @property
    def is_row(self) -> bool:
        """True if every row is its own unit."""
        return self.name == "row"


@dataclass(frozen=True)
class BoundsClaim:
    """What a private release of the bounds spent on the rows that it read.

    Attributes:
        epsilon, delta: the budget spent.
        unit: what one person contributed: "row" or the name of the id column.
        relation: which data sets counted as neighbours.
        releases: the releases, as the accountant adds them up.
    """

    epsilon: float
    delta: float
    unit: str
    relation: str
    releases: tuple[Event, ...] = ()


@dataclass(frozen=True, eq=False)
class FeatureBounds:
    """Bounds of ENCODED rows, known from the schema alone.

    Attributes:
        low: (d,) least value of each encoded column.
        high: (d,) greatest value of each encoded column.
        norm: greatest Euclidean norm of one encoded row, the square root of
            (scaled numbers + one-hot groups).
    """

    low: np.ndarray[Any, Any]
    high: np.ndarray[Any, Any]
    norm: float
