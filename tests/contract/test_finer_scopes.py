"""Scopes with a query (SMART App Launch 2.2, finer-grained constraints) open what meets it and no more."""

import asyncio
import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from aubier.rest.asynchronous import running
from tests.contract.conftest import Api, outcome

NDJSON = "application/fhir+ndjson"

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"category={CATEGORY}|laboratory"
SEEN = f"user/Observation.rs?{LAB}"
BESIDE = " user/Patient.rs user/Encounter.rs user/List.rs user/DiagnosticReport.rs user/Composition.rs"


def observation(patient: str, category: str = "laboratory", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


@dataclass
class World:
    """A record: an observation of the laboratory, and `vital`, another that only a wider scope opens."""

    api: Api
    login: str
    patient: str
    citizen: str
    lab: str = ""
    vital: str = ""
    encounter: str = ""
    list: str = ""
    report: str = ""
    document: str = ""
    was_lab: str = ""
    was_vital: str = ""

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        options = {"as_": self.login, "scope": SEEN + BESIDE} | options
        return await self.api.ask(method, path, body, **options)

    async def by(self, kind: str, path: str, scope: str = "") -> Any:
        """Reads as the professional, the holder of the record, or an application of the platform."""
        context, login = {
            "professional": ("user", self.login),
            "citizen": ("patient", self.citizen),
            "system": ("system", "admin"),
        }[kind]
        scope = (scope or SEEN + BESIDE).replace("user/", f"{context}/")
        return await self.api.ask("GET", path, as_=login, scope=scope)

    async def made(self, body: dict[str, Any]) -> str:
        kind = body["resourceType"]
        return str((await self.api.good("POST", kind, body, as_=self.login))["id"])


@pytest.fixture(scope="module")
async def world(api: Api) -> World:
    (patient, citizen), (key, login) = await api.citizen(), await api.professional()
    await api.give(patient, key, rights="rw")
    w = World(api, login, patient, citizen)
    about = {"subject": {"reference": f"Patient/{patient}"}}
    w.encounter = await w.made(
        {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, **about}
    )
    met = {"encounter": {"reference": f"Encounter/{w.encounter}"}}
    w.lab = await w.made(observation(patient, **met))
    w.vital = await w.made(
        observation(patient, "vital-signs", hasMember=[{"reference": f"Observation/{w.lab}"}], **met)
    )
    both = [{"reference": f"Observation/{one}"} for one in (w.lab, w.vital)]
    w.list = await w.made(
        {
            "resourceType": "List",
            "status": "current",
            "mode": "working",
            "entry": [{"item": one} for one in both],
            **about,
        }
    )
    coded = {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}
    w.report = await w.made(
        {"resourceType": "DiagnosticReport", "status": "final", "code": coded, "result": both, **about}
    )
    w.document = await w.made(
        {
            "resourceType": "Composition",
            "status": "final",
            "type": coded,
            "title": "t",
            "date": "2026-11-22",
            "author": [{"display": "a"}],
            "section": [{"title": "s", "entry": both}],
            **about,
        }
    )
    for name, first, last in (
        ("was_lab", "laboratory", "vital-signs"),
        ("was_vital", "vital-signs", "laboratory"),
    ):
        made = await w.made(observation(patient, first, issued="2020-01-01T00:00:00Z"))
        setattr(w, name, made)
        await api.good("PUT", f"Observation/{made}", observation(patient, last, id=made), as_=login)
    return w


def names(answer: Any) -> set[str]:
    """The ids of all the resources of an answer."""
    body = json.loads(answer.content) if answer.content else {}
    found = [e["resource"] for e in body.get("entry", []) if "resource" in e]
    return {r["id"] for r in [*found, body] if "id" in r}


async def test_it_is_granted_as_it_was_asked(world: World) -> None:
    token = await world.api.token(world.login, SEEN)
    payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert payload["scope"] == SEEN


KINDS = pytest.mark.parametrize("kind", ["professional", "citizen", "system"])


@KINDS
@pytest.mark.parametrize(
    "path",
    [
        "Observation/{o}",
        "Observation/{o}/_history/1",
        "Observation/{o}/_history",
        "Observation/{o}/$meta",
    ],
)
async def test_one_resource(world: World, kind: str, path: str) -> None:
    assert (await world.by(kind, path.format(o=world.lab))).status_code == 200
    hidden = await world.by(kind, path.format(o=world.vital))
    absent = await world.by(kind, path.format(o="not-there"))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace(world.vital, "X") == absent.text.replace("not-there", "X")
    assert (await world.by(kind, path.format(o=world.vital), "user/*.rs")).status_code == 200


@KINDS
@pytest.mark.parametrize(
    "path",
    [
        "Observation",
        "Observation?_total=accurate",
        "Observation?patient={p}",
        "Observation?patient={p}&_sort=-date&_total=accurate",
        "Observation?code=http://loinc.org|718-7",
        "Observation?code=718-7&_count=1000&_total=accurate&_sort=_lastUpdated",
        "Observation?_id={lab},{vital}",
        "Observation?encounter={e}",
        "Observation?_list={list}",
        "Observation?_filter=code eq 718-7",
        "Observation?category:not=social-history",
        "Observation?encounter.status=finished",
        "Patient/{p}/Observation",
        "Patient/{p}/*",
        "Encounter/{e}/Observation",
        "?_type=Observation,Patient",
        "Patient?_id={p}&_revinclude=Observation:subject",
        "Patient?_id={p}&_revinclude=*",
        "Encounter?_id={e}&_revinclude=Observation:encounter",
        "DiagnosticReport?_id={report}&_include=DiagnosticReport:result",
        "List?_id={list}&_include=*",
        "DiagnosticReport?_id={report}&_include=DiagnosticReport:result&_include:iterate=Observation:has-member"
        "&_revinclude:iterate=Observation:has-member",
        "Patient/{p}/$everything",
        "Patient/{p}/$everything?_type=Observation",
        "Encounter/{e}/$everything",
        "Observation/$lastn?patient={p}&code=718-7&max=20",
    ],
)
async def test_many_resources(world: World, kind: str, path: str) -> None:
    places = {
        "p": world.patient,
        "e": world.encounter,
        **{k: getattr(world, k) for k in ("lab", "vital", "list", "report")},
    }
    path = path.format(**places)
    answer = await world.by(kind, path)
    assert answer.status_code == 200, answer.text
    found, told = names(answer), json.loads(answer.content)
    assert found & {world.lab, world.was_vital}
    assert not found & {world.vital, world.was_lab}
    if "_total" in path:
        assert told["total"] == 2
    wide = names(await world.by(kind, path, "user/*.rs"))
    assert wide & {world.vital, world.was_lab}


@KINDS
@pytest.mark.parametrize(
    "path",
    [
        "Observation?category=vital-signs",
        "Observation?_id={vital}",
        "Observation?has-member={lab}",
        "Patient?_has:Observation:subject:_id={vital}",
        "Patient?_has:Observation:subject:category=vital-signs",
        "DiagnosticReport?result.category=vital-signs",
        "DiagnosticReport?result:Observation._id={vital}",
        "Encounter?_has:Observation:encounter:has-member={lab}",
        "Observation?_has:Observation:has-member:category=vital-signs",
        "Observation?has-member._id={lab}",
        "List?item:Observation.category=vital-signs",
    ],
)
async def test_nothing_is_learnt_of_what_is_hidden(world: World, kind: str, path: str) -> None:
    path = path.format(lab=world.lab, vital=world.vital)
    for counting in ("", "&_summary=count", "&_total=accurate"):
        told = await world.by(kind, path + counting)
        assert told.status_code == 200, told.text
        body = json.loads(told.content)
        assert not body.get("entry") and not body.get("total")
    assert json.loads((await world.by(kind, path + "&_total=accurate", "user/*.rs")).content)["total"]


async def test_a_version_is_judged_as_it_was_and_as_it_is(world: World) -> None:
    for path in ("Observation/{o}/_history/1", "Observation/{o}/_history/2", "Observation/{o}"):
        assert (await world.ask("GET", path.format(o=world.was_lab))).status_code == 404
    assert (await world.ask("GET", f"Observation/{world.was_vital}/_history/1")).status_code == 404
    assert (await world.ask("GET", f"Observation/{world.was_vital}/_history/2")).status_code == 200
    told = json.loads((await world.ask("GET", f"Observation/{world.was_vital}/_history")).content)
    assert [e["resource"]["meta"]["versionId"] for e in told["entry"]] == ["2"] and told["total"] == 1
    assert "vital-signs" not in json.dumps(told)


async def test_every_version_that_was_within_is_in_the_history(world: World) -> None:
    made = await world.made(observation(world.patient))
    for category in ("vital-signs", "laboratory", "social-history", "laboratory"):
        body = observation(world.patient, category, id=made)
        await world.api.good("PUT", f"Observation/{made}", body, as_=world.login)
    pages, path = [], f"Observation/{made}/_history?_count=1"
    while path:
        page = json.loads((await world.ask("GET", path)).content)
        assert page["total"] == 3
        pages += [e["resource"]["meta"]["versionId"] for e in page["entry"]]
        path = next((x["url"].partition("/fhir/")[2] for x in page["link"] if x["relation"] == "next"), "")
    assert pages == ["5", "3", "1"]
    assert (await world.ask("GET", f"Observation/{made}/_history/3")).status_code == 200
    assert (await world.ask("GET", f"Observation/{made}/_history/4")).status_code == 404
    await world.api.good("DELETE", f"Observation/{made}", as_=world.login)
    for path in ("", "/_history", "/_history/1", "/_history/6"):
        assert (await world.ask("GET", f"Observation/{made}{path}")).status_code == 404


async def test_what_cannot_be_held_is_refused_with_the_reason(world: World) -> None:
    for path in ("Observation/_history", "Observation/_history?_count=0"):
        refused = await world.ask("GET", path)
        assert refused.status_code == 403
        assert "scope with a query" in outcome(refused)["issue"][0]["diagnostics"]
    whole = await world.ask("GET", "_history?_count=1000")
    assert whole.status_code == 403 or not names(whole) & {world.lab, world.vital, world.was_lab}


async def test_a_document_is_refused_when_a_part_of_it_is_hidden(world: World) -> None:
    refused = await world.ask("GET", f"Composition/{world.document}/$document")
    assert not refused.is_success and "vital-signs" not in refused.text
    assert (await world.ask("GET", f"Composition/{world.document}/$document", scope="user/*.rs")).is_success


async def test_several_scopes_are_a_union_each_with_its_own_interactions(world: World) -> None:
    async def found(scope: str, path: str) -> bool:
        return (await world.ask("GET", path, scope=scope)).status_code == 200

    social = await world.made(observation(world.patient, "social-history"))
    union = f"{SEEN} user/Observation.r?category=vital-signs"
    assert await found(union, f"Observation/{world.lab}") and await found(union, f"Observation/{world.vital}")
    assert not await found(union, f"Observation/{social}")
    listed = names(await world.ask("GET", f"Observation?patient={world.patient}&_count=100", scope=union))
    assert world.lab in listed and not listed & {world.vital, social}
    both = f"user/Observation.rs?{LAB}&code=another"
    assert not await found(both, f"Observation/{world.lab}")
    assert await found(f"{SEEN} user/Observation.r", f"Observation/{social}")
    only = await world.ask("GET", f"Observation?_id={social}", scope=f"{SEEN} user/Observation.r")
    assert not names(only)
    assert names(await world.ask("GET", f"Observation?_id={social}", scope=f"{SEEN} user/*.rs")) == {social}


def entry(method: str, url: str, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}, **({"resource": body} if body else {})}


