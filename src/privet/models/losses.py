"""The loss of one example, and what a row of scores says.

Each loss takes (scores, y): scores is (outputs,), y a class number or a scaled target. They are
pure JAX functions, and work on traced values; `LOSSES` names them so that a protection may
recognise a problem it has a better solver for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def squared(scores: Any, y: Any) -> Any:
    """Half the squared error of one score: (s - y)^2 / 2."""
    return 0.5 * (scores[0] - y) ** 2


def logistic(scores: Any, y: Any) -> Any:
    """Negative log-likelihood of class y in {0, 1} under sigmoid(scores[0])."""
    import jax

    return jax.nn.softplus(scores[0]) - y * scores[0]


def softmax(scores: Any, y: Any) -> Any:
    """Negative log-likelihood of class y in 0..K-1 under softmax(scores)."""
    import jax

    return jax.nn.logsumexp(scores) - scores[y]


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "squared": squared,
    "logistic": logistic,
    "softmax": softmax,
}


def loss_name(classes: int | None) -> str:
    """The loss that fits a number of classes; None means regression."""
    if classes is None:
        return "squared"
    return "logistic" if classes == 2 else "softmax"


def probabilities(scores: Array) -> Array:
    """Class probabilities, (n, K), from scores, (n, 1) for two classes or (n, K)."""
    if scores.shape[1] == 1:
        from scipy.special import expit

        positive = expit(scores[:, 0])
        return np.stack([1 - positive, positive], axis=1)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
