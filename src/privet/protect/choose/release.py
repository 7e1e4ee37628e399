"""What it would cost to release a comparison: an honest line for its reader.

The scores are exact functions of private rows, so releasing them has no finite epsilon
whatever the models guarantee. The fits behind them compose like any other releases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from privet.claims import DPGuarantee, Guarantee, JointGuarantee
from privet.data.types import BoundsClaim

_HONEST = (
    "For the curator only: these scores are exact, un-noised functions of private rows, so "
    "releasing them has no finite epsilon."
)


def central(guarantee: Guarantee) -> DPGuarantee | None:
    """The central DP part of a claim; None where there is none."""
    if isinstance(guarantee, DPGuarantee):
        return guarantee
    if isinstance(guarantee, JointGuarantee):
        found = (central(part) for part in guarantee.parts)
        return next((part for part in found if part is not None), None)
    return None


def composed(
    claims: Sequence[DPGuarantee], before: BoundsClaim | None = None
) -> tuple[float, float] | None:
    """(epsilon, delta) that all these releases compose to at most.

    Args:
        claims: of all fits.
        before: the private release of the bounds that each of them adds to its own claim; it
            happened once, and is counted once.

    # Formal guarantees
    * For releases that are (e_i, d_i)-DP for the same unit and relation, chosen adaptively or
      not, the pair holds for all of them together. Where each claim names its releases, epsilon
      is that of all these releases at the greatest of the d_i, which like each of them is below
      1 / units. Else delta is 2 * sum(d_i), which may not be, and epsilon the smaller of two
      valid ones: basic composition (Dwork & Roth 2014, Theorem 3.16), and the optimal composition
      of (e, d)-mechanisms (Kairouz, Oh & Viswanath 2015, Theorem 3.3) through their dominating
      privacy loss distributions, rounded pessimistically.
    * Nothing is said about un-noised scores, nor about splits that are drawn by looking at
      labels: the pair counts the splits as fixed.

    Returns:
        The pair; None for no release, or releases of different units or relations.
    """
    if not claims or len({(claim.unit, claim.relation) for claim in claims}) > 1:
        return None
    delta = min(2 * sum(claim.delta for claim in claims), 1.0)
    basic = sum(claim.epsilon for claim in claims)
    if not 0 < delta < 1:
        return basic, delta
    least = min(basic, _optimal(claims, delta))
    if before is None:
        return _of_events(claims, least, max(claim.delta for claim in claims)) or (least, delta)
    own = [_without(claim, before) for claim in claims]
    pair = _of_events(own, least, max(claim.delta for claim in own))
    # Sequential composition (Dwork & Roth 2014, Theorem 3.16) with the bounds.
    return (least, delta) if pair is None else (pair[0] + before.epsilon, pair[1] + before.delta)


def _without(claim: DPGuarantee, before: BoundsClaim) -> DPGuarantee:
    """The claim of the fit alone; one that names no releases if the bounds are not its first."""
    count, split = len(before.releases), dict(claim.delta_split)
    first = claim.events[:count] == before.releases and split.pop("bounds", None) is not None
    return replace(
        claim,
        epsilon=max(claim.epsilon - before.epsilon, 0.0),
        delta=sum(split.values()) if first else claim.delta,
        events=claim.events[count:] if first else (),
        delta_split=split if first else {},
    )


def _of_events(
    claims: Sequence[DPGuarantee], guess: float, delta: float
) -> tuple[float, float] | None:
    """The pair of all releases that the claims name, at delta; None if some name none."""
    from privet.dp.accounting import GRID, MECHANISM, epsilon_for

    if any(not claim.events or set(claim.delta_split) != {MECHANISM, GRID} for claim in claims):
        return None
    counts = Counter(event for claim in claims for event in claim.events)
    events = [replace(event, count=event.count * times) for event, times in counts.items()]
    drawn = sum(claim.delta_split[GRID] for claim in claims)
    pair = None
    for _ in range(8):
        # What noise on a grid adds grows with 1 + e^epsilon. It was counted at an epsilon of 0
        # or more, and now has to be counted at one that all of them together do not exceed.
        grid = drawn * (1 + math.exp(min(guess, 700))) / 2
        if grid >= delta:
            return pair
        found = epsilon_for(events, delta - grid, claims[0].relation)
        if found > guess:
            guess = 1.01 * found
            continue
        pair, near = (found, delta), guess - found < 1e-3 * found
        if near:
            break
        guess = found
    return pair


def _optimal(claims: Sequence[DPGuarantee], delta: float) -> float:
    from dp_accounting.pld import privacy_loss_distribution as pld
    from dp_accounting.pld.common import DifferentialPrivacyParameters

    counts: dict[tuple[float, float], int] = {}
    for claim in claims:
        key = (claim.epsilon, claim.delta)
        counts[key] = counts.get(key, 0) + 1
    parts = [
        pld.from_privacy_parameters(DifferentialPrivacyParameters(*key)).self_compose(count)
        for key, count in counts.items()
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.compose(part)
    return float(whole.get_epsilon_for_delta(delta))


def release_line(
    claims: Sequence[DPGuarantee],
    pair: tuple[float, float] | None,
    *,
    test_size: float,
    unprotected: bool,
) -> str:
    """What releasing the comparison would cost, in two or three sentences."""
    sentences = [_HONEST]
    if pair is not None:
        unit = claims[0].unit if claims[0].unit == "row" else f"unit ({claims[0].unit})"
        sentences.append(
            f"The {len(claims)} private fits behind them, released together, would compose to at "
            f"most epsilon {pair[0]:.3g} at delta {pair[1]:.2g} for a {unit} that is in every "
            f"training set (each is in about {1 - test_size:.0%} of them), counting the splits "
            "as fixed."
        )
    elif claims:
        sentences.append(
            "The private fits behind them protect different units or relations, and so have no "
            "joint epsilon."
        )
    if unprotected:
        sentences.append("Some of the fits guarantee nothing at all.")
    return " ".join(sentences)