async def test_bundles(world: World) -> None:
    reads = [entry("GET", f"Observation/{o}") for o in (world.lab, world.vital)]
    reads += [entry("GET", f"Observation?patient={world.patient}&_count=1000")]
    for kind in ("batch", "transaction"):
        told = await world.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": reads})
        assert told.status_code == 200
        statuses = [e["response"]["status"][:3] for e in json.loads(told.content)["entry"]]
        assert statuses == ["200", "404", "200"]
        assert '"vital-signs"' not in told.text


WRITES = f"user/Observation.cud?{LAB} {SEEN}"


async def test_what_is_written_is_within_before_and_after(world: World) -> None:
    p, before = world.patient, await world.api.counts()
    refused = [
        ("POST", "Observation", observation(p, "vital-signs")),
        ("PUT", f"Observation/{world.lab}", observation(p, "vital-signs", id=world.lab)),
        ("PUT", f"Observation?_id={world.lab}", observation(p, "vital-signs", id=world.lab)),
        (
            "PATCH",
            f"Observation/{world.lab}",
            [{"op": "replace", "path": "/category/0/coding/0/code", "value": "x"}],
        ),
        ("PUT", f"Observation/{world.vital}", observation(p, id=world.vital)),
        ("PATCH", f"Observation/{world.vital}", [{"op": "test", "path": "/status", "value": "final"}]),
        ("PATCH", f"Observation/{world.vital}", [{"op": "test", "path": "/status", "value": "amended"}]),
    ]
    for method, path, body in refused:
        headers = {"content-type": "application/json-patch+json"} if method == "PATCH" else {}
        raw = json.dumps(body).encode()
        answer = await world.ask(method, path, raw, scope=WRITES, headers=headers)
        hidden = world.vital in path
        assert answer.status_code == (404 if hidden else 403), (method, path, answer.text)
    for path in (f"Observation/{world.vital}", f"Observation?_id={world.vital}", "Observation/not-there"):
        assert (await world.ask("DELETE", path, scope=WRITES)).status_code == 204
    bundle = [
        entry("POST", "Observation", observation(p)),
        entry("POST", "Observation", observation(p, "vital-signs")),
    ]
    for kind, status in (("transaction", 403), ("batch", 200)):
        told = await world.ask(
            "POST", "", {"resourceType": "Bundle", "type": kind, "entry": bundle}, scope=WRITES
        )
        assert told.status_code == status
        if kind == "transaction":
            assert await world.api.counts() == before
        else:
            statuses = [e["response"]["status"][:3] for e in json.loads(told.content)["entry"]]
            assert statuses == ["201", "403"]


