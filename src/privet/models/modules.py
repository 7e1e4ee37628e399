"""Users' own models: an (init, apply) pair, a Flax module, an Equinox module.

Whatever comes in, parameters go out as a flat dict {"p00000": array, ...} in the order of the
pytree's leaves, so that every protection, and the file format, sees one shape of parameters.
Each function maps ONE row (d,) to its scores (outputs,): nothing can depend on other rows.
Modules that carry mutable state (batch statistics, random generators) are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from privet.errors import InvalidInput

Params = dict[str, Any]
Functions = tuple[str, Callable[[int, int, int], Params], Callable[[Params, Any], Any]]


def functions_of(module: Any) -> Functions:
    """(name, init, apply) of a user's model.

    Raises:
        InvalidInput: it is none of the kinds that are understood, or holds mutable state.
    """
    origins = {cls.__module__ for cls in type(module).__mro__}
    if any(origin.startswith("flax.linen") for origin in origins):
        return _linen(module)
    if any(origin.startswith("flax.nnx") for origin in origins):
        return _nnx(module)
    if any(origin.startswith("equinox") for origin in origins):
        return _equinox(module)
    if isinstance(module, tuple) and len(module) == 2 and all(map(callable, module)):
        return _pair("pair", *module)
    raise InvalidInput(
        "this is not a model",
        value=type(module).__name__,
        bound="a name, an (init, apply) pair, a Flax or an Equinox module",
        remedy='model="logistic"   # or model=(init, apply)',
    )


def _key(seed: int) -> Any:
    """The raw threefry key of a seed, as jax.random.PRNGKey(seed) gives it."""
    import jax.numpy as jnp

    return jnp.asarray(np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], dtype=np.uint32))


def _pair(
    name: str, user_init: Callable[[Any, Any], Any], user_apply: Callable[[Any, Any], Any]
) -> Functions:
    @lru_cache(maxsize=64)
    def tree(features: int) -> Any:
        import jax

        row = jax.ShapeDtypeStruct((features,), np.float32)
        return jax.tree.structure(jax.eval_shape(user_init, _key(0), row))

    def init(seed: int, features: int, outputs: int) -> Params:
        import jax.numpy as jnp

        row = jnp.zeros(features, dtype=jnp.float32)
        params = _flat(user_init(_key(seed), row))
        _check_shape(name, apply, params, features, outputs)
        return params

    def apply(params: Params, x: Any) -> Any:
        import jax

        leaves = [params[key] for key in sorted(params)]
        scores = user_apply(jax.tree.unflatten(tree(x.shape[-1]), leaves), x)
        return jax.numpy.reshape(scores, (1,)) if jax.numpy.ndim(scores) == 0 else scores

    return name, init, apply


def _flat(params: Any) -> Params:
    import jax

    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    for leaf in leaves:
        if leaf.dtype.kind != "f" and leaf.dtype.name != "bfloat16":
            raise InvalidInput(
                "a parameter of the module is no real number",
                value=leaf.dtype.name,
                bound="floating-point arrays only: state and counters cannot be trained",
            )
    return {f"p{index:05d}": leaf.astype(np.float64) for index, leaf in enumerate(leaves)}


def _check_shape(
    name: str, apply: Callable[[Params, Any], Any], params: Params, features: int, outputs: int
) -> None:
    import jax

    row = jax.ShapeDtypeStruct((features,), np.float32)
    specs = {k: jax.ShapeDtypeStruct(v.shape, np.float32) for k, v in params.items()}
    try:
        shape = jax.eval_shape(apply, specs, row).shape
    except Exception as error:  # whatever a user's code raises is told in our words
        raise InvalidInput(
            f"the model {name!r} cannot be applied to one encoded row of {features} numbers "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})",
            bound=f"apply(params, x) with x of shape ({features},)",
        ) from error
    if shape != (outputs,):
        raise InvalidInput(
            f"the model {name!r} gives scores of another shape than the target needs",
            value=shape,
            bound=f"({outputs},) for one row: one score for two classes or a number, else K",
        )


def _refuse_state(name: str, state: list[str]) -> NoReturn:
    raise InvalidInput(
        f"the module {name!r} holds mutable state, so the scores of one row would depend on "
        "other rows or on chance",
        value=sorted(set(state)),
        bound="parameters only",
        remedy="use LayerNorm or GroupNorm instead of BatchNorm, and leave out Dropout",
    )


def _linen(module: Any) -> Functions:
    name = type(module).__name__

    def init(key: Any, x: Any) -> Any:
        variables = module.init(key, x)
        state = [kind for kind in variables if kind != "params"]
        if state:
            _refuse_state(name, state)
        return variables["params"]

    return _pair(name, init, lambda params, x: module.apply({"params": params}, x))


def _nnx(module: Any) -> Functions:
    from flax import nnx

    name = type(module).__name__
    graph, *states = nnx.split(module, nnx.Param, ...)
    params, rest = states
    state = [type(leaf).__name__ for _, leaf in nnx.to_flat_state(rest)]
    if state:
        _refuse_state(name, state)
    return _pair(name, lambda key, x: params, lambda params, x: nnx.merge(graph, params)(x))


def _equinox(module: Any) -> Functions:
    import equinox as eqx
    import jax

    name = type(module).__name__
    stateful = (eqx.nn.StateIndex, eqx.nn.BatchNorm, eqx.nn.Dropout)
    nodes = jax.tree.leaves(module, is_leaf=lambda node: isinstance(node, stateful))
    state = [type(node).__name__ for node in nodes if isinstance(node, stateful)]
    if state:
        _refuse_state(name, state)
    params, static = eqx.partition(module, eqx.is_inexact_array)
    return _pair(name, lambda key, x: params, lambda params, x: eqx.combine(params, static)(x))
