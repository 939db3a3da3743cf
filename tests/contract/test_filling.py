"""The sandbox is filled once: a filling that was interrupted goes on with the people it began with."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aubier.app import build
from aubier.cli import up
from aubier.sandbox.plan import Settings as Plan
from aubier.settings import Settings


async def test_who_was_begun_with_stays(
    database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    made = up.territory
    monkeypatch.setattr(up, "territory", lambda plan: plans.append(plan) or made(plan))
    settings = Settings.load({}, data=str(tmp_path / "data"), sandbox=True, citizens=3, seed="filling")
    house = await build(settings, database())
    try:
        begun = {"seed": "filling", "citizens": 1, "day": "2026-11-22"}
        await house.store.set_note("territory", json.dumps(begun))
        await up.fill(house, settings)
        done = json.loads(await house.store.note("territory"))
    finally:
        await house.stop()
    assert [plan.citizens for plan in plans] == [done["citizens"]] == [1]
