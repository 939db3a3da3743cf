"""A PostgreSQL of one's own, as Debian installs it: the same store, without the embedded engine."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.embedded.server import EmbeddedServer
from aubier.store.intent import Intent
from aubier.store.opening.state import major
from aubier.store.store import open_store
from tests.contract.own import installed, running
from tests.contract.running import folder
from tests.contract.test_store_write import ROOT, batch, patient, weight
from tests.where import ENGINES


@pytest.fixture(scope="module")
def own_server() -> Iterator[str]:
    """The DSN of Debian's newest PostgreSQL."""
    with running() as dsn:
        yield dsn


async def test_it_is_brought_to_this_release_and_keeps_what_is_written(own_server: str) -> None:
    store = await open_store(own_server)
    try:
        (made,) = await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
        await store.transact(ROOT, batch(Intent("create", "Observation", resource=weight(made.id, "79.10"))))
        asked = [("patient", made.id), ("code", "http://loinc.org|29463-7"), ("_total", "accurate")]
        found = await store.search(ROOT, parse("Observation", asked, registry=registry()))
        assert found.total == 1
        assert b"79.10" in found.rows[0].raw
        (gone,) = await store.transact(ROOT, batch(Intent("delete", "Patient", made.id)))
        assert gone.status == "deleted"
        with pytest.raises(Problem, match="deleted"):
            await store.read(ROOT, "Patient", made.id)
        rows, _, total = await store.history(ROOT, ["Patient"], made.id, count=10)
        assert ([r.version for r in rows], total) == ([2, 1], 2)
    finally:
        await store.close()


async def test_opened_again_it_has_nothing_left_to_do(own_server: str) -> None:
    first = await open_store(own_server)
    secret = await first.note("term_secret")
    await first.close()
    again = await open_store(own_server)
    assert await again.note("term_secret") == secret
    await again.close()


def aubier(*words: str, data: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """One command, in English."""
    command = [sys.executable, "-c", "from aubier.cli import main; main()", "--lang", "en"]
    return subprocess.run(
        [*command, *words, "--data", str(data)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_a_backup_by_the_systems_own_tool_is_restored_into_an_embedded_one(own_server: str) -> None:
    store = await open_store(own_server)
    (made,) = await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
    await store.close()
    with folder() as data:
        file = data.parent / "copy.aubier"
        done = await asyncio.to_thread(
            aubier,
            "backup",
            str(file),
            data=data,
            AUBIER_DATABASE_URL=own_server,
            PATH=_path(installed()[0]),
        )
        assert done.returncode == 0, done.stderr
        restored = data.with_name("restored")
        done = await asyncio.to_thread(aubier, "restore", str(file), data=restored)
        assert done.returncode == 0, done.stderr
        with EmbeddedServer(restored, engines=ENGINES) as dsn:
            again = await open_store(dsn)
            assert b"Le Goff" in (await again.read(ROOT, "Patient", made.id)).raw
            await again.close()


def _path(*first: Path) -> str:
    return os.pathsep.join([*map(str, first), os.environ["PATH"]])


def test_a_tool_older_than_the_server_is_refused_before_it_runs(
    database: Callable[[], str], tmp_path: Path
) -> None:
    dsn = database()
    server = asyncio.run(major(dsn))
    older = [e for e in installed() if (e / "pg_dump").exists() and int(e.parent.name) < server]
    if not older:
        pytest.skip("no pg_dump older than the server of the tests is installed")
    environ = {"AUBIER_DATABASE_URL": dsn, "PATH": _path(older[0])}
    done = aubier("backup", str(tmp_path / "b"), data=tmp_path, **environ)
    assert done.returncode == 8, done.stderr
    assert f"pg_dump (PostgreSQL) {older[0].parent.name}" in done.stderr
    assert f"PostgreSQL {server}); install" in done.stderr and f"postgresql-client-{server}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_tool_at_all_is_said(database: Callable[[], str], tmp_path: Path) -> None:
    done = aubier(
        "backup", str(tmp_path / "b"), data=tmp_path, AUBIER_DATABASE_URL=database(), PATH=str(tmp_path)
    )
    assert (done.returncode, "pg_dump is not installed; install that of" in done.stderr) == (8, True)
    assert list(tmp_path.iterdir()) == []
