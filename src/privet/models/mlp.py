"""A multi-layer perceptron: dense layers with one activation, and a linear last layer.

Parameters are {"w0": (d, h0), "b0": (h0,), ...}. `apply` takes NumPy or JAX arrays alike, so
that prediction needs no JAX and gives the same scores for a row alone and among others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from privet.entropy import reproducible_stream

Params = dict[str, Any]
ACTIVATIONS = ("relu", "tanh", "gelu")
_FRACTION = 2.0**-53


@lru_cache(maxsize=256)
def functions(
    hidden: tuple[int, ...], activation: str
) -> tuple[Callable[[int, int, int], Params], Callable[[Params, Any], Any]]:
    """(init, apply) for the given sizes; the same objects again for the same sizes."""

    def init(seed: int, features: int, outputs: int) -> Params:
        """He-uniform weights (He et al. 2015, eq. 10), zero biases. Public given the seed."""
        stream = reproducible_stream(seed, "mlp-init")
        params: Params = {}
        sizes = (features, *hidden, outputs)
        for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            limit = np.sqrt(6.0 / max(fan_in, 1))
            unit = (stream.words(fan_in * fan_out) >> np.uint64(11)) * _FRACTION
            params[f"w{layer}"] = (limit * (2 * unit - 1)).reshape(fan_in, fan_out)
            params[f"b{layer}"] = np.zeros(fan_out)
        return params

    def apply(params: Params, x: Any) -> Any:
        """Scores (outputs,) of one row (d,); also (n, outputs) of many rows (n, d)."""
        bend = _numpy_activation if _on_host(params, x) else _jax_activation
        last = len(params) // 2 - 1
        for layer in range(last):
            x = bend(activation, x @ params[f"w{layer}"] + params[f"b{layer}"])
        return x @ params[f"w{last}"] + params[f"b{last}"]

    return init, apply


def shift(params: Params, centre: Any) -> Params:
    """Parameters that give for x what the given ones give for x - centre."""
    return params | {"b0": params["b0"] - centre @ params["w0"]}


def _on_host(params: Params, x: Any) -> bool:
    return isinstance(x, np.ndarray) and all(isinstance(p, np.ndarray) for p in params.values())


def _numpy_activation(name: str, x: Any) -> Any:
    if name == "relu":
        return np.maximum(x, 0.0)
    if name == "tanh":
        return np.tanh(x)
    from scipy.special import ndtr

    return x * ndtr(x)


def _jax_activation(name: str, x: Any) -> Any:
    import jax

    if name == "gelu":
        return jax.nn.gelu(x, approximate=False)
    return jax.nn.relu(x) if name == "relu" else jax.numpy.tanh(x)
