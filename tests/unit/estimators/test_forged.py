"""Forged model files: whatever stands in a field, one clear error or a model that predicts.

The digest is recomputed with each change, as a forger would: it finds accidents only.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import privet as pv
from privet.errors import PrivetError
from privet.estimators.record_fields import shapes
from privet.estimators.saving import _digest
from privet.models import model_for

Json = Any
RNG = np.random.default_rng(0)
X = RNG.uniform(0, 1, (60, 3))
Y = (X @ [1.0, -1.0, 0.5] > 0.25).astype(int)
SCHEMA = pv.Schema.for_arrays(low=[0] * 3, high=[1] * 3, classes=[0, 1])
RANGED = pv.Schema.for_arrays(low=[0] * 3, high=[1] * 3, target_range=(-2, 2))
ODD: tuple[Json, ...] = (None, "x", -1, 0, 1.5, 10**12, 10**400, True, [], {}, math.nan)


def private() -> Any:
    return pv.LogisticRegression(
        protect=pv.Private(epsilon=2.0, delta=1e-3), schema=SCHEMA, class_weight={0: 2.0, 1: 1.0}
    ).fit(X, Y)


MODELS: dict[str, Callable[[], Any]] = {
    "private": private,
    "local": lambda: pv.LogisticRegression(
        protect=pv.LocallyPrivate(2.0), schema=SCHEMA
    ).fit(X, Y),
    "texts": lambda: pv.LogisticRegression().fit(X, np.where(Y == 1, "sick", "well")),
    "ridge": lambda: pv.Ridge(0.1, schema=RANGED).fit(X, X[:, 0]),
    "mlp": lambda: pv.MLPClassifier((4, 3), max_iter=2, random_state=0).fit(X, Y),
    "additive": lambda: pv.Classifier("additive", schema=SCHEMA).fit(X, Y),
}


def opened(file: Path) -> tuple[Json, dict[str, Any]]:
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    envelope = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["privet"])
    return envelope["record"], safetensors.numpy.load(content)


def forge(record: Json, tensors: dict[str, Any], file: Path) -> None:
    digest = _digest(json.dumps(record, separators=(",", ":")), tensors)
    envelope = json.dumps({"sha256": digest, "record": record})
    safetensors.numpy.save_file(tensors, file, {"privet": envelope})


def places(value: Json, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value stands, for each leaf, object and list; of a list the first item only."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value[:1]) if isinstance(value, list) else inner
    for key, item in inner:
        yield from places(item, (*way, key))


def replaced(record: Json, way: tuple[Any, ...], value: Json) -> Json:
    changed = copy.deepcopy(record)
    inner = changed
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    return changed


def used(model: Any) -> None:
    """All that is asked of a model after it was loaded, but training it anew."""
    x = X[:2]
    assert model.predict(x).shape == (2,)
    if hasattr(model, "predict_proba"):
        assert model.predict_proba(x).shape == (2, len(model.classes_))
    assert model.guarantee_.describe()
    assert str(model.guarantee_) and str(model.cost_) and model.get_params()


ALIKE = ("schema", "guarantee", "cost", "protect", "versions")
"""Read by the same lines whatever the model is, so changed in one of the models only."""


@pytest.mark.parametrize("name", MODELS)
def test_every_field_may_be_forged(name: str, tmp_path: Path) -> None:
    file = tmp_path / "m"
    pv.save(MODELS[name](), file)
    record, tensors = opened(file)
    forge(record, tensors, file)
    used(pv.load(file))
    refused = 0
    ways = [way for way in places(record) if name == "private" or way[0] not in ALIKE]
    for way in ways:
        for value in ODD:
            forge(replaced(record, way, value), tensors, file)
            try:
                used(pv.load(file))
            except PrivetError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{way} = {str(value)[:30]}: {error!r}") from error
    # Most fields are refused in most forms; free ones are parameters of a further training.
    assert refused > 0.6 * len(ways) * len(ODD)


WRONG: dict[str, tuple[str, tuple[Any, ...], Json]] = {
    "secret noise": ("private", ("guarantee", "secret_noise"), "no"),
    "recorded": ("private", ("guarantee", "recorded"), 1),
    "assumptions": ("private", ("guarantee", "assumptions"), [1]),
    "sights": ("private", ("guarantee", "sights", 0, "protected"), "yes"),
    "epsilon": ("private", ("guarantee", "epsilon"), True),
    "bytes": ("private", ("cost", "bytes_sent"), {"site": 1.5}),
    "outputs": ("private", ("outputs",), 10**12),
    "hidden": ("mlp", ("tag", "options", "hidden"), [10**12, 3]),
    "label type": ("texts", ("classes", "dtype"), "<U1000000000"),
    "labels": ("texts", ("classes", "values"), ["sick", "sick"]),
    "labels of the schema": ("private", ("classes", "values"), [1, 0]),
    "encoding": ("private", ("encoding",), "bins"),
    "bins": ("additive", ("schema", "columns", "x0", "bins"), 4096),
    "names": ("private", ("names",), ["x1", "x0", "x2"]),
    "format": ("private", ("format",), True),
    "steps": ("private", ("steps",), -1),
    "columns": ("ridge", ("columns",), 4),
    "class of the other task": ("ridge", ("class",), "LogisticRegression"),
    "not a number": ("private", ("guarantee", "delta"), math.nan),
    "deep": ("private", ("params", "C"), "deep"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_forgery_that_means_something_else_is_refused(what: str, tmp_path: Path) -> None:
    name, way, value = WRONG[what]
    file = tmp_path / "m"
    pv.save(MODELS[name](), file)
    record, tensors = opened(file)
    if value == "deep":
        for _ in range(400):
            value = [value]
        value = {"__pairs__": [[value, {}], [{}, 1]]}
    forge(replaced(record, way, value), tensors, file)
    with pytest.raises(PrivetError) as caught:
        pv.load(file)
    assert caught.value.bound


@pytest.mark.parametrize(("name", "options"), [
    ("logistic", {}), ("additive", {}), ("mlp", {"hidden": (4, 3)}), ("mlp", {"hidden": ()}),
])  # fmt: skip
def test_shapes_are_those_of_made_parameters(name: str, options: Any) -> None:
    model = model_for(name, classes=3, **options)
    made = {key: np.shape(value) for key, value in model.init(0, 5, 3).items()}
    assert shapes(model, 5, 3) == made