async def test_what_is_within_may_be_written(world: World) -> None:
    made = await world.ask("POST", "Observation", observation(world.patient), scope=WRITES)
    assert made.status_code == 201
    one = json.loads(made.content)["id"]
    changed = observation(world.patient, id=one, status="amended")
    assert (await world.ask("PUT", f"Observation/{one}", changed, scope=WRITES)).status_code == 200
    patch = json.dumps([{"op": "replace", "path": "/status", "value": "final"}]).encode()
    as_patch = {"content-type": "application/json-patch+json"}
    answer = await world.ask("PATCH", f"Observation/{one}", patch, scope=WRITES, headers=as_patch)
    assert answer.status_code == 200
    assert (await world.ask("DELETE", f"Observation/{one}", scope=WRITES)).status_code == 204
    assert (await world.ask("GET", f"Observation/{one}", scope="user/*.rs")).status_code == 410


async def test_each_letter_has_its_own_limit(world: World) -> None:
    scope = f"{SEEN} user/Observation.u?status=final user/Observation.d?status=cancelled"
    one = await world.made(observation(world.patient))
    body = observation(world.patient, id=one)
    assert (await world.ask("PUT", f"Observation/{one}", body, scope=scope)).status_code == 200
    amended = observation(world.patient, id=one, status="amended")
    assert (await world.ask("PUT", f"Observation/{one}", amended, scope=scope)).status_code == 403
    assert (await world.ask("DELETE", f"Observation/{one}", scope=scope)).status_code == 403
    await world.api.good("PUT", f"Observation/{one}", body | {"status": "cancelled"}, as_=world.login)
    assert (await world.ask("PUT", f"Observation/{one}", body, scope=scope)).status_code == 403
    assert (await world.ask("DELETE", f"Observation/{one}", scope=scope)).status_code == 204
    unseen = await world.ask(
        "PUT",
        f"Observation/{world.vital}",
        scope="user/Observation.u?status=amended",
        body=observation(world.patient, id=world.vital),
    )
    assert unseen.status_code == 404  # as what is not here: nothing of the type may be seen


