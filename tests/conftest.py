"""What all tests share: quiet, reproducible surroundings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

# JAX looks for accelerators, and each worker takes all cores, unless told otherwise; both before
# the first import of it.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
for _name in ("PRIVET_LEDGER", "PRIVET_REQUESTER", "PRIVET_LEDGER_PASSPHRASE"):
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True, scope="session")
def _own_home() -> Iterator[None]:
    """No test sees, or writes to, the ledger of whoever runs it."""
    home = tempfile.mkdtemp(prefix="privet-tests-")
    os.environ["PRIVET_HOME"] = home
    yield
    shutil.rmtree(home, ignore_errors=True)
