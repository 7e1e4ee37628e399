"""From the engine's exact sums to noisy groups: fill in known keys, add noise, apply thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from privet.dp.query.noise import Noise, Scale, noisy, noisy_levels
from privet.dp.query.plan import BRANCHING, DEPTH, LEAVES, Measure, Plan
from privet.dp.query.trees import Tree, levels_of
from privet.entropy import Stream

Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Noised:
    """The released numbers of one group; satisfies `answers.Group`."""

    keys: Row
    totals: tuple[tuple[float, float], ...]
    trees: dict[int, Tree]

    def key(self, index: int) -> Any:
        """The group's value of a key."""
        return self.keys[index]

    def total(self, index: int) -> tuple[float, float]:
        """A noisy measure and its standard deviation, in its own unit."""
        return self.totals[index]

    def tree(self, index: int) -> Tree:
        """The noisy counts of a tree measure."""
        return self.trees[index]


def exact_groups(plan: Plan, found: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(keys, measures) of all groups in the order of their keys, known ones filled in by 0.

    A group that no key of the schema names, which rounding could make, is left out.
    """
    width = len(plan.keys)
    by_key = {tuple(map(_key, row[:width])): row[width:] for row in found}
    empty: Row = (None,) * len(plan.measures)
    if plan.known is None:
        return [(keys, by_key[keys]) for keys in sorted(by_key, key=_sorting)]
    names = product(*(key.levels or () for key in plan.keys))
    return [(keys, by_key.get(tuple(map(_key, keys)), empty)) for keys in names]


def _key(value: Any) -> Any:
    """A key's value as the answer shows it; True is not 1 here."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _sorting(keys: Row) -> tuple[Any, ...]:
    """NULL last; truths before numbers before texts, each in its own order."""
    order = {bool: 0, int: 1, float: 1, str: 2}
    return tuple((3, 0) if v is None else (order[type(v)], v) for v in keys)


def noised(
    plan: Plan, noise: Noise, groups: Sequence[tuple[Row, Row]], stream: Stream
) -> list[Noised]:
    """The groups with noise; of those found in the data, the ones that pass the threshold."""
    kept = list(range(len(groups)))
    counted: dict[int, list[int]] = {}
    if plan.threshold_by is not None and noise.threshold is not None:
        at, scale = plan.threshold_by, noise.scales[plan.threshold_by]
        counts = noisy([row[at] or 0 for _, row in groups], scale, stream)
        least = math.ceil(noise.threshold * scale.parts)
        kept = [index for index, count in enumerate(counts) if count >= least]
        counted[at] = [counts[index] for index in kept]
    for at, measure in enumerate(plan.measures):
        if measure.kind != "tree" and at not in counted:
            exact = [groups[index][1][at] or 0 for index in kept]
            counted[at] = noisy(exact, noise.scales[at], stream)
    return [
        _group(plan, noise, groups[index], place, counted, stream)
        for place, index in enumerate(kept)
    ]


def with_totals(plan: Plan, groups: Sequence[Noised]) -> list[Noised]:
    """The groups and their totals, which are sums of noisy groups: they agree, and cost nothing.

    NULL stands for all values of a key.
    """
    found = list(groups)
    for kept in plan.totals:
        parts: dict[Row, list[Noised]] = {}
        for group in groups:
            place = tuple(key if at in kept else None for at, key in enumerate(group.keys))
            parts.setdefault(place, []).append(group)
        found += [_sum(keys, each) for keys, each in parts.items()]
    return found


def _sum(keys: Row, groups: Sequence[Noised]) -> Noised:
    """Several groups as one; their noise is independent, so its variances add up."""
    more = math.sqrt(len(groups))
    totals = tuple(
        (math.fsum(value for value, _ in pairs), pairs[0][1] * more)
        for pairs in zip(*(group.totals for group in groups), strict=True)
    )
    trees = {
        at: replace(tree, deviation=tree.deviation * more, levels=tuple(
            np.sum(level, axis=0)
            for level in zip(*(group.trees[at].levels for group in groups), strict=True)))
        for at, tree in groups[0].trees.items()
    }
    return Noised(keys, totals, trees)


def _group(
    plan: Plan, noise: Noise, group: tuple[Row, Row], place: int,
    counted: dict[int, list[int]], stream: Stream,
) -> Noised:
    totals: list[tuple[float, float]] = []
    trees: dict[int, Tree] = {}
    for at, (measure, scale) in enumerate(zip(plan.measures, noise.scales, strict=True)):
        if measure.kind == "tree":
            levels = noisy_levels(levels_of(group[1][at] or {}), scale, stream)
            trees[at] = _tree(measure, scale, levels)
            totals.append((0.0, 0.0))
        else:
            value = counted[at][place] / (scale.parts or 1) * measure.step
            totals.append((value, scale.deviation * measure.step))
    return Noised(tuple(map(_key, group[0])), tuple(totals), trees)


def _tree(measure: Measure, scale: Scale, levels: Sequence[Any]) -> Tree:
    return Tree(tuple(levels), scale.deviation, measure.low, measure.step, measure.high)


def expected(plan: Plan, noise: Noise, rows: float) -> Noised:
    """A group of so many rows in the middle of all bounds, to tell errors before anything is run.

    Values of trees lie evenly over their bounds.
    """
    totals, trees = [], {}
    for at, (measure, scale) in enumerate(zip(plan.measures, noise.scales, strict=True)):
        totals.append((rows if measure.counts else 0.0, scale.deviation * measure.step))
        if measure.kind == "tree":
            used = max(math.ceil((measure.high - measure.low) / measure.step), 1)
            leaves = np.zeros(LEAVES)
            leaves[:used] = rows / used
            levels = [leaves]
            for _ in range(DEPTH - 1):
                levels.append(levels[-1].reshape(-1, BRANCHING).sum(axis=1))
            trees[at] = _tree(measure, scale, levels[::-1])
    return Noised(tuple(None for _ in plan.keys), tuple(totals), trees)