async def test_who_writes_at_the_same_time_opens_nothing(world: World) -> None:
    """What is changed between the question and the write is asked again."""
    one = await world.made(observation(world.patient))

    def body(category: str, note: str) -> dict[str, Any]:
        return observation(world.patient, category, id=one, note=[{"text": note}])

    async def flips() -> None:
        for n in range(30):
            to = body("laboratory" if n % 2 else "vital-signs", "wide")
            await world.api.good("PUT", f"Observation/{one}", to, as_=world.login)

    async def limited() -> list[int]:
        tried = [
            await world.ask("PUT", f"Observation/{one}", body("laboratory", "limited"), scope=WRITES)
            for _ in range(40)
        ]
        return [answer.status_code for answer in tried]

    _, *answers = await asyncio.gather(flips(), limited(), limited())
    assert {200, 404} <= {status for some in answers for status in some} <= {200, 403, 404, 409}
    told = await world.ask("GET", f"Observation/{one}/_history?_count=1000", scope="user/*.rs")
    versions = [e["resource"] for e in json.loads(told.content)["entry"]]
    for after, before in pairwise(versions):
        if after["note"][0]["text"] == "limited":
            assert before["category"][0]["coding"][0]["code"] == "laboratory"


async def test_a_condition_tells_nothing_of_what_is_hidden(world: World) -> None:
    new = observation(world.patient, identifier=[{"system": "urn:x", "value": "1"}])
    old = await world.made(
        observation(world.patient, "vital-signs", identifier=[{"system": "urn:x", "value": "1"}])
    )
    asked = {"headers": {"if-none-exist": "identifier=urn:x|1"}, "scope": WRITES}
    made = await world.ask("POST", "Observation", new, **asked)
    assert made.status_code == 201 and old not in made.text
    again = await world.ask("POST", "Observation", new, **asked)
    assert again.status_code == 200 and json.loads(again.content)["id"] == json.loads(made.content)["id"]
    # What a condition finds is what `s` opens, whatever `r` does.
    other = {"headers": {"if-none-exist": "identifier=urn:x|2"}}
    other["scope"] = f"user/Observation.cr user/Observation.s?{LAB}"
    named = {"identifier": [{"system": "urn:x", "value": "2"}]}
    old = await world.made(observation(world.patient, "vital-signs", **named))
    made = await world.ask("POST", "Observation", observation(world.patient, **named), **other)
    assert made.status_code == 201 and old not in made.text


