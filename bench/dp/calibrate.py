"""Seconds to find the noise of a budget, beside dp-accounting's own search, in one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

from bench.harness import Figure

EPSILON, DELTA, RATE, STEPS = 1.0, 1e-5, 0.01, 1000
TARGET = 0.3
"""Seconds."""


def run(quick: bool) -> Figure:
    """Best of several runs without their caches; the modules are imported before the clock runs."""
    import dp_accounting
    from dp_accounting import pld

    from privet.dp.accountant.calibrate import _noise_multiplier
    from privet.dp.accounting import epsilon_on_grid, noise_multiplier_for

    def ours() -> float:
        _noise_multiplier.cache_clear()
        epsilon_on_grid.cache_clear()
        return noise_multiplier_for(EPSILON, DELTA, count=STEPS, rate=RATE)

    def event(noise: float) -> Any:
        one = dp_accounting.PoissonSampledDpEvent(RATE, dp_accounting.GaussianDpEvent(noise))
        return dp_accounting.SelfComposedDpEvent(one, STEPS)

    def theirs() -> float:
        return float(
            dp_accounting.calibrate_dp_mechanism(
                pld.PLDAccountant, event, EPSILON, DELTA,
                dp_accounting.LowerEndpointAndGuess(0.5, 1.0), tol=1e-6,
            )
        )  # fmt: skip

    load = os.getloadavg()[0]
    seconds, noise = _best(ours, 2 if quick else 5)
    their_seconds, their_noise = _best(theirs, 1 if quick else 3)
    return Figure(
        name="dp.calibrate", ours=seconds, unit="s", peer="dp-accounting",
        peer_figure=their_seconds, target=TARGET,
        detail={
            "epsilon": EPSILON, "delta": DELTA, "rate": RATE, "steps": STEPS, "load": load,
            "sigma": noise, "peer_sigma": their_noise,
            "seconds": seconds, "peer_seconds": their_seconds,
        },
    )  # fmt: skip


def _best(search: Callable[[], float], times: int) -> tuple[float, float]:
    """The least seconds of several runs, and what they found."""
    best, found = float("inf"), 0.0
    for _ in range(times):
        begin = perf_counter()
        found = search()
        best = min(best, perf_counter() - begin)
    return best, found
