"""The checks, in the order in which they matter: the machine, the folder, the settings, the data."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

import click

from aubier.cli.doctor.finding import Finding, refused
from aubier.cli.doctor.port import port
from aubier.cli.doctor.stored import database, engine
from aubier.cli.instance import note_is_damaged
from aubier.cli.speech import text
from aubier.ground.problem import Problem
from aubier.settings import Settings, known, unknown
from aubier.store.contents.binaries import check_key
from aubier.store.embedded.folder import check_folder, existing
from aubier.store.embedded.trouble import plainly

_ROOM = 2 << 30


def examine(settings: Settings) -> int:
    """Prints one line per check; gives 1 when something must be mended."""
    checks: tuple[_Check, ...] = (_python, engine, _disk, _folder, _note, _variables, port, database, _keys)
    findings = [finding for check in checks for finding in _found(check, settings)]
    for well, fr, en in findings:
        click.echo(f"{'✓' if well else '✗'} {text(fr, en)}")
    return 0 if all(well for well, _, _ in findings) else 1


_Check = Callable[[Settings], Finding | list[Finding]]


def _found(check: _Check, settings: Settings) -> list[Finding]:
    """What a check found; what stopped it is a finding too."""
    try:
        found = check(settings)
    except Problem as refusal:
        return [refused(refusal)]
    except OSError as error:
        return [refused(plainly(error, settings.data))]
    return found if isinstance(found, list) else [found]


def _python(settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= (3, 11), f"Python {version}", f"Python {version}"


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(existing(settings.data)).free
    shown = f"{free / (1 << 30):.1f}".replace(".", text(",", "."))
    if free > _ROOM:
        return True, f"Place libre : {shown} Gio", f"Free space: {shown} GiB"
    return (
        False,
        f"Place libre sur le disque de {settings.data} : {shown} Gio, il en faut 2 ;"
        " libérez-en, ou choisissez avec --data un dossier sur un autre disque",
        f"Free space on the disk of {settings.data}: {shown} GiB, 2 are needed;"
        " free some, or choose with --data a folder on another disk",
    )


def _folder(settings: Settings) -> Finding:
    if settings.database_url:
        # ours are the documents and keys only: no account of PostgreSQL has to enter
        check_folder(settings.data, with_database=False)
    else:
        check_folder(settings.data)
    return True, f"Dossier de données : {settings.data}", f"Data folder: {settings.data}"


def _note(settings: Settings) -> Finding:
    place = settings.data / "instance.json"
    if note_is_damaged(settings.data):
        return (
            False,
            f"{place} est abîmé ; supprimez-le, le prochain démarrage l'écrit à nouveau",
            f"{place} is damaged; remove it, the next start writes it again",
        )
    return True, "Réglages notés : lisibles", "Noted settings: readable"


def _variables(settings: Settings) -> Finding:
    odd = unknown(os.environ)
    if not odd:
        return True, "Variables AUBIER_… : toutes connues", "Variables AUBIER_…: all known"
    fr = " ; ".join(f"{name} ne règle rien{_near(name, ' (vouliez-vous {} ?)')}" for name in odd)
    en = "; ".join(f"{name} sets nothing{_near(name, ' (did you mean {}?)')}" for name in odd)
    page = "docs/reference/settings.md"
    return False, f"{fr} ; la liste est dans {page}", f"{en}; the list is in {page}"


def _near(name: str, words: str) -> str:
    near = get_close_matches(name, known(), 1)
    return words.format(near[0]) if near else ""


def _keys(settings: Settings) -> Finding:
    secret = settings.data / "secret"
    check_key(settings.data / "contents", secret / "contents")
    open_ones = [p for p in _files(secret) if p.stat().st_mode & 0o077]
    if open_ones:
        names = " ".join(map(str, open_ones))
        return (
            False,
            f"Clés lisibles par d'autres : chmod 600 {names}",
            f"Keys that others can read: chmod 600 {names}",
        )
    if not (secret / "contents").exists():
        return True, "Clé des documents : pas encore créée", "Key of documents: not made yet"
    return True, "Clé des documents : réservée à son propriétaire", "Key of documents: its owner's only"


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.exists() else []
