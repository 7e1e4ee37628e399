"""The intermediate form: values, and nodes in an order in which they can be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Value:
    """One array of a graph, known by its identity.

    Attributes:
        shape: its axes.
        dtype: its type, as NumPy or JAX names it.
    """

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    Attributes:
        op: the name of the JAX primitive.
        inputs, outputs: what it reads and what it makes.
        params: its static parameters, as the primitive names them.
        where: file, line and function of the user's code, for messages.
        run: (*inputs) -> list of outputs, in plain JAX, gradients included.
    """

    op: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    params: Mapping[str, Any]
    where: str
    run: Callable[..., list[Any]]


@dataclass(frozen=True, eq=False)
class Graph:
    """A function as nodes.

    Attributes:
        inputs: arguments, one per leaf of what the function takes.
        outputs: results, one per leaf of what it returns.
        nodes: in an order in which they can be run.
        constants: arrays that the function closes over, and literals.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[Value, Any] = field(default_factory=dict)

    def users(self) -> dict[Value, list[Node]]:
        """Which nodes read each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                found.setdefault(value, []).append(node)
        return found
