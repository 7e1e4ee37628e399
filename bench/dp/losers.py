"""Methods that lost and are not shipped, kept as columns of the accuracy table.

Both are (epsilon, delta)-DP in real arithmetic, with NumPy's noise: good for comparing accuracy,
for nothing else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from privet.dp.accounting import mu_for

Array = np.ndarray[Any, Any]


def uncentred(x: Array, y: Array, classes: int | None, epsilon: float, seed: int) -> Array:
    """Full-batch descent with clip 1 and step 4 on features as they are; (d + 1, K) weights."""
    n, d = x.shape
    z, target = _with_bias(x, 1.0), _one_hot(y, classes)
    outputs = target.shape[1]
    mu = mu_for(epsilon, n**-1.1)
    steps = int(min(max(2 * mu * n / math.sqrt(d * max(outputs, 2)), 15), 100))
    draw = np.random.default_rng(seed)
    lengths = np.linalg.norm(z, axis=1)
    w, total = np.zeros((d + 1, outputs)), np.zeros((d + 1, outputs))
    for t in range(steps):
        scores = z @ w
        error = (scores if classes is None else _softmax(scores)) - target
        error *= np.minimum(1, 1 / (lengths * np.linalg.norm(error, axis=1) + 1e-12))[:, None]
        noise = math.sqrt(steps) / mu * draw.normal(size=w.shape)
        w = w - 4 * (z.T @ error + noise) / n
        total += w if t >= steps // 2 else 0.0
    return total / (steps - steps // 2)


def ridge(x: Array, y: Array, classes: int | None, epsilon: float, norm: float, seed: int) -> Array:
    """Ridge regression on noisy sufficient statistics, centred; (d + 1, K) weights.

    Vu & Slavkovic 2009; Wang 2018, "Revisiting differentially private linear regression".
    """
    n, d = x.shape
    mu, draw = mu_for(epsilon, n**-1.1), np.random.default_rng(seed)
    mean = (x.sum(axis=0) + norm / (mu * math.sqrt(0.1)) * draw.normal(size=d)) / n
    radius, bias = 0.6 * norm, 0.3
    z = x - mean
    z = z * np.minimum(1, radius / (np.linalg.norm(z, axis=1, keepdims=True) + 1e-12)) / radius
    z = _with_bias(z, bias)
    squared = 1 + bias**2
    each = mu * math.sqrt(0.45)
    noise = np.triu(draw.normal(size=(d + 1, d + 1)))
    noise = (noise + noise.T) / math.sqrt(2)
    target = _one_hot(y, classes) - (0.0 if classes is None else 1 / classes)
    reach = 1.0 if classes is None else math.sqrt(1 - 1 / classes)
    values, vectors = np.linalg.eigh(z.T @ z + squared / each * noise)
    values = np.maximum(values, 0) + squared / each * math.sqrt(d + 1)
    cross = z.T @ target
    cross += reach * math.sqrt(squared) / each * draw.normal(size=cross.shape)
    w = vectors @ ((vectors.T @ cross) / values[:, None])
    return np.vstack([w[:d] / radius, w[d] * bias - mean @ w[:d] / radius])


def scores(weights: Array, x: Array) -> Array:
    """(n, K) scores."""
    return _with_bias(x, 1.0) @ weights


def _with_bias(x: Array, value: float) -> Array:
    return np.c_[x, np.full(len(x), value)]


def _one_hot(y: Array, classes: int | None) -> Array:
    return y[:, None].astype(np.float64) if classes is None else np.eye(classes)[y]


def _softmax(values: Array) -> Array:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
