"""Packed coins: exact chances, every bit used, and chances that cannot be drawn refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from privet.dp.local.bits import bernoulli_bits
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput


@pytest.mark.parametrize("chance", [Fraction(1, 2), Fraction(1, 16), Fraction(11, 16),
                                    Fraction(12345, 2**17)])  # fmt: skip
def test_every_bit_has_the_chance(chance: Fraction) -> None:
    """Fixed seed; 8 places of 125,000 bits, and neighbours, within 5 standard deviations."""
    bits = np.unpackbits(bernoulli_bits(reproducible_stream(1), chance, 125_000)[:, None], axis=1)
    deviation = float(chance * (1 - chance)) ** 0.5 / len(bits) ** 0.5
    assert np.abs(bits.mean(axis=0) - float(chance)).max() < 5 * deviation
    both = (bits[:, :-1] & bits[:, 1:]).mean(axis=0)
    assert np.abs(both - float(chance) ** 2).max() < 5 * deviation


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 8 * 8192 + 3])
def test_any_number_of_bytes(count: int) -> None:
    assert bernoulli_bits(reproducible_stream(1), Fraction(1, 4), count).shape == (count,)


@pytest.mark.parametrize("chance", [Fraction(1, 3), Fraction(0), Fraction(1), Fraction(1, 2**63)])
def test_other_chances_are_refused(chance: Fraction) -> None:
    with pytest.raises(InvalidInput):
        bernoulli_bits(reproducible_stream(1), chance, 8)
