"""Private training of any model: DP-SGD with true Poisson sampling.

Steps t = 1..T (Abadi et al. 2016, "Deep learning with differential privacy", Algorithm 1):

    1. every unit takes part independently with probability q   (`sampling.poisson`)
    2. g_u = gradient of the sum of the weighted losses of unit u's rows, one unit at a time
    3. g_u is clipped to norm C; one that is not finite becomes 0
    4. (sum_u g_u + Gaussian noise) / (q * n), n public, never the size of the sample
    5. Adam (Kingma & Ba 2015, Algorithm 1) on that, which is post-processing

The user gives the loss of one row, so functions of a batch cannot be written; mutable state has
no place in (apply, params).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from privet.dp import sampling
from privet.dp.clipping import clip_factors, x64
from privet.dp.linear import Units
from privet.dp.mechanisms import clip_bound, release
from privet.dp.stochastic_defaults import StochasticSettings
from privet.entropy import Stream
from privet.errors import InvalidInput

Array = np.ndarray[Any, Any]
Params = Any
_BETAS = (0.9, 0.999)
_FUDGE = 1e-8


@dataclass(frozen=True)
class Problem:
    """What is trained: pure functions of one row, and public numbers.

    Attributes:
        apply: (params, x (d,)) -> scores (K,).
        loss: (scores, y) -> the loss of one row.
        l2: weight of the quadratic penalty on the sum of losses.
        normaliser: public number of units.
        most_units: public upper bound on the number of units.
    """

    apply: Callable[[Params, Any], Any]
    loss: Callable[[Any, Any], Any]
    l2: float
    normaliser: int
    most_units: int


def count_parameters(params: Params) -> int:
    """How many numbers a pytree holds.

    Raises:
        InvalidInput: a leaf is not an array of floats: counters and keys are state, not
            parameters, and noise on them means nothing.
    """
    import jax

    total = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        array = np.asarray(leaf)
        if array.dtype.kind != "f":
            raise InvalidInput(
                f"parameter {jax.tree_util.keystr(path)} is not a floating-point array",
                value=str(array.dtype),
                bound="float32 or float64 in every leaf",
                remedy="keep counters, keys and running statistics out of the parameters",
            )
        total += array.size
    return total


def gradient_bound(
    size: int, most_units: int, settings: StochasticSettings, noise_multiplier: float
) -> float:
    """The bound to clip to, which leaves room for what rounding adds; from public facts alone.

    Raises:
        InvalidInput: so many parameters, units or so much noise that rounding may exceed the room.
    """
    # A term is added up within its block, then its block with the others.
    depth = settings.microbatch + -(-most_units // settings.microbatch)
    scale = settings.clip * noise_multiplier
    return clip_bound(size, most_units, settings.clip, scale=scale, depth=depth)


def train_stochastic(
    units: Units,
    problem: Problem,
    start: Params,
    *,
    settings: StochasticSettings,
    noise_multiplier: float,
    stream: Stream,
) -> Iterator[Params]:
    """Run the steps; yields the parameters after each, the last of which are released.

    Args:
        units: rows inside their box (`linear.inside`).
        problem: the model.
        start: initial parameters, independent of the data.
        settings: rate, steps, clip and the rest.
        noise_multiplier: deviation of the noise over the clip.
        stream: where samples and noise are drawn from.

    Formal guarantees: each yielded value is a function of earlier ones and of one Gaussian
    release on a Poisson sample at `settings.rate`; no sample is cut short. One unit changes the
    released sum by at most `settings.clip`: gradients are float64, and what rounding adds is
    within the 2^-10 by which the clip is shrunk (`mechanisms.clip_bound`), if the compiled gradient
    of a unit depends on nothing but it (proofs/noise-on-a-grid.md, section 5). Rows and gradients
    that are not finite contribute exactly 0; sample weights act before the clip.

    Raises:
        InvalidInput: the parameters are not floats, or rounding could exceed the clip.
    """
    import jax

    size = count_parameters(start)
    scale = settings.clip * noise_multiplier
    limit = gradient_bound(size, problem.most_units, settings, noise_multiplier)
    gradient_sum = _gradient_sum(problem.apply, problem.loss)
    leaves, structure = jax.tree.flatten(start)
    leaves = [np.asarray(leaf, np.float64) for leaf in leaves]
    adam = [_Adam(leaf) for leaf in leaves]
    draws, noise = stream.child("samples"), stream.child("noise")
    for turn in range(1, settings.steps + 1):
        taken = sampling.poisson(len(units.x), settings.rate, draws)
        params = jax.tree.unflatten(structure, leaves)
        totals = [np.zeros(leaf.shape) for leaf in leaves]
        with x64():
            for block in _blocks(taken, settings.microbatch):
                part = gradient_sum(params, *_padded(units, block), limit)
                for total, added in zip(totals, jax.tree.leaves(part), strict=True):
                    total += np.asarray(added)
        for index, total in enumerate(totals):
            noisy = release(total, scale=scale, stream=noise)
            share = noisy / (settings.rate * problem.normaliser)
            if leaves[index].ndim >= 2:
                # Weights are penalised, biases are not, as in training in the clear.
                share = share + problem.l2 / problem.normaliser * leaves[index]
            leaves[index] = leaves[index] - settings.step_size * adam[index].direction(share, turn)
        yield jax.tree.unflatten(structure, leaves)


class _Adam:
    """Moments of one array (Kingma & Ba 2015, Algorithm 1): post-processing of noisy sums."""

    def __init__(self, like: Array) -> None:
        self._first, self._second = np.zeros(like.shape), np.zeros(like.shape)

    def direction(self, gradient: Array, turn: int) -> Array:
        self._first = _BETAS[0] * self._first + (1 - _BETAS[0]) * gradient
        self._second = _BETAS[1] * self._second + (1 - _BETAS[1]) * gradient**2
        mean = self._first / (1 - _BETAS[0] ** turn)
        spread = self._second / (1 - _BETAS[1] ** turn)
        direction: Array = mean / (np.sqrt(spread) + _FUDGE)
        return direction


def _blocks(taken: Array, size: int) -> Iterator[Array]:
    """(size,) places at a time; -1 where nobody is. One block at least, so that none is rare."""
    for start in range(0, max(len(taken), 1), size):
        block = taken[start : start + size]
        yield np.concatenate([block, np.full(size - len(block), -1, block.dtype)])


def _padded(units: Units, block: Array) -> tuple[Array, Array, Array]:
    """(B, m, d) rows, (B, m) targets and weights of the units in a block."""
    there = (block >= 0)[:, None]
    return units.x[block], units.y[block], np.where(there, units.weight[block], 0.0)


@lru_cache(maxsize=64)
def _gradient_sum(
    apply: Callable[[Params, Any], Any], loss: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    """The jit that sums clipped gradients of a block of units, like the parameters, float64."""
    import jax
    import jax.numpy as jnp

    def unit_loss(params: Params, x: Any, y: Any, weight: Any) -> Any:
        # Where there is no row, the unit's first stands in: a model that is not finite at zeros,
        # as one that divides by the length of a row, would lose every unit with few rows.
        counted = weight > 0
        first = jnp.argmax(counted)
        x = jnp.where(counted[:, None], x, x[first])
        y = jnp.where(counted, y, y[first])
        losses = jax.vmap(lambda row, target: loss(apply(params, row), target))(x, y)
        return jnp.sum(jnp.where(counted, losses * weight, 0.0))

    def squares(leaf: Any) -> Any:
        return (leaf * leaf).reshape(len(leaf), -1).sum(axis=1)

    def run(params: Params, x: Any, y: Any, weight: Any, limit: Any) -> Params:
        each = jax.vmap(jax.grad(unit_loss), in_axes=(None, 0, 0, 0))(params, x, y, weight)
        each = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), each)
        there = (weight > 0).any(axis=1)
        for leaf in jax.tree.leaves(each):
            # A weight of 0 hides the loss, but 0 times a gradient that is not finite is NaN.
            there &= jnp.isfinite(leaf).reshape(len(leaf), -1).all(axis=1)

        def kept(leaf: Any) -> Any:
            return jnp.where(there.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, 0.0)

        each = jax.tree.map(kept, each)
        norms = jnp.sqrt(sum(map(squares, jax.tree.leaves(each))))
        factors = clip_factors(norms, limit)
        return jax.tree.map(lambda leaf: jnp.tensordot(factors, leaf, axes=1), each)

    return jax.jit(run)
