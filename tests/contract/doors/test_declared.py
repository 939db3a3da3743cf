"""A published API is declared by a row: ECLAIRE and SAS in a few lines, over resources of the same store."""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aubier.app import SERVICES, refuse_doubles
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Asked, Door, Offer, Request, Response, Service, Way
from aubier.rest.doors.capability import statement
from aubier.rest.doors.opening import Opening, opening
from aubier.validation import validate
from tests.contract.conftest import Api, close_api, open_api
from tests.where import SHARED

WHO = "schedule.actor:Practitioner.identifier"
ECLAIRE = Door(
    "eclaire",
    "/eclaire",
    {"fr": "Essais cliniques", "en": "Clinical trials"},
    "ECLAIRE 0.3.1",
    (
        Offer(
            "ResearchStudy",
            asked=(Asked("_id"), Asked("_lastUpdated"), Asked("identifier"), Asked("status")),
            includes=("ResearchStudy:site",),
            profile="https://interop.esante.gouv.fr/ig/fhir/eclaire/StructureDefinition/eclaire-researchstudy",
        ),
        Offer("Location", ("read",)),
    ),
    controls=("_count", "_include"),
    largest=5000,
    total="accurate",
    formats=("json", "xml"),
    strict=False,
)
SAS = Door(
    "sas",
    "/sas",
    {"fr": "Service d'accès aux soins", "en": "Access to unscheduled care"},
    "SAS 1.1.0, INT_R01",
    (
        Offer(
            "Slot",
            ("search-type",),
            asked=(Asked("start", prefixes=("ge", "le")), Asked("status"), Asked(WHO)),
            required=(("start",), ("status",), (WHO,)),
            includes=("Slot:schedule",),
        ),
        Offer("Schedule", ("read",), includes=("Schedule:actor",)),
        Offer("Practitioner", ("read",)),
        Offer("PractitionerRole", ("read",)),
    ),
    controls=("_count", "_include"),
)
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"


