"""`$export`: asked, waited for, fetched; as things stood when it was asked, under the rights of its asker."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from aubier.access.actor import Actor, system_actor
from aubier.fhir import json as fhir_json
from aubier.rest.bulk import asking, running
from aubier.store.intent import Revoke
from tests.contract.rest.conftest import ACTORS, Api, places
from tests.contract.rest.test_interactions import patient

ASYNC = {"prefer": "respond-async"}


def weight(logical: str, text: str = "x") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": text},
        "subject": {"reference": f"Patient/{logical}"},
    }


async def asked(api: Api, path: str, **options: Any) -> str:
    """Asks for an export; the path of its status."""
    answer = await api.get(path, headers=ASYNC, **options)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"].partition("/fhir/")[2]


async def waited(api: Api, place: str, **options: Any) -> httpx.Response:
    """The answer once the export is no longer under way."""
    for _ in range(2000):
        answer = await api.get(place, **options)
        if answer.status_code != 202:
            return answer
        assert answer.headers["x-progress"] and answer.headers["retry-after"]
        await asyncio.gather(*running._under_way)
    raise AssertionError("the export does not end")


async def fetched(api: Api, place: str, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Every resource of an export, by type."""
    manifest = (await waited(api, place, **options)).json()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in manifest["output"]:
        headers = {"accept": "application/fhir+ndjson"}
        answer = await api.ask("GET", row["url"], headers=headers, **options)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/fhir+ndjson"
        lines = answer.content.splitlines()
        assert len(lines) == row["count"] and answer.content.endswith(b"\n")
        resources = [fhir_json.parse(line) for line in lines]
        assert {r["resourceType"] for r in resources} == {row["type"]}
        found.setdefault(row["type"], []).extend(resources)
    return found


def ids(found: dict[str, list[dict[str, Any]]], kind: str) -> list[str]:
    return [r["id"] for r in found.get(kind, [])]


