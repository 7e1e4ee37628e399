"""What is written in the benchmarks: runs as the ledger records them, and many of them at once."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

from privet.claims import Cost, DPGuarantee, Gaussian, to_json
from privet.govern.budget.totals import State
from privet.govern.ledger import Ledger

KIND = "run.commit"
KINDS = ("run.decide", "run.reserve", KIND)
BATCH = 10_000
# Little of any budget, so that a benchmark may take it many thousand times.
CLAIM = DPGuarantee(
    epsilon=1e-7,
    delta=1e-15,
    unit="row",
    relation="zero-out",
    accountant="PLD (dp-accounting 0.6.0)",
    events=(Gaussian(3100.0, what="gradients"),),
    delta_split={"mechanism": 1e-15},
    provenance=("bounds: schema",),
    recorded=True,
)
# What the entries vouch for: no budget was used, since these runs are of no registered set.
NOTHING = State().rows.digest
COST = Cost(seconds=2.0, peak_memory=200_000_000)


def payload(number: int) -> dict[str, Any]:
    """What a finished run writes: the claim and the cost, about 600 bytes."""
    return {
        "reserve": number,
        "token": f"{number:032x}",
        "guarantee": to_json(CLAIM),
        "cost": to_json(COST),
        "totals": NOTHING,
    }


def fill(ledger: Ledger, entries: int) -> float:
    """Append until there are so many, in few transactions; entries per second."""
    first = ledger.head().size
    started = time.perf_counter()
    for start in range(first, entries, BATCH):
        with ledger.transaction() as work:
            for number in range(start, min(start + BATCH, entries)):
                work.append(KINDS[number % len(KINDS)], payload(number))
    return (entries - first) / (time.perf_counter() - started)


def sync_seconds(folder: Path, repeats: int = 50) -> float:
    """Median seconds to write 4 KiB and have the disk acknowledge them: no append is faster."""
    found = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(repeats):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            found.append(time.perf_counter() - started)
    return statistics.median(found)
