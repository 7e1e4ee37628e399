"""Shuffling: between the bounds of another implementation, and claimed for a shuffler alone.

The bounds were computed by `numericalanalysis` of apple/ml-shuffling-amplification (the code of
Feldman, McMillan & Talwar 2021) at commit 993d285, 14 iterations: lower and upper.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from privet.claims import DPGuarantee, from_json, to_json
from privet.dp.local.oracles import RandomisedResponse
from privet.dp.local.shuffle import Shuffler, delta_of, epsilon_of
from privet.entropy import reproducible_stream
from privet.errors import DataError, InvalidBudget, InvalidInput, Refused

GOLDEN = [
    (1_000, 0.5, 1e-6, 0.07052738427206601, 0.07379727169122874),
    (1_000, 2.0, 1e-5, 0.4674072265625, 0.4906005859375),
    (10_000, 1.0, 1e-6, 0.052977373240750074, 0.054970609535752765),
    (10_000, 4.0, 1e-6, 0.597412109375, 0.621826171875),
    (100_000, 3.0, 1e-8, 0.11880584681647037, 0.12127902430322329),
    (100_000, 6.0, 1e-6, 0.5235612377435165, 0.5431141535781371),
]


@pytest.mark.parametrize(("honest", "local", "delta", "low", "high"), GOLDEN)
def test_between_the_published_bounds(
    honest: int, local: float, delta: float, low: float, high: float
) -> None:
    found = epsilon_of(delta, local=local, honest=honest)
    assert low * (1 - 2e-4) <= found <= high
    assert delta_of(found, local=local, honest=honest) <= delta


@pytest.mark.parametrize(("honest", "local", "epsilon"), [(2, 1.0, 0.4), (6, 0.7, 0.2),
                                                          (9, 2.0, 1.0)])  # fmt: skip
def test_it_is_the_divergence_by_enumeration(honest: int, local: float, epsilon: float) -> None:
    """Both distributions written out, without the likelihood-ratio argument, both ways round."""
    keep, truth = math.exp(-local), 1 / (1 + math.exp(-local))
    first: dict[tuple[int, int], float] = {}
    second: dict[tuple[int, int], float] = {}
    for c in range(honest):
        for a in range(c + 1):
            chance = (math.comb(honest - 1, c) * keep**c * (1 - keep) ** (honest - 1 - c)
                      * math.comb(c, a) / 2**c)  # fmt: skip
            for b in (0, 1):
                likely = truth if b else 1 - truth
                one, two = (a + b, c - a + 1 - b), (a + 1 - b, c - a + b)
                first[one] = first.get(one, 0.0) + chance * likely
                second[two] = second.get(two, 0.0) + chance * likely
    for p, q in ((first, second), (second, first)):
        wanted = sum(max(0.0, p.get(k, 0.0) - math.exp(epsilon) * q.get(k, 0.0)) for k in {*p, *q})
        assert delta_of(epsilon, local=local, honest=honest) == pytest.approx(wanted, rel=1e-6)


def test_more_honest_clients_and_less_epsilon_reveal_less() -> None:
    found = [epsilon_of(1e-6, local=2.0, honest=n) for n in (1, 100, 1_000, 10_000, 100_000)]
    assert all(a >= b for a, b in pairwise(found)) and found[-1] < 0.1
    assert found[0] <= 2.0
    deltas = [delta_of(e, local=2.0, honest=1_000) for e in (0.1, 0.3, 0.5, 2.0)]
    assert all(a > b for a, b in pairwise(deltas)) and deltas[-1] == 0.0


def test_a_real_attack_stays_below_the_bound() -> None:
    """Shuffled randomised responses of 40 clients: the exact delta from their counts."""
    from scipy.stats import binom

    oracle, n, epsilon = RandomisedResponse(2, 1.0), 40, 0.3
    p = float(oracle.p)
    ones = np.arange(n + 1)
    others = binom.pmf(np.arange(n), n - 1, 1 - p)  # all others hold 0
    zero, one = np.convolve(others, [p, 1 - p]), np.convolve(others, [1 - p, p])
    for a, b in ((zero, one), (one, zero)):
        exact = np.maximum(a - math.exp(epsilon) * b, 0).sum()
        assert exact <= delta_of(epsilon, local=1.0, honest=n)
    assert len(ones) == len(zero)


def test_the_role_shuffles_and_claims() -> None:
    oracle, stream = RandomisedResponse(4, 1.0), reproducible_stream(1)
    shuffler = Shuffler(oracle)
    batches = [np.full(600, 0), np.full(400, 3)]
    for batch in batches:
        shuffler.collect(batch, randomiser=RandomisedResponse(4, 1.0))
    reports, guarantee = shuffler.release(honest=900, delta=1e-5, stream=stream)
    assert sorted(reports.tolist()) == [0] * 600 + [3] * 400
    assert 0 < (reports[:600] == 3).sum() < 400
    assert isinstance(guarantee, DPGuarantee)
    assert (guarantee.relation, guarantee.delta, guarantee.unit) == ("replace-one", 1e-5, "row")
    assert guarantee.epsilon == epsilon_of(1e-5, local=1.0, honest=900)
    assert guarantee.simulated and "simulated, no protection" in str(guarantee)
    assert any("at least 900 clients" in line for line in guarantee.assumptions)
    assert from_json(to_json(guarantee)) == guarantee
    with pytest.raises(DataError):
        shuffler.release(honest=10, delta=1e-5, stream=stream)


def test_other_randomisers_do_not_hide_among_one_another() -> None:
    shuffler = Shuffler(RandomisedResponse(4, 1.0), simulated=False)
    for other in (RandomisedResponse(4, 2.0), RandomisedResponse(5, 1.0), None):
        with pytest.raises(Refused):
            shuffler.collect(np.zeros(3, np.int64), randomiser=other)
    with pytest.raises(DataError):
        shuffler.collect(np.full(3, 9), randomiser=RandomisedResponse(4, 1.0))
    shuffler.collect(np.zeros(30, np.int64), randomiser=RandomisedResponse(4, 1.0))
    stream = reproducible_stream(0)
    with pytest.raises(InvalidBudget, match="honest"):
        shuffler.release(honest=31, delta=1e-5, stream=stream)
    with pytest.raises(InvalidBudget, match="delta"):
        shuffler.release(honest=30, delta=0.05, stream=stream)
    with pytest.raises(InvalidInput):
        shuffler.release(honest=0, delta=1e-5, stream=stream)
    assert not shuffler.release(honest=30, delta=1e-5, stream=stream)[1].simulated
