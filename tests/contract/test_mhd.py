"""The PDSm door on a real store: ITI-65, 66, 67, 68, 105 and metadata update."""

import base64
import copy
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from aubier.access.actor import ANONYMOUS, Actor, Context, system_actor
from aubier.access.view import Access
from aubier.app import build
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Policy, Request
from aubier.rest.doors.capability import statement
from aubier.rest.doors.opening import Opening, opening
from aubier.rest.exchange import Answer
from aubier.rest.interactions import Interactions
from aubier.search.custom import with_custom
from aubier.search.parameters import registry
from aubier.services.record import SERVICE
from aubier.services.record.api import deposit_cda, open_document, parse_document, part_link
from aubier.services.record.cda.header import read_header
from aubier.services.record.demo import Person, Place, Story, Writer, consultation_report, discharge_letter
from aubier.services.record.subject import FLAG_SYSTEM
from aubier.settings import Settings
from aubier.store.contents.binaries import Binaries
from aubier.store.intent import Grant
from aubier.store.store import Store, open_store
from aubier.validation import check
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FIXTURES = SHARED / "fixtures"
CDA = SHARED / "data" / "cda"
INS = "279035121518989"
TEST_OID = "urn:oid:1.2.250.1.213.1.4.10"
SCOPES = ("user/*.cruds",)
(DOOR,) = SERVICE.doors


def professional(idnps: str, scopes: tuple[str, ...] = SCOPES) -> Actor:
    return Actor("professional", idnps, "Dr Test", keys=(f"ps:{idnps}",), scopes=scopes, purpose="TREAT")


AUTHOR = professional("801234567897")
OTHER = professional("899700218896")
STRANGER = professional("810101201234")
CITIZEN = Actor(
    "citizen",
    "dominique",
    "Dominique",
    keys=("person:p1",),
    reference="Patient/p1",
    scopes=("patient/*.cruds", "user/*.cruds"),
    purpose="PATRQT",
)


def patient(logical: str, ins: str, family: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": logical,
        "active": True,
        "identifier": [{"system": TEST_OID, "value": ins}],
        "name": [{"family": family}],
    }


@dataclass
class House:
    """The door and everything below it."""

    access: Access
    folder: Path
    clock: datetime = NOW

    @property
    def door(self) -> Opening:
        known = self.access.store.registry

        def said(base: str) -> bytes:
            return fhir_json.dumps(statement(DOOR, base, registry=known, version="1", published="2026-11-22"))

        return opening(DOOR, Interactions(said, known=lambda: known), said)

    def context(self, actor: Actor) -> Context:
        return self.access.context(actor, self.clock, "en")

    async def ask(self, actor: Actor, method: str, path: str, **options: Any) -> Answer:
        """A request at the door; `query`, `form` (pairs), `body` (bytes or JSON), `headers`."""
        body = options.get("body", b"")
        headers = {"content-type": "application/fhir+json", **options.get("headers", {})}
        request = Request(
            method,
            f"/pdsm{path}",
            query=tuple(options.get("query", ())),
            form=tuple(options.get("form", ())),
            headers=headers,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            base_url="http://aubier.test",
        )
        return await self.door.answer(self.context(actor), request)

    async def refused(self, actor: Actor, method: str, path: str, **options: Any) -> Problem:
        """The Problem that such a request gives."""
        with pytest.raises(Problem) as caught:
            await self.ask(actor, method, path, **options)
        return caught.value

    async def find(self, actor: Actor, of: str = "p1", status: str = "current") -> list[dict[str, Any]]:
        """The documents of a patient that an actor finds."""
        pairs = [("patient", f"Patient/{of}"), ("status", status)]
        bundle = read(await self.ask(actor, "GET", "/DocumentReference", query=pairs))
        return [e["resource"] for e in bundle.get("entry", [])]

    async def count(self, kind: str) -> int:
        """How many resources of a type there are for the platform itself."""
        view = self.context(system_actor("test")).store
        return (await view.search(kind, [("_total", "accurate"), ("_count", "1")])).total or 0


def read(answer: Answer) -> dict[str, Any]:
    return fhir_json.parse(answer.body)


@pytest.fixture(scope="module")
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    known = with_custom(registry(), SERVICE.search_parameters)
    opened = await open_store(database(), statements=SERVICE.statements, registry=known)
    yield opened
    await opened.close()


async def emptied(store: Store) -> None:
    """Everything out of the database: faster than a new one for each test."""
    tables = await store.pool.fetch(
        "select tablename from pg_tables where schemaname = 'public'"
        " and tablename !~ '(meta|^indexing)'"  # how the store itself stands
    )
    await store.pool.execute("truncate " + ", ".join(row["tablename"] for row in tables))


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> House:
    await emptied(store)
    rules: dict[str, list[Any]] = {}
    for row in SERVICE.before_write:
        for kind in row.types:
            rules.setdefault(kind, []).append(row)
    access = Access(
        store,
        before_write=rules,
        check=check,
        settings=Settings.load({}, sandbox=True),
        contents=Binaries(tmp_path / "contents", bytes(32)),
    )
    made = House(access, tmp_path / "contents")
    platform = made.context(system_actor("test")).store
    await platform.update(patient("p1", INS, "PAT-TROIS"))
    await platform.update(patient("p2", "224027511583555", "DECOURCY"))
    await platform.grant(
        *(Grant("p1", key, "relationship", rights="rw") for a in (AUTHOR, OTHER) for key in a.keys),
        Grant("p1", "person:p1", "holder", rights="rw"),
    )
    return made


