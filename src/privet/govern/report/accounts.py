"""What became of a budget, as statements: spent, set aside, moved and left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from privet.errors import PrivetError
from privet.govern.budget import Amount, Budget, Level
from privet.govern.budget.balance import level
from privet.govern.budget.exposure import exposure
from privet.govern.budget.sets import WHOLE
from privet.govern.evidence import Evidence
from privet.govern.facts import Charge, DataSet
from privet.govern.report.document import MISSING, Line, Statement, number, recorded

_SPENT, _OPEN, _BACK = ("committed", "forfeited"), (None,), ("released",)
_MOVED = {"out": "moved to another ledger", "in": "moved here from another ledger",
          "adopt": "given up by the owner for an earlier ledger"}  # fmt: skip


def accounts(evidence: Evidence, data: DataSet | None, purpose: str) -> tuple[Line, ...]:
    """What was spent from the budget of a data set, by all purposes and by one, and what is left.

    Runs on derived sets spend from it, too. What entries say that cannot be read is not counted,
    and then nobody can say what is left.
    """
    names = ("Spent", "Set aside for runs that have not ended", "Moved between ledgers", "Left")
    budget = _budget(data, WHOLE)
    if data is None or budget is None:
        return tuple(Line(name, MISSING) for name in names)
    scopes = [WHOLE, *([purpose] if purpose else [])]
    said: list[list[Statement]] = [[], [], [], []]
    for scope in scopes:
        cap = _budget(data, scope)
        book = _Book(evidence, data, scope, cap or budget)
        said[0] += book.spent()
        said[1] += book.aside()
        said[2] += book.moved() if cap else []
        said[3] += book.left() if cap else []
    if evidence.uncounted:
        unread = recorded("not counted: what cannot be read", evidence.uncounted)
        said[0].append(unread)
        said[3] = [*MISSING]
    return tuple(Line(name, tuple(part)) for name, part in zip(names, said, strict=True))


class _Book:
    """The account of one budget, as a whole or for one purpose."""

    def __init__(self, evidence: Evidence, data: DataSet, purpose: str, budget: Budget) -> None:
        self._data, self._purpose, self._budget = data, purpose, budget
        self._disjoint = evidence.disjoint
        self._charges = [item for item in evidence.charges
                         if item.holder == data.name and purpose in (WHOLE, item.purpose)]
        self._moves = [item for item in evidence.moves
                       if item.holder == data.name and item.purpose == purpose]  # fmt: skip
        self._scope = f"for {purpose}" if purpose else "for all purposes together"

    def spent(self) -> list[Statement]:
        """By runs that ended; and what was given back."""
        found = self._said(_SPENT, "")
        return [*found, *self._said(_BACK, ", set aside and given back unused")] if found else [
            Statement(f"nothing {self._scope}: no entry up to the head says otherwise", "head"),
            *self._said(_BACK, ", set aside and given back unused"),
        ]

    def aside(self) -> list[Statement]:
        """By runs that have not ended."""
        return self._said(_OPEN, "") or [Statement(f"nothing {self._scope}", "head")]

    def moved(self) -> list[Statement]:
        """By transfers, each by itself."""
        return [recorded(f"{self._text(item.amount)} {self._scope}, {_MOVED[item.kind]}",
                         [item.seq])
                for item in self._moves] or [Statement(f"nothing {self._scope}", "head")]

    def left(self) -> list[Statement]:
        """The limit, less what was spent and set aside."""
        known = self._data.purposes if self._purpose else self._data.budget
        used = [item for item in self._charges if _end(item) not in _BACK]
        seqs = [*([known.seq] if known else []), *(item.seq for item in self._moves),
                *_seqs(used), *self._parallel(used)]  # fmt: skip
        if self._moves and self._moves[-1].closes:
            return [recorded(f"nothing {self._scope}: the budget was moved to another ledger",
                             seqs)]
        limit = Amount() if self._data.imported else self._budget.limit
        for item in self._moves:
            limit = limit + item.amount if item.kind == "in" else limit - item.amount
        left = limit - self._amount(used)
        at_least = Amount(max(0, left.loss), max(0, left.delta))
        over = "; more was spent than that" if at_least != left else ""
        return [recorded(f"{self._text(at_least)} {self._scope}{over}", seqs)]

    def _said(self, ends: Sequence[str | None], more: str) -> list[Statement]:
        found = [item for item in self._charges if _end(item) in ends]
        if not found:
            return []
        runs = len({item.reserved for item in found})
        many = f"{runs:,} run{'s' if runs > 1 else ''}"
        return [recorded(f"{self._text(self._amount(found))} {self._scope}, by {many}{more}",
                         [*_seqs(found), *self._parallel(found)])]  # fmt: skip

    def _amount(self, charges: Iterable[Charge]) -> Amount:
        """The most that one unit is exposed to: disjoint sets do not add up."""
        return exposure(_by_source(charges), self._apart)

    def _apart(self, first: str, second: str) -> bool:
        return frozenset((first, second)) in self._disjoint

    def _parallel(self, charges: Iterable[Charge]) -> list[int]:
        """The entries that say which of these sets share no unit."""
        names = {item.source for item in charges}
        return [seq for pair, seq in self._disjoint.items() if pair <= names]

    def _text(self, amount: Amount) -> str:
        return shown(level(amount, self._budget), self._budget)


def shown(amount: Level, budget: Budget) -> str:
    """An amount of budget in words."""
    if budget.composition == "basic":
        return f"epsilon {number(amount.epsilon)}, delta {number(amount.delta)}"
    return (f"mu squared {number(amount.loss)} (epsilon {number(amount.epsilon)} at delta "
            f"{number(budget.mechanism_delta)}), delta {number(amount.delta)} besides")


def _budget(data: DataSet | None, purpose: str) -> Budget | None:
    """The budget of a data set or of one of its purposes; None if no entry that holds says so."""
    whole: Any = data.budget.value if data and data.budget else None
    if purpose and data is not None and isinstance(whole, dict):
        own = data.purposes.value.get(purpose) if data.purposes else None
        whole = {**whole, **own} if isinstance(own, dict) else None
    try:
        return Budget.from_json(whole)
    except (PrivetError, TypeError):
        return None


def _by_source(charges: Iterable[Charge]) -> dict[str, Amount]:
    found: dict[str, Amount] = {}
    for item in charges:
        found[item.source] = found.get(item.source, Amount()) + item.amount
    return found


def _end(item: Charge) -> str | None:
    return item.ended.value if item.ended else None


def _seqs(charges: Iterable[Charge]) -> list[int]:
    return [seq for item in charges for seq in item.seqs]
