"""The questions the other way round: the noise, and the number of releases, that a budget allows.

Answers are found with `estimate` and then put to dp-accounting, which must confirm them; where
it does not, the search goes on with dp-accounting itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.claims.guarantees import Relation
from privet.dp.accountant.estimate import estimate_epsilon
from privet.dp.accountant.spent import (
    INTERVAL,
    Events,
    as_tuple,
    doubling,
    epsilon_for,
    epsilon_on_grid,
    gaussian_delta,
)
from privet.errors import InvalidBudget, InvalidInput, fraction, positive

SLACK = 1e-6
"""How far below a budget a calibrated epsilon may stay."""
_DOUBT = 1e-7
"""How far an estimate is trusted to be right."""
MOST_STEPS = 10_000_000
"""Number of releases on samples, beyond which they are not counted."""


def _exact_mu(epsilon: float, delta: float) -> float:
    """The greatest mu of one Gaussian within the budget, by its closed form."""
    low, high = 0.0, 1.0
    while gaussian_delta(high, epsilon) < delta and high < 1e6:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if gaussian_delta(middle, epsilon) <= delta else (low, middle)
    return low


@lru_cache(maxsize=1024)
def mu_for(epsilon: float, delta: float, relation: Relation = "zero-out") -> float:
    """The greatest mu (sensitivity of one unit over noise) that Gaussians may use in all.

    Spend mu^2 in parts: a release with noise multiplier s takes 1 / s^2 of it.

    Raises:
        InvalidBudget: epsilon or delta cannot be guaranteed.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    exact = _exact_mu(epsilon, delta) / doubling(relation)
    # The PLD is pessimistic by up to its grid, so a little less is allowed than the theorem says.
    for attempt in range(26):
        mu = exact * (1 - 1e-9 * 2.0**attempt)
        if mu > 0 and epsilon_for(Gaussian(1 / mu), delta, relation) <= epsilon:
            return mu
    raise _too_small(epsilon, delta)


def _too_small(epsilon: float, delta: float) -> InvalidBudget:
    return InvalidBudget(
        "the accountant cannot confirm any noise for so small a budget",
        value=f"epsilon={epsilon!r}, delta={delta!r}",
        bound="epsilon of at least 1e-4 and delta of at least 1e-15, the accountant's resolution",
        remedy=f"epsilon={max(epsilon, 0.01):g}, delta={max(delta, 1e-12):.2g}",
    )


def release(noise: float, count: int, rate: float) -> Event:
    """`count` releases on samples at this rate, or on every unit if it is 1.

    Raises:
        InvalidBudget, InvalidInput: the noise, the count or the rate means nothing.
    """
    return PoissonGaussian(noise, count, rate=rate) if rate != 1 else Gaussian(noise, count)


