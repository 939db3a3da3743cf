"""The interactions of FHIR R4 over HTTP, each with its headers, conditions and refusals."""

from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.fhir.definitions import definitions
from aubier.ground.rows import Resource
from aubier.validation import validate
from tests.contract.rest.conftest import BASE, Api, places

FORM = {"content-type": "application/x-www-form-urlencoded"}


def patient(value: str = "", **parts: Any) -> dict[str, Any]:
    """A Patient with an identifier of the test's own."""
    body: dict[str, Any] = {"resourceType": "Patient", **parts}
    return {**body, "identifier": [{"system": "urn:test", "value": value}]} if value else body


def measured(person: str, **parts: Any) -> dict[str, Any]:
    """An Observation of someone."""
    about = {"code": {"text": "x"}, "subject": {"reference": f"Patient/{person}"}}
    return {"resourceType": "Observation", "status": "final", **about, **parts}


async def pages(api: Api, path: str, **options: Any) -> list[list[str]]:
    """`Type/id` of every entry, page by page, to the end."""
    found = []
    while path:
        bundle = valid(await api.get(path, **options))
        found.append(
            [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])]
        )
        path = link(bundle, "next")
    return found


def link(bundle: dict[str, Any], relation: str) -> str:
    """The address of a relation, or nothing."""
    return next((str(row["url"]) for row in bundle.get("link", []) if row["relation"] == relation), "")


def valid(answer: httpx.Response) -> dict[str, Any]:
    """The body of a success, which our own validation accepts."""
    assert answer.is_success, answer.text
    body: dict[str, Any] = fhir_json.parse(answer.content)
    assert not list(validate(body)), answer.text[:500]
    return body


# -- one resource -------------------------------------------------------------------------------------


async def test_create_gives_an_id_a_version_and_an_address(api: Api) -> None:
    sent = {
        **patient("create"),
        "id": "mine",
        "meta": {"versionId": "9", "lastUpdated": "1999-01-01T00:00:00Z"},
    }
    made = await api.ask("POST", "Patient", sent)
    body = valid(made)
    assert made.status_code == 201
    assert body["id"] != "mine" and body["meta"]["versionId"] == "1"
    assert body["meta"]["lastUpdated"].startswith("2026-11-22")
    assert made.headers["etag"] == 'W/"1"'
    assert made.headers["location"] == f"{BASE}/fhir/Patient/{body['id']}/_history/1"
    assert (await api.get(made.headers["location"])).content == made.content
    assert made.headers["last-modified"].endswith("GMT")


async def test_read_update_versions_delete(api: Api) -> None:
    logical = await api.make(patient("life"))
    path = f"Patient/{logical}"
    second = await api.ask("PUT", path, {**patient("life", active=True), "id": logical})
    assert (second.status_code, second.headers["etag"]) == (200, 'W/"2"')
    assert "active" not in valid(await api.get(f"{path}/_history/1"))
    assert valid(await api.get(f"{path}/_history/2")) == valid(await api.get(path))
    assert (await api.get(f"{path}/_history/3")).status_code == 404
    gone = await api.ask("DELETE", path)
    assert (gone.status_code, gone.content, gone.headers["etag"]) == (204, b"", 'W/"3"')
    assert "content-type" not in gone.headers
    assert (await api.get(path)).status_code == 410
    assert (await api.get(f"{path}/_history/3")).status_code == 410
    assert (await api.get(f"{path}/_history/2")).status_code == 200
    assert (await api.ask("DELETE", path)).status_code == 204
    again = await api.ask("PUT", path, {**patient("life"), "id": logical})
    assert (again.status_code, again.headers["etag"]) == (201, 'W/"4"')
    ops = [e["request"]["method"] for e in valid(await api.get(f"{path}/_history"))["entry"]]
    assert ops == ["PUT", "DELETE", "PUT", "POST"]


async def test_a_resource_read_and_sent_back_many_times_is_taken_each_time(api: Api) -> None:
    logical = await api.make(patient("back"))
    first = (await api.get(f"Patient/{logical}")).content
    for version in range(2, 5):
        api.clock.later(seconds=1)
        answer = await api.ask("PUT", f"Patient/{logical}", first)
        assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{version}"')


async def test_missing_and_never_seen_are_told_alike(api: Api) -> None:
    logical = await api.make(patient("hidden"))
    answers = [await api.get(f"Patient/{i}", who="doctor") for i in (logical, "nowhere")]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].text.replace(logical, "") == answers[1].text.replace("nowhere", "")
    assert (await api.get(f"Patient/{logical}", who="")).status_code == 401


async def test_if_match(api: Api) -> None:
    logical = await api.make(patient("match"))
    path, body = f"Patient/{logical}", {**patient("match"), "id": logical}
    assert (await api.ask("PUT", path, body, headers={"if-match": 'W/"1"'})).status_code == 200
    late = await api.ask("PUT", path, body, headers={"if-match": 'W/"1"'})
    assert (late.status_code, places(late)) == (412, ["http.If-Match"])
    assert (await api.ask("DELETE", path, headers={"if-match": 'W/"1"'})).status_code == 412
    assert (await api.ask("DELETE", path, headers={"if-match": 'W/"2"'})).status_code == 204


