"""What the entries of a ledger say about budgets: charges of runs, and moves between ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from privet.errors import InvalidInput
from privet.govern.budget.amounts import Amount
from privet.govern.budget.sets import ADOPT, IN, OUT
from privet.govern.facts import Charge, End, Fact, Move

MOVES: dict[str, Literal["out", "in", "adopt"]] = {OUT: "out", IN: "in", ADOPT: "adopt"}
COUNTED = ("run.reserve", "run.release", *MOVES)
"""Entries that change what is spent or left."""


class Accounts:
    """A fold over the entries that change budgets.

    Attributes:
        charges: of all reservations, in order.
        moves: in order.
        uncounted: entries that change a budget and cannot be read.
        disjoint: pairs of data sets that are declared to share no unit, with the entry.
    """

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self.moves: list[Move] = []
        self.uncounted: list[int] = []
        self.disjoint: dict[frozenset[str], int] = {}
        self._of: dict[int, range] = {}

    def reserve(self, seq: int, body: dict[str, Any]) -> None:
        """Read the charges of a reservation."""
        request = body.get("request")
        source = request.get("data_set") if isinstance(request, dict) else None
        amounts = _amounts(body.get("charges"))
        if amounts is None or not isinstance(request, dict) or not isinstance(source, str):
            self.uncounted.append(seq)
            return
        purpose = request.get("purpose")
        start = len(self.charges)
        self.charges += [
            Charge(holder=holder, source=source, amount=amount, reserved=seq,
                   purpose=purpose if isinstance(purpose, str) else "")
            for holder, amount in amounts.items()
        ]  # fmt: skip
        self._of[seq] = range(start, len(self.charges))

    def end(self, reserve: Any, ended: Fact[End]) -> None:
        """Read how a reservation was settled; the first end counts."""
        for at in self._of.pop(reserve, range(0)) if isinstance(reserve, int) else ():
            self.charges[at] = replace(self.charges[at], ended=ended)

    def move(self, seq: int, kind: str, body: dict[str, Any]) -> None:
        """Read a transfer, or what an owner gave up."""
        found = list(_moves(seq, MOVES[kind], body))
        if found:
            self.moves += found
        else:
            self.uncounted.append(seq)

    def register(self, seq: int, name: str, others: tuple[str, ...]) -> None:
        """Remember which sets share no unit with a new one."""
        self.disjoint |= {frozenset((name, other)): seq for other in others}


def _moves(
    seq: int, kind: Literal["out", "in", "adopt"], body: dict[str, Any]
) -> Iterator[Move]:
    moved = body.get("lost" if kind == "adopt" else "moved")
    facts = body.get("data_set")
    name = facts.get("name") if isinstance(facts, dict) else None
    if kind == "in":
        moved = {name: moved} if isinstance(name, str) else None
    for holder, parts in moved.items() if isinstance(moved, dict) else ():
        for purpose, amount in (_amounts(parts) or {}).items():
            closes = kind == "out" and body.get("closes") is True and holder == body.get("name")
            yield Move(seq=seq, kind=kind, holder=holder, purpose=purpose, amount=amount,
                       closes=closes)  # fmt: skip


def _amounts(record: Any) -> dict[str, Amount] | None:
    """Amounts by name; None if they are absent or malformed."""
    if not isinstance(record, dict) or not record:
        return None
    try:
        return {str(name): Amount.from_json(amount) for name, amount in record.items()}
    except InvalidInput:
        return None
