"""Exact amounts of budget: whole numbers on a grid of 10^-30.

Sums must not depend on their order, and a reservation that is given back must leave no trace,
so amounts are integers. Numbers are read as the decimals that entries hold (0.1 is one tenth, so
ten releases of it fit into 1.0); what is spent is rounded up to the grid, limits are rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from privet.errors import InvalidInput

DIGITS = 30
GRID: int = 10**DIGITS


def exact(number: float) -> Fraction:
    """The decimal that a float is written as, by its shortest `repr`."""
    return Fraction(Decimal(repr(float(number))))


def up(number: Fraction) -> int:
    """The least amount on the grid that is not below the number."""
    return -((-number * GRID) // 1)


def down(number: Fraction) -> int:
    """The greatest amount on the grid that is not above the number."""
    return (number * GRID) // 1


def below(amount: int) -> float:
    """The greatest float whose decimal is not above the amount; 0 for negative amounts."""
    if amount <= 0:
        return 0.0
    guess = amount / GRID
    while up(exact(guess)) > amount:
        guess *= 1 - 2.0**-53
    return guess


@dataclass(frozen=True, slots=True)
class Amount:
    """What a filter adds up, on the grid.

    Attributes:
        loss: epsilon under "basic"; mu squared under "gaussian".
        delta: delta under "basic"; what is added to the Gaussians' delta under "gaussian".
    """

    loss: int = 0
    delta: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.loss + other.loss, self.delta + other.delta)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.loss - other.loss, self.delta - other.delta)

    def __bool__(self) -> bool:
        return self.loss != 0 or self.delta != 0

    def within(self, limit: Amount) -> bool:
        """True if neither part exceeds the limit's."""
        return self.loss <= limit.loss and self.delta <= limit.delta

    def part(self, share: Fraction) -> Amount:
        """The share of both, rounded down; nothing of what is overdrawn."""
        return Amount(max(0, self.loss * share // 1), max(0, self.delta * share // 1))

    def to_json(self) -> dict[str, str]:
        """Both as exact decimals."""
        return {"loss": decimal(self.loss), "delta": decimal(self.delta)}

    @classmethod
    def from_json(cls, record: Any) -> Amount:
        """What `to_json` wrote.

        Raises:
            InvalidInput: it is not that.
        """
        if not isinstance(record, dict) or set(record) != {"loss", "delta"}:
            raise InvalidInput("malformed amount of budget", bound="loss and delta")
        return cls(loss=parsed(record["loss"]), delta=parsed(record["delta"]))


def decimal(amount: int) -> str:
    """An amount as a decimal without an exponent.

    >>> decimal(25 * GRID // 10)
    '2.5'
    """
    whole, part = divmod(abs(amount), GRID)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{DIGITS}d}".rstrip("0").rstrip(".")


def parsed(text: Any) -> int:
    """The amount that `decimal` wrote.

    Raises:
        InvalidInput: it is not that.
    """
    if isinstance(text, str) and len(text) < 400:
        whole, _, part = text.removeprefix("-").partition(".")
        if whole.isdecimal() and len(part) <= DIGITS and (part.isdecimal() or not part):
            size = int(whole) * GRID + int(part.ljust(DIGITS, "0") or "0")
            found = -size if text.startswith("-") else size
            if decimal(found) == text:
                return found
    raise InvalidInput("malformed amount of budget", bound=f"a decimal of {DIGITS} digits")
