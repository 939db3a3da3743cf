"""Nothing that a client says is left out in silence: unknown, doubled, or of another interaction."""

import pytest

from tests.contract.rest.conftest import Api, places
from tests.contract.rest.test_everything import observation
from tests.contract.rest.test_interactions import patient, valid

ASYNC = {"prefer": "respond-async"}
GENDERS = "url=http://hl7.org/fhir/ValueSet/administrative-gender"
MALE = "system=http://hl7.org/fhir/administrative-gender&code=male"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("Patient/ID/$everything?_count=1&_count=2", "http._count"),
        ("Patient/ID/$everything?start=2020&start=2021", "http.start"),
        ("Patient/ID/$meta?x=1", "http.x"),
        ("Observation/$lastn?patient=ID&max=1&max=2", "http.max"),
        ("Observation/$lastn?patient=ID&_count=5", "http._count"),
        ("Observation/$lastn?patient=ID&_include=Observation:subject", "http._include"),
        ("Observation/$lastn?patient=ID&_summary=true", "http._summary"),
        (f"ValueSet/$expand?{GENDERS}&_count=1", "http._count"),
        (f"ValueSet/$expand?{GENDERS}&count=1&count=2", "http.count"),
        (f"CodeSystem/$lookup?{MALE}&code=female", "http.code"),
        (f"ValueSet/$expand?{GENDERS}&_zzz=1", "http._zzz"),
        (f"CodeSystem/$lookup?{MALE}&_elements=display", "http._elements"),
        ("SearchParameter/$status?zzz=1", "Parameters.parameter[0]"),
        ("Subscription/$status?ids=1", "Parameters.parameter[0]"),
        ("Patient/ID/$rights?actor=1", "Parameters.parameter[0]"),
        ("Patient/$export?_type=Patient,Practitioner", "http._type"),
        ("Patient/$export?_type=Patient&_since=2020&_since=2021", "http._since"),
        ("$export?_since=2026-01-01&_until=2025-01-01", "http._until"),
        ("_async/none?since=1", "http.since"),
    ],
)
async def test_an_operation_takes_what_it_knows(api: Api, path: str, place: str) -> None:
    logical = await api.make(patient("left"))
    headers = ASYNC if "$export" in path else {}
    answer = await api.get(path.replace("ID", logical), headers=headers)
    assert (answer.status_code, places(answer)) == (400, [place])


async def test_a_bundle_takes_no_parameter(api: Api) -> None:
    answer = await api.ask("POST", "?family=x", {"resourceType": "Bundle", "type": "batch"})
    assert (answer.status_code, places(answer)) == (400, ["http.family"])
    told = await api.ask("POST", "?_format=json", {"resourceType": "Bundle", "type": "batch"})
    assert told.status_code == 200


async def test_a_bundle_of_requests_has_nothing_of_an_answer(api: Api) -> None:
    """Rule: FHIR R4, bdl-1, bdl-2, bdl-4."""
    entry = {"request": {"method": "GET", "url": "Patient"}}
    entries = [entry, {**entry, "search": {"mode": "match"}}, {**entry, "response": {"status": "200"}}]
    for kind in ("batch", "transaction"):
        answer = await api.ask(
            "POST", "", {"resourceType": "Bundle", "type": kind, "total": 3, "entry": entries}
        )
        assert answer.status_code == 422
        assert places(answer) == ["Bundle.total", "Bundle.entry[1].search", "Bundle.entry[2].response"]


@pytest.mark.parametrize("more", ["_count=1", "_sort=name", "_include=Patient:link", "_summary=true"])
async def test_a_condition_holds_criteria_alone(api: Api, more: str) -> None:
    logical = await api.make(patient("condition"))
    criteria = f"identifier=urn:test|condition&{more}"
    put = await api.ask("PUT", f"Patient?{criteria}", patient("condition"))
    assert (put.status_code, places(put)) == (400, ["http.query"])
    made = await api.ask("POST", "Patient", patient("condition"), headers={"if-none-exist": criteria})
    assert (made.status_code, places(made)) == (400, ["http.If-None-Exist"])
    assert (await api.ask("DELETE", f"Patient?{criteria}")).status_code == 400
    assert (await api.ask("DELETE", f"Patient/{logical}")).status_code == 204


async def test_a_lenient_client_exports_what_there_is(api: Api) -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    asked = await api.get("Patient/$export?_type=Patient,Practitioner", headers=lenient)
    assert asked.status_code == 202
    assert (await api.ask("HEAD", asked.headers["content-location"])).status_code in (200, 202)
    assert (await api.ask("DELETE", asked.headers["content-location"])).status_code == 202


async def test_an_operation_that_reads_is_asked_about_by_head(api: Api) -> None:
    """Rule: RFC 9110 section 9.3.2."""
    logical = await api.make(patient("head-of"))
    await api.make(observation(logical))
    for path in (f"ValueSet/$expand?{GENDERS}", f"Patient/{logical}/$everything", "SearchParameter/$status"):
        get, head = await api.get(path), await api.ask("HEAD", path)
        assert (get.status_code, head.status_code, head.content) == (200, 200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
        assert valid(get)
    assert (await api.ask("HEAD", f"Patient/{logical}/$share")).status_code == 405