async def test_what_is_hidden_cannot_be_named(world: World) -> None:
    scope = WRITES + " user/List.c"
    body = {"resourceType": "List", "status": "current", "mode": "working"}
    seen = await world.ask(
        "POST",
        "List",
        body
        | {
            "entry": [{"item": {"reference": f"Observation/{world.lab}"}}],
            "subject": {"reference": f"Patient/{world.patient}"},
        },
        scope=scope,
    )
    assert seen.status_code == 201


async def test_an_export_holds_what_the_scope_opens(world: World) -> None:
    """Also of versions that were replaced since it was asked, whose index rows are gone."""
    asked = {"headers": {"prefer": "respond-async"}}
    late = await world.made(observation(world.patient))
    for query in (
        "?_type=Observation,Patient",
        "?_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal",
    ):
        for root in ("$export", "Patient/$export"):
            begun = await world.ask("GET", root + query, **asked)
            assert begun.status_code == 202, begun.text
            place = begun.headers["content-location"].partition("/fhir/")[2]
            body = observation(world.patient, id=late, note=[{"text": query}])
            await world.api.good("PUT", f"Observation/{late}", body, as_=world.login)
            while (done := await world.ask("GET", place)).status_code == 202:
                await asyncio.gather(*running._under_way)
            files = [row["url"].partition("/fhir/")[2] for row in json.loads(done.content)["output"]]
            text = "".join([(await world.ask("GET", f, headers={"accept": NDJSON})).text for f in files])
            found = {json.loads(line)["id"] for line in text.splitlines()}
            assert {world.lab, world.was_vital, late} <= found
            assert not found & {world.vital, world.was_lab}
            assert '"vital-signs"' not in text


