"""Clipped sums of per-unit gradients without forming them: book-keeping on the loss's graph.

The gradient of a unit's loss with respect to a matrix that acts on rows is a sum of outer
products of what enters (l) and of the gradient of what leaves (r). Its norm follows from Gram
matrices, and the weighted sum over units from one matrix product, so that one backward pass
suffices and no gradient is formed (Goodfellow 2015, arXiv 1510.01799, for one row; Li et al. 2022,
arXiv 2110.05679, sec. 4 for many; Bu et al. 2023, arXiv 2210.00038, Algorithm 1 for the weighted
sum without a second backward pass).

    1. every matrix product, convolution or look-up that reads a parameter is found in the graph
    2. zeros are added to what leaves it; the gradient with respect to these zeros is r
    3. a parameter that is read in any other way has its gradient formed unit by unit, which is
       always right

A parameter that is read several times is one sum over its reads, and the norm holds their cross
terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from privet.dp.clipping import clip_factors
from privet.dp.factors import (
    LARGEST,
    SPREAD,
    Term,
    formed,
    spread,
    squared_norm,
    weighted_sum,
)
from privet.dp.layers import Read, read_of
from privet.graph import Graph, Node, Rule, Value, evaluate, trace, twins

_RESHAPING = ("reshape", "squeeze", "expand_dims", "copy", "copy_p")


@dataclass(frozen=True)
class View:
    """A parameter in another shape.

    Attributes:
        leaf: which parameter.
        base: the value of which this is a transpose.
        axes: where each axis of this value stands in the base.
    """

    leaf: int
    base: Value
    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Kept:
    """A parameter whose gradient is kept as factors: all its reads, seen in one base.

    Attributes:
        leaf: which parameter.
        reads: the reads.
        swapped: for each, True if l and r change places, so that all make up one matrix.
        shape: of the parameter, which has the numbers of the base in their order.
    """

    leaf: int
    reads: tuple[Read, ...]
    swapped: tuple[bool, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Book:
    """How per-unit gradients of one loss are kept.

    Attributes:
        graph: of the loss of one unit; its first inputs are the parameters.
        kept: the parameters that are kept as factors.
        formed: for each of the others, by number, what stands against it, in words.
    """

    graph: Graph
    kept: tuple[Kept, ...]
    formed: dict[int, str]

    def of_unit(self, leaves: Sequence[Any], *data: Any) -> tuple[list[Any], list[Any]]:
        """(l and r of each read of the kept parameters, gradients of the formed ones)."""
        import jax
        import jax.numpy as jnp

        reads = [read for kept in self.kept for read in kept.reads]

        def loss(taps: list[Any], formed: list[Any]) -> tuple[Any, list[Any]]:
            noted: list[Any] = [None] * len(reads)
            rules = twins(self.graph) | {
                read.node: _tapped(read, place, taps, noted) for place, read in enumerate(reads)
            }
            args = list(leaves)
            for leaf, value in zip(self.formed, formed, strict=True):
                args[leaf] = value
            return evaluate(self.graph, [*args, *data], rules)[0], noted

        outputs = [read.node.outputs[0] for read in reads]
        taps = [jnp.zeros(output.shape, output.dtype) for output in outputs]
        start = [leaves[leaf] for leaf in self.formed]
        (slopes, gradients), noted = jax.grad(loss, argnums=(0, 1), has_aux=True)(taps, start)
        factors = [read.factors(one, slope)
                   for read, one, slope in zip(reads, noted, slopes, strict=True)]  # fmt: skip
        return factors, gradients


def book_of(loss: Callable[..., Any], leaves: Sequence[Any], *data: Any) -> Book:
    """The book of a loss of one unit.

    Args:
        loss: (leaves, *data) -> the loss of one unit, a scalar.
        leaves: the parameters, arrays or their shapes.
        data: one unit's arrays or their shapes.
    """
    graph = trace(loss, list(leaves), *data)
    views, users = _views(graph, len(leaves)), graph.users()
    found = {leaf: _kept(graph, leaf, views, users) for leaf in range(len(leaves))}
    return Book(
        graph,
        kept=tuple(one for one in found.values() if isinstance(one, Kept)),
        formed={leaf: one for leaf, one in found.items() if isinstance(one, str)},
    )


def terms_of(kept: Kept, factors: Sequence[tuple[Any, Any]]) -> list[Term]:
    """The batched factors of one parameter's reads as terms of one matrix."""
    terms = []
    for read, swapped, (left, right) in zip(kept.reads, kept.swapped, factors, strict=True):
        layout = read.layout
        if swapped:
            left, right, layout = right, left, layout.swapped()
        terms.append(Term(left, right, layout))
    return terms


