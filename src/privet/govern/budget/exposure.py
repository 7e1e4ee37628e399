"""The most that one unit is exposed to, when several derived sets spend from one budget.

A unit in two derived sets composes over both. Only where two sets are declared disjoint can a
unit be in one of them at most, and then only the dearer of the two counts for it (parallel
composition, McSherry 2009, Theorem 4; proofs/privacy-filters.md says why it holds adaptively).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from privet.govern.budget.amounts import Amount

Disjoint = Callable[[str, str], bool]


def exposure(spent: Mapping[str, Amount], disjoint: Disjoint) -> Amount:
    """The greatest sum over sets of which no two are disjoint, for loss and delta by itself."""
    return Amount(
        heaviest({name: amount.loss for name, amount in spent.items()}, disjoint),
        heaviest({name: amount.delta for name, amount in spent.items()}, disjoint),
    )


def heaviest(weights: Mapping[str, int], disjoint: Disjoint) -> int:
    """The greatest sum of weights over sets of which no two are disjoint.

    Exact. Sets that are disjoint from none are in every such sum, and one group of mutually
    disjoint sets takes linear time; groups that cut across one another take exponential time
    in their number.
    """
    names = [name for name, weight in weights.items() if weight > 0]
    rivals = {a: {b for b in names if b != a and disjoint(a, b)} for a in names}
    return sum(
        _best(frozenset(part), weights, rivals) for part in _components(names, rivals)
    )


def _components(names: list[str], rivals: Mapping[str, set[str]]) -> list[set[str]]:
    left, found = set(names), []
    while left:
        part, edge = set(), {min(left)}
        while edge:
            name = edge.pop()
            part.add(name)
            edge |= rivals[name] - part
        found.append(part)
        left -= part
    return found


def _best(
    names: frozenset[str], weights: Mapping[str, int], rivals: Mapping[str, set[str]]
) -> int:
    torn = [name for name in names if rivals[name] & names]
    if not torn:
        return sum(weights[name] for name in names)
    pick = max(torn, key=lambda name: (len(rivals[name] & names), name))
    return max(
        weights[pick] + _best(names - rivals[pick] - {pick}, weights, rivals),
        _best(names - {pick}, weights, rivals),
    )
