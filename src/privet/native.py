"""The compiled kernels, where this installation has them; the only importer of `_native`.

Every kernel has a NumPy twin with the same arguments and bit-identical results, which is used
where the package was built without a C++ compiler. `reason` says which of the two is at work.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

# Raised by one whenever a kernel's arguments or meaning change.
INTERFACE = 2


def _load() -> tuple[ModuleType | None, str]:
    try:
        from privet import _native
    except ImportError as error:
        return None, (
            f"NumPy twins in use, since the compiled kernels cannot be loaded ({error}); "
            "to build them, install a C++20 compiler and run: pip install --force-reinstall privet"
        )
    module = cast(ModuleType, _native)
    if module.interface() != INTERFACE:
        return None, (
            "NumPy twins in use, since the compiled kernels are of another version of privet; "
            "run: pip install --force-reinstall privet"
        )
    return module, "compiled kernels in use"


_module, _reason = _load()


def available() -> bool:
    """True if the compiled kernels are in use."""
    return _module is not None


def reason() -> str:
    """Which kernels are in use, and why; one sentence for `privet doctor`."""
    return _reason


def kernel(name: str, twin: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled kernel of that name, or its NumPy twin where there is none."""
    return twin if _module is None else cast(Callable[..., Any], getattr(_module, name))
