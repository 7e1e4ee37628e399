"""Clients per second of the frequency oracles, with secret randomness, and their error.

128 values at epsilon 1, Zipf-like shares. The peer is multi-freq-ldpy, which randomises one client
at a time with NumPy's generator; its OLH stands beside our subset selection and Hadamard response,
which it does not have. `ours` is the median over repeats; the mean square error of all shares is
given over what theory says, 1 being right.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness import Figure, run_peer
from privet.dp.local.choose import ORACLES
from privet.dp.local.oracle import FrequencyOracle
from privet.entropy import Stream, secret_stream

VALUES, EPSILON = 128, 1.0
TARGETS = {"oue": 1e6, "grr": 1e7, "hadamard": 1e7, "subset": 1e7}
PEERS = {"oue": "oue", "grr": "grr", "hadamard": "olh", "subset": "olh"}


def run(quick: bool) -> list[Figure]:
    """One figure for each oracle."""
    clients, repeats = (1_000_000, 5) if quick else (2_000_000, 15)
    peer = run_peer(
        "multi_freq_ldpy", Path(__file__).with_name("peer_local.py"),
        [str(4_000 if quick else 20_000), str(VALUES), str(EPSILON)],
    )  # fmt: skip
    stream = secret_stream("benchmark")
    values = np.minimum(stream.below(VALUES, clients), stream.below(VALUES, clients))
    return [_figure(name, values, repeats, stream, peer) for name in TARGETS]


def _figure(
    name: str, values: Any, repeats: int, stream: Stream, peer: dict[str, Any] | None
) -> Figure:
    oracle = ORACLES[name](VALUES, EPSILON)
    rates, counting, errors = [], [], []
    for _ in range(repeats):
        started = time.perf_counter()
        reports = oracle.perturb(values, stream=stream)
        reported = time.perf_counter()
        counts = oracle.counts(reports)
        rates.append(len(values) / (reported - started))
        counting.append(len(values) / (time.perf_counter() - reported))
        errors.append(_error(oracle, counts, values))
    theirs = None if peer is None else peer[PEERS[name]]
    return Figure(
        name=f"dp.local/{name}",
        ours=statistics.median(rates),
        unit="clients/s",
        peer=f"multi-freq-ldpy {PEERS[name]}",
        peer_figure=None if theirs is None else float(theirs["clients_per_second"]),
        target=TARGETS[name],
        lower_is_better=False,
        detail={
            "values": VALUES,
            "epsilon": EPSILON,
            "clients": len(values),
            "repeats": repeats,
            "bits_per_report": oracle.bits,
            "counted_per_second": statistics.median(counting),
            "error_over_theory": statistics.mean(errors),
            "peer_mean_square_error": None if theirs is None else theirs["mean_square_error"],
            "peer_version": None if peer is None else peer["version"],
        },
    )


def _error(oracle: FrequencyOracle, counts: Any, values: Any) -> float:
    truth = np.bincount(values, minlength=VALUES) / len(values)
    shares = oracle.frequencies(counts, len(values)).shares
    theory = np.mean([oracle.variance(share, len(values)) for share in truth])
    return float(np.mean((shares - truth) ** 2) / theory)
