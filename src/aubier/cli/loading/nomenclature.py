"""Nomenclatures: `aubier load` streams one into the tables and says what came of it."""

from __future__ import annotations

import time
from pathlib import Path

from aubier.access.view import Write
from aubier.cli.instance import console, opened
from aubier.cli.speech import Progress, counted, say
from aubier.settings import Settings
from aubier.store.bulk.alone import alone
from aubier.terminology.nomenclatures.load import header, is_nomenclature, load, recognise

__all__ = ["is_nomenclature", "load_nomenclature"]


async def load_nomenclature(settings: Settings, path: Path) -> int:
    """Loads one nomenclature, and a CodeSystem that tells that it is here; gives the exit code."""
    found = recognise(path)
    if found is None:
        return 1
    started, progress = time.monotonic(), Progress()
    async with opened(settings) as house, alone(house.store, found.system.canonical):
        view = console(house).store
        count = await load(view, found, lambda n: progress(n, "concept(s) lu(s)", "concept(s) read"))
        await view.transact([Write("update", header(found, count))])
        await house.store.analyse()
    progress.end()
    name, took = found.system.canonical, time.monotonic() - started
    concepts = counted(count, "concept(s)", "concept(s)")
    say(f"{name} : {concepts} en {took:.0f} s", f"{name}: {concepts} in {took:.0f} s")
    return 0
