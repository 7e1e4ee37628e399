"""Runs in OpenDP's environment: draws per second of its discrete Gaussian at scale 2**32."""

import importlib.metadata
import json
import statistics
import sys
import time

import opendp.prelude as dp


def main(draws: int, repeats: int) -> None:
    """Print one JSON object."""
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float)
    measurement = dp.m.make_gaussian(*space, scale=float(2**32))
    zeros = [0] * draws
    measurement(zeros[:100])
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        measurement(zeros)
        rates.append(draws / (time.perf_counter() - started))
    version = importlib.metadata.version("opendp")
    print(json.dumps({"draws_per_second": statistics.median(rates), "version": version}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