def simplified(title: str = "Note", data: bytes = b"Bonjour", **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "securityLabel": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}
        ],
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "author": [
            {
                "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": AUTHOR.login},
                "display": "Dr Test",
            }
        ],
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "data": base64.b64encode(data).decode(),
                    "title": title,
                }
            }
        ],
    }
    return document | changes


def provided(*, replaces: str = "", unique: str = "1.2.3", data: bytes = b"Compte rendu") -> dict[str, Any]:
    """A comprehensive submission: List, DocumentReference, Binary, in that order."""
    urls = [f"urn:uuid:0000000{n}-0000-4000-8000-000000000000" for n in (1, 2, 3)]
    sha1 = base64.b64encode(hashlib.sha1(data).digest()).decode()
    document = simplified() | {
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{unique}"},
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "url": urls[2],
                    "size": len(data),
                    "hash": sha1,
                    "title": "Compte rendu",
                }
            }
        ],
    }
    if replaces:
        target = {"reference": f"DocumentReference/{replaces}"}
        document["relatesTo"] = [{"code": "replaces", "target": target}]
    submission = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "code": {
            "coding": [
                {
                    "system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes",
                    "code": "submissionset",
                }
            ]
        },
        "subject": {"reference": "Patient/p1"},
        "date": "2026-11-22T10:00:00+01:00",
        "entry": [{"item": {"reference": urls[1]}}],
    }
    binary = {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "data": base64.b64encode(data).decode(),
    }
    entries = [
        {"fullUrl": url, "resource": r, "request": {"method": "POST", "url": r["resourceType"]}}
        for url, r in zip(urls, (submission, document, binary), strict=True)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def logical(response: dict[str, Any], place: int) -> str:
    return response["entry"][place]["response"]["location"].split("/")[1]


# -- ITI-65 ---------------------------------------------------------------------------------------------


async def test_a_submission_is_stored_and_answered_entry_by_entry(house: House) -> None:
    answer = read(await house.ask(AUTHOR, "POST", "", body=provided()))
    assert answer["type"] == "transaction-response"
    responses = [e["response"] for e in answer["entry"]]
    assert [r["location"].split("/")[0] for r in responses] == ["List", "DocumentReference", "Binary"]
    assert {r["status"] for r in responses} == {"201 Created"}
    (document,) = await house.find(AUTHOR)
    attachment = document["content"][0]["attachment"]
    assert attachment["url"] == responses[2]["location"]
    pairs = [("patient", "Patient/p1"), ("code", "submissionset"), ("status", "current")]
    lists = read(await house.ask(AUTHOR, "GET", "/List", query=pairs))
    assert lists["total"] == 1
    item = lists["entry"][0]["resource"]["entry"][0]["item"]["reference"]
    assert item == f"DocumentReference/{document['id']}"
    content = await house.ask(AUTHOR, "GET", f"/{attachment['url']}", headers={"accept": "text/plain"})
    assert content.body == b"Compte rendu"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda a: a.update(size=3), "size"),
        (lambda a: a.update(hash="2jmj7l5rSw0yVb/vlWAYkK/YBwk="), "hash"),
        (lambda a: a.pop("hash"), "hash"),
        (lambda a: a.pop("size"), "size"),
        (lambda a: a.update(contentType="application/pdf"), "contentType"),
        (lambda a: a.update(url="urn:uuid:00000009-0000-4000-8000-000000000000"), "url"),
    ],
)
async def test_nothing_is_stored_when_a_document_is_not_its_content(
    house: House, change: Callable[[dict[str, Any]], Any], place: str
) -> None:
    bundle = provided()
    change(bundle["entry"][1]["resource"]["content"][0]["attachment"])
    refusal = await house.refused(AUTHOR, "POST", "", body=bundle)
    assert any(at.endswith(f"attachment.{place}") for i in refusal.issues for at in i.at)
    assert await house.count("DocumentReference") == await house.count("List") == 0
    assert not [p for p in house.folder.rglob("*") if p.is_file()]


async def test_the_replaced_document_becomes_superseded_in_the_same_transaction(house: House) -> None:
    first = logical(read(await house.ask(AUTHOR, "POST", "", body=provided())), 1)
    second = logical(
        read(await house.ask(AUTHOR, "POST", "", body=provided(replaces=first, unique="1.2.4"))), 1
    )
    assert [d["id"] for d in await house.find(AUTHOR)] == [second]
    assert [d["id"] for d in await house.find(AUTHOR, status="superseded")] == [first]
    again = await house.refused(AUTHOR, "POST", "", body=provided(replaces=first, unique="1.2.5"))
    assert again.kind == "conflict"
    third = provided(replaces=second, unique="1.2.6", data=b"version 3")
    assert read(await house.ask(AUTHOR, "POST", "", body=third))["type"] == "transaction-response"


