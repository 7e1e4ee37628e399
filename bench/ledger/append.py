"""Durable signed appends per second by one writer: each returns once the disk has acknowledged it.

Ours and the peer's go in turn, into files in one folder, so that both meet the same disk.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import Figure
from bench.ledger.by_hand import NAME, Chain
from bench.ledger.entries import KIND, payload, sync_seconds
from privet.govern.ledger import Ledger, canonical

TARGET = 300.0
_ROUND = 50


def run(quick: bool) -> Figure:
    """Some thousand appends, or some hundred."""
    return measure(8 if quick else 60)


def measure(rounds: int) -> Figure:
    """One over the median time of an append, over rounds of 50."""
    ours: list[float] = []
    peers: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger, chain = Ledger.open(folder / "ledger.db"), Chain(folder / "chain.db")
        for number in range(rounds):
            first = number * _ROUND
            ours += _seconds(lambda i: ledger.append(KIND, payload(i)), first)
            peers += _seconds(lambda i: chain.append(KIND, payload(i)), first)
        sync = sync_seconds(folder)
        ledger.close()
        chain.close()
    return Figure(
        name="ledger.append",
        ours=1 / statistics.median(ours),
        unit="appends/s",
        peer=NAME,
        peer_figure=1 / statistics.median(peers),
        target=TARGET,
        lower_is_better=False,
        detail={
            "appends": len(ours),
            "payload_bytes": len(canonical(payload(0))),
            "mean_appends_per_second": len(ours) / sum(ours),
            "ms_at_95_percent": 1e3 * statistics.quantiles(ours, n=20)[-1],
            "ms_of_one_sync_of_4_KiB": 1e3 * sync,
            "peer_lacks": "signatures, salts for redaction, Merkle tree",
        },
    )


def _seconds(append: Callable[[int], object], first: int) -> list[float]:
    found = []
    for number in range(first, first + _ROUND):
        started = time.perf_counter()
        append(number)
        found.append(time.perf_counter() - started)
    return found
