"""The consent of a policy, held until the entry of the run is written.

A policy is asked before the ledger is locked, since it reads entries and checks signatures. What
others write in between may use up an approval or what a purpose has left, revoke an approval or
bring another policy. So the reserving transaction looks at the kinds of entries that came since.
After reservations alone, or nothing, it takes the answer again from what they can change, the
totals and the runs of this job; after anything else that may matter, it asks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import sqlalchemy as sa

from privet.claims import Decision, Request
from privet.errors import Refused
from privet.govern.budget.charges import RELEASE, RESERVE
from privet.govern.budget.sets import entries_of
from privet.govern.budget.totals import Totals
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.tables import ENTRIES
from privet.govern.policy.force import ADOPTED

HARMLESS = frozenset(
    {"run.decide", "run.commit", "run.forfeit", RELEASE, "approval.request", "report"}
)
"""Entries that turn no grant into a refusal; any other kind may."""
_SINCE = sa.select(ENTRIES.c.kind).where(ENTRIES.c.seq > sa.bindparam("upto")).distinct()


class Standing(Protocol):
    """An answer of a policy."""

    @property
    def decision(self) -> Decision:
        """Whether the request is allowed."""

    @property
    def approvals(self) -> tuple[int, ...]:
        """The entries that approve exactly this."""

    def again(self, used: Totals, entries: Iterable[Entry]) -> Standing:
        """The answer after these reservations and releases by others, and nothing else."""


class Policy(Protocol):
    """What a steward asks of a policy."""

    def decide(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> Decision:
        """Say whether the request is allowed on this version, and record nothing."""

    def standing(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> Standing:
        """The same, with the approvals, so that it can be answered again."""

    @property
    def digest(self) -> str:
        """Names the text of the policy."""


class Consent:
    """The grant of one request, with the entries that approve it.

    Raises:
        Refused: the policy says no.
    """

    def __init__(
        self, policy: Policy, ledger: Ledger, request: Request, *, requester: str, version: str
    ) -> None:
        self._policy, self._ledger, self._request = policy, ledger, request
        self._known: dict[str, Any] = {"requester": requester, "version": version}
        self._upto = ledger.tip().seq
        self._standing = self._ask()
        self._check(self._standing)

    def held(self, transaction: Transaction, used: Totals) -> tuple[int, ...]:
        """The approvals, if the policy still consents before the next entry is written.

        Args:
            transaction: nobody else writes until it ends.
            used: the totals as this transaction has read and checked them.

        Raises:
            Refused: it does not, after what others have written.
        """
        upto, connection = self._upto, transaction.connection
        kinds = set(connection.execute(_SINCE, {"upto": upto}).scalars()) - HARMLESS
        found = self._standing
        if kinds <= {RESERVE}:
            found = found.again(used, entries_of(connection, (RESERVE, RELEASE), upto + 1))
        elif kinds:
            # Read through another connection: it sees all that was committed, and nobody else
            # can commit now.
            found = self._ask()
        return self._check(found)

    def _ask(self) -> Standing:
        return self._policy.standing(self._request, ledger=self._ledger, **self._known)

    def _check(self, standing: Standing) -> tuple[int, ...]:
        decision = standing.decision
        if not decision.granted:
            raise refusal(self._request, decision)
        return standing.approvals


def unruled(ledger: Ledger) -> Callable[[Transaction, Totals], tuple[int, ...]]:
    """The consent where a ledger has adopted no policy: good as long as it has none."""
    upto = ledger.tip().seq

    def held(transaction: Transaction, used: Totals) -> tuple[int, ...]:
        if ADOPTED in transaction.connection.execute(_SINCE, {"upto": upto}).scalars():
            raise Refused("the ledger has adopted a policy meanwhile", remedy="ask again")
        return ()

    return held


def refusal(request: Request, decision: Decision) -> Refused:
    """The error of a decision that is no grant."""
    return Refused(
        f"the policy of this data set does not allow to {request.action}: {decision.reason}",
        remedy=decision.remedy,
    )