async def test_a_replacement_may_come_with_its_own_patch(house: House) -> None:
    first = logical(read(await house.ask(AUTHOR, "POST", "", body=provided())), 1)
    bundle = provided(replaces=first, unique="1.2.4")
    part = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}
    request = {"method": "PATCH", "url": f"DocumentReference/{first}"}
    url = "urn:uuid:00000007-0000-4000-8000-000000000000"
    bundle["entry"].insert(1, {"fullUrl": url, "resource": patch, "request": request})
    answer = read(await house.ask(AUTHOR, "POST", "", body=bundle))
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "200", "201", "201"]
    assert answer["entry"][1]["response"]["location"] == f"DocumentReference/{first}/_history/2"


async def test_another_patients_document_is_not_replaced(house: House) -> None:
    platform = house.context(system_actor("test"))
    await platform.store.grant(Grant("p2", AUTHOR.keys[0], "relationship", rights="rw"))
    made = await house.ask(
        AUTHOR, "POST", "/DocumentReference", body=simplified(subject={"reference": "Patient/p2"})
    )
    bundle = provided(replaces=read(made)["id"])
    refusal = await house.refused(AUTHOR, "POST", "", body=bundle)
    assert refusal.kind == "business-rule"
    assert [d["status"] for d in await house.find(AUTHOR, "p2")] == ["current"]


async def test_an_unknown_or_invisible_document_is_not_replaced(house: House) -> None:
    unknown = await house.refused(AUTHOR, "POST", "", body=provided(replaces="nowhere"))
    made = await house.ask(
        professional("2"), "POST", "/DocumentReference", body=simplified(subject={"reference": "Patient/p2"})
    )
    hidden = made.headers["Location"].rpartition("/")[2]
    invisible = await house.refused(AUTHOR, "POST", "", body=provided(replaces=hidden))
    assert unknown.issues == invisible.issues
    assert unknown.kind == "business-rule"


async def test_the_same_document_is_not_deposited_twice(house: House) -> None:
    await house.ask(AUTHOR, "POST", "", body=provided())
    assert (await house.refused(AUTHOR, "POST", "", body=provided())).kind == "duplicate"


async def test_a_patient_may_be_named_by_ins(house: House) -> None:
    bundle = provided()
    for entry in bundle["entry"][:2]:
        entry["resource"]["subject"] = {"reference": f"Patient?identifier={TEST_OID}|{INS}"}
    await house.ask(AUTHOR, "POST", "", body=bundle)
    (document,) = await house.find(AUTHOR)
    assert document["subject"]["reference"] == "Patient/p1"


