"""The stories, played over HTTP against a whole house filled with the territory."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from aubier.ground.chance import random_ids
from aubier.sandbox.batch import Mask
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.tour import STEPS, facts
from tests.open_territory import OpenTerritory, open_territory

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan(today=NOW.date(), citizens=5, seed="tour")


@pytest.fixture(scope="module")
async def town(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenTerritory]:
    async with open_territory(database(), tmp_path_factory.mktemp("house"), PLAN, NOW) as opened:
        yield opened


async def test_the_discharge_tour_is_green(town: OpenTerritory) -> None:
    known = facts(PLAN.seed, PLAN.today, random_ids)
    for step in STEPS:
        status, told = await town.ask(step.actor, step.method, step.path.format(**known), step.body(known))
        assert status in step.statuses, (step.intention["en"], status, told)
        assert step.check(told, known) == "", (step.intention["en"], told)
        known |= {name: take(told) for name, take in step.capture.items()}


@pytest.mark.parametrize("parent", ["nadia", "samir"])
async def test_parents_see_the_ordinary_and_nothing_of_the_secret(town: OpenTerritory, parent: str) -> None:
    batch, ines = town.stories["teenager"], town.patient("ines")
    hidden = {r.reference for r in batch.rights if isinstance(r, Mask)}
    for name in sorted(hidden):
        assert (await town.ask(parent, "GET", f"/fhir/{name}"))[0] == 404, name
        assert (await town.ask("ines", "GET", f"/fhir/{name}"))[0] == 200, name
    for kind in sorted({name.partition("/")[0] for name in hidden} - {"Binary"}):
        _, told = await town.ask(parent, "GET", f"/fhir/{kind}?patient={ines}&_total=accurate")
        seen = {f"{kind}/{e['resource']['id']}" for e in told.get("entry", [])}
        assert not seen & hidden
        assert told["total"] == len(seen)
    _, allergy = await town.ask(parent, "GET", f"/fhir/AllergyIntolerance?patient={ines}")
    assert "Arachide" in str(allergy)


async def test_a_parent_of_one_child_sees_nothing_of_another(town: OpenTerritory) -> None:
    assert (await town.ask("claire", "GET", f"/fhir/{town.reference('ines')}"))[0] == 404
    assert (await town.ask("nadia", "GET", f"/fhir/{town.reference('ines')}"))[0] == 200


async def test_the_author_sees_a_masked_summary_and_the_nurse_does_not(town: OpenTerritory) -> None:
    gwen = town.patient("gwen")
    path = f"/fhir/DocumentReference?patient={gwen}&type=68599-0&_total=accurate"
    totals = {
        login: (await town.ask(login, "GET", path))[1]["total"]
        for login in ("gwen", "dr.gloaguen", "s.kerjean")
    }
    assert totals == {"gwen": 1, "dr.gloaguen": 1, "s.kerjean": 0}


@pytest.mark.parametrize(
    ("daughter", "story"),
    [("gaelle", "discharge"), ("martine", "elderly")],
)
async def test_daughters_reach_neither_directives_nor_their_content(
    town: OpenTerritory, daughter: str, story: str
) -> None:
    document = next(
        r for r in town.stories[story].resources
        if r["resourceType"] == "DocumentReference" and "EXPPAT_3" in str(r["type"])
    )  # fmt: skip
    content = document["content"][0]["attachment"]["url"]
    for path in (f"DocumentReference/{document['id']}", content):
        assert (await town.ask(daughter, "GET", f"/fhir/{path}"))[0] == 404, path


async def test_the_long_record_counts_400_documents(town: OpenTerritory) -> None:
    yvonne = town.patient("yvonne")
    path = f"/fhir/DocumentReference?patient={yvonne}&_total=accurate&_count=20"
    status, told = await town.ask("dr.morvan", "GET", path)
    assert (status, told["total"], len(told["entry"])) == (200, 400, 20)
