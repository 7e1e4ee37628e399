"""Settings of DP-SGD as functions of public facts alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StochasticSettings:
    """How a model that is not linear is trained.

    Attributes:
        rate: probability with which a unit takes part in a step.
        steps: number of steps T.
        clip: greatest Euclidean norm C of one unit's gradient.
        step_size: of Adam.
        mean_share: share of mu^2 that the mean of the features takes, where it is released.
        microbatch: units whose gradients are held in memory at once, a power of two.
    """

    rate: float
    steps: int
    clip: float = 1.0
    step_size: float = 0.015
    mean_share: float = 0.05
    microbatch: int = 64


def stochastic_settings(*, units: int) -> StochasticSettings:
    """Settings for so many units: a quarter of small data in each step.

    Fixed with wine, breast cancer and digits in view, for networks of one hidden layer.
    """
    batch = min(max(units / 4, 64.0), 1024.0)
    rate = min(1.0, batch / units)
    steps = int(min(max(25 / rate, 100), 2000))
    return StochasticSettings(rate=rate, steps=steps)
