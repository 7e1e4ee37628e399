"""Three randomisers for a number within bounds: one bit, a window of cells, a mixture of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from privet.dp.local.number import NumberRandomiser
from privet.dp.local.oracle import Array
from privet.entropy import Stream

_COIN_BITS = 16


@dataclass(frozen=True)
class Duchi(NumberRandomiser):
    """One bit whose mean is linear in the number (Duchi, Jordan & Wainwright 2018, section 3).

    The least variance where epsilon is small.
    """

    name: ClassVar[str] = "duchi"

    @property
    def outcomes(self) -> int:
        """0 and 1."""
        return 2

    @property
    def _total(self) -> int:
        return (self.odds.favoured + self.odds.other) * self.grid

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """1 with chance (B G + (A - B) j) / ((A + B) G)."""
        odds = self.odds
        limit = odds.other * self.grid + (odds.favoured - odds.other) * points
        return (stream.below(self._total, len(points)) < limit).astype(np.int64)

    def chances(self, point: int) -> list[Fraction]:
        """Of 0 and of 1."""
        odds = self.odds
        one = Fraction(odds.other * self.grid + (odds.favoured - odds.other) * point, self._total)
        return [1 - one, one]

    def decode_grid(self, reports: Array) -> Array:
        """The two points whose mixture has the right mean."""
        odds = self.odds
        total, gap = odds.favoured + odds.other, odds.favoured - odds.other
        ends = np.array([-odds.other, total - odds.other]) * (self.grid / gap)
        return np.asarray(ends[reports])

    def variance(self, number: float) -> float:
        """C^2 - t^2 on [-1, 1], C = (A + B) / (A - B)."""
        odds, half = self.odds, (self.high - self.low) / 2
        most = (odds.favoured + odds.other) / (odds.favoured - odds.other)
        scaled = 2 * self._scaled(number) / self.grid - 1
        return (most**2 - scaled**2) * half**2


@dataclass(frozen=True)
class Piecewise(NumberRandomiser):
    """A cell out of many, those in a window that moves with the number being favoured.

    The window has the width of the piecewise mechanism (Wang et al. 2019, "Collecting and
    analyzing multidimensional data with local differential privacy", section 3.1): W / G =
    e^(-epsilon / 2). Reports tell squares as well as means.
    """

    name: ClassVar[str] = "piecewise"

    @cached_property
    def window(self) -> int:
        """W, in cells."""
        return max(1, round(self.grid * math.exp(-min(self.epsilon, 16.0) / 2)))

    @property
    def outcomes(self) -> int:
        """N = G + W cells."""
        return self.grid + self.window

    @property
    def _total(self) -> int:
        return self.window * self.odds.favoured + self.grid * self.odds.other

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """A cell in j .. j + W - 1 with weight A each, any other with weight B."""
        odds, inside = self.odds, self.window * self.odds.favoured
        drawn = stream.below(self._total, len(points))
        other = (drawn - inside) // odds.other
        other = np.where(other < points, other, other + self.window)
        return np.where(drawn < inside, points + drawn // odds.favoured, other)

    def chances(self, point: int) -> list[Fraction]:
        """By whether the cell lies in the window."""
        odds = self.odds
        return [
            Fraction(odds.favoured if point <= cell < point + self.window else odds.other,
                     self._total)
            for cell in range(self.outcomes)
        ]

    @cached_property
    def _line(self) -> tuple[float, float]:
        """(c0, c1): the mean cell is c0 + c1 j."""
        odds, w, n = self.odds, self.window, self.outcomes
        gap = odds.favoured - odds.other
        start = Fraction(odds.other * (n * (n - 1) // 2) + gap * (w * (w - 1) // 2), self._total)
        return float(start), float(Fraction(gap * w, self._total))

    @cached_property
    def _curve(self) -> tuple[float, float]:
        """(s0, s1): the mean square of the cell is s0 + s1 j + c1 j^2."""
        odds, w, n = self.odds, self.window, self.outcomes
        gap = odds.favoured - odds.other
        start = Fraction(odds.other * _squares(n) + gap * _squares(w), self._total)
        return float(start), float(Fraction(gap * w * (w - 1), self._total))

    def decode_grid(self, reports: Array) -> Array:
        """(cell - c0) / c1."""
        start, slope = self._line
        return np.asarray((reports - start) / slope)

    def decode_squares(self, reports: Array) -> Array:
        """Unbiased squares of grid points, (n,) float64."""
        start, slope = self._curve
        rest = reports.astype(np.float64) ** 2 - start - slope * self.decode_grid(reports)
        return np.asarray(rest / self._line[1])

    def variance(self, number: float) -> float:
        """Of the cell, over c1^2."""
        point, (start, slope), (square, line) = self._scaled(number), self._line, self._curve
        spread = square + line * point + slope * point**2 - (start + slope * point) ** 2
        return spread / slope**2 * self._unit() ** 2


@dataclass(frozen=True)
class Hybrid(NumberRandomiser):
    """Piecewise with chance 1 - e^(-epsilon / 2), else Duchi; Duchi alone up to epsilon 0.61.

    The least worst-case variance of the three (Wang et al. 2019, section 3.2). The coin does not
    depend on the number; reports of Duchi come behind those of Piecewise.
    """

    name: ClassVar[str] = "hybrid"

    @cached_property
    def piecewise(self) -> Piecewise:
        """One of the two that are mixed."""
        return Piecewise(self.low, self.high, self.epsilon, self.grid)

    @cached_property
    def duchi(self) -> Duchi:
        """The other one."""
        return Duchi(self.low, self.high, self.epsilon, self.grid)

    @cached_property
    def share(self) -> Fraction:
        """Chance of Piecewise: a multiple of 2^-16."""
        if self.epsilon <= 0.61:
            return Fraction(0)
        return Fraction(round(2**_COIN_BITS * -math.expm1(-min(self.epsilon, 16.0) / 2)),
                        2**_COIN_BITS)

    @property
    def outcomes(self) -> int:
        """Those of both."""
        return self.piecewise.outcomes + 2

    def perturb_grid(self, points: Array, *, stream: Stream) -> Array:
        """A report of either, by the coin."""
        if not self.share:
            return self.piecewise.outcomes + self.duchi.perturb_grid(points, stream=stream)
        coin = stream.below(2**_COIN_BITS, len(points)) < int(self.share * 2**_COIN_BITS)
        behind = self.piecewise.outcomes + self.duchi.perturb_grid(points, stream=stream)
        return np.where(coin, self.piecewise.perturb_grid(points, stream=stream), behind)

    def chances(self, point: int) -> list[Fraction]:
        """Those of both, by the chance of the coin."""
        first = [self.share * chance for chance in self.piecewise.chances(point)]
        return first + [(1 - self.share) * chance for chance in self.duchi.chances(point)]

    def decode_grid(self, reports: Array) -> Array:
        """By the one that was used."""
        cells = self.piecewise.outcomes
        return np.where(
            reports < cells,
            self.piecewise.decode_grid(reports),
            self.duchi.decode_grid(np.maximum(reports - cells, 0)),
        )

    def variance(self, number: float) -> float:
        """The mixture of both: either is unbiased."""
        share = float(self.share)
        return share * self.piecewise.variance(number) + (1 - share) * self.duchi.variance(number)


def _squares(count: int) -> int:
    """0^2 + 1^2 + ... + (count - 1)^2."""
    return (count - 1) * count * (2 * count - 1) // 6


NUMBERS: dict[str, type[NumberRandomiser]] = {
    randomiser.name: randomiser for randomiser in (Duchi, Piecewise, Hybrid)
}
"""By their names in files."""
