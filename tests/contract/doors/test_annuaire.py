"""The Annuaire Santé door: what its guide says, and those who try to get more out of it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from aubier.app import House
from aubier.cli import people
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.referentials.signon import api as signon
from aubier.settings import Settings
from aubier.validation import validate
from tests.contract.conftest import Api, open_api
from tests.where import SHARED

FIXTURES = SHARED / "fixtures/annuaire-1.2.0-snapshot"
EXAMPLES = FIXTURES / "examples"
AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
GUIDE = json.loads(
    (FIXTURES / "conformance/CapabilityStatement-AsServerDPCapabilityStatement.json").read_text()
)
KINDS = {r["type"]: r for r in GUIDE["rest"][0]["resource"]}


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
async def door(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A house with the published examples, and an application that holds a key."""
    api = await open_api(database(), Path(tmp_path_factory.mktemp("annuaire")))
    view = api.system.store
    for path in sorted(EXAMPLES.glob("*.json")):
        if not path.name.startswith("Person-"):
            await view.update(json.loads(path.read_text()))
    client = await signon.add_client(api.system, "Logiciel")
    key = await signon.add_door_key(api.system, client.id, "annuaire")
    yield Door(api, key, client.id)
    await api.client.aclose()
    await api.house.stop()


class Door:
    """Requests below `/annuaire` with the key of an application, each in a second of its own."""

    def __init__(self, api: Api, key: str, client: str) -> None:
        self.api, self.key, self.client = api, key, client

    async def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        self.api.wait(seconds=1)
        headers = {"ESANTE-API-KEY": self.key, **options.pop("headers", {})}
        return await self.api.client.request(method, f"/annuaire{path}", headers=headers, **options)

    async def good(self, path: str, **options: Any) -> dict[str, Any]:
        answer = await self.ask(path, **options)
        assert answer.status_code == 200, (path, answer.text)
        return fhir_json.parse(answer.content)

    async def found(self, path: str) -> list[str]:
        bundle = await self.good(path)
        return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])]

    async def refused(
        self, path: str, status: int, method: str = "GET", **options: Any
    ) -> list[dict[str, Any]]:
        answer = await self.ask(path, method, **options)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        issues: list[dict[str, Any]] = answer.json()["issue"]
        return issues


async def test_an_application_finds_the_provider_from_the_door(door: Door) -> None:
    """Rule: SMART App Launch 2.2.0, Conformance: below the base that the application was given."""
    told = await door.api.client.get("/annuaire/.well-known/smart-configuration")
    base = await door.api.client.get("/fhir/.well-known/smart-configuration")
    assert told.status_code == 200 and told.json() == base.json()
    assert (await door.api.client.get("/annuaire/.well-known/other")).status_code == 401
    assert (await door.api.client.get("/.well-known/smart-configuration")).status_code == 404


