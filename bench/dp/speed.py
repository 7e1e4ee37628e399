"""Examples per second of private training, beside our own in the clear and beside Opacus.

All draw true Poisson samples of the same expected size from 20,000 units. Ours is the loop that
`Private` runs: secret samples, clipping, exact noise on a grid, Adam. Opacus runs in each of its
modes, and the fastest counts; its noise comes from torch's generator, its sums are in single
precision. A figure is the expected sample over the median time of a step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.dp.networks import NETWORKS, Network
from bench.harness import Figure, run_peer
from privet.dp.gradients import UnitShape, block_for
from privet.dp.linear import Units
from privet.dp.sampling import exact_rate
from privet.dp.stochastic_defaults import StochasticSettings
from privet.dp.training import Problem, train_stochastic
from privet.entropy import secret_stream
from privet.models.losses import softmax

UNITS = 20_000
MODES = ("hooks", "ghost", "ew")


@dataclass(frozen=True)
class Goal:
    """What a model must reach: times the peer, and as a share of our own speed in the clear."""

    peer: float
    own: float


GOALS = {
    "logistic": Goal(4.0, 0.9),
    "mlp": Goal(4.0, 0.9),
    "cnn": Goal(1.5, 0.85),
    "transformer": Goal(2.0, 0.85),
}


def logistic(quick: bool) -> list[Figure]:
    """Two classes, 100 features, samples of 1024."""
    return _figures("logistic", quick)


def mlp(quick: bool) -> list[Figure]:
    """784-256-128-10, samples of 256."""
    return _figures("mlp", quick)


def cnn(quick: bool) -> list[Figure]:
    """The convolutional network of Opacus' MNIST example, samples of 256."""
    return _figures("cnn", quick)


def transformer(quick: bool) -> list[Figure]:
    """Two blocks of width 64 over 64 tokens, samples of 64."""
    return _figures("transformer", quick)


def _figures(name: str, quick: bool) -> list[Figure]:
    network, goal, seconds = NETWORKS[name], GOALS[name], 4.0 if quick else 12.0
    x, y = network.data(UNITS)
    private, clear = _alternated(_private(network, x, y), _clear(network, x, y), seconds)
    ours, plain = network.sample / private, network.sample / clear
    peers = {mode: found for mode in MODES if (found := _peer(name, mode, seconds))}
    best = max(peers, key=lambda mode: peers[mode]["examples_per_second"], default=None)
    figure = None if best is None else float(peers[best]["examples_per_second"])
    common: dict[str, Any] = {"ours": ours, "unit": "examples/s", "lower_is_better": False}
    detail = {"sample": network.sample, "units": UNITS, "parameters": network.size,
              "modes": {mode: found["examples_per_second"] for mode, found in peers.items()},
              "versions": next((found["versions"] for found in peers.values()), None)}  # fmt: skip
    return [
        Figure(name=f"dp.{name}/opacus", peer=f"Opacus, {best or 'fastest mode'}",
               peer_figure=figure, target=None if figure is None else goal.peer * figure,
               detail=detail, **common),
        Figure(name=f"dp.{name}/in_the_clear", peer="privet without protection",
               peer_figure=plain, target=goal.own * plain, **common),
    ]  # fmt: skip


def _alternated(
    first: Iterator[float], second: Iterator[float], seconds: float
) -> tuple[float, float]:
    """Median seconds of a step of each, turn about, after a warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    for _ in range(20):
        next(first), next(second)
    while time.perf_counter() < end or len(times[0]) < 10:
        for kept, steps in zip(times, (first, second), strict=True):
            kept.append(next(steps))
    return statistics.median(times[0]), statistics.median(times[1])


def _private(network: Network, x: Any, y: Any) -> Iterator[float]:
    units = Units(x=x[:, None].astype(np.float64), y=y[:, None], weight=np.ones((len(x), 1)))
    problem = Problem(network.apply, softmax, 0.0, len(x), len(x))
    start = network.start()
    shape = UnitShape(1, x.shape[1], whole=True)
    settings = StochasticSettings(
        rate=exact_rate(network.sample / len(x)), steps=10**9,
        microbatch=block_for(problem.gradients(start, shape), network.sample),
    )  # fmt: skip
    steps = train_stochastic(units, problem, start, settings=settings, noise_multiplier=1.0,
                             stream=secret_stream("benchmark"))  # fmt: skip
    return _timed(lambda: next(steps))


def _clear(network: Network, x: Any, y: Any) -> Iterator[float]:
    """Stochastic gradient descent on the same loss, compiled, in single precision."""

    def mean(params: Any, rows: Any, targets: Any) -> Any:
        each = jax.vmap(lambda row, target: softmax(network.apply(params, row), target))
        return each(rows, targets).mean()

    @jax.jit
    def update(params: Any, rows: Any, targets: Any) -> Any:
        slopes = jax.grad(mean)(params, rows, targets)
        return jax.tree.map(lambda p, slope: p - 0.05 * slope, params, slopes)

    draw, rows = np.random.default_rng(0), x.astype(np.float32)
    state = [jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), network.start())]

    def step() -> None:
        taken = draw.integers(0, len(rows), network.sample)
        state[0] = jax.block_until_ready(update(state[0], rows[taken], y[taken]))

    return _timed(step)


def _timed(step: Callable[[], Any]) -> Iterator[float]:
    while True:
        started = time.perf_counter()
        step()
        yield time.perf_counter() - started


def _peer(name: str, mode: str, seconds: float) -> dict[str, Any] | None:
    script = Path(__file__).with_name("peer_speed.py")
    return run_peer("opacus", script, [name, mode, str(UNITS), str(seconds)])
