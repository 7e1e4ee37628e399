"""How far a randomiser may favour one report over another: a ratio of two whole numbers.

e^epsilon is irrational, so no finite computer can realise it. `Odds.below` takes the largest
ratio favoured / other with 21 significant bits that does not exceed e^epsilon, and randomisers
draw with these whole numbers as weights. So the likelihood ratio of every randomiser here is a
rational number that is known exactly, and the epsilon claimed is an upper bound of its logarithm
(proofs/local-randomisers.md, section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from privet.errors import InvalidBudget, positive

LARGEST = 16.0
"""Beyond it nothing more is spent: reports are then true but for one in nine million."""
SMALLEST = 1e-6
_BITS = 21
_EXACT = Context(prec=60, rounding=ROUND_FLOOR, Emax=10**6, Emin=-(10**6))


@dataclass(frozen=True)
class Odds:
    """Weights of a favoured outcome and of any other one.

    Attributes:
        favoured, other: whole numbers; favoured / other <= e^epsilon.
    """

    favoured: int
    other: int

    @classmethod
    @lru_cache(maxsize=256)
    def below(cls, epsilon: float) -> Odds:
        """The odds that spend epsilon, rounded down; above 16, those of 16.

        Raises:
            InvalidBudget: epsilon is not finite and positive, or below 10^-6.
        """
        given, epsilon = epsilon, min(positive(epsilon=epsilon), LARGEST)
        # Decimal(float) is exact; exp is correctly rounded, so one last digit less is below it.
        bound = _EXACT.next_minus(_EXACT.exp(Decimal(epsilon)))
        whole = max(int(bound), 1)
        other = 1 << max(0, _BITS - whole.bit_length())
        favoured = int(_EXACT.multiply(bound, Decimal(other)))
        if favoured <= other:
            raise InvalidBudget("epsilon is too small to be told from 0", value=given,
                                bound=f">= {SMALLEST:g}", remedy="epsilon=0.1")
        return cls(favoured, other)

    @property
    def ratio(self) -> Fraction:
        """The greatest ratio of the chances of one report under two values."""
        return Fraction(self.favoured, self.other)


def within(ratio: Fraction, epsilon: float) -> bool:
    """Say whether a likelihood ratio is at most e^epsilon, decided in exact arithmetic."""
    bound = _EXACT.next_minus(_EXACT.exp(Decimal(epsilon)))
    return ratio <= Fraction(bound)
