"""Loading: what is no plain FHIR by who knows it, then FHIR by chunks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from aubier.cli.extract import is_extract, load_extract
from aubier.cli.instance import opened
from aubier.cli.loading.crew import Crew
from aubier.cli.loading.files import files, in_turn, waits
from aubier.cli.loading.parts import Outcome, parts
from aubier.cli.nomenclature import is_nomenclature, load_nomenclature
from aubier.cli.packages import is_package, load_package
from aubier.cli.speech import Progress, say, text
from aubier.settings import Settings
from aubier.store.bulk import BulkReport

_MOST_TOLD = 20
_ROUNDS = 5
"""How often what is put off is tried again before it is taken as it is."""
_WORTH = 16 << 20
"""Bytes that are worth the start of other processes."""
_MOST = 16


_OTHERS = (
    (is_package, load_package),
    (is_extract, load_extract),
    (is_nomenclature, load_nomenclature),
)
"""What is no plain FHIR: how it is known, and what loads it."""


async def load_all(settings: Settings, paths: Sequence[Path], processes: int = 0) -> int:
    """Loads packages, directory extracts and nomenclatures, then FHIR; gives the exit code.

    `processes` load FHIR together; none: one for each core, when there is enough.
    """
    code, fhir = 0, []
    for path in paths:
        other = next((loaded for known, loaded in _OTHERS if known(path)), None)
        if other:
            code = max(code, await other(settings, path))
        else:
            fhir.append(path)
    return max(code, await load(settings, fhir, processes)) if fhir else code


async def load(settings: Settings, paths: Sequence[Path], processes: int = 0) -> int:
    """Loads files, folders and NDJSON; tells what was refused and why. Gives 1 when something was."""
    found = in_turn(files(paths))
    report, progress = BulkReport(), Progress()

    def told(outcome: Outcome) -> None:
        report.add(outcome.report)
        put_off.extend(outcome.put_off)
        done = report.created + report.updated + report.unchanged
        progress(done, "ressources lues", "resources read")

    async with opened(settings) as house:
        crew = Crew(house, _processes(settings, processes, found))
        try:
            # A Bundle may name by criteria what another file brings: it waits until all others are in. A file
            # of lines waits before any of them is stored.
            late = {path: None for path in found if waits(path)}
            found = [path for path in found if path not in late]
            for _ in range(_ROUNDS):
                before, put_off = len(found), list[Path]()
                await crew.run(parts(found, patient=True), told)
                found = sorted(put_off)
                if not 0 < len(found) < before:
                    break
            await crew.run(parts([*found, *late], patient=False), told)
        finally:
            await crew.end()
    progress.end()
    _tell(report)
    return 1 if report.refused else 0


def _processes(settings: Settings, asked: int, found: Sequence[Path]) -> int:
    """So many as were asked; else one for each core, where there is enough to load."""
    if settings.require_references:
        return 1  # what is named must be stored before: the order of the files is the order of the load
    if not asked and sum(path.stat().st_size for path in found) < _WORTH:
        return 1
    return asked or min(_MOST, os.cpu_count() or 1)


def _tell(report: BulkReport) -> None:
    say(
        f"{report.created} créées, {report.updated} mises à jour, {report.unchanged} inchangées,"
        f" {len(report.refused)} refusées",
        f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged,"
        f" {len(report.refused)} refused",
    )
    for place, refusal in report.refused[:_MOST_TOLD]:
        for issue in refusal.issues[:3]:
            at = f" ({', '.join(issue.at)})" if issue.at else ""
            click.echo(f"  {place} : {text(issue.fr, issue.text)}{at}")
    if len(report.refused) > _MOST_TOLD:
        more = len(report.refused) - _MOST_TOLD
        say(f"  et {more} autres", f"  and {more} more")