async def test_the_statement_of_the_door_takes_no_more_than_that_of_the_base(door: Door) -> None:
    first = await door.api.client.get("/annuaire/metadata")
    known = await door.api.client.get("/annuaire/metadata", headers={"if-none-match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    for query in ("zzz=1", "mode=terminology", "mode=full&mode=full"):
        assert (await door.api.client.get(f"/annuaire/metadata?{query}")).status_code == 400


async def test_the_statement_offers_what_the_guide_asks(door: Door) -> None:
    told = (await door.api.client.get("/annuaire/metadata")).json()
    assert [i for i in validate(told) if i.severity != "warning"] == []
    assert told["instantiates"] == [GUIDE["url"]]
    ours = {r["type"]: r for r in told["rest"][0]["resource"]}
    assert ours.keys() == KINDS.keys()
    for kind, asked in KINDS.items():
        assert ours[kind]["profile"] == asked["profile"]
        assert ours[kind]["interaction"] == [{"code": "read"}, {"code": "search-type"}]
        names = {p["name"]: p["type"] for p in ours[kind]["searchParam"]}
        # Its own types of `_profile` and of the parameters that it does not define are not those of FHIR.
        assert {p["name"] for p in asked["searchParam"]} <= names.keys()
        assert set(asked.get("searchRevInclude", [])) <= set(ours[kind].get("searchRevInclude", []))
        assert {i for i in asked.get("searchInclude", []) if i != "*"} <= set(
            ours[kind].get("searchInclude", [])
        )


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_every_parameter_of_the_guide_is_taken(door: Door, kind: str) -> None:
    values = {"date": "ge2026-11-20", "reference": "Organization/1", "uri": "http://a"}
    for parameter in KINDS[kind]["searchParam"]:
        value = values.get(parameter["type"], "true" if parameter["name"] == "active" else "x")
        bundle = await door.good(f"/{kind}?{parameter['name']}={value}")
        assert bundle["type"] == "searchset" and "total" in bundle


async def test_read_search_and_links_stay_inside(door: Door) -> None:
    bundle = await door.good("/Practitioner?_count=2")
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    assert links["next"].startswith("http://127.0.0.1:8000/annuaire/Practitioner?")
    assert all(
        e["fullUrl"].startswith("http://127.0.0.1:8000/annuaire/Practitioner/") for e in bundle["entry"]
    )
    seen = [e["resource"]["id"] for e in bundle["entry"]]
    following = await door.good(links["next"].partition("/annuaire")[2])
    seen += [e["resource"]["id"] for e in following["entry"]]
    assert len(seen) == len(set(seen)) == 4 == bundle["total"]
    assert "total" not in following
    posted = await door.good("/Practitioner/_search", method="POST", data={"family": "saucier"})
    assert {e["resource"]["id"] for e in posted["entry"]} == {"334081", "334081DP"}
    # What is no form says nothing, and would be answered with everybody.
    other = {"content": b'{"family":"saucier"}', "headers": {"content-type": "application/json"}}
    (issue,) = await door.refused("/Practitioner/_search", 415, method="POST", **other)
    assert issue["expression"] == ["http.Content-Type"]
    read = await door.ask("/Practitioner/334081DP")
    assert read.json()["name"] == example("Practitioner-334081DP")["name"]
    assert (
        await door.ask("/Practitioner/334081DP", headers={"If-None-Match": read.headers["etag"]})
    ).status_code == 304


async def test_includes_go_as_far_as_the_guide(door: Door) -> None:
    whole = await door.found("/PractitionerRole?_id=5015602&_include=*")
    assert set(whole) == {"PractitionerRole/5015602", "Practitioner/3719500"}
    back = await door.found("/Practitioner?_id=3719500&_revinclude=PractitionerRole:practitioner")
    assert "PractitionerRole/5015602DP" in back
    for path in (
        "/PractitionerRole?_include=PractitionerRole:location",
        "/Practitioner?_revinclude=Patient:general-practitioner",
        "/Practitioner?_revinclude=Observation:performer",
        "/Organization?_revinclude=*",
        "/Organization?_include:iterate=Organization:endpoint",
    ):
        assert (await door.refused(path, 400))[0]["code"] == "invalid", path


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/Practitioner?birthdate=1995", "http.birthdate"),
        ("/Practitioner?gender=male", "http.gender"),
        (
            "/Practitioner?_has:Patient:general-practitioner:family=x",
            "http._has:Patient:general-practitioner:family",
        ),
        ("/Organization?_sort=name", "http._sort"),
        ("/Organization?_summary=true", "http._summary"),
        ("/Organization?_filter=name eq x", "http._filter"),
        ("/Organization?_content=x", "http._content"),
        ("/Organization?partof.name=x", "http.partof.name"),
        ("/Organization?name:missing=true", "http.name:missing"),
        ("/Organization?identifier:not=x", "http.identifier:not"),
        ("/Device?patient=Patient/1", "http.patient"),
        ("/Device?patient:missing=false", "http.patient:missing"),
        ("/Practitioner?_lastUpdated=le2026-11-20", "http._lastUpdated"),
        ("/Practitioner?_lastUpdated=ge2026-09-01", "http._lastUpdated"),
        ("/Practitioner?_lastUpdated=2020", "http._lastUpdated"),
        ("/Practitioner?_lastUpdated=ge2026-11-20,ge2020", "http._lastUpdated"),
        ("/Practitioner?_lastUpdated=yesterday", "http._lastUpdated"),
    ],
)
async def test_what_the_guide_does_not_take_is_refused_and_named(door: Door, path: str, place: str) -> None:
    answer = await door.ask(path, headers={"prefer": "handling=lenient", "accept-language": "fr"})
    assert answer.status_code in (400, 422), answer.text
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == [place] and issue["details"]["_text"]


