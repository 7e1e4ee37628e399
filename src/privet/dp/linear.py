"""Private training of linear models on all units at once.

Steps, for units i = 1..n (n public), features z, residuals e = d loss / d scores:

    1. m = (sum_i mean of unit i's rows + Gaussian noise) / n      features are centred by it
    2. g_i = sum over the unit's rows of (z - m, bias) (x) e       a sum of outer products
    3. clip g_i to norm C, from its exact norm: <Gram(z), Gram(e)>; no gradient is formed
    4. w <- w - step * (sum_i g_i + Gaussian noise) / n            T times, all in one jit
       the step grows where two noisy gradients in a row agree by more than noise would, and
       shrinks where they oppose: a function of what is released, so it costs nothing
    5. the mean of the later iterates is returned, for uncentred features

Per-example clipping: Abadi et al. 2016, "Deep learning with differential privacy", Alg. 1.
All units take part in every step, so T steps are T Gaussian releases without sampling.

Exact sums: features and residuals are rounded towards zero to multiples of a power of two so
coarse that every product and every partial sum is a float64 without rounding. The sum is then
the same in any order and on any machine, and one unit changes it by at most C in truth, not
only in real arithmetic (Mironov 2012; Casacuberta et al. 2022, arXiv 2207.10635).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from privet.dp.clipping import (
    SHRINK,
    check_grid,
    clip_factors,
    exact_bits,
    rounded_down,
    x64,
)
from privet.dp.linear_defaults import LinearSettings
from privet.dp.mechanisms import SIGMA, Grid

Array = np.ndarray[Any, Any]
Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Units:
    """Private rows gathered by privacy unit.

    Attributes:
        x: (U, m, d) float64 features; zeros where there is no row.
        y: (U, m) class numbers or targets.
        weight: (U, m) float64 sample weight of a row; 0 where there is no row.
    """

    x: Array
    y: Array
    weight: Array


@dataclass(frozen=True)
class Box:
    """Public bounds of one encoded row.

    Attributes:
        low, high: (d,) bounds of each feature.
        norm: greatest Euclidean norm of a row.
    """

    low: Array
    high: Array
    norm: float

    @property
    def origin(self) -> Array:
        """(d,) the public point from which the mean is taken: the one with the lesser radius."""
        middle = (self.low + self.high) / 2
        return middle if self._half_diagonal() < self.norm else np.zeros_like(self.low)

    @property
    def radius(self) -> float:
        """Greatest distance of a row from the origin: the sensitivity of the sum of rows."""
        return min(self.norm, self._half_diagonal())

    def _half_diagonal(self) -> float:
        return float(np.linalg.norm((self.high - self.low) / 2))


def inside(units: Units, box: Box) -> Units:
    """The same units with every row inside its box, and none that is not finite.

    A row with a non-finite feature, target or weight gets weight 0: it contributes exactly
    nothing to any sum.
    """
    fine = np.isfinite(units.x).all(axis=2) & np.isfinite(units.weight)
    fine &= np.isfinite(units.y.astype(np.float64)) & (units.weight > 0)
    x = np.clip(np.where(fine[..., None], units.x, 0.0), box.low, box.high)
    length = np.linalg.norm(x, axis=2, keepdims=True)
    # One part in 2^40 of shrinking keeps the rounded norm below the bound.
    limit = box.norm * (1 - 2.0**-40)
    x = np.where(length > limit, x * (limit / np.maximum(length, limit)), x)
    return Units(
        x=np.where(fine[..., None], x, 0.0),
        y=np.where(fine, units.y, np.zeros_like(units.y)),
        weight=np.where(fine, units.weight, 0.0),
    )


def mean_sum(units: Units, box: Box, *, most_units: int | None = None) -> Array:
    """(d,) sum over units of the mean of the unit's rows minus `box.origin`; un-noised.

    One unit changes it by at most `box.radius * SHRINK`, exactly; rounding the sum to the noise's
    grid may use the rest of the radius (`clipping.check_grid`).
    """
    counted = units.weight > 0
    rows = np.where(counted[..., None], units.x - box.origin, 0.0)
    held = np.maximum(counted.sum(axis=1, keepdims=True), 1)
    means = rows.sum(axis=1) / held
    length = np.linalg.norm(means, axis=1, keepdims=True)
    limit = box.radius * SHRINK * (1 - 2.0**-40)
    means = means * np.minimum(1.0, limit / np.maximum(length, 1e-300))
    bits = exact_bits(most_units or len(means), box.radius)
    total: Array = rounded_down(means, bits).sum(axis=0)
    return total


def train_linear(
    units: Units,
    loss: Loss,
    *,
    outputs: int,
    centre: Array,
    settings: LinearSettings,
    noise: Array,
    noise_multiplier: float,
    normaliser: int,
    l2: float = 0.0,
    most_units: int | None = None,
) -> dict[str, Array]:
    """Steps 2 to 5: full-batch descent on clipped, noised gradient sums.

    Args:
        units: rows inside their box (`inside`).
        loss: (scores (K,), y) -> the loss of one row.
        outputs: scores K of one row.
        centre: (d,) the private mean, already released.
        settings: clip, step size and the rest.
        noise: (T, d + 1, K) from `mechanisms.gaussian_noise` at scale
            settings.clip * noise_multiplier.
        noise_multiplier: deviation of the noise over the clip.
        normaliser: public number of units.
        l2: weight of the quadratic penalty on the sum of losses.
        most_units: public upper bound on the number of units, where that is not public.

    Returns:
        {"w": (d, K), "b": (K,)} float64, for uncentred features.

    Formal guarantees: for fixed `centre`, the sum of each step changes by at most `clip` in
    Euclidean norm when one unit's rows are replaced by nothing. What rounding to the noise's
    grid adds is within the 2^-10 by which the clip is shrunk (`clipping.check_grid`), if compiled
    residuals of a unit depend on nothing but it (proofs/noise-on-a-grid.md, section 5).
    Non-finite rows and gradients contribute exactly 0.

    Raises:
        InvalidBudget: the noise cannot be rounded safely.
    """
    held, m, d = units.x.shape
    most = most_units or held
    check_grid(size=(d + 1) * outputs, noise_multiplier=noise_multiplier, count=most)
    bits = exact_bits(most * m, settings.clip)
    feature_bits, residual_bits = bits // 2, bits - bits // 2
    grid = Grid(settings.clip * noise_multiplier).step
    z = np.concatenate([units.x - centre, np.full((held, m, 1), settings.bias)], axis=2)
    z = rounded_down(np.where((units.weight > 0)[..., None], z, 0.0), feature_bits)
    run = _trainer(loss, settings, residual_bits)
    with x64():
        theta = np.asarray(
            run(z, units.y, units.weight, noise, grid, 1.0 / normaliser, l2 / normaliser)
        )
    w = theta[:d]
    return {"w": w, "b": theta[d] * settings.bias - centre @ w}


@lru_cache(maxsize=64)
def _trainer(loss: Loss, settings: LinearSettings, residual_bits: int) -> Callable[..., Any]:
    """The jit that runs all steps. Settings are public, so they may be compiled in."""
    import jax
    import jax.numpy as jnp

    first = int(settings.steps * settings.average_from)

    def run(z: Any, y: Any, weight: Any, noise: Any, grid: Any, share: Any, l2: Any) -> Any:
        gram = jnp.einsum("uid,ujd->uij", z, z)
        flat = z.reshape(-1, z.shape[2])
        # Deviation of the inner product of two noises; each deviates by SIGMA steps of the grid.
        chance = settings.evidence * (grid * SIGMA * share) ** 2 * math.sqrt(noise[0].size)

        def descend(state: Any, step: Any) -> tuple[Any, None]:
            theta, last, length, total = state
            t, drawn = step
            scores = (flat @ theta).reshape(*z.shape[:2], -1)
            clipped = residuals(loss, scores, y, weight, gram, settings.clip, residual_bits)
            gradient = flat.T @ clipped.reshape(len(flat), -1)
            # Whole numbers of grid steps: their sum is exact, the product a mere scaling.
            noisy = (jnp.round(gradient / grid) + jnp.round(drawn / grid)) * grid
            slope = noisy * share + l2 * theta.at[-1].set(0.0)
            agreement = (slope * last).sum()
            length = length * jnp.where(agreement > chance, settings.growth, 1.0)
            length = length * jnp.where(agreement < -chance, settings.shrinkage, 1.0)
            theta = theta - length * slope
            return (theta, slope, length, total + jnp.where(t >= first, theta, 0.0)), None

        zero = jnp.zeros(noise.shape[1:])
        steps = (jnp.arange(noise.shape[0]), noise)
        start = (zero, zero, jnp.asarray(settings.step_size, dtype=zero.dtype), zero)
        (_, _, _, total), _ = jax.lax.scan(descend, start, steps)
        return total / (noise.shape[0] - first)

    return jax.jit(run)


def residuals(
    loss: Loss, scores: Any, y: Any, weight: Any, gram: Any, clip: float, bits: int
) -> Any:
    """(U, m, K) d loss / d scores times weight, clipped so that no unit's gradient exceeds C.

    The gradient of unit u is sum_i z_ui (x) e_ui, with squared norm
    sum_ij <z_ui, z_uj> <e_ui, e_uj>. Single rows are clipped first, so that partial sums stay
    bounded, then the unit. A unit with any non-finite residual contributes 0.

    Args:
        scores: (U, m, K).
        y, weight: (U, m).
        gram: (U, m, m) inner products of the unit's rows, bias feature included.
        clip: C.
        bits: binary digits after the point that are kept.
    """
    import jax
    import jax.numpy as jnp

    limit = clip * SHRINK
    e = jax.vmap(jax.vmap(jax.grad(loss)))(scores, y) * weight[..., None]
    e = jnp.where((weight > 0)[..., None], e, 0.0)
    sound = jnp.isfinite(e).all(axis=(1, 2), keepdims=True)
    e = jnp.where(sound, e, 0.0)
    lengths = jnp.sqrt(jnp.einsum("uii->ui", gram) * (e * e).sum(axis=2))
    e = e * clip_factors(lengths, limit)[..., None]
    if gram.shape[1] > 1:
        e = e * clip_factors(_unit_norms(gram, e), limit)[:, None, None]
    e = jnp.trunc(e * 2.0**bits) * 2.0**-bits
    if gram.shape[1] > 1:
        # Rounding single rows can lengthen their sum; a unit whose sum grew too long is left out.
        kept = _unit_norms(gram, e) <= limit * (1 + 2.0**-11)
        e = jnp.where(kept[:, None, None], e, 0.0)
    return e


def _unit_norms(gram: Any, e: Any) -> Any:
    import jax.numpy as jnp

    squared = (gram * jnp.einsum("uik,ujk->uij", e, e)).sum(axis=(1, 2))
    return jnp.sqrt(jnp.maximum(squared, 0.0))
