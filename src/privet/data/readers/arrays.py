"""NumPy: a pair (X, y), one matrix, a structured array, a dict of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from privet.data.readers.base import Reader, unique_names
from privet.data.values import Array, Batch
from privet.errors import DataError, InvalidInput


def arrays_reader(source: Any) -> Reader | None:
    """A reader of in-memory arrays, or None if `source` is none of the forms above.

    X is (n, d) and becomes x0 .. x{d-1}; y is (n,) and becomes y.

    Raises:
        DataError: wrong dimensions, or lengths that differ.
    """
    if isinstance(source, Mapping):
        return _columns_reader({str(k): _vector(k, v) for k, v in source.items()},
                               names=source, describe="dict of arrays")
    if isinstance(source, tuple) and len(source) == 2:
        return _pair_reader(*source)
    if isinstance(source, np.ndarray) and source.dtype.names:
        if source.ndim != 1:
            raise DataError("a structured array must have one dimension", value=source.ndim,
                            bound="1 dimension", remedy="array.ravel()")
        columns = {name: source[name] for name in source.dtype.names}
        return _columns_reader(columns, names=columns, describe="structured array")
    if isinstance(source, np.ndarray):
        columns = _matrix(source)
        return _columns_reader(columns, names=columns, describe="matrix")
    return None


def _pair_reader(x: Any, y: Any) -> Reader:
    if not hasattr(x, "__array__") and not isinstance(x, (list, tuple)):
        _refuse_matrix(x)
    if hasattr(x, "columns"):
        raise InvalidInput("a pair holds arrays, not a frame", value=type(x).__name__,
                           bound="a matrix (n, d) and a vector (n,)",
                           remedy="frame.assign(y=y)   # give one frame with the target in it")
    columns = {**_matrix(np.asarray(x)), "y": _vector("y", y)}
    return _columns_reader(columns, names=columns, describe="pair of arrays")


def _refuse_matrix(x: Any) -> None:
    remedy = "X.toarray()" if hasattr(x, "toarray") else "numpy.asarray(X)"
    raise InvalidInput("X is no array", value=type(x).__name__, bound="an array (n, d)",
                       remedy=remedy)


def _matrix(x: Array) -> dict[str, Array]:
    if x.ndim != 2:
        raise DataError("X must have two dimensions", value=x.shape, bound="(n, d)",
                        remedy="X.reshape(-1, 1)" if x.ndim == 1 else "X.reshape(len(X), -1)")
    return {f"x{index}": x[:, index] for index in range(x.shape[1])}


def _vector(name: Any, values: Any) -> Array:
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"column {name!r} must have one dimension", value=array.shape,
                        bound="(n,)", remedy=f"{name}.ravel()")
    return array


def _columns_reader(columns: dict[str, Array], *, names: Any, describe: str) -> Reader:
    public = unique_names(names, describe=f"the {describe}")
    lengths = {name: len(values) for name, values in columns.items()}
    count = lengths[public[0]]
    for name, length in lengths.items():
        if length != count:
            raise DataError(f"column {name!r} has another length than {public[0]!r}",
                            value=length, bound=f"{count} rows",
                            remedy=f"{name}[:{count}]   # if the rest is no row")

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Batch]:
        for start in range(0, count, size):
            yield {name: columns[name][start : start + size] for name in wanted}

    return Reader(public, f"{describe} of {len(public)} columns", pull)