async def test_nothing_is_written_and_nothing_else_is_here(door: Door) -> None:
    body = example("Practitioner-334081DP")
    for method, path in (
        ("POST", "/Practitioner"),
        ("PUT", "/Practitioner/334081DP"),
        ("DELETE", "/Practitioner/334081DP"),
        ("PATCH", "/Practitioner/334081DP"),
        ("DELETE", "/metadata"),
    ):
        answer = await door.ask(path, method, json=body)
        assert answer.status_code == 405 and answer.headers["allow"], (method, path)
    patient = await door.api.person()
    for path in (
        f"/Patient/{patient}",
        "/Patient",
        "/Patient/_search",
        "",
        "/Practitioner/334081DP/_history",
        "/Practitioner/334081DP/_history/1",
        "/Practitioner/$validate",
        "/$export",
        "/Practitioner/334081DP/$everything",
    ):
        await door.refused(path, 404)
    await door.refused("/Practitioner", 406, headers={"accept": "application/fhir+xml"})


async def test_the_public_profile_is_all_that_is_told(door: Door) -> None:
    for name in ("Practitioner-334081", "Practitioner-3719500", "PractitionerRole-5015602"):
        kind, _, logical = name.partition("-")
        public = example(f"{name}DP")
        told = await door.good(f"/{kind}/{logical}")
        # The public example of the same professional shows a mailbox that the restricted one has not.
        assert told.keys() - {"telecom", "extension"} <= public.keys(), name
        assert not told.keys() & {"gender", "birthDate", "address", "photo", "specialty", "communication"}
        assert "hotmail" not in json.dumps(told) and "0603590791" not in json.dumps(told)
        assert all("period" not in q for q in told.get("qualification", []))
    structure = await door.good("/Organization/158480")
    assert structure["name"] and "contact" not in structure


async def test_an_inactive_one_is_its_identifiers_and_a_hidden_mailbox_is_none(door: Door) -> None:
    gone = {**example("Practitioner-334081DP"), "id": "gone", "active": False}
    red = {
        "url": f"{AS}as-ext-mailbox-mss-metadata",
        "extension": [{"url": "listeRouge", "valueBoolean": True}],
    }
    box = {"system": "email", "value": "cache@pro.mssante.fr", "extension": [red]}
    hidden = {**example("Practitioner-334081DP"), "id": "hidden", "telecom": [box]}
    for each in (gone, hidden):
        await door.api.system.store.update(each)
    for told in (
        await door.good("/Practitioner/gone"),
        (await door.good("/Practitioner?_id=gone&_elements=active"))["entry"][0]["resource"],
        (await door.good("/Practitioner?_lastUpdated=ge2026-11-20&active=false"))["entry"][0]["resource"],
    ):
        assert told["active"] is False
        assert told.keys() <= {"resourceType", "id", "meta", "identifier", "active"}
    assert "cache" not in json.dumps(await door.good("/Practitioner/hidden"))
    for guess in (
        "mailbox-mss=cache",
        "mailbox-mss:exact=cache@pro.mssante.fr",
        "mailbox-mss:contains=ache@pro",
    ):
        assert await door.found(f"/Practitioner?{guess}") == []
    assert await door.found("/Practitioner?mailbox-mss=0603590791") == []
    assert await door.found("/Practitioner?mailbox-mss:exact=jeromebonnet@pro.mssante.fr") == [
        "Practitioner/334081DP",
        "Practitioner/gone",
    ]


async def test_the_device_of_a_person_is_not_here(door: Door) -> None:
    view = door.api.system.store
    patient = await door.api.person()
    owner = {"reference": "Organization/158480"}
    base = {"resourceType": "Device", "status": "active", "owner": owner}
    mine = (await view.create({**base, "patient": {"reference": f"Patient/{patient}"}})).id
    scanner = (await view.create({**base, "manufacturer": "Scanner"})).id
    assert await door.found("/Device") == [f"Device/{scanner}"]
    assert await door.found(f"/Device?_id={mine}") == []
    await door.refused(f"/Device/{mine}", 404)
    assert (await door.good(f"/Device/{scanner}"))["manufacturer"] == "Scanner"
    around = await door.found("/Organization?_id=158480&_revinclude=Device:organization")
    assert around == ["Organization/158480", f"Device/{scanner}"]
    page = await door.good("/Device?_count=1")
    assert "missing" not in json.dumps(page["link"])


