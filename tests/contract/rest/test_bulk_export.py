"""`$export`: asked, waited for, fetched; as things stood when it was asked, under the rights of its asker."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from aubier.access.actor import Actor, system_actor
from aubier.fhir import json as fhir_json
from aubier.rest.asynchronous import asking, running
from aubier.rest.asynchronous.work import read_actor, written_actor
from aubier.rest.bulk import running as export
from aubier.rest.bulk.running import EXPORT
from aubier.store.intent import Revoke
from tests.contract.rest.conftest import ACTORS, BASE, Api, places
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
    answer = await waited(api, place, **options)
    assert answer.status_code == 200, answer.text
    manifest = answer.json()
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
    monkeypatch.setattr(asking, "start", lambda view, work, job: None)


async def resumed(api: Api) -> None:
    """What the job does, once whoever held the exports is given up."""
    api.clock.later(minutes=10)
    await running.resume(api.house.context(system_actor("asynchronous")), {EXPORT.kind: EXPORT})
    await asyncio.gather(*running._under_way)


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


@pytest.mark.parametrize("path", ["$export", "Patient/$export", "Group/any/$export"])
async def test_head_begins_nothing(api: Api, path: str) -> None:
    before = await api.house.store.pool.fetchval("select count(*) from job")
    refused = await api.ask("HEAD", path, headers=ASYNC)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
    assert await api.house.store.pool.fetchval("select count(*) from job") == before


async def test_in_parts_and_taken_up_after_a_kill(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = await api.make(patient("parts"))
    made = [await api.make(weight(logical, f"p{n}")) for n in range(7)]
    monkeypatch.setattr(export, "PART", 2)
    place = await asked(api, "Patient/$export?_type=Observation")
    count = 0

    async def killed_at_the_third(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise RuntimeError("killed")
        return await EXPORT.step(*given)

    work = replace(EXPORT, step=killed_at_the_third)
    with pytest.raises(RuntimeError):
        await running.walk(api.house.context(system_actor("bulk")).store, work, place.rpartition("/")[2])
    assert (await api.get(place)).status_code == 202
    await resumed(api)
    found = await fetched(api, place)
    assert ids(found, "Observation")[-7:] == made
    assert len(ids(found, "Observation")) == len(set(ids(found, "Observation")))
    assert len((await api.get(place)).json()["output"]) > 3


@pytest.mark.parametrize("criteria", ["", "&_typeFilter=" + quote("Observation?status=final")])
async def test_what_is_large_comes_in_files_that_are_not(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch, criteria: str
) -> None:
    logical = await api.make(patient("large"))
    made = [await api.make(weight(logical, f"{n}" * 3000)) for n in range(6)]
    changed = {**weight(logical, "later"), "id": made[1]}
    monkeypatch.setattr(export, "PART_BYTES", 4000)
    place = await asked(api, f"Patient/$export?_type=Observation&patient=Patient/{logical}{criteria}")
    await api.ask("PUT", f"Observation/{made[1]}", changed)
    await resumed(api)
    assert ids(await fetched(api, place), "Observation") == made
    assert [row["count"] for row in (await waited(api, place)).json()["output"]] == [2, 2, 2]


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


async def test_by_criteria_as_things_stood(api: Api, idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PART", 3)
    logical = await api.make({**patient("criteria"), "name": [{"family": "Criteria"}]})
    texts = ["yes", "no", "yes", "no", "yes", "yes", "no", "yes"]
    made = [
        await api.make(
            {**weight(logical, text), "category": [{"coding": [{"system": "urn:c", "code": text}]}]}
        )
        for text in texts
    ]
    asked_for = "Observation?category=urn:c|yes&patient.family=criteria,Patient?name=criteria,Patient?name=no"
    place = await asked(api, f"$export?_type=Patient,Observation,Group&_typeFilter={quote(asked_for)}")
    # What met the criteria meets them still, whatever becomes of it; what did not does not.
    for number, text in ((0, "no"), (1, "yes"), (2, "no"), (6, "yes")):
        changed = {**weight(logical, text), "category": [{"coding": [{"system": "urn:c", "code": text}]}]}
        await api.ask("PUT", f"Observation/{made[number]}", {**changed, "id": made[number]})
    await api.ask("DELETE", f"Observation/{made[4]}")
    await resumed(api)
    found = await fetched(api, place)
    assert ids(found, "Observation") == [m for m, text in zip(made, texts, strict=True) if text == "yes"]
    assert ids(found, "Patient") == [logical]
    assert {r["meta"]["versionId"] for r in found["Observation"]} == {"1"}


@pytest.mark.parametrize(
    "criteria",
    ["date=ge2024-01-05&date=lt2024-01-10", "value-quantity=gt72|urn:u|kg", "code:text=weight n7",
     "identifier=urn:i|8", "_content=mesure", "status:not=final", "_id={0}",
     "_has:Provenance:target:_id=none",
     "code-value-quantity=urn:k|w$ge75", "performer:missing=true", "subject:Patient.name:exact=Shapes"],
)  # fmt: skip
async def test_criteria_of_every_kind_find_the_same_before_and_after(
    api: Api, idle: None, criteria: str
) -> None:
    logical = await api.make({**patient("kinds"), "name": [{"family": "Shapes"}]})

    def measure(n: int) -> dict[str, Any]:
        return {
            **weight(logical, f"weight n{n}"),
            "code": {"text": f"weight n{n}", "coding": [{"system": "urn:k", "code": "w"}]},
            "status": "final" if n % 2 else "preliminary",
            "identifier": [{"system": "urn:i", "value": str(n)}],
            "effectiveDateTime": f"2024-01-{n + 1:02}",
            "valueQuantity": {"value": 70 + n, "system": "urn:u", "code": "kg"},
            "note": [{"text": "mesures" if n % 3 else "rien"}],
        }

    made = [await api.make(measure(n)) for n in range(9)]
    asked_for = f"Observation?subject=Patient/{logical}&{criteria.format(made[3])}"
    now = await api.get(f"{asked_for}&_count=50")
    expected = sorted(e["resource"]["id"] for e in now.json().get("entry", []))
    place = await asked(api, f"$export?_type=Observation&_typeFilter={quote(asked_for)}")
    for logical_id in made:
        empty = {**weight(logical, "other"), "id": logical_id, "performer": [{"display": "x"}]}
        assert (await api.ask("PUT", f"Observation/{logical_id}", empty)).status_code == 200
    await resumed(api)
    assert sorted(ids(await fetched(api, place), "Observation")) == expected


async def test_a_criterion_goes_through_what_the_asker_sees_only(api: Api) -> None:
    doctor = ACTORS["doctor"]
    seen, hidden = [await api.make({**patient(n), "name": [{"family": "Chained"}]}) for n in "ab"]
    mine = await api.make(weight(seen))
    await api.make(weight(hidden))
    await api.grant(seen, doctor)
    query = quote("Observation?patient.family=chained")
    place = await asked(api, f"Patient/$export?_type=Observation&_typeFilter={query}", who="doctor")
    assert ids(await fetched(api, place, who="doctor"), "Observation") == [mine]


async def test_a_criterion_over_the_directory_does_not_go_through_records(api: Api) -> None:
    query = quote("Organization?_has:Encounter:service-provider:status=planned")
    place = await asked(api, f"$export?_type=Organization&_typeFilter={query}", who="doctor")
    assert (await waited(api, place, who="doctor")).status_code == 403
    place = await asked(api, f"$export?_type=Organization&_typeFilter={query}")
    assert (await waited(api, place)).status_code == 200, "the platform sees every record"


async def test_what_a_filter_cannot_ask(api: Api) -> None:
    for text in (
        "Observation", "?status=final", "Nothing?status=final", "Observation?", "Observation?colour=blue",
        "Observation?status=final&_sort=date", "Observation?_include=Observation:subject",
        "Observation?has-member.status=final", "Observation?_has:Observation:has-member:status=final",
        "Observation?encounter._has:Observation:encounter:status=final",
        "Group?type=person", ",".join(["Observation?status=final"] * 21),
    ):  # fmt: skip
        refused = await api.get(f"$export?_type=Observation&_typeFilter={quote(text)}", headers=ASYNC)
        assert refused.status_code in (400, 422) and places(refused)[0].startswith("http._type"), text


async def test_types_that_are_in_no_record_are_told_where_they_are_left_out(api: Api) -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    refused = await api.get("Patient/$export?_type=Organization", headers=lenient)
    assert refused.status_code == 400, "it would answer nothing"
    assert places(refused) == ["http._type"]
    logical = await api.make(patient("leftout"))
    answer = await api.get("Patient/$export?_type=Organization,Patient&_since=2000-01-01", headers=lenient)
    assert answer.status_code == 202, answer.text
    place = answer.headers["content-location"].partition("/fhir/")[2]
    assert logical in ids(await fetched(api, place), "Patient")
    manifest = (await waited(api, place)).json()
    assert {row["type"] for row in manifest["output"]} == {"Patient"} and manifest["deleted"] == []
    (told,) = manifest["error"]
    assert (told["type"], told["count"]) == ("OperationOutcome", 1)
    line = await api.ask("GET", told["url"], headers={"accept": "application/fhir+ndjson"})
    outcome = json.loads(line.text)
    assert outcome["resourceType"] == "OperationOutcome"
    assert "Organization: in no record" in outcome["issue"][0]["details"]["text"]


async def test_only_some_elements(api: Api) -> None:
    logical = await api.make({**patient("elements"), "gender": "female", "birthDate": "1980-02-03"})
    await api.make({**weight(logical), "note": [{"text": "x"}]})
    place = await asked(
        api, "$export?_type=Patient,Observation,Group&_elements=birthDate,Observation.subject"
    )
    found = await fetched(api, place)
    person = next(r for r in found["Patient"] if r["id"] == logical)
    assert person.keys() == {"resourceType", "id", "meta", "birthDate"}
    assert person["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert found["Observation"][-1].keys() == {"resourceType", "id", "meta", "status", "code", "subject"}
    for wrong in ("colour", "Patient.colour", "Nothing.id"):
        refused = await api.get(f"$export?_elements={wrong}", headers=ASYNC)
        assert refused.status_code == 400 and places(refused)[0] in ("http._elements", "http._type")


async def test_of_some_patients(api: Api) -> None:
    one, two, three = [await api.make(patient(f"some-{n}")) for n in range(3)]
    for logical in (one, two, three):
        await api.make(weight(logical))
    named = [{"name": "patient", "valueReference": {"reference": f"Patient/{p}"}} for p in (one, two)]
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Patient"}, *named]}
    answer = await api.ask("POST", "Patient/$export", body, headers=ASYNC)
    found = await fetched(api, answer.headers["content-location"].partition("/fhir/")[2])
    assert sorted(ids(found, "Patient")) == sorted([one, two])
    members = [{"entity": {"reference": f"Patient/{p}"}} for p in (one, three)]
    members.append({"entity": {"reference": f"Patient/{two}"}, "period": {"end": "2020"}})
    group = await api.make({"resourceType": "Group", "type": "person", "actual": True, "member": members})
    refused = await api.ask("POST", f"Group/{group}/$export", body, headers=ASYNC)
    assert refused.status_code == 400 and places(refused) == ["http.patient"] and two in refused.text
    for wrong in (
        {"name": "patient", "valueReference": {"reference": f"Group/{group}"}},
        {"name": "patient", "valueReference": {}},
        {"name": "_type", "valueCoding": {"code": "Patient"}},
        {"name": "_type"},
        "x",
    ):
        body = {"resourceType": "Parameters", "parameter": [wrong]}
        assert (await api.ask("POST", "Patient/$export", body, headers=ASYNC)).status_code == 400
    assert places(await api.get(f"$export?patient=Patient/{one}", headers=ASYNC)) == ["http.patient"]


async def test_a_group_that_one_may_not_see_is_not_there(api: Api) -> None:
    logical = await api.make(patient("in-a-group"))
    member = [{"entity": {"reference": f"Patient/{logical}"}}]
    group = await api.make({"resourceType": "Group", "type": "person", "actual": True, "member": member})
    refused = await api.get(f"Group/{group}/$export", headers=ASYNC, who="doctor")
    assert refused.status_code == 404


async def test_until_a_moment_and_what_was_deleted_since(api: Api) -> None:
    doctor = ACTORS["doctor"]
    logical, other = await api.make(patient("until")), await api.make(patient("until-other"))
    early, gone = await api.make(weight(logical)), await api.make(weight(logical))
    elsewhere = await api.make(weight(other))
    await api.grant(logical, doctor)
    moment = api.clock.later(hours=1).isoformat().replace("+00:00", "Z")
    api.clock.later(hours=1)
    late = await api.make(weight(logical))
    for deleted in (gone, elsewhere):
        assert (await api.ask("DELETE", f"Observation/{deleted}")).status_code == 204
    query = f"_type=Observation,Condition&_since={moment}"
    place = await asked(api, f"$export?{query}", who="doctor")
    found = await fetched(api, place, who="doctor")
    assert late in ids(found, "Observation") and early not in ids(found, "Observation")
    rows = (await api.get(place, who="doctor")).json()["deleted"]
    files = [await api.ask("GET", row["url"], who="doctor") for row in rows]
    assert {row["type"] for row in rows} == {"Bundle"}
    bundles = [fhir_json.parse(line) for file in files for line in file.content.splitlines()]
    assert all(bundle["type"] == "transaction" for bundle in bundles)
    requests = [e["request"] for bundle in bundles for e in bundle["entry"]]
    assert requests == [{"method": "DELETE", "url": f"Observation/{gone}"}]
    place = await asked(api, f"$export?_type=Observation&_until={moment}")
    found = await fetched(api, place)
    assert early in ids(found, "Observation") and late not in ids(found, "Observation")
    assert "deleted" not in (await api.get(place)).json()


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


async def test_members_are_named_as_references_are(api: Api) -> None:
    """A member whose time has not come is none yet; one of another server's is none of ours."""
    one, two, later, other = [await api.make(patient(f"named-{n}")) for n in range(4)]
    members = [
        {"entity": {"reference": f"{BASE}/fhir/Patient/{one}"}},
        {"entity": {"reference": f"Patient/{two}/_history/1"}, "period": {"start": "2026-11-22"}},
        {"entity": {"reference": f"Patient/{later}"}, "period": {"start": "2030"}},
        {"entity": {"reference": f"http://other.example/fhir/Patient/{other}"}},
        {"entity": {"identifier": {"value": other}}},
    ]
    group = await api.make({"resourceType": "Group", "type": "person", "actual": True, "member": members})
    found = await fetched(api, await asked(api, f"Group/{group}/$export?_type=Patient"))
    assert sorted(ids(found, "Patient")) == sorted([one, two])
    mine = await asked(api, f"Group/{group}/$export?_type=Patient&patient={BASE}/fhir/Patient/{one}")
    assert ids(await fetched(api, mine), "Patient") == [one]


