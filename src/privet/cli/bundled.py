"""The data sets that come with the package, as the commands name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privet.errors import DataError

PREFIX = "demo:"
NAMES = ("breast-cancer",)
SCHEMA = Path(__file__).resolve().parents[1] / "demo" / "breast_cancer.toml"


def columns(data: str) -> dict[str, Any]:
    """The columns of a bundled set, (n,) each: scikit-learn's copy, the diagnosis in words.

    Raises:
        DataError: there is no such set.
    """
    if data.removeprefix(PREFIX) not in NAMES:
        raise DataError("there is no such bundled data set", value=data,
                        bound="one of " + ", ".join(PREFIX + known for known in NAMES),
                        remedy=PREFIX + NAMES[0])
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    found: dict[str, Any] = {
        str(name): bunch.data[:, index] for index, name in enumerate(bunch.feature_names)
    }
    found["diagnosis"] = bunch.target_names.astype(object)[bunch.target]
    return found
