"""Settings of private linear training as functions of public facts alone.

They were found on data sets other than the benchmark's; `docs/design/accuracy.md` says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LinearSettings:
    """How a linear model is trained.

    Attributes:
        clip: greatest Euclidean norm C of one unit's gradient.
        step_size: first step of gradient descent on the mean of the clipped gradients.
        steps: number of full-batch steps T.
        mean_share: share of mu^2 that the mean of the features takes, in [0, 1).
        bias: value of the constant feature.
        average_from: share of the steps after which iterates are averaged.
        growth: factor of the step where two noisy gradients in a row agree, at least 1.
        shrinkage: factor of the step where they oppose each other, in (0, 1].
        evidence: deviations of noise beyond which two gradients agree or oppose.
    """

    clip: float = 0.3
    step_size: float = 24.0
    steps: int = 40
    mean_share: float = 0.15
    bias: float = 0.25
    average_from: float = 0.5
    growth: float = 1.1
    shrinkage: float = 0.85
    evidence: float = 3.0


CURVATURE = {"squared": 1.0, "logistic": 0.25, "softmax": 0.5}
"""Greatest second derivative of each loss in the direction of a unit vector of scores."""
_CLIP = {"squared": 0.15, "logistic": 0.3, "softmax": 0.36}
_STEP = 6.0


def loss_kind(*, outputs: int, classes: int | None) -> str:
    """Which loss of `CURVATURE` a problem with so many scores and classes has."""
    if classes is None:
        return "squared"
    return "logistic" if outputs == 1 else "softmax"


def linear_settings(
    *, units: int, features: int, outputs: int, classes: int | None, mu: float
) -> LinearSettings:
    """Settings for so many units, features, outputs and classes, at a total noise of mu.

    The step is in inverse proportion to the loss's curvature. What noise adds to the parameters
    is clip * step_size * steps * sqrt(features * outputs) / (mu * units), so the number of steps
    holds that constant, within limits.

    Args:
        units: public number of privacy units n.
        features: encoded columns d.
        outputs: scores K of one row.
        classes: number of classes; None for regression.
        mu: greatest sum of squares, `accounting.mu_for`; it stands for epsilon and delta.
    """
    kind = loss_kind(outputs=outputs, classes=classes)
    steps = int(min(max(2 * mu * units / math.sqrt(features * max(outputs, 2)), 20), 200))
    return LinearSettings(
        clip=_CLIP[kind],
        step_size=_STEP / CURVATURE[kind],
        steps=steps,
        mean_share=0.15 / math.sqrt(outputs),
    )


def counted_penalty(l2: float, *, kind: str, norm: float, mu: float) -> float:
    """The part of a quadratic penalty that is added to what noise and few steps do already.

    Private minimisation regularises: objective perturbation, for one, needs a penalty of at
    least the loss's curvature times the squared norm of a row, over the privacy budget
    (Chaudhuri, Monteleoni & Sarwate 2011, "Differentially private empirical risk minimization",
    Alg. 2). Descent that stops early shrinks likewise, so a penalty counts beyond that only;
    counted twice it would bias models whose features have wide bounds.

    Args:
        l2: the penalty's weight on the sum of losses.
        kind: the loss, of `CURVATURE`.
        norm: greatest Euclidean norm of a row.
        mu: as in `linear_settings`.
    """
    return max(0.0, l2 - CURVATURE[kind] * norm**2 / mu)
