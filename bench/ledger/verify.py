"""Entries per second that the whole verification checks: chain, commitments, tree, signatures.

The peer hashes its chain again, which is all that it has.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import Figure
from bench.ledger.by_hand import NAME, Chain
from bench.ledger.entries import KIND, fill, payload
from privet.govern.ledger import Ledger, verify

TARGET = 15_000.0


def run(quick: bool) -> Figure:
    """Two hundred thousand entries, or twenty thousand."""
    return measure(*((20_000, 3) if quick else (200_000, 5)))


def measure(entries: int, repeats: int) -> Figure:
    """Median over repeats, ours and the peer's in turn."""
    ours: list[float] = []
    peers: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        ledger = Ledger.open(Path(name) / "ledger.db")
        chain = Chain(Path(name) / "chain.db")
        filled = fill(ledger, entries)
        chain.append(KIND, payload(0), entries=entries)
        for _ in range(repeats):
            ours.append(entries / _seconds(lambda: _holds(ledger, entries)))
            peers.append(entries / _seconds(chain.verify))
        ledger.close()
        chain.close()
    return Figure(
        name="ledger.verify",
        ours=statistics.median(ours),
        unit="entries/s",
        peer=NAME,
        peer_figure=statistics.median(peers),
        target=TARGET,
        lower_is_better=False,
        detail={
            "entries": entries,
            "repeats": repeats,
            "slowest": min(ours),
            "batched_appends_per_second": filled,
            "peer_lacks": "signatures, commitments of payloads, Merkle tree, deletion at the end",
        },
    )


def _holds(ledger: Ledger, entries: int) -> None:
    verdict = verify(ledger)
    if not verdict.ok or verdict.entries != entries:
        raise RuntimeError(str(verdict))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