async def test_if_match_on_what_is_not_there_creates_nothing(api: Api) -> None:
    body = {**patient("absent"), "id": "absent"}
    answer = await api.ask("PUT", "Patient/absent", body, headers={"if-match": 'W/"1"'})
    assert answer.status_code in (404, 412)
    assert (await api.get("Patient/absent")).status_code == 404


async def test_if_none_match_star_writes_only_what_is_new(api: Api) -> None:
    body = {**patient("new"), "id": "only-new"}
    assert (await api.ask("PUT", "Patient/only-new", body, headers={"if-none-match": "*"})).status_code == 201
    assert (await api.ask("PUT", "Patient/only-new", body, headers={"if-none-match": "*"})).status_code == 412


async def test_conditional_read(api: Api) -> None:
    logical = await api.make(patient("cond"))
    path, now = f"Patient/{logical}", api.clock.now

    async def status(**headers: str) -> int:
        answer = await api.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.content if answer.status_code == 200 else not answer.content
        assert answer.headers["etag"] == 'W/"1"'
        return answer.status_code

    assert await status(if_none_match='W/"1"') == 304
    assert await status(if_none_match='W/"7", W/"1"') == 304
    assert await status(if_none_match='"1"') == 304
    assert await status(if_none_match='W/"2"') == 200
    assert await status(if_modified_since=format_datetime(now, usegmt=True)) == 304
    assert await status(if_modified_since=format_datetime(now - timedelta(hours=1), usegmt=True)) == 200
    assert await status(if_modified_since="yesterday") == 200
    assert await status(if_modified_since="Sun Nov 22 12:00:00 2026") in (200, 304)
    assert await status(if_modified_since="Sun, 22 Nov 2026 12:00:00 -0000") in (200, 304)


