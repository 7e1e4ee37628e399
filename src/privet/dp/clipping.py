"""Bounding what one unit adds to a sum, exactly.

A bound that holds in real arithmetic can fail in floating point: sums of rounded numbers
depend on their order and exceed their sensitivity (Casacuberta et al. 2022, arXiv 2207.10635).
Here, what is summed consists of whole multiples of a power of two, few enough that float64
holds every partial sum without rounding.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from privet.dp.mechanisms import CLIP_MARGIN, SIGMA
from privet.errors import InvalidBudget

Array = np.ndarray[Any, Any]

SHRINK = 1 - CLIP_MARGIN
"""Gradients are clipped to this share of C; the rest covers rounding and the noise's grid."""


def exact_bits(count: int, bound: float) -> int:
    """Binary digits after the point with which `count` numbers of size <= bound sum exactly."""
    return 52 - math.ceil(math.log2(max(count, 1) * max(bound, 2.0**-20)))


def rounded_down(values: Array, bits: int) -> Array:
    """Values rounded towards zero to multiples of 2^-bits: no absolute value grows."""
    scale = 2.0**bits
    rounded: Array = np.trunc(values * scale) / scale
    return rounded


def check_grid(*, size: int, noise_multiplier: float, count: int) -> None:
    """Return if rounding to the noise's grid stays within what `SHRINK` leaves.

    Rounding moves each of `size` coordinates by up to two steps of C * noise_multiplier / SIGMA;
    their Euclidean length must not exceed C * 2^-11. A sum over `count` units of norm C, plus
    noise of up to 64 deviations, must also stay below 2^53 steps.

    Raises:
        InvalidBudget: the noise is too large, or too small, for this many parameters or units.
    """
    if 2 * math.sqrt(size) * noise_multiplier / SIGMA > 2.0**-11:
        raise InvalidBudget(
            "so much noise on so many parameters cannot be rounded safely",
            value=noise_multiplier,
            bound=f"noise_multiplier <= {2.0**20 / math.sqrt(size):.4g}",
            remedy="a larger epsilon or a smaller model",
        )
    if (count / noise_multiplier + 64) * SIGMA >= 2.0**53:
        raise InvalidBudget(
            "so little noise on so many units cannot be rounded safely",
            value=noise_multiplier,
            bound=f"noise_multiplier > {count * 2.0**-20:.4g}",
            remedy="a smaller epsilon",
        )


def x64(on: bool = True) -> AbstractContextManager[Any]:
    """A context in which JAX computes in float64, or not; nothing outside it changes."""
    import jax

    if hasattr(jax, "enable_x64"):
        context: AbstractContextManager[Any] = jax.enable_x64(on)
        return context
    # Before JAX 0.8 the door stood here.
    from jax import experimental

    old: AbstractContextManager[Any] = experimental.enable_x64(on)  # type: ignore[attr-defined]  # gone in newer JAX
    return old


def clip_factors(norms: Any, limit: float) -> Any:
    """Factors in [0, 1] that bring norms to at most the limit; 0 where a norm is not finite.

    Works on NumPy and JAX arrays of any shape.
    """
    import jax.numpy as jnp

    finite = jnp.isfinite(norms)
    safe = jnp.where(finite, norms, 1.0)
    return jnp.where(finite, jnp.minimum(1.0, limit / jnp.maximum(safe, limit)), 0.0)
