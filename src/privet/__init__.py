"""Write a model once; choose who may see the data.

One model is trained and served in the clear or under differential privacy. Whatever is
chosen, the result carries a typed statement of what it guarantees and what it cost.

>>> import privet as pv
>>> pv.Private(epsilon=1.0).name
'private'

Names are loaded when they are first used, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from privet import errors
    from privet.data import Dataset, Schema, read
    from privet.dp import local
    from privet.estimators import (
        Classifier,
        LinearRegression,
        LogisticRegression,
        MLPClassifier,
        MLPRegressor,
        Regressor,
        Ridge,
        load,
        save,
    )
    from privet.estimators.comparison import compare
    from privet.estimators.perturbing import perturb
    from privet.estimators.query import query
    from privet.protect import LocallyPrivate, Plain, Private

__all__ = [
    "Classifier",
    "Dataset",
    "LinearRegression",
    "LocallyPrivate",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Plain",
    "Private",
    "Regressor",
    "Ridge",
    "Schema",
    "__version__",
    "compare",
    "errors",
    "load",
    "local",
    "perturb",
    "query",
    "read",
    "save",
]

_HOMES = {
    "Classifier": "privet.estimators",
    "Dataset": "privet.data",
    "LinearRegression": "privet.estimators",
    "LocallyPrivate": "privet.protect",
    "LogisticRegression": "privet.estimators",
    "MLPClassifier": "privet.estimators",
    "MLPRegressor": "privet.estimators",
    "Plain": "privet.protect",
    "Private": "privet.protect",
    "Regressor": "privet.estimators",
    "Ridge": "privet.estimators",
    "Schema": "privet.data",
    "compare": "privet.estimators.comparison",
    "load": "privet.estimators",
    "perturb": "privet.estimators.perturbing",
    "query": "privet.estimators.query",
    "read": "privet.data",
    "save": "privet.estimators",
}

_MODULES = {"errors": "privet.errors", "local": "privet.dp.local"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'privet' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