async def test_what_is_here_may_be_named_by_its_whole_address(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = "http://aubier.test/fhir"
    monkeypatch.setattr(house.access.store, "bases", (f"{there}/",))
    first = logical(read(await house.ask(AUTHOR, "POST", "", body=provided())), 1)
    bundle = provided(replaces=first, unique="1.2.4")
    for entry in bundle["entry"][:2]:
        entry["resource"]["subject"] = {"reference": f"{there}/Patient/p1"}
    bundle["entry"][1]["resource"]["relatesTo"][0]["target"] = {
        "reference": f"{there}/DocumentReference/{first}"
    }
    second = logical(read(await house.ask(AUTHOR, "POST", "", body=bundle)), 1)
    (document,) = await house.find(AUTHOR)
    assert (document["id"], document["subject"]["reference"]) == (second, "Patient/p1")
    assert document["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{first}"
    elsewhere = simplified(subject={"reference": "http://other.test/fhir/Patient/p1"})
    refusal = await house.refused(AUTHOR, "POST", "/DocumentReference", body=elsewhere)
    assert refusal.issues[0].at == ("DocumentReference.subject",)


async def test_an_unknown_patient_is_told_as_such(house: House) -> None:
    other = f"2210425456114{97 - 2210425456114 % 97:02d}"
    for reference in ("Patient/nobody", f"Patient?identifier={TEST_OID}|{other}"):
        document = simplified(subject={"reference": reference})
        refusal = await house.refused(AUTHOR, "POST", "/DocumentReference", body=document)
        assert refusal.kind == "business-rule"
        assert refusal.issues[0].at == ("DocumentReference.subject",)


async def test_the_dmp_replacement_example_is_flagged_then_refused_for_its_missing_target(
    house: House,
) -> None:
    body = json.loads(
        (FIXTURES / "pdsm4dmp-0.1.0/examples/Bundle-example-td2-1-remplacement.json").read_text()
    )
    refusal = await house.refused(AUTHOR, "POST", "", body=body)
    assert refusal.kind in ("business-rule", "not-found")
    body["entry"] = [e for e in body["entry"] if e["request"]["method"] != "PATCH"]
    body["entry"][1]["resource"].pop("relatesTo")
    answer = read(await house.ask(AUTHOR, "POST", "", body=body))
    stored = await house.context(system_actor("test")).store.read("DocumentReference", logical(answer, 1))
    assert [t["system"] for t in stored["meta"]["tag"]] == [FLAG_SYSTEM]
    assert "123456789012345" not in json.dumps(stored)
    assert stored["subject"]["reference"] != "Patient/p1"


# -- ITI-105, ITI-68 ------------------------------------------------------------------------------------


async def test_a_simplified_publication_gets_size_hash_and_its_content_out(house: House) -> None:
    response = await house.ask(AUTHOR, "POST", "/DocumentReference", body=simplified(data=b"Bonjour"))
    assert response.status == 201
    document = read(response)
    attachment = document["content"][0]["attachment"]
    assert attachment["size"] == 7 and "data" not in attachment
    assert attachment["hash"] == base64.b64encode(hashlib.sha1(b"Bonjour").digest()).decode()
    assert response.headers["Location"] == f"http://aubier.test/pdsm/DocumentReference/{document['id']}"
    assert b"Bonjour" not in b"".join(p.read_bytes() for p in house.folder.rglob("*") if p.is_file())


async def test_the_published_example_with_a_false_size_and_hash_is_refused(house: House) -> None:
    name = "pdsm-3.1.1/examples/DocumentReference-PDSmSimplifiedExample.json"
    body = json.loads((FIXTURES / name).read_text()) | {"subject": {"reference": "Patient/p1"}}
    refusal = await house.refused(AUTHOR, "POST", "/DocumentReference", body=body)
    places = {at.rpartition(".")[2] for i in refusal.issues for at in i.at}
    assert places >= {"size", "hash"}


async def test_a_content_is_negotiated_and_sent_safely(house: House) -> None:
    document = read(await house.ask(AUTHOR, "POST", "/DocumentReference", body=simplified("Été à l'île")))
    url = "/" + document["content"][0]["attachment"]["url"]
    raw = await house.ask(AUTHOR, "GET", url, headers={"accept": "text/plain"})
    assert (raw.body, raw.media_type) == (b"Bonjour", "text/plain")
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in raw.headers["Content-Security-Policy"]
    assert "filename*=UTF-8''%C3%89t%C3%A9" in raw.headers["Content-Disposition"]
    binary = read(await house.ask(AUTHOR, "GET", url, headers={"accept": "application/fhir+json"}))
    assert base64.b64decode(binary["data"]) == b"Bonjour"
    same = await house.ask(
        AUTHOR, "GET", url, headers={"accept": "*/*", "if-none-match": raw.headers["ETag"]}
    )
    assert (same.status, same.body) == (304, b"")
    refusal = await house.refused(AUTHOR, "GET", url, headers={"accept": "application/pdf"})
    assert refusal.kind == "not-acceptable"


async def test_a_content_follows_the_rights_of_its_document(house: House) -> None:
    document = read(await house.ask(AUTHOR, "POST", "/DocumentReference", body=simplified()))
    url = "/" + document["content"][0]["attachment"]["url"]
    missing = f"/Binary/{'0' * 64}"
    hidden, absent = [await house.refused(STRANGER, "GET", place) for place in (url, missing)]
    assert hidden.kind == absent.kind == "not-found"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("subject"),
        lambda d: d.update(status="superseded"),
        lambda d: d["content"][0]["attachment"].pop("title"),
        lambda d: d["content"][0]["attachment"].update(url="Binary/1"),
        lambda d: d["content"][0]["attachment"].update(data="%%%"),
        lambda d: d["content"].append(copy.deepcopy(d["content"][0])),
    ],
)
async def test_a_simplified_publication_that_lacks_something_is_refused(
    house: House, change: Callable[[dict[str, Any]], Any]
) -> None:
    document = simplified()
    change(document)
    refusal = await house.refused(AUTHOR, "POST", "/DocumentReference", body=document)
    assert refusal.kind in ("business-rule", "value")
    assert await house.count("DocumentReference") == 0


async def test_feeding_needs_no_relationship_reading_does(house: House) -> None:
    response = await house.ask(STRANGER, "POST", "/DocumentReference", body=simplified())
    assert response.status == 201
    assert len(await house.find(AUTHOR)) == 1


async def test_who_opposed_is_not_fed(house: House) -> None:
    platform = house.context(system_actor("test")).store
    await platform.grant(Grant("p1", STRANGER.keys[0], "opposition", deny=True))
    refusal = await house.refused(STRANGER, "POST", "/DocumentReference", body=simplified())
    assert refusal.kind in ("not-found", "forbidden")
    assert await house.count("DocumentReference") == 0


async def test_a_citizen_feeds_their_own_record_and_no_other(house: House) -> None:
    own = simplified(author=[{"reference": "Patient/p1"}])
    assert (await house.ask(CITIZEN, "POST", "/DocumentReference", body=own)).status == 201
    references = ["Patient/p2", "Patient/nobody", f"Patient?identifier={TEST_OID}|224027511583555"]
    for reference in references:
        body = own | {"subject": {"reference": reference}}
        refusal = await house.refused(CITIZEN, "POST", "/DocumentReference", body=body)
        assert refusal.kind == "business-rule", reference
    assert await house.count("DocumentReference") == 1
    assert await house.count("Patient") == 2


