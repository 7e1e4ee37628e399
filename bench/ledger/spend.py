"""Seconds to decide about a run and to reserve its budget, in a ledger of a million entries.

Each decision is that of a new process: the ledger is opened anew, the registry read, the policy's
answer and the reservation written durably. Beside it, how long the write lock is held, the wait
for the disk included: so long does everybody else wait. The peer adds up a table under its lock.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.harness import Figure
from bench.ledger.by_hand import Sums
from bench.ledger.entries import CLAIM, fill, sync_seconds
from privet.claims import Request
from privet.govern.budget import Budget, Registry, Sketch, Traces, hash_key, key_name
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward

DECISION_SECONDS = 0.3
LOCK_SECONDS = 0.005
PEER = "SUM over a SQLite table of spends by hand"
_SETS = 10
_REQUEST = Request(action="fit", data_set="set0", guarantee=CLAIM)


@dataclass
class Times:
    """Seconds, one of each list per decision: ours of a new process, of a running one, locks."""

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    locks: list[float] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    sum_locks: list[float] = field(default_factory=list)


def run(quick: bool) -> list[Figure]:
    """A million entries, or ten thousand."""
    return measure(*((10_000, 20) if quick else (1_000_000, 100)))


def measure(entries: int, decisions: int) -> list[Figure]:
    """Medians over decisions, ours and the peer's in turn."""
    times = Times()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        filled = _begin(path, entries)
        peer = Sums(Path(name) / "sums.db", entries, _SETS)
        for _ in range(decisions):
            _one(path, times)
            started = time.perf_counter()
            times.sum_locks.append(peer.spend("set0", CLAIM.epsilon, budget=3.0))
            times.sums.append(time.perf_counter() - started)
        peer.close()
        sync = sync_seconds(Path(name))
    facts = {
        "entries": entries,
        "decisions": decisions,
        "batched_appends_per_second": filled,
        "seconds_of_one_sync_of_4_KiB": sync,
        "peer_lacks": "signatures, exact sums, derived data sets, reservations",
    }
    return [
        Figure(
            name="ledger.spend/decision",
            ours=statistics.median(times.cold),
            unit="s",
            peer=PEER,
            peer_figure=statistics.median(times.sums),
            target=DECISION_SECONDS,
            detail=facts
            | {"slowest": max(times.cold), "in_a_running_process": statistics.median(times.warm)},
        ),
        Figure(
            name="ledger.spend/lock",
            ours=statistics.median(times.locks),
            unit="s",
            peer=PEER,
            peer_figure=statistics.median(times.sum_locks),
            target=LOCK_SECONDS,
            detail=facts | {"slowest": max(times.locks)},
        ),
    ]


def _one(path: Path, times: Times) -> None:
    """A decision by a new process's ledger and steward, and another by the same."""
    started = time.perf_counter()
    ledger = Ledger.open(path, create=False)
    held: list[float] = []
    with _watched(ledger, held):
        steward = LedgerSteward(ledger)
        _decide(steward)
        times.cold.append(time.perf_counter() - started)
        started = time.perf_counter()
        _decide(steward)
        times.warm.append(time.perf_counter() - started)
    ledger.close()
    # The answer and the reservation are one transaction each; the latter does more.
    times.locks += held[1::2]


def _begin(path: Path, entries: int) -> float:
    """Register data sets, each with its sketch, and fill the ledger; entries per second."""
    ledger = Ledger.open(path)
    registry, key = Registry(ledger), hash_key(ledger)
    budget = Budget(3.0, 1e-6, "gaussian")
    for number in range(_SETS):
        ids = (f"{number}/{person}".encode() for person in range(5000))
        registry.register(
            f"set{number}", unit="row", budget=budget, version=f"{number}.1",
            traces=Traces(key_name(key), {"row": Sketch.of(key, ids)}),
        )
    filled = fill(ledger, entries)
    ledger.close()
    return filled


def _decide(steward: LedgerSteward) -> None:
    decision = steward.decide(_REQUEST)
    if not decision.granted:
        raise RuntimeError(decision.reason)
    steward.reserve(_REQUEST)


@contextmanager
def _watched(ledger: Ledger, held: list[float]) -> Iterator[None]:
    """Note how long each writing transaction holds the lock, until its commit has returned."""
    store: Any = ledger._store  # nothing public tells when the lock is taken
    writing = store.writing

    @contextmanager
    def timed() -> Iterator[Any]:
        with writing() as connection:
            started = time.perf_counter()
            yield connection
        held.append(time.perf_counter() - started)

    store.writing = timed
    try:
        yield
    finally:
        store.writing = writing
