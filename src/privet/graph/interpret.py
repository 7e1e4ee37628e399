"""Running a graph again, with rules in the place of some of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from privet.graph.ir import Graph, Node

Rule = Callable[..., Sequence[Any]]
"""(*inputs) -> outputs of one node."""


def evaluate(graph: Graph, args: Sequence[Any], rules: Mapping[Node, Rule] | None = None) -> Any:
    """The outputs of a graph, in a list.

    Works inside any JAX transformation: without rules, the results, their gradients and their
    batched forms are those of the function that was traced.

    Args:
        args: one array per input of the graph.
        rules: what to run in the place of a node.

    Raises:
        ValueError: another number of arguments than the graph has inputs.
    """
    env = dict(graph.constants) | dict(zip(graph.inputs, args, strict=True))
    chosen = rules or {}
    for node in graph.nodes:
        made = chosen.get(node, node.run)(*(env[value] for value in node.inputs))
        env.update(zip(node.outputs, made, strict=True))
    return [env[value] for value in graph.outputs]
