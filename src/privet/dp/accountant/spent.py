"""What releases spend: by the loss distributions of dp-accounting, and by closed forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.claims.guarantees import RELATIONS, Relation
from privet.dp.accountant.support import check_supported
from privet.errors import Refused, fraction, one_of

INTERVAL = 1e-4
"""Width of the PLD's grid of privacy losses."""

Events = Event | Sequence[Event]


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


def as_tuple(events: Events) -> tuple[Event, ...]:
    """One event or several, as a tuple that caches can keep."""
    return (events,) if isinstance(events, Gaussian) else tuple(events)


def doubling(relation: Relation) -> float:
    """How much further apart neighbours lie than by one unit's contribution."""
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
    return epsilon_on_grid(as_tuple(event), float(delta), relation)


@lru_cache(maxsize=4096)
def epsilon_on_grid(
    events: tuple[Event, ...], delta: float, relation: Relation, interval: float = INTERVAL
) -> float:
    """`epsilon_for` on a grid of privacy losses of this width."""
    for event in events:
        check_supported(relation, event.sampler)
    composed = _loss_distribution(events, relation, interval)
    # dp-accounting answers 0 when delta covers everything; a tiny negative is rounding.
    return max(0.0, float(composed.get_epsilon_for_delta(delta)))


def _loss_distribution(events: tuple[Event, ...], relation: Relation, interval: float) -> Any:
    from dp_accounting.pld import privacy_loss_distribution as pld
    from dp_accounting.privacy_accountant import NeighboringRelation

    parts = []
    mu = joined_mu(events, relation)
    if mu:
        parts.append(pld.from_gaussian_mechanism(1 / mu, value_discretization_interval=interval))
    # The library doubles the sensitivity of a sampled Gaussian under REPLACE_ONE itself.
    neighbours = (
        NeighboringRelation.REPLACE_ONE
        if relation == "replace-one"
        else NeighboringRelation.ADD_OR_REMOVE_ONE
    )
    for event in events:
        if sampled(event):
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


def sampled(event: Event) -> bool:
    """True if the event sees a sample, not every unit."""
    return isinstance(event, PoissonGaussian) and event.rate < 1


def joined_mu(events: Sequence[Event], relation: Relation) -> float:
    """Sensitivity over noise of the one Gaussian that those on every unit amount to; 0 for none."""
    squared = sum(e.count / e.noise_multiplier**2 for e in events if not sampled(e))
    return doubling(relation) * math.sqrt(squared)


def rho_for(events: Events, relation: Relation = "zero-out") -> float:
    """The rho of zero-concentrated differential privacy that Gaussians on every unit spend.

    rho = mu^2 / 2, where mu^2 is the sum of (sensitivity / deviation)^2 (Bun & Steinke 2016,
    "Concentrated differential privacy", Prop. 1.6 and Lemma 1.7). For these releases it is
    exact; to turn it into epsilon use `epsilon_for`, which is tighter than rho's own bound.

    Raises:
        Refused: one of them sees a sample, for which no rho is both valid and near the truth.
        InvalidInput: no such relation.
    """
    one_of(RELATIONS, relation=relation)
    for event in as_tuple(events):
        check_supported(relation, event.sampler)
        if sampled(event):
            raise Refused(
                f"rho is not stated for releases on samples: {event}",
                bound="releases on every unit",
                remedy="privet.dp.accounting.epsilon_for(events, delta)",
            )
    return joined_mu(as_tuple(events), relation) ** 2 / 2
