"""Runs in OpenDP's environment: draws per second of its discrete Gaussian or Laplace sampler."""

import importlib.metadata
import json
import statistics
import sys
import time

import opendp.prelude as dp


def main(power: int, scale: float, draws: int, repeats: int) -> None:
    """Print one JSON object; power 2 is the Gaussian, 1 the Laplace law."""
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T=int))
    if power == 2:
        measurement = dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=scale)
    else:
        measurement = dp.m.make_laplace(domain, dp.l1_distance(T=int), scale=scale)
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
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
