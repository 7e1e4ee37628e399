"""What `protect=` means: one protection, or several stacked."""

from __future__ import annotations

from typing import Any

from privet.errors import InvalidInput
from privet.protect.base import Protection
from privet.protect.plain import Plain


def one_protection(protect: Any) -> Protection:
    """The protection meant by `protect=`: one, or a list of them to stack.

    Raises:
        InvalidInput: something else was given, or a stack that is not legal.
    """
    if protect is None:
        return Plain()
    if isinstance(protect, Protection):
        return protect
    if isinstance(protect, (list, tuple)) and len(protect) == 1:
        return one_protection(protect[0])
    stack = isinstance(protect, (list, tuple)) and all(isinstance(p, Protection) for p in protect)
    if stack:
        names = " + ".join(p.name for p in protect)
        raise InvalidInput(
            "these protections cannot be stacked",
            value=names,
            bound="one protection",
            remedy="protect=pv.Private(epsilon=1.0)",
        )
    raise InvalidInput(
        "protect must be a protection",
        value=protect,
        bound="Plain(), Private(epsilon=...)",
        remedy="protect=pv.Private(epsilon=1.0)",
    )
