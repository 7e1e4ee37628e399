"""The data sets on which accuracy is measured: a frame, a schema of public bounds, a split."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

from bench.harness import ROOT
from privet.data import Schema

Array = np.ndarray[Any, Any]
SCHEMAS = ROOT / "bench" / "schemas"
DATA = Path(os.environ.get("PRIVET_DATA", ROOT.parent / "shared" / "data"))
"""Where data sets that scikit-learn does not carry are kept."""


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to test on."""

    train: pd.DataFrame
    train_y: Array
    test: pd.DataFrame
    test_y: Array


@dataclass(frozen=True)
class Problem:
    """One data set with its schema.

    Attributes:
        name: what the table calls it.
        load: () -> (features, target), or the split that the data come with.
        schema: () -> its schema, with the target.
        metric: "accuracy", "auc" or "r2".
        model: of `privet.models`.
        seeds: how many splits, or how often the noise is drawn where the data come split.
        repeats: how often the noise is drawn for each split.
        targets: figure to reach, by epsilon.
    """

    name: str
    load: Callable[[], tuple[pd.DataFrame, Array] | Split]
    schema: Callable[[], Schema]
    metric: str = "accuracy"
    model: str = "logistic"
    seeds: int = 10
    repeats: int = 5
    targets: dict[float, float] = field(default_factory=dict)

    def splits(self, seeds: int) -> Iterator[Split]:
        """Seeds 0, 1, ...: 75/25, stratified where there are classes."""
        loaded = self.load()
        classes = self.schema().target.classes  # type: ignore[union-attr]  # all have a target
        for seed in range(seeds):
            if isinstance(loaded, Split):
                yield loaded
                continue
            x, y = loaded
            # By class number, as scikit-learn's own copies are: names would split otherwise.
            strata = None if classes is None else [classes.index(value) for value in y.tolist()]
            train, test, train_y, test_y = train_test_split(
                x, y, test_size=0.25, random_state=seed, stratify=strata
            )
            yield Split(train, train_y, test, test_y)


def problems() -> list[Problem]:
    """All of them; where files are absent, `load` raises FileNotFoundError."""
    committed = _committed
    high = {0.5: 0.94, 1.0: 0.955, 3.0: 0.963}
    return [
        Problem("breast cancer", _cancer, _cancer_schema, targets=high),
        Problem("breast cancer, bounds x10", _cancer, _cancer_wide),
        Problem(
            "digits", _digits, committed("digits"), targets={0.5: 0.905, 1.0: 0.93, 3.0: 0.95}
        ),
        Problem("wine", _bundled(datasets.load_wine), committed("wine")),
        Problem("iris", _bundled(datasets.load_iris), committed("iris")),
        Problem("diabetes", _diabetes, committed("diabetes"), metric="r2", model="linear"),
        Problem(
            "german credit", _german, committed("german"), metric="auc",
            targets={0.5: 0.73, 1.0: 0.76, 3.0: 0.77},
        ),
        Problem(
            "adult, AUC", _adult, committed("adult"), metric="auc", model="additive", seeds=3,
            repeats=1,
            targets={0.1: 0.885, 0.3: 0.90, 1.0: 0.908},
        ),
        Problem(
            "adult, accuracy", _adult, committed("adult"), model="additive", seeds=3,
            repeats=1,
            targets={1.0: 0.855},
        ),
        Problem("MNIST 3 or 8, 14 x 14", _three_eight, lambda: _pixels(196, 2), seeds=5, repeats=1),
        Problem("MNIST 10 digits", _ten, lambda: _pixels(784, 10), seeds=2, repeats=1),
    ]


def _committed(name: str) -> Callable[[], Schema]:
    return lambda: Schema.load(SCHEMAS / f"{name}.toml")


def _cancer_schema() -> Schema:
    """The bounds that the package's demo is shipped with."""
    with resources.as_file(resources.files("privet") / "demo" / "breast_cancer.toml") as path:
        return Schema.load(path)


def _cancer_wide() -> Schema:
    """Somebody who knows nothing: [0, 10 x the greatest value that occurs]."""
    schema, (x, _) = _cancer_schema(), _cancer()
    wide = {
        column.name: replace(column, bounds=(0.0, 10 * float(x[column.name].max())))
        for column in schema.features
    }
    return replace(schema, columns={**schema.columns, **wide})


def _cancer() -> tuple[pd.DataFrame, Array]:
    bunch = datasets.load_breast_cancer(as_frame=True)
    return bunch.data, np.asarray(bunch.target_names)[bunch.target]


def _bundled(load: Callable[..., Any]) -> Callable[[], tuple[pd.DataFrame, Array]]:
    def loaded() -> tuple[pd.DataFrame, Array]:
        bunch = load(as_frame=True)
        return bunch.data, bunch.target.to_numpy()

    return loaded


def _digits() -> tuple[pd.DataFrame, Array]:
    x, y = datasets.load_digits(return_X_y=True, as_frame=True)
    return x, y.to_numpy()


def _diabetes() -> tuple[pd.DataFrame, Array]:
    x, y = datasets.load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return x.assign(sex=x["sex"].astype(int)), y.to_numpy()


def _german() -> tuple[pd.DataFrame, Array]:
    names = [column.name for column in _committed("german")().features]
    table = pd.read_csv(DATA / "german.csv", header=None, names=[*names, "risk"])
    return table[names], table["risk"].to_numpy()


def _adult() -> Split:
    names = [column.name for column in _committed("adult")().features]
    parts = []
    for part in ("train", "test"):
        table = pd.read_csv(
            DATA / f"adult-{part}.csv", header=None, names=[*names, "income"], skipinitialspace=True
        )
        parts += [table[names], table["income"].str.rstrip(".").to_numpy(dtype=object)]
    return Split(*parts)


def _mnist() -> tuple[Array, Array]:
    images, labels = (
        gzip.decompress((DATA / f"t10k-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return x.astype(np.float64), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def _three_eight() -> tuple[pd.DataFrame, Array]:
    x, y = _mnist()
    kept = (y == 3) | (y == 8)
    small = x[kept].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return _numbered(small), (y[kept] == 8).astype(np.int64)


def _ten() -> tuple[pd.DataFrame, Array]:
    x, y = _mnist()
    return _numbered(x.reshape(-1, 784)), y


def _numbered(x: Array) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])


def _pixels(count: int, classes: int) -> Schema:
    """A pixel is a byte."""
    return Schema.for_arrays([0.0] * count, [255.0] * count, classes=list(range(classes)))
