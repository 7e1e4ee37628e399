"""Protections: how a computation is run, and what that guarantees.

Names load when first used, so that `Plain` needs nothing that `Private` needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from privet.protect.base import Protection, Result
from privet.protect.stack import one_protection

if TYPE_CHECKING:
    from privet.protect.local import LocallyPrivate
    from privet.protect.plain import Plain
    from privet.protect.private import Private

__all__ = ["LocallyPrivate", "Plain", "Private", "Protection", "Result", "one_protection"]

_HOMES = {
    "LocallyPrivate": "privet.protect.local",
    "Plain": "privet.protect.plain",
    "Private": "privet.protect.private",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'privet.protect' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
