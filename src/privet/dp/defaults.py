"""Settings of private training as functions of public facts alone."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LinearSettings:
    """How a linear model is trained.

    Attributes:
        clip: greatest Euclidean norm C of one unit's gradient.
        step_size: step of gradient descent on the mean of the clipped gradients.
        steps: number of full-batch steps T.
        mean_share: share of mu^2 that the mean of the features takes.
        momentum: of heavy-ball descent, in [0, 1).
        bias: value of the constant feature.
        average_from: share of the steps after which iterates are averaged.
    """

    clip: float = 1.0
    step_size: float = 4.0
    steps: int = 40
    mean_share: float = 0.05
    momentum: float = 0.0
    bias: float = 1.0
    average_from: float = 0.5


def linear_settings(
    *, units: int, features: int, outputs: int, mu: float, norm: float
) -> LinearSettings:
    """Settings for so many units, features and outputs, at a total noise of mu.

    Args:
        units: public number of privacy units n.
        features: encoded columns d.
        outputs: scores K of one row.
        mu: greatest sum of squares, `accounting.mu_for`; it stands for epsilon and delta.
        norm: greatest Euclidean norm of one encoded row.
    """
    steps = int(min(max(2 * mu * units / math.sqrt(features * max(outputs, 2)), 15), 100))
    return LinearSettings(steps=steps)


@dataclass(frozen=True)
class StochasticSettings:
    """How any other model is trained.

    Attributes:
        rate: probability with which a unit takes part in a step.
        steps: number of steps T.
        clip: greatest Euclidean norm C of one unit's gradient.
        step_size: of Adam.
        mean_share: share of mu^2 that the mean of the features takes, where it is released.
        microbatch: units whose gradients are held in memory at once.
    """

    rate: float
    steps: int
    clip: float = 1.0
    step_size: float = 0.015
    mean_share: float = 0.05
    microbatch: int = 64


def stochastic_settings(*, units: int, parameters: int) -> StochasticSettings:
    """Settings for so many units and parameters: a quarter of small data in each step.

    Fixed with wine, breast cancer and digits in view, for networks of one hidden layer.
    """
    batch = min(max(units / 4, 64.0), 1024.0)
    rate = min(1.0, batch / units)
    steps = int(min(max(25 / rate, 100), 2000))
    # At most 64 MiB of float64 gradients at a time.
    microbatch = int(min(max(2**23 // max(parameters, 1), 1), 256, max(batch, 1)))
    return StochasticSettings(rate=rate, steps=steps, microbatch=microbatch)
