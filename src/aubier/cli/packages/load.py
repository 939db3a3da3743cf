"""`aubier load package.tgz`: the definitions of a FHIR package, beside other versions of themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import click

from aubier.app import House
from aubier.cli.instance import console, opened
from aubier.cli.speech import Progress, counted, say, stored, text
from aubier.fhir import packages
from aubier.fhir.definitions import definitions
from aubier.fhir.packages import Manifest
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.settings import Settings
from aubier.store.bulk import BulkReport, load, load_each
from aubier.store.bulk.alone import alone
from aubier.store.keys import DIRECTORY
from aubier.validation import validate

_CHUNK = 100
_TOLD = 20
_R4 = "4.0"


def is_package(path: Path) -> bool:
    """Whether a path is a FHIR package by its name."""
    return path.name.endswith((".tgz", ".tar.gz"))


def stored_as(resource: Resource, version: str) -> Resource:
    """A definition under an id of its canonical URL and version, so that versions stand side by side.

    `version` is that of the package, for a definition that says none. The same definition has always the
    same id, whichever package brings it.
    """
    own = {**resource, "version": resource.get("version") or version}
    return {**own, "id": str(uuid5(NAMESPACE_URL, f"{own['url']}|{own['version']}"))}


@dataclass(slots=True)
class _Account:
    """What a package brought. It holds the first that were `refused` and the first that are `doubtful` (they
    break FHIR R4), and how many, however many these are; `apart` counts by type what is no definition.
    """

    progress: Progress = field(default_factory=Progress)
    report: BulkReport = field(default_factory=BulkReport)
    refused: int = 0
    doubts: int = 0
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    apart: Counter[str] = field(default_factory=Counter)

    def add(self, report: BulkReport) -> None:
        """Takes in what came of some definitions."""
        self.refused += len(report.refused)
        self.report.add(report)
        del self.report.refused[_TOLD:]
        done = self.report.created + self.report.updated + self.report.unchanged + self.refused
        self.progress(done, "définition(s) lue(s)", "definition(s) read")

    def doubt(self, place: str, found: Resource) -> None:
        """Notes what breaks FHIR R4."""
        errors = [i for i in validate(found) if i.severity == "error"]
        self.doubts += bool(errors)
        if errors and len(self.doubtful) < _TOLD:
            at = f" ({errors[0].at[0]})" if errors[0].at else ""
            self.doubtful.append((place, text(errors[0].fr, errors[0].text) + at))


async def load_package(settings: Settings, path: Path) -> int:
    """Loads one package; tells what it did. Gives 1 when something in it could not be read or stored.

    A definition that breaks the base specification is published all the same: it is stored as it is, and
    named. Loaded again, a package changes nothing.
    """
    told = _manifest(path)
    async with opened(settings) as house:
        return await _load(house, path, told)


async def load_at_start(house: House, settings: Settings) -> None:
    """Loads the packages that the setting names and this database has not had yet, in their order.

    The digest of each file is noted: a start costs a reading of the files, and nothing in the database.
    Problem (value) for a file that is not there or is no package: the start is refused before anything is
    loaded.
    """
    manifests = [(path, _manifest(_existing(path))) for path in _named(settings)]
    for path, told in manifests:
        digest = await asyncio.to_thread(_digest, path)
        key = f"package {told.name} {told.version}"
        if await house.store.note(key) == digest:
            continue
        async with alone(house.store, f"{told.name} {told.version}"):
            await _load(house, path, told)
            await house.store.set_note(key, digest)


def _named(settings: Settings) -> list[Path]:
    return [Path(part.strip()).expanduser() for part in settings.packages.split(",") if part.strip()]


def _existing(path: Path) -> Path:
    if path.is_file() and is_package(path):
        return path
    raise problem(
        "value",
        f"{path} is no FHIR package: give the path of a .tgz file, several with commas between them",
        f"{path} n'est pas un paquet FHIR : donnez le chemin d'un fichier .tgz, plusieurs séparés par des"
        " virgules",
        at="AUBIER_PACKAGES",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _manifest(path: Path) -> Manifest:
    """What a package says of itself. Problem as `packages.manifest`; not-supported for another FHIR."""
    with path.open("rb") as stream:
        told = packages.manifest(stream)
    _check_release(told)
    return told


async def _load(house: House, path: Path, told: Manifest) -> int:
    account, chunk = _Account(), list[tuple[str, Resource]]()
    with path.open("rb") as stream:
        for place, found in packages.resources(stream):
            if isinstance(found, Problem):
                account.add(BulkReport(refused=[(place, found)]))
            elif not _is_definition(found):
                account.apart[str(found["resourceType"])] += 1
            else:
                account.doubt(place, found)
                chunk.append((place, stored_as(found, told.version)))
            if len(chunk) >= _CHUNK:
                account.add(await _store(house, chunk))
                chunk = []
    account.add(await _store(house, chunk))
    account.progress.end()
    _tell(told, account)
    return 1 if account.refused else 0


def _check_release(told: Manifest) -> None:
    if told.fhir_versions and not any(v.startswith(_R4) for v in told.fhir_versions):
        versions = ", ".join(told.fhir_versions)
        raise problem(
            "not-supported",
            f"{told.name} {told.version} is made for FHIR {versions}; this is FHIR R4 (4.0.1)",
            f"{told.name} {told.version} est fait pour FHIR {versions} ; ici, c'est FHIR R4 (4.0.1)",
            at="package.json",
        )


def _is_definition(found: Resource) -> bool:
    """Whether a resource is one of no patient, found by a canonical URL."""
    kind = found["resourceType"]
    return (
        kind in DIRECTORY
        and "url" in definitions().elements(kind)
        and isinstance(found.get("url"), str)
        and isinstance(found.get("version", ""), str)
    )


async def _store(house: House, chunk: list[tuple[str, Resource]]) -> BulkReport:
    """Stores a chunk; what is refused is left out and told. Problem (transient): no answer of the store."""
    trusted = replace(house.access, check=lambda resource: None)
    view: Any = replace(console(house).store, access=trusted)

    async def stored(rows: Sequence[Resource]) -> BulkReport:
        return await load(house.store, view.sight, rows, view.prepare, apart=True)

    return await load_each(stored, chunk)


def _tell(told: Manifest, account: _Account) -> None:
    report = account.report
    counts = stored(report.created, report.updated, report.unchanged, account.refused)
    say(f"{told.name} {told.version} : {counts}", f"{told.name} {told.version}: {counts}")
    if account.apart:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(account.apart.items()))
        say(f"  laissés de côté, sans URL canonique : {kinds}", f"  left out, without canonical URL: {kinds}")
    _list([(p, text(i.fr, i.text)) for p, r in report.refused for i in r.issues[:1]], account.refused)
    if account.doubts:
        kept = counted(account.doubts, "définition(s)", "definition(s)")
        say(
            f"  publié en enfreignant FHIR R4, enregistré tel quel, {kept} :",
            f"  published although it breaks FHIR R4, stored as it is, {kept}:",
        )
        _list(account.doubtful, account.doubts)
    if told.dependencies:
        needs = ", ".join(f"{name} {version}" for name, version in told.dependencies.items())
        say(f"  s'appuie sur : {needs}", f"  rests on: {needs}")


def _list(first: list[tuple[str, str]], count: int) -> None:
    for place, words in first:
        click.echo(f"  {place} : {words}")
    if more := count - len(first):
        click.echo(f"  {text('et', 'and')} {counted(more, 'autre(s)', 'more')}")
