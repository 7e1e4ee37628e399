"""Exact coins in bulk: independent bits that are 1 with a rational chance, or one of exp(-x).

A coin is U < c for a uniform U. The digits of U and of c are compared one after another, the
highest first, for 64 coins in one machine word (proofs/discrete-samplers.md, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from privet.dp.laws import exp_floors
from privet.entropy import Stream
from privet.errors import InvalidInput, whole

# Words at a time, few enough for a core's cache.
_BLOCK = 2**14
# Digits after which so few words are left, one in eight, that it pays to gather them.
_TOGETHER = 9


def bernoulli_bits(
    stream: Stream, p: Fraction | tuple[int, int], shape: int | tuple[int, ...]
) -> NDArray[np.uint8]:
    """Independent bits that are 1 with chance exactly p, eight to a byte along the last axis.

    Args:
        stream: where fair bits come from; about nine for each bit.
        p: a rational in [0, 1], as a fraction or (numerator, denominator).
        shape: how many bits, n, or an array's shape (..., n).

    Returns:
        uint8 (..., ceil(n / 8)); bit i is bit i % 8, from the lowest, of byte i // 8, as
        `np.unpackbits(bits, axis=-1, count=n, bitorder="little")` reads them. Bits beyond n are 0.

    Raises:
        InvalidInput: p is no such rational, or the shape no shape.

    Formal guarantees:
        - Given uniform bits, P(1) = p exactly, and bits are independent.
        - Not claimed: time is independent of the bits.
    """
    chance = _rational("p", p)
    if not 0 <= chance <= 1:
        raise InvalidInput("p is no chance", value=str(chance), bound="0 <= p <= 1")
    return _packed(stream, lambda: _digits(chance), shape)


def bernoulli_exp_bits(
    stream: Stream, x: Fraction | tuple[int, int], shape: int | tuple[int, ...]
) -> NDArray[np.uint8]:
    """As `bernoulli_bits`, with chance exp(-x) for a rational x >= 0.

    Raises:
        InvalidInput: x is no such rational, or the shape no shape.
    """
    exponent = _rational("x", x)
    if not 0 <= exponent <= 2**20:
        raise InvalidInput("x is out of range", value=str(exponent), bound="0 <= x <= 2**20")
    if exponent == 0:
        return bernoulli_bits(stream, Fraction(1), shape)
    return _packed(stream, lambda: _exp_digits(exponent), shape)


def _rational(name: str, value: object) -> Fraction:
    parts = value if isinstance(value, tuple) and len(value) == 2 else (value, 1)
    if isinstance(value, Fraction):
        return value
    if all(isinstance(part, (int, np.integer)) for part in parts):
        numerator, denominator = map(int, parts)
        if denominator > 0 and not any(isinstance(part, bool) for part in parts):
            return Fraction(numerator, denominator)
    raise InvalidInput(
        f"{name} must be a rational, so that it can be met exactly",
        value=value,
        bound="a Fraction, or (numerator, denominator) with denominator > 0",
        remedy=f"{name}=Fraction({name})  # what a float is exactly",
    )


def _digits(chance: Fraction) -> Iterator[int]:
    """Binary digits of a rational in [0, 1] after the point, as far as they are not all 0."""
    rest, whole_ = chance.numerator, chance.denominator
    while rest:
        rest *= 2
        digit = int(rest >= whole_)
        rest -= digit * whole_
        yield digit


def _exp_digits(x: Fraction) -> Iterator[int]:
    """Binary digits of exp(-x) after the point, without end."""
    bits = done = 0
    while True:
        bits += 64
        least, most = exp_floors(x, bits)
        if least == most:
            for place in range(bits - done - 1, -1, -1):
                yield least >> place & 1
            done = bits


def _packed(
    stream: Stream, digits: Callable[[], Iterator[int]], shape: int | tuple[int, ...]
) -> NDArray[np.uint8]:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not sizes:
        raise InvalidInput("a shape has at least one axis", value=shape, bound="(..., n)")
    *leading, bits = (whole(least=0, shape=size) for size in sizes)
    packed = (*leading, (bits + 7) // 8)
    count = math.prod(packed)
    out = np.zeros((count + 7) // 8, np.uint64)
    for start in range(0, len(out), _BLOCK):
        _flip(out[start : start + _BLOCK], digits(), stream)
    found = out.astype("<u8", copy=False).view(np.uint8)[:count].reshape(packed)
    if bits % 8 and count:
        found[..., -1] &= (1 << bits % 8) - 1
    return found


def _flip(out: NDArray[np.uint64], digits: Iterator[int], stream: Stream) -> None:
    """64 coins in each of these words, which come as zeros.

    `undecided` marks the coins whose digits have equalled those of the chance so far; a fair bit
    says whether the next one does too, so that a digit that differs from a 1 is smaller.
    """
    undecided = np.full(len(out), 2**64 - 1, np.uint64)
    fair = np.empty(len(out), "<u8")
    for digit in islice(digits, _TOGETHER):
        stream.fill(fair)
        np.bitwise_and(fair, undecided, out=fair)
        if digit:
            np.bitwise_or(out, np.bitwise_xor(undecided, fair, out=undecided), out=out)
        undecided, fair = fair, undecided
    where = np.flatnonzero(undecided)
    undecided = undecided[where]
    for digit in digits:
        if not len(where):
            return
        equal = undecided & stream.words(len(where))
        if digit:
            out[where] |= undecided ^ equal
        left = np.flatnonzero(equal)
        where, undecided = where[left], equal[left]
