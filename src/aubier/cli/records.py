"""Load, reset, backup, restore."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from aubier import __version__
from aubier.app import House
from aubier.cli.extract import is_extract, load_extract
from aubier.cli.instance import console, opened
from aubier.cli.speech import Progress, say, text
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.settings import Settings
from aubier.store.bulk import BulkReport
from aubier.store.bulk import load as bulk_load
from aubier.store.embedded import template
from aubier.store.embedded.server import EmbeddedServer, attached, find
from aubier.validation import check

_CHUNK = 1000
_MOST_TOLD = 20
_KEPT = ("contents", "secret", "instance.json")
_MARK = "aubier-backup.json"


# -- load -------------------------------------------------------------------------------------------


async def load_all(settings: Settings, paths: Sequence[Path]) -> int:
    """Loads directory extracts, then FHIR; gives the exit code."""
    code = 0
    for path in paths:
        if is_extract(path):
            code = max(code, await load_extract(settings, path))
    others = [p for p in paths if not is_extract(p)]
    return max(code, await load(settings, others)) if others else code


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
    """A collection Bundle is loaded as what it holds; any other resource as itself."""
    if resource["resourceType"] != "Bundle" or resource.get("type") not in (
        "collection",
        "batch",
        "transaction",
    ):
        return [(place, resource)]
    return [
        (f"{place}#{n}", entry["resource"])
        for n, entry in enumerate(resource.get("entry", []))
        if isinstance(entry.get("resource"), dict)
    ]


async def _load_chunk(house: House, view: Any, chunk: Sequence[tuple[str, Resource]]) -> BulkReport:
    """Loads a chunk whole; when a content rule refuses one of it, each on its own."""
    if not chunk:
        return BulkReport()
    try:
        return await bulk_load(house.store, view.sight, [r for _, r in chunk], view.prepare)
    except Problem as refusal:
        if len(chunk) == 1:
            return BulkReport(refused=[(chunk[0][0], refusal)])
    report = BulkReport()
    half = len(chunk) // 2
    for part in (chunk[:half], chunk[half:]):
        report.add(await _load_chunk(house, view, part))
    return report


# -- reset ------------------------------------------------------------------------------------------


async def reset(settings: Settings) -> None:
    """Puts the sandbox back to its first day from the copy kept at its filling."""
    if not settings.sandbox:
        raise problem("forbidden", "Only a sandbox can be reset", "Seul un bac à sable se remet à zéro")
    with attached(settings.data) as dsn:
        await template.reset(dsn)
    say("Le bac à sable est comme au premier jour.", "The sandbox is as on its first day.")


# -- backup and restore -----------------------------------------------------------------------------


def backup(settings: Settings, file: Path) -> None:
    """Saves a consistent copy of the database, then documents and keys, into one compressed file.

    Documents are never changed once written: those that the copied database names are all there. The file
    holds the keys: keep it as you keep the data.
    """
    with attached(settings.data) as dsn, tempfile.TemporaryDirectory() as scratch:
        dump = Path(scratch) / "database.dump"
        say("Copie de la base", "Copying the database")
        _pg_tool(settings, "pg_dump", ["--format=custom", "--compress=zstd:1", f"--file={dump}", dsn])
        say("Copie des documents et des clés", "Copying documents and keys")
        partial = file.with_name(file.name + ".partial")
        handle = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with closing(os.fdopen(handle, "wb")) as out, tarfile.open(fileobj=out, mode="w") as tar:
            _add_text(tar, _MARK, json.dumps({"aubier": __version__, "format": 1}))
            tar.add(dump, "database.dump")
            for name in _KEPT:
                if (settings.data / name).exists():
                    tar.add(settings.data / name, name, filter=_without_secret_of_server)
        partial.replace(file)
    size = file.stat().st_size >> 20
    say(f"Sauvegarde écrite : {file} ({size} Mio)", f"Backup written: {file} ({size} MiB)")


def _without_secret_of_server(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The password of the database server belongs to a folder, not to its data."""
    return None if info.name == "secret/postgres" else info


def _add_text(tar: tarfile.TarFile, name: str, content: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content.encode())
    tar.addfile(info, io.BytesIO(content.encode()))


def _pg_tool(settings: Settings, name: str, arguments: Sequence[str]) -> None:
    """Runs a PostgreSQL tool of the embedded engine, or of the system for a server of one's own."""
    engines = sorted((settings.data / "engine").glob(f"*/bin/{name}"), reverse=True)
    tool = str(engines[0]) if engines else name
    try:
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise problem(
            "not-supported", f"{name} is not installed", f"{name} n'est pas installé", at=name
        ) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        raise problem("exception", f"{name}: {last[0]}", f"{name} : {last[0]}")


def restore(settings: Settings, file: Path) -> None:
    """Makes a data folder from a backup: the restored copy answers the same."""
    if find(settings.data) or (settings.data / "postgres").exists():
        raise problem(
            "conflict",
            f"{settings.data} already holds an Aubier; restore into a new folder",
            f"{settings.data} contient déjà un Aubier ; restaurez dans un nouveau dossier",
        )
    settings.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        _extract(file, Path(scratch))
        for name in _KEPT:
            if (Path(scratch) / name).exists():
                subprocess.run(["/bin/cp", "-a", str(Path(scratch) / name), str(settings.data)], check=True)
        with EmbeddedServer(settings.data) as dsn:
            dump = str(Path(scratch) / "database.dump")
            _pg_tool(settings, "pg_restore", ["--no-owner", "--exit-on-error", f"--dbname={dsn}", dump])
    say(f"Restauré dans {settings.data}", f"Restored into {settings.data}")


def _extract(file: Path, into: Path) -> None:
    try:
        with tarfile.open(file) as tar:
            tar.extractall(into, filter="data")
        marked = json.loads((into / _MARK).read_text())
    except (tarfile.TarError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise problem(
            "structure", f"{file} is not an Aubier backup", f"{file} n'est pas une sauvegarde d'Aubier"
        ) from error
    if marked.get("format") != 1:
        raise problem(
            "not-supported",
            "This backup was made by a newer release",
            "Cette sauvegarde vient d'une version plus récente",
        )
