"""The stories, played over HTTP against a whole house filled with the territory."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from aubier.access.actor import ANONYMOUS, Actor, Context, system_actor
from aubier.app import build
from aubier.fhir import json as fhir_json
from aubier.ground.chance import random_ids
from aubier.ground.rows import Resource
from aubier.referentials.signon import api as signon
from aubier.sandbox.batch import Batch, Mask
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.sandbox.tour import STEPS, facts
from aubier.settings import Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan(today=NOW.date(), citizens=5, seed="tour")
JSON = "application/fhir+json"


@dataclass
class Player:
    """Sends requests to the house as one of its people; who asks is told by a header, not by a token."""

    client: httpx.AsyncClient
    batches: dict[str, Batch]

    async def ask(self, login: str, method: str, path: str, body: Resource | None = None) -> tuple[int, Any]:
        answer = await self.client.request(
            method,
            path,
            headers={"x-login": login, "accept": JSON, "content-type": JSON},
            content=fhir_json.dumps(body) if body else None,
        )
        return answer.status_code, json.loads(answer.content or b"{}")

    def reference(self, login: str) -> str:
        return next(a.reference for b in self.batches.values() for a in b.accounts if a.login == login)


@pytest.fixture(scope="module")
async def player(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Player]:
    dsn = database()
    settings = replace(
        Settings.load({}), data=Path(tmp_path_factory.mktemp("house")), database_url=dsn, sandbox=True
    )
    house = await build(settings, dsn, clock=lambda: NOW)
    batches = list(territory(PLAN))
    done = await load_territory(house.access, batches, NOW, lambda so_far: None)
    assert not done.report.refused, done.report.refused[:3]
    system = house.context(system_actor("tests"))
    actors = {a.login: signon.actor_of(a) for a in await signon.list_accounts(system)}

    async def identify(context: Context, headers: Any) -> Actor:
        return actors.get(headers.get("x-login", ""), ANONYMOUS)

    house.server.identify = identify
    transport = httpx.ASGITransport(app=house.server)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield Player(client, {b.name.removeprefix("stories/"): b for b in batches})
    await house.stop()


async def test_the_discharge_tour_is_green(player: Player) -> None:
    known = facts(PLAN.seed, PLAN.today, random_ids)
    for step in STEPS:
        status, told = await player.ask(step.actor, step.method, step.path.format(**known), step.body(known))
        assert status in step.statuses, (step.intention["en"], status, told)
        assert step.check(told, known) == "", (step.intention["en"], told)
        known |= {name: take(told) for name, take in step.capture.items()}


@pytest.mark.parametrize("parent", ["nadia", "samir"])
async def test_parents_see_the_ordinary_and_nothing_of_the_secret(player: Player, parent: str) -> None:
    batch, ines = player.batches["teenager"], player.reference("ines").removeprefix("Patient/")
    hidden = {r.reference for r in batch.rights if isinstance(r, Mask)}
    for name in sorted(hidden):
        assert (await player.ask(parent, "GET", f"/fhir/{name}"))[0] == 404, name
        assert (await player.ask("ines", "GET", f"/fhir/{name}"))[0] == 200, name
    for kind in sorted({name.partition("/")[0] for name in hidden} - {"Binary"}):
        _, told = await player.ask(parent, "GET", f"/fhir/{kind}?patient={ines}&_total=accurate")
        seen = {f"{kind}/{e['resource']['id']}" for e in told.get("entry", [])}
        assert not seen & hidden
        assert told["total"] == len(seen)
    _, allergy = await player.ask(parent, "GET", f"/fhir/AllergyIntolerance?patient={ines}")
    assert "Arachide" in str(allergy)


async def test_a_parent_of_one_child_sees_nothing_of_another(player: Player) -> None:
    assert (await player.ask("claire", "GET", f"/fhir/{player.reference('ines')}"))[0] == 404
    assert (await player.ask("nadia", "GET", f"/fhir/{player.reference('ines')}"))[0] == 200


async def test_the_author_sees_a_masked_summary_and_the_nurse_does_not(player: Player) -> None:
    gwen = player.reference("gwen").removeprefix("Patient/")
    path = f"/fhir/DocumentReference?patient={gwen}&type=68599-0&_total=accurate"
    totals = {
        login: (await player.ask(login, "GET", path))[1]["total"]
        for login in ("gwen", "dr.gloaguen", "s.kerjean")
    }
    assert totals == {"gwen": 1, "dr.gloaguen": 1, "s.kerjean": 0}


@pytest.mark.parametrize(
    ("daughter", "story"),
    [("gaelle", "discharge"), ("martine", "elderly")],
)
async def test_daughters_reach_neither_directives_nor_their_content(
    player: Player, daughter: str, story: str
) -> None:
    document = next(
        r for r in player.batches[story].resources
        if r["resourceType"] == "DocumentReference" and "EXPPAT_3" in str(r["type"])
    )  # fmt: skip
    content = document["content"][0]["attachment"]["url"]
    for path in (f"DocumentReference/{document['id']}", content):
        assert (await player.ask(daughter, "GET", f"/fhir/{path}"))[0] == 404, path


async def test_the_long_record_counts_400_documents(player: Player) -> None:
    yvonne = player.reference("yvonne").removeprefix("Patient/")
    path = f"/fhir/DocumentReference?patient={yvonne}&_total=accurate&_count=20"
    status, told = await player.ask("dr.morvan", "GET", path)
    assert (status, told["total"], len(told["entry"])) == (200, 400, 20)
