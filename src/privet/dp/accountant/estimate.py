"""A fast estimate of what dp-accounting will say, by which calibrations find their way.

It is the same arithmetic on whole arrays: the hockey-stick divergence of one release on a grid
of losses, probabilities by "connect the dots" (Doroshenko et al. 2022, "Connect the dots:
tighter discrete approximations of privacy loss distributions", Algorithm 1), and composition by
a Fourier transform, each direction apart. No claim rests on it: what is reported is what
dp-accounting says about the noise or the steps that were found here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privet.claims.events import Event, PoissonGaussian
from privet.claims.guarantees import Relation
from privet.dp.accountant.spent import INTERVAL, joined_mu, sampled
from privet.dp.accountant.support import check_supported
from privet.errors import InvalidInput

Floats = NDArray[np.float64]
Direction = Literal["remove", "add", "replace"]

_TAIL = 1e-15
"""Mass that dp-accounting cuts off each composition, and counts as an infinite loss."""
_LOG_TAIL = -50.0
"""Log of the mass that it cuts off one release."""
_ORDERS = 2.0 ** np.arange(-4, 9)
"""Orders of the Chernoff bounds, over the deviation of what is bounded."""
_WIDER = 10
"""How much wider a grid may be that only tells how far losses reach."""
_MOST = 1 << 23
"""Points of the grid, beyond which an estimate would take longer than it saves."""


@dataclass(frozen=True)
class Losses:
    """Losses of one release: probability of each multiple of the grid from `first` on."""

    first: int
    masses: Floats
    infinite: float


def estimate_epsilon(
    events: Sequence[Event], delta: float, relation: Relation, interval: float = INTERVAL
) -> float:
    """What `epsilon_for` is about to say, to some 1e-8, in a twentieth of the time.

    Raises:
        Refused: a combination is not in `SUPPORT`.
        InvalidInput: the losses are too many for the grid.
    """
    for event in events:
        check_supported(relation, event.sampler)
    groups = [
        (e.noise_multiplier, e.rate, e.count)
        for e in events
        if isinstance(e, PoissonGaussian) and sampled(e)
    ]
    mu = joined_mu(events, relation)
    worst = 0.0
    for direction in _directions(relation, bool(groups)):
        parts = [(_losses(s, q, direction, interval), count) for s, q, count in groups]
        wide = [(_losses(s, q, direction, _WIDER * interval), count) for s, q, count in groups]
        if mu:
            parts.append((_losses(1 / mu, 1.0, "remove", interval), 1))
            wide.append((_losses(1 / mu, 1.0, "remove", _WIDER * interval), 1))
        if parts:
            reach = [_reach(losses, count, _WIDER * interval) for losses, count in wide]
            low, high = (sum(ends) for ends in zip(*reach, strict=True))
            cut = _TAIL * len(groups)
            worst = max(worst, _epsilon(parts, low, high, delta - cut, interval))
    return worst


def _directions(relation: Relation, samples: bool) -> tuple[Direction, ...]:
    if relation == "replace-one":
        return ("replace",)
    return ("remove", "add") if samples else ("remove",)


@lru_cache(maxsize=16)
def _losses(noise: float, rate: float, direction: Direction, interval: float) -> Losses:
    """One release on the grid: second differences of its divergence."""
    low, high = _ends(1 / noise, rate, direction)
    first, last = math.floor(low / interval), math.ceil(high / interval)
    if last - first > _MOST:
        raise InvalidInput(
            "one release's losses are too many for the grid",
            value=last - first,
            bound=f"at most {_MOST}",
        )
    losses = np.arange(first, last + 1, dtype=np.float64) * interval
    deltas = _divergence(losses, 1 / noise, rate, direction)
    deltas = np.minimum.accumulate(np.clip(deltas, 0, 1))
    steps = np.diff(deltas)
    growth = math.expm1(interval)
    masses = np.empty_like(deltas)
    masses[0] = 1 - deltas[0] + steps[0] / growth
    masses[1:-1] = (steps[1:] - steps[:-1] * math.exp(interval)) / growth
    masses[-1] = steps[-1] / math.expm1(-interval)
    return Losses(first, np.maximum(masses, 0), float(deltas[-1]))


def _ends(shift: float, rate: float, direction: Direction) -> tuple[float, float]:
    """Least and greatest loss that counts."""
    from scipy.special import ndtri

    furthest = -float(ndtri(0.5 * math.exp(_LOG_TAIL)))
    if direction == "replace":
        most = _loss(furthest + shift, shift, rate) - _loss(-furthest - shift, shift, rate)
        return -most, most
    if direction == "remove":
        return _loss(-furthest, shift, rate), _loss(furthest + shift, shift, rate)
    return -_loss(furthest + shift, shift, rate), -_loss(-furthest, shift, rate)


def _loss(place: float, shift: float, rate: float) -> float:
    """Loss of removal at a place, in deviations: log(1 - q + q e^(u z - u^2 / 2))."""
    exponent = shift * place - shift * shift / 2
    if rate >= 1:
        return exponent
    return float(np.logaddexp(math.log1p(-rate), math.log(rate) + exponent))


def _divergence(losses: Floats, shift: float, rate: float, direction: Direction) -> Floats:
    """sup over sets of P - e^loss Q, for each loss; P and Q are mixtures of N(k u, 1).

    "remove" compares (1 - q) N(0) + q N(u) with N(0), "add" the reverse, and "replace" with
    (1 - q) N(0) + q N(-u). The best set is a half line, which begins where the loss is met.
    """
    from scipy.special import log_ndtr, ndtr

    rest = 1 - rate
    if direction == "replace":
        half = np.abs(losses) / 2
        with np.errstate(divide="ignore", over="ignore"):
            lift = np.log(-np.expm1(-2 * half)) + half - math.log(2) + shift * shift / 2
            inverse = np.arcsinh(np.exp(np.minimum(lift + _log_odds(rate), 700.0)))
        z = np.sign(losses) * (inverse + half) / shift
        near, far = rest * ndtr(-z), rate * ndtr(shift - z)
        other = rest * ndtr(-z) + rate * ndtr(-shift - z)
        return np.asarray(near + far - np.exp(losses) * other)
    signed = losses if direction == "remove" else -losses
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = np.where(signed > 30, signed, np.log(np.maximum(np.expm1(signed) + rate, 0)))
        z = (lift - math.log(rate)) / shift + shift / 2
    if direction == "remove":
        return np.asarray(rest * ndtr(-z) + rate * ndtr(shift - z) - np.exp(losses + log_ndtr(-z)))
    return np.asarray(ndtr(z) - np.exp(losses) * (rest * ndtr(z) + rate * ndtr(z - shift)))


def _log_odds(rate: float) -> float:
    return math.log1p(-rate) - math.log(rate) if rate < 1 else -math.inf


def _reach(losses: Losses, count: int, interval: float) -> tuple[float, float]:
    """Losses between which `count` releases stay, but for a mass of _TAIL: a Chernoff bound."""
    places = (losses.first + np.arange(len(losses.masses))) * interval
    mean = float(places @ losses.masses)
    deviation = math.sqrt(max(float((places - mean) ** 2 @ losses.masses) * count, 1e-30))
    orders = _ORDERS / deviation
    signed = np.concatenate([orders, -orders])[:, None] * places
    most = signed.max(axis=1)
    logs = np.log(np.exp(signed - most[:, None]) @ losses.masses) + most
    bounds = (count * logs.reshape(2, -1) + math.log(2 / _TAIL)) / orders
    return (
        max(-float(bounds[1].min()), count * float(places[0])),
        min(float(bounds[0].min()), count * float(places[-1])),
    )


def _epsilon(
    parts: Sequence[tuple[Losses, int]], low: float, high: float, delta: float, interval: float
) -> float:
    """Epsilon of a composition whose losses lie between `low` and `high`."""
    from scipy.fft import irfft, next_fast_len, rfft

    first, last = math.floor(low / interval), math.ceil(high / interval)
    size = next_fast_len(last - first + 1, real=True)
    if size > _MOST:
        raise InvalidInput(
            "the losses are too many for the grid", value=size, bound=f"at most {_MOST}"
        )
    spectrum = reduce(np.multiply, (rfft(_folded(p.masses, size)) ** count for p, count in parts))
    origin = sum(losses.first * count for losses, count in parts)
    masses = np.roll(irfft(spectrum, size), origin - first)
    infinite = -sum(math.expm1(count * math.log1p(-p.infinite)) for p, count in parts)
    begin = min(max(-first, 0), size)
    places = (first + np.arange(begin, size)) * interval
    return _least_epsilon(places, masses[begin:], infinite, delta)


def _folded(masses: Floats, size: int) -> Floats:
    """The masses, those beyond `size` wrapped around."""
    rows = -(-len(masses) // size)
    padded: Floats = np.pad(masses, (0, rows * size - len(masses)))
    return np.asarray(padded.reshape(rows, size).sum(axis=0))


def _least_epsilon(places: Floats, masses: Floats, infinite: float, delta: float) -> float:
    """Least epsilon >= 0 with infinite + sum of masses (1 - e^(epsilon - place))+ <= delta."""
    if infinite > delta:
        return math.inf
    upper = infinite + np.cumsum(masses[::-1])[::-1]
    lower = np.cumsum((masses * np.exp(-places))[::-1])[::-1]
    # Delta at each place counts what lies above it; where it is too great, epsilon lies above.
    after, below = np.append(upper[1:], infinite), np.append(lower[1:], 0.0)
    above = np.flatnonzero(after - np.exp(places) * below > delta)
    begin = int(above[-1]) + 1 if len(above) else 0
    if begin >= len(places) or upper[begin] - lower[begin] <= delta:
        return 0.0
    return max(0.0, math.log((upper[begin] - delta) / lower[begin]))
