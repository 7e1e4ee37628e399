"""A steward that notes what a command would ask for, so that `privet request` can ask for it.

`privet request train ...` goes the way of `privet train ...` up to the question, so that both ask
for one and the same job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from privet.claims import Cost, Decision, Guarantee, Receipt, Request, Reservation, Steward
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from privet.data import Dataset
    from privet.govern.ledger import Ledger
    from privet.govern.steward import LedgerSteward


class Asking:
    """Notes the one request that is made, and lets nothing run."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self._steward: LedgerSteward | None = None

    def over(self, steward: LedgerSteward | None) -> Asking:
        """The same, in the place of the steward of a ledger.

        Raises:
            InvalidInput: no ledger keeps the data.
        """
        if steward is None:
            raise InvalidInput("no ledger keeps these data, so nobody needs to approve",
                               bound="a registered data set",
                               remedy="privet dataset register NAME FILE --budget 3")
        self._steward = steward
        return self

    @property
    def ledger(self) -> Ledger:
        """The ledger that keeps the data."""
        assert self._steward is not None
        return self._steward.ledger

    @property
    def version(self) -> str:
        """The version of the data set that would be read."""
        assert self._steward is not None and self.request is not None
        return self._steward.version_of(str(self.request.data_set))

    def decide(self, request: Request) -> Decision:
        """Note the request and refuse it."""
        self.request = request
        return Decision(granted=False, reason="only asked")

    def reserve(self, request: Request) -> Reservation:
        """Never: nothing was granted."""
        raise Refused("nothing was granted")

    def release(self, reservation: Reservation) -> None:
        """Never: nothing was reserved."""

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        """Never: nothing was reserved."""

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Never: nothing was reserved."""
        raise Refused("nothing was reserved")


def steward_for(steward: LedgerSteward | None) -> Steward | None:
    """The steward itself; within `privet request`, the one that notes, in its place."""
    asking = click.get_current_context().find_object(Asking)
    return steward if asking is None else asking.over(steward)


def watched(data: Dataset) -> tuple[Dataset, dict[str, Any]]:
    """The data, and what to pass with them to `fit` or `compare`: nothing, so that these look for
    the data's steward; within `privet request`, the steward that notes."""
    asking = click.get_current_context().find_object(Asking)
    if asking is None:
        return data, {}
    from privet.estimators.stewardship import stewarded

    known, steward = stewarded(data)
    return known, {"steward": asking.over(steward)}
