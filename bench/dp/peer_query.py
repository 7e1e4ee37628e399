"""Runs in OpenDP's environment: a private count and sum by unknown keys with OpenDP-Polars.

A row is the unit there, with as many rows per person as ours keeps; its truncation per person
keeps the first rows and is a query of its own.
"""

import importlib.metadata
import json
import os
import statistics
import sys
import time

os.environ.setdefault("POLARS_MAX_THREADS", "2")

import opendp.prelude as dp
import polars as pl


def main(path: str, contributions: int, repeats: int) -> None:
    """Print one JSON object: median seconds of the query on the rows of a Parquet file."""
    dp.enable_features("contrib", "honest-but-curious")
    seconds, groups = [], 0
    for _ in range(repeats):
        started = time.perf_counter()
        rows = pl.scan_parquet(path)
        context = dp.Context.compositor(
            data=rows,
            privacy_unit=dp.unit_of(contributions=contributions),
            privacy_loss=dp.loss_of(epsilon=1.0, delta=1e-7),
            split_evenly_over=1,
            margins=[dp.polars.Margin(max_length=10**7)],
        )
        total = pl.col("v").cast(int).fill_null(0).dp.sum((0, 100))
        found = context.query().group_by("g").agg(dp.len(), total).release().collect()
        seconds.append(time.perf_counter() - started)
        groups = len(found)
    version = importlib.metadata.version("opendp")
    print(json.dumps({"seconds": statistics.median(seconds), "groups": groups, "version": version}))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