@pytest.fixture
async def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are asked and nobody walks them: as if the process had been killed at once."""
    monkeypatch.setattr(asking, "start", lambda view, export: None)


async def resumed(api: Api) -> None:
    """What the job does, once whoever held the exports is given up."""
    api.clock.later(minutes=10)
    await running.resume(api.house.context(system_actor("bulk")))


async def test_everything_of_the_types_asked(api: Api) -> None:
    logical = await api.make(patient("bulk"))
    made = [await api.make(weight(logical, f"n{n}")) for n in range(5)]
    place = await asked(api, "$export?_type=Patient,Observation&_outputFormat=application/fhir+ndjson")
    manifest = (await waited(api, place)).json()
    assert manifest["requiresAccessToken"] is True and manifest["error"] == []
    assert manifest["request"].endswith(
        "$export?_type=Patient,Observation&_outputFormat=application/fhir+ndjson"
    )
    assert "2026-11-22T11:59" <= manifest["transactionTime"] <= "2026-11-22T12:00:00.000Z"
    found = await fetched(api, place)
    assert ids(found, "Observation")[-5:] == made and logical in ids(found, "Patient")
    stored = fhir_json.parse((await api.get(f"Patient/{logical}")).content)
    assert stored in found["Patient"]
    assert set(found) == {"Patient", "Observation"}


async def test_in_parts_and_taken_up_after_a_kill(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = await api.make(patient("parts"))
    made = [await api.make(weight(logical, f"p{n}")) for n in range(7)]
    monkeypatch.setattr(running, "PART", 2)
    place = await asked(api, "Patient/$export?_type=Observation")
    steps = running._part
    count = 0

    async def killed_at_the_third(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise RuntimeError("killed")
        return await steps(*given)

    monkeypatch.setattr(running, "_part", killed_at_the_third)
    with pytest.raises(RuntimeError):
        await running.walk(api.house.context(system_actor("bulk")).store, place.rpartition("/")[2])
    assert (await api.get(place)).status_code == 202
    monkeypatch.setattr(running, "_part", steps)
    await resumed(api)
    found = await fetched(api, place)
    assert ids(found, "Observation")[-7:] == made
    assert len(ids(found, "Observation")) == len(set(ids(found, "Observation")))
    assert len((await api.get(place)).json()["output"]) > 3


async def test_as_things_stood_when_it_was_asked(api: Api, idle: None) -> None:
    logical = await api.make(patient("stood"))
    changed, gone, kept = [await api.make(weight(logical, f"s{n}")) for n in range(3)]
    place = await asked(api, "$export?_type=Observation")
    await api.ask("PUT", f"Observation/{changed}", {**weight(logical, "later"), "id": changed})
    await api.ask("PUT", f"Observation/{changed}", {**weight(logical, "last"), "id": changed})
    await api.ask("DELETE", f"Observation/{gone}")
    new = await api.make(weight(logical, "new"))
    await resumed(api)
    found = {r["id"]: r for r in (await fetched(api, place))["Observation"]}
    assert {changed, gone, kept} <= found.keys() and new not in found
    assert found[changed]["code"]["text"] == "s0" and found[changed]["meta"]["versionId"] == "1"


async def test_since_the_last_time(api: Api) -> None:
    logical = await api.make(patient("since"))
    await api.make(weight(logical))
    api.clock.later(hours=1)
    first = (await waited(api, await asked(api, "$export?_type=Observation"))).json()["transactionTime"]
    api.clock.later(hours=1)
    new = await api.make(weight(logical, "new"))
    found = await fetched(api, await asked(api, f"$export?_type=Observation&_since={first}"))
    assert ids(found, "Observation") == [new]


async def test_the_members_of_a_group(api: Api) -> None:
    inside, outside, left = [await api.make(patient(f"member-{n}")) for n in range(3)]
    mine, *_ = [await api.make(weight(p)) for p in (inside, outside, left)]
    members = [
        {"entity": {"reference": f"Patient/{inside}"}},
        {"entity": {"reference": f"Patient/{left}"}, "inactive": True},
    ]
    group = await api.make({"resourceType": "Group", "type": "person", "actual": True, "member": members})
    found = await fetched(api, await asked(api, f"Group/{group}/$export?_type=Patient,Observation"))
    assert ids(found, "Patient") == [inside] and ids(found, "Observation") == [mine]
    assert (await api.get("Group/absent/$export", headers=ASYNC)).status_code == 404


async def test_only_what_the_asker_may_see_at_that_moment(api: Api, idle: None) -> None:
    doctor = ACTORS["doctor"]
    open_one, closed = [await api.make(patient(f"rights-{n}")) for n in range(2)]
    seen = await api.make(weight(open_one))
    hidden = await api.make(weight(closed))
    await api.grant(open_one, doctor)
    place = await asked(api, "Patient/$export?_type=Patient,Observation", who="doctor")
    await api.grant(closed, doctor, "second")
    await api.house.context(ACTORS["admin"]).store.revoke(Revoke(closed, doctor.keys[0]))
    await resumed(api)
    found = await fetched(api, place, who="doctor")
    assert seen in ids(found, "Observation") and hidden not in ids(found, "Observation")
    assert closed not in ids(found, "Patient")
    assert (await api.get(place)).status_code == 404
    assert (await api.get(f"{place}/1")).status_code == 404
    lines = await api.house.store.pool.fetch(
        "select what from audit where name = 'Dr Test' and what like '$export%' and hits > 0"
    )
    assert {line["what"] for line in lines} >= {"$export Patient", "$export Observation"}


async def test_cancelled_and_forgotten(api: Api, idle: None) -> None:
    place = await asked(api, "$export?_type=Patient")
    assert (await api.ask("DELETE", place)).status_code == 202
    for method in ("GET", "DELETE"):
        assert (await api.ask(method, place)).status_code == 404
    old = await asked(api, "$export?_type=Group")
    await resumed(api)
    assert (await api.get(old)).status_code == 200
    api.clock.later(days=2)
    assert (await api.get(old)).status_code == 404
    await resumed(api)
    left = "select count(*) from export_part p where not exists (select 1 from export e where e.id = p.id)"
    assert await api.house.store.pool.fetchval(left) == 0


async def test_what_is_not_an_export_is_refused(api: Api, idle: None) -> None:
    assert places(await api.get("$export")) == ["http.Prefer"]
    for query in ("_type=Foo", "_since=x", "_outputFormat=csv", "_typeFilter=Patient?x", "foo=1"):
        answer = await api.get(f"$export?{query}", headers=ASYNC)
        assert answer.status_code == 400 and places(answer) == [f"http.{query.partition('=')[0]}"]
    for path in ("_export", "_export/x", "_export/x/1", "_export/x/0", "_export/x/1/2"):
        assert (await api.get(path)).status_code == 404
    assert (await api.ask("PUT", "_export/x", b"{}")).status_code == 405
    places_ = [await asked(api, "$export?_type=Patient") for _ in range(10)]
    assert (await api.get("$export", headers=ASYNC)).status_code == 429
    for place in places_:
        await api.ask("DELETE", place)


async def test_scopes_decide_which_types(api: Api) -> None:
    narrow = Actor("system", "narrow", "Narrow", keys=("system:narrow",), scopes=("system/Observation.rs",))
    ACTORS["narrow"] = narrow
    try:
        found = await fetched(api, await asked(api, "Patient/$export", who="narrow"), who="narrow")
        assert set(found) == {"Observation"}
        refused = await api.get("$export?_type=Patient", headers=ASYNC, who="narrow")
        assert refused.status_code == 403
    finally:
        del ACTORS["narrow"]


def test_an_actor_is_kept_whole() -> None:
    actor = ACTORS["doctor"]
    assert running.read_actor(running.written_actor(actor)) == actor
    assert json.loads(running.written_actor(actor))["login"] == actor.login
