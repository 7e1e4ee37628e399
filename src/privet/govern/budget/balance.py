"""What is left of budgets, as numbers that a person reads."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from privet.errors import OutOfBudget
from privet.govern.budget.amounts import GRID, Amount, below
from privet.govern.budget.exposure import exposure
from privet.govern.budget.filters import Budget
from privet.govern.budget.gaussian import epsilon_for
from privet.govern.budget.sets import WHOLE, DataSet, View
from privet.govern.budget.totals import Totals, Used


@dataclass(frozen=True)
class Level:
    """An amount of budget in words that people use.

    Attributes:
        epsilon: under "basic" what was added up; under "gaussian" the epsilon that these
            Gaussians alone have at the budget's delta (such epsilons do not add up).
        delta: added up; under "gaussian" only what noise on a grid adds.
        loss: what does add up: epsilon, or mu squared.
    """

    epsilon: float
    delta: float
    loss: float


@dataclass(frozen=True)
class Balance:
    """A budget and what became of it.

    Attributes:
        name: the data set, or the purpose of a cap.
        budget: what was promised.
        spent: by runs that ended, and by runs that failed after they may have read rows.
        reserved: for runs that have not ended.
        left: of this budget itself.
        fits: the greatest epsilon of one further claim, at `fits_delta`, within this budget and
            those of all ancestors.
        limited_by: the set whose budget limits it.
        purposes: the caps, and what was spent under each purpose.
        closed: the budget was moved to another ledger.
    """

    name: str
    budget: Budget
    spent: Level
    reserved: Level
    left: Level
    fits: float
    fits_delta: float
    limited_by: str
    purposes: Mapping[str, Balance] = field(default_factory=dict)
    closed: bool = False


def used_of(view: View, totals: Totals, holder: str, purpose: str = WHOLE) -> Used:
    """What counts against a holder's whole budget, or against one of its caps."""
    spent: dict[str, Amount] = {}
    both: dict[str, Amount] = {}
    for account, used in totals.items():
        if account.holder == holder and purpose in (WHOLE, account.purpose):
            spent[account.source] = spent.get(account.source, Amount()) + used.spent
            both[account.source] = both.get(account.source, Amount()) + used.both
    gone = exposure(spent, view.disjoint)
    return Used(gone, exposure(both, view.disjoint) - gone)


def left_of(view: View, totals: Totals, holder: str, purpose: str = WHOLE) -> Amount:
    """What a holder's whole budget, or one of its caps, has left for any set."""
    limit = view.sets[holder].limits[purpose]
    return limit - used_of(view, totals, holder, purpose).both


def level(amount: Amount, budget: Budget) -> Level:
    """An amount as people read it."""
    if budget.composition == "basic":
        return Level(amount.loss / GRID, amount.delta / GRID, amount.loss / GRID)
    mu = math.sqrt(max(0, amount.loss) / GRID)
    return Level(epsilon_for(mu, budget.mechanism_delta), amount.delta / GRID, amount.loss / GRID)


def fitting(left: Amount, budget: Budget) -> tuple[float, float]:
    """The greatest epsilon of one claim that fits, and the delta that it may have."""
    if budget.composition == "basic":
        return below(left.loss), below(left.delta)
    if left.loss <= 0 or left.delta <= 0:
        return 0.0, 0.0
    # Calibrations stay a little below what the theorem allows, so this is a little less.
    mu = math.sqrt(left.loss / GRID) * (1 - 1e-6)
    delta = budget.mechanism_delta
    return epsilon_for(mu, delta), delta


def tightest(
    view: View, totals: Totals, name: str, purpose: str = WHOLE
) -> tuple[float, float, str]:
    """The greatest epsilon that fits into all budgets of a set, its delta, and the tightest."""
    found = []
    for holder in view.holders(name):
        data_set = view.sets[holder]
        for which in {WHOLE, purpose} & set(data_set.limits):
            left = left_of(view, totals, holder, which)
            budget = data_set.purposes[which] if which else data_set.budget
            found.append((*fitting(left, budget), holder))
    return min(e for e, _, _ in found), min(d for _, d, _ in found), min(found)[2]


def balance_of(view: View, totals: Totals, name: str) -> Balance:
    """The balance of a set and of its purposes."""
    data_set = view.sets[name]
    others = {a.purpose for a in totals if a.holder == name} - {WHOLE}
    purposes = {
        purpose: _one(view, totals, data_set, purpose)
        for purpose in sorted(others | set(data_set.purposes))
    }
    return _one(view, totals, data_set, WHOLE, purposes)


def _one(
    view: View,
    totals: Totals,
    data_set: DataSet,
    purpose: str,
    purposes: Mapping[str, Balance] | None = None,
) -> Balance:
    budget = data_set.purposes.get(purpose, data_set.budget)
    used = used_of(view, totals, data_set.name, purpose)
    limit = data_set.limits.get(purpose, data_set.limits[WHOLE])
    if purpose and purpose not in data_set.limits:
        left = left_of(view, totals, data_set.name)
    else:
        left = limit - used.both
    epsilon, delta, holder = tightest(view, totals, data_set.name, purpose)
    return Balance(
        name=purpose or data_set.name,
        budget=budget,
        spent=level(used.spent, budget),
        reserved=level(used.reserved, budget),
        left=level(left, budget),
        fits=epsilon,
        fits_delta=delta,
        limited_by=holder,
        purposes=purposes or {},
        closed=data_set.closed,
    )


def out_of_budget(
    view: View, totals: Totals, name: str, holder: str, purpose: str, asked: Amount
) -> OutOfBudget:
    """The refusal of a release that does not fit, with what is left and what would fit."""
    data_set = view.sets[holder]
    budget = data_set.purposes[purpose] if purpose else data_set.budget
    left = level(left_of(view, totals, holder, purpose), budget)
    wanted = level(asked, budget)
    epsilon, delta, _ = tightest(view, totals, name, purpose)
    whose = f"purpose {purpose!r} of {holder!r}" if purpose else repr(holder)
    noun = "mu squared" if budget.composition == "gaussian" else "epsilon"
    if data_set.closed:
        return OutOfBudget(f"the budget of {holder!r} was moved to another ledger",
                           remedy="spend there, or have a share of it moved back")
    if epsilon > 0:
        remedy = f"epsilon={epsilon!r}, delta={delta!r}   # the most that fits"
    else:
        remedy = f"privet budget show {shlex.quote(holder)}   # nothing is left for one claim"
    return OutOfBudget(
        f"too little budget is left for {whose}",
        value=f"{noun} {wanted.loss:.6g}, delta {wanted.delta:.3g}",
        bound=f"{noun} <= {max(0.0, left.loss):.6g}, delta <= {max(0.0, left.delta):.3g}"
        + (f" (epsilon <= {epsilon:.6g} in one claim)" if noun != "epsilon" else ""),
        remedy=remedy,
    )
