"""Sums of clipped gradients of blocks of units, compiled once for each model and shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from privet.dp.bookkeeping import Book, book_of, clipped_sum
from privet.dp.clipping import x64
from privet.dp.factors import SPREAD
from privet.errors import InvalidInput

Array = np.ndarray[Any, Any]
Params = Any


@dataclass(frozen=True)
class UnitShape:
    """What is public about the rows of a unit.

    Attributes:
        rows: most rows of a unit, m.
        features: numbers in a row, d.
        whole: True if targets are whole numbers (classes).
    """

    rows: int
    features: int
    whole: bool


@dataclass(frozen=True, eq=False)
class Gradients:
    """The clipped sum of one model's gradients.

    Attributes:
        book: which parameters are kept as factors, and why others are not.
        _shapes: of the parameters.
        _run: the compiled sum.
    """

    book: Book
    _shapes: tuple[tuple[int, ...], ...]
    _run: Callable[..., Any]

    @property
    def places(self) -> int:
        """Most terms that a kept gradient of one unit is a sum of."""
        return max((read.layout.places for kept in self.book.kept for read in kept.reads),
                   default=1)  # fmt: skip

    def depth(self, microbatch: int) -> float:
        """Additions that a term goes through within a block, weighed by what may cancel."""
        several = any(len(kept.reads) > 1 or kept.reads[0].layout.places > 1
                      for kept in self.book.kept)  # fmt: skip
        reads = max((len(kept.reads) for kept in self.book.kept), default=1)
        return microbatch * self.places * reads * (SPREAD if several else 1.0)

    @property
    def norm_slack(self) -> float:
        """Relative error of a norm from Gram matrices, where they are used, at most."""
        wide = [SPREAD**2 * (layout.places**2 + layout.rows + layout.columns)
                for kept in self.book.kept for layout in (read.layout for read in kept.reads)
                if len(kept.reads) > 1 or (layout.places > 1 and not layout.forms)]  # fmt: skip
        return max(wide, default=0.0) * 2.0**-53

    @property
    def numbers(self) -> int:
        """Numbers that are held for one unit, as far as its gradient goes."""
        total = sum(math.prod(self.book.graph.inputs[leaf].shape) for leaf in self.book.formed)
        for kept in self.book.kept:
            for layout in (read.layout for read in kept.reads):
                total += layout.places * (layout.rows + layout.columns)
                total += layout.rows * layout.columns if layout.forms else 0
        return total

    def block_sum(
        self, params: Array, x: Array, y: Array, weight: Array, limit: float
    ) -> Array:
        """(P,) float64: the sum over the units of one block, in the order of `params`.

        Args:
            params: (P,) the parameters, one after another.
            x, y, weight: (B, m, d), (B, m), (B, m); weight 0 where there is no row.
            limit: norm to which each unit's gradient is clipped.
        """
        # Taken apart and put together out here: inside, XLA fuses that with the sums, and slowly.
        total = np.empty(len(params))
        with x64():
            parts = self._run(apart(params, self._shapes), x, y, weight, limit)
            for into, part in zip(apart(total, self._shapes), parts, strict=True):
                into[...] = part
        return total


def block_for(gradients: Gradients, sample: float) -> int:
    """Units in one block, a power of two: a sample of expected size if memory allows (256 MiB)."""
    room = 2**26 // max(gradients.numbers, 1)
    return int(2 ** math.floor(math.log2(max(min(room, 2.0 * sample, 4096), 1))))


def bucket(block: int) -> int:
    """Blocks are filled up to a multiple of this: few shapes are compiled, and little is wasted."""
    return max(block // 16, 1)


@lru_cache(maxsize=64)
def gradients_of(
    apply: Callable[[Params, Any], Any],
    loss: Callable[[Any, Any], Any],
    shapes: tuple[tuple[int, ...], ...],
    structure: Any,
    rows: UnitShape,
    dtype: type,
) -> Gradients:
    """What sums the clipped gradients of a model.

    Args:
        apply: (params, x (d,)) -> scores.
        loss: (scores, y) -> the loss of one row.
        shapes: of the parameters, in the order of the pytree's leaves.
        structure: of the pytree.
        rows: of one unit.
        dtype: precision of the forward and backward pass, float32 or float64.

    Raises:
        InvalidInput: the loss of one row is not a single number.
    """
    import jax
    import jax.numpy as jnp

    def unit_loss(leaves: Any, x: Any, y: Any, weight: Any) -> Any:
        params = jax.tree.unflatten(structure, leaves)
        # Where there is no row, the unit's first stands in: a model that is not finite at zeros,
        # as one that divides by the length of a row, would lose every unit with few rows.
        counted = weight > 0
        first = jnp.argmax(counted)
        x = jnp.where(counted[:, None], x, x[first])
        y = jnp.where(counted, y, y[first])
        losses = jax.vmap(lambda row, target: loss(apply(params, row), target))(x, y)
        if losses.shape != weight.shape:
            raise InvalidInput("the loss of one row must be a single number",
                               value=losses.shape[1:], bound="()")  # fmt: skip
        return jnp.sum(jnp.where(counted, losses * weight, 0.0))

    target = np.int64 if rows.whole else dtype
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    of_rows = [((rows.rows, rows.features), dtype), ((rows.rows,), target), ((rows.rows,), dtype)]
    data = [jax.ShapeDtypeStruct(shape, kind) for shape, kind in of_rows]
    with x64():
        book = book_of(unit_loss, leaves, *data)

    def run(leaves: Any, x: Any, y: Any, weight: Any, limit: Any) -> Any:
        # A weight that is positive but 0 in single precision must not count either.
        weight = weight.astype(dtype)
        counted = (weight > 0).any(axis=1)
        leaves = [leaf.astype(dtype) for leaf in leaves]
        units = [x.astype(dtype), y.astype(target), weight]
        return clipped_sum(book, leaves, units, counted, limit)

    return Gradients(book, shapes, jax.jit(run))


def apart(params: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """(P,) numbers as arrays of these shapes."""
    ends = list(accumulate(map(math.prod, shapes)))
    starts = [0, *ends[:-1]]
    return [params[start:end].reshape(shape)
            for start, end, shape in zip(starts, ends, shapes, strict=True)]  # fmt: skip
