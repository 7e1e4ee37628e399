"""scikit-learn estimators over a model and a protection.

Every estimator takes two parameters more than its scikit-learn namesake: `protect` (who may see
the data; None trains in the clear) and `schema` (bounds, categories and classes, from which all
encoding follows). Fitted ones carry `guarantee_` and `cost_`.

This package imports scikit-learn; `import privet` does so only when an estimator is named.
"""

from privet.estimators.generic import Classifier, Regressor
from privet.estimators.linear import LinearRegression, LogisticRegression, Ridge
from privet.estimators.network import MLPClassifier, MLPRegressor
from privet.estimators.saving import load, save

__all__ = [
    "Classifier",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Regressor",
    "Ridge",
    "load",
    "save",
]
