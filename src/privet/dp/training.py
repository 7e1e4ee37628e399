"""Private training of any model: DP-SGD with true Poisson sampling.

Steps t = 1..T (Abadi et al. 2016, "Deep learning with differential privacy", Algorithm 1):

    1. every unit takes part independently with probability q   (`sampling.poisson`)
    2. g_u = gradient of the sum of the weighted losses of unit u's rows, kept as factors where
       the model allows it (`bookkeeping`)
    3. g_u is clipped to norm C; one that is not finite becomes 0
    4. (sum_u g_u + Gaussian noise) / (q * n), n public, never the size of the sample
    5. Adam (Kingma & Ba 2015, Algorithm 1) on that, which is post-processing

The user gives the loss of one row, so functions of a batch cannot be written; mutable state has
no place in (apply, params).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from privet.dp import sampling
from privet.dp.clipping import x64
from privet.dp.gradients import (
    Gradients,
    UnitShape,
    apart,
    bucket,
    gradients_of,
)
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
        dtype: precision of the forward and backward pass.
    """

    apply: Callable[[Params, Any], Any]
    loss: Callable[[Any, Any], Any]
    l2: float
    normaliser: int
    most_units: int
    dtype: type = np.float32

    def gradients(self, start: Params, rows: UnitShape) -> Gradients:
        """What sums the clipped gradients of this problem."""
        import jax

        leaves, structure = jax.tree.flatten(start)
        shapes = tuple(np.shape(leaf) for leaf in leaves)
        return gradients_of(self.apply, self.loss, shapes, structure, rows, self.dtype)


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
    gradients: Gradients,
    size: int,
    most_units: int,
    settings: StochasticSettings,
    noise_multiplier: float,
) -> float:
    """The bound to clip to, which leaves room for what rounding adds; from public facts alone.

    Raises:
        InvalidInput: so many parameters, units or so much noise that rounding may exceed the room.
    """
    # A term is added up within its block, then its block with the others.
    block = settings.microbatch
    depth = math.ceil(gradients.depth(block)) + -(-most_units // block)
    scale = settings.clip * noise_multiplier
    limit = clip_bound(size, most_units, settings.clip, scale=scale, depth=depth)
    return limit - settings.clip * gradients.norm_slack


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
    released sum by at most `settings.clip`: what rounding of norms and sums adds is within what
    the clip is shrunk by (`gradient_bound`), if the compiled gradient of a unit depends on
    nothing but it (proofs/noise-on-a-grid.md, sections 5 and 6). Rows and gradients
    that are not finite contribute exactly 0; sample weights act before the clip.

    Raises:
        InvalidInput: the parameters are not floats, or rounding could exceed the clip.
    """
    import jax

    size = count_parameters(start)
    scale = settings.clip * noise_multiplier
    _, most, features = units.x.shape
    rows = UnitShape(most, features, whole=units.y.dtype.kind in "iu")
    gradients = problem.gradients(start, rows)
    limit = gradient_bound(gradients, size, problem.most_units, settings, noise_multiplier)
    leaves, structure = jax.tree.flatten(start)
    shapes = [np.shape(leaf) for leaf in leaves]
    params = np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in leaves])
    # Weights are penalised, biases are not, as in training in the clear.
    pull = problem.l2 / problem.normaliser
    penalty = np.repeat([pull * (len(shape) >= 2) for shape in shapes],
                        [math.prod(shape) for shape in shapes])  # fmt: skip
    moments = [np.zeros_like(params), np.zeros_like(params)]
    draws, noise = stream.child("samples"), stream.child("noise")
    for turn in range(1, settings.steps + 1):
        taken = sampling.poisson(len(units.x), settings.rate, draws)
        total = np.zeros(size)
        for block in _blocks(taken, settings.microbatch):
            total += gradients.block_sum(params, *_padded(units, block), limit)
        noisy = release(total, scale=scale, stream=noise)
        share = noisy / (settings.rate * problem.normaliser) + penalty * params
        with x64():
            after = _adam()(params, *moments, share, settings.step_size, float(turn))
            params, *moments = [np.asarray(part) for part in after]
        yield jax.tree.unflatten(structure, apart(params, shapes))


@lru_cache(maxsize=1)
def _adam() -> Callable[..., tuple[Any, Any, Any]]:
    """One compiled step (Kingma & Ba 2015, Algorithm 1): post-processing of noisy sums."""
    import jax
    import jax.numpy as jnp

    def step(
        params: Any, first: Any, second: Any, share: Any, size: Any, turn: Any
    ) -> tuple[Any, Any, Any]:
        first = _BETAS[0] * first + (1 - _BETAS[0]) * share
        second = _BETAS[1] * second + (1 - _BETAS[1]) * share**2
        mean = first / (1 - _BETAS[0] ** turn)
        spread = second / (1 - _BETAS[1] ** turn)
        return params - size * mean / (jnp.sqrt(spread) + _FUDGE), first, second

    return jax.jit(step)


def _blocks(taken: Array, size: int) -> Iterator[Array]:
    """Places in blocks of `size`, the last one cut to a sixteenth of it; -1 where nobody is. One
    block at least, so that none is rare.
    """
    for start in range(0, max(len(taken), 1), size):
        block = taken[start : start + size]
        step = bucket(size)
        whole = max(-(-len(block) // step), 1) * step
        yield np.concatenate([block, np.full(whole - len(block), -1, block.dtype)])


def _padded(units: Units, block: Array) -> tuple[Array, Array, Array]:
    """(B, m, d) rows, (B, m) targets and weights of the units in a block."""
    there = (block >= 0)[:, None]
    return units.x[block], units.y[block], np.where(there, units.weight[block], 0.0)
