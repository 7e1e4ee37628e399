"""Operations that XLA runs slowly on a CPU, written so that it does not.

On two cores, XLA's gradient of a maximum over windows took two thirds of the time of a whole
training step of a small convolutional network.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from privet.graph.interpret import Rule
from privet.graph.ir import Graph, Node

_POOLS = ("reduce_window_max", "reduce_window_min", "reduce_window_sum")


def twins(graph: Graph) -> dict[Node, Rule]:
    """Rules for the nodes of a graph that have a faster twin: same results, same gradients but
    for rounding, a tie going to the first place of the window, as XLA has it.
    """
    return {node: partial(_pool, node) for node in graph.nodes if _plain_pool(node)}


def _plain_pool(node: Node) -> bool:
    dilations = [*node.params.get("base_dilation", ()), *node.params.get("window_dilation", ())]
    return node.op in _POOLS and len(node.inputs) == 1 and all(step == 1 for step in dilations)


def _pool(node: Node, x: Any) -> list[Any]:
    """Axis after axis, the last first, by strided slices."""
    import jax.numpy as jnp
    from jax import lax

    params = node.params
    edges = [(low, high, 0) for low, high in params["padding"]]
    x = lax.pad(x, jnp.asarray(_neutral(node.op, x.dtype), x.dtype), edges)
    for axis in reversed(range(x.ndim)):
        size, step = params["window_dimensions"][axis], params["window_strides"][axis]
        last = x.shape[axis] - size
        parts = [lax.slice_in_dim(x, at, at + last + 1, step, axis) for at in range(size)]
        x = parts[0]
        for part in parts[1:]:
            x = _joined(node.op, x, part)
    return [x]


def _joined(op: str, first: Any, second: Any) -> Any:
    import jax.numpy as jnp

    if op == "reduce_window_sum":
        return first + second
    # A number that is none stays so, whichever of the two it is.
    better = second > first if op == "reduce_window_max" else second < first
    return jnp.where(better | (second != second), second, first)


def _neutral(op: str, dtype: Any) -> Any:
    import jax.numpy as jnp

    if op == "reduce_window_sum":
        return 0
    if not jnp.issubdtype(dtype, jnp.floating):
        info = np.iinfo(dtype)
        return info.min if op == "reduce_window_max" else info.max
    return -jnp.inf if op == "reduce_window_max" else jnp.inf
