"""What a run takes from which budgets, and how that changes the totals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from privet.claims import Guarantee, from_json
from privet.errors import InvalidInput, Refused
from privet.govern.budget.amounts import Amount, exact, up
from privet.govern.budget.balance import left_of
from privet.govern.budget.filters import charge, epsilon_of
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import View
from privet.govern.budget.totals import Account, Totals, Used
from privet.govern.ledger import Entry

Ending = Literal["run.commit", "run.release", "run.forfeit"]
RESERVE = "run.reserve"
COMMIT: Ending = "run.commit"
RELEASE: Ending = "run.release"
FORFEIT: Ending = "run.forfeit"
RUNS = (RESERVE, COMMIT, RELEASE, FORFEIT)
Charges = Mapping[str, Amount]


@dataclass(frozen=True)
class Spend:
    """What one run takes from whose budget.

    Attributes:
        name: the data set that it runs on.
        purpose: what for.
        charges: by holder: the set itself and all its ancestors.
        epsilon: the epsilons of its claim, added up simply, on the grid.
    """

    name: str
    purpose: str
    charges: Charges
    epsilon: int


def charges_of(view: View, name: str, guarantee: Guarantee, purpose: str) -> Spend:
    """What a claim on a set takes from each budget, by the view alone.

    Raises:
        InvalidInput: no such set, or a purpose that its budget does not list.
        Refused: a filter cannot count the claim.
    """
    existing(view, name)
    charges = {}
    for holder in view.holders(name):
        data_set = view.sets[holder]
        if data_set.purposes and purpose not in data_set.purposes:
            known = ", ".join(map(repr, data_set.purposes))
            raise InvalidInput(
                f"the budget of {holder!r} is for other purposes", value=purpose,
                bound=f"one of {known}", remedy=f"purpose={next(iter(data_set.purposes))!r}",
            )
        charges[holder] = charge(guarantee, data_set.terms)
    return Spend(name, purpose, charges, _stated(guarantee))


def spend_of(entry: Entry) -> Spend:
    """What a "run.reserve" entry took.

    Raises:
        Refused: it was redacted.
        InvalidInput: its claim or its charges cannot be read.
    """
    payload = entry.payload
    if payload is None:
        raise Refused(f"entry {entry.seq}, which reserved this budget, was redacted",
                      remedy="privet budget audit")
    charges = {name: Amount.from_json(item) for name, item in payload["charges"].items()}
    request = payload["request"]
    return Spend(request["data_set"], request["purpose"], charges,
                 _stated(from_json(request["guarantee"])))


def plus(used: Totals, spend: Spend) -> Totals:
    """The totals once a spend is reserved."""
    after = dict(used)
    for account, amount in _accounts(spend):
        more = Used(reserved=amount, epsilon=spend.epsilon)
        after[account] = after.get(account, Used()) + more
    return after


def settled(used: Totals, spend: Spend, kind: str) -> Totals:
    """The totals once a run has ended: what was released comes back."""
    after = dict(used)
    for account, amount in _accounts(spend):
        old = after.get(account, Used())
        given_back = kind == RELEASE
        after[account] = replace(
            old,
            spent=old.spent if given_back else old.spent + amount,
            reserved=old.reserved - amount,
            epsilon=old.epsilon - spend.epsilon if given_back else old.epsilon,
        )
    return after


def fits(view: View, used: Totals, holder: str, purpose: str) -> bool:
    """True if what is used is within a holder's whole budget, or within one of its caps."""
    left = left_of(view, used, holder, purpose)
    return left.loss >= 0 and left.delta >= 0


def _stated(guarantee: Guarantee) -> int:
    return up(exact(epsilon_of(guarantee)))


def _accounts(spend: Spend) -> Iterator[tuple[Account, Amount]]:
    for holder, amount in spend.charges.items():
        if amount or spend.epsilon:
            yield Account(holder, spend.name, spend.purpose), amount
