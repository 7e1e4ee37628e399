"""Frequent values of a domain too large to list: words, addresses of pages, codes of products.

The prefix extending method (Wang, Li & Jha 2019, "Locally differentially private heavy hitter
identification"): values are strings of bits; clients fall at random into groups, and those of one
group report a prefix of one length with all of their epsilon. The server finds the frequent
prefixes of the shortest length, extends each by a few bits, and looks among those in the next
group's reports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.dp.local.hashed import MOST_BITS, HashedSubset
from privet.dp.local.oracle import Array
from privet.entropy import Stream
from privet.errors import DataError, InvalidInput, whole

LONGEST_TEXT = MOST_BITS // 8
"""Bytes of a text that fit a value."""


@dataclass(frozen=True)
class Hitters:
    """Frequent values, the most frequent first.

    Attributes:
        values: (h,) int64.
        shares: (h,) unbiased for values named beforehand; of those found, a little too large.
        errors: (h,) standard errors.
        reports: how many reports of the last group the shares rest on.
    """

    values: Array
    shares: Array
    errors: Array
    reports: int


@dataclass(frozen=True)
class PrefixSearch:
    """How clients report, and how the server searches; both sides know all of it.

    Attributes:
        bits: length of a value, 2 to 60.
        epsilon: what one client's report reveals; each sends one.
        keep: how many prefixes are followed, and values returned at most.
        step: bits by which prefixes grow; a candidate costs a look at every report of a group.

    Formal guarantees: a report is epsilon-locally differentially private (`HashedSubset`): the
    group is drawn without looking at the value. Its communication is `report_bits`; the server's
    work is n keep 2^step looks. What is found is post-processing.
    """

    bits: int
    epsilon: float
    keep: int = 32
    step: int = 4

    def __post_init__(self) -> None:
        if not 2 <= whole(bits=self.bits) <= MOST_BITS:
            raise InvalidInput("values have too many bits", value=self.bits,
                               bound=f"2 to {MOST_BITS}", remedy="bits=48")
        whole(keep=self.keep)
        whole(step=self.step)
        HashedSubset(self.epsilon)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The length of each group's prefixes, in bits; the last is that of a value."""
        first = min(self.bits, math.ceil(math.log2(self.keep)) + self.step)
        rest = math.ceil((self.bits - first) / self.step)
        return tuple(self.bits - self.step * back for back in range(rest, -1, -1))

    @property
    def oracle(self) -> HashedSubset:
        """What randomises a prefix."""
        return HashedSubset(self.epsilon)

    @property
    def report_bits(self) -> int:
        """Bits that one client sends."""
        return self.oracle.bits + max(1, math.ceil(math.log2(len(self.lengths))))

    def perturb(self, values: Any, *, stream: Stream) -> Array:
        """One report for each of (n,) values in 0..2^bits - 1: (n, 3) uint64, group and line.

        Raises:
            InvalidInput: a value lies outside the domain (it is not shown).
        """
        found = np.asarray(values)
        inside = found.ndim == 1 and found.dtype.kind in "iu"
        if not inside or (len(found) and not (found.min() >= 0 and found.max() < 2**self.bits)):
            raise InvalidInput("a value lies outside the domain",
                               bound=f"(n,) whole numbers below 2^{self.bits}")
        group = stream.below(len(self.lengths), len(found))
        cut = self.bits - np.array(self.lengths)[group]
        prefixes = found.astype(np.uint64) >> cut.astype(np.uint64)
        lines = self.oracle.perturb(prefixes, stream=stream)
        return np.column_stack([group.astype(np.uint64), lines])

    def find(self, reports: Any, *, false_alarm: float = 0.05) -> Hitters:
        """The frequent values.

        Args:
            reports: (n, 3) as `perturb` gives them.
            false_alarm: chance that a value nobody has is among those returned, about.

        Raises:
            DataError: something is no report, or a group has none.
        """
        found = np.asarray(reports)
        good = found.ndim == 2 and found.shape[1:] == (3,) and found.dtype == np.uint64
        if not good or (found[:, 0] >= np.uint64(len(self.lengths))).any():
            raise DataError("something is no report of a prefix search",
                            bound=f"(n, 3) whole numbers, the first below {len(self.lengths)}")
        candidates = np.arange(2 ** self.lengths[0], dtype=np.uint64)
        for group in range(len(self.lengths)):
            lines = found[found[:, 0] == np.uint64(group), 1:]
            if not len(lines):
                raise DataError("a group of clients sent no report", value=group,
                                bound="reports of every group", remedy="more clients, or step=8")
            seen = self.oracle.frequencies(self.oracle.counts(lines, candidates), len(lines))
            best = np.argsort(-seen.shares, kind="stable")[: self.keep]
            if group + 1 < len(self.lengths):
                grow = self.lengths[group + 1] - self.lengths[group]
                ends = np.arange(2**grow, dtype=np.uint64)
                candidates = ((candidates[best] << np.uint64(grow))[:, None] | ends).ravel()
        return self._surest(candidates[best], seen.shares[best], seen.errors[best], len(lines),
                            len(candidates), false_alarm)

    def _surest(
        self, values: Array, shares: Array, errors: Array, reports: int, tried: int, alarm: float
    ) -> Hitters:
        """Those whose share is too large for the noise of so many candidates."""
        from scipy.special import ndtri

        none = float(self.oracle.frequencies(np.array([float(self.oracle.q) * reports]),
                                             reports).errors[0])
        sure = shares > -float(ndtri(alarm / tried)) * none
        return Hitters(values[sure].astype(np.int64), shares[sure], errors[sure], reports)


def encode_texts(texts: Sequence[str], bits: int) -> Array:
    """Values of `bits` bits for texts: their first bytes in UTF-8, padded with zeros, (n,) int64.

    Raises:
        InvalidInput: bits are not whole bytes, 8 to 56.
    """
    size = _bytes(bits)
    return np.array([int.from_bytes(text.encode()[:size].ljust(size, b"\0"), "big")
                     for text in texts], np.int64)


def decode_texts(values: Any, bits: int) -> list[str]:
    """The texts that `encode_texts` was given, as far as they fit; a cut letter is left out."""
    size = _bytes(bits)
    return [int(value).to_bytes(size, "big").rstrip(b"\0").decode(errors="ignore")
            for value in values]


def _bytes(bits: int) -> int:
    if bits % 8 or not 8 <= bits <= 8 * LONGEST_TEXT:
        raise InvalidInput("texts need whole bytes", value=bits, bound="8, 16, ... 56",
                           remedy="bits=48")
    return bits // 8
