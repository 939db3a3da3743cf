"""What every test family shares: a real PostgreSQL."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from aubier.store.embedded.server import EmbeddedServer
from tests.where import ENGINES

# How long an example takes depends on what else the machine does. `timeout` of pyproject.toml sees a hang.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database-url` runs the tests that need a database on your own server instead."""
    parser.addoption(
        "--database-url",
        default=os.environ.get("AUBIER_TEST_DATABASE_URL", ""),
        help="a PostgreSQL 15 or later whose role may create databases (AUBIER_TEST_DATABASE_URL)",
    )


_LONGEST_WHOLE = 5400
"""Seconds that a test of a whole family may take; the others have `timeout` of pyproject.toml."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A whole family takes longer than its slice, and may."""
    for item in items:
        if item.get_closest_marker("whole") or item.get_closest_marker("chaos"):
            item.add_marker(pytest.mark.timeout(_LONGEST_WHOLE))


async def _execute(dsn: str, *commands: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for command in commands:
            await connection.execute(command)
    finally:
        await connection.close()


def _aside(dsn: str, *commands: str) -> None:
    """Run commands on another thread's loop, so that sync and async tests may ask alike."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _execute(dsn, *commands)).result()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium. Missing, it is a failure in CI and a skip elsewhere."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing: make test installs it where it may")
    pytest.skip("Chromium is missing: apt-get install chromium")


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a server: one embedded PostgreSQL per test process (without fsync), or `--database-url`."""
    if given := request.config.getoption("--database-url"):
        yield given
        return
    home = Path(tempfile.mkdtemp(prefix="aubier-tests-"))
    home.chmod(0o711)  # as root, PostgreSQL runs under another account, which must enter
    try:
        with EmbeddedServer(home / "data", engines=ENGINES, durable=False) as dsn:
            yield dsn
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def database(database_server: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Call it to get the DSN of a fresh empty database. All of them go at the end."""
    server = urlsplit(database_server)
    numbers = count(1)
    made: list[str] = []

    def fresh() -> str:
        made.append(f"aubier_test_{os.getpid()}_{next(numbers)}")
        _aside(database_server, f"CREATE DATABASE {made[-1]} TEMPLATE template0 ENCODING 'UTF8'")
        return urlunsplit(server._replace(path=f"/{made[-1]}"))

    yield fresh
    if request.config.getoption("--database-url"):
        # Not by force: that may not end an autovacuum of the server's, which gives way by itself.
        ours = (
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and datname"
        )
        ended = [f"{ours} = '{name}'" for name in made]
        _aside(database_server, *ended, *(f"DROP DATABASE IF EXISTS {name}" for name in made))
