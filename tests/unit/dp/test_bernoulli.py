"""Packed coins: digits, layout, refusals."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import mpmath
import numpy as np
import pytest

from privet.dp import bernoulli
from privet.dp.bernoulli import bernoulli_bits, bernoulli_exp_bits
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput

HALF = Fraction(1, 2)


def _unpacked(packed: np.ndarray, count: int) -> np.ndarray:
    return np.unpackbits(packed, axis=-1, count=count, bitorder="little")


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(Fraction(0), ""), (HALF, "1"), (Fraction(5, 8), "101"), (Fraction(1, 3), "0101010101"),
     (Fraction(1), "1111111111"), (Fraction(1, 2**70), "0" * 10)],
)  # fmt: skip
def test_digits_of_a_rational(chance: Fraction, expected: str) -> None:
    assert "".join(map(str, islice(bernoulli._digits(chance), 10))) == expected


@pytest.mark.parametrize("x", [Fraction(1, 3), Fraction(1), Fraction(40), Fraction(1, 2**80)])
def test_digits_of_exp_by_another_library(x: Fraction) -> None:
    with mpmath.workdps(150):
        exact = mpmath.exp(-mpmath.mpf(x.numerator) / x.denominator)
        expected = int(mpmath.floor(exact * mpmath.mpf(2) ** 300))
    found = 0
    for digit in islice(bernoulli._exp_digits(x), 300):
        found = 2 * found + digit
    assert found == expected


@pytest.mark.parametrize("chance", [Fraction(77, 256), Fraction(1, 3), Fraction(2, 7)])
def test_coins_compare_uniforms_with_the_chance_digit_by_digit(chance: Fraction) -> None:
    """Against a comparison of numbers, made of the same random words."""
    words, stream, drawn = 50, reproducible_stream(5), []

    class Recorded:
        def words(self, count: int) -> np.ndarray:
            drawn.append(stream.words(count))
            return drawn[-1].copy()

        def fill(self, out: np.ndarray) -> None:
            out[:] = self.words(len(out))

    found = _unpacked(bernoulli_bits(Recorded(), chance, 64 * words), 64 * words)
    uniform, decided = np.zeros(64 * words), np.zeros(64 * words, bool)
    expansion = list(islice(bernoulli._digits(chance), len(drawn)))
    for turn, (fair, digit) in enumerate(zip(drawn, expansion, strict=True)):
        open_words = np.flatnonzero(~decided.reshape(words, 64).all(axis=1))
        if turn < bernoulli._TOGETHER:
            open_words = np.arange(words)
        equal = np.zeros((words, 64), bool)
        equal[open_words] = _unpacked(fair.astype("<u8").view(np.uint8).reshape(-1, 8), 64)
        fresh = np.where(equal.reshape(-1), digit, 1 - digit)
        uniform += np.where(decided, 0.0, fresh * 2.0 ** -(turn + 1))
        decided |= fresh != digit
    assert len(drawn) == 8 if chance.denominator == 256 else decided.all()
    assert np.array_equal(found, uniform < float(chance))


@pytest.mark.parametrize("shape", [0, 1, 7, 8, 65, (3, 5), (2, 4, 17), (0, 9), (4, 0)])
def test_layout(shape: int | tuple[int, ...]) -> None:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    ones = bernoulli_bits(reproducible_stream(0), Fraction(1), shape)
    assert ones.shape == (*sizes[:-1], -(-sizes[-1] // 8)) and ones.dtype == np.uint8
    assert _unpacked(ones, sizes[-1]).all() and ones.flags.writeable
    assert int(np.bitwise_count(ones).sum()) == np.prod(sizes), "bits beyond the last are 0"
    assert not bernoulli_bits(reproducible_stream(0), (0, 7), shape).any()


def test_certain_coins_and_streams() -> None:
    stream = reproducible_stream(1)
    assert not bernoulli_bits(stream, (0, 1), 1000).any()
    assert stream.read(8) == reproducible_stream(1).read(8), "nothing is drawn for chance 0"
    first = bernoulli_bits(reproducible_stream(2), (1, 3), (100, 70))
    assert np.array_equal(first, bernoulli_bits(reproducible_stream(2), Fraction(2, 6), (100, 70)))
    stream = reproducible_stream(2)
    assert not np.array_equal(*(bernoulli_bits(stream, (1, 3), 999) for _ in range(2)))
    assert (bernoulli_exp_bits(stream, Fraction(0), 64) == 255).all()
    assert not bernoulli_exp_bits(stream, Fraction(2**20), 64_000).any()


@pytest.mark.parametrize("p", [-1, 2, Fraction(3, 2), (1, 0), (1, -2), (0.5, 1), 0.5, None, True,
                               float("nan"), (1, 2, 3), "1/2"])  # fmt: skip
def test_other_chances_are_refused(p: object) -> None:
    with pytest.raises(InvalidInput, match=r"\bp\b"):
        bernoulli_bits(reproducible_stream(0), p, 8)


@pytest.mark.parametrize("x", [-1, Fraction(-1, 9), 2**20 + 1, 0.5, float("nan")])
def test_other_exponents_are_refused(x: object) -> None:
    with pytest.raises(InvalidInput, match=r"\bx\b"):
        bernoulli_exp_bits(reproducible_stream(0), x, 8)


@pytest.mark.parametrize("shape", [-1, 1.5, (), (2, -1)])
def test_other_shapes_are_refused(shape: object) -> None:
    with pytest.raises(InvalidInput, match="shape"):
        bernoulli_bits(reproducible_stream(0), HALF, shape)
