"""Many biased coins at once, packed: exact for chances that are multiples of a power of two."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.entropy import Stream
from privet.errors import InvalidInput

_WORDS = 1 << 13
"""Words at a time, so that they stay in the fastest cache."""


def bernoulli_bits(stream: Stream, chance: Fraction, count: int) -> NDArray[np.uint8]:
    """`count` bytes of independent bits that are 1 with exactly this chance.

    Starting from zeros, and from the lowest binary digit of the chance to the highest, fresh
    random words are joined by OR where the digit is 1, by AND where it is 0: each step halves the
    chance that has come so far, and adds 1/2 where the digit is 1.

    Args:
        stream: where fair bits come from; one for each digit of the chance and bit of the result.
        chance: a multiple of 2^-62 with 0 < chance < 1.
        count: how many bytes.

    Raises:
        InvalidInput: the chance cannot be drawn exactly.
    """
    digits = chance.denominator.bit_length() - 1
    if chance.denominator != 1 << digits or not 0 < chance < 1 or digits > 62:
        raise InvalidInput("this chance cannot be drawn exactly", value=str(chance),
                           bound="k / 2^62, strictly between 0 and 1")
    out = np.empty((count + 7) // 8, np.uint64)
    fair = np.empty(min(_WORDS, len(out)), np.uint64)
    for start in range(0, len(out), _WORDS):
        part = out[start : start + _WORDS]
        stream.fill(part)  # the lowest digit is 1: zeros OR fair bits
        for digit in range(1, digits):
            words = fair[: len(part)]
            stream.fill(words)
            join = np.bitwise_or if chance.numerator >> digit & 1 else np.bitwise_and
            join(part, words, out=part)
    return out.view(np.uint8)[:count]
