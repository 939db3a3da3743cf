"""Loading: what is no plain FHIR by who knows it, then FHIR by chunks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from aubier.app import House
from aubier.cli.extract import is_extract, load_extract
from aubier.cli.instance import console, opened
from aubier.cli.loading.criteria import Criteria
from aubier.cli.loading.files import Placed, checked, files, lines_of, names_criteria, resources
from aubier.cli.nomenclature import is_nomenclature, load_nomenclature
from aubier.cli.packages import is_package, load_package
from aubier.cli.speech import Progress, say, text
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.settings import Settings
from aubier.store.bulk import BulkReport, load_each
from aubier.store.bulk import load as bulk_load

_CHUNK = 1000
_MOST_TOLD = 20


_OTHERS = (
    (is_package, load_package),
    (is_extract, load_extract),
    (is_nomenclature, load_nomenclature),
)
"""What is no plain FHIR: how it is known, and what loads it."""


async def load_all(settings: Settings, paths: Sequence[Path]) -> int:
    """Loads packages, directory extracts and nomenclatures, then FHIR; gives the exit code."""
    code, fhir = 0, []
    for path in paths:
        other = next((loaded for known, loaded in _OTHERS if known(path)), None)
        if other:
            code = max(code, await other(settings, path))
        else:
            fhir.append(path)
    return max(code, await load(settings, fhir)) if fhir else code


async def load(settings: Settings, paths: Sequence[Path]) -> int:
    """Loads files, folders and NDJSON; tells what was refused and why. Gives 1 when something was."""
    async with opened(settings) as house:
        loading = _Loading(house)
        # A Bundle may name by criteria what another file brings: it waits until all others are in.
        waiting = [path for path in files(paths) if not await loading.take(path, patient=True)]
        for path in waiting:
            await loading.take(path, patient=False)
        await loading.store()
    loading.progress.end()
    _tell(loading.report)
    return 1 if loading.report.refused else 0


class _Loading:
    """One load under way: what was read and is not stored yet, and what came of the rest."""

    def __init__(self, house: House) -> None:
        self._house, self._view = house, console(house).store
        self._criteria = Criteria(self._view, self.store)
        self._chunk: list[tuple[str, Resource]] = []
        self.report, self.progress = BulkReport(), Progress()

    async def take(self, path: Path, *, patient: bool) -> bool:
        """Takes a file. False: nothing meets its criteria yet, and `patient` leaves it for later."""
        if path.suffix == ".ndjson" and names_criteria(path):
            # Whatever it names may be in another file, so it waits before any of its lines is stored.
            if not patient:
                await self._take_lines(path)
            return not patient
        rows = resources(path)
        if path.suffix != ".ndjson":
            found, whole = await self._criteria.met(list(rows))
            if patient and not whole:
                return False
            rows = iter(found)
        for placed in rows:
            await self._add(placed)
        return True

    async def _take_lines(self, path: Path) -> None:
        """Takes a file of lines whose criteria are met now, or by no one."""
        rows = lines_of(path)
        while part := list(islice(rows, _CHUNK)):
            for placed in (await self._criteria.met(part))[0]:
                await self._add(checked(placed))

    async def _add(self, placed: Placed) -> None:
        place, row = placed
        if isinstance(row, Problem):
            self.report.refused.append((place, row))
            return
        self._chunk.append((place, row))
        if len(self._chunk) >= _CHUNK:
            await self.store()
            done = self.report.created + self.report.updated + self.report.unchanged
            self.progress(done, "ressources lues", "resources read")

    async def store(self) -> None:
        """Stores what was read; when a content rule refuses something in it, without that."""
        chunk, self._chunk = self._chunk, []

        async def load(resources: Sequence[Resource]) -> BulkReport:
            return await bulk_load(self._house.store, self._view.sight, resources, self._view.prepare)

        self.report.add(await load_each(load, chunk))


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
