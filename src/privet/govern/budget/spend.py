"""Check-and-spend as one transaction, settling, and the audit of the cached totals.

What a claim costs is worked out before the ledger is locked; under the lock, totals are read,
compared, written, and the entry is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from privet.claims import Guarantee, from_json
from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import sketches, totals
from privet.govern.budget.amounts import Amount
from privet.govern.budget.balance import left_of, out_of_budget
from privet.govern.budget.filters import charge
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import WHOLE, View, advance, entries_of, roots_of
from privet.govern.budget.totals import Account, Totals, Used
from privet.govern.ledger import Entry, Ledger, Transaction
from privet.govern.ledger.reading import existing as existing_entry

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
    """

    name: str
    purpose: str
    charges: Charges


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
    return Spend(name, purpose, charges)


def check(view: View, used: Totals, spend: Spend) -> None:
    """Return if a spend fits into every budget and cap that it touches.

    Raises:
        OutOfBudget: it does not; the message says what would.
    """
    after = _plus(used, spend)
    for holder, asked in spend.charges.items():
        if not asked:
            continue
        data_set = view.sets[holder]
        for purpose in (WHOLE, spend.purpose):
            if purpose in data_set.limits and not _fits(view, after, holder, purpose):
                raise out_of_budget(view, used, spend.name, holder, purpose, asked)
        if data_set.closed:
            raise out_of_budget(view, used, spend.name, holder, WHOLE, asked)


def reserve(
    ledger: Ledger,
    view: View,
    spend: Spend,
    guarantee: Guarantee,
    payload: dict[str, Any],
    approvals: Callable[[Transaction], Sequence[int]],
) -> Entry:
    """Set budget aside and write the "run.reserve" entry, or neither.

    Args:
        view: what `spend` was worked out from.
        payload: of the entry, with its token; charges and approvals are added.
        approvals: gives the entries that approve the run, as of this transaction, or raises.

    Raises:
        OutOfBudget: too little is left.
    """

    def work(transaction: Transaction) -> Entry:
        now = advance(view, transaction.connection, transaction.tip.seq)
        plan = spend
        if now.sets != view.sets:
            plan = charges_of(now, spend.name, guarantee, spend.purpose)
        used = totals.read(transaction.connection, plan.charges)
        check(now, used, plan)
        agreed = list(approvals(transaction))
        charges = {holder: amount.to_json() for holder, amount in plan.charges.items()}
        entry = transaction.append(
            RESERVE, {**payload, "approvals": agreed, "charges": charges}
        )
        totals.write(transaction.connection, used, _plus(used, plan))
        totals.open_token(transaction.connection, payload["token"], entry.seq)
        return entry

    return ledger.atomically(work)


def settle(
    ledger: Ledger, token: str, kind: Ending, payload: Mapping[str, Any]
) -> Entry:
    """Write how a run ended. Released budget comes back; the rest moves to what is spent.

    Raises:
        Refused: the reservation is not open in this ledger: settled already, or not its own.
    """

    def work(transaction: Transaction) -> Entry:
        seq = totals.close_token(transaction.connection, token)
        if seq is None:
            raise Refused(
                "no reservation is open under this token: it was settled already, or made in "
                "another ledger",
                remedy="one reservation, one commit",
            )
        plan = spend_of(existing_entry(transaction.connection, seq))
        used = totals.read(transaction.connection, plan.charges)
        totals.write(transaction.connection, used, _settled(used, plan, kind))
        return transaction.append(kind, {"reserve": seq, "token": token, **payload})

    return ledger.atomically(work)


def reserved(ledger: Ledger, token: str) -> Entry:
    """The entry of an open reservation.

    Raises:
        Refused: none is open under this token.
    """
    with ledger.reading() as connection:
        seq = totals.find_token(connection, token)
        if seq is None:
            raise Refused("no reservation is open under this token",
                          remedy="one reservation, one commit")
        return existing_entry(connection, seq)


def spend_of(entry: Entry) -> Spend:
    """What a "run.reserve" entry took.

    Raises:
        Refused: it was redacted.
    """
    payload = entry.payload
    if payload is None:
        raise Refused(f"entry {entry.seq}, which reserved this budget, was redacted",
                      remedy="privet budget audit")
    charges = {name: Amount.from_json(item) for name, item in payload["charges"].items()}
    return Spend(payload["request"]["data_set"], payload["request"]["purpose"], charges)


