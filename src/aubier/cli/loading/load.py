"""Loading: what is no plain FHIR by who knows it, then FHIR by chunks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from aubier.cli.instance import opened
from aubier.cli.loading.crew import Crew
from aubier.cli.loading.extract import is_extract, load_extract
from aubier.cli.loading.files import files, in_turn, waits
from aubier.cli.loading.nomenclature import is_nomenclature, load_nomenclature
from aubier.cli.loading.parts import Outcome, parts
from aubier.cli.packages import is_package, load_package
from aubier.cli.speech import Progress, counted, stored, text
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
    found, account = in_turn(files(paths)), Account()
    async with opened(settings) as house:
        crew = Crew(house, _processes(settings, processes, found))
        try:
            # A Bundle may name by criteria what another file brings: it waits until all others are in. A file
            # of lines waits before any of them is stored.
            late = {path: None for path in found if waits(path, account.look)}
            found = [path for path in found if path not in late]
            for _ in range(_ROUNDS):
                before, account.put_off = len(found), []
                await crew.run(parts(found, patient=True), account.add)
                found = sorted(account.put_off)
                if not 0 < len(found) < before:
                    break
            await crew.run(parts([*found, *late], patient=False), account.add)
        finally:
            await crew.end()
    account.tell()
    return 1 if account.refused else 0


@dataclass(slots=True)
class Account:
    """What a load says while it goes on, and at its end. It holds the first that were refused, and how many,
    however many these are. `put_off`: the files that are to be tried again.
    """

    progress: Progress = field(default_factory=Progress)
    report: BulkReport = field(default_factory=BulkReport)
    refused: int = 0
    looked: int = 0
    put_off: list[Path] = field(default_factory=list)

    def look(self, lines: int) -> None:
        """So many more lines were looked through, before anything is loaded."""
        self.looked += lines
        self.progress(self.looked, "ligne(s) parcourue(s)", "line(s) looked through")

    def add(self, outcome: Outcome) -> None:
        """Takes in what came of a part."""
        report = self.report
        self.refused += len(outcome.report.refused)
        report.add(outcome.report)
        del report.refused[_MOST_TOLD:]
        self.put_off.extend(outcome.put_off)
        done = report.created + report.updated + report.unchanged + self.refused
        self.progress(done, "ressource(s) lue(s)", "resource(s) read")

    def tell(self) -> None:
        """Says what came of it all."""
        self.progress.end()
        report = self.report
        click.echo(stored(report.created, report.updated, report.unchanged, self.refused))
        for place, refusal in report.refused:
            for issue in refusal.issues[:3]:
                at = f" ({', '.join(issue.at)})" if issue.at else ""
                click.echo(f"  {place} : {text(issue.fr, issue.text)}{at}")
        if more := self.refused - len(report.refused):
            click.echo(f"  {text('et', 'and')} {counted(more, 'autre(s)', 'more')}")


def _processes(settings: Settings, asked: int, found: Sequence[Path]) -> int:
    """So many as were asked; else one for each core, where there is enough to load."""
    if settings.require_references:
        return 1  # what is named must be stored before: the order of the files is the order of the load
    if not asked and sum(path.stat().st_size for path in found) < _WORTH:
        return 1
    return asked or min(_MOST, os.cpu_count() or 1)
