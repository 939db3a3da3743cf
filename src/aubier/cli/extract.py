"""`aubier load` of a directory extract: lines parsed here, resources stored by worker processes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click

from aubier.access.actor import system_actor
from aubier.access.view import Access
from aubier.cli.instance import opened
from aubier.cli.speech import Progress, say, text
from aubier.ground.clock import system_clock
from aubier.ground.rows import Resource
from aubier.referentials.directory.extraction import importer
from aubier.referentials.directory.extraction.extract import kind_of_file
from aubier.referentials.directory.extraction.importer import BulkReport, Report
from aubier.settings import Settings
from aubier.store.bulk import load
from aubier.store.store import Store, open_store

_WORKERS = 2
_TOLD = 20


def is_extract(path: Path) -> bool:
    """Whether a path is a PS_LibreAcces extract: its folder, its ZIP or its activity file."""
    if path.is_dir():
        return any(kind_of_file(p.name) for p in path.glob("PS_LibreAcces*.txt"))
    return bool(kind_of_file(path.name)) or (path.suffix == ".zip" and "PS_LibreAcces" in path.name)


async def load_extract(settings: Settings, source: Path) -> int:
    """Imports an extract; gives the exit code: 1 when lines were left out. Started again, it goes on."""
    started, progress = time.monotonic(), Progress()

    def told(sign: importer.Progress) -> None:
        fr, en = _STAGES[sign.stage]
        of = f" / {sign.total}" if sign.total else ""
        progress(sign.done, f"{fr}{of}", f"{en}{of}")

    async with opened(settings) as house:
        dsn = house.store.dsn
        with ProcessPoolExecutor(
            min(_WORKERS, os.cpu_count() or 1), initializer=_open, initargs=(dsn,)
        ) as pool:
            work = settings.data / "work" / "directory"
            report = await importer.load(source, _Workers(pool), work, progress=told)
        await house.store.analyse()
    progress.end()
    _tell(report, time.monotonic() - started)
    return 1 if report.bad else 0


_STAGES = {
    "reading": ("lignes lues", "lines read"),
    "organizations": ("octets de structures", "bytes of structures"),
    "practitioners": ("fichiers de professionnels", "files of professionals"),
}


def _tell(report: Report, took: float) -> None:
    rate = report.lines / max(took, 0.001)
    say(
        f"{report.lines} lignes en {took:.0f} s ({rate:.0f} par seconde), {report.bad} écartées",
        f"{report.lines} lines in {took:.0f} s ({rate:.0f} a second), {report.bad} left out",
    )
    counts = {
        "Practitioner": report.practitioners,
        "PractitionerRole": report.roles,
        "Organization": report.organizations,
    }
    click.echo("  " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    for line in report.examples[:_TOLD]:
        click.echo(f"  {line.kind}:{line.number} {text(line.fr, line.reason)}")


@dataclass(frozen=True, slots=True)
class _Workers:
    """The importer's `Bulk` over processes that each hold a store of their own."""

    pool: ProcessPoolExecutor

    async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
        """Stores the resources in whichever process is free."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, _store, list(resources))


_loop: asyncio.AbstractEventLoop
_access: Access


def _open(dsn: str) -> None:
    """Opens the store of a worker process, once."""
    global _loop, _access
    _loop = asyncio.new_event_loop()

    async def connect() -> Store:
        return await open_store(dsn, pool_size=2)

    _access = Access(_loop.run_until_complete(connect()))


def _store(resources: list[Resource]) -> BulkReport:
    view = replace(_access, check=lambda resource: None).view(system_actor("directory"), system_clock())
    done = _loop.run_until_complete(load(_access.store, view.sight, resources, view.prepare))
    return BulkReport(done.created + done.updated, done.unchanged)
