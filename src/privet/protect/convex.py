r"""Linear models in the clear, to the optimum: least squares by SVD, logistic by Newton or L-BFGS.

Objective (the one scikit-learn states, with l2 = alpha or 1/C, intercept not penalised):

    sum_i weight_i * loss(x_i @ w + b, y_i)  +  l2/2 * ||w||^2

The logistic problems are solved in standardised coordinates, w = v / scale, so that steps are
well conditioned whatever the columns' units; the penalty stays on the original w.
NumPy and SciPy only: training a linear model in the clear imports no JAX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.protect.base import Outcome, Watch, step

Array = np.ndarray[Any, Any]
_NEWTON_SIZE = 1200
"""Most coefficients for which a dense Hessian pays."""


def fit_linear(
    x: Array,
    y: Array,
    weight: Array | None,
    *,
    loss: str,
    outputs: int,
    l2: float,
    max_iter: int,
    tol: float,
    watch: Watch,
) -> Outcome:
    """Minimise the objective above.

    Args:
        x: (n, d). y: (n,). weight: (n,) or None.
        loss: "squared", "logistic" or "softmax".
        tol: stop when no partial derivative of the mean loss, in standardised coordinates,
            exceeds it.

    Returns:
        params {"w": (d, outputs), "b": (outputs,)}, with a note if max_iter ended the run.

    Raises:
        Cancelled: the watcher stopped the run.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    keep = weight != 0
    if not keep.all():
        x, y, weight = x[keep], y[keep], weight[keep]
    if loss == "squared":
        step(watch, 0, 1, "least squares")
        params = _least_squares(x, y, weight, l2)
        step(watch, 1, 1, "least squares")
        return Outcome(params, steps=1)
    problem = _standardise(x, y, weight, outputs, l2)
    size = outputs * (x.shape[1] + 1)
    solve = _newton if size <= _NEWTON_SIZE else _lbfgs
    theta, steps, done = solve(problem, max_iter, tol * weight.sum(), watch)
    notes = () if done else (f"stopped after {steps} steps, before the optimum: raise max_iter",)
    return Outcome(problem.original(theta), steps=max(steps, 1), notes=notes)


def _least_squares(x: Array, y: Array, weight: Array, l2: float) -> dict[str, Array]:
    """Ridge through the SVD of centred x; the least-norm solution where l2 = 0."""
    mean, centre = np.average(x, axis=0, weights=weight), np.average(y, weights=weight)
    root = np.sqrt(weight)[:, None]
    u, s, vt = np.linalg.svd((x - mean) * root, full_matrices=False)
    cut = max(x.shape) * np.finfo(np.float64).eps * s.max(initial=0.0)
    gain = np.divide(s, s**2 + l2, out=np.zeros_like(s), where=s > cut)
    w = vt.T @ (gain * (u.T @ ((y - centre) * root[:, 0])))
    return {"w": w[:, None], "b": np.array([centre - mean @ w])}


@dataclass(frozen=True)
class _Problem:
    """The objective in standardised coordinates; theta is (d + 1, K), last row the intercept."""

    z: Array
    onehot: Array
    weight: Array
    penalty: Array
    mean: Array
    scale: Array

    def start(self) -> Array:
        return np.zeros((self.z.shape[1], self.onehot.shape[1]))

    def value(self, theta: Array) -> float:
        scores = self.z @ theta
        if theta.shape[1] == 1:
            losses = np.logaddexp(0, scores) - self.onehot * scores
        else:
            top = scores.max(axis=1, keepdims=True)
            normaliser = top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
            losses = (normaliser - scores) * self.onehot
        return float(self.weight @ losses.sum(axis=1) + 0.5 * np.sum(self.penalty * theta**2))

    def chances(self, theta: Array) -> Array:
        from scipy.special import expit, softmax

        scores = self.z @ theta
        return np.asarray(expit(scores) if theta.shape[1] == 1 else softmax(scores, axis=1))

    def gradient(self, theta: Array, chances: Array) -> Array:
        residual = self.weight[:, None] * (chances - self.onehot)
        return np.asarray(self.z.T @ residual + self.penalty * theta)

    def hessian(self, chances: Array) -> Array:
        """(K (d+1), K (d+1)), blocks by class."""
        d, k = self.z.shape[1], chances.shape[1]
        out = np.empty((k, d, k, d))
        for i in range(k):
            for j in range(i, k):
                mixed = chances[:, i] * ((i == j) - chances[:, j])
                block = self.z.T @ (self.z * (self.weight * mixed)[:, None])
                out[i, :, j, :] = out[j, :, i, :] = block
        hessian = out.reshape(k * d, k * d)
        hessian[np.diag_indices(k * d)] += np.tile(self.penalty[:, 0], k)
        return hessian

    def original(self, theta: Array) -> dict[str, Array]:
        w = theta[:-1] / self.scale[:, None]
        b = theta[-1] - self.mean @ w
        # Softmax scores shifted alike say the same: fix the shift.
        return {"w": w, "b": b - b.mean() if len(b) > 1 else b}


