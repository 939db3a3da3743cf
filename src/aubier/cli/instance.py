"""The instance a command works on: found by its data folder, running or stopped."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from aubier.access.actor import Context, system_actor
from aubier.app import House, build
from aubier.cli.speech import text
from aubier.ground.problem import Problem
from aubier.settings import Settings, variable
from aubier.store.embedded.server import attached

_FILE = "instance.json"


def settings_of(data: str | None, **overrides: Any) -> Settings:
    """The settings of an instance: options, then the environment, then what `up` noted in its folder."""
    environ = dict(os.environ)
    given = {"data": data, **overrides}
    known = noted(Settings.load(environ, data=data).data)
    kept = {k: v for k, v in known.items() if variable(k) not in environ and given.get(k) is None}
    found = Settings.load(environ, **{**given, **kept})
    if note_is_damaged(found.data):
        _tell_damage(found.data / _FILE)
    return found if found.base_url else replace(found, base_url=found.url)


def _tell_damage(place: Path) -> None:
    """Beside what the command prints, which other programs may read."""
    click.echo(
        text(
            f"Attention : {place} est abîmé et ne compte pas ; le prochain aubier up l'écrit à nouveau",
            f"Beware: {place} is damaged and does not count; the next aubier up writes it again",
        ),
        err=True,
    )


def noted(folder: Path) -> dict[str, Any]:
    """What `up` or `serve` noted in a data folder; nothing when none ran there, or it cannot be read."""
    return _read(folder) or {}


def note_is_damaged(folder: Path) -> bool:
    """Whether there is a note that counts for nothing, because it is no longer what was written."""
    return _read(folder) is None


def _read(folder: Path) -> dict[str, Any] | None:
    """What was noted; None when it is damaged."""
    try:
        known: Any = json.loads((folder / _FILE).read_text())
        found = {k: v for k, v in known.items() if k in _NOTED}
        Settings.load({}, **found)
    except OSError:
        return {}
    except (ValueError, AttributeError, Problem):
        return None
    return found


_NOTED = ("port", "base_url", "sandbox", "seed", "citizens")


def note(settings: Settings) -> None:
    """Writes down where this instance answers and what it was filled with, for the other commands."""
    facts = {name: getattr(settings, name) for name in _NOTED}
    if settings.base_url == replace(settings, base_url="").url:
        del facts["base_url"]  # it follows from the port, which may change
    place = settings.data / _FILE
    place.with_suffix(".new").write_text(json.dumps(facts))
    place.with_suffix(".new").replace(place)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN of an instance's database: its own server, or the embedded one (started when it is stopped)."""
    if settings.database_url:
        yield settings.database_url
        return
    with attached(settings.data) as dsn:
        yield dsn


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The house of an instance, running or stopped."""
    with database(settings) as dsn:
        house = await build(settings, dsn)
        try:
            yield house
        finally:
            await house.stop()


def console(house: House) -> Context:
    """The context of someone at the machine's own command line."""
    return house.context(system_actor("console"))
