"""Which ledger counts for a data set, and giving up an older or a forked one.

A pin is what the owner of a data set keeps of the ledger that counts for it: the same ledger
must still hold that head. A restored backup or a fork does not, and is refused until the owner
signs that it counts.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

import sqlalchemy as sa

from privet.errors import InvalidInput, Refused
from privet.govern.budget.amounts import Amount
from privet.govern.budget.basis import basis_in, view_in
from privet.govern.budget.filters import Budget
from privet.govern.budget.recount import held
from privet.govern.budget.relatives import existing
from privet.govern.budget.sets import ADOPT, WHOLE, DataSet, View
from privet.govern.budget.transfer import check_movable
from privet.govern.ledger import Entry, Head, Ledger, SigningKey, Transaction, canonical
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.reading import existing as existing_entry
from privet.govern.ledger.reading import head_at, load_keys
from privet.govern.ledger.succession import Keys

_ADOPT = b"privet budget adopt 1"


@dataclass(frozen=True)
class Pin:
    """The head of a ledger that the owner of a data set has seen.

    Attributes:
        ledger: its identity.
        size: how many entries it had.
        root: hex of their Merkle root.
    """

    ledger: str
    size: int
    root: str

    def digest(self) -> str:
        """64 hex digits that name this pin."""
        return hashlib.sha256(
            canonical({"ledger": self.ledger, "size": self.size, "root": self.root})
        ).hexdigest()


def pin(ledger: Ledger) -> Pin:
    """What to keep beside a data set's policy; a newer one takes its place after each use."""
    head = ledger.head()
    return Pin(head.ledger, head.size, head.root.hex())


def check_pin(ledger: Ledger, name: str, pinned: Pin) -> None:
    """Return if the ledger is the pinned one, grown, or its owner has signed that it counts.

    Raises:
        Refused: another ledger, an older state of it, or a fork.
    """
    problem = problem_of(ledger, pinned)
    if problem is None:
        return
    if not _adopters(ledger, pinned).get(name, False):
        raise Refused(
            f"this ledger must not spend the budget of {name!r}: {problem}",
            value=f"ledger {ledger.identity} of {ledger.head().size} entries",
            bound=f"ledger {pinned.ledger} of at least {pinned.size} entries",
            remedy=f"privet ledger adopt {shlex.quote(name)} --lost EPSILON --reason TEXT",
        )


def problem_of(ledger: Ledger, pinned: Pin) -> str | None:
    """Why a ledger is not the one that was seen, grown; None if it is."""
    if pinned.ledger != ledger.identity:
        return "it is another ledger than the one that was seen"
    if ledger.head().size < pinned.size:
        return "it is older than the one that was seen: a restored backup?"
    receipt = ledger.receipt(pinned.size, size=pinned.size)
    if receipt.head.root.hex() != pinned.root:
        return "it is a fork of the one that was seen"
    return None


def outstanding(ledger: Ledger, pinned: Pin) -> tuple[str, ...] | None:
    """The sets whose owners have not signed that this ledger counts in the place of the pinned
    one; None if it has no sets at all, so that nobody could have.
    """
    found = _adopters(ledger, pinned)
    return tuple(name for name, signed in found.items() if not signed) if found else None


def _adopters(ledger: Ledger, pinned: Pin) -> dict[str, bool]:
    """Of each set, whether its owner has signed that this ledger counts for the pinned one."""
    with ledger.reading() as connection:
        view = basis_in(ledger, connection).view(View(), connection)
        return {
            name: any(_signed(connection, ledger.identity, data_set, pinned, seq)
                      for seq in view.adopted.get((name, pinned.digest()), ()))
            for name, data_set in view.sets.items()
        }


