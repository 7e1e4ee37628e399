"""Saved models: one safetensors file, parameters as tensors, everything else as JSON.

The file's metadata holds one key, "privet": a JSON object {"sha256": ..., "record": {...}}.
The digest covers the record and every tensor, so that accidental damage is found. It is no
signature: whoever can write the file can write another digest, and any guarantee with it. Such
a file can mislead but not harm: nothing is ever unpickled, no code is stored, and each field's
type, range and fit with the others are checked before it is used.

Formal guarantees: what `save` writes is a function of the fitted estimator. Under a private
protection that is its noised parameters, public settings and the schema; measured seconds and
memory are left out, and so is the seed of reproducible noise.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from privet.data.tomlfile import write_atomically
from privet.errors import DataError, InvalidInput, PrivetError
from privet.estimators.base import Estimator
from privet.estimators.record import FORMAT, KIND, read_record, record_of

Array = np.ndarray[Any, Any]
_MOST_HEADER = 100 * 2**20


class _NotFitted(InvalidInput, NotFittedError):  # type: ignore[misc]  # scikit-learn ships no types
    """Also what scikit-learn raises, so that code written for it catches it."""


def save(estimator: Estimator, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator, whole or not at all.

    Args:
        estimator: a fitted estimator of this package.
        path: the file, by custom NAME.safetensors.

    Raises:
        InvalidInput: it is not fitted (also scikit-learn's NotFittedError), not ours, or has a
            parameter that JSON cannot hold.
        DataError: the file cannot be written; what was there stays.
    """
    import safetensors.numpy

    if not isinstance(estimator, Estimator):
        raise InvalidInput("only privet's own estimators can be saved",
                           value=type(estimator).__name__, remedy="pv.save(clf, path)")
    if not hasattr(estimator, "result_"):
        raise _NotFitted("an estimator is saved after it was trained",
                         value=f"{type(estimator).__name__} without a fit",
                         bound="a fitted estimator",
                         remedy="pv.save(estimator.fit(X, y), path)")
    tensors = {key: np.ascontiguousarray(value, dtype=np.float64)
               for key, value in estimator.result_.params.items()}
    record = {**record_of(estimator), "versions": _versions()}
    text = _canonical(record)
    envelope = {"sha256": _digest(text, tensors), "record": record}
    content = safetensors.numpy.save(tensors, {"privet": _canonical(envelope)})
    try:
        write_atomically(path, content)
    except OSError as error:
        folder = Path(path).parent
        raise DataError(f"the model cannot be written ({error.strerror})", value=str(path),
                        bound="a file in a folder that you may write to",
                        remedy=f"ls -ld {folder}" if folder.is_dir() else f"mkdir -p {folder}",
                        ) from error


def load(path: str | os.PathLike[str], *, model: Any = None) -> Any:
    """Read an estimator that `save` wrote.

    Args:
        path: the file.
        model: the user's own module or pair, if the saved estimator had one: code is not saved.

    Returns:
        A fitted estimator with equal predictions, guarantee and (rounded) cost.

    Raises:
        DataError: no such file, or it is damaged, or written by a newer version.
        InvalidInput: the saved model is a user's own and `model` is missing or does not fit.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        there = Path(path).exists()
        raise DataError(f"the model cannot be read ({error.strerror})", value=str(path),
                        bound="a file that pv.save wrote, and that you may read",
                        remedy=f"ls -l {path}" if there else f"pv.save(model, {str(path)!r})",
                        ) from error
    record, tensors = _opened(content, str(path))
    try:
        return read_record(record, tensors, model)
    except PrivetError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError,
            RecursionError) as error:
        raise _damaged(str(path), f"its record is malformed: {error}") from error


def _opened(content: bytes, path: str) -> tuple[dict[str, Any], dict[str, Array]]:
    import safetensors.numpy

    try:
        size = int.from_bytes(content[:8], "little")
        if not 0 < size <= min(len(content) - 8, _MOST_HEADER):
            raise ValueError("the header does not fit the file")
        header = json.loads(content[8 : 8 + size])
        envelope = json.loads(header["__metadata__"]["privet"])
        record, digest = envelope["record"], envelope["sha256"]
        text = _canonical(record)  # refuses NaN and infinity
        tensors = safetensors.numpy.load(content)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    except Exception as error:  # safetensors' own error derives from Exception alone
        raise _damaged(path, str(error)) from error
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int or found != FORMAT or record.get("kind") != KIND:
        raise DataError("the file is of a format that this version does not know",
                        value=found if isinstance(found, (int, str)) else None,
                        bound=f"{KIND}, format {FORMAT}", remedy="pip install --upgrade privet")
    if any(value.dtype != np.float64 for value in tensors.values()):
        raise _damaged(path, "a tensor is not of float64")
    if _digest(text, tensors) != digest:
        raise _damaged(path, "its digest does not match its content")
    return record, tensors


def _damaged(path: str, why: str) -> DataError:
    return DataError(f"the model file is damaged or no privet model: {why}", value=path,
                     bound="a file that pv.save wrote", remedy="train and save the model again")


def _canonical(value: Any) -> str:
    # Keys keep their order: that of a schema's columns has a meaning.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _digest(text: str, tensors: dict[str, Array]) -> str:
    """SHA-256 over the record and each tensor's name, shape and bytes, lengths first."""
    digest = hashlib.sha256()
    parts = [text.encode()]
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name], dtype="<f8")
        parts += [name.encode(), repr(value.shape).encode(), value.tobytes()]
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    from privet import __version__

    others = {name: version(name) for name in ("jax", "numpy", "scikit-learn")}
    return {"privet": __version__, **others}
