"""Vectors of bounded length: one direction out of a random codebook, those nearest favoured.

A seed, drawn on the device and reported, gives m random directions. The t of them that point
most nearly as the vector does are favoured, and the index of one is reported. This is subset
selection among directions: the optimal codebooks of Isik, Chen, Ozgur, Weissman & No 2023
("Exact optimality of communication-privacy-utility tradeoffs in distributed mean estimation under
local differential privacy"), with independent Gaussian directions. Unlike PrivUnit (Bhowmick et
al. 2018), which draws a real vector and whose epsilon holds up to floating-point error, the report
is a whole number whose chances are known exactly (proofs/local-randomisers.md, section 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from privet.dp.local.odds import Odds
from privet.dp.local.oracle import Array, bits_for
from privet.entropy import Stream, reproducible_stream
from privet.errors import DataError, InvalidInput, positive, whole

_SEEDS = 2**63
_LEAST, _MOST = 32, 2048


@dataclass(frozen=True)
class VectorCode:
    """A vector of Euclidean length at most `radius`, randomised on its owner's device.

    Attributes:
        dimensions: coordinates d.
        epsilon: what one report may reveal, above 0; what exceeds 16 is not used.
        radius: bound on the length, known without the data; longer vectors are scaled down.
        codes: size m of the codebook; about 8 e^epsilon, 32 to 2048, if not given.

    Formal guarantees:
        - For any two vectors and every seed and index, the chances differ by at most the rational
          factor `ratio` <= e^epsilon, given uniform random bits, however the nearest
          directions are computed. The seed does not depend on the vector.
        - Decoded reports are unbiased, since Gaussian directions have no preferred one; the
          directions are made in floating point, which moves the mean by less than 2^-40 of the
          radius.
        - Several reports of one person compose: their epsilons add up.
        - Not claimed: the running time is independent of the vectors.
    """

    dimensions: int
    epsilon: float
    radius: float = 1.0
    codes: int | None = None

    def __post_init__(self) -> None:
        whole(dimensions=self.dimensions)
        Odds.below(self.epsilon)  # refuses what is no budget
        positive(radius=self.radius)
        if self.codes is not None:
            whole(least=2, codes=self.codes)

    @property
    def odds(self) -> Odds:
        """The weights that are drawn with."""
        return Odds.below(self.epsilon)

    @property
    def ratio(self) -> Fraction:
        """The greatest likelihood ratio of any report under two vectors, exactly."""
        return self.odds.ratio

    @property
    def size(self) -> int:
        """m."""
        if self.codes is not None:
            return self.codes
        return int(min(max(8 * math.exp(min(self.epsilon, 16.0)), _LEAST), _MOST))

    @property
    def bits(self) -> int:
        """Bits of a report: 63 of the seed, and the index."""
        return 63 + bits_for(self.size)

    @cached_property
    def favoured(self) -> int:
        """t, at which decoded reports vary least."""
        return min(range(1, self.size // 2 + 1), key=lambda t: -self._gain(t))

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        """Sums over the t largest of m standard normal numbers, of them and of their squares.

        Returns:
            two (m,) arrays for t = 1..m.
        """
        from scipy.special import bdtr, ndtr

        x = np.linspace(-9.0, 9.0, 4001)
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * self.size * (x[1] - x[0])
        first, second = np.empty(self.size), np.empty(self.size)
        above = ndtr(-x)
        for t in range(1, self.size + 1):
            # One of them is among the t largest if fewer than t of the others exceed it.
            among = density * bdtr(t - 1, self.size - 1, above)
            first[t - 1], second[t - 1] = among @ x, among @ (x * x)
        return first, second

    def _gain(self, t: int) -> float:
        """c: the mean of the reported direction along the vector."""
        odds = self.odds
        total = t * odds.favoured + (self.size - t) * odds.other
        return float((odds.favoured - odds.other) * self._moments[0][t - 1] / total)

    @property
    def variance(self) -> float:
        """Variance of one decoded report, in all d + 1 directions together, radius = 1."""
        gain, t, odds = self._gain(self.favoured), self.favoured, self.odds
        total = t * odds.favoured + (self.size - t) * odds.other
        top, every = self._moments[1][t - 1], float(self.size)
        along = (odds.favoured * top + odds.other * (every - top)) / total
        return float((self.dimensions + along) / gain**2 - 1)

    def perturb(self, vectors: Any, *, stream: Stream) -> Array:
        """One report for each of (n, d) vectors: (n, 2) int64, seed and index.

        Raises:
            InvalidInput: something is no vector of d finite numbers; it is not shown.
        """
        units = self._units(vectors)
        seeds = stream.below(_SEEDS, len(units))
        odds, t = self.odds, self.favoured
        total = t * odds.favoured + (self.size - t) * odds.other
        drawn, inside = stream.below(total, len(units)), t * odds.favoured
        rank = np.where(drawn < inside, drawn // odds.favoured,
                        t + (drawn - inside) // odds.other)
        index = [
            self._ranked(unit, int(seed))[place]
            for unit, seed, place in zip(units, seeds, rank, strict=True)
        ]
        return np.column_stack([seeds, np.array(index, np.int64)])

    def chances(self, vector: Any, seed: int) -> list[Fraction]:
        """The chance of each index under one vector and seed, exactly."""
        odds, t = self.odds, self.favoured
        total = t * odds.favoured + (self.size - t) * odds.other
        near = set(self._ranked(self._units([vector])[0], seed)[:t].tolist())
        return [Fraction(odds.favoured if i in near else odds.other, total)
                for i in range(self.size)]

    def decode(self, reports: Any) -> Array:
        """Unbiased vectors, (n, d) float64; their length is about radius sqrt(variance).

        Raises:
            DataError: something is no report.
        """
        found = np.asarray(reports)
        good = found.ndim == 2 and found.shape[1:] == (2,) and found.dtype.kind == "i"
        if not good or (found < 0).any() or (found[:, 1] >= self.size).any():
            raise DataError("something is no report of a vector",
                            bound=f"(n, 2) whole numbers: a seed and an index below {self.size}")
        gain = self._gain(self.favoured)
        out = np.empty((len(found), self.dimensions))
        for row, (seed, index) in enumerate(found.tolist()):
            out[row] = self._directions(seed)[index, :-1]
        return np.asarray(out * (self.radius / gain))

    def estimate(self, reports: Any) -> tuple[Array, Array]:
        """The mean vector and its standard errors, (d,) each.

        Raises:
            DataError: there are fewer than two reports, or something is none.
        """
        found = self.decode(reports)
        if len(found) < 2:
            raise DataError("there are too few reports to estimate from", value=len(found),
                            bound="at least 2")
        return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(len(found))

    def _units(self, vectors: Any) -> Array:
        """(n, d + 1) vectors of length 1: shorter ones get the rest in a further coordinate."""
        found = np.asarray(vectors)
        good = found.dtype.kind in "iuf" and found.ndim == 2
        if not good or found.shape[1] != self.dimensions or not np.isfinite(found).all():
            raise InvalidInput("something is no vector", bound=f"(n, {self.dimensions}) numbers")
        scaled = found / self.radius
        scaled = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1.0)
        rest = np.sqrt(np.maximum(1.0 - (scaled**2).sum(axis=1), 0.0))
        return np.column_stack([scaled, rest])

    def _directions(self, seed: int) -> Array:
        """(m, d + 1) standard normal numbers, the same for everybody who knows the seed."""
        from scipy.special import ndtri

        words = reproducible_stream(seed, "vector code").words(self.size * (self.dimensions + 1))
        uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return np.asarray(ndtri(uniform)).reshape(self.size, self.dimensions + 1)

    def _ranked(self, unit: Array, seed: int) -> Array:
        """Indices by inner product, the nearest first."""
        return np.argsort(-(self._directions(seed) @ unit), kind="stable")
