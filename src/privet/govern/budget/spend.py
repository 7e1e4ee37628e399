"""Check-and-spend as one transaction, and settling.

What a claim costs is worked out before the ledger is locked; under the lock, the totals are read,
checked against the newest entry of a run and compared with the limits; what they become is
written, read again, and vouched for by the new entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from privet.claims import Guarantee
from privet.errors import Refused
from privet.govern.budget import totals
from privet.govern.budget.balance import out_of_budget
from privet.govern.budget.basis import DECIDE, STATED, TOTALS
from privet.govern.budget.charges import (
    RESERVE,
    Ending,
    Spend,
    charges_of,
    fits,
    plus,
    settled,
    spend_of,
)
from privet.govern.budget.recount import current, held
from privet.govern.budget.sets import WHOLE, View
from privet.govern.budget.totals import State, Totals
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.reading import existing

Approvals = Callable[[Transaction, Totals], Sequence[int]]
"""Gives the entries that approve a run, as of a transaction with its checked totals, or raises."""


def check(view: View, used: Totals, spend: Spend) -> None:
    """Return if a spend fits into every budget and cap that it touches.

    Raises:
        OutOfBudget: it does not; the message says what would.
    """
    after = plus(used, spend)
    for holder, asked in spend.charges.items():
        if not asked:
            continue
        data_set = view.sets[holder]
        for purpose in (WHOLE, spend.purpose):
            if purpose in data_set.limits and not fits(view, after, holder, purpose):
                raise out_of_budget(view, used, spend.name, holder, purpose, asked)
        if data_set.closed:
            raise out_of_budget(view, used, spend.name, holder, WHOLE, asked)


def reserve(
    ledger: Ledger,
    view: View,
    spend: Spend,
    guarantee: Guarantee,
    payload: dict[str, Any],
    approvals: Approvals,
) -> Entry:
    """Set budget aside and write the "run.reserve" entry, or neither.

    Args:
        view: what `spend` was worked out from.
        payload: of the entry, with its token; charges, approvals and the digest of the totals
            are added.

    Raises:
        OutOfBudget: too little is left.
        Refused: the cached totals were changed by another hand.
    """

    def work(transaction: Transaction) -> Entry:
        before, basis = held(ledger, transaction)
        now, plan = basis.view(view, transaction.connection), spend
        if now.sets != view.sets:
            plan = charges_of(now, spend.name, guarantee, spend.purpose)
        check(now, before.totals, plan)
        agreed = list(approvals(transaction, before.totals))
        live = {**before.live, payload["token"]: transaction.place().seq}
        after = State(plus(before.totals, plan), live)
        return transaction.append(RESERVE, {
            **payload,
            "approvals": agreed,
            "charges": {holder: amount.to_json() for holder, amount in plan.charges.items()},
            TOTALS: totals.write(transaction.connection, before, after),
            STATED: basis.stated(),
        })

    return ledger.atomically(work)


def decide(ledger: Ledger, payload: Mapping[str, Any]) -> Entry:
    """Write a "run.decide" entry.

    It vouches for the totals and for what decisions rest on, as entries of runs do, so that
    nobody has to look far back for one. Where these were changed by another hand it says nothing
    of them; what is decided by them is refused elsewhere.
    """

    def work(transaction: Transaction) -> Entry:
        try:
            before, basis = held(ledger, transaction)
        except Refused:
            return transaction.append(DECIDE, dict(payload))
        vouched = {TOTALS: before.rows.digest, STATED: basis.stated()} if before.kept else {}
        return transaction.append(DECIDE, {**payload, **vouched})

    return ledger.atomically(work)


def settle(
    ledger: Ledger, token: str, kind: Ending, payload: Mapping[str, Any]
) -> Entry:
    """Write how a run ended. Released budget comes back; the rest moves to what is spent.

    Raises:
        Refused: the reservation is not open in this ledger: settled already, or not its own; or
            the cached totals were changed by another hand.
    """

    def work(transaction: Transaction) -> Entry:
        before, basis = held(ledger, transaction)
        seq = _open(before, token)
        reservation = existing(transaction.connection, seq)
        transaction.prove(reservation)
        plan = spend_of(reservation)
        live = {other: at for other, at in before.live.items() if other != token}
        after = State(settled(before.totals, plan, kind), live)
        return transaction.append(kind, {
            "reserve": seq, "token": token, **payload,
            TOTALS: totals.write(transaction.connection, before, after),
            STATED: basis.stated(),
        })

    return ledger.atomically(work)


def reserved(ledger: Ledger, token: str) -> Entry:
    """The entry of an open reservation.

    Raises:
        Refused: none is open under this token, or the cached totals were changed.
    """
    with ledger.reading() as connection:
        return existing(connection, _open(current(connection), token))


def _open(found: State, token: str) -> int:
    if token not in found.live:
        raise Refused(
            "no reservation is open under this token: it was settled already, or made in "
            "another ledger",
            remedy="one reservation, one commit",
        )
    return found.live[token]