def noise_multiplier_for(
    epsilon: float,
    delta: float,
    *,
    count: int = 1,
    rate: float = 1.0,
    relation: Relation = "zero-out",
    beside: Events = (),
) -> float:
    """The least noise multiplier with which `count` releases stay within the budget.

    Args:
        epsilon, delta: the budget.
        count: number of releases.
        rate: rate of Poisson sampling; 1 for releases on every unit.
        relation: which data sets are neighbours.
        beside: other events that the same budget must cover.

    Formal guarantees: `epsilon_for` of the releases and of `beside` is at most `epsilon`.

    Raises:
        InvalidBudget: no noise is enough: `beside` alone spends the budget.
        InvalidInput: a count below 1, or a rate outside (0, 1].
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    release(1.0, count, rate)
    others = as_tuple(beside)
    return _noise_multiplier(float(epsilon), float(delta), count, float(rate), relation, others)


@lru_cache(maxsize=1024)
def _noise_multiplier(
    epsilon: float,
    delta: float,
    count: int,
    rate: float,
    relation: Relation,
    beside: tuple[Event, ...],
) -> float:
    def spent(noise: float) -> float:
        return epsilon_on_grid((*beside, release(noise, count, rate)), delta, relation)

    def estimated(noise: float, interval: float = INTERVAL) -> float:
        return _estimated((*beside, release(noise, count, rate)), delta, relation, interval)

    def roughly(noise: float) -> float:
        return estimated(noise, 10 * INTERVAL)

    _check_room(beside, epsilon, delta, relation)
    mu = _exact_mu(epsilon, delta) / doubling(relation)
    guess = _typical_noise(mu, count, rate)
    # A wider grid is fast; its answer is a little more noise than needed.
    guess = _least(roughly, epsilon, guess, slack=epsilon / 1000, stride=0.1) or guess
    # A little below the budget, so that what the estimate lacks does not exceed it.
    near = _least(estimated, epsilon - _DOUBT, guess, slack=SLACK / 2, stride=0.001)
    found = near and _least(spent, epsilon, near, slack=SLACK, stride=1e-6)
    if not found:
        raise _too_small(epsilon, delta)
    return found


def _estimated(
    events: tuple[Event, ...], delta: float, relation: Relation, interval: float = INTERVAL
) -> float:
    """An estimate of epsilon; infinite where the losses are more than an estimate is good for."""
    try:
        return estimate_epsilon(events, delta, relation, interval)
    except InvalidInput:
        return math.inf


def _typical_noise(mu: float, count: int, rate: float) -> float:
    """Where a search begins: by the central limit theorem, which says too little."""
    if rate == 1:
        return math.sqrt(count) / mu
    return max(1 / math.sqrt(math.log1p((mu / rate) ** 2 / count)), 0.05)


def _check_room(
    beside: tuple[Event, ...], epsilon: float, delta: float, relation: Relation
) -> None:
    if not beside:
        return
    already = epsilon_on_grid(beside, delta, relation)
    if already >= epsilon:
        raise InvalidBudget(
            "the releases beside these already spend the budget",
            value=epsilon,
            bound=f"epsilon > {already:.4g}",
            remedy=f"epsilon={already * 1.1:.4g}",
        )


def _least(
    spent: Callable[[float], float], epsilon: float, start: float, *, slack: float, stride: float
) -> float | None:
    """Smallest noise with spent(noise) <= epsilon, by false position on log-log scale.

    `spent` falls in the noise. The answer is always a noise that was tried and found to fit;
    None if there is none. The first noise tried beside `start` is `stride` of it away.
    """
    low = high = start
    at_low = at_high = spent(start)
    while at_high > epsilon:
        if high > 1e9 * start:
            return None
        low, at_low = high, at_high
        high *= 1 + stride
        stride *= 2
        at_high = spent(high)
    while at_low <= epsilon:
        if epsilon - at_low <= slack or low < 1e-3:
            return low
        high, at_high = low, at_low
        low *= 1 - stride
        stride = min(2 * stride, 0.5)
        at_low = spent(low)
    for turn in range(60):
        if epsilon - at_high <= slack or high / low - 1 < 1e-9:
            break
        share = 0.5
        # Every third turn halves, so that a curved log-log line cannot stall one end.
        if turn % 3 != 2 and at_high > 0 and math.isfinite(at_low):
            share = math.log(at_low / (epsilon - slack / 2)) / math.log(at_low / at_high)
            share = min(max(share, 0.01), 0.99)
        middle = low * (high / low) ** share
        at_middle = spent(middle)
        if at_middle <= epsilon:
            high, at_high = middle, at_middle
        else:
            low, at_low = middle, at_middle
    return high


def steps_for(
    epsilon: float,
    delta: float,
    *,
    noise_multiplier: float,
    rate: float = 1.0,
    relation: Relation = "zero-out",
    beside: Events = (),
) -> int:
    """The greatest number of releases with this noise that stay within the budget.

    Args:
        epsilon, delta: the budget.
        noise_multiplier: of each release.
        rate: rate of Poisson sampling; 1 for releases on every unit.
        relation: which data sets are neighbours.
        beside: other events that the same budget must cover.

    Formal guarantees: `epsilon_for` of so many releases and of `beside` is at most `epsilon`,
    and that of one more is not.

    Raises:
        InvalidBudget: not even one fits, or `beside` alone spends the budget.
        InvalidInput: a rate outside (0, 1], or more than `MOST_STEPS` fit.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    release(noise_multiplier, 1, rate)
    others = as_tuple(beside)
    _check_room(others, epsilon, delta, relation)

    def estimated(count: int) -> bool:
        event = release(noise_multiplier, count, rate)
        return _estimated((*others, event), delta, relation) <= epsilon - _DOUBT

    def confirmed(count: int) -> bool:
        event = release(noise_multiplier, count, rate)
        return epsilon_on_grid((*others, event), delta, relation) <= epsilon

    mu = _exact_mu(epsilon, delta) / doubling(relation)
    guess = _typical_count(mu, noise_multiplier, rate)
    near = _greatest(estimated, guess, stride=max(guess // 8, 1))
    found = _greatest(confirmed, max(near, 1), stride=1)
    if found == 0:
        one = epsilon_on_grid((*others, release(noise_multiplier, 1, rate)), delta, relation)
        raise InvalidBudget(
            f"the budget allows no release with noise multiplier {noise_multiplier:g}",
            value=epsilon,
            bound=f"epsilon >= {one:.4g}, which one release spends",
            remedy=f"noise_multiplier={_enough(epsilon, delta, rate, relation, others)}",
        )
    if found >= MOST_STEPS:
        raise InvalidInput(
            "the budget allows more releases than are counted",
            value=f"noise_multiplier={noise_multiplier:g}",
            bound=f"at most {MOST_STEPS} releases",
            remedy=f"noise_multiplier={noise_multiplier / 2:g}",
        )
    return found


def _enough(
    epsilon: float, delta: float, rate: float, relation: Relation, others: tuple[Event, ...]
) -> str:
    """Noise that allows one release, rounded up."""
    noise = noise_multiplier_for(epsilon, delta, rate=rate, relation=relation, beside=others)
    digits = 3 - math.floor(math.log10(noise))
    return f"{math.ceil(noise * 10.0**digits) / 10.0**digits:.{max(digits, 0)}f}"


def _typical_count(mu: float, noise: float, rate: float) -> int:
    """Where a search begins: by the central limit theorem, which says too much."""
    each = noise**-2 if rate == 1 else rate**2 * math.expm1(min(noise**-2, 700.0))
    return min(max(int(min(mu**2 / each, 1e15)), 1), MOST_STEPS)


def _greatest(fits: Callable[[int], bool], start: int, *, stride: int) -> int:
    """Greatest count up to MOST_STEPS that fits, if all smaller ones do; 0 if none does."""
    low, high = 0, MOST_STEPS + 1
    if fits(start):
        low = start
        while low < MOST_STEPS:
            probe = min(low + stride, MOST_STEPS)
            if not fits(probe):
                high = probe
                break
            low, stride = probe, 2 * stride
    else:
        high = start
        while high > 1:
            probe = max(high - stride, 1)
            if fits(probe):
                low = probe
                break
            high, stride = probe, 2 * stride
    while high - low > 1 and low < MOST_STEPS:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
