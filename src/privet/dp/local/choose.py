"""Which oracle suits a domain, and why: by the error that it would make and what it sends."""

from __future__ import annotations

from dataclasses import dataclass

from privet.dp.local.oracle import FrequencyOracle
from privet.dp.local.oracles import (
    HadamardResponse,
    RandomisedResponse,
    SubsetSelection,
    UnaryEncoding,
)
from privet.errors import whole

ORACLES: dict[str, type[FrequencyOracle]] = {
    oracle.name: oracle
    for oracle in (RandomisedResponse, HadamardResponse, SubsetSelection, UnaryEncoding)
}
"""By their names in files."""
TOLERANCE = 1.05
"""A variance up to so many times the least is as good, and what is sent then decides."""
_MOST_STEPS = 2e9
"""Steps of counting that take about ten seconds on one core."""


@dataclass(frozen=True)
class Choice:
    """An oracle and the reason for it.

    Attributes:
        oracle: the one chosen.
        reason: why, in one sentence.
    """

    oracle: FrequencyOracle
    reason: str


def best_oracle(domain_size: int, epsilon: float, n: int) -> Choice:
    """The oracle whose variance is least, or within 5 % of it at fewer bits a report.

    The variance is that of a rare value's share, which all k values but a few are.

    Args:
        domain_size: number of values k.
        epsilon: what one report may reveal.
        n: reports expected; decides which oracles can still be counted in seconds.

    Raises:
        InvalidInput: a domain below 2 or above 2**20 values, or an epsilon that is none.
    """
    n = whole(n=n)
    found = [kind(domain_size, epsilon) for kind in ORACLES.values()]
    feasible = [oracle for oracle in found if _steps(oracle, n) <= _MOST_STEPS]
    least = min(oracle.variance(0.0, n) for oracle in feasible)
    good = [oracle for oracle in feasible if oracle.variance(0.0, n) <= TOLERANCE * least]
    chosen = min(good, key=lambda oracle: (oracle.bits, oracle.variance(0.0, n)))
    return Choice(chosen, _reason(chosen, good, found, n))


def _reason(
    chosen: FrequencyOracle, good: list[FrequencyOracle], found: list[FrequencyOracle], n: int
) -> str:
    error = chosen.variance(0.0, n) ** 0.5
    others = ", ".join(
        f"{oracle.name} {oracle.variance(0.0, n) ** 0.5:.2g}"
        + ("" if _steps(oracle, n) <= _MOST_STEPS else " (too slow to count)")
        for oracle in found if oracle is not chosen
    )
    why = "the least variance" if len(good) == 1 else "the fewest bits among variances within 5 %"
    return (
        f"{chosen.name} for {chosen.domain_size} values: {why}; noise in a rare share "
        f"{error:.2g} with {n} reports of {chosen.bits} bits ({others})"
    )


def _steps(oracle: FrequencyOracle, n: int) -> float:
    if isinstance(oracle, SubsetSelection):
        return float(min(n, oracle.prime**2)) * oracle.size
    if isinstance(oracle, UnaryEncoding):
        return float(n) * oracle.domain_size
    return float(n)
