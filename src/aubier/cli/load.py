"""`aubier load`: files, folders, NDJSON and Bundles, checked one by one, stored by chunks. Packages first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from aubier.app import House
from aubier.cli.extract import is_extract, load_extract
from aubier.cli.instance import console, opened
from aubier.cli.nomenclature import is_nomenclature, load_nomenclature
from aubier.cli.packages import is_package, load_package
from aubier.cli.speech import Progress, say, text
from aubier.fhir import json as fhir_json
from aubier.fhir.references import replace_references
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.settings import Settings
from aubier.store.bulk import BulkReport, load_each
from aubier.store.bulk import load as bulk_load
from aubier.validation import check

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
    report, progress = BulkReport(), Progress()
    async with opened(settings) as house:
        view = console(house).store
        chunk: list[tuple[str, Resource]] = []
        for place, found in _read(paths):
            if isinstance(found, Problem):
                report.refused.append((place, found))
                continue
            chunk += _unpacked(place, found)
            if len(chunk) >= _CHUNK:
                report.add(await _load_chunk(house, view, chunk))
                chunk = []
                progress(
                    report.created + report.updated + report.unchanged, "ressources lues", "resources read"
                )
        report.add(await _load_chunk(house, view, chunk))
    progress.end()
    _tell(report)
    return 1 if report.refused else 0


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


def _read(paths: Iterable[Path]) -> Iterator[tuple[str, Resource | Problem]]:
    """(place, resource or what is wrong with it) of every file, folders in alphabetical order."""
    for path in paths:
        if path.is_dir():
            yield from _read(p for p in sorted(path.rglob("*")) if p.suffix in (".json", ".ndjson"))
        elif path.suffix == ".ndjson":
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _parsed(f"{path}:{number}", line)
        else:
            yield _parsed(str(path), path.read_bytes())


def _parsed(place: str, data: bytes) -> tuple[str, Resource | Problem]:
    try:
        resource = fhir_json.parse(data)
        check(resource)
        return place, resource
    except Problem as refusal:
        return place, refusal


def _unpacked(place: str, resource: Resource) -> list[tuple[str, Resource]]:
    """A Bundle to be written is loaded as what it holds, its entries' own references kept together.

    An entry without id takes the UUID of its fullUrl. Any other resource is loaded as itself.
    """
    if resource["resourceType"] != "Bundle" or resource.get("type") not in _HOLDERS:
        return [(place, resource)]
    entries = [e for e in resource.get("entry", []) if isinstance(e.get("resource"), dict)]
    told = {id(e): _identified(e) for e in entries}
    names = {
        str(e["fullUrl"]): f"{r['resourceType']}/{r['id']}"
        for e in entries
        if (r := told[id(e)]).get("id") and e.get("fullUrl")
    }
    return [(f"{place}#{n}", replace_references(told[id(e)], names)) for n, e in enumerate(entries)]


_HOLDERS = ("collection", "batch", "transaction", "searchset")
_URN = "urn:uuid:"


def _identified(entry: Resource) -> Resource:
    resource: Resource = entry["resource"]
    url = str(entry.get("fullUrl", ""))
    if resource.get("id") or not url.startswith(_URN):
        return resource
    return {**resource, "id": url.removeprefix(_URN)}


async def _load_chunk(house: House, view: Any, chunk: Sequence[tuple[str, Resource]]) -> BulkReport:
    """Loads a chunk whole; when a content rule refuses something in it, without that."""

    async def load(resources: Sequence[Resource]) -> BulkReport:
        return await bulk_load(house.store, view.sight, resources, view.prepare)

    return await load_each(load, chunk)
