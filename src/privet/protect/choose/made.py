"""What a figure was made with, so that another person can make it again."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version

from privet.protect.asked import arguments_of, default_of
from privet.protect.base import Model, Protection

_PACKAGES = ("numpy", "scipy", "jax", "scikit-learn", "dp-accounting")


def made_with() -> dict[str, str]:
    """Names and versions, without naming the machine or its user."""
    from privet import __version__

    made = {"date": date.today().isoformat(), "privet": __version__}
    made["Python"] = platform.python_version()
    for package in _PACKAGES:
        try:
            made[package] = version(package)
        except PackageNotFoundError:
            continue
    made["system"] = f"{platform.system()} {platform.machine()}"
    return made


def call(model: Model, protections: Sequence[Protection], **settings: object) -> str:
    """The line of Python that makes the comparison again, the data aside."""
    options = model.tag.get("options")
    chosen = f", options={options!r}" if options else ""
    shown = ", ".join(map(_written, protections))
    rest = "".join(f", {name}={value!r}" for name, value in settings.items())
    return f"pv.compare(data, model={model.name!r}{chosen}, protections=[{shown}]{rest})"


def _written(protection: Protection) -> str:
    """A protection as one writes it: what differs from the defaults."""
    given = [
        f"{item.name}={getattr(protection, item.name)!r}"
        for item in arguments_of(protection)
        if getattr(protection, item.name) != default_of(item)
    ]
    name = type(protection).__name__
    ours = type(protection).__module__.startswith("privet.")
    return f"{'pv.' if ours else ''}{name}({', '.join(given)})"
