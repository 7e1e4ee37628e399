"""Scores of many rows by a trained model."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from privet.models import linear
from privet.protect.base import Model, Params

Array = np.ndarray[Any, Any]
_BATCH = 8192


def scores_of(model: Model, params: Params, x: Array) -> Array:
    """Scores (n, outputs) of encoded rows (n, d), in float64.

    Built-in models take all rows at once in NumPy; a user's is vectorised by JAX, so that it
    still sees one row at a time.
    """
    if model.apply is linear.apply or model.tag.get("name") == "mlp":
        return np.asarray(model.apply(params, x), dtype=np.float64)
    apply = _vectorised(model.apply)
    parts = [np.asarray(apply(params, x[i : i + _BATCH])) for i in range(0, len(x), _BATCH)]
    return np.concatenate(parts).astype(np.float64)


@lru_cache(maxsize=32)
def _vectorised(apply: Callable[[Params, Any], Any]) -> Callable[[Params, Any], Any]:
    import jax

    vectorised: Callable[[Params, Any], Any] = jax.jit(jax.vmap(apply, in_axes=(None, 0)))
    return vectorised
