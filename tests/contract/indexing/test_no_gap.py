"""Writers of several processes while a parameter is made: none of what they write is missed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.store.bulk import load
from aubier.store.indexing import advance, walking
from aubier.store.packing import codec
from tests.contract.conftest import Api, close_api, open_api
from tests.contract.indexing.conftest import EYES, coloured, due_rows, kept_rows, parameter, walked

COLOURS = ("green", "brown", "blue", "grey")


async def brute_force(api: Api) -> Counter[str]:
    """How many Patients have eyes of each colour, by looking at every one."""
    rows = await api.house.store.pool.fetch(
        f"select {codec.COLUMNS} from res r join id_map m using (pat, rid)"
    )
    found: Counter[str] = Counter()
    for row in rows:
        resource = fhir_json.parse(codec.kept(row))
        if resource["resourceType"] == "Patient":
            found.update(e["valueCode"] for e in resource.get("extension", []) if e["url"] == EYES)
    return found


async def counted(api: Api) -> Counter[str]:
    """The same, asked of the server."""
    found: Counter[str] = Counter()
    for colour in COLOURS:
        page = await api.good("GET", f"Patient?eye-colour={colour}&_summary=count&_total=accurate")
        found[colour] = page["total"]
    return +found


async def churn(api: Api, seed: str, count: int) -> None:
    """Creates, changes, deletes and loads Patients, as a process that nobody tells anything."""
    draw, mine = Random(seed), list[str]()
    view = api.system.store
    for number in range(count):
        colour = draw.choice(COLOURS)
        match draw.choice(("create", "create", "update", "delete", "load")):
            case "update" if mine:
                await view.update(coloured(colour, id=draw.choice(mine), gender="other"))
            case "delete" if mine:
                await view.delete("Patient", mine.pop(draw.randrange(len(mine))))
            case "load":
                logical = f"{seed}-{number}"
                await load(api.house.store, view.sight, [coloured(colour, id=logical)], view.prepare)
                mine.append(logical)
            case _:
                mine.append((await view.create(coloured(colour))).id)
        await asyncio.sleep(0)


@pytest.fixture
async def other(api: Api, tmp_path: Path):
    """A second process on the same database; it learns of nothing by itself."""
    opened = await open_api_beside(api, tmp_path)
    yield opened
    await close_api(opened)


async def open_api_beside(api: Api, folder: Path) -> Api:
    return await open_api(api.house.store.dsn, folder)


async def test_no_write_is_missed_while_it_is_made(api: Api, other: Api, monkeypatch: Any) -> None:
    """Two processes write, one of which has heard of nothing; the walk is cut off again and again."""
    monkeypatch.setattr(walking, "_BATCH", 7)
    monkeypatch.setattr(walking, "_WINDOW", 20)
    await churn(api, "before", 30)
    await api.good("POST", "SearchParameter", parameter("eye-colour"))
    writers = [asyncio.create_task(churn(each, f"while{n}", 30)) for n, each in enumerate((api, other))]
    cuts = 0
    while not all(w.done() for w in writers):
        cuts += await _cut_off(api, monkeypatch)
        await advance(other.house.store)
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    await walked(api)
    assert cuts > 0
    assert await counted(api) == await brute_force(api) != Counter()
    assert await kept_rows(api) == await due_rows(api)


class _Killed(BaseException):
    """What no code catches."""


async def _cut_off(api: Api, monkeypatch: Any) -> bool:
    """Takes one batch that is killed before its end: nothing of it stays."""

    async def killed(*args: Any, **options: Any) -> None:
        raise _Killed

    with monkeypatch.context() as broken:
        broken.setattr(walking._Walk, "_note", killed)
        try:
            await advance(api.house.store)
        except _Killed:
            return True
    return False


async def test_no_row_is_left_while_it_is_taken_away(api: Api, other: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(walking, "_BATCH", 7)
    made = await api.good("POST", "SearchParameter", parameter("eye-colour"))
    await walked(api)
    await other.house.store.learn()
    await churn(api, "stay", 30)
    await api.good("DELETE", f"SearchParameter/{made['id']}")
    refused = await other.ask("GET", "Patient?eye-colour=green")
    assert refused.status_code in (400, 503), "another process must not answer by what is going"
    writers = [asyncio.create_task(churn(each, f"going{n}", 20)) for n, each in enumerate((api, other))]
    while not all(w.done() for w in writers):
        await advance(api.house.store)
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    await walked(api)
    assert await kept_rows(api) == await due_rows(api)


async def test_a_process_that_has_not_heard_yet_asks_before_it_refuses(api: Api, other: Api) -> None:
    await api.good("POST", "Patient", coloured("violet"))
    await api.good("POST", "SearchParameter", parameter("eye-colour"))
    assert (await other.ask("GET", "Patient?eye-colour=violet")).status_code == 503
    await walked(api)
    assert len(await other.ids("Patient?eye-colour=violet")) == 1
    found = await other.good(
        "POST", "Patient", coloured("violet"), headers={"If-None-Exist": "eye-colour=violet"}
    )
    assert f"Patient/{found['id']}" in await api.ids("Patient?eye-colour=violet")


async def test_two_administrators_at_once(api: Api, other: Api) -> None:
    """The same code posted twice at one moment is had by one of them."""
    bodies = [parameter("eye-colour", url=f"http://x.example/{n}") for n in range(4)]
    answers = await asyncio.gather(
        *(
            each.ask("POST", "SearchParameter", body)
            for each, body in zip((api, other) * 2, bodies, strict=True)
        )
    )
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    with pytest.raises(Problem):
        await api.system.store.search("Patient", [("eye-colour", "green")])
