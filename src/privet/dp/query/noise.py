"""What an answer costs, and the noise that makes it private.

All measures of all groups are one vector of whole numbers. Each measure gets Gaussian noise in
proportion to the most that one unit changes it; the budget, as mu^2 (Dong, Roth & Su 2019,
Cor. 3.3), is split equally over measures. Keys found in the data are released only where the
noisy number of units passes a threshold that one unit alone passes with probability delta
(Korolova, Kenthapadi, Mishra & Ntoulas 2009; Wilson et al. 2020, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.claims.events import Event, Gaussian
from privet.claims.guarantees import Relation
from privet.dp import accounting
from privet.dp.discrete import discrete_gaussian
from privet.dp.query.plan import Plan
from privet.entropy import Stream
from privet.errors import InvalidBudget

SIGMA = 2**40
"""Standard deviation of the integers that are drawn; a step is cut into so many parts that the
noise on it has this deviation."""
KEYS = "keys by threshold"
KEYS_SHARE = 0.25


@dataclass(frozen=True)
class Scale:
    """Noise of one measure.

    Attributes:
        parts: into how many parts a step is cut; 0 for no noise.
    """

    parts: int

    @property
    def deviation(self) -> float:
        """Standard deviation in steps; 0 for what is public."""
        return SIGMA / self.parts if self.parts else 0.0


@dataclass(frozen=True)
class Noise:
    """All noise of one answer.

    Attributes:
        scales: one for each measure.
        threshold: in units; None where keys are known.
    """

    scales: tuple[Scale, ...]
    threshold: float | None = None


@dataclass(frozen=True)
class Charge:
    """What answers cost together, and the noise of each.

    Attributes:
        noises: one for each plan.
        events: the releases, as the accountant adds them up.
        delta_split: named parts of delta.
        epsilon, delta: that are claimed; 0 where everything asked is public.
    """

    noises: tuple[Noise, ...]
    events: tuple[Event, ...]
    delta_split: dict[str, float]
    epsilon: float
    delta: float


def charged(
    plans: Sequence[Plan], *, epsilon: float, delta: float, relation: Relation
) -> Charge:
    """The least noise with which plans together stay within the budget.

    Statements have equal parts of mu^2, and within a statement measures have. Of delta, a
    quarter goes to keys that are found in the data, in equal parts of the statements that have
    such keys.

    Raises:
        InvalidBudget: no noise is enough, or so much that it hides everything.

    Formal guarantees: under the relation, everything released is (epsilon, delta)-DP for a unit,
    if `Measure.sensitivity` holds before noise (proofs/bounded-queries.md).
    """
    private = [plan for plan in plans if not plan.exact]
    if not private:
        return Charge(tuple(_exact(plan) for plan in plans), (), {}, 0.0, 0.0)
    epsilon = min(epsilon, accounting.LARGEST)
    # Under replace-one, both units' numbers move, and both may bring keys.
    both = 2 if relation == "replace-one" else 1
    draws = both * sum(m.draws(p.caps, p.known) for p in private for m in p.measures)
    searching = sum(plan.known is None for plan in private)
    parts = {KEYS: delta * KEYS_SHARE} if searching else {}
    split = accounting.split_delta(epsilon, delta, draws, **parts)
    mu = accounting.mu_for(epsilon, split[accounting.MECHANISM], relation)
    noises, events = [], []
    for plan in plans:
        if plan.exact:
            noises.append(_exact(plan))
            continue
        multiplier = math.sqrt(len(private) * len(plan.measures)) / mu * (1 + 1e-12)
        keys = split[KEYS] / both / searching if plan.known is None else None
        noises.append(_noise(plan, multiplier, keys))
        events += [Gaussian(multiplier, 1, measure.what) for measure in plan.measures]
    return Charge(tuple(noises), tuple(events), split, epsilon, delta)


def _exact(plan: Plan) -> Noise:
    return Noise(tuple(Scale(0) for _ in plan.measures))


def _noise(plan: Plan, multiplier: float, keys: float | None) -> Noise:
    scales = tuple(
        _scale(multiplier * m.sensitivity(plan.caps, plan.known)) for m in plan.measures
    )
    if keys is None or plan.threshold_by is None:
        return Noise(scales)
    deviation = scales[plan.threshold_by].deviation
    return Noise(scales, threshold_for(deviation, keys, plan.caps.touched(None)))


def _scale(deviation: float) -> Scale:
    parts = math.floor(SIGMA / (deviation * (1 + 1e-12)))
    if parts < 1:
        raise InvalidBudget(
            "so small a budget needs noise beyond the grid on which it is drawn",
            value=deviation, bound=f"a deviation of at most {SIGMA:.3g} steps",
            remedy="a larger epsilon, or fewer aggregates in one statement",
        )
    return Scale(parts)


def threshold_for(deviation: float, delta: float, keys: int) -> float:
    """The noisy number of units from which on a key is released.

    One unit alone brings up to `keys` keys into the data, each of which passes with probability
    at most p = 1 - (1 - delta)^(1 / keys): the threshold is 1 + deviation * z, where a normal
    variable passes z with probability p.
    """
    from scipy.special import ndtri

    p = -math.expm1(math.log1p(-delta) / keys)
    return (1.0 - deviation * float(ndtri(p))) * (1 + 1e-9)


def noisy(totals: Sequence[int], scale: Scale, stream: Stream) -> list[int]:
    """Whole numbers of parts: totals times `scale.parts`, plus discrete Gaussian noise."""
    if not scale.parts:
        return [int(total) for total in totals]
    draws = discrete_gaussian(len(totals), stream=stream, sigma=SIGMA)
    return [int(total) * scale.parts + int(z) for total, z in zip(totals, draws, strict=True)]


def noisy_levels(levels: Sequence[Any], scale: Scale, stream: Stream) -> list[Any]:
    """The same for the counts of a tree, (cells,) each, as float64 in rows."""
    found = (noisy(level.tolist(), scale, stream) for level in levels)
    return [np.array([count / scale.parts for count in level], np.float64) for level in found]