@pytest.mark.parametrize("name", ["Patient/nowhere", "http://other.example/fhir/Patient/{}", "Patient/{}"])
async def test_somebody_named_who_is_not_there_is_told(api: Api, name: str) -> None:
    """Hidden and missing alike. Rule: Bulk Data Access 2.0, patient."""
    hidden = await api.make(patient("hidden-export"))
    path = f"Patient/$export?patient={name.format(hidden)}"
    answer = await api.get(path, headers=ASYNC, who="doctor")
    assert (answer.status_code, places(answer)) == (400, ["http.patient"])


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
    left = "select count(*) from job_file p where not exists (select 1 from job e where e.id = p.id)"
    assert await api.house.store.pool.fetchval(left) == 0


async def test_what_is_not_an_export_is_refused(api: Api, idle: None) -> None:
    assert places(await api.get("$export")) == ["http.Prefer"]
    for query in (
        "_type=Foo",
        "_since=x",
        "_outputFormat=csv",
        "_typeFilter=Patient?x",
        "includeAssociatedData=x",
        "foo=1",
    ):
        answer = await api.get(f"$export?{query}", headers=ASYNC)
        assert answer.status_code == 400 and places(answer) == [f"http.{query.partition('=')[0]}"]
    for path in ("_async", "_async/x", "_async/x/1", "_async/x/0", "_async/x/1/2"):
        assert (await api.get(path)).status_code == 404
    assert (await api.ask("PUT", "_async/x", b"{}")).status_code == 405
    places_ = [await asked(api, "$export?_type=Patient") for _ in range(10)]
    assert (await api.get("$export", headers=ASYNC)).status_code == 429
    for place in places_:
        await api.ask("DELETE", place)


async def test_scopes_decide_which_types(api: Api) -> None:
    narrow = Actor("system", "narrow", "Narrow", keys=("system:narrow",), scopes=("system/Observation.rs",))
    ACTORS["narrow"] = narrow
    await api.make(weight(await api.make(patient("scoped"))))
    try:
        found = await fetched(api, await asked(api, "Patient/$export", who="narrow"), who="narrow")
        assert set(found) == {"Observation"}
        refused = await api.get("$export?_type=Patient", headers=ASYNC, who="narrow")
        assert refused.status_code == 403
        ACTORS["narrow"] = replace(narrow, scopes=("system/Organization.rs",))
        refused = await api.get("Patient/$export", headers=ASYNC, who="narrow")
        assert refused.status_code == 403, "nothing of a record is opened"
        assert "does not let you search any type" in refused.text
    finally:
        del ACTORS["narrow"]


def test_an_actor_is_kept_whole() -> None:
    actor = ACTORS["doctor"]
    assert read_actor(written_actor(actor)) == actor
    assert json.loads(written_actor(actor))["login"] == actor.login
