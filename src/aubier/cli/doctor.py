"""`aubier doctor`: what could be wrong on this machine, and how to mend it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import click

from aubier.cli.instance import opened
from aubier.cli.speech import text
from aubier.ground.problem import Problem
from aubier.settings import Settings
from aubier.store.embedded.server import find

_ROOM = 2 << 30

Finding = tuple[bool, str, str]
"""Whether it is well, and the sentence in French and English."""


def examine(settings: Settings) -> int:
    """Prints one line per check; gives 1 when something must be mended."""
    checks: tuple[Callable[[Settings], Finding], ...] = (_python, _disk, _folder, _port, _database, _keys)
    bad = 0
    for check in checks:
        well, fr, en = check(settings)
        click.echo(f"{'✓' if well else '✗'} {text(fr, en)}")
        bad += not well
    return 1 if bad else 0


def _python(settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= (3, 11), f"Python {version}", f"Python {version}"


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.data)).free
    shown = f"{free / (1 << 30):.1f}"
    return (
        free > _ROOM,
        f"Place libre : {shown} Gio (il en faut 2)",
        f"Free space: {shown} GiB (2 are needed)",
    )


def _folder(settings: Settings) -> Finding:
    place = _existing(settings.data)
    well = os.access(place, os.W_OK)
    return (
        well,
        f"Dossier de données : {settings.data}"
        + ("" if well else f" : {place} n'est pas accessible en écriture"),
        f"Data folder: {settings.data}" + ("" if well else f": {place} cannot be written"),
    )


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    running = find(settings.data) is not None
    if taken and running:
        return True, f"Aubier répond au port {settings.port}", f"Aubier answers at port {settings.port}"
    return (
        not taken,
        f"Port {settings.port} "
        + ("pris par un autre programme : --port en choisit un autre" if taken else "libre"),
        f"Port {settings.port} " + ("taken by another program: --port chooses another" if taken else "free"),
    )


def _database(settings: Settings) -> Finding:
    if not settings.database_url and not (settings.data / "postgres").exists():
        return True, "Base : pas encore créée", "Database: not made yet"
    try:
        total = asyncio.run(_count(settings))
    except Problem as refusal:
        issue = refusal.issues[0]
        return False, f"Base : {issue.fr}", f"Database: {issue.text}"
    return True, f"Base : {total} ressources", f"Database: {total} resources"


async def _count(settings: Settings) -> int:
    async with opened(settings) as house:
        return sum((await house.store.counts()).values())


def _keys(settings: Settings) -> Finding:
    key = settings.data / "secret" / "contents"
    if not key.exists():
        return True, "Clé des documents : pas encore créée", "Key of documents: not made yet"
    closed = (key.stat().st_mode & 0o077) == 0
    return (
        closed,
        "Clé des documents : "
        + ("réservée à son propriétaire" if closed else f"lisible par d'autres, chmod 600 {key}"),
        "Key of documents: " + ("its owner's only" if closed else f"others can read it, chmod 600 {key}"),
    )
