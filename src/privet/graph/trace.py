"""From a JAX function to a graph. The only reader of jaxprs.

Jaxprs are read by the names of their primitives, through public imports alone. Calls that only
group operations (jit, checkpoint) are opened; those with a rule of their own for gradients
(custom_jvp, custom_vjp) and loops stay whole, so that a graph has the gradients of its function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from privet.graph.ir import Graph, Node, Value

_GROUPS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2")
_OWN_GRADIENT = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


def trace(function: Callable[..., Any], *args: Any) -> Graph:
    """The graph of a function at arguments of given shapes.

    Args:
        function: a pure JAX function; what it returns may be any pytree of arrays.
        args: pytrees of arrays or `jax.ShapeDtypeStruct`, whose values are not looked at.

    Returns:
        A graph whose inputs are the leaves of `args` in order.

    Raises:
        whatever the function raises when it is traced.
    """
    import jax

    return _Reader().graph(jax.make_jaxpr(function)(*args))


class _Reader:
    """Reads one jaxpr, with what it closes over."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._constants: dict[Value, Any] = {}

    def graph(self, closed: Any) -> Graph:
        inputs = tuple(map(_value, closed.jaxpr.invars))
        outputs = tuple(self._read(closed, inputs))
        return Graph(inputs, outputs, tuple(self._nodes), self._constants)

    def _read(self, closed: Any, inputs: tuple[Value, ...]) -> Iterator[Value]:
        """The outputs of a jaxpr, whose operations are added to the graph."""
        jaxpr = getattr(closed, "jaxpr", closed)
        env = dict(zip(jaxpr.invars, inputs, strict=True))
        for var, constant in zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=True):
            env[var] = self._constant(var, constant)
        for equation in jaxpr.eqns:
            read = tuple(self._look_up(env, var) for var in equation.invars)
            inner = _inner(equation)
            if inner is not None:
                made = tuple(self._read(inner, read))
            else:
                made = tuple(map(_value, equation.outvars))
                self._nodes.append(_node(equation, jaxpr, read, made))
            env.update(zip(equation.outvars, made, strict=True))
        return iter([self._look_up(env, var) for var in jaxpr.outvars])

    def _look_up(self, env: dict[Any, Value], var: Any) -> Value:
        return self._constant(var, var.val) if _is_literal(var) else env[var]

    def _constant(self, var: Any, constant: Any) -> Value:
        value = _value(var)
        self._constants[value] = constant
        return value


def _is_literal(var: Any) -> bool:
    from jax.extend.core import Literal

    return isinstance(var, Literal)


def _value(var: Any) -> Value:
    return Value(tuple(var.aval.shape), var.aval.dtype)


def _inner(equation: Any) -> Any:
    """The jaxpr that a call only groups; None for an operation."""
    if equation.primitive.name not in _GROUPS:
        return None
    params = equation.params
    return params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]


def _node(
    equation: Any, around: Any, inputs: tuple[Value, ...], outputs: tuple[Value, ...]
) -> Node:
    from jax.extend.source_info_util import summarize

    name = equation.primitive.name
    return Node(
        op=name,
        inputs=inputs,
        outputs=outputs,
        params=equation.params,
        where=summarize(equation.source_info),
        run=_whole(equation, around) if name in _OWN_GRADIENT else _bound(equation),
    )


def _bound(equation: Any) -> Callable[..., list[Any]]:
    primitive, params = equation.primitive, equation.params

    def run(*args: Any) -> list[Any]:
        made = primitive.bind(*args, **params)
        return list(made) if primitive.multiple_results else [made]

    return run


def _whole(equation: Any, around: Any) -> Callable[..., list[Any]]:
    """A call with a gradient rule of its own, as a function of its own."""
    from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

    variables = [var for var in equation.invars if not _is_literal(var)]
    places = [place for place, var in enumerate(equation.invars) if not _is_literal(var)]
    kept = list(dict.fromkeys(variables))
    alone = around.replace(
        constvars=[], invars=kept, outvars=equation.outvars, eqns=[equation],
        effects=equation.effects, debug_info=around.debug_info.with_unknown_names(),
    )  # fmt: skip
    function = jaxpr_as_fun(ClosedJaxpr(alone, ()))

    def run(*args: Any) -> list[Any]:
        given = {var: args[place] for var, place in zip(variables, places, strict=True)}
        return list(function(*(given[var] for var in kept)))

    return run
