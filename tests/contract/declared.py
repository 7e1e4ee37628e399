"""Estimators that declare wide bounds for whatever array they are given.

Only a test may do so: bounds made from the data are no bounds. They let scikit-learn's checks,
which pass bare arrays, reach the way in that needs a schema.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import privet as pv


class Declares:
    """Overrides the one place where an estimator asks what its caller declared."""

    _task: str

    def _declared_schema(self, X: Any, y: Any) -> pv.Schema | None:
        if y is None:
            return pv.Schema.for_arrays(low=[0], high=[1], classes=["a", "b"])
        frame = hasattr(X, "columns")
        names = [str(name) for name in X.columns] if frame else None
        columns = np.asarray(X.to_numpy() if frame else X)
        if columns.ndim != 2 or columns.dtype.kind not in "biufO" or hasattr(X, "tocsr"):
            columns = np.zeros((1, 1))
        names = names or [f"x{index}" for index in range(columns.shape[1])]
        tables = {name: _table(columns[:, i]) for i, name in enumerate(names)}
        tables = tables or {"x0": {"kind": "number", "bounds": [0, 1]}}
        target = np.asarray(y).ravel()
        if target.dtype.kind == "f":
            target = target[np.isfinite(target)]
        if target.dtype.kind == "c" or not len(target):
            target = np.arange(2)
        if self._task == "classes":
            levels = sorted(set(target.tolist()), key=str)
            levels = levels if len(levels) > 1 else [*levels, "another"]
            tables["y"] = {"kind": "category", "categories": levels}
        else:
            tables["y"] = _table(target)
        return pv.Schema.parse({"target": "y", "columns": tables})


def _table(values: Any) -> dict[str, Any]:
    if values.dtype == object and any(not isinstance(v, (int, float)) for v in values):
        return {"kind": "category", "categories": sorted({str(v) for v in values})}
    numbers = np.real(values).astype(float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {"kind": "number", "bounds": [0, 1]}
    return {"kind": "number", "bounds": [np.floor(numbers.min()) - 1.0, np.ceil(numbers.max()) + 1]}


class LogisticRegression(Declares, pv.LogisticRegression):
    """With bounds for any array."""


class LinearRegression(Declares, pv.LinearRegression):
    """With bounds for any array."""


class Ridge(Declares, pv.Ridge):
    """With bounds for any array."""


class MLPClassifier(Declares, pv.MLPClassifier):
    """With bounds for any array."""


class MLPRegressor(Declares, pv.MLPRegressor):
    """With bounds for any array."""