# -- ITI-66, ITI-67 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "places"),
    [
        ("/DocumentReference", [("status", "current")], {"http.patient"}),
        ("/DocumentReference", [("patient", "Patient/p1")], {"http.status"}),
        ("/DocumentReference", [], {"http.patient", "http.status"}),
        ("/List", [("patient", "Patient/p1")], {"http.code", "http.status"}),
        (
            "/DocumentReference",
            [("patient", "Patient/p1"), ("status", "current"), ("custodian", "x")],
            {"http.custodian"},
        ),
    ],
)
async def test_a_search_without_what_the_guide_requires_is_refused(
    house: House, path: str, query: list[tuple[str, str]], places: set[str]
) -> None:
    refusal = await house.refused(AUTHOR, "GET", path, query=query)
    assert {at for i in refusal.issues for at in i.at} == places


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        (("type", "http://loinc.org|11490-0"), 1),
        (("type", "11488-4"), 0),
        (("category", "11"), 1),
        (("facility", "SA01"), 1),
        (("setting", "ETABLISSEMENT"), 1),
        (("format", "urn:asip:ci-sis:ldl-ses:2017"), 1),
        (("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.250.1.213.1.1.1.29.2022.1.1"), 1),
        (("period", "ge2019-11"), 1),
        (("period", "2019-11"), 0),
        (("date", "ge2026-11-22"), 1),
        (("date", "lt2026-11-22"), 0),
        (("security-label", "N"), 1),
        (("event", "IMP"), 1),
    ],
)
async def test_documents_are_found_by_what_their_cda_says(
    house: House, pair: tuple[str, str], found: int
) -> None:
    await deposit_cda(house.context(AUTHOR), (CDA / "LDL-SES_2022.01.xml").read_bytes())
    query = [("patient.identifier", f"{TEST_OID}|{INS}"), ("status", "current"), pair]
    for how in ({"query": query}, {"form": query}):
        path = "/DocumentReference" + ("/_search" if "form" in how else "")
        answer = read(await house.ask(AUTHOR, "POST" if "form" in how else "GET", path, **how))
        assert answer["total"] == found


# -- metadata update ------------------------------------------------------------------------------------

MASK = [
    {
        "op": "replace",
        "path": "/securityLabel",
        "value": [
            {
                "coding": [
                    {
                        "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/"
                        "TRE-A07-StatutVisibiliteDocument",
                        "code": "MASQUE_PS",
                    }
                ]
            }
        ],
    }
]
JSON_PATCH = {"content-type": "application/json-patch+json"}
XML = {"content-type": "application/xml"}


async def published(house: House, **changes: Any) -> str:
    return read(await house.ask(AUTHOR, "POST", "/DocumentReference", body=simplified(**changes)))["id"]


async def test_the_status_changes_by_json_patch_and_by_parameters(house: House) -> None:
    document = await published(house)
    path = f"/DocumentReference/{document}"
    body = [{"op": "replace", "path": "/status", "value": "superseded"}]
    changed = await house.ask(AUTHOR, "PATCH", path, body=body, headers=JSON_PATCH)
    assert (read(changed)["status"], read(changed)["meta"]["versionId"]) == ("superseded", "2")
    parameters = json.loads(
        (FIXTURES / "ihe-mhd-4.2.4/examples/Parameters-ex-patchParameters.json").read_text()
    )
    parameters["parameter"][0]["part"][2]["valueCode"] = "current"
    assert read(await house.ask(AUTHOR, "PATCH", path, body=parameters))["status"] == "current"


async def test_a_document_is_archived_and_found_apart(house: House) -> None:
    document = await published(house)
    url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
    body = [{"op": "add", "path": "/extension", "value": [{"url": url, "valueBoolean": True}]}]
    changed = read(
        await house.ask(AUTHOR, "PATCH", f"/DocumentReference/{document}", body=body, headers=JSON_PATCH)
    )
    assert changed["extension"] == [{"url": url, "valueBoolean": True}]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/description", "value": "x"},
        {"op": "add", "path": "/description", "value": "x"},
        {"op": "replace", "path": "/content/0/attachment/title", "value": "x"},
        {"op": "remove", "path": "/author"},
        {"op": "replace", "path": "/subject", "value": {"reference": "Patient/p2"}},
        {"op": "add", "path": "/extension", "value": [{"url": "http://x", "valueBoolean": True}]},
        {"op": "move", "from": "/author", "path": "/authenticator"},
    ],
)
async def test_any_other_element_is_405(house: House, operation: dict[str, Any]) -> None:
    document = await published(house)
    path = f"/DocumentReference/{document}"
    refusal = await house.refused(AUTHOR, "PATCH", path, body=[operation], headers=JSON_PATCH)
    assert refusal.kind == "method"
    assert "Allow" in refusal.headers


async def test_a_conditional_patch_names_one_document(house: House) -> None:
    identifier = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.9"}
    await published(house, masterIdentifier=identifier)
    query = [("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.9")]
    changed = await house.ask(
        AUTHOR, "PATCH", "/DocumentReference", query=query, body=MASK, headers=JSON_PATCH
    )
    assert changed.status == 200
    missing = [("identifier", "urn:oid:9.9")]
    refusal = await house.refused(
        AUTHOR, "PATCH", "/DocumentReference", query=missing, body=MASK, headers=JSON_PATCH
    )
    assert refusal.kind == "not-found"
    refusal = await house.refused(AUTHOR, "PATCH", "/DocumentReference", body=MASK, headers=JSON_PATCH)
    assert refusal.kind == "required"


