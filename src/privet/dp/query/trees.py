"""Quantiles by noisy counts of the cells of a tree over a column's bounds.

Every row counts once at each of the tree's levels, so that any run of cells is a sum of few
noisy counts (Hay, Rastogi, Miklau & Suciu 2010, "Boosting the accuracy of differentially private
histograms through consistency", section 4). The cells come from the schema alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.dp.query.plan import BRANCHING, DEPTH

Counts = NDArray[np.float64]
_Z95 = 1.959963984540054
# A prefix takes at most so many counts at each level.
_MOST_COUNTS = DEPTH * (BRANCHING - 1)


@dataclass(frozen=True, eq=False)
class Tree:
    """Noisy counts of one group.

    Attributes:
        levels: (16,), (256,), (4096,) counts of equal cells, the coarse ones first.
        deviation: of the noise on each count.
        low: where the first cell begins.
        width: of one of the finest cells.
        high: the greatest value that may be answered.
    """

    levels: tuple[Counts, ...]
    deviation: float
    low: float
    width: float
    high: float

    @property
    def total(self) -> float:
        """How many rows there are, by the coarsest counts."""
        return float(self.levels[0].sum())

    @property
    def rank_error(self) -> float:
        """95 % half-width of the number of rows below a cell's edge, at most."""
        return _Z95 * self.deviation * math.sqrt(_MOST_COUNTS)

    def quantile(self, share: float) -> tuple[float, float, float]:
        """The value at which the counts reach a share, and the two that its rank's error allows.

        Shares 0 and 1 stop short of the end by `rank_error`, since what lies beyond is noise; the
        outermost value itself is anywhere from there to the bound of the column.
        """
        total = max(self.total, 1.0)
        end = self.rank_error
        rank = min(max(share * total, end), max(total - end, total / 2))
        rank = share * total if total < 2 * end else rank
        cell, value = self._found(rank)
        margin = _Z95 * self.deviation * math.sqrt(self._counts_behind(cell, rank / total))
        low, high = self._found(rank - margin)[1], self._found(rank + margin)[1]
        low, high = (self.low if share == 0 else low), (self.high if share == 1 else high)
        return value, low, high + self.width

    def _counts_behind(self, cell: int, share: float) -> float:
        """The variance of (rows below a cell - share of all rows), in noisy counts.

        The coarsest counts below the cell are in both terms.
        """
        levels = reversed(range(DEPTH))
        digits: list[int] = [cell // BRANCHING**level % BRANCHING for level in levels]
        coarse: float = (1 - share) ** 2 * digits[0] + share**2 * (BRANCHING - digits[0])
        # The cell itself is counted as a whole.
        return coarse + sum(digits[1:]) + 1

    def _found(self, rank: float) -> tuple[int, float]:
        """The finest cell in which a rank falls, level by level, and the value within it."""
        cell = 0
        left = rank
        inside = 0.5
        for level in self.levels:
            cell *= BRANCHING
            counts = level[cell : cell + BRANCHING]
            before = 0.0
            chosen = BRANCHING - 1
            for index, count in enumerate(counts):
                if before + float(count) >= left:
                    chosen = index
                    break
                before += float(count) if index < chosen else 0.0
            left = max(left - before, 0.0)
            size = max(float(counts[chosen]), 0.0)
            inside = min(left / size, 1.0) if size > 0 else 0.5
            cell += chosen
        return cell, min(self.low + (cell + inside) * self.width, self.high)


def levels_of(cells: dict[int, int]) -> tuple[NDArray[np.int64], ...]:
    """The exact counts at every level from those of the finest cells."""
    leaves = np.zeros(BRANCHING**DEPTH, np.int64)
    for cell, count in cells.items():
        if 0 <= cell < len(leaves):
            leaves[cell] += count
    found = [leaves]
    for _ in range(DEPTH - 1):
        found.append(found[-1].reshape(-1, BRANCHING).sum(axis=1))
    return tuple(reversed(found))
