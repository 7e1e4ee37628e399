"""Who must agree before personal data are used, and who writes down that they were.

Every use goes through four steps: decide -> reserve -> run -> commit. A technique knows only
this interface; a ledger implements it. Reserving precedes the run, so that a process killed in
the middle has spent what it reserved. Only a failure that text and schema alone decide gives a
reservation back: a refund that depends on private rows would tell something about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from privet.claims.cost import Cost
from privet.claims.guarantees import Guarantee
from privet.errors import OutOfBudget, Refused


@dataclass(frozen=True, kw_only=True)
class Request:
    """What someone asks to do.

    Attributes:
        action: "fit", "query", "perturb", "compare", "schema" or "predict".
        data_set: registered name of the data set; None for arrays that no ledger knows.
        purpose: why, in the requester's words.
        guarantee: what the run will guarantee if it is allowed.
        parameters: JSON-compatible facts about the run, no private value among them.
    """

    action: str
    data_set: str | None
    guarantee: Guarantee
    purpose: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The policy's answer, made before anything touches the data."""

    granted: bool
    reason: str = ""
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Budget set aside for one run.

    Attributes:
        token: the steward's own.
        entry: the ledger's name for the entry that says so; "" where nothing is recorded.
        spends: True if something is taken from a budget.
    """

    request: Request
    token: str = ""
    entry: str = ""
    spends: bool = False


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The steward's acknowledgement.

    Attributes:
        recorded: True if an entry in a ledger stands for this run.
        entry: the ledger's name for that entry.
    """

    recorded: bool
    entry: str = ""


class Steward(Protocol):
    """Decides, reserves and records. Implementations must be safe under concurrent callers."""

    def decide(self, request: Request) -> Decision:
        """Say whether the request is allowed, from text, schema and policy alone."""

    def reserve(self, request: Request) -> Reservation:
        """Set the budget aside atomically.

        Raises:
            OutOfBudget: too little is left; the message says what would fit.
        """

    def release(self, reservation: Reservation) -> None:
        """Give back a reservation whose run failed before the first private row was read."""

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        """Record that a run failed after it may have read private rows: all of it is spent."""

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Record what was done, at what guarantee and cost."""


class NullSteward:
    """Allows everything and records nothing; for arrays of no registered data set."""

    def decide(self, request: Request) -> Decision:
        """Grant."""
        return Decision(granted=True, reason="no steward watches these data")

    def reserve(self, request: Request) -> Reservation:
        """Set nothing aside."""
        return Reservation(request=request)

    def release(self, reservation: Reservation) -> None:
        """Do nothing: nothing was set aside."""

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        """Do nothing: nothing was set aside."""

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Say that nothing was recorded."""
        return Receipt(recorded=False)


class Spending:
    """One reservation on its way; handed out by `spending`.

    Attributes:
        reservation: None until it is made.
        receipt: of the commit; None until there is one.
        ending: how a run without a commit was settled; None while the reservation is open.
    """

    def __init__(self, steward: Steward, request: Request) -> None:
        self._steward = steward
        self._touched = False
        self.request = request
        self.reservation: Reservation | None = None
        self.receipt: Receipt | None = None
        self.ending: Literal["refused", "released", "forfeited"] | None = None

    @property
    def touched(self) -> bool:
        """True once a private row may have been read."""
        return self._touched

    def reserve(self) -> None:
        """Set the budget aside, once.

        Raises:
            Refused: it may not be; nothing is set aside.
        """
        try:
            self.reservation = self._steward.reserve(self.request)
        except Refused:
            self.ending = "refused"
            raise

    def touch(self) -> None:
        """Call just before the first private row is read; from here on, failure is spent."""
        self._touched = True

    def commit(self, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Record the finished run, once."""
        if self.receipt is not None:
            raise Refused("this reservation was committed already", remedy="one fit, one commit")
        self.receipt = self._steward.commit(self._made(), guarantee, cost)
        return self.receipt

    def close(self, error: BaseException | None) -> None:
        """Settle a run that ended without a commit."""
        if self.receipt is not None:
            return
        if not self._touched:
            self._steward.release(self._made())
            self.ending = "released"
        else:
            reason = type(error).__name__ if error else "ended without a commit"
            self._steward.forfeit(self._made(), reason)
            self.ending = "forfeited"

    def _made(self) -> Reservation:
        if self.reservation is None:
            raise Refused("nothing was reserved for this run", remedy="with spending(...) as spend")
        return self.reservation


_NOTED: ContextVar[list[Spending] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[Spending]]:
    """Collect what is reserved inside the block, for whoever tells how a failure left it."""
    noted: list[Spending] = []
    before = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(before)


@contextmanager
def spending(steward: Steward, request: Request) -> Iterator[Spending]:
    """Decide and reserve, then hand out the reservation; settle it however the block ends.

    Raises:
        Refused: the policy says no.
        OutOfBudget: too little budget is left.
    """
    decision = steward.decide(request)
    if not decision.granted:
        raise Refused(
            f"the policy of this data set does not allow to {request.action}: {decision.reason}",
            remedy=decision.remedy,
        )
    spend = Spending(steward, request)
    noted = _NOTED.get()
    if noted is not None:
        noted.append(spend)  # before it is reserved: an interrupt may come in between
    spend.reserve()
    error: BaseException | None = None
    try:
        yield spend
    except BaseException as caught:
        error = caught
        raise
    finally:
        spend.close(error)


__all__ = [
    "Decision",
    "NullSteward",
    "OutOfBudget",
    "Receipt",
    "Request",
    "Reservation",
    "Spending",
    "Steward",
    "noting",
    "spending",
]
