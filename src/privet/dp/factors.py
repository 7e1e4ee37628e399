"""Per-unit gradients as factors: their norms, and weighted sums of them.

The gradient of one unit with respect to a parameter, seen as a matrix M of i x o, is
M = sum_t l_t (x) r_t over T places. What is read as a row of numbers has l_t in R^i; what is
looked up at a position has l_t a row with a single one, and is kept as that position.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

SPREAD = 64.0
"""A unit whose terms cancel to less than one part in this counts as larger than it is."""
LARGEST = 2.0**60
"""Units with longer factors contribute nothing: single precision would lose the small ones."""


@dataclass(frozen=True)
class Layout:
    """How M lies in the array that is read.

    Attributes:
        places: T.
        shape: the axes of M: those of i, then those of o.
        axes: where each of these stands in the array.
        split: how many of them are i's.
        found: True if l_t are positions.
    """

    places: int
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    split: int
    found: bool = False

    @property
    def rows(self) -> int:
        """i."""
        return math.prod(self.shape[: self.split])

    @property
    def columns(self) -> int:
        """o."""
        return math.prod(self.shape[self.split :])

    @property
    def sides(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which axes of the array are i's, and which are o's."""
        return self.axes[: self.split], self.axes[self.split :]

    @property
    def forms(self) -> bool:
        """True if forming M in single precision costs less than what it spares: the Gram matrices
        and a sum in double precision. Writing and reading M counts as 20 operations a number.
        """
        gram, whole = 2 * self.places * (self.rows + self.columns), self.rows * self.columns
        return not self.found and gram + whole > 20 * whole / self.places

    def swapped(self) -> Layout:
        """The layout of M's transpose in the same array."""
        shape, axes, split = self.shape, self.axes, self.split
        return replace(self, shape=(*shape[split:], *shape[:split]),
                       axes=(*axes[split:], *axes[:split]), split=len(axes) - split)  # fmt: skip

    def array(self, matrix: Any) -> Any:
        """M, or a stack of them, (..., i, o), as the array that is read."""
        order = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        leading = matrix.shape[:-2]
        there = len(leading)
        turned = [*range(there), *(there + axis for axis in order)]
        return matrix.reshape(*leading, *self.shape).transpose(turned)


@dataclass(frozen=True)
class Term:
    """l and r of B units at one read.

    Attributes:
        left: (B, T, i) numbers, or (B, T) positions.
        right: (B, T, o).
        layout: how they make up M.
    """

    left: Any
    right: Any
    layout: Layout


def squared_norm(terms: Sequence[Term]) -> Any:
    """(B,) squared norms of M summed over several reads, cross terms included."""
    total: Any = 0.0
    for place, first in enumerate(terms):
        total = total + _inner(first, first)
        for second in terms[place + 1 :]:
            total = total + 2.0 * _inner(first, second)
    return total


def spread(term: Term) -> Any:
    """(B,) the sum over places of |l_t| |r_t|, what M would measure if nothing cancelled; not a
    number where one of them is longer than `LARGEST`.
    """
    import jax.numpy as jnp

    right = _lengths(term.right)
    left = jnp.ones_like(right) if term.layout.found else _lengths(term.left)
    near = (jnp.maximum(left, right) < LARGEST).all(axis=-1)
    return jnp.where(near, (left * right).sum(axis=-1), jnp.nan)


def weighted_sum(term: Term, weights: Any) -> Any:
    """sum_b weights_b M_b in float64, as the array that is read."""
    import jax.numpy as jnp

    layout = term.layout
    right = weights[:, None, None] * term.right.astype(jnp.float64)
    if layout.found:
        matrix = jnp.zeros((layout.rows, layout.columns))
        flat = right.reshape(-1, layout.columns)
        return layout.array(matrix.at[term.left.reshape(-1)].add(flat))
    left = term.left.astype(jnp.float64).reshape(-1, layout.rows)
    return layout.array(left.T @ right.reshape(-1, layout.columns))


def formed(term: Term) -> Any:
    """(B, ...) each unit's M, as the array that is read; l are rows of numbers."""
    import jax.numpy as jnp

    return term.layout.array(jnp.einsum("bti,bto->bio", term.left, term.right))


def _lengths(rows: Any) -> Any:
    """(..., ) Euclidean norms of the last axis, in float64."""
    import jax.numpy as jnp

    return jnp.sqrt((rows.astype(jnp.float64) ** 2).sum(axis=-1))


def _inner(first: Term, second: Term) -> Any:
    """(B,) inner products of the matrices of two reads, in float64."""
    import jax.numpy as jnp

    one, other = first.right.astype(jnp.float64), second.right.astype(jnp.float64)
    if first.layout.places == second.layout.places == 1:
        # As sums of products of numbers, which XLA fuses, rather than as products of matrices.
        return _meet(first, second)[:, 0, 0] * (one[:, 0] * other[:, 0]).sum(axis=-1)
    return (_meet(first, second) * jnp.einsum("bto,bso->bts", one, other)).sum(axis=(1, 2))


def _meet(first: Term, second: Term) -> Any:
    """(B, T, S) inner products of the l of two reads, in float64."""
    import jax.numpy as jnp

    one, other = first.left, second.left
    if first.layout.found and second.layout.found:
        return (one[:, :, None] == other[:, None, :]).astype(jnp.float64)
    if first.layout.found:
        return jnp.swapaxes(_meet(second, first), 1, 2)
    one = one.astype(jnp.float64)
    if second.layout.found:
        return jnp.take_along_axis(one, other[:, None, :], axis=2)
    other = other.astype(jnp.float64)
    if first.layout.places == second.layout.places == 1:
        return (one * other).sum(axis=-1, keepdims=True)
    return jnp.einsum("bti,bsi->bts", one, other)
