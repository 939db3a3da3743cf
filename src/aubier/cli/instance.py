"""The instance a command works on: found by its data folder, running or stopped."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aubier.access.actor import Context, system_actor
from aubier.app import House, build
from aubier.ground.problem import problem
from aubier.settings import Settings
from aubier.store.embedded.server import attached

_FILE = "instance.json"


def settings_of(data: str | None, **overrides: Any) -> Settings:
    """The settings of an instance: what `up` noted in its folder, then the environment, then options."""
    environ = dict(os.environ)
    given = {"data": data, **overrides}
    folder = Settings.load(environ, data=data).data
    noted = _noted(folder)
    kept = {k: v for k, v in noted.items() if f"AUBIER_{k.upper()}" not in environ and given.get(k) is None}
    if given.get("port") is not None:
        kept.pop("base_url", None)
    found = Settings.load(environ, **{**given, **kept})
    return found if found.base_url else replace(found, base_url=address(found))


def address(settings: Settings) -> str:
    """Where the instance answers when no other address was set."""
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{settings.host}:{settings.port}"


def _noted(folder: Path) -> dict[str, Any]:
    try:
        noted: dict[str, Any] = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return noted


def note(settings: Settings) -> None:
    """Writes down where this instance answers, for the other commands."""
    facts = {
        "port": settings.port,
        "base_url": settings.base_url,
        "sandbox": settings.sandbox,
        "seed": settings.seed,
    }
    place = settings.data / _FILE
    place.with_suffix(".new").write_text(json.dumps(facts))
    place.with_suffix(".new").replace(place)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The house of an instance, its own database server or the embedded one (started when it is stopped)."""
    if settings.database_url:
        async with _built(settings, settings.database_url) as house:
            yield house
        return
    if not (settings.data / "postgres").exists():
        raise problem(
            "not-found",
            f"There is no Aubier in {settings.data}; start one with: aubier up --data {settings.data}",
            f"Il n'y a pas d'Aubier dans {settings.data} ; démarrez-en un : aubier up --data {settings.data}",
        )
    with attached(settings.data) as dsn:
        async with _built(settings, dsn) as house:
            yield house


@asynccontextmanager
async def _built(settings: Settings, dsn: str) -> AsyncIterator[House]:
    house = await build(settings, dsn)
    try:
        yield house
    finally:
        await house.stop()


def console(house: House) -> Context:
    """The context of someone at the machine's own command line."""
    return house.context(system_actor("console"))