async def test_who_may_enter(door: Door) -> None:
    api, ask = door.api, door.api.client.get
    assert (await ask("/annuaire/metadata")).status_code == 200
    for headers in (
        {},
        {"ESANTE-API-KEY": "x" * 43},
        {"ESANTE-API-KEY": "x"},
        {"ESANTE-API-KEY": "é".encode()},
        {"authorization": f"Bearer {door.key}"},
        {"authorization": "Bearer x"},
    ):
        answer = await ask("/annuaire/Practitioner", headers=headers)
        assert answer.status_code == 401 and "www-authenticate" in answer.headers, headers
        assert door.key not in answer.text
    # The key opens nothing else, not even with a cookie's or a token's place.
    for path in ("/fhir/Practitioner", "/pdsm/DocumentReference?patient=1&status=current"):
        assert (await ask(path, headers={"ESANTE-API-KEY": door.key})).status_code == 401
    api.wait(seconds=1)
    token = {"authorization": f"Bearer {await api.token('admin')}"}
    assert (await ask("/annuaire/Practitioner", headers=token)).status_code == 200
    narrow = {"authorization": f"Bearer {await api.token('admin', 'system/Organization.rs')}"}
    assert (await ask("/annuaire/Practitioner", headers=narrow)).status_code == 403
    other = await signon.add_door_key(api.system, door.client, "eclaire")
    assert (await ask("/annuaire/Practitioner", headers={"ESANTE-API-KEY": other})).status_code == 401


async def test_a_key_ends_with_its_application(door: Door) -> None:
    client = await signon.add_client(door.api.system, "Autre")
    key = {"ESANTE-API-KEY": await signon.add_door_key(door.api.system, client.id, "annuaire")}
    assert (await door.ask("/Organization", headers=key)).status_code == 200
    await signon.remove_client(door.api.system, client.id)
    assert (await door.ask("/Organization", headers=key)).status_code == 401
    rows = await door.api.house.store.pool.fetch("select digest from signon_door_key")
    assert all(door.key not in row["digest"] for row in rows)


async def test_the_command_line_gives_a_key_for_a_door_that_takes_keys(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[House]:
        yield door.api.house

    monkeypatch.setattr(people, "opened", opened)
    settings = door.api.house.settings
    await people.client_add(settings, "Logiciel", (), door="annuaire")
    said = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines() if " " in line)
    assert (await door.ask("/Device", headers={"ESANTE-API-KEY": said["door_key"]})).status_code == 200
    before = len(await signon.list_clients(door.api.system))
    for name in ("pdsm", "nowhere"):
        with pytest.raises(Problem) as caught:
            await people.client_add(settings, "Autre", (), door=name)
        assert "annuaire" in str(caught.value)
    assert len(await signon.list_clients(door.api.system)) == before


async def test_seventeen_calls_a_second(door: Door) -> None:
    door.api.wait(seconds=1)
    headers = {"ESANTE-API-KEY": door.key}
    answers = [await door.api.client.get("/annuaire/Device", headers=headers) for _ in range(18)]
    assert [a.status_code for a in answers] == [200] * 17 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    other = await signon.add_door_key(
        door.api.system, (await signon.add_client(door.api.system, "B")).id, "annuaire"
    )
    assert (
        await door.api.client.get("/annuaire/Device", headers={"ESANTE-API-KEY": other})
    ).status_code == 200
    assert (await door.ask("/Device")).status_code == 200


async def test_the_lines_name_the_application(door: Door) -> None:
    before = await door.api.last_line()
    await door.good("/Device?manufacturer=scanner")
    (line,) = [row for row in await door.api.lines(before) if row["action"] == "search"]
    assert line["actor"] == f"system:{door.client}"
