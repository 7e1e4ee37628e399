"""What a sequence of private releases adds up to, and the noise that a budget allows.

One table, `SUPPORT`, maps relation x sampler x accountant to supported or refused. All figures
come from privacy loss distributions (PLD) of the package dp-accounting, pessimistic estimate,
with two parts of our own around them:

* Gaussians that see every unit are collapsed into one before any discretisation: mechanisms
  with noise multipliers s_i compose exactly to one with mu^2 = sum 1 / s_i^2 (Dong, Roth & Su
  2019, "Gaussian differential privacy", Cor. 3.3). This is an identity, not the central limit
  approximation, which under-reports and is refused.
* Calibrations are cached, and the noise they give is rounded up until the PLD itself confirms
  the budget.

Under "replace-one" a unit's leaving and another's coming both count, so the sensitivity doubles;
that factor is applied here, once, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from privet.claims.events import SAMPLERS, Event, Gaussian, PoissonGaussian
from privet.claims.guarantees import RELATIONS, Relation
from privet.errors import InvalidBudget, Refused, fraction, one_of, positive

ACCOUNTANTS = ("pld", "rdp", "clt")
INTERVAL = 1e-4
"""Width of the PLD's grid of privacy losses."""
ROUGH = 10 * INTERVAL
"""Width of the grid on which a calibration looks for the neighbourhood of its answer."""
LARGEST = 16.0
"""Greatest epsilon that is put to use. Noise on a grid costs delta in proportion to e^epsilon."""
SLACK = 1e-6
"""How far below a budget a calibrated epsilon may stay."""


Events = Event | Sequence[Event]

MECHANISM, GRID = "mechanism", "noise on a grid"
"""Parts of delta: of the releases as continuous noise, and what discrete noise adds to it."""


@dataclass(frozen=True)
class Support:
    """Whether a combination may be accounted, and if not, why."""

    supported: bool
    reason: str = ""


_NO = {
    "rdp": "Renyi bounds are looser, and some libraries scale them by another sensitivity",
    "clt": "the central limit approximation reports less than was spent",
    "fixed-size": "batches of a fixed size are not independent draws of each unit",
    "shuffled": "shuffled batches are not independent draws of each unit",
    "truncated-poisson": "cutting a sample off at a size makes the draws dependent",
}


def _support(relation: str, sampler: str, accountant: str) -> Support:
    if accountant != "pld":
        return Support(False, _NO[accountant])
    if sampler in _NO:
        return Support(False, _NO[sampler])
    return Support(True)


SUPPORT: dict[tuple[str, str, str], Support] = {
    (relation, sampler, accountant): _support(relation, sampler, accountant)
    for relation in RELATIONS
    for sampler in SAMPLERS
    for accountant in ACCOUNTANTS
}
"""The one table: (relation, sampler, accountant) -> supported or refused."""


def check_supported(relation: str, sampler: str, accountant: str = "pld") -> None:
    """Return if the combination is accounted soundly.

    Raises:
        Refused: it is not, with the reason of the table.
        InvalidInput: no such relation, sampler or accountant.
    """
    one_of(RELATIONS, relation=relation)
    one_of(SAMPLERS, sampler=sampler)
    one_of(ACCOUNTANTS, accountant=accountant)
    support = SUPPORT[relation, sampler, accountant]
    if not support.supported:
        raise Refused(
            f"{sampler} sampling under {relation} is not accounted by {accountant}: "
            f"{support.reason}",
            bound='sampler "every-unit" or "poisson" with accountant "pld"',
        )


