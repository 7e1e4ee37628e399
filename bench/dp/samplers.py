"""Draws per second of the exact discrete Gaussian at sigma = 2**32: compiled, NumPy, and a peer.

The peer is OpenDP, whose sampler is exact as well; it draws one at a time in arbitrary
precision. Each figure is the median over repeats, of one thread.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench.harness import Figure, run_peer
from privet import native
from privet.dp.discrete import Kernel, numpy_kernel
from privet.dp.mechanisms import SIGMA, sample
from privet.entropy import Stream, secret_stream

TARGET = 1e6
_BITS = SIGMA.bit_length() - 1


def run(quick: bool) -> Figure:
    """Draws per second, ours and the peer's."""
    draws, repeats = (1_000_000, 5) if quick else (10_000_000, 9)
    numpy_rate = _rate(numpy_kernel, draws // 4, repeats)
    kernel = native.kernel("gaussian_block", numpy_kernel)
    ours = _rate(kernel, draws, repeats) if native.available() else numpy_rate
    peer_draws = 20_000 if quick else 200_000
    peer = run_peer(
        "opendp", Path(__file__).with_name("peer_samplers.py"), [str(peer_draws), str(repeats)]
    )
    peer_rate = None if peer is None else float(peer["draws_per_second"])
    return Figure(
        name="dp.samplers",
        ours=ours,
        unit="draws/s",
        peer="OpenDP make_gaussian on integers",
        peer_figure=peer_rate,
        target=TARGET,
        lower_is_better=False,
        detail={
            "sigma": SIGMA,
            "draws": draws,
            "peer_draws": peer_draws,
            "repeats": repeats,
            "numpy_draws_per_second": numpy_rate,
            "kernels": native.reason(),
            "peer_version": None if peer is None else peer["version"],
        },
    )


def _rate(kernel: Kernel, draws: int, repeats: int) -> float:
    stream = secret_stream("benchmark")
    sample(1000, stream, _BITS, kernel)
    return statistics.median(_timed(kernel, draws, stream) for _ in range(repeats))


def _timed(kernel: Kernel, draws: int, stream: Stream) -> float:
    started = time.perf_counter()
    sample(draws, stream, _BITS, kernel)
    return draws / (time.perf_counter() - started)
