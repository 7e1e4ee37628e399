"""The exact trade between epsilon, delta and mu of Gaussians, in pure math and on the safe side.

A Gaussian mechanism whose sensitivity is mu times its standard deviation is (epsilon, delta)-DP
for delta = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu) and for no smaller one
(Balle & Wang 2018, "Improving the Gaussian mechanism", Theorem 8). Rounding is bounded and added,
so `mu_for` is never too large. See proofs/privacy-filters.md.
"""

from __future__ import annotations

import math
from functools import lru_cache

from privet.errors import InvalidBudget, fraction, positive

_UNIT = 2.0**-52
_TAIL = 25.0


def log_upper_tail(x: float) -> float:
    """The logarithm of P(N(0, 1) > x), to a relative error of P of a few units in the last place
    times 1 + x^2.
    """
    if x < _TAIL:
        return math.log(math.erfc(x / math.sqrt(2)) / 2)
    # Asymptotic series; alternating, so the first term left out, 945 / x^10, bounds the error.
    square = 1 / (x * x)
    series = -square + 3 * square**2 - 15 * square**3 + 105 * square**4
    return -x * x / 2 - math.log(x * math.sqrt(2 * math.pi)) + math.log1p(series)


def delta_above(mu: float, epsilon: float) -> float:
    """An upper bound of the least delta of a Gaussian with this mu, tight up to rounding."""
    x, y = epsilon / mu - mu / 2, epsilon / mu + mu / 2
    log_first, log_second = log_upper_tail(x), epsilon + log_upper_tail(y)
    first, second = math.exp(min(log_first, 0.0)), math.exp(min(log_second, 0.0))
    slack = 16 * _UNIT * (1 + x * x + y * y + epsilon)
    if y >= _TAIL:  # the series is used for y, and perhaps for x
        slack += 2000 / (x if x >= _TAIL else y) ** 10
    return first * (1 + slack) - second * (1 - min(1.0, slack))


@lru_cache(maxsize=4096)
def mu_for(epsilon: float, delta: float) -> float:
    """The greatest mu that all Gaussians together may have under (epsilon, delta).

    Raises:
        InvalidBudget: epsilon or delta out of range, or so small that rounding hides it.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    low, high = 0.0, 1.0
    while delta_above(high, epsilon) <= delta:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if delta_above(middle, epsilon) <= delta else (low, middle)
        if high < 1e-9:
            break
    if low <= 0:
        raise InvalidBudget(
            "so small a budget allows no Gaussian that can be told from rounding",
            value=f"epsilon={epsilon!r}, delta={delta!r}",
            bound="epsilon of at least 1e-6 and delta of at least 1e-200",
            remedy=f"epsilon={max(epsilon, 0.01):g}, delta={max(delta, 1e-12):.2g}",
        )
    return low


def epsilon_for(mu: float, delta: float) -> float:
    """The least epsilon of Gaussians with this mu together at delta, or a little more."""
    if mu <= 0:
        return 0.0
    low, high = 0.0, 1.0
    while delta_above(mu, high) > delta:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if delta_above(mu, middle) > delta else (low, middle)
    return high