def check_budget(epsilon: float, delta: float, units: int) -> None:
    """Return if (epsilon, delta) is a meaningful budget for so many units.

    Raises:
        InvalidBudget: epsilon is not finite and positive, or delta not in (0, 1 / units): at
            1 / units, releasing one unit in the clear would satisfy the definition.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    if delta >= 1 / units:
        raise InvalidBudget(
            "delta must be below 1 over the number of privacy units",
            value=delta,
            bound=f"0 < delta < {1 / units:.3g}",
            remedy=f"delta={default_delta(units):.2g}",
        )


def default_delta(units: int) -> float:
    """Delta for so many public units: 1 / units^1.1, which is below 1 / units."""
    return 0.5 if units < 2 else float(units) ** -1.1


def split_delta(epsilon: float, delta: float, draws: int, **parts: float) -> dict[str, float]:
    """Delta in named parts: other `parts`, what noise on a grid costs, the rest "mechanism".

    Args:
        epsilon, delta: the claim.
        draws: noise values drawn in all releases (`mechanisms.discretisation_delta`).
        parts: what is taken off beforehand, by name.

    Raises:
        InvalidBudget: nothing is left for the mechanism.
    """
    from privet.dp.mechanisms import discretisation_delta

    taken = {**parts, GRID: discretisation_delta(draws, epsilon)}
    left = delta - sum(taken.values())
    if left <= delta / 2:
        raise InvalidBudget(
            "delta is too small for this epsilon and so many noise values",
            value=delta,
            bound=f"delta > {2 * sum(taken.values()):.3g}",
            remedy="a larger delta, a smaller epsilon, or fewer steps",
        )
    return {MECHANISM: left, **taken}


def accountant_name() -> str:
    """Name and version of the accountant, for the guarantee."""
    from importlib.metadata import version

    return f"PLD, dp-accounting {version('dp-accounting')}, Gaussians collapsed exactly"


def gaussian_delta(mu: float, epsilon: float) -> float:
    """Smallest delta of one Gaussian release with sensitivity / deviation = mu.

    Balle & Wang 2018, "Improving the Gaussian mechanism", Theorem 8.
    """
    from scipy.special import log_ndtr, ndtr

    tail = math.exp(min(epsilon + float(log_ndtr(-epsilon / mu - mu / 2)), 0.0))
    return float(ndtr(mu / 2 - epsilon / mu)) - tail


def _as_tuple(events: Events) -> tuple[Event, ...]:
    return (events,) if isinstance(events, Gaussian) else tuple(events)


def _doubling(relation: Relation) -> float:
    return 2.0 if relation == "replace-one" else 1.0


def epsilon_for(event: Events, delta: float, relation: Relation = "zero-out") -> float:
    """The epsilon that one event or a sequence of events spends at this delta.

    Args:
        event: one event or a sequence of them, adaptively composed.
        delta: in (0, 1).
        relation: which data sets are neighbours.

    Formal guarantees: an upper bound on the epsilon of the composition: every discretisation
    rounds towards more loss, and the directions of adding and removing are composed apart, the
    greater taken last (dp-accounting does both). Under "zero-out" a unit's contribution is
    replaced by exactly 0, so the distributions are those of removal.

    Raises:
        InvalidBudget: delta is outside (0, 1).
        Refused: the combination is not in `SUPPORT`.
    """
    fraction(delta=delta)
    return _epsilon(_as_tuple(event), float(delta), relation)


@lru_cache(maxsize=4096)
def _epsilon(
    events: tuple[Event, ...], delta: float, relation: Relation, interval: float = INTERVAL
) -> float:
    for event in events:
        check_supported(relation, event.sampler)
    composed = _loss_distribution(events, relation, interval)
    # dp-accounting answers 0 when delta covers everything; a tiny negative is rounding.
    return max(0.0, float(composed.get_epsilon_for_delta(delta)))


def _loss_distribution(events: tuple[Event, ...], relation: Relation, interval: float) -> Any:
    from dp_accounting.pld import privacy_loss_distribution as pld
    from dp_accounting.privacy_accountant import NeighboringRelation

    parts = []
    squared = sum(e.count / e.noise_multiplier**2 for e in events if not _sampled(e))
    if squared:
        deviation = 1 / math.sqrt(squared) / _doubling(relation)
        parts.append(pld.from_gaussian_mechanism(deviation, value_discretization_interval=interval))
    # The library doubles the sensitivity of a sampled Gaussian under REPLACE_ONE itself.
    neighbours = (
        NeighboringRelation.REPLACE_ONE
        if relation == "replace-one"
        else NeighboringRelation.ADD_OR_REMOVE_ONE
    )
    for event in events:
        if _sampled(event):
            assert isinstance(event, PoissonGaussian)
            one = pld.from_gaussian_mechanism(
                event.noise_multiplier,
                value_discretization_interval=interval,
                sampling_prob=event.rate,
                neighboring_relation=neighbours,
            )
            parts.append(one.self_compose(event.count))
    if not parts:
        return pld.identity(value_discretization_interval=interval)
    total = parts[0]
    for part in parts[1:]:
        total = total.compose(part)
    return total


def _sampled(event: Event) -> bool:
    return isinstance(event, PoissonGaussian) and event.rate < 1


@lru_cache(maxsize=1024)
def mu_for(epsilon: float, delta: float, relation: Relation = "zero-out") -> float:
    """The greatest mu (sensitivity of one unit over noise) that Gaussians may use in all.

    Spend mu^2 in parts: a release with noise multiplier s takes 1 / s^2 of it.

    Raises:
        InvalidBudget: epsilon or delta cannot be guaranteed.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    low, high = 0.0, 1.0
    while gaussian_delta(high, epsilon) < delta and high < 1e6:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if gaussian_delta(middle, epsilon) <= delta else (low, middle)
    exact = low / _doubling(relation)
    # The PLD is pessimistic by up to its grid, so a little less is allowed than the theorem says.
    for doubling in range(26):
        mu = exact * (1 - 1e-9 * 2.0**doubling)
        if mu > 0 and epsilon_for(Gaussian(1 / mu), delta, relation) <= epsilon:
            return mu
    raise InvalidBudget(
        "the accountant cannot confirm any noise for so small a budget",
        value=f"epsilon={epsilon!r}, delta={delta!r}",
        bound="epsilon of at least 1e-4 and delta of at least 1e-15, the accountant's resolution",
        remedy=f"epsilon={max(epsilon, 0.01):g}, delta={max(delta, 1e-12):.2g}",
    )


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

    Raises:
        InvalidBudget: no noise is enough: `beside` alone spends the budget.
    """
    positive(epsilon=epsilon)
    fraction(delta=delta)
    return _noise_multiplier(
        float(epsilon), float(delta), count, float(rate), relation, _as_tuple(beside)
    )


@lru_cache(maxsize=1024)
def _noise_multiplier(
    epsilon: float,
    delta: float,
    count: int,
    rate: float,
    relation: Relation,
    beside: tuple[Event, ...],
) -> float:
    def spent(noise: float, interval: float = INTERVAL) -> float:
        event: Event = (
            Gaussian(noise, count) if rate >= 1 else PoissonGaussian(noise, count, rate=rate)
        )
        return _epsilon((*beside, event), delta, relation, interval)

    def roughly(noise: float) -> float:
        return spent(noise, ROUGH)

    if beside and _epsilon(beside, delta, relation) >= epsilon:
        raise InvalidBudget(
            "the releases beside the training already spend the budget",
            value=epsilon,
            bound=f"epsilon > {_epsilon(beside, delta, relation):.4g}",
        )
    # What every-unit sampling would need is enough for any rate.
    high = math.sqrt(count) / mu_for(epsilon, delta, relation)
    if epsilon > 100 * ROUGH and roughly(high) <= epsilon:
        # A wider grid is ten times as fast, and its answer a little more noise than needed.
        high = _least(roughly, epsilon, high)
    while spent(high) > epsilon:
        high *= 1.25
    return _least(spent, epsilon, high, stride=0.001)


def _least(
    spent: Callable[[float], float], epsilon: float, high: float, stride: float = 0.2
) -> float:
    """Smallest noise with spent(noise) <= epsilon, by false position on log-log scale.

    `spent` falls in the noise. The answer is always a noise that was tried and found to fit.
    The first noise below `high` that is tried is `stride` of it less.
    """
    at_high = spent(high)
    low, at_low = high, at_high
    while at_low <= epsilon:
        if epsilon - at_low <= SLACK:
            return low
        high, at_high = low, at_low
        low *= 1 - stride
        stride = min(2 * stride, 0.5)
        at_low = spent(low)
        if low < 1e-3:
            return high
    for turn in range(60):
        if epsilon - at_high <= SLACK or high / low - 1 < 1e-9:
            break
        share = math.log(at_low / epsilon) / math.log(at_low / at_high) if at_high > 0 else 0.5
        # Every third turn halves, so that a curved log-log line cannot stall one end.
        share = 0.5 if turn % 3 == 2 else min(max(share, 0.01), 0.99)
        middle = low * (high / low) ** share
        at_middle = spent(middle)
        if at_middle <= epsilon:
            high, at_high = middle, at_middle
        else:
            low, at_low = middle, at_middle
    return high
