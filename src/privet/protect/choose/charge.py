"""What a released comparison guarantees: the fits and the noisy scores, as one claim.

The fits claim what each of them claims alone; the scores get what is left of the budget. The
argument: proofs/released-comparison.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from privet.claims import DPGuarantee, Guarantee, Sight
from privet.claims.events import Event, Gaussian
from privet.dp import accounting
from privet.dp.clipping import SHRINK, check_grid
from privet.dp.mechanisms import Grid
from privet.errors import InvalidBudget, Refused
from privet.protect.base import Facts
from privet.protect.choose.release import central

FINEST, WIDEST = 0.001, 0.03
"""Standard deviations of the noise on a score, as shares of its range: none is made finer than
the one, whatever is left, and none wider than the other, which tells protections from nothing."""
_LEAST_MU = 0.001
SPARE = "the fits' noise on a grid"


@dataclass(frozen=True)
class Charge:
    """What is claimed, and the noise that makes it true.

    Attributes:
        guarantee: of everything released.
        scale: standard deviation of the noise on each part of the sum of scores.
    """

    guarantee: DPGuarantee
    scale: float


@dataclass(frozen=True)
class Tally:
    """The public shape of the sum that is released.

    Attributes:
        size: how many parts it has.
        sensitivity: greatest Euclidean norm of what one unit adds.
        units: how many privacy units there are.
    """

    size: int
    sensitivity: float
    units: int

    @property
    def clip(self) -> float:
        """The sensitivity, with room for rounding to the noise's grid."""
        return self.sensitivity / SHRINK

    def noise(self, deviation: float) -> float:
        """The noise multiplier with which a score has this standard deviation."""
        return deviation * self.units / self.clip


def check(label: str, guarantee: Guarantee, facts: Facts) -> DPGuarantee:
    """The claim of one fit, if it can be a part of a release.

    Raises:
        Refused: it is not central differential privacy under zero-out whose releases are named.
    """
    claim = central(guarantee)
    if claim is None:
        raise Refused(
            f"{label} guarantees nothing about its model, so its score cannot be released",
            bound="central differential privacy",
            remedy="protections=[pv.Private(epsilon=1.0)]",
        )
    if claim.relation != "zero-out" or claim.unit != facts.unit:
        raise Refused(
            f"the folds of a released comparison count on places that stay, and {label} does not",
            value=f"{claim.relation}, per {claim.unit}",
            bound=f"zero-out, per {facts.unit}",
            remedy='pv.Private(epsilon=1.0, relation="zero-out")',
        )
    known = {accounting.MECHANISM, accounting.GRID, "bounds"}
    # The releases of the bounds come first, and are taken off the fits: they happened once.
    before = () if facts.bounds_claim is None else facts.bounds_claim.releases
    counted = claim.events[: len(before)] == before and len(claim.events) > len(before)
    if not counted or set(claim.delta_split) - known:
        raise Refused(f"{label} does not name its releases, so they cannot be added up",
                      value=claim.accountant, bound="events and delta_split of its guarantee",
                      remedy="protections=[pv.Private(epsilon=1.0)]")
    return claim


def charge(
    claims: Sequence[DPGuarantee],
    facts: Facts,
    tally: Tally,
    *,
    times: int,
    epsilon: float,
    delta: float,
    secret: bool = True,
) -> Charge:
    """Fit the noise of the scores into what the fits leave of (epsilon, delta).

    Args:
        claims: of one fit under each protection.
        facts: of all rows.
        tally: the sum that is released.
        times: how many fits of each one unit takes part in.
        epsilon, delta: for everything together; what exceeds 16 is not used.
        secret: False where the noise of the scores comes from a seed.

    Raises:
        InvalidBudget: it is too little; the message says how much would be enough.
    """
    accounting.check_budget(epsilon, delta, tally.units)
    before = facts.bounds_claim
    spent, lost = (0.0, 0.0) if before is None else (before.epsilon, before.delta)
    fits = _fits(claims, 0 if before is None else len(before.releases), times)
    total = min(epsilon, accounting.LARGEST)
    split = _split(claims, tally, times, max(total - spent, 0.0), delta - lost)
    mechanism = split[accounting.MECHANISM]
    widest = Gaussian(tally.noise(WIDEST), 1)
    least = spent + accounting.epsilon_for([*fits, widest], mechanism)
    if least > total:
        raise _too_little(epsilon, least, times)
    scores = Gaussian(
        _noise(fits, tally, total - spent, mechanism), 1, "scores on held-out units"
    )
    check_grid(size=tally.size, noise_multiplier=scores.noise_multiplier, count=tally.units)
    events = (*(() if before is None else before.releases), *fits, scores)
    used = spent + accounting.epsilon_for([*fits, scores], mechanism)
    guarantee = DPGuarantee(
        epsilon=used,
        delta=delta,
        unit=facts.unit,
        relation="zero-out",
        accountant=accounting.accountant_name(),
        events=events,
        delta_split=split if before is None else {**split, "bounds": lost},
        secret_noise=secret and all(claim.secret_noise for claim in claims),
        provenance=(f"bounds from {facts.bounds_from}", *facts.provenance),
        sights=_SIGHTS,
        # What the fits assume is assumed of the whole.
        assumptions=tuple(
            dict.fromkeys((*_ASSUMPTIONS, *(a for claim in claims for a in claim.assumptions)))
        ),
        checks=_checks([*fits, scores], mechanism),
    )
    return Charge(guarantee, Grid(tally.clip * scores.noise_multiplier).scale)