async def test_only_the_author_withdraws_and_for_good(house: House) -> None:
    document = await published(house)
    path = f"/DocumentReference/{document}"
    body = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
    refusal = await house.refused(OTHER, "PATCH", path, body=body, headers=JSON_PATCH)
    assert refusal.kind == "forbidden"
    withdrawn = await house.ask(AUTHOR, "PATCH", path, body=body, headers=JSON_PATCH)
    assert read(withdrawn)["status"] == "entered-in-error"
    back = [{"op": "replace", "path": "/status", "value": "current"}]
    assert (await house.refused(AUTHOR, "PATCH", path, body=back, headers=JSON_PATCH)).kind == "conflict"
    assert await house.find(AUTHOR) == []


async def test_a_citizen_hides_a_document_of_their_own_record(house: House) -> None:
    document = await published(house)
    path = f"/DocumentReference/{document}"
    changed = await house.ask(CITIZEN, "PATCH", path, body=MASK, headers=JSON_PATCH)
    assert read(changed)["securityLabel"] == MASK[0]["value"]
    body = [{"op": "replace", "path": "/status", "value": "superseded"}]
    assert (await house.refused(CITIZEN, "PATCH", path, body=body, headers=JSON_PATCH)).kind == "forbidden"


async def test_an_old_if_match_is_refused(house: House) -> None:
    path = f"/DocumentReference/{await published(house)}"
    await house.ask(AUTHOR, "PATCH", path, body=MASK, headers=JSON_PATCH)
    headers = JSON_PATCH | {"if-match": 'W/"1"'}
    assert (await house.refused(AUTHOR, "PATCH", path, body=MASK, headers=headers)).kind == "precondition"


@pytest.mark.parametrize("tag", ["3", '"a"', 'W/"1", W/"2"', "W/1"])
async def test_a_condition_that_cannot_be_read_is_not_passed_over(house: House, tag: str) -> None:
    """Its sender would believe that nobody was first."""
    path = f"/DocumentReference/{await published(house)}"
    headers = JSON_PATCH | {"if-match": tag}
    refusal = await house.refused(AUTHOR, "PATCH", path, body=MASK, headers=headers)
    assert (refusal.kind, refusal.issues[0].at) == ("invalid", ("http.If-Match",))
    assert (await house.ask(AUTHOR, "PATCH", path, body=MASK, headers=JSON_PATCH | {"if-match": "*"})).status


@pytest.mark.parametrize("name", ["if-none-exist", "if-match", "if-none-match", "x-provenance"])
@pytest.mark.parametrize("path", ["", "/DocumentReference", "/cda"])
async def test_a_header_of_which_nothing_would_come_is_refused(house: House, path: str, name: str) -> None:
    body = provided() if not path else simplified()
    refusal = await house.refused(AUTHOR, "POST", path, body=body, headers={name: "identifier=1"})
    assert refusal.kind == "not-supported" and refusal.issues[0].at[0].lower() == f"http.{name}"
    assert await house.find(AUTHOR) == []


async def test_so_is_a_condition_of_an_entry(house: House) -> None:
    bundle = provided()
    bundle["entry"][1]["request"]["ifNoneExist"] = "identifier=1"
    refusal = await house.refused(AUTHOR, "POST", "", body=bundle)
    assert refusal.issues[0].at == ("Bundle.entry[1].request.ifNoneExist",)
    assert await house.find(AUTHOR) == []


async def test_a_list_hides_and_shows_with_its_document(house: House) -> None:
    answer = read(await house.ask(AUTHOR, "POST", "", body=provided()))
    platform = house.context(system_actor("record.lists"))
    change = SimpleNamespace(type="DocumentReference", id=logical(answer, 1), version=2, op="update")
    (row,) = SERVICE.on_change
    normal = [MASK[0] | {"value": simplified()["securityLabel"]}]
    for body, expected in ((MASK, ["MASQUE_PS"]), (normal, [])):
        path = f"/DocumentReference/{logical(answer, 1)}"
        await house.ask(CITIZEN, "PATCH", path, body=body, headers=JSON_PATCH)
        for _ in range(2):
            await row.run(platform, change)
        submission = await platform.store.read("List", logical(answer, 0))
        assert [c["code"] for c in submission["meta"].get("security", [])] == expected
    assert submission["meta"]["versionId"] == "3"


async def test_a_hidden_document_is_absent_with_its_content(house: House) -> None:
    policy = Policy("t", lambda a: a.kind == "professional", lambda a: frozenset({"mask:ps"}), "DMP TD3.3a")
    document = read(await house.ask(AUTHOR, "POST", "/DocumentReference", body=simplified()))
    url = "/" + document["content"][0]["attachment"]["url"]
    path = f"/DocumentReference/{document['id']}"
    await house.ask(CITIZEN, "PATCH", path, body=MASK, headers=JSON_PATCH)
    house.access = replace(house.access, policies=[policy])
    for place in (url, path):
        assert (await house.refused(OTHER, "GET", place)).kind == "not-found"
        assert (await house.ask(AUTHOR, "GET", place)).status == 200
        assert (await house.ask(CITIZEN, "GET", place)).status == 200
    assert await house.find(OTHER) == []
    patch = [{"op": "replace", "path": "/status", "value": "superseded"}]
    refusal = await house.refused(OTHER, "PATCH", path, body=patch, headers=JSON_PATCH)
    assert refusal.kind == "not-found"


