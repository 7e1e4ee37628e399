"""Which of the releases planned for a year fit into a budget, in which order, at which error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from privet.errors import InvalidInput, fraction, positive, whole
from privet.govern.budget.amounts import Amount, exact, up
from privet.govern.budget.balance import Level, level
from privet.govern.budget.filters import Budget
from privet.govern.budget.gaussian import mu_for


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A release that is planned.

    Attributes:
        what: in words.
        epsilon, delta: that each of them will claim.
        times: how often in the year.
        sensitivity: the most that one unit adds to the released number, where it is one; the
            error is then known beforehand.
    """

    what: str
    epsilon: float
    delta: float = 1e-6
    times: int = 1
    sensitivity: float | None = None

    def __post_init__(self) -> None:
        positive(epsilon=self.epsilon)
        fraction(delta=self.delta)
        whole(times=self.times)
        if self.sensitivity is not None:
            positive(sensitivity=self.sensitivity)


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """What becomes of one planned release.

    Attributes:
        fits: how many of `planned.times` still fit after the rows above.
        left: what is left after those that fit.
        error: standard deviation of the Gaussian noise of each, if its sensitivity is stated.
    """

    planned: Planned
    fits: int
    left: Level
    error: float | None

    @property
    def all_fit(self) -> bool:
        """True if every one of them fits."""
        return self.fits == self.planned.times


def plan(
    budget: Budget, releases: Iterable[Planned], *, spent: Amount | None = None
) -> tuple[PlanRow, ...]:
    """Go through planned releases in order; what does not fit is skipped, not postponed.

    Each is taken for one Gaussian release on every unit, at the noise that its epsilon and delta
    need where neighbours differ by one unit (zero-out, add-remove). Under "basic" the sum of
    epsilons counts, whatever is released.

    Args:
        spent: of this budget already, if anything.

    Raises:
        InvalidInput: no release is planned.
    """
    planned = tuple(releases)
    if not planned:
        raise InvalidInput("no release is planned", remedy='Planned(what="census", epsilon=0.5)')
    left = budget.limit - (spent or Amount())
    rows = []
    for item in planned:
        cost, mu = _cost(item, budget)
        fits = min(item.times, *(_times(have, need) for have, need in (
            (left.loss, cost.loss), (left.delta, cost.delta))))
        left = left - Amount(cost.loss * fits, cost.delta * fits)
        error = None if item.sensitivity is None else item.sensitivity / mu
        rows.append(PlanRow(planned=item, fits=fits, left=level(left, budget), error=error))
    return tuple(rows)


def _cost(item: Planned, budget: Budget) -> tuple[Amount, float]:
    mu = mu_for(item.epsilon, item.delta)
    if budget.composition == "basic":
        return Amount(up(exact(item.epsilon)), up(exact(item.delta))), mu
    return Amount(up(exact(mu) ** 2), 0), mu


def _times(have: int, need: int) -> int:
    return max(0, have // need) if need else 1 << 62
