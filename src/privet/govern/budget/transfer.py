"""Moving budget between ledgers, never copying it.

A transfer is an entry of the source ledger that lessens its limits, proven by a receipt and
imported once, by the ledger that it names.
"""

from __future__ import annotations

import shlex
from fractions import Fraction
from typing import Any, Literal

from privet.errors import InvalidInput, OutOfBudget, Refused
from privet.govern.budget import totals
from privet.govern.budget.amounts import Amount, exact
from privet.govern.budget.balance import left_of
from privet.govern.budget.basis import view_in
from privet.govern.budget.recount import held
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import (
    IN,
    OUT,
    WHOLE,
    DataSet,
    View,
    from_payload,
    limits_from,
)
from privet.govern.ledger import Entry, Ledger, Receipt, Transaction
from privet.govern.ledger import check as check_receipt

Moved = dict[str, dict[str, Any]]


def export_budget(
    ledger: Ledger, name: str, share: float | Literal["all"], *, to: str
) -> dict[str, Any]:
    """Move a share of what is left of a set's budget to another ledger.

    The budgets of all ancestors lessen by the same amount, since releases over there reach
    their persons as well. What is reserved at this moment stays here.

    Args:
        share: of what is left, above 0 and below 1; "all" also closes the budget here.
        to: identity of the ledger that may import it.

    Returns:
        The record to hand over, as JSON: a receipt of the entry. It holds no sketch and no data.
        One that got lost is `ledger.receipt(entry).to_json()`.

    Raises:
        InvalidInput: no such set, share or identity.
        OutOfBudget: nothing is left, or an ancestor has less left.
        Refused: an ancestor's budget is counted by another filter, or the cached totals were
            changed by another hand.
    """
    part = _share(share)
    if to == ledger.identity or len(to) != 32:
        raise InvalidInput("a budget moves to another ledger", value=to,
                           bound="the identity of another ledger: 32 hex digits",
                           remedy="privet ledger list   # there: its title names the identity")

    def work(transaction: Transaction) -> Entry:
        view = view_in(ledger, transaction)
        data_set = existing(view, name)
        used = held(ledger, transaction)[0].totals
        moved = {
            purpose: left_of(view, used, name, purpose).part(part) for purpose in data_set.limits
        }
        check_movable(view, used, data_set, moved[WHOLE])
        written = {p: amount.to_json() for p, amount in moved.items()}
        above: Moved = {
            holder: {WHOLE: written[WHOLE]} for holder in view.holders(name) if holder != name
        }
        payload = {
            "name": name,
            "to": to,
            "closes": share == "all",
            "moved": {name: written, **above},
            "data_set": _terms(data_set),
        }
        return transaction.append(OUT, payload)

    return ledger.receipt(ledger.atomically(work).seq).to_json()


def import_budget(ledger: Ledger, record: dict[str, Any], *, key: str) -> Entry:
    """Take in a budget that another ledger moved here. The set is registered if it is not yet.

    Args:
        record: what `export_budget` returned.
        key: id of the other ledger's signing key, told by its owner: a record cannot vouch for
            itself.

    Raises:
        InvalidInput: the record is malformed.
        Refused: it was imported already, is for another ledger, or does not hold; or a set of
            this name is counted otherwise here.
    """
    receipt = Receipt.from_json(record)
    wrong = check_receipt(receipt, key=key)
    payload = None if wrong else receipt.entry.payload
    if wrong or receipt.entry.kind != OUT or payload is None:
        raise Refused("the record of the moved budget does not hold: "
                      + ("; ".join(wrong) or "it is about something else"),
                      remedy="ask for the record again, and for the id of the key that signed it")
    if payload["to"] != ledger.identity:
        raise Refused("the budget was moved to another ledger than this one",
                      value=payload["to"], bound=ledger.identity)
    source = (receipt.head.ledger, receipt.entry.seq)
    facts = payload["data_set"]
    incoming = {
        "data_set": facts,
        "from": source[0],
        "entry": source[1],
        "moved": payload["moved"][facts["name"]],
        "record": record,
    }
    _check_record(facts, incoming["moved"])

    def work(transaction: Transaction) -> Entry:
        view = view_in(ledger, transaction)
        if source in view.imported:
            raise Refused("this budget was imported already: it moves, and is never copied",
                          value=f"entry {source[1]} of ledger {source[0]}")
        _check_same(view.sets.get(facts["name"]), facts)
        totals.create(transaction.connection)
        return transaction.append(IN, incoming)

    return ledger.atomically(work)


def _share(share: float | Literal["all"]) -> Fraction:
    if share == "all":
        return Fraction(1)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise InvalidInput("a share of a budget lies between 0 and 1", value=share,
                           bound='0 < share < 1, or "all"', remedy='share="all"')
    return exact(share)


def check_movable(
    view: View, used: totals.Totals, data_set: DataSet, amount: Amount
) -> None:
    """Return if an amount may leave a set's budget and all its ancestors'.

    Raises:
        OutOfBudget: one of them has less left, or the set is closed.
        Refused: they are counted by different filters.
    """
    if data_set.closed:
        raise OutOfBudget(f"the budget of {data_set.name!r} was moved to another ledger")
    for holder in view.holders(data_set.name):
        other = view.sets[holder]
        if other.budget.composition != data_set.budget.composition:
            raise Refused(
                f"the budget of the ancestor {holder!r} is counted by another filter, so that "
                "what leaves cannot be taken from it",
                value=other.budget.composition, bound=data_set.budget.composition,
            )
        left = left_of(view, used, holder)
        if not amount.within(left):
            raise OutOfBudget(f"the budget of {holder!r} has less left than is to leave it",
                              value=amount.to_json(), bound=f"at most {left.to_json()}",
                              remedy=f"privet budget show {shlex.quote(holder)}")


def _terms(data_set: DataSet) -> dict[str, Any]:
    """What the other ledger must know; rows, sketch and relatives stay here."""
    return {
        "name": data_set.name,
        "version": data_set.version,
        "unit": data_set.unit,
        "relation": data_set.relation,
        "max_rows": data_set.max_rows,
        "rows": data_set.rows,
        "units": data_set.units,
        "columns": list(data_set.columns),
        "budget": data_set.budget.to_json(),
        "purposes": {
            purpose: {"epsilon": cap.epsilon, "delta": cap.delta}
            for purpose, cap in data_set.purposes.items()
        },
        "parents": [],
        "disjoint_from": [],
        "owner": data_set.owner,
        "owner_key": data_set.owner_key,
        "sketch": None,
    }


def _check_same(known: DataSet | None, facts: dict[str, Any]) -> None:
    if known is None:
        return
    here = (known.unit, known.relation, known.max_rows, known.budget.to_json(),
            set(known.purposes))
    there = (facts["unit"], facts["relation"], facts["max_rows"], facts["budget"],
             set(facts["purposes"]))
    if here != there:
        raise Refused(
            f"the registered {known.name!r} is counted otherwise than the budget that comes",
            value=there, bound=repr(here),
        )


def _check_record(facts: Any, moved: Any) -> None:
    """Refuse what could not be understood once it stands in the ledger."""
    try:
        known = from_payload(facts, 0)
        limits = limits_from(moved)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput("the record of the moved budget was written by another release",
                           remedy="pip install --upgrade privet") from error
    amounts = [part for limit in limits.values() for part in (limit.loss, limit.delta)]
    if set(limits) != set(known.limits) or min(amounts) < 0:
        raise InvalidInput("the record of the moved budget does not name its parts",
                           value=sorted(limits), bound=", ".join(map(repr, known.limits)))