async def test_what_is_done_later_is_done_within_the_scope(world: World) -> None:
    begun = await world.ask(
        "GET", f"Observation?patient={world.patient}&_count=1000", headers={"prefer": "respond-async"}
    )
    assert begun.status_code == 202
    place = begun.headers["content-location"].partition("/fhir/")[2]
    while (done := await world.ask("GET", place)).status_code == 202:
        await asyncio.gather(*running._under_way)
    assert world.lab in done.text and world.vital not in done.text.replace(f"Observation/{world.vital}", "")


DIRECTORY = "user/Practitioner.rs?active=true user/PractitionerRole.rs user/ValueSet.rs?status=active"


@pytest.fixture(scope="module")
async def practitioners(api: Api) -> tuple[str, str]:
    """One that is active and one that is not, and a role of the second."""
    made = []
    for number, active in enumerate((True, False)):
        body = {"resourceType": "Practitioner", "active": active}
        body |= {"identifier": [{"system": "urn:p", "value": str(number)}]}
        made.append((await api.good("POST", "Practitioner", body))["id"])
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": f"Practitioner/{made[1]}"}}
    await api.good("POST", "PractitionerRole", role)
    return made[0], made[1]


async def test_the_directory_too(world: World, practitioners: tuple[str, str]) -> None:
    shown, hidden = practitioners
    for path in ("Practitioner/{}", "Practitioner/{}/_history/1", "Practitioner/{}/_history"):
        assert (await world.ask("GET", path.format(shown), scope=DIRECTORY)).status_code == 200
        assert (await world.ask("GET", path.format(hidden), scope=DIRECTORY)).status_code == 404
    for path in (
        "Practitioner?_total=accurate",
        "Practitioner?identifier=urn:p|1",
        "Practitioner?identifier=urn:p|0,urn:p|1",
        f"PractitionerRole?practitioner=Practitioner/{hidden}&_include=PractitionerRole:practitioner",
        "PractitionerRole?practitioner.identifier=urn:p|1",
        "PractitionerRole?practitioner:Practitioner._id=" + hidden,
    ):
        answer = await world.ask("GET", path, scope=DIRECTORY)
        assert answer.status_code == 200 and hidden not in names(answer)
        assert '"active":false' not in answer.text
        if "._id" in path or ".identifier" in path:
            assert not names(answer)
        assert names(await world.ask("GET", path, scope="user/*.rs")) - names(answer)
    pair = [entry("GET", f"Practitioner?identifier=urn:p|{n}") for n in (0, 1)]
    told = await world.ask(
        "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": pair}, scope=DIRECTORY
    )
    assert shown in told.text and hidden not in told.text


