"""Checks of a saved record's fields. Whoever writes a file can write anything into it.

The digest of a file finds accidents, not forgers, so nothing is used before its type, its range
and its fit with the rest are checked, and nothing is allocated by a number that the file states.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from privet.claims import Cost, Guarantee, from_json
from privet.claims.serial import is_finite, is_whole
from privet.data import Encoder, Schema
from privet.errors import DataError, InvalidInput
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
    if not is_whole(value) or value < least:
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
        return is_finite(value)
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


def claim(record: dict[str, Any], name: str, kind: type[Guarantee] | type[Cost]) -> Any:
    """The field, a guarantee or a cost.

    Raises:
        DataError: naming the field, and the one within it.
    """
    try:
        found = from_json(record[name])
    except InvalidInput as error:
        raise DataError(
            f"the saved model's field {name!r} is malformed: {error.problem}",
            bound=error.bound or "what was saved",
            remedy="train and save the model again",
        ) from error
    return found if isinstance(found, kind) else refuse(name, found, f"a {kind.__name__.lower()}")
