"""What may be accounted, which budgets mean something, and how delta is split.

One table, `SUPPORT`, maps relation x sampler x accountant to supported or refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from privet.claims.events import SAMPLERS
from privet.claims.guarantees import RELATIONS
from privet.errors import InvalidBudget, Refused, fraction, one_of, positive

ACCOUNTANTS = ("pld", "rdp", "clt")
LARGEST = 16.0
"""Greatest epsilon that is put to use. Noise on a grid costs delta in proportion to e^epsilon."""

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
