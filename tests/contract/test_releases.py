"""Every release leads to this one: what its own program wrote is upgraded, and answers with the same bytes.

The releases are the tags of the repository: a new tag is tested from the moment it is there. Where tags are
missing that ought to be there, this fails.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import asyncpg
import pytest

from aubier.app import build
from aubier.fhir import json as fhir_json
from aubier.settings import Settings
from aubier.store.opening.upgrade import upgrade
from aubier.store.packing import codec
from tests.contract.schema import every_step, shape, shape_of_today
from tests.where import ROOT

PRESENT = "present"
FILL = "tests/contract/fill.py"
_RELEASED = re.compile(r"^## (\d\S*)(?! *\(not yet released\))(?: |$)", re.MULTILINE)


class NoHistory(Exception):
    """Git does not answer: neither may it be said that there is no release."""


def git(*arguments: str, root: Path = ROOT) -> bytes:
    """What git says. NoHistory with its own words when it refuses."""
    try:
        # Whoever owns the folder: a checkout of another account is read as well.
        command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError as missing:
        raise NoHistory("git is not installed") from missing
    except subprocess.CalledProcessError as refused:
        raise NoHistory(refused.stderr.decode().strip()) from refused


def tags(root: Path = ROOT) -> list[str]:
    """Every tag of the repository at `root`, oldest version first; none for sources without history."""
    if not (root / ".git").exists():
        return []
    return git("tag", "--list", "--sort=version:refname", root=root).decode().split()


def told(changes: str) -> list[str]:
    """The versions that a changelog says are out."""
    return _RELEASED.findall(changes)


def unpacked(release: str, into: Path, root: Path = ROOT) -> Path:
    """The folder with the sources of a release and its way of filling a database."""
    if release == PRESENT:
        return root
    with tarfile.open(fileobj=BytesIO(git("archive", release, "src", FILL, root=root))) as archive:
        archive.extraction_filter = lambda member, path: member  # our own sources, as git gives them
        archive.extractall(into)
    return into


async def fill(release: str, dsn: str, place: Path) -> None:
    """Fills a database by the program of a release; its documents and keys come to `place/data`."""
    at = await asyncio.to_thread(unpacked, release, place / "release")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(at / FILL), dsn, str(place / "data")],
        env={**os.environ, "PYTHONPATH": str(at / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("release", [*tags(), PRESENT])
async def test_every_release_leads_to_this_one(
    release: str, database: Callable[[], str], tmp_path: Path
) -> None:
    dsn = database()
    await fill(release, dsn, tmp_path)
    before = await contents(dsn)
    assert len(before) > 20
    house = await build(Settings.load({}, data=str(tmp_path / "data"), sandbox=True), dsn)
    await house.stop()
    assert await contents(dsn) == before
    assert await shape(dsn) == await shape_of_today(database())


async def contents(dsn: str) -> dict[tuple[int, str], bytes]:
    """The bytes of every resource, by type and id."""
    conn = await asyncpg.connect(dsn)
    try:
        rows = await conn.fetch(
            f"select {codec.COLUMNS} from res r union all select {codec.COLUMNS} from dir_res r"
        )
    finally:
        await conn.close()
    found = {(r["type"], r["id"]): codec.kept(r) for r in rows}
    assert all(fhir_json.parse(raw)["id"] == logical for (_, logical), raw in found.items())
    return found


def test_no_release_is_forgotten() -> None:
    """Each version that the changelog says is out has its tag here; a clone without tags fails."""
    if not (ROOT / ".git").exists() and os.environ.get("CI") != "true":
        pytest.skip("these sources have no history: the releases before this one cannot be tried")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    missing = [version for version in told(changes) if f"v{version}" not in tags()]
    assert not missing, f"no tag of {', '.join(missing)}: git fetch --tags --unshallow"


def test_a_version_that_is_out_is_told_from_one_that_is_not() -> None:
    changes = (
        "# Changes\n\n## 0.3.0 (not yet released)\n\n## 0.2.1 (2027-02-01)\n\ntext\n\n## 0.2.0\n\n## Later\n"
    )
    assert told(changes) == ["0.2.1", "0.2.0"]


def test_the_first_tag_is_found_by_itself(tmp_path: Path) -> None:
    """A repository like this one, one tag later."""
    place = tmp_path / "repository"
    _commit(place, "v0.0.1")
    (place / FILL).write_text("# another way of filling\n")
    _commit(place, "v0.0.2")
    assert tags(place) == ["v0.0.1", "v0.0.2"]
    first = unpacked("v0.0.1", tmp_path / "first", place)
    assert (first / FILL).read_text() == (ROOT / FILL).read_text(), "the way of filling of its own time"
    assert (first / "src/aubier/app.py").exists()


def _commit(place: Path, tag: str) -> None:
    if not place.exists():
        (place / FILL).parent.mkdir(parents=True)
        shutil.copy(ROOT / FILL, place / FILL)
        (place / "src/aubier").mkdir(parents=True)
        shutil.copy(ROOT / "src/aubier/app.py", place / "src/aubier/app.py")
        git("init", "--quiet", root=place)
    git("add", "--all", root=place)
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    git(*who, "commit", "--quiet", "--no-verify", "-m", tag, root=place)
    git("-c", "tag.gpgsign=false", "tag", tag, root=place)


def test_where_git_refuses_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(NoHistory, match="not a git repository"):
        tags(tmp_path)


async def test_a_database_of_each_rooms_first_step_becomes_like_a_new_one(
    database: Callable[[], str],
) -> None:
    dsn, newest = database(), await shape_of_today(database())
    conn = await asyncpg.connect(dsn)
    try:
        await upgrade(conn, {room: steps[:1] for room, steps in every_step().items()})
    finally:
        await conn.close()
    assert await shape(dsn) != newest
    assert await shape_of_today(dsn) == newest
