"""Budgets, and the filters that say whether one more release still fits.

A filter must hold when each release is chosen after seeing the answers before it, budgets of
releases included; not every composition theorem does. Two are offered:

* "basic": epsilons and deltas add up (Rogers, Roth, Ullman & Vadhan 2016, "Privacy odometers and
  filters", arXiv 1605.08294). For claims of any kind.
* "gaussian": mu squared adds up, for Gaussians on every unit (Smith & Thakurta 2022, arXiv
  2210.17520; Koskela, Tobaben & Honkela 2023, arXiv 2210.16812). Ten equal releases cost about
  three times one, not ten times. Claims that hold anything else are refused.

Formal guarantees (proofs/privacy-filters.md):
    - While every spend passes `charge` and the sum of charges stays within `Budget.limit`, all
      releases together are (epsilon, delta)-DP for the unit and relation of the data set, for an
      analyst who chooses each release and its size from all answers so far.
    - It holds as far as each claim holds. Whoever states less than was done is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from privet.claims import (
    DPGuarantee,
    Gaussian,
    Guarantee,
    JointGuarantee,
    LocalDPGuarantee,
)
from privet.errors import InvalidBudget, InvalidInput, Refused, fraction, one_of, positive
from privet.govern.budget.amounts import Amount, down, exact, up
from privet.govern.budget.gaussian import mu_for

Composition = Literal["basic", "gaussian"]
COMPOSITIONS: tuple[Composition, ...] = ("basic", "gaussian")
LARGEST = 1000.0
"""Greatest epsilon of a budget: above it, it promises nothing and hides a slip of the pen."""
APART = 0.01
"""Part of a Gaussian budget's delta that is kept for noise on a grid."""
_MECHANISM, _ON_GRID = "mechanism", "noise on a grid"
_BASIC = 'Budget(epsilon, delta, composition="basic"), which takes claims of any kind'


@dataclass(frozen=True)
class Budget:
    """What all releases together may reveal about one unit.

    Attributes:
        epsilon: above 0, at most 1000.
        delta: in (0, 1); 0 is allowed under "basic".
        composition: the filter, "basic" or "gaussian".

    Raises:
        InvalidBudget: out of range.
        InvalidInput: no such composition.
    """

    epsilon: float
    delta: float = 1e-6
    composition: Composition = "basic"

    def __post_init__(self) -> None:
        one_of(COMPOSITIONS, composition=self.composition)
        if positive(epsilon=self.epsilon) > LARGEST:
            raise InvalidBudget("so large an epsilon promises nothing", value=self.epsilon,
                                bound=f"epsilon <= {LARGEST:g}", remedy="epsilon=3.0")
        if self.composition == "gaussian" or self.delta != 0:
            fraction(delta=self.delta)
        object.__setattr__(self, "epsilon", float(self.epsilon))
        object.__setattr__(self, "delta", float(self.delta))
        if not self.limit.loss:
            raise InvalidBudget("the budget is too small to be counted", value=self.epsilon,
                                bound="epsilon >= 1e-30", remedy="epsilon=0.1")

    @property
    def limit(self) -> Amount:
        """The greatest sum of charges."""
        if self.composition == "basic":
            return Amount(down(exact(self.epsilon)), down(exact(self.delta)))
        mu = exact(mu_for(self.epsilon, self.mechanism_delta))
        return Amount(down(mu * mu), down(exact(self.delta) * Fraction(1, 100)))

    @property
    def mechanism_delta(self) -> float:
        """The delta at which mu is counted under "gaussian"."""
        return self.delta * (1 - APART)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"epsilon": self.epsilon, "delta": self.delta, "composition": self.composition}

    @classmethod
    def from_json(cls, record: Any) -> Budget:
        """What `to_json` wrote.

        Raises:
            InvalidInput: it is not that.
        """
        if not isinstance(record, dict) or set(record) != {"epsilon", "delta", "composition"}:
            raise InvalidInput("malformed budget", bound="epsilon, delta and composition")
        return cls(**record)


@dataclass(frozen=True)
class Terms:
    """What the claims on a data set must be about.

    Attributes:
        unit: "row" or the name of the id column.
        relation: which data sets are neighbours.
        budget: the budget as it was promised.
    """

    unit: str
    relation: str
    budget: Budget