def recomputed(connection: sa.Connection) -> tuple[Totals, dict[str, int], list[str]]:
    """Totals and open reservations as the entries tell them, and what is odd about these."""
    view, used, live, odd = View(), Totals(), dict[int, tuple[str, Spend]](), list[str]()
    view = advance(view, connection)
    for entry in entries_of(connection, RUNS):
        payload = entry.payload
        if payload is None:
            odd.append(f"entry {entry.seq} ({entry.kind}) was redacted: its part cannot be "
                       "recomputed")
        elif entry.kind == RESERVE:
            plan = spend_of(entry)
            odd.extend(_odd_charges(view, entry, plan))
            live[entry.seq] = (payload["token"], plan)
            used = _plus(used, plan)
        elif payload["reserve"] not in live:
            odd.append(f"entry {entry.seq} ({entry.kind}) settles no open reservation")
        else:
            used = _settled(used, live.pop(payload["reserve"])[1], entry.kind)
    odd.extend(
        f"the budget of {name!r} is overspent" for name in view.sets
        if not _fits(view, used, name, WHOLE)
    )
    return used, {token: seq for seq, (token, _) in live.items()}, odd


def audit_totals(ledger: Ledger) -> list[str]:
    """Where cached totals and sketches differ from what the entries say; empty if nowhere."""
    with ledger.reading() as connection:
        used, live, odd = recomputed(connection)
        odd.extend(_odd_sketches(connection))
        if not sa.inspect(connection).has_table(totals.TOTALS.name):
            return [*odd, "the table of totals is missing"] if used else odd
        cached, tokens = totals.read(connection), totals.open_tokens(connection)
    return [*odd, *_differences(used, cached), *_open_differences(live, tokens)]


def rebuild_totals(ledger: Ledger) -> None:
    """Write the cached totals anew from the entries.

    Raises:
        Refused: entries were redacted, so that less would count as spent than was.
    """

    def work(transaction: Transaction) -> None:
        connection = transaction.connection
        used, live, odd = recomputed(connection)
        if odd:
            raise Refused("the totals cannot be recomputed: " + "; ".join(odd),
                          remedy="restore the ledger from before")
        totals.create(connection)
        connection.execute(sa.delete(totals.TOTALS))
        connection.execute(sa.delete(totals.OPEN))
        totals.write(connection, {}, used)
        for token, seq in live.items():
            totals.open_token(connection, token, seq)

    ledger.atomically(work)


def _fits(view: View, used: Totals, holder: str, purpose: str) -> bool:
    left = left_of(view, used, holder, purpose)
    return left.loss >= 0 and left.delta >= 0


def _accounts(spend: Spend) -> Iterator[tuple[Account, Amount]]:
    for holder, amount in spend.charges.items():
        if amount:
            yield Account(holder, spend.name, spend.purpose), amount


def _plus(used: Totals, spend: Spend) -> Totals:
    after = dict(used)
    for account, amount in _accounts(spend):
        after[account] = after.get(account, Used()) + Used(reserved=amount)
    return after


def _settled(used: Totals, spend: Spend, kind: str) -> Totals:
    after = dict(used)
    for account, amount in _accounts(spend):
        old = after.get(account, Used())
        spent = old.spent if kind == RELEASE else old.spent + amount
        after[account] = replace(old, spent=spent, reserved=old.reserved - amount)
    return after


def _odd_charges(view: View, entry: Entry, plan: Spend) -> Iterator[str]:
    payload = entry.payload
    assert payload is not None
    try:
        claim = from_json(payload["request"]["guarantee"])
        # Ancestors are fixed at registration, so today's view says what held then.
        right = charges_of(view, plan.name, claim, plan.purpose)
    except (InvalidInput, OutOfBudget, Refused) as error:
        yield f"entry {entry.seq} ({entry.kind}) holds no claim that could be counted: {error}"
        return
    if dict(right.charges) != dict(plan.charges):
        yield f"entry {entry.seq} ({entry.kind}) charges another amount than its claim costs"


def _odd_sketches(connection: sa.Connection) -> Iterator[str]:
    view = advance(View(), connection)
    for data_set in view.sets.values():
        for seq in data_set.broken:
            yield (f"the sketch of {data_set.name!r} that entry {seq} promises is missing or was "
                   "changed, and no entry says so")
    for seq in sketches.strays(connection, roots_of(view)):
        yield f"a sketch stands in the table for entry {seq}, which promises none"


def _differences(used: Totals, cached: Totals) -> Iterator[str]:
    for account in sorted(set(used) | set(cached)):
        right, seen = used.get(account, Used()), cached.get(account, Used())
        if right != seen:
            yield (
                f"the total of {account.holder!r} through {account.source!r} for purpose "
                f"{account.purpose!r} is {seen.spent.to_json()} spent, "
                f"{seen.reserved.to_json()} reserved; the entries add up to "
                f"{right.spent.to_json()} spent, {right.reserved.to_json()} reserved"
            )


def _open_differences(live: Mapping[str, int], tokens: Mapping[str, int]) -> Iterator[str]:
    for token in sorted(set(live) | set(tokens)):
        if live.get(token) != tokens.get(token):
            yield f"the reservation {token} is open in entry {live.get(token)}, but the table " \
                  f"of open ones names entry {tokens.get(token)}"
