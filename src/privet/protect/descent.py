"""Training in the clear of models that are no linear ones: Adam, or L-BFGS on JAX gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from privet.dp.clipping import x64
from privet.entropy import reproducible_stream, secret_stream
from privet.errors import DataError
from privet.protect.base import Model, Outcome, Params, Rows, Watch, step

Array = np.ndarray[Any, Any]
_CALLS = 10
"""At least so many times a run looks up to report progress and to hear of cancellation."""
_TINY = 1e-30
"""Keeps a batch without weight from dividing by zero; below rounding otherwise."""


def fit_stochastic(model: Model, rows: Rows, watch: Watch) -> Outcome:
    """Adam (Kingma & Ba 2015, algorithm 1) on minibatches, shuffled anew each epoch.

    Options: "epochs", "batch", "step_size", "seed" (None: from the operating system). Batches
    of all rows are not shuffled and run in float64, so that repeating a row equals doubling its
    weight; smaller batches run in float32.

    Raises:
        Cancelled: the watcher stopped the run.
        DataError: the loss left the real numbers.
    """
    import jax
    import jax.numpy as jnp

    n = len(rows.x)
    options = {"epochs": 200, "batch": 200, "step_size": 1e-3, "seed": None, **model.options}
    epochs, batch = options["epochs"], min(options["batch"], n)
    whole = batch == n
    dtype = np.float64 if whole else np.float32
    seed, stream = _streams(options["seed"])
    weight = _weights(rows)
    start = model.init(seed, rows.facts.features, rows.facts.outputs)
    part = _divisor(epochs, _CALLS)
    with x64(whole):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), start)
        state = (params, *_zeros(params), jnp.zeros((), dtype))
        y = jnp.asarray(rows.y, np.int32 if rows.facts.classes else dtype)
        data = (jnp.asarray(rows.x, dtype), y, jnp.asarray(weight, dtype))
        scalars = jnp.asarray([model.l2 / weight.sum(), options["step_size"]], dtype)
        run = _adam(model.apply, model.loss)
        for done in range(0, epochs, part):
            step(watch, done, epochs, "epochs")
            order, present = _batches(n, batch, part, stream, whole)
            state = run(state, data, scalars, order, present.astype(dtype))
        trained = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state[0])
    step(watch, epochs, epochs, "epochs")
    return Outcome(_finite(trained), steps=epochs)


def fit_convex(model: Model, rows: Rows, watch: Watch) -> Outcome:
    """L-BFGS on the full objective, for convex models that have no solver of their own.

    Raises:
        Cancelled: the watcher stopped the run.
        DataError: the loss left the real numbers.
    """
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
    from scipy.optimize import minimize

    max_iter = model.options.get("max_iter", 1000)
    weight = _weights(rows)
    with x64(True):
        start = model.init(0, rows.facts.features, rows.facts.outputs)
        flat, unravel = ravel_pytree(jax.tree.map(lambda p: jnp.asarray(p, np.float64), start))
        x, y = jnp.asarray(rows.x), jnp.asarray(rows.y)
        total = weight.sum()
        objective = _objective(model.apply, model.loss)
        both = jax.jit(jax.value_and_grad(
            lambda p: objective(unravel(p), x, y, jnp.asarray(weight), model.l2 / total)
        ))
        seen = [0]

        def evaluate(point: Array) -> tuple[float, Array]:
            step(watch, min(seen[0], max_iter), max_iter, "L-BFGS steps")
            value, gradient = both(point)
            return float(value), np.asarray(gradient, np.float64)

        def count(_: Array) -> None:
            seen[0] += 1

        found = minimize(evaluate, np.asarray(flat), jac=True, method="L-BFGS-B", callback=count,
                         options={"maxiter": max_iter, "maxfun": 20 * max_iter, "ftol": 1e-15,
                                  "gtol": model.options.get("tol", 1e-8)})
        trained = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), unravel(found.x))
    notes = () if found.success else (f"stopped after {found.nit} steps: raise max_iter",)
    return Outcome(_finite(trained), steps=max(int(found.nit), 1), notes=notes)


def _weights(rows: Rows) -> Array:
    return np.ones(len(rows.x)) if rows.weight is None else np.asarray(rows.weight, np.float64)


def _streams(seed: int | None) -> tuple[int, Any]:
    if seed is None:
        stream = secret_stream("plain-shuffle")
        return int(stream.below(2**31, 1)[0]), stream
    return seed, reproducible_stream(seed, "plain-shuffle")


def _divisor(count: int, parts: int) -> int:
    """The largest divisor of count that leaves at least `parts` pieces (or single ones)."""
    most = max(1, count // parts)
    return next(size for size in range(most, 0, -1) if count % size == 0)


def _batches(n: int, batch: int, epochs: int, stream: Any, whole: bool) -> tuple[Array, Array]:
    """Row numbers, (steps, batch), and 1 where a place is filled, 0 where it is padding."""
    each = -(-n // batch)
    order = np.zeros((epochs, each * batch), dtype=np.int32)
    for epoch in range(epochs):
        order[epoch, :n] = np.arange(n) if whole else stream.permutation(n)
    present = np.zeros_like(order)
    present[:, :n] = 1
    return order.reshape(-1, batch), present.reshape(-1, batch)


def _zeros(params: Params) -> tuple[Params, Params]:
    import jax

    zeros = jax.tree.map(lambda p: p * 0, params)
    return zeros, zeros


def _objective(
    apply: Callable[[Params, Any], Any], loss: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    """Weighted mean loss plus l2/2 times the squares of all weights (leaves of two axes)."""
    import jax
    import jax.numpy as jnp

    def objective(params: Params, x: Any, y: Any, weight: Any, l2: Any) -> Any:
        losses = jax.vmap(lambda row, target: loss(apply(params, row), target))(x, y)
        mean = jnp.sum(jnp.where(weight > 0, weight * losses, 0)) / (jnp.sum(weight) + _TINY)
        weights = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim >= 2]
        return mean + 0.5 * l2 * sum(jnp.sum(leaf**2) for leaf in weights)

    return objective


@lru_cache(maxsize=32)
def _adam(
    apply: Callable[[Params, Any], Any], loss: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    """One compiled function that scans over batches; cached, since compiling is the dear part."""
    import jax
    import jax.numpy as jnp

    gradient = jax.grad(_objective(apply, loss))
    decay, decay2, floor = 0.9, 0.999, 1e-8

    def run(state: Any, data: Any, scalars: Any, order: Any, present: Any) -> Any:
        x, y, weight = data
        l2, size = scalars

        def one(state: Any, batch: Any) -> Any:
            params, first, second, count = state
            index, filled = batch
            g = gradient(params, x[index], y[index], weight[index] * filled, l2)
            count = count + 1
            first = jax.tree.map(lambda m, d: decay * m + (1 - decay) * d, first, g)
            second = jax.tree.map(lambda v, d: decay2 * v + (1 - decay2) * d**2, second, g)
            grown, grown2 = 1 - decay**count, 1 - decay2**count
            params = jax.tree.map(
                lambda p, m, v: p - size * (m / grown) / (jnp.sqrt(v / grown2) + floor),
                params,
                first,
                second,
            )
            return (params, first, second, count), None

        return jax.lax.scan(one, state, (order, present))[0]

    return jax.jit(run)


def _finite(params: Params) -> Params:
    import jax

    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        raise DataError(
            "training left the real numbers",
            bound="columns of moderate size",
            remedy="declare bounds in a schema, or lower learning_rate_init",
        )
    return params
