"""`privet doctor`: what this machine has, and what privet makes of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from privet.cli.options import output_options

PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python that is tested."""
CORE = ("numpy", "scipy", "jax", "scikit-learn", "dp-accounting", "cryptography", "duckdb",
        "safetensors")
EXTRAS = {
    "pandas": "read and return pandas frames",
    "polars": "read polars frames",
    "pyarrow": "read Arrow tables and IPC files",
    "sqlalchemy": "read postgresql:// and other database addresses",
    "flax": "train models written with Flax",
    "equinox": "train models written with Equinox",
}


@click.command("doctor", short_help="Say what this machine has.")
@output_options
def command(as_json: bool) -> None:
    """Say what this machine has and what privet makes of it.

    Lists Python, JAX and its devices, the native kernels (or the NumPy twins that stand in for
    them, and why), the optional packages and the data folder. Ends with exit code 2 if
    something that every command needs is missing.

    Example: privet doctor --json
    """
    facts = examine()
    if as_json:
        from privet.cli.console import print_json

        print_json(facts)
    else:
        _print(facts)
    if not facts["healthy"]:
        from privet.errors import Unavailable

        bad = next(check for check in facts["checks"] if check["state"] == "broken")
        raise Unavailable(f"{bad['what']} is not usable", value=bad["found"],
                          remedy=bad["remedy"] or "pip install --force-reinstall privet")


def examine() -> dict[str, Any]:
    """Look at everything; JSON-compatible. State is "ok", "absent" (optional) or "broken"."""
    checks = [_python(), *map(_package, CORE), _jax(), _kernels(), _folder(),
              *(_extra(name, use) for name, use in EXTRAS.items())]
    return {
        "privet": own_version(),
        "platform": sys.platform,
        "cpus": _cpus(),
        "healthy": all(check["state"] != "broken" for check in checks),
        "checks": checks,
    }


def own_version() -> str:
    """The version of privet that runs."""
    from privet import __version__

    return __version__


def version_of(package: str) -> str | None:
    """The version of an installed package, without importing it; None if it is absent."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check(what: str, state: str, found: str, remedy: str | None = None) -> dict[str, Any]:
    return {"what": what, "state": state, "found": found, "remedy": remedy}


def _python() -> dict[str, Any]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < PYTHONS[0]:
        return _check("Python", "broken", found, "use Python 3.11 or newer")
    newer = sys.version_info[:2] > PYTHONS[1]
    return _check("Python", "ok", found + (" (newer than what is tested)" if newer else ""))


def _package(name: str) -> dict[str, Any]:
    version = version_of(name)
    if version is None:
        return _check(name, "broken", "not installed", f"pip install {name}")
    return _check(name, "ok", version)


def _extra(name: str, use: str) -> dict[str, Any]:
    version = version_of(name)
    if version is None:
        return _check(name, "absent", f"not installed; it would let privet {use}",
                      f"pip install {name}")
    return _check(name, "ok", version)


def _jax() -> dict[str, Any]:
    try:
        import jax

        devices = [f"{device.platform}:{device.id} {device.device_kind}".strip()
                   for device in jax.devices()]
    except Exception as error:  # whatever JAX's start-up raises is the finding
        return _check("jax devices", "broken", f"{type(error).__name__} at start",
                      "pip install --upgrade jax jaxlib")
    return _check("jax devices", "ok", ", ".join(devices))


def _kernels() -> dict[str, Any]:
    from privet.native import available, reason

    return _check("native kernels", "ok" if available() else "absent", reason())


def data_folder() -> Path:
    """Where privet would keep files of its own: PRIVET_HOME, else the user's data folder."""
    home = os.environ.get("PRIVET_HOME")
    if home:
        return Path(home)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "privet"


def _folder() -> dict[str, Any]:
    folder = data_folder()
    standing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if standing.is_dir() and os.access(standing, os.W_OK | os.X_OK):
        return _check("data folder", "ok", f"{folder} (can be written)")
    return _check("data folder", "absent", f"{folder} (cannot be written)",
                  "export PRIVET_HOME=/a/folder/of/yours")


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_WORDS = {"ok": "ok", "absent": "-", "broken": "BROKEN"}


def _print(facts: dict[str, Any]) -> None:
    from privet.cli.console import Heading, print_table, say

    rows = [(check["what"], _WORDS[check["state"]], check["found"]) for check in facts["checks"]]
    print_table(f"privet {facts['privet']} on {facts['platform']}, {facts['cpus']} processors",
                (Heading("part"), Heading("state"), Heading("found")), rows)
    for check in facts["checks"]:
        if check["remedy"]:
            say(f"{check['what']}: {check['remedy']}")
    say("Everything that the commands need is here." if facts["healthy"]
        else "Something that the commands need is missing.")