# -- the door itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/DocumentReference/1", "GET, PATCH"),
        ("DELETE", "/DocumentReference/1", "GET, PATCH"),
        ("POST", "/List", "GET"),
        ("DELETE", "/Binary/1", "GET"),
        ("GET", "", "POST"),
    ],
)
async def test_a_method_that_is_not_taken_is_405_with_allow(
    house: House, method: str, path: str, allow: str
) -> None:
    refusal = await house.refused(AUTHOR, method, path)
    assert (refusal.kind, refusal.headers["Allow"]) == ("method", allow)


@pytest.mark.parametrize("path", ["", "/DocumentReference", "/cda", "/Binary/1", "/List"])
async def test_nobody_enters_without_a_token(house: House, path: str) -> None:
    for method in ("GET", "POST", "PATCH"):
        assert (await house.refused(ANONYMOUS, method, path, body=provided())).kind == "login"


async def test_a_token_that_may_only_read_deposits_nothing(house: House) -> None:
    reader = professional("801234567897", ("user/*.rs",))
    for path, body in (("", provided()), ("/DocumentReference", simplified())):
        assert (await house.refused(reader, "POST", path, body=body)).kind == "forbidden"
    assert await house.count("Patient") == 2


async def test_the_capability_statement_tells_what_the_door_does(house: House) -> None:
    told = read(await house.ask(ANONYMOUS, "GET", "/metadata"))
    check(told)
    kinds = {r["type"]: {i["code"] for i in r["interaction"]} for r in told["rest"][0]["resource"]}
    assert kinds["DocumentReference"] == {"create", "patch", "read", "search-type"}
    assert kinds["List"] == {"read", "search-type"}
    assert told["rest"][0]["interaction"] == [{"code": "transaction"}]


async def test_the_door_answers_over_http(database: Callable[[], str], tmp_path: Path) -> None:
    built = await build(Settings.load({}, sandbox=True, data=tmp_path), database())

    async def identify(context: Context, headers: Any) -> Actor:
        return AUTHOR if headers.get("authorization") else ANONYMOUS

    built.server.identify = identify
    platform = built.context(system_actor("test")).store
    await platform.update(patient("p1", INS, "PAT-TROIS"))
    await platform.grant(Grant("p1", AUTHOR.keys[0], "relationship", rights="rw"))
    transport = httpx.ASGITransport(app=built.server)
    token = {"authorization": "Bearer x", "content-type": "application/fhir+json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://aubier.test", headers=token) as http:
        answer = (await http.post("/pdsm", json=provided())).json()
        assert answer["entry"][0]["response"]["status"] == "201 Created"
        place = f"/pdsm/{answer['entry'][2]['response']['location']}"
        got = await http.get(place, headers={"accept": "text/plain"})
        assert (got.status_code, got.text) == (200, "Compte rendu")
        assert "sandbox" in got.headers["content-security-policy"]
        head = await http.head(place, headers={"accept": "text/plain"})
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
        refused = await http.delete(f"/pdsm/DocumentReference/{logical(answer, 1)}")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PATCH")
        assert refused.json()["resourceType"] == "OperationOutcome"
        missing = await http.get("/pdsm/DocumentReference", params={"status": "current"})
        assert (missing.status_code, missing.json()["issue"][0]["expression"]) == (400, ["http.patient"])
        nobody = await http.get("/pdsm/DocumentReference", headers={"authorization": ""})
        assert nobody.status_code == 401
        assert (await http.get("/pdsm/metadata")).json()["implementation"]["url"] == "http://aubier.test/pdsm"
    await built.stop()


# -- CDA ------------------------------------------------------------------------------------------------


async def test_every_published_cda_becomes_a_document(house: House) -> None:
    context = house.context(system_actor("test"))
    files = {file.name: file.read_bytes() for file in sorted(CDA.glob("*.xml"))}
    numbers = {read_header(parse_document(data)).patient.ins for data in files.values()}
    for number in sorted({n.extension for n in numbers if n} - {INS}):
        await context.store.update(patient(f"p-{number}", number, "PATIENT"))
    flagged = []
    for name, data in files.items():
        written = await deposit_cda(context, data)
        document = await context.store.read("DocumentReference", written.id)
        assert (await open_document(context, document)).content == data
        if FLAG_SYSTEM in [t["system"] for t in document.get("meta", {}).get("tag", [])]:
            flagged.append(name)
    assert len(files) == 52
    production = {"CSE-CS24_2024.01.xml", "CSE-MDE_2023.01.xml", "eDISP-MED_2024.01.xml"}
    production |= {f"OBP-{kind}_2024.01.xml" for kind in ("SCM", "SNE", "SNM")}
    assert production <= set(flagged)


async def test_what_the_platform_loads_for_nobody_known_is_filed_apart(house: House) -> None:
    context = house.context(system_actor("test"))
    await context.store.update(patient("p1", "0", "X"))
    data = (CDA / "VSM_1.4_2022.01.xml").read_bytes()
    written = await deposit_cda(context, data)
    document = await context.store.read("DocumentReference", written.id)
    assert [t["code"] for t in document["meta"]["tag"]] == ["provisional"]
    assert INS not in json.dumps(document)
    assert (await house.refused(AUTHOR, "POST", "/cda", body=data, headers=XML)).kind == "business-rule"


