"""Draws per second of the exact samplers, one thread: ours, and OpenDP's.

OpenDP's samplers are exact as well; they draw one at a time in arbitrary precision. Each figure
is the median over repeats. The NumPy twins, for machines without a compiler, stand in `detail`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.harness import Figure, run_peer
from privet import native
from privet.dp.bernoulli import bernoulli_bits
from privet.dp.discrete import TWINS, Kernels, chosen, sample
from privet.dp.laws import Law
from privet.dp.mechanisms import SIGMA
from privet.entropy import secret_stream

TABLE_TARGET, ANY_TARGET, COINS_TARGET = 150e6, 10e6, 1e9
_GAUSSIAN, _LAPLACE = 2, 1
# Name, law, scale, target.
CASES = (
    ("gaussian_10", _GAUSSIAN, 10.0, TABLE_TARGET),
    ("gaussian_1000", _GAUSSIAN, 1000.0, TABLE_TARGET),
    ("gaussian_12345.678", _GAUSSIAN, 12345.678, ANY_TARGET),
    ("gaussian_2**32", _GAUSSIAN, float(SIGMA), ANY_TARGET),
    ("laplace_10", _LAPLACE, 10.0, ANY_TARGET),
    ("laplace_12345.678", _LAPLACE, 12345.678, ANY_TARGET),
)


def run(quick: bool) -> list[Figure]:
    """Draws per second of each case, and packed coins per second."""
    draws, repeats = (4_000_000, 5) if quick else (20_000_000, 9)
    return [*(_case(*case, draws, repeats) for case in CASES), _coins(4 * draws, repeats)]


def _case(name: str, power: int, scale: float, target: float, draws: int, repeats: int) -> Figure:
    law = Law(power, Fraction(scale))
    twin_rate = _rate(law, TWINS, draws // 4, repeats)
    ours = _rate(law, chosen(), draws, repeats) if native.available() else twin_rate
    peer = _peer(power, scale, draws // 200, repeats)
    return Figure(
        name=f"dp.samplers/{name}",
        ours=ours,
        unit="draws/s",
        peer=f"OpenDP make_{'gaussian' if power == _GAUSSIAN else 'laplace'} on integers",
        peer_figure=None if peer is None else float(peer["draws_per_second"]),
        target=target,
        lower_is_better=False,
        detail={
            "scale": scale,
            "draws": draws,
            "repeats": repeats,
            "numpy_draws_per_second": twin_rate,
            "kernels": native.reason(),
            "peer_draws": draws // 200,
            "peer_version": None if peer is None else peer["version"],
        },
    )


def _coins(bits: int, repeats: int) -> Figure:
    stream, chance = secret_stream("benchmark"), Fraction(1, 21)
    shape = (bits // 1024, 1024)
    return Figure(
        name="dp.samplers/bernoulli",
        ours=shape[0] * 1024 * _median(lambda: bernoulli_bits(stream, chance, shape), repeats),
        unit="bits/s",
        target=COINS_TARGET,
        lower_is_better=False,
        detail={"p": str(chance), "bits": shape[0] * 1024, "repeats": repeats},
    )


def _peer(power: int, scale: float, draws: int, repeats: int) -> dict[str, Any] | None:
    script = Path(__file__).with_name("peer_samplers.py")
    return run_peer("opendp", script, [str(power), repr(scale), str(draws), str(repeats)])


def _rate(law: Law, kernels: Kernels, draws: int, repeats: int) -> float:
    stream = secret_stream("benchmark")
    sample(1000, stream, law, kernels)
    return draws * _median(lambda: sample(draws, stream, law, kernels), repeats)


def _median(work: Callable[[], object], repeats: int) -> float:
    """How often per second, the median of some repeats."""
    return statistics.median(_timed(work) for _ in range(repeats))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1 / (time.perf_counter() - started)
