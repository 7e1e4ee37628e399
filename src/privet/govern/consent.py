"""A policy's consent to one run: asked for outside the ledger's lock, good within it.

A decision rests on the entries that were there when it was made. Another process may use up the
same approval, or what a purpose has left, before the run is reserved. So the transaction that
reserves looks at what was written since, and asks again where it may matter.
"""

from __future__ import annotations

from typing import Any, Protocol

import sqlalchemy as sa

from privet.claims import Decision, Request
from privet.errors import Refused
from privet.govern.ledger import Ledger, Transaction
from privet.govern.ledger.tables import ENTRIES

HARMLESS = ("run.decide", "run.commit", "run.forfeit", "run.release", "approval.request", "report")
"""Entries that turn no grant into a refusal; any other kind may."""
_SINCE = sa.select(
    sa.exists().where(ENTRIES.c.seq > sa.bindparam("upto"), ENTRIES.c.kind.not_in(HARMLESS))
)


class Policy(Protocol):
    """What a steward asks of a policy."""

    def decide(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> Decision:
        """Say whether the request is allowed on this version, and record nothing."""

    def approvals(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> tuple[int, ...]:
        """The entries that approve exactly this."""

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
        self._approvals = self._ask()

    def held(self, transaction: Transaction) -> tuple[int, ...]:
        """The approvals, if the policy still consents before the next entry is written.

        Args:
            transaction: nobody else writes until it ends.

        Raises:
            Refused: it does not, after what others have written.
        """
        if transaction.connection.execute(_SINCE, {"upto": self._upto}).scalar():
            # Read through another connection: it sees all that was committed, and nobody else
            # can commit now.
            self._approvals = self._ask()
        return self._approvals

    def _ask(self) -> tuple[int, ...]:
        decision = self._policy.decide(self._request, ledger=self._ledger, **self._known)
        if not decision.granted:
            raise refusal(self._request, decision)
        return self._policy.approvals(self._request, ledger=self._ledger, **self._known)


def refusal(request: Request, decision: Decision) -> Refused:
    """The error of a decision that is no grant."""
    return Refused(
        f"the policy of this data set does not allow to {request.action}: {decision.reason}",
        remedy=decision.remedy,
    )
