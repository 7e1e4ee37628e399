"""Heavy hitters: exact privacy of a line, arithmetic modulo 2^61 - 1, and what is found."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from privet.dp.local.hashed import MERSENNE, HashedSubset
from privet.dp.local.heavy import PrefixSearch, decode_texts, encode_texts
from privet.dp.local.odds import within
from privet.entropy import reproducible_stream
from privet.errors import DataError, InvalidInput


@pytest.mark.parametrize("prime", [3, 5, 11])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_every_report_is_within_epsilon_exactly(prime: int, epsilon: float) -> None:
    oracle = HashedSubset(epsilon, prime)
    tables = [oracle.chances(value) for value in range(prime)]
    assert all(sum(table) == 1 for table in tables)
    worst = max(max(column) / min(column) for column in zip(*tables, strict=True))
    assert worst == oracle.ratio
    assert within(worst, epsilon) and not within(worst, 0.99 * epsilon)


def test_the_large_prime_keeps_epsilon_too() -> None:
    for epsilon in (0.01, 1.0, 16.0):
        oracle = HashedSubset(epsilon)
        assert within(oracle.ratio, epsilon) and not within(oracle.ratio, 0.99 * epsilon)


def test_lines_are_drawn_with_these_chances() -> None:
    """Chi-square; fixed seed, false alarm 1e-6; another epsilon is told apart."""
    from scipy.stats import chi2

    oracle, n = HashedSubset(1.0, 5), 200_000
    lines = oracle.perturb(np.full(n, 3), stream=reproducible_stream(2)).astype(np.int64)
    seen = np.bincount((lines[:, 0] - 1) * 5 + lines[:, 1], minlength=20)
    for epsilon, fits in ((1.0, True), (1.1, False)):
        expected = n * np.array([float(c) for c in HashedSubset(epsilon, 5).chances(3)])
        assert (((seen - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 19)) == fits


def test_products_modulo_the_mersenne_prime() -> None:
    oracle = HashedSubset(1.0)
    stream = reproducible_stream(3)
    a = np.concatenate([stream.below(MERSENNE, 2000), [0, 1, MERSENNE - 1, 2**60, 2**31]])
    b = np.concatenate([stream.below(MERSENNE, 2000), [0, MERSENNE - 1, MERSENNE - 1, 2**60, 7]])
    found = oracle._times(a.astype(np.uint64), b.astype(np.uint64))
    wanted = [x * y % MERSENNE for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert found.tolist() == wanted


@pytest.mark.parametrize("prime", [101, MERSENNE])
def test_shares_have_no_bias_and_the_stated_variance(prime: int) -> None:
    """Within 10 % over 40 values and 60 rounds: 3.5 deviations; seed fixed."""
    oracle, stream, n = HashedSubset(1.0, prime), reproducible_stream(5), 1000
    values = np.minimum(stream.below(40, n), stream.below(40, n))
    truth = np.bincount(values, minlength=40) / n
    candidates = np.arange(40)
    p, q = float(oracle.p), float(oracle.q)
    theory = (truth * p * (1 - p) + (1 - truth) * q * (1 - q)).mean() / (n * (p - q) ** 2)
    found = np.stack([
        oracle.frequencies(oracle.counts(oracle.perturb(values, stream=stream), candidates),
                           n).shares for _ in range(60)
    ])  # fmt: skip
    assert abs(((found - truth) ** 2).mean() / theory - 1) < 0.1
    assert np.abs(found.mean(axis=0) - truth).max() < 5 * (1.5 * theory / 60) ** 0.5


def test_frequent_words_are_found_among_all_of_six_letters() -> None:
    rng, stream = np.random.default_rng(1), reproducible_stream(7)
    words = ["hello", "world", "emoji", *(f"w{i}" for i in range(3000))]
    chances = [0.2, 0.15, 0.1] + [0.55 / 3000] * 3000
    said = rng.choice(words, 30_000, p=chances)
    search = PrefixSearch(bits=48, epsilon=3.0, keep=16, step=6)
    reports = search.perturb(encode_texts(list(said), 48), stream=stream)
    found = search.find(reports)
    assert decode_texts(found.values, 48) == ["hello", "world", "emoji"]
    assert np.abs(found.shares - [0.2, 0.15, 0.1]).max() < 6 * found.errors.max() < 0.1
    assert 30_000 // 9 < found.reports < 30_000 // 7
    assert search.report_bits == 2 * 61 + 3


def test_nothing_is_found_where_nothing_is_frequent() -> None:
    stream = reproducible_stream(9)
    search = PrefixSearch(bits=24, epsilon=1.0, keep=8, step=4)
    reports = search.perturb(stream.below(2**24, 8000), stream=stream)
    assert len(search.find(reports, false_alarm=1e-3).values) == 0


@pytest.mark.parametrize(("bits", "keep", "step"), [(2, 1, 1), (10, 32, 4), (48, 16, 7),
                                                    (60, 4, 9)])  # fmt: skip
def test_prefixes_grow_to_the_whole_value(bits: int, keep: int, step: int) -> None:
    lengths = PrefixSearch(bits, 1.0, keep, step).lengths
    assert lengths[-1] == bits and lengths[0] >= 1
    assert all(0 < b - a <= step for a, b in pairwise(lengths))


@pytest.mark.parametrize("values", [[-1], [2**10], [0.5], [[1]], ["a"]])
def test_values_outside_the_domain_are_not_shown(values: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        PrefixSearch(10, 1.0).perturb(np.array(values), stream=reproducible_stream(0))
    assert caught.value.value is None


def test_what_is_no_report_is_refused() -> None:
    search = PrefixSearch(10, 1.0, keep=4, step=4)
    good = search.perturb(np.arange(200), stream=reproducible_stream(0))
    for place, value in ((0, 99), (1, 0), (1, MERSENNE), (2, 2**63)):
        wrong = good.copy()
        wrong[:, place] = value
        with pytest.raises(DataError):
            search.find(wrong)
    with pytest.raises(DataError):
        search.find(good.astype(np.float64))
    with pytest.raises(DataError, match="no report"):
        search.find(good[good[:, 0] == 0])


@pytest.mark.parametrize("arguments", [(1, 1.0), (61, 1.0), (10, 0.0), (10, 1.0, 0)])
def test_impossible_searches(arguments: Any) -> None:
    with pytest.raises(InvalidInput):
        PrefixSearch(*arguments)
    with pytest.raises(InvalidInput):
        HashedSubset(1.0, 2**40)


def test_texts_come_back_as_far_as_they_fit() -> None:
    texts = ["", "a", "grüezi", "abcdefgh"]
    assert decode_texts(encode_texts(texts, 48), 48) == ["", "a", "grüez", "abcdef"]
    assert decode_texts(encode_texts(["aaaaaü"], 48), 48) == ["aaaaa"]
    with pytest.raises(InvalidInput):
        encode_texts(texts, 47)
