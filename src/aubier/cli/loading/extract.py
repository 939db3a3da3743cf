"""Directory extracts: `aubier load` streams one in, and goes on after a stop; `aubier extract` writes one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from aubier.access.view import Access, View
from aubier.cli.instance import console, opened
from aubier.cli.speech import Progress, counted, say, text
from aubier.ground.clock import system_clock
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.referentials.directory.extraction import importer
from aubier.referentials.directory.extraction.extract import kind_of_file
from aubier.referentials.directory.extraction.importer import BulkReport, Report
from aubier.sandbox.extracts import write_extract
from aubier.settings import Settings
from aubier.store.bulk import load, uncollected

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
        trusted = replace(house.access, check=lambda resource: None)
        view = replace(console(house).store, access=trusted)
        work = settings.data / "work" / "directory"
        with uncollected():
            report = await importer.load(source, _Store(trusted, view), work, progress=told)
        await house.store.analyse()
    progress.end()
    _tell(report, time.monotonic() - started)
    return 1 if report.bad else 0


def write(folder: Path, lines: int, seed: str) -> None:
    """Writes an invented extract into a folder that holds none. Interrupted, it leaves nothing."""
    if folder.is_dir() and is_extract(folder):
        raise problem(
            "conflict",
            f"{folder} holds an extract already; choose another folder",
            f"{folder} contient déjà une extraction ; choisissez un autre dossier",
        )
    progress = Progress()

    def told(written: int) -> None:
        if written % 1000 < _LINES_EACH or written == lines:
            progress(written, "ligne(s) écrite(s)", "line(s) written")

    try:
        stamp = f"{system_clock():%Y%m%d%H%M}"
        paths = write_extract(folder, lines, seed=seed, stamp=stamp, told=told)
    except BaseException:
        for file in folder.glob("PS_LibreAcces*.txt"):
            file.unlink()
        raise
    progress.end()
    for path in paths.values():
        click.echo(path)


_LINES_EACH = 3
"""Lines that a professional has at most."""

_STAGES = {
    "reading": ("ligne(s) lue(s)", "line(s) read"),
    "organizations": ("octet(s) de structures", "byte(s) of structures"),
    "practitioners": ("fichier(s) de professionnels", "file(s) of professionals"),
}


def _tell(report: Report, took: float) -> None:
    rate = report.lines / max(took, 0.001)
    lines, bad = counted(report.lines, "ligne(s)", "line(s)"), counted(report.bad, "écartée(s)", "left out")
    say(
        f"{lines} en {took:.0f} s ({rate:.0f} par seconde), {bad}",
        f"{lines} in {took:.0f} s ({rate:.0f} a second), {bad}",
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
class _Store:
    """The importer's `Bulk`: some calls may be under way, so that this process builds while the database
    writes.

    The importer's resources are made by our own code and tested: the base check is left out.
    """

    access: Access
    view: View

    async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
        """Stores the resources, all or none."""
        await asyncio.sleep(0)
        done = await load(self.access.store, self.view.sight, list(resources), self.view.prepare)
        return BulkReport(done.created + done.updated, done.unchanged)