async def test_a_cda_under_a_production_number_is_flagged_and_filed_apart(house: House) -> None:
    context = house.context(AUTHOR)
    written = await deposit_cda(context, (CDA / "CSE-CS24_2024.01.xml").read_bytes())
    system = house.context(system_actor("test")).store
    document = await system.read("DocumentReference", written.id)
    assert "221042545611404" not in json.dumps(document)
    holder = await system.read("Patient", document["subject"]["reference"].removeprefix("Patient/"))
    assert holder["name"][0]["family"] == "DECOURCY"
    assert "PROV" in json.dumps(holder) and "221042545611404" not in json.dumps(holder)


async def test_a_cda_of_someone_else_does_not_enter_a_record(house: House) -> None:
    data = (CDA / "LDL-SES_2022.01.xml").read_bytes()
    options = {"body": data, "headers": {"content-type": "application/xml"}}
    refusal = await house.refused(AUTHOR, "POST", "/cda", query=[("patient", "Patient/p2")], **options)
    assert refusal.kind == "business-rule"
    made = await house.ask(AUTHOR, "POST", "/cda", query=[("patient", "Patient/p1")], **options)
    assert made.status == 201


async def test_a_file_inside_a_document_comes_from_our_own_address(house: House) -> None:
    context = house.context(AUTHOR)
    written = await deposit_cda(context, (CDA / "DOC_NON_STRUCTURE_CDA-R2-N1.xml").read_bytes())
    (route,) = SERVICE.routes
    params = {"id": written.id, "part": "body"}
    sent = await route.run(context, Request("GET", part_link(written.id, "body"), params))
    assert (sent.status, sent.media_type, sent.body[:5]) == (200, "application/pdf", b"%PDF-")
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    for actor, part in ((AUTHOR, "other"), (STRANGER, "body")):
        with pytest.raises(Problem) as refused:
            await route.run(house.context(actor), Request("GET", "", params | {"part": part}))
        assert refused.value.kind == "not-found"


async def test_our_own_letters_replace_one_another(house: House) -> None:
    place = Place("1350000012", "CHU de Rennes")
    doctor = Writer("801234567897", "Kermarec", "Anne", ("G15_10/SM26", "Médecin"), place)
    person = Person(
        INS,
        TEST_OID.removeprefix("urn:oid:"),
        "PAT-TROIS",
        "DOMINIQUE",
        "DOMINIQUE",
        "1979-03-28",
        "F",
        "51215",
    )
    first = Story("1.2.250.99.1", NOW, person, doctor, start=NOW - timedelta(days=3), end=NOW)
    context = house.context(AUTHOR)
    letter = discharge_letter(first, reason="Chute", summary=["Fracture"], treatments=[], follow_up=["Kiné"])
    one = await deposit_cda(context, letter)
    second = Story("1.2.250.99.2", NOW, person, doctor, replaces="1.2.250.99.1", version=2)
    two = await deposit_cda(context, consultation_report(second, reason="x", findings=["y"], plan=["z"]))
    assert [d["id"] for d in await house.find(AUTHOR)] == [two.id]
    assert [d["id"] for d in await house.find(AUTHOR, status="superseded")] == [one.id]


# -- content rules follow the resource ------------------------------------------------------------------


async def test_a_stored_document_does_not_change_by_put_either(house: House) -> None:
    context = house.context(AUTHOR)
    document = await context.store.read("DocumentReference", await published(house))
    for change, place in (
        ({"description": "other"}, "DocumentReference.description"),
        ({"subject": {"reference": "Patient/p2"}}, "DocumentReference.subject"),
    ):
        with pytest.raises(Problem) as refused:
            await context.store.update(document | change)
        assert refused.value.issues[0].at == (place,)
    await context.store.update(document | {"status": "superseded"})


async def test_a_submission_set_changes_its_status_only(house: House) -> None:
    context = house.context(AUTHOR)
    answer = read(await house.ask(AUTHOR, "POST", "", body=provided()))
    submission = await context.store.read("List", logical(answer, 0))
    with pytest.raises(Problem) as refused:
        await context.store.update(submission | {"title": "other"})
    assert refused.value.issues[0].at == ("List.title",)
    await context.store.update(submission | {"status": "retired"})


async def test_a_binary_that_a_document_names_does_not_change(house: House) -> None:
    store = house.context(system_actor("test")).store
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="}
    made = await store.create(binary | {"securityContext": {"reference": "Patient/p1"}})
    free = await store.create(binary | {"securityContext": {"reference": "Patient/p1"}})
    document = simplified()
    document["content"][0]["attachment"] = {"contentType": "text/plain", "url": f"Binary/{made.id}"}
    await store.create(document)
    with pytest.raises(Problem) as refused:
        await store.update((await store.read("Binary", made.id)) | {"data": "Yg=="})
    assert refused.value.issues[0].at == ("Binary.data",)
    await store.update((await store.read("Binary", free.id)) | {"data": "Yg=="})