def protected(guarantee: Guarantee) -> tuple[Guarantee, ...]:
    """The parts of a claim that limit what the result reveals: those that spend.

    Central claims where there are any, else local ones; empty where the result may reveal the
    rows. Noise that a seed reproduces protects from nobody who has the seed.
    """
    parts = tuple(_leaves(guarantee))
    central = [part for part in parts if isinstance(part, DPGuarantee)]
    if any(not part.secret_noise for part in central):
        return ()
    return tuple(central or [part for part in parts if isinstance(part, LocalDPGuarantee)])


def epsilon_of(guarantee: Guarantee) -> float:
    """The epsilons that all parts of a claim state, added up."""
    kinds = (DPGuarantee, LocalDPGuarantee)
    return sum(part.epsilon for part in _leaves(guarantee) if isinstance(part, kinds))


def charge(guarantee: Guarantee, terms: Terms) -> Amount:
    """What a claim takes from a budget; nothing where nothing is protected.

    Raises:
        Refused: the claim is about another unit or relation, or the filter cannot count it.
    """
    total = Amount()
    for part in protected(guarantee):
        total += _local(part, terms) if isinstance(part, LocalDPGuarantee) else _one(part, terms)
    return total


def _leaves(guarantee: Guarantee) -> Iterator[Guarantee]:
    if isinstance(guarantee, JointGuarantee):
        for part in guarantee.parts:
            yield from _leaves(part)
    else:
        yield guarantee


def _one(claim: Guarantee, terms: Terms) -> Amount:
    assert isinstance(claim, DPGuarantee)
    if (claim.unit, claim.relation) != (terms.unit, terms.relation):
        raise Refused(
            "the claim is about another privacy unit or relation than the budget, so it cannot "
            "be counted",
            value=f"unit {claim.unit!r}, {claim.relation}",
            bound=f"unit {terms.unit!r}, {terms.relation}",
            remedy=f'pv.Private(..., relation="{terms.relation}"), with unit = "{terms.unit}" '
            "in the schema",
        )
    if terms.budget.composition == "basic":
        return Amount(up(exact(claim.epsilon)), up(exact(claim.delta)))
    return _gaussian(claim, terms.budget)


def _gaussian(claim: DPGuarantee, budget: Budget) -> Amount:
    if not claim.events:
        raise Refused("the claim names no Gaussian releases, which this budget adds up",
                      value=claim.accountant, remedy=_BASIC)
    for event in claim.events:
        if type(event) is not Gaussian or event.sampler != "every-unit":
            raise Refused(
                "the budget adds up Gaussians on every unit, and this release is none",
                value=str(event), remedy=_BASIC,
            )
    strange = sorted(set(claim.delta_split) - {_MECHANISM, _ON_GRID})
    if strange or _MECHANISM not in claim.delta_split:
        raise Refused(
            "the parts of the claim's delta are not those of Gaussians alone",
            value=strange or sorted(claim.delta_split), bound=f"{_MECHANISM}, {_ON_GRID}",
            remedy=_BASIC,
        )
    squared = sum((event.count / exact(event.noise_multiplier) ** 2 for event in claim.events),
                  Fraction(0))
    # Under replace-one a unit leaves and another comes: twice the sensitivity.
    squared *= 4 if claim.relation == "replace-one" else 1
    rest = max(Fraction(0), exact(claim.delta) - exact(claim.delta_split[_MECHANISM]))
    # The rest was counted as t (1 + e^epsilon), at an epsilon of 0 or more; now the budget's
    # epsilon holds for all together. The factor is rounded up by far more than exp rounds.
    factor = (1 + math.exp(min(budget.epsilon, 700.0))) / 2 * (1 + 1e-12)
    return Amount(up(squared), up(rest * exact(factor)))


def _local(claim: Guarantee, terms: Terms) -> Amount:
    assert isinstance(claim, LocalDPGuarantee)
    if terms.budget.composition != "basic":
        raise Refused("the budget adds up Gaussians on every unit, and a record that was "
                      "randomised on its device is none", value=claim.headline(), remedy=_BASIC)
    if terms.relation == "add-remove":
        raise Refused("a randomised record shows that there is one, so local privacy says "
                      "nothing under add-remove", value=terms.relation,
                      bound="zero-out or replace-one", remedy='relation="replace-one"')
    if claim.unit != terms.unit:
        raise Refused("the claim is about another privacy unit than the budget, so nothing says "
                      "how many records of one unit were randomised",
                      value=f"unit {claim.unit!r}", bound=f"unit {terms.unit!r}",
                      remedy=f'unit = "{terms.unit}" in the schema, with its max_rows')
    return Amount(up(exact(claim.epsilon) * claim.max_rows), 0)