def _standardise(x: Array, y: Array, weight: Array, outputs: int, l2: float) -> _Problem:
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    # A constant column, up to rounding, has no scale of its own.
    scale = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, 1.0)
    z = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    labels = y.astype(np.int64)
    onehot = labels[:, None].astype(np.float64) if outputs == 1 else np.eye(outputs)[labels]
    penalty = np.append(l2 / scale**2, 0.0)[:, None]
    return _Problem(z, onehot, weight, penalty, mean, scale)


def _newton(
    problem: _Problem, max_iter: int, tol: float, watch: Watch
) -> tuple[Array, int, bool]:
    """Damped Newton steps (Boyd & Vandenberghe 2004, algorithm 9.5)."""
    theta = problem.start()
    value = problem.value(theta)
    for done in range(max_iter):
        step(watch, done, max_iter, "Newton steps")
        chances = problem.chances(theta)
        gradient = problem.gradient(theta, chances)
        if np.abs(gradient).max() <= tol:
            return theta, done, True
        direction = _direction(problem.hessian(chances), gradient)
        slope = float(np.sum(gradient * direction))
        theta, value, moved = _backtrack(problem, theta, value, direction, slope)
        if not moved:
            return theta, done + 1, True
    return theta, max_iter, False


def _direction(hessian: Array, gradient: Array) -> Array:
    # A whisper of damping: the intercepts of a softmax share a null direction.
    diagonal = np.diag_indices(len(hessian))
    hessian[diagonal] += 1e-13 * max(float(hessian[diagonal].max()), 1e-300)
    flat = gradient.T.ravel()
    try:
        move = np.linalg.solve(hessian, -flat)
    except np.linalg.LinAlgError:
        move = np.linalg.lstsq(hessian, -flat, rcond=None)[0]
    if not np.isfinite(move).all() or move @ flat >= 0:
        move = -flat
    return move.reshape(gradient.T.shape).T


def _backtrack(
    problem: _Problem, theta: Array, value: float, direction: Array, slope: float
) -> tuple[Array, float, bool]:
    length = 1.0
    slack = 1e-14 * abs(value)
    for _ in range(40):
        trial = theta + length * direction
        reached = problem.value(trial)
        if reached <= value + 1e-4 * length * slope + slack:
            # Progress below rounding: the optimum, as far as float64 can tell.
            return trial, reached, -slope > 1e-15 * max(abs(value), 1e-300)
        length *= 0.5
    return theta, value, False


def _lbfgs(
    problem: _Problem, max_iter: int, tol: float, watch: Watch
) -> tuple[Array, int, bool]:
    """L-BFGS (Liu & Nocedal 1989) as SciPy has it."""
    from scipy.optimize import minimize

    shape = problem.start().shape
    seen = [0]

    def objective(flat: Array) -> tuple[float, Array]:
        step(watch, min(seen[0], max_iter), max_iter, "L-BFGS steps")
        theta = flat.reshape(shape)
        return problem.value(theta), problem.gradient(theta, problem.chances(theta)).ravel()

    def count(_: Array) -> None:
        seen[0] += 1

    found = minimize(
        objective,
        problem.start().ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=count,
        options={"maxiter": max_iter, "maxfun": 20 * max_iter, "maxcor": 20, "gtol": tol,
                 "ftol": 1e-15},
    )
    return found.x.reshape(shape), int(found.nit), bool(found.success)
