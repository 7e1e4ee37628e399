"""Checks of a saved record's fields. Whoever writes a file can write anything into it.

The digest of a file finds accidents, not forgers, so nothing is used before its type, its range
and its fit with the rest are checked, and nothing is allocated by a number that the file states.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np

from privet.claims import Cost, Guarantee
from privet.data import Encoder, Schema
from privet.errors import DataError
from privet.protect.base import Model

Array = np.ndarray[Any, Any]
LABEL_KINDS = "biufUO"
"""NumPy's kinds of classes that JSON can hold."""
MOST_LABEL_BYTES = 2**26
"""Most memory that the classes' own array may take."""


def refuse(name: str, value: Any, bound: str) -> NoReturn:
    """Say which field of the file is malformed.

    Raises:
        DataError: always.
    """
    plain = value is None or isinstance(value, (bool, int, float, str))
    raise DataError(
        f"the saved model's field {name!r} is malformed",
        value=value if plain and len(repr(value)) < 80 else type(value).__name__,
        bound=bound,
        remedy="train and save the model again",
    )


def text(record: dict[str, Any], name: str) -> str:
    """The field, a text."""
    value = record[name]
    return value if isinstance(value, str) else refuse(name, value, "a text")


def truth(record: dict[str, Any], name: str) -> bool:
    """The field, true or false."""
    value = record[name]
    return value if isinstance(value, bool) else refuse(name, value, "true or false")


def count(record: dict[str, Any], name: str, *, least: int = 0) -> int:
    """The field, a whole number of at least `least`."""
    value = record[name]
    if not _is_whole(value) or value < least:
        refuse(name, value, f"a whole number of at least {least}")
    return int(value)


def texts(record: dict[str, Any], name: str) -> tuple[str, ...]:
    """The field, a list of texts."""
    value = record[name]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        refuse(name, value, "a list of texts")
    return tuple(value)


def table(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The field, an object."""
    value = record[name]
    return value if isinstance(value, dict) else refuse(name, value, "an object")


def labels(record: dict[str, Any], schema: Schema | None, read: Callable[[Any], Any]) -> Array:
    """(K,) classes, K >= 2, those of the schema where there is one.

    Args:
        record: {"dtype": ..., "values": [...]}.
        schema: what the model's rows are encoded by.
        read: reads one value.
    """
    if set(record) != {"dtype", "values"} or not isinstance(record["values"], list):
        refuse("classes", sorted(record), "dtype and values")
    kind = _label_type(record["dtype"], len(record["values"]))
    values = [read(value) for value in record["values"]]
    if len(values) < 2 or not all(_is_label(value, kind) for value in values):
        refuse("classes", kind.str, "at least two values, all of that type")
    if len(set(values)) < len(values):
        refuse("classes", "the same class twice", "different classes")
    classes = np.empty(len(values), dtype=kind)
    classes[:] = values
    if schema is not None:
        declared = Encoder(schema).classes
        same = declared is not None and declared.dtype == kind
        if not same or declared.tolist() != values:  # type: ignore[union-attr]  # same says so
            refuse("classes", len(values), "the classes of the schema's target")
    return classes


def _label_type(name: Any, values: int) -> np.dtype[Any]:
    try:
        kind = np.dtype(name if isinstance(name, str) else refuse("classes", name, "a dtype"))
    except (TypeError, ValueError, SyntaxError):
        refuse("classes", name, "the name of a dtype")
    if kind.kind not in LABEL_KINDS or kind.itemsize * values > MOST_LABEL_BYTES:
        refuse("classes", name, "a dtype of numbers, texts or booleans, of a moderate size")
    return kind


def _is_label(value: Any, kind: np.dtype[Any]) -> bool:
    if kind.kind == "b":
        return isinstance(value, bool)
    if kind.kind == "U":
        return isinstance(value, str) and len(value) <= kind.itemsize // 4
    if kind.kind == "O":
        return isinstance(value, (bool, int, float, str)) and value == value
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    if kind.kind == "f":
        return _is_finite(value)
    limits = np.iinfo(kind)
    return isinstance(value, int) and limits.min <= value <= limits.max


def check_names(names: tuple[str, ...], named: tuple[str, ...] | None, columns: int,
                schema: Schema | None, encoding: str) -> None:
    """Refuse names of encoded columns, and numbers of columns, that no fit would have kept.

    Raises:
        DataError: naming the field.
        SchemaError, MissingBounds: the schema allows no such encoding.
    """
    if schema is None:
        if encoding != "scaled":
            refuse("encoding", encoding, "'scaled', without a schema")
        known = named if named is not None else tuple(f"x{index}" for index in range(columns))
        own, encoded = known, known
    else:
        own = tuple(column.name for column in schema.features)
        bins = [column.bins for column in schema.features if encoding == "bins"]
        # Stated numbers of bins are checked before as many names are made.
        if sum(each for each in bins if isinstance(each, int)) > len(names):
            refuse("names", len(names), "a name for each bin of the schema")
        encoded = tuple(Encoder(schema, encoding).names)
    if columns != len(own):
        refuse("columns", columns, f"{len(own)}, as columns are named")
    if named is not None and named != own:
        refuse("named", len(named), "the names of the schema's features")
    if names != encoded:
        refuse("names", len(names), "the names of the encoded columns")


def check_tensors(model: Model, tensors: dict[str, Array], features: int, outputs: int) -> None:
    """Refuse tensors of other names or shapes than the model's, or holding NaN or infinity.

    Raises:
        DataError: naming the tensor.
    """
    expected = shapes(model, features, outputs)
    if set(tensors) != set(expected):
        raise DataError(
            "the saved model has other parameters than its kind",
            value=sorted(tensors)[:20],
            bound=", ".join(sorted(expected)[:20]),
        )
    for name, value in tensors.items():
        if value.shape != expected[name]:
            raise DataError(
                f"parameter {name!r} has another shape than the model",
                value=value.shape,
                bound=str(expected[name]),
            )
        if not np.isfinite(value).all():
            raise DataError(
                f"parameter {name!r} is not finite",
                bound="finite numbers",
                remedy="train and save the model again",
            )


def shapes(model: Model, features: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's parameters, without making them: a file's sizes may be absurd.

    Only a user's own module makes its parameters, since nobody else knows their shapes.
    """
    name = model.tag["name"]
    if name == "module":
        made = model.init(0, features, outputs)
        return {key: np.shape(value) for key, value in made.items()}
    if name != "mlp":
        return {"w": (features, outputs), "b": (outputs,)}
    sizes = pairwise((features, *model.tag["options"]["hidden"], outputs))
    layers = [{f"w{i}": (a, b), f"b{i}": (b,)} for i, (a, b) in enumerate(sizes)]
    return {key: shape for layer in layers for key, shape in layer.items()}


def check_claim(claim: Guarantee | Cost, name: str) -> None:
    """Refuse a claim with a field of another type than it declares.

    Raises:
        DataError: naming the field.
    """
    hints = get_type_hints(type(claim))
    for each in dataclasses.fields(claim):
        value = getattr(claim, each.name)
        if not _fits(value, hints[each.name]):
            refuse(f"{name}.{each.name}", value, str(each.type))


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is float:
        return _is_finite(value)
    if hint is int:
        return _is_whole(value)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    if dataclasses.is_dataclass(value):
        own = get_type_hints(type(value))
        return isinstance(value, hint) and all(
            _fits(getattr(value, each.name), own[each.name]) for each in dataclasses.fields(value)
        )
    return isinstance(value, hint)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_finite(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False
