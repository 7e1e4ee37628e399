"""Where a Chromium is, and what its absence means."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def required() -> bool:
    """True where a missing browser is a failure: in CI, or where someone asks for it."""
    return os.environ.get("CI") == "true" or os.environ.get("PRIVET_BROWSER") == "1"


def missing(what: str) -> None:
    """Skip with the reason, or fail where browsers are required."""
    if required():
        pytest.fail(f"{what}, and CI=true or PRIVET_BROWSER=1 asks for the tests that need it")
    pytest.skip(f"{what}; PRIVET_BROWSER=1 makes this a failure")


def executable() -> str | None:
    """Path of a Chromium; PRIVET_CHROMIUM goes first."""
    named = os.environ.get("PRIVET_CHROMIUM")
    found = [shutil.which(name) for name in ([named] if named else NAMES)]
    return next((path for path in found if path), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running Chromium with a fresh profile."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed")
    path = executable()
    if path is None:
        missing("no Chromium is on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
