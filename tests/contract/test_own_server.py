"""A PostgreSQL of one's own, as Debian installs it: the same store, without the embedded engine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.intent import Intent
from aubier.store.store import open_store
from tests.contract.test_store_write import ROOT, batch, patient, weight

NOBODY = 65534


def _installed() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="module")
def own_server() -> Iterator[str]:
    """The DSN of Debian's newest PostgreSQL, started for these tests on a socket of its own."""
    engines = [e for e in _installed() if (e / "initdb").exists()]
    if not engines:
        if os.environ.get("CI") == "true":
            pytest.fail("Debian's PostgreSQL is missing: apt-get install postgresql")
        pytest.skip("Debian's PostgreSQL is not installed")
    home = Path(tempfile.mkdtemp(prefix="aubier-own-"))
    as_other = {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}
    if as_other:
        os.chown(home, NOBODY, NOBODY)
    data = home / "data"
    start = ["-o", f"-c listen_addresses='' -c fsync=off -k {home}"]
    control = [str(engines[0] / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
    initdb = [
        str(engines[0] / "initdb"),
        "-D",
        str(data),
        "-U",
        "own",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    quiet = {"cwd": home, "stdout": subprocess.DEVNULL, "check": True, **as_other}
    subprocess.run([*initdb, "--locale=C.UTF-8"], **quiet)  # type: ignore[call-overload]
    try:
        subprocess.run([*control, *start, "start"], **quiet)  # type: ignore[call-overload]
        yield f"postgresql://own@/postgres?host={home}"
        subprocess.run([*control, "-m", "fast", "stop"], **quiet)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(home, ignore_errors=True)


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