_SIGHTS = (
    Sight("curator", "all rows and all models in the clear, on its own machine", protected=False),
    Sight("whoever gets the comparison", "scores with calibrated noise", protected=True),
)
_ASSUMPTIONS = (
    "the curator who runs the comparison is trusted and keeps the rows to itself",
    "the number of privacy units is public; folds come from it and from a public seed alone",
    "how long the run takes is not observed",
)


def _fits(claims: Sequence[DPGuarantee], found_before: int, times: int) -> list[Event]:
    """The releases of all fits that one unit is in; those of the bounds happened once."""
    counts = Counter(event for claim in claims for event in claim.events[found_before:])
    return [replace(event, count=event.count * many * times) for event, many in counts.items()]


def _split(
    claims: Sequence[DPGuarantee], tally: Tally, times: int, epsilon: float, delta: float
) -> dict[str, float]:
    # What noise on a grid adds grows with 1 + e^epsilon. The claims counted it at an epsilon of 0
    # or more, and it has to be counted at that of all releases together.
    drawn = times * sum(claim.delta_split.get(accounting.GRID, 0.0) for claim in claims)
    fits = drawn * (1 + math.exp(epsilon)) / 2
    split = accounting.split_delta(epsilon, delta, tally.size, **{SPARE: fits})
    split[accounting.GRID] += split.pop(SPARE)
    return split


def _noise(fits: Sequence[Event], tally: Tally, epsilon: float, delta: float) -> float:
    """The noise multiplier of the scores: what is left, but no finer than anyone needs."""
    finest = min(tally.noise(FINEST), 1 / _LEAST_MU)
    if all(type(event) is Gaussian for event in fits):
        # Gaussians on every unit add up exactly as mu squared, so that none has to be searched.
        taken = sum(event.count / event.noise_multiplier**2 for event in fits)
        left = accounting.mu_for(epsilon, delta) ** 2 * (1 - 1e-12) - taken
        fitting = 1 / math.sqrt(left) if left > 0 else math.inf
    elif accounting.epsilon_for([*fits, Gaussian(finest, 1)], delta) <= epsilon:
        return finest
    else:
        fitting = accounting.noise_multiplier_for(epsilon, delta, beside=list(fits))
    return min(max(fitting, finest), tally.noise(WIDEST))  # the widest was found to fit


def _too_little(epsilon: float, least: float, times: int) -> InvalidBudget:
    digits = 2 - math.floor(math.log10(least))
    enough = math.ceil(least * 1.001 * 10**digits) / 10**digits
    if least * 1.001 >= accounting.LARGEST:
        return InvalidBudget(
            "so many fits, and scores of so few units, cannot be released together",
            value=epsilon, bound=f"they come to epsilon {least:.3g}, and at most "
            f"{accounting.LARGEST:g} is put to use",
            remedy="fewer and smaller epsilons, fewer splits, or more rows",
        )
    return InvalidBudget(
        f"releasing costs more: each unit is in {times} fits of every protection, and the scores "
        "need some noise of their own",
        value=epsilon,
        bound=f"epsilon >= {enough:g} for these; less with fewer or smaller epsilons, or fewer "
        "splits",
        remedy=f"release={enough:g}",
    )


def _checks(events: Sequence[Event], delta: float) -> tuple[str, ...]:
    built = ", ".join(map(repr, events))
    return (
        "from privet.dp.accounting import epsilon_for; "
        "from privet.claims import Gaussian, PoissonGaussian; "
        f"epsilon_for([{built}], {delta!r}, 'zero-out')",
        "the noise multiplier of an event is its deviation over the most that one unit adds",
    )
