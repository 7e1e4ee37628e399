"""Streams look uniform and independent, and the checks notice streams that are not.

Seeds are fixed; each check would otherwise fail a right stream with probability 1e-4.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from privet.entropy import reproducible_stream, secret_stream

pytestmark = pytest.mark.statistical

ALARM = 1e-4


def _bytes_p(drawn: bytes) -> float:
    return float(stats.chisquare(np.bincount(np.frombuffer(drawn, np.uint8), minlength=256)).pvalue)


def test_bytes_are_uniform() -> None:
    drawn = reproducible_stream(0, "bytes").read(1_000_000)
    assert _bytes_p(drawn) > ALARM
    odd = bytes(np.frombuffer(drawn, np.uint8)[:20_000] | 1) + drawn[20_000:]
    assert _bytes_p(odd) < ALARM


def test_secret_bytes_are_not_constant() -> None:
    ones = np.unpackbits(np.frombuffer(secret_stream("bits").read(100_000), np.uint8)).mean()
    # A right stream is this far off with probability 2e-9.
    assert abs(ones - 0.5) < 6 * 0.5 / np.sqrt(800_000)


def test_bits_of_a_child_do_not_follow_its_parent() -> None:
    parent = reproducible_stream(0, "parent")
    child = parent.child("x")
    both = [np.unpackbits(np.frombuffer(s.read(100_000), np.uint8)) for s in (parent, child)]
    agree = int((both[0] == both[1]).sum())
    assert stats.binomtest(agree, 800_000, 0.5).pvalue > ALARM
    assert stats.binomtest(agree + 2500, 800_000, 0.5).pvalue < ALARM


@pytest.mark.parametrize("bound", [2, 3, 10, 100])
def test_below_is_uniform(bound: int) -> None:
    drawn = reproducible_stream(bound, "below").below(bound, 100_000)
    counts = np.bincount(drawn, minlength=bound)
    assert stats.chisquare(counts).pvalue > ALARM
    counts[0] += 2000
    assert stats.chisquare(counts).pvalue < ALARM


def test_every_permutation_of_four_is_as_likely() -> None:
    stream = reproducible_stream(0, "permutation")
    index = {order: i for i, order in enumerate(itertools.permutations(range(4)))}
    seen = [index[tuple(stream.permutation(4).tolist())] for _ in range(12_000)]
    counts = np.bincount(seen, minlength=24)
    assert stats.chisquare(counts).pvalue > ALARM
    counts[:2] += [150, -150]
    assert stats.chisquare(counts).pvalue < ALARM
