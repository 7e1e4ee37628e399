"""Runs in multi-freq-ldpy's environment: clients per second and error of its OUE, GRR and OLH."""

import importlib.metadata
import json
import sys
import time

import numpy as np
from multi_freq_ldpy.pure_frequency_oracles import GRR, LH, UE


def main(clients: int, values: int, epsilon: float) -> None:
    """Print one JSON object."""
    weights = 1 / np.arange(1, values + 1)
    held = np.random.default_rng(0).choice(values, clients, p=weights / weights.sum())
    truth = np.bincount(held, minlength=values) / clients
    oracles = {
        "oue": (lambda v: UE.UE_Client(v, values, epsilon, True),
                lambda reports: UE.UE_Aggregator_MI(reports, epsilon, True)),
        "grr": (lambda v: GRR.GRR_Client(v, values, epsilon),
                lambda reports: GRR.GRR_Aggregator_MI(reports, values, epsilon)),
        "olh": (lambda v: LH.LH_Client(v, values, epsilon, True),
                lambda reports: LH.LH_Aggregator_MI(reports, values, epsilon, True)),
    }  # fmt: skip
    found = {"version": importlib.metadata.version("multi-freq-ldpy")}
    for name, (client, aggregate) in oracles.items():
        client(0)  # compiled where it is compiled at all
        started = time.perf_counter()
        reports = [client(int(value)) for value in held]
        seconds = time.perf_counter() - started
        shares = np.asarray(aggregate(reports))
        found[name] = {"clients_per_second": clients / seconds,
                       "mean_square_error": float(np.mean((shares - truth) ** 2))}  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