async def test_head_is_get_without_a_body(api: Api) -> None:
    logical = await api.make(patient("head"))
    for path in (f"Patient/{logical}", f"Patient/{logical}/_history/1", "Patient?_id=none", "metadata"):
        get, head = await api.get(path), await api.ask("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert {k: head.headers[k] for k in get.headers} == dict(get.headers)


async def test_prefer_return(api: Api) -> None:
    logical = await api.make(patient("prefer"))
    path, body = f"Patient/{logical}", {**patient("prefer"), "id": logical}
    minimal = await api.ask("PUT", path, body, headers={"prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content, minimal.headers["etag"]) == (200, b"", 'W/"2"')
    told = valid(await api.ask("PUT", path, body, headers={"prefer": "return=OperationOutcome"}))
    assert told["resourceType"] == "OperationOutcome" and told["issue"][0]["severity"] == "information"
    whole = valid(await api.ask("PUT", path, body, headers={"prefer": "return=representation"}))
    assert whole["id"] == logical
    assert (
        valid(await api.ask("PUT", path, body, headers={"prefer": "respond-async, return=zzz"}))["id"]
        == logical
    )


# -- conditions ---------------------------------------------------------------------------------------


async def test_conditional_create(api: Api) -> None:
    headers = {"if-none-exist": "identifier=urn:test|cc"}
    first = await api.ask("POST", "Patient", patient("cc"), headers=headers)
    second = await api.ask("POST", "Patient", patient("cc", active=True), headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    await api.make(patient("cc"))
    assert (await api.ask("POST", "Patient", patient("cc"), headers=headers)).status_code == 412


async def test_conditional_update(api: Api) -> None:
    path = "Patient?identifier=urn:test|cu"
    made = await api.ask("PUT", path, patient("cu"))
    assert made.status_code == 201
    found = await api.ask("PUT", path, patient("cu", active=True))
    assert (found.status_code, found.json()["id"]) == (200, made.json()["id"])
    other = await api.ask("PUT", path, {**patient("cu"), "id": "another"})
    assert (other.status_code, places(other)) == (400, ["Patient.id"])
    await api.make(patient("cu"))
    assert (await api.ask("PUT", path, patient("cu"))).status_code == 412


async def test_a_criterion_beside_an_id_is_not_left_out_in_silence(api: Api) -> None:
    logical = await api.make(patient("beside"))
    for method in ("DELETE", "PUT"):
        body = {**patient("beside"), "id": logical} if method == "PUT" else None
        answer = await api.ask(method, f"Patient/{logical}?identifier=urn:test|other", body)
        assert (answer.status_code, places(answer)) == (400, ["http.identifier"])
    assert (await api.get(f"Patient/{logical}")).headers["etag"] == 'W/"1"'


async def test_a_conditional_update_of_what_must_be_new(api: Api) -> None:
    path, star = "Patient?identifier=urn:test|cn", {"if-none-match": "*"}
    assert (await api.ask("PUT", path, patient("cn"), headers=star)).status_code == 201
    assert (await api.ask("PUT", path, patient("cn"), headers=star)).status_code == 412


async def test_a_delete_of_nothing_is_no_refusal(api: Api) -> None:
    """Rule: FHIR R4, http.html#delete. With If-Match it is one: that version is not there."""
    none = await api.ask("DELETE", "Patient/never-was")
    assert (none.status_code, none.content) == (204, b"")
    assert "etag" not in none.headers
    star = {"If-Match": 'W/"1"'}
    assert (await api.ask("DELETE", "Patient/never-was", headers=star)).status_code == 412
    entry = {"request": {"method": "DELETE", "url": "Patient/never-was"}}
    for kind in ("batch", "transaction"):
        told = valid(await api.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry]}))
        assert told["entry"][0]["response"]["status"].startswith("204")


async def test_a_delete_tells_what_came_of_it_when_asked(api: Api) -> None:
    prefer = {"Prefer": "return=OperationOutcome"}
    path = f"Patient/{await api.make(patient('told'))}"
    gone = await api.ask("DELETE", path, headers=prefer)
    assert (gone.status_code, gone.headers["etag"]) == (200, 'W/"2"')
    assert path in valid(gone)["issue"][0]["details"]["text"]
    again = await api.ask("DELETE", path, headers=prefer)
    assert "nothing to delete" in valid(again)["issue"][0]["details"]["text"]
    found = await api.make(patient("told-by-criteria"))
    gone = await api.ask("DELETE", "Patient?identifier=urn:test|told-by-criteria", headers=prefer)
    assert f"Patient/{found}" in valid(gone)["issue"][0]["details"]["text"]


async def test_an_operation_of_one_asked_of_many_says_how(api: Api) -> None:
    answer = await api.get("Group/$export")
    assert answer.status_code == 400
    assert "Group/[id]/$export" in answer.json()["issue"][0]["details"]["text"]
    assert (await api.get("Patient/p1/$lastn")).status_code == 404


async def test_conditional_delete(api: Api) -> None:
    path = "Patient?identifier=urn:test|cd"
    assert (await api.ask("DELETE", path)).status_code == 204
    logical = await api.make(patient("cd"))
    assert (await api.ask("DELETE", path)).status_code == 204
    assert (await api.get(f"Patient/{logical}")).status_code == 410
    twins = [await api.make(patient("cd")) for _ in range(2)]
    assert (await api.ask("DELETE", path)).status_code == 412
    assert [(await api.get(f"Patient/{t}")).status_code for t in twins] == [200, 200]


# -- search -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def crowd(api: Api) -> list[str]:
    """25 Patients of one name, of which ten women."""
    made = []
    for n in range(25):
        body = patient(f"crowd{n}", gender="female" if n < 10 else "male", birthDate=f"19{50 + n % 7}-01-01")
        made.append(f"Patient/{await api.make({**body, 'name': [{'family': 'Kerbrat'}]})}")
    return made


@pytest.mark.parametrize(
    "sort", ["", "&_sort=birthdate", "&_sort=-birthdate", "&_sort=-_lastUpdated,birthdate", "&_sort=_id"]
)
@pytest.mark.parametrize("count", [1, 7, 25, 100])
async def test_pages_follow_without_repeat_or_loss(api: Api, crowd: list[str], sort: str, count: int) -> None:
    found = await pages(api, f"Patient?family=Kerbrat&_count={count}{sort}")
    assert sorted(i for page in found for i in page) == sorted(crowd)
    assert all(len(page) == count for page in found[:-1])


async def test_what_comes_while_paging_neither_repeats_nor_shifts(api: Api, crowd: list[str]) -> None:
    first = valid(await api.get("Patient?family=Kerbrat&_count=10&_sort=birthdate"))
    late = await api.make(patient("late", name=[{"family": "Kerbrat"}], birthDate="1900-01-01"))
    rest = await pages(api, link(first, "next"))
    await api.ask("DELETE", f"Patient/{late}")
    seen = [f"Patient/{e['resource']['id']}" for e in first["entry"]] + [i for page in rest for i in page]
    assert sorted(seen) == sorted(crowd)


async def test_post_search_is_get_search(api: Api, crowd: list[str]) -> None:
    got = valid(await api.get("Patient?family=Kerbrat&gender=female&_count=4"))
    posted = valid(
        await api.ask("POST", "Patient/_search?gender=female", b"family=Kerbrat&_count=4", headers=FORM)
    )
    assert [e["fullUrl"] for e in posted["entry"]] == [e["fullUrl"] for e in got["entry"]]
    assert link(posted, "next")
    assert len([i for page in await pages(api, link(posted, "next")) for i in page]) == 6
    assert (await api.get("Patient/_search?family=Kerbrat")).status_code == 200


async def test_as_many_are_asked_by_their_ids_as_a_list_takes(api: Api, crowd: list[str]) -> None:
    asked = [*(one.removeprefix("Patient/") for one in crowd[:3]), *(str(UUID(int=n)) for n in range(497))]
    posted = valid(
        await api.ask("POST", "Patient/_search", f"_id={','.join(asked)}&_count=2".encode(), headers=FORM)
    )
    found = [i for page in await pages(api, link(posted, "next")) for i in page]
    assert len(found) == 1 and len(posted["entry"]) == 2


async def test_totals(api: Api, crowd: list[str]) -> None:
    none = valid(await api.get("Patient?family=Kerbrat&_count=0"))
    assert none["total"] == 25 and "entry" not in none and not link(none, "next")
    assert valid(await api.get("Patient?family=Kerbrat&_summary=count"))["total"] == 25
    assert valid(await api.get("Patient?family=Kerbrat&_count=3&_total=accurate"))["total"] == 25
    assert "total" not in valid(await api.get("Patient?family=Kerbrat&_count=3&_total=none"))
    assert valid(await api.get("Patient?family=Kerbrat&gender=female"))["total"] == 10
    last = valid(await api.get("Patient?family=Nobody"))
    assert last["total"] == 0 and link(last, "self")


async def test_self_says_what_was_understood(api: Api, crowd: list[str]) -> None:
    lenient = {"prefer": "handling=lenient"}
    bundle = valid(await api.get("Patient?family=Kerbrat&zzz=1&_count=2", headers=lenient))
    assert "zzz" not in link(bundle, "self") and "family=Kerbrat" in link(bundle, "self")
    told = [e for e in bundle["entry"] if e["search"]["mode"] == "outcome"]
    assert told[0]["resource"]["issue"][0]["severity"] == "warning"
    strict = await api.get("Patient?family=Kerbrat&zzz=1", headers={"prefer": "handling=strict"})
    assert (strict.status_code, places(strict)) == (400, ["http.zzz"])
    assert (await api.get("Patient?zzz=1")).status_code == 400


async def test_summary_and_elements(api: Api) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    logical = await api.make(patient("parts", text=text, active=True, photo=[{"title": "x"}]))

    async def keys(parameter: str) -> set[str]:
        one = valid(await api.get(f"Patient/{logical}?{parameter}"))
        many = valid(await api.get(f"Patient?_id={logical}&{parameter}"))["entry"][0]["resource"]
        version = valid(await api.get(f"Patient/{logical}/_history/1?{parameter}"))
        assert one == many == version
        assert one["meta"]["tag"][0]["code"] == "SUBSETTED"
        return set(one) - {"resourceType", "id", "meta"}

    assert await keys("_summary=true") == {"identifier", "active"}
    assert await keys("_summary=text") == {"text"}
    assert await keys("_summary=data") == {"identifier", "active", "photo"}
    assert await keys("_elements=active") == {"active"}
    assert await keys("_elements=active,photo") == {"active", "photo"}
    assert (await api.get(f"Patient/{logical}?_summary=count")).status_code == 400
    whole = valid(await api.get(f"Patient/{logical}?_summary=false"))
    assert "text" in whole and "tag" not in whole["meta"]


async def test_a_part_of_a_resource_is_not_stored_in_its_place(api: Api) -> None:
    logical = await api.make(patient("part", active=True))
    part = valid(await api.get(f"Patient/{logical}?_elements=active"))
    for answer in (
        await api.ask("PUT", f"Patient/{logical}", part),
        await api.ask("PUT", "Patient?identifier=urn:test|part", part),
    ):
        assert answer.status_code == 422 and places(answer) == ["Patient.meta.tag[0]"]
    request = {"method": "PUT", "url": f"Patient/{logical}"}
    answer = await api.post("transaction", {"resource": part, "request": request})
    assert places(answer) == ["Bundle.entry[0].resource.meta.tag[0]"]


async def test_a_history_in_parts(api: Api) -> None:
    logical = await api.make(patient("past-part", active=True, birthDate="2000"))
    await api.ask("PUT", f"Patient/{logical}", patient("past-part", active=False, id=logical))
    part = valid(await api.get(f"Patient/{logical}/_history?_elements=active"))
    assert [e["resource"]["active"] for e in part["entry"]] == [False, True]
    assert all(set(e["resource"]) == {"resourceType", "id", "meta", "active"} for e in part["entry"])
    counted = valid(await api.get(f"Patient/{logical}/_history?_summary=count"))
    assert counted["total"] == 2 and "entry" not in counted
    short = valid(await api.get("_history?_summary=true&_count=2"))
    assert all(e["resource"]["meta"]["tag"][-1]["code"] == "SUBSETTED" for e in short["entry"])
    assert (await api.get("_history?_elements=active")).status_code == 400
    assert (await api.get("Patient?_summary=text&_include=Patient:organization")).status_code == 400


async def test_what_was_current_at_a_time(api: Api) -> None:
    made = []
    logical = await api.make(patient("at", birthDate="2001"))
    for year in ("2002", "2003"):
        made.append(api.clock.now)
        api.clock.later(days=2)
        await api.ask("PUT", f"Patient/{logical}", patient("at", birthDate=year, id=logical))
    made.append(api.clock.now)
    api.clock.later(days=2)
    await api.ask("DELETE", f"Patient/{logical}")

    async def versions(when: str) -> list[str]:
        told = valid(await api.get(f"Patient/{logical}/_history?_at={when}"))
        return [e["response"]["etag"] for e in told.get("entry", [])]

    for number, moment in enumerate(made, start=1):
        later = (moment + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        assert await versions(later) == [f'W/"{number}"']
    day = made[1].date().isoformat()
    assert await versions(day) == ['W/"2"', 'W/"1"']
    assert await versions((made[0] - timedelta(days=1)).date().isoformat()) == []
    assert await versions(api.clock.now.date().isoformat()) == ['W/"4"', 'W/"3"']


async def test_what_was_current_at_a_time_of_all_that_there_is(api: Api) -> None:
    """The newest version of each counts, whatever else is in its record and whichever it was in before."""
    first, second = [await api.make(patient(f"of-all-{n}")) for n in range(2)]
    ids = [await api.make(measured(first)) for _ in range(3)]
    for logical, person in ((ids[1], first), (ids[1], first), (ids[2], second)):
        at = api.clock.later(minutes=1).isoformat()
        change = measured(person, id=logical, effectiveDateTime=at)
        assert (await api.ask("PUT", f"Observation/{logical}", change)).status_code == 200
    at = api.clock.later(minutes=1).isoformat().replace("+00:00", "Z")
    versions = dict(zip(ids, "132", strict=True))
    moved = {ids[2]: versions[ids[2]]}
    for path, expected in (("Observation", versions), ("", versions), (f"Observation/{ids[2]}", moved)):
        told = valid(await api.get(f"{path}/_history?_at={at}&_count=200".lstrip("/")))
        alive = [e["resource"] for e in told["entry"] if "resource" in e]
        found = [(r["id"], r["meta"]["versionId"]) for r in alive if r["id"] in ids]
        assert sorted(found) == sorted(expected.items()), path


@pytest.mark.parametrize(
    ("prefix", "seconds"),
    [
        ("gt", "-1"),
        ("sa", "-1"),
        ("ge", "0-1"),
        ("lt", "1"),
        ("eb", "1"),
        ("le", "01"),
        ("eq", "0"),
        ("ne", "1-1"),
    ],
)
async def test_the_very_moment_of_a_change(api: Api, prefix: str, seconds: str) -> None:
    """Asked of this second, of the next and of the one before: which of them find what changed in it."""
    moment = api.clock.later(minutes=1).replace(microsecond=0)
    api.clock.now = moment
    logical = await api.make(patient())
    found = ""
    for name, second in (("0", 0), ("1", 1), ("-1", -1)):
        asked = (moment + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = valid(await api.get(f"Patient?_id={logical}&_lastUpdated={prefix}{asked}"))
        found += name if told["total"] else ""
    assert found == seconds


async def test_format_and_accept(api: Api) -> None:
    logical = await api.make(patient("format"))
    for name in ("json", "application/json", "application/fhir%2Bjson"):
        answer = await api.get(f"Patient/{logical}?_format={name}", headers={"accept": "application/pdf"})
        assert answer.headers["content-type"].startswith("application/fhir+json")
    assert (await api.get(f"Patient/{logical}?_format=ttl")).status_code == 406
    assert (await api.get(f"Patient/{logical}", headers={"accept": "image/png"})).status_code == 406
    several = {"accept": "application/fhir+xml;q=0.5, application/fhir+json"}
    answer = await api.get(f"Patient/{logical}", headers=several)
    assert answer.headers["content-type"].startswith("application/fhir+json")


def marked(answer: httpx.Response) -> Resource:
    """The resource of an answer in XML."""
    assert answer.headers["content-type"].startswith("application/fhir+xml"), answer.text[:300]
    return fhir_xml.parse(answer.content)


async def test_xml_comes_in_and_goes_out(api: Api) -> None:
    sent = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    body = {**patient("marked"), "extension": [{"url": "http://x", "valueDecimal": Decimal("1.50")}]}
    made = await api.ask("POST", "Patient", fhir_xml.dumps(body), headers=sent)
    assert made.status_code == 201
    logical = marked(made)["id"]
    read = marked(await api.get(f"Patient/{logical}", headers=sent))
    assert str(read["extension"][0]["valueDecimal"]) == "1.50"
    assert read == fhir_json.parse((await api.get(f"Patient/{logical}")).content)
    page = marked(await api.get(f"Patient?_id={logical}&_format=application/fhir+xml"))
    assert page["type"] == "searchset" and page["entry"][0]["resource"] == read
    past = marked(await api.get(f"Patient/{logical}/_history?_format=xml"))
    assert past["entry"][0]["request"] == {"method": "POST", "url": "Patient"}
    assert marked(await api.get("metadata?_format=xml"))["fhirVersion"] == "4.0.1"
    body = fhir_xml.dumps({**read, "active": False})
    changed = await api.ask("PUT", f"Patient/{logical}", body, headers=sent)
    assert marked(changed)["meta"]["versionId"] == "2"


async def test_a_bundle_and_its_answer_in_xml(api: Api) -> None:
    entry = {"resource": patient("bundled"), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    sent = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    answer = await api.ask("POST", "", fhir_xml.dumps(bundle), headers=sent)
    assert marked(answer)["entry"][0]["response"]["status"] == "201 Created"


async def test_a_refusal_is_in_the_format_that_was_asked(api: Api) -> None:
    for path in ("Patient/absent", "Patient?foo=1", "Nothing/1", "Patient/x/y/z"):
        headers = {"x-login": "admin", "accept": "text/xml"}
        answer = await api.client.get(f"{BASE}/fhir/{path}", headers=headers)
        assert answer.status_code >= 400 and marked(answer)["resourceType"] == "OperationOutcome"
    nobody = await api.client.get(f"{BASE}/fhir/Patient/1?_format=xml")
    assert nobody.status_code == 401 and marked(nobody)["issue"][0]["code"] == "login"
    wrong = b'<Patient xmlns="http://hl7.org/fhir"><foo/></Patient>'
    answer = await api.ask("POST", "Patient", wrong, headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == 400 and places(answer) == ["Patient.foo"]


async def test_gzip(api: Api, crowd: list[str]) -> None:
    plain = await api.get("Patient?family=Kerbrat", headers={"accept-encoding": "identity"})
    small = await api.get("Patient?family=Kerbrat", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip" and small.headers["vary"] == "accept-encoding"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert small.json()["entry"] == plain.json()["entry"]
    assert (
        "content-encoding"
        in (await api.get("Patient", headers={"accept-encoding": "br, gzip;q=0.5"})).headers
    )
    refusing = await api.get("Patient?family=Kerbrat", headers={"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refusing.headers


# -- history ------------------------------------------------------------------------------------------


async def test_history_at_three_levels(api: Api) -> None:
    kind, since = "Basic", api.clock.later(hours=1)
    body = {"resourceType": kind, "code": {"text": "x"}}
    ids = [await api.make(body) for _ in range(3)]
    api.clock.later(minutes=10)
    half = api.clock.now
    await api.ask("PUT", f"{kind}/{ids[0]}", {**body, "id": ids[0]})
    await api.ask("DELETE", f"{kind}/{ids[1]}")
    wanted = [f"{kind}/{i}" for i in (ids[1], ids[0], ids[2], ids[1], ids[0])]

    async def told(path: str) -> list[str]:
        found: list[str] = []
        while path:
            bundle = valid(await api.get(path))
            assert bundle["type"] == "history"
            found += [e["fullUrl"].removeprefix(f"{BASE}/fhir/") for e in bundle.get("entry", [])]
            path = link(bundle, "next")
        return found

    assert await told(f"{kind}/_history") == wanted
    assert await told(f"{kind}/_history?_count=2") == wanted
    assert await told(f"_history?_since={since:%Y-%m-%dT%H:%M:%SZ}&_count=1") == wanted
    assert await told(f"{kind}/_history?_since={half:%Y-%m-%dT%H:%M:%SZ}") == wanted[:2]
    assert await told(f"{kind}/{ids[0]}/_history?_count=1") == [wanted[1], wanted[4]]
    counted = valid(await api.get(f"{kind}/_history?_count=0"))
    assert counted["total"] == 5 and "entry" not in counted and not link(counted, "next")
    whole = valid(await api.get(f"{kind}/{ids[1]}/_history"))
    assert whole["total"] == 2
    assert [e["request"]["method"] for e in whole["entry"]] == ["DELETE", "POST"]
    assert "resource" not in whole["entry"][0]
    assert whole["entry"][0]["response"]["etag"] == 'W/"2"'
    assert (await api.get(f"{kind}/nowhere/_history")).status_code == 404


async def test_a_history_tells_how_each_version_came_to_be(api: Api) -> None:
    """By the same request as made it, with the status that answered it."""
    body = patient() | {"id": "told-1"}
    add = b'[{"op": "add", "path": "/multipleBirthBoolean", "value": true}]'
    for method, sent, status in (
        ("PUT", body, 201),
        ("PUT", body | {"gender": "female"}, 200),
        ("PATCH", add, 200),
        ("DELETE", None, 204),
        ("PUT", body, 201),
        ("PUT", body | {"gender": "male"}, 200),
    ):
        headers = {"content-type": "application/json-patch+json"} if method == "PATCH" else {}
        answer = await api.ask(method, "Patient/told-1", sent, headers=headers)
        assert answer.status_code == status, answer.text
    entries = (await api.ask("GET", "Patient/told-1/_history")).json()["entry"]
    told = [(e["request"]["method"], e["response"]["status"][:3]) for e in reversed(entries)]
    made = [("PUT", "201"), ("PUT", "200"), ("PATCH", "200"), ("DELETE", "204")]
    assert told == [*made, *made[:2]]


async def test_the_history_of_the_directory_leaves_no_line(api: Api) -> None:
    """As reading and searching it: it is public, and no holder would read the line."""
    logical = await api.make({"resourceType": "Organization", "name": "CHU"})
    before = await api.lines()
    for path in ("Organization/_history", f"Organization/{logical}/_history", f"Organization/{logical}"):
        assert (await api.get(path)).status_code == 200
    assert await api.lines() == before
    assert (await api.get("Basic/_history")).status_code == 200
    assert await api.lines() > before


async def test_a_history_from_its_beginning(api: Api) -> None:
    """Rule: FHIR R5, http.html#history: sorted by when versions were made, either way."""
    path = f"Basic/{await api.make({'resourceType': 'Basic', 'code': {'text': '1'}})}"
    for text in ("2", "3", "4"):
        body = {"resourceType": "Basic", "id": path.partition("/")[2], "code": {"text": text}}
        api.clock.later(seconds=1)
        assert (await api.ask("PUT", path, body)).status_code == 200

    async def told(query: str) -> list[str]:
        found, url = [], f"{path}/_history?{query}"
        while url:
            page = valid(await api.get(url))
            assert page["total"] == 4
            found += [e["resource"]["code"]["text"] for e in page["entry"]]
            url = next((x["url"] for x in page["link"] if x["relation"] == "next"), "")
        return found

    assert await told("_sort=_lastUpdated&_count=3") == ["1", "2", "3", "4"]
    assert await told("_sort=_lastUpdated&_count=1") == ["1", "2", "3", "4"]
    assert await told("_sort=-_lastUpdated&_count=3") == ["4", "3", "2", "1"]
    assert await told("_sort=none") == ["4", "3", "2", "1"]
    of_type = valid(await api.get("Basic/_history?_sort=_lastUpdated"))["entry"]
    moments = [e["response"]["lastModified"] for e in of_type]
    assert moments == sorted(moments) and len(moments) >= 4
    for query in ("_sort=name", "_sort=_lastUpdated,_id", "_sort=", "_count=1&_count=2", "_Sort=none"):
        assert (await api.get(f"{path}/_history?{query}")).status_code == 400


async def test_an_empty_history_of_a_page_is_not_a_missing_resource(api: Api) -> None:
    logical = await api.make(patient("quiet"))
    later = api.clock.now + timedelta(days=1)
    answer = await api.get(f"Patient/{logical}/_history?_since={later:%Y-%m-%dT%H:%M:%SZ}")
    assert valid(answer)["total"] == 0


# -- statement and refusals ---------------------------------------------------------------------------


async def test_the_capability_statement_is_valid_and_says_every_type(api: Api) -> None:
    statement = valid(await api.get("metadata", who=""))
    rows = {r["type"]: r for r in statement["rest"][0]["resource"]}
    assert set(rows) == set(definitions().resource_types)
    assert statement["fhirVersion"] == "4.0.1"
    codes = {p["name"] for p in rows["Patient"]["searchParam"]}
    assert {"identifier", "family", "birthdate"} <= codes
    defined = {
        o["name"]: o["definition"] for kind in ("Patient", "ValueSet") for o in rows[kind]["operation"]
    }
    assert defined["expand"] == "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"
    assert defined["validate"] == "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    assert defined["ins-search"].endswith("/Patient-ins-search")


async def test_what_can_be_asked_about_codes_is_told(api: Api) -> None:
    told = valid(await api.get("metadata?mode=terminology", who=""))
    assert (told["resourceType"], told["kind"]) == ("TerminologyCapabilities", "instance")
    assert "http://hl7.org/fhir/administrative-gender" in {row["uri"] for row in told["codeSystem"]}
    assert {"filter", "count", "offset"} <= {row["name"] for row in told["expansion"]["parameter"]}
    full = valid(await api.get("metadata?mode=full", who=""))
    assert full["resourceType"] == "CapabilityStatement"


async def test_the_statement_is_not_sent_again_to_who_has_it(api: Api) -> None:
    for query in ("", "?_summary=true", "?_format=xml", "?mode=terminology"):
        first = await api.get(f"metadata{query}", who="")
        known = await api.get(f"metadata{query}", who="", headers={"if-none-match": first.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert first.headers["cache-control"] == "no-cache"
    # Who has it in JSON has not got it in XML. Rule: RFC 9110, section 8.8.3.
    marked = {"if-none-match": (await api.get("metadata", who="")).headers["etag"].removeprefix("W/")}
    assert (await api.get("metadata", who="", headers=marked)).status_code == 304
    other = await api.get("metadata", who="", headers={**marked, "accept": "application/fhir+xml"})
    assert other.status_code == 200 and other.content.startswith(b"<?xml")
    inside = {"request": {"method": "GET", "url": "metadata?_elements=fhirVersion&_format=xml"}}
    told = valid(await api.post("batch", inside))["entry"][0]
    assert told["resource"]["fhirVersion"] == "4.0.1"
    for _ in range(2):
        assert (await api.get("metadata?_format=xml", who="")).content.startswith(b"<?xml")
        assert b"\n  " in (await api.get("metadata?_pretty=true", who="")).content
    packed = await api.get("metadata", who="", headers={"accept-encoding": "gzip"})
    plain = await api.get("metadata", who="", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


async def test_the_statement_names_the_base_that_was_asked(api: Api) -> None:
    told = {}
    for host in ("one.example", "two.example:8443", 'a"b'):
        answer = await api.client.get("/fhir/metadata", headers={"host": host})
        told[host] = valid(answer)
        assert told[host]["implementation"]["url"] == f"http://{host}/fhir"
        assert b"any.invalid" not in answer.content
    assert told["one.example"]["rest"][0]["resource"] == told["two.example:8443"]["rest"][0]["resource"]


async def test_the_statement_in_short(api: Api) -> None:
    whole = await api.get("metadata", who="")
    short = await api.get("metadata?_summary=true", who="")
    told = valid(short)
    assert len(short.content) * 4 < len(whole.content)
    assert told["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert {r["type"] for r in told["rest"][0]["resource"]} == set(definitions().resource_types)
    named = valid(await api.get("metadata?_elements=fhirVersion", who=""))
    assert named["fhirVersion"] == "4.0.1" and "rest" not in named


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("mode=normative", "http.mode"),
        ("mode=", "http.mode"),
        ("Mode=full", "http.Mode"),
        ("_count=2", "http._count"),
        ("mode=full&mode=terminology", "http.mode"),
        ("_summary=count", "http._summary"),
    ],
)
async def test_what_means_nothing_to_the_statement_is_told(api: Api, query: str, place: str) -> None:
    answer = await api.get(f"metadata?{query}", who="")
    assert (answer.status_code, places(answer)) == (400, [place])


async def test_the_versions_of_fhir(api: Api) -> None:
    """Rule: FHIR R5, CapabilityStatement-operation-versions."""
    for method, body in (("GET", None), ("POST", {"resourceType": "Parameters"})):
        told = valid(await api.ask(method, "$versions", body))
        assert [(p["name"], p["valueCode"]) for p in told["parameter"]] == [
            ("version", "4.0"),
            ("default", "4.0"),
        ]
    assert places(await api.get("$versions?version=5.0")) == ["http.version"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("Patient", {"GET", "HEAD", "POST", "PUT", "DELETE"}),
        ("Patient/1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("Patient/1/_history", {"GET"}),
        ("Patient/1/_history/1", {"GET", "HEAD"}),
        ("Patient/_history", {"GET"}),
        ("Patient/_search", {"GET", "POST"}),
        ("metadata", {"GET", "HEAD"}),
        ("_history", {"GET"}),
        ("", {"POST"}),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "LINK"])
async def test_a_method_that_is_not_possible_is_told_with_those_that_are(
    api: Api, path: str, allowed: set[str], method: str
) -> None:
    answer = await api.ask(method, path)
    if method == "OPTIONS":  # it asks just that
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        assert (answer.status_code, places(answer)) == (405, ["http.method"])
    assert allowed <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "ValueSet/$expand", "GET, HEAD, POST"),
        ("DELETE", "Subscription/$status", "GET, HEAD, POST"),
        ("GET", "$closure", "POST"),
        ("PUT", "Patient/1/$everything", "GET, HEAD, POST"),
        ("POST", ".well-known/smart-configuration", "GET, HEAD"),
        ("PUT", "/signon/authorize", "GET, HEAD, POST"),
    ],
)
async def test_so_is_one_of_an_operation_or_a_page(api: Api, method: str, path: str, allowed: str) -> None:
    """Rule: RFC 9110 section 15.5.6."""
    url = path if path.startswith("/") else f"/fhir/{path}"
    for accept in ("application/fhir+json", "text/html"):
        answer = await api.client.request(method, url, headers={"x-login": "admin", "accept": accept})
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["Patient/x/y/$export", "Observation/1/_history/1/$lastn"])
async def test_an_operation_is_asked_of_a_type_or_of_one_of_it(api: Api, path: str) -> None:
    before = await api.rows()
    answer = await api.get(path, headers={"prefer": "respond-async"})
    assert (answer.status_code, places(answer)) == (404, ["http.path"])
    assert await api.rows() == before


@pytest.mark.parametrize("path", ["Zzz", "Zzz/1", "patient/1", "Patient/1/2/3", "Patient/1/_history/x"])
async def test_an_unknown_address_is_told_in_both_languages(api: Api, path: str) -> None:
    answer = await api.get(path, headers={"accept-language": "fr"})
    assert (answer.status_code, places(answer)) == (404, ["http.path"])
    details = answer.json()["issue"][0]["details"]
    translation = details["_text"]["extension"][0]["extension"]
    assert {"url": "lang", "valueCode": "en"} in translation


async def test_a_browser_may_ask_first_and_read_the_answer(api: Api) -> None:
    page = {"origin": "https://vendor.example"}
    asked = {
        **page,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization",
    }
    before = await api.rows()
    answer = await api.ask("OPTIONS", "Patient/1", headers=asked, who="")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert {"Authorization", "Content-Encoding", "X-Provenance"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert await api.rows() == before
    for path in ("metadata", "Patient/none"):
        shown = await api.get(path, headers=page)
        assert shown.headers["access-control-allow-origin"] == "*"
        assert "ETag" in shown.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in shown.headers
    assert "access-control-allow-origin" not in (await api.get("metadata")).headers


async def test_a_clock_that_goes_back_makes_no_version_older_than_the_one_before(api: Api) -> None:
    """Who asks what changed since they last asked would miss it, and a conditional read would say so too."""
    logical = await api.make(patient("clock"))
    first = await api.get(f"Patient/{logical}")
    since, shown = first.json()["meta"]["lastUpdated"], first.headers["last-modified"]
    api.clock.later(days=-1)
    try:
        again = await api.ask(
            "PUT", f"Patient/{logical}", {**patient("clock"), "id": logical, "gender": "male"}
        )
        assert again.json()["meta"] == {"versionId": "2", "lastUpdated": since}
        assert again.headers["last-modified"] == shown
        assert (await api.ask("DELETE", f"Patient/{logical}")).status_code == 204
        told = (await api.get(f"Patient/{logical}/_history?_since={since}")).json()["entry"]
        assert [entry["response"]["etag"] for entry in told] == ['W/"3"', 'W/"2"', 'W/"1"']
    finally:
        api.clock.later(days=1)
