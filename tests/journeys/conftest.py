"""One instance for the tests that ask it, and a filled data folder for those that break theirs."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, end, start


@pytest.fixture(scope="session")
def filled(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data folder with the sandbox's people, stopped; copy it, do not use it."""
    home = Path(tempfile.mkdtemp(prefix="aubier-journeys-"))
    home.chmod(0o711)
    made = start(home / "data", "--citizens", "30")
    try:
        made.wait_for("ready ")
        made.stop()
        yield home / "data"
    finally:
        end(made)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def copy(filled: Path) -> Callable[[str], Path]:
    """Call it with a name to get a data folder of one's own, filled."""

    def copied(name: str) -> Path:
        place = filled.with_name(name)
        shutil.rmtree(place, ignore_errors=True)
        # With owners and rights, which PostgreSQL looks at.
        subprocess.run(["cp", "-a", str(filled), str(place)], check=True)
        return place

    return copied


@pytest.fixture(scope="session")
def instance(copy: Callable[[str], Path]) -> Iterator[Running]:
    """A running sandbox that tests share: they add to it and break nothing."""
    running = start(copy("shared"), "--citizens", "30")
    try:
        running.wait_for("ready ")
        yield running
    finally:
        end(running)
