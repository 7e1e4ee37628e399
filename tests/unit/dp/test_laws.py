"""Exact tables against another library, and close calls settled by further bits."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from privet.dp.laws import LAST, Law, Tables, below_exp, decide, tables
from privet.entropy import reproducible_stream

GAUSSIAN, LAPLACE = 2, 1
WORD = 2**64 - 1


class Scripted:
    """A stream that gives the words it was told to."""

    def __init__(self, *words: int) -> None:
        self.left = list(words)

    def words(self, count: int) -> np.ndarray:
        taken, self.left = self.left[:count], self.left[count:]
        assert len(taken) == count, "more random bits were asked for than expected"
        return np.array(taken, np.uint64)


def _distribution(law: Law, levels: int) -> list[mpmath.mpf]:
    """F(0..levels-1) by mpmath; call inside a precision of a hundred digits or so."""
    width = 2**law.low_bits
    rate = mpmath.mpf(law.rate.numerator) / law.rate.denominator
    weights, k = [], 0
    while True:
        doubled = 2 if law.low_bits == 0 and k else 1
        weights.append(doubled * mpmath.exp(-rate * mpmath.mpf(k * width) ** law.power))
        if weights[-1] < mpmath.mpf(10) ** -mpmath.mp.dps:
            break
        k += 1
    total, part, out = mpmath.fsum(weights), mpmath.mpf(0), []
    for weight in weights[:levels]:
        part += weight
        out.append(part / total)
    return out


def _floors(law: Law, levels: int, bits: int) -> list[int]:
    with mpmath.workdps(bits // 3 + 80):
        scaled = [f * mpmath.mpf(2) ** bits for f in _distribution(law, levels)]
        return [int(mpmath.floor(value)) for value in scaled]


SMALL = [Law(power, scale) for power in (GAUSSIAN, LAPLACE) for scale in
         (Fraction(1, 1024), Fraction(1, 3), Fraction(1), Fraction(2.5), Fraction(10))]  # fmt: skip
LAYERED = [Law(GAUSSIAN, Fraction(1025)), Law(GAUSSIAN, Fraction(12345678, 1000)),
           Law(GAUSSIAN, Fraction(2**32)), Law(LAPLACE, Fraction(2**52))]  # fmt: skip
# Ten thousand entries, which mpmath takes seconds for.
LONG = [pytest.param(Law(power, Fraction(scale)), marks=pytest.mark.slow)
        for power, scale in ((GAUSSIAN, 1024), (LAPLACE, 256))]  # fmt: skip


@pytest.mark.parametrize("law", SMALL + LAYERED + LONG, ids=str)
def test_thresholds_are_the_distribution_by_another_library(law: Law) -> None:
    found = tables(law).thresholds
    assert found[-1] == LAST and (found[:-1] < LAST).all()
    count = len(found) - 1
    assert found[:-1].tolist() == _floors(law, count, 63)
    if count:
        # The table ends where 63 bits no longer tell F from 1, and not before.
        with mpmath.workdps(100):
            assert 1 - _distribution(law, count + 1)[-1] < mpmath.mpf(2) ** -62


@pytest.mark.parametrize("law", SMALL + LAYERED + LONG, ids=str)
def test_the_guide_never_skips_a_level(law: Law) -> None:
    thresholds, guide = tables(law)
    assert isinstance(tables(law), Tables)
    assert not thresholds.flags.writeable and not guide.flags.writeable, "all callers share them"
    shift = 63 - (len(guide).bit_length() - 1)
    for i in (0, 1, 7, len(guide) // 3, len(guide) - 2, len(guide) - 1):
        level = int(guide[i])
        assert thresholds[level] >= i << shift
        assert level == 0 or thresholds[level - 1] < i << shift


@pytest.mark.parametrize(
    ("scale", "bits"),
    [(1024, 0), (Fraction(1024) + Fraction(1, 10**9), 5), (2047, 5), (2048, 6), (2**32, 27),
     (2**52, 47)],
)  # fmt: skip
def test_low_bits_at_the_borders_of_the_methods(scale: Fraction, bits: int) -> None:
    law = Law(GAUSSIAN, Fraction(scale))
    assert law.low_bits == bits
    if bits:
        assert 32 <= law.scale / 2**bits < 64


@pytest.mark.parametrize("law", [Law(GAUSSIAN, Fraction(3)), Law(LAPLACE, Fraction(7, 2))], ids=str)
@pytest.mark.parametrize("level", [0, 3])
def test_a_tie_of_the_level_is_settled_by_further_bits(law: Law, level: int) -> None:
    tie = int(tables(law).thresholds[level])
    further = _floors(law, level + 1, 127)[level] & WORD
    assert _floors(law, level + 1, 127)[level] >> 64 == tie
    for extra, expected in ((further - 1, level), (further + 1, level + 1)):
        for sign in (0, 1):
            stream = Scripted(extra)
            words = np.array([tie << 1 | sign], np.uint64)
            assert decide(words, law, stream) == (-expected if sign else expected)
            assert not stream.left
    # One unit of the first word away nothing more is read.
    assert decide(np.array([(tie - 1) << 1], np.uint64), law, Scripted()) == level
    assert decide(np.array([(tie + 1) << 1], np.uint64), law, Scripted()) == level + 1


def test_a_tie_of_a_tie_takes_more_bits() -> None:
    law = Law(GAUSSIAN, Fraction(10))
    whole = _floors(law, 2, 191)[1]
    words = np.array([(whole >> 128) << 1], np.uint64)
    middle, last = (whole >> 64) & WORD, whole & WORD
    assert decide(words, law, Scripted(middle, last - 1)) == 1
    assert decide(words, law, Scripted(middle, last + 1)) == 2


def test_levels_beyond_the_table_are_drawn_with_their_probability() -> None:
    """Without this the tail would be cut near nine deviations."""
    law = Law(GAUSSIAN, Fraction(1))
    count = len(tables(law).thresholds)
    floors = _floors(law, count + 4, 127)
    words = np.array([LAST << 1], np.uint64)
    for level in range(count, count + 3):
        least, most = floors[level - 1] & WORD, floors[level] & WORD
        assert floors[level] >> 64 == LAST and most > least + 2
        assert decide(words, law, Scripted(least + 1)) == level
        assert decide(words, law, Scripted(most - 1)) == level


def test_an_all_but_certain_zero_is_still_exact() -> None:
    law = Law(GAUSSIAN, Fraction(1, 10))  # P(|z| = 1) is about 2**-71
    words = np.array([LAST << 1], np.uint64)
    first = _floors(law, 1, 127)[0] & WORD
    assert decide(words, law, Scripted(first - 1)) == 0
    assert decide(words, law, Scripted(first + 1)) == 1


@pytest.mark.parametrize(
    "law", [Law(GAUSSIAN, Fraction(2**32)), Law(GAUSSIAN, Fraction(98765, 7)),
            Law(LAPLACE, Fraction(10**9, 3))], ids=str
)  # fmt: skip
def test_a_tie_of_the_acceptance_is_settled_by_further_bits(law: Law) -> None:
    s, k = law.low_bits, 3
    y = (1 << s) * 2 // 3
    base = k << s
    v = law.rate * ((base + y) ** law.power - base**law.power)
    with mpmath.workdps(90):
        scaled = int(mpmath.floor(mpmath.exp(-mpmath.mpf(v.numerator) / v.denominator) * 2**192))
    scaled >>= 64 + s  # the first 64 - s + 64 bits of exp(-v)
    u = int(tables(law).thresholds[k - 1]) + 5
    w, last = scaled >> 64, scaled & WORD
    words = np.array([u << 1, w << s | y], np.uint64)
    assert decide(words, law, Scripted(last - 1)) == base + y
    assert decide(words, law, Scripted(last + 1)) is None
    for shift, drawn in ((-1, -(base + y)), (1, None)):
        near = np.array([u << 1 | 1, (w + shift) << s | y], np.uint64)
        assert decide(near, law, Scripted()) == drawn


def test_zero_is_drawn_with_one_sign_only() -> None:
    law = Law(GAUSSIAN, Fraction(2**32))
    full = ((1 << 64 - law.low_bits) - 1) << law.low_bits
    assert decide(np.array([0, full], np.uint64), law, Scripted()) == 0
    assert decide(np.array([1, 0], np.uint64), law, Scripted()) is None
    assert decide(np.array([1, 1], np.uint64), law, Scripted()) == -1


def test_below_exp_counts_as_often_as_it_should() -> None:
    assert below_exp(Fraction(0), 2**16 - 1, 16, Scripted())
    hits = sum(below_exp(Fraction(1), w, 8, reproducible_stream(w)) for w in range(256))
    assert hits in (94, 95)  # 256 / e is 94.2; the one tie is settled by further bits
