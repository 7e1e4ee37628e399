"""Linear scores: scores = x @ w + b, for the linear, logistic and additive models."""

from __future__ import annotations

from typing import Any

import numpy as np


def init(seed: int, features: int, outputs: int) -> dict[str, Any]:
    """All zeros, whatever the seed: the problems are convex."""
    return {"w": np.zeros((features, outputs)), "b": np.zeros(outputs)}


def apply(params: dict[str, Any], x: Any) -> Any:
    """Scores (outputs,) of one row (d,); also (n, outputs) of many rows (n, d)."""
    return x @ params["w"] + params["b"]