def _signed(
    connection: sa.Connection, identity: str, data_set: DataSet, pinned: Pin, seq: int
) -> bool:
    """True if the owner has signed what an entry says; the ledger's key alone signs entries."""
    payload = existing_entry(connection, seq).payload
    head = head_at(connection, identity, seq - 1)
    if payload is None or head is None:
        return False
    try:
        stated, signature = payload["stated"], bytes.fromhex(payload["signature"])
        lost = None if stated is None else Budget.from_json(stated)
    except (KeyError, TypeError, ValueError):
        return False
    statement = adoption_statement(identity, head, data_set.name, pinned, lost)
    key = _owner(data_set, load_keys(connection, identity, before=seq))
    return signed_by(key, signature, statement)


def _owner(data_set: DataSet, keys: Keys) -> bytes:
    """The public key that adopts for a set: its owner's, else the ledger's."""
    return bytes.fromhex(data_set.owner_key) if data_set.owner_key else keys.current or b""


def adoption_statement(
    ledger: str, head: Head, name: str, pinned: Pin, lost: Budget | None
) -> bytes:
    """What an owner signs, so that a ledger counts in the place of the pinned one."""
    spent = canonical(None if lost is None else lost.to_json())
    return framed(_ADOPT, ledger, head.size, head.root, name, pinned.digest(), spent)


def adopt(
    ledger: Ledger,
    name: str,
    pinned: Pin,
    owner: SigningKey | None,
    *,
    lost: Budget | None,
    reason: str,
) -> Entry:
    """Let a ledger count for a data set in the place of the pinned one.

    Args:
        owner: the key that the data set was registered with; None signs with the ledger's key
            for a set that was registered without one.
        lost: what was spent meanwhile as far as the owner knows; None says nothing was. It is
            taken from the set's budget and from all its ancestors'.
        reason: why the pinned ledger is gone.

    Raises:
        InvalidInput: no such set, no reason, or `lost` is counted otherwise.
        Refused: the key is not the owner's, or the owner's is needed; or the cached totals were
            changed by another hand.
        OutOfBudget: more was spent meanwhile than is left here.
    """
    if not reason.strip():
        raise InvalidInput("an adoption needs a reason", value=reason)
    head = ledger.head()
    statement = adoption_statement(ledger.identity, head, name, pinned, lost)

    def work(transaction: Transaction) -> Entry:
        view = view_in(ledger, transaction)
        data_set = existing(view, name)
        keys = transaction.tip.keys
        signer = owner or ledger.keyring.current(keys)
        signature = signer.sign(statement)
        if transaction.tip.seq != head.size or signer.public != _owner(data_set, keys):
            raise Refused(
                f"this key does not own {name!r}, or something was written meanwhile",
                value=signer.id,
                bound="the key given as owner_key when it was registered"
                if data_set.owner_key else "the ledger's own key: it was registered without one",
                remedy="--owner-key FILE" if data_set.owner_key else None,
            )
        used = held(ledger, transaction)[0].totals
        gone = _lost(data_set, lost)
        check_movable(view, used, data_set, gone)
        payload = {
            "data_set": name,
            "pin": pinned.digest(),
            "pinned": {"ledger": pinned.ledger, "size": pinned.size, "root": pinned.root},
            "size": head.size,
            "lost": {holder: {WHOLE: gone.to_json()} for holder in view.holders(name)},
            "stated": None if lost is None else lost.to_json(),
            "reason": reason,
            "signer": signer.public.hex(),
            "signature": signature.hex(),
        }
        return transaction.append(ADOPT, payload)

    return ledger.atomically(work)


def _lost(data_set: DataSet, lost: Budget | None) -> Amount:
    if lost is None:
        return Amount()
    if lost.composition != data_set.budget.composition:
        raise InvalidInput("what was lost is counted by the data set's filter",
                           value=lost.composition, bound=data_set.budget.composition)
    if lost.composition == "basic":
        return lost.limit
    # Its delta counts the Gaussians; that of noise on a grid goes in the same proportion.
    loss, whole = lost.limit.loss, data_set.budget.limit
    return Amount(loss, -(-whole.delta * loss // whole.loss))
