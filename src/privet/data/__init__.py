"""Data: schemas, readers and the encoding that a model sees."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privet.data.columns import Column
    from privet.data.dataset import Dataset, read
    from privet.data.drafting import draft
    from privet.data.encode import Encoded, Encoder
    from privet.data.schema import Schema
    from privet.data.source import Frame, Source
    from privet.data.types import FeatureBounds, Target, Unit

__all__ = [
    "Column",
    "Dataset",
    "Encoded",
    "Encoder",
    "FeatureBounds",
    "Frame",
    "Schema",
    "Source",
    "Target",
    "Unit",
    "draft",
    "read",
]

_HOMES = {
    "Column": "columns",
    "Dataset": "dataset",
    "Encoded": "encode",
    "Encoder": "encode",
    "FeatureBounds": "types",
    "Frame": "source",
    "Schema": "schema",
    "Source": "source",
    "Target": "types",
    "Unit": "types",
    "draft": "drafting",
    "read": "dataset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"privet.data.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