@pytest.fixture(scope="module")
async def api(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A house that has these two doors besides its own."""
    opened = await open_api(database(), Path(tmp_path_factory.mktemp("doors")))
    server = opened.house.server
    server.doors = [*server.doors, *(_opened(opened, door) for door in (ECLAIRE, SAS))]
    yield opened
    await close_api(opened)


def _opened(api: Api, door: Door) -> Opening:
    interactions = api.house.server.interactions

    def said(base: str) -> bytes:
        told = statement(door, base, registry=interactions.registry, version="1", published="2026-11-22")
        return fhir_json.dumps(told)

    return opening(door, interactions, said)


async def ask(api: Api, path: str, status: int = 200, **headers: str) -> dict[str, Any]:
    token = {"authorization": f"Bearer {await api.token('admin')}", **headers}
    answer = await api.client.get(path, headers=token)
    assert answer.status_code == status, (path, answer.text)
    found: dict[str, Any] = json.loads(answer.content)
    return found


async def test_trials_as_their_guide_says(api: Api) -> None:
    folder = SHARED / "fixtures/eclaire-0.3.1/examples"
    study = json.loads((folder / "ResearchStudy-2022-500014-26-00-example.json").read_text())
    await api.system.store.update(study)
    for number in range(21):
        await api.system.store.create(
            {"resourceType": "ResearchStudy", "status": "active", "title": str(number)}
        )
    bundle = await ask(api, f"/eclaire/ResearchStudy?_id={study['id']}")
    assert bundle["total"] == 1 and bundle["entry"][0]["resource"]["title"] == study["title"]
    page = await ask(api, "/eclaire/ResearchStudy?status=active&_count=9999")
    assert page["total"] == len(page["entry"]) >= 21
    first = await ask(api, "/eclaire/ResearchStudy")
    assert len(first["entry"]) == 20 and first["total"] == 22
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert link.startswith("http://127.0.0.1:8000/eclaire/ResearchStudy?_page=")


async def test_leniency_is_the_rows_to_give(api: Api) -> None:
    lenient = {"prefer": "handling=lenient"}
    left = await ask(api, "/eclaire/ResearchStudy?title=x", **lenient)
    (told,) = [e for e in left["entry"] if e["search"]["mode"] == "outcome"]
    assert "title" in told["resource"]["issue"][0]["details"]["text"]
    assert (await ask(api, "/eclaire/ResearchStudy?title=x", 400))["issue"][0]["code"] == "invalid"
    asked = f"start=ge2026-11-22&status=free&schedule.actor:Practitioner.identifier={IDNPS}|1&title=x"
    assert (await ask(api, f"/sas/Slot?{asked}", 400, **lenient))["issue"][0]["code"] == "invalid"


async def test_formats_are_the_rows(api: Api) -> None:
    token = {"authorization": f"Bearer {await api.token('admin')}", "accept": "application/fhir+xml"}
    answer = await api.client.get("/eclaire/ResearchStudy?_count=1", headers=token)
    assert answer.headers["content-type"].startswith("application/fhir+xml") and b"<Bundle" in answer.content
    assert (await api.client.get("/eclaire/metadata", headers=token)).content.startswith(b"<")
    assert (await api.client.get("/sas/metadata", headers=token)).status_code == 406


async def test_slots_of_practitioners(api: Api) -> None:
    view = api.system.store
    numbers = {"system": IDNPS, "value": "810003461033"}
    doctor = (await view.create({"resourceType": "Practitioner", "identifier": [numbers]})).id
    actor = [{"reference": f"Practitioner/{doctor}"}]
    schedule = (await view.create({"resourceType": "Schedule", "actor": actor})).id
    for hour, status in ((9, "free"), (10, "busy"), (11, "free")):
        start, end = (f"2026-11-23T{hour:02}:{minute}:00+01:00" for minute in ("00", "20"))
        slot = {"resourceType": "Slot", "schedule": {"reference": f"Schedule/{schedule}"}, "status": status}
        await view.create({**slot, "start": start, "end": end})
    window = "start=ge2026-11-23T00:00:00%2B01:00&start=le2026-11-23T10:30:00%2B01:00&status=free"
    who = f"schedule.actor:Practitioner.identifier={IDNPS}%7C810003461033"
    around = "_include=Slot:schedule&_include:iterate=Schedule:actor"
    bundle = await ask(api, f"/sas/Slot?{window}&{who}&{around}")
    kinds = [e["resource"]["resourceType"] for e in bundle["entry"]]
    assert kinds == ["Slot", "Schedule", "Practitioner"]
    assert (await ask(api, f"/sas/Slot?{window}&{who}1"))["total"] == 0
    missing = await ask(api, "/sas/Slot?status=free", 400)
    assert {i["code"] for i in missing["issue"]} == {"required"} and len(missing["issue"]) == 2
    assert (await ask(api, f"/sas/Slot?start=sa2026&status=free&{who}", 400))["issue"][0]["code"] == "invalid"
    await ask(api, "/sas/Slot/1", 404)
    await ask(api, "/sas/Schedule", 404)
    assert (await ask(api, f"/sas/Schedule/{schedule}"))["id"] == schedule


@pytest.mark.parametrize(
    "door", [ECLAIRE, SAS, *(d for s in SERVICES for d in s.doors)], ids=lambda d: d.name
)
def test_every_row_says_what_it_does(door: Door, api: Api) -> None:
    known = api.house.store.registry
    told = statement(door, f"http://h{door.base}", registry=known, version="1", published="2026-11-22")
    assert [i for i in validate(told) if i.severity != "warning"] == []
    for offer in door.offers:
        for include in (*offer.includes, *offer.revincludes):
            kind, code = include.split(":")
            parameter = known.get(kind, code)
            assert parameter and parameter.type == "reference", include


def test_a_row_that_tells_less_takes_nothing_that_tells_more(api: Api) -> None:
    offer = Offer("Practitioner", ("read", "search-type", "vread"), shown=lambda resource: resource)
    door = replace(ECLAIRE, offers=(offer,))
    with pytest.raises(Problem) as caught:
        _opened(api, door)
    assert caught.value.kind == "invariant"


def test_two_doors_of_one_base_are_refused() -> None:
    texts = {"fr": "x", "en": "x"}
    twins = [Service(name, texts, texts, doors=(ECLAIRE,)) for name in ("a", "b")]
    with pytest.raises(Problem) as caught:
        refuse_doubles(twins)
    assert caught.value.kind == "duplicate"


async def test_a_way_of_its_own_beside_the_interactions(api: Api) -> None:
    async def hello(ctx: Any, request: Request, name: str) -> Response:
        return Response(200, f"{ctx.actor.login} {name}", "text/plain")

    way = Way("GET", re.compile(r"/hello/([a-z]+)"), hello)
    door = _opened(api, replace(ECLAIRE, base="/other", ways=(way,)))
    answer = await door.answer(api.system, Request("GET", "/other/hello/world"))
    assert answer.body == b"system:tests world"
    with pytest.raises(Problem) as caught:
        await door.answer(api.system, Request("POST", "/other/hello/world"))
    assert caught.value.headers["Allow"] == "GET"
