"""What a figure was made with, so that another person can make it again."""

from __future__ import annotations

import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version

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