def clipped_sum(
    book: Book, leaves: Sequence[Any], data: Sequence[Any], counted: Any, limit: Any
) -> list[Any]:
    """The sum over units of gradients clipped to a norm, one float64 array per parameter.

    Args:
        leaves: the parameters, in the precision of the forward and backward pass.
        data: (B, ...) arrays.
        counted: (B,) which units count; the others contribute exactly 0.
        limit: the norm.

    Formal guarantees:
        - What is added for a unit is a function of that unit and of the parameters. Its norm is
          at most the limit but for rounding (proofs/noise-on-a-grid.md, section 6).
        - Rounding of the sum is bounded whatever cancels: the sum of |l_t| |r_t| over a unit's
          places, weighted as the unit is, is at most `SPREAD` times the limit.
        - A unit with anything not finite, or absurdly large, contributes exactly 0.
    """
    import jax
    import jax.numpy as jnp

    factors, gradients = jax.vmap(partial(book.of_unit, leaves))(*data)
    whole = dict(zip(book.formed, gradients, strict=True))
    terms: dict[int, list[Term]] = {}
    rest = iter(factors)
    for kept in book.kept:
        own = terms_of(kept, [next(rest) for _ in kept.reads])
        if len(own) == 1 and own[0].layout.forms:
            whole[kept.leaf] = formed(own[0])
        else:
            terms[kept.leaf] = own
    square = sum(map(_squares, whole.values())) + sum(map(squared_norm, terms.values()))
    widest = sum(spread(term) for own in terms.values() for term in own) / SPREAD
    size = jnp.maximum(jnp.sqrt(square), widest)
    weights = clip_factors(jnp.where(counted & (size < LARGEST), size, jnp.nan), limit)
    sums = {leaf: _sum_formed(g, weights) for leaf, g in whole.items()}
    for leaf, own in terms.items():
        sums[leaf] = sum(weighted_sum(_safe_term(term, weights), weights) for term in own)
    return [sums[leaf].reshape(jnp.shape(leaves[leaf])) for leaf in range(len(leaves))]


def _squares(gradient: Any) -> Any:
    import jax.numpy as jnp

    return (gradient.astype(jnp.float64) ** 2).reshape(len(gradient), -1).sum(axis=1)


def _sum_formed(gradient: Any, weights: Any) -> Any:
    """sum_b weights_b gradient_b in float64."""
    import jax.numpy as jnp

    return jnp.tensordot(weights, _safe(gradient, weights).astype(jnp.float64), axes=1)


def _safe(array: Any, weights: Any) -> Any:
    """The array with zeros where the weight is 0: 0 times what is not finite is not 0."""
    import jax.numpy as jnp

    return jnp.where((weights > 0).reshape(-1, *[1] * (array.ndim - 1)), array, 0)


def _safe_term(term: Term, weights: Any) -> Term:
    return replace(term, left=_safe(term.left, weights), right=_safe(term.right, weights))


def _tapped(read: Read, place: int, taps: list[Any], noted: list[Any]) -> Rule:
    """The node with its tap; what `factors` needs is noted."""

    def run(*args: Any) -> list[Any]:
        made, noted[place] = read.run(*args)
        return [made + taps[place]]

    return run


def _views(graph: Graph, parameters: int) -> dict[Value, View]:
    """The values that are a parameter in another shape."""
    views = {value: View(leaf, value, tuple(range(len(value.shape))))
             for leaf, value in enumerate(graph.inputs[:parameters])}  # fmt: skip
    for node in graph.nodes:
        if len(node.inputs) != 1 or node.inputs[0] not in views:
            continue
        made, old = node.outputs[0], views[node.inputs[0]]
        if node.op == "transpose":
            axes = tuple(old.axes[axis] for axis in node.params["permutation"])
            views[made] = replace(old, axes=axes)
        elif _reshapes(node) and old.axes == tuple(range(len(old.axes))):
            views[made] = View(old.leaf, made, tuple(range(len(made.shape))))
    return views


def _reshapes(node: Node) -> bool:
    """True if a node leaves the numbers of an array in their order."""
    read, made = node.inputs[0], node.outputs[0]
    if node.op == "broadcast_in_dim":
        return math.prod(read.shape) == math.prod(made.shape)
    return node.op in _RESHAPING and node.params.get("dimensions") is None


def _kept(
    graph: Graph, leaf: int, views: dict[Value, View], users: dict[Value, list[Node]]
) -> Kept | str:
    """A parameter's reads as factors, or what stands against it."""
    own = {value: view for value, view in views.items() if view.leaf == leaf}
    if any(value in own for value in graph.outputs):
        return "it is the loss"
    reads, bases = [], set[Value]()
    for value, view in own.items():
        for node in users.get(value, ()):
            if node.outputs[0] in own:
                continue
            read = _read(node, value, views)
            if read is None:
                return f"{node.op} at {node.where}"
            reads.append(_in_base(read, view))
            bases.add(view.base)
    if not reads:
        return "nothing reads it"
    if len(bases) > 1:
        return "it is read in several shapes"
    first = next((read for read in reads if read.layout.found), reads[0]).layout
    swapped = tuple(read.layout.sides != first.sides for read in reads)
    if any(read.layout.sides not in (first.sides, first.sides[::-1]) for read in reads) or any(
        turned and read.layout.found for turned, read in zip(swapped, reads, strict=True)
    ):
        return "it is read as different matrices"
    return Kept(leaf, tuple(reads), swapped, graph.inputs[leaf].shape)


def _read(node: Node, value: Value, views: dict[Value, View]) -> Read | None:
    """How a node reads a parameter; None if not as a matrix, or if it meets another there."""
    if sum(one in views for one in node.inputs) != 1:
        return None
    return read_of(node, node.inputs.index(value))


def _in_base(read: Read, view: View) -> Read:
    """The read with its layout in the base of the view."""
    axes = tuple(view.axes[axis] for axis in read.layout.axes)
    return replace(read, layout=replace(read.layout, axes=axes))