async def test_codes_are_not_told_of_what_a_scope_leaves_out(world: World) -> None:
    url = "http://example.org/vs"
    concept = {"system": "http://loinc.org", "concept": [{"code": "718-7"}]}
    body = {"resourceType": "ValueSet", "status": "draft", "url": url, "compose": {"include": [concept]}}
    await world.api.good("POST", "ValueSet", body)
    path = f"ValueSet/$expand?url={url}"
    for whole in ("user/*.rs", DIRECTORY.replace("?active=true", "").replace("?status=active", "")):
        assert (await world.ask("GET", path, scope=whole)).status_code == 200
    refused = await world.ask(
        "GET", path, scope=DIRECTORY
    )  # what is remembered for others is not for this one
    assert refused.status_code == 403 and "scope" in outcome(refused)["issue"][0]["diagnostics"]


async def test_how_parameters_stand_is_told_to_who_may_see_them_all(world: World) -> None:
    scope = "user/SearchParameter.rs"
    assert (await world.ask("GET", "SearchParameter/$status", scope=scope)).status_code == 200
    some = f"{scope}?status=draft"
    assert (await world.ask("GET", "SearchParameter/$status", scope=some)).status_code == 403


async def test_validation_against_what_is_stored_shows_nothing(world: World) -> None:
    for o, status in ((world.lab, 200), (world.vital, 404)):
        assert (await world.ask("GET", f"Observation/{o}/$validate")).status_code == status


@KINDS
async def test_a_content_is_seen_with_the_document_it_belongs_to(world: World, kind: str) -> None:
    """A limit on documents is one on their contents: else all that is written stood in them."""
    shown, hidden = [await document(world, code) for code in ("11502-2", "34133-9")]
    free = await world.made({"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})
    scope = "user/DocumentReference.rs?type=http://loinc.org|11502-2 user/Binary.rs user/Patient.rs"
    for path in ("Binary/{}", "Binary/{}/_history/1", "Binary/{}/_history", "Binary/{}/$meta"):
        assert (await world.by(kind, path.format(shown), scope)).status_code == 200, path
        left, absent = [await world.by(kind, path.format(o), scope) for o in (hidden, "not-there")]
        assert left.status_code == absent.status_code == 404, path
        assert (await world.by(kind, path.format(hidden), "user/*.rs")).status_code == 200, path
    found = names(await world.by(kind, "Binary?_count=1000", scope))
    assert shown in found and hidden not in found
    assert (free in found) is (kind != "citizen")
    everything = names(await world.by(kind, f"Patient/{world.patient}/$everything?_count=1000", scope))
    assert shown in everything and hidden not in everything
    for gone in (hidden, shown):
        await world.api.good("DELETE", f"Binary/{gone}", as_=world.login)
        assert (await world.by(kind, f"Binary/{gone}", scope)).status_code == 404


async def document(world: World, code: str) -> str:
    """The id of the content of a document of this type."""
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    held = {"attachment": {"contentType": "text/plain", "url": "urn:x"}}
    body = {"resourceType": "DocumentReference", "status": "current", "type": coded, "content": [held]}
    named = await world.made({**body, "subject": {"reference": f"Patient/{world.patient}"}})
    context = {"reference": f"DocumentReference/{named}"}
    content = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
    return await world.made({**content, "securityContext": context})


async def test_about_a_day_is_counted_from_today(world: World) -> None:
    """Rule: R4 search, prefixes: `ap` is 10 % of the time between now and the day."""
    today = world.api.now[0].date()
    made = [
        await world.made(
            observation(world.patient, effectiveDateTime=(today - timedelta(days=days)).isoformat())
        )
        for days in (100, 150)
    ]
    scope = f"user/Observation.rs?date=ap{today - timedelta(days=100)}"
    seen = [(await world.ask("GET", f"Observation/{one}", scope=scope)).status_code for one in made]
    assert seen == [200, 404]
