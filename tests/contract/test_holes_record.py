"""Ways into the record that were open once: each test tries to get in, over HTTP, with everything behind."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from aubier.access.actor import Actor, system_actor
from aubier.access.records import RECORD_TYPES
from aubier.app import SERVICES, House
from aubier.ground.problem import Problem
from aubier.store.intent import Grant
from tests.open_house import open_house
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
JSON_PATCH = "application/json-patch+json"


def professional(login: str, number: str, *more: str) -> Actor:
    return Actor(
        "professional",
        login,
        f"Dr {login.capitalize()}",
        keys=(f"ps:{number}", *more),
        reference=f"Practitioner/{login}",
        scopes=("user/*.cruds",),
        purpose="TREAT",
    )


def citizen(login: str, *scopes: str) -> Actor:
    return Actor(
        "citizen",
        login,
        login.capitalize(),
        keys=(f"person:{login}",),
        reference=f"Patient/{login}",
        scopes=scopes or ("patient/*.cruds",),
        purpose="PATRQT",
    )


ALMA, BRUNO = professional("alma", "899710000011"), professional("bruno", "899710000029")
STRANGER = professional("stranger", "899710000037")
NURSE = replace(
    professional("nurse", "899710000045", "org:1299900035"), name="IDE Nurse", organization="1299900035"
)
ACTORS = {a.login: a for a in (ALMA, BRUNO, STRANGER, NURSE, citizen("ines"), citizen("nadia"))}
ACTORS["ward"] = professional("ward", "899710000052", "org:1299900077")
ACTORS |= {"loader": system_actor("loader"), "app": citizen("ines", "patient/*.rs")}


@dataclass
class Desk:
    """The house, and the client of an open house."""

    house: House
    client: httpx.AsyncClient

    async def ask(self, login: str, method: str, path: str, body: Any = None, **how: str) -> httpx.Response:
        """A request; `body` is sent as JSON of type `kind`, `accept` asks for a type."""
        headers = {"x-login": login, "accept": how.get("accept", "application/fhir+json")}
        headers |= {"content-type": how.get("kind", "application/fhir+json")} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else b""
        return await self.client.request(method, path, content=data, headers=headers)

    async def made(self, login: str, resource: dict[str, Any]) -> dict[str, Any]:
        """A resource stored by the FHIR interface, as the platform reads it back."""
        answer = await self.ask(login, "POST", f"/fhir/{resource['resourceType']}", resource)
        assert answer.status_code == 201, answer.text
        return await self.held(resource["resourceType"], answer.headers["location"].split("/")[-3])

    async def deposited(self, login: str, **changes: Any) -> dict[str, Any]:
        """A document deposited by the PDSm door, as the platform reads it back."""
        answer = await self.ask(login, "POST", "/pdsm/DocumentReference", document(**changes))
        assert answer.status_code == 201, answer.text
        return await self.held("DocumentReference", answer.headers["location"].split("/")[-1])

    async def held(self, kind: str, logical: str) -> dict[str, Any]:
        return await self.house.context(system_actor("test")).store.read(kind, logical)

    async def put(self, login: str, resource: dict[str, Any]) -> int:
        path = f"/fhir/{resource['resourceType']}/{resource['id']}"
        return (await self.ask(login, "PUT", path, resource)).status_code

    async def reads(self, login: str, resource: dict[str, Any]) -> int:
        path = f"/fhir/{resource['resourceType']}/{resource['id']}"
        return (await self.ask(login, "GET", path)).status_code

    async def pressed(self, login: str, page: str, to: str = "", **fields: str) -> tuple[str, httpx.Response]:
        """The text of a page, and the answer to its form, sent to `to` (the page itself) with its token."""
        headers = {"x-login": login, "accept": "text/html", "cookie": "aubier-session=of-someone"}
        asked = (await self.client.get(page, headers=headers)).text
        token = asked.partition('name="csrf" value="')[2].partition('"')[0]
        return asked, await self.client.post(to or page, data={"csrf": token} | fields, headers=headers)


def coding(code: str) -> dict[str, str]:
    return {"system": VISIBILITY, "code": code}


def signature(number: str) -> dict[str, Any]:
    name = next(a.name for a in ACTORS.values() if f"ps:{number}" in a.keys)
    return {"identifier": {"system": IDNPS, "value": number}, "display": name}


def document(data: bytes = b"Bonjour", author: Any = "899710000011", **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "subject": {"reference": "Patient/ines"},
        "author": author if isinstance(author, list) else [signature(author)],
        "description": "Certificat",
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "data": base64.b64encode(data).decode(),
                    "size": len(data),
                    "hash": base64.b64encode(hashlib.sha1(data).digest()).decode(),
                    "title": "Certificat",
                }
            }
        ],
    } | changes


def condition(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/ines"},
        "recorder": {"identifier": {"system": IDNPS, "value": "899710000011"}},
        "code": {"text": "Contraception"},
    } | changes


SECRET = {"meta": {"security": [coding("INVISIBLE_REPRESENTANTS_LEGAUX")]}}


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_house(database(), tmp_path_factory.mktemp("house"), lambda: NOW, ACTORS) as opened:
        platform = opened.system().store
        for login in ("ines", "nadia"):
            await platform.update({"resourceType": "Patient", "id": login, "name": [{"family": login}]})
        await platform.grant(
            Grant("ines", ALMA.keys[0], "treating-doctor", "rw"),
            Grant("ines", BRUNO.keys[0], "care-team", "rw", withheld=("mask:ps",)),
            Grant("ines", "person:nadia", "parental-authority", "rw", withheld=("mask:rep",)),
        )
        yield Desk(opened.house, opened.client)


# -- masks ----------------------------------------------------------------------------------------------


def test_every_type_of_the_record_bears_the_rule() -> None:
    rows = [r for s in SERVICES for r in s.before_write if r.name == "record.visibility"]
    assert [r.types for r in rows] == [RECORD_TYPES]
    assert {"Patient", "DocumentReference", "Condition", "Binary", "List", "Consent"} <= set(RECORD_TYPES)
    assert not {"Practitioner", "Organization", "Slot"} & set(RECORD_TYPES)


@pytest.mark.parametrize("author", ["loader", "bruno"])
async def test_a_carer_does_not_take_off_the_secret_of_another(desk: Desk, author: str) -> None:
    secret = await desk.made(author, condition(**SECRET))
    assert await desk.reads("nadia", secret) == 404
    open_ = {k: v for k, v in secret.items() if k != "meta"}
    assert await desk.put("alma", open_) == 403
    assert await desk.reads("nadia", secret) == 404


async def test_nor_in_any_other_spelling_or_by_a_patch(desk: Desk) -> None:
    secret = await desk.made("loader", condition(**SECRET))
    for security in ([coding("N")], [], [{"code": "X"}], [coding("MASQUE_PS")]):
        assert await desk.put("alma", secret | {"meta": {"security": security}}) in (400, 403, 422)
    path = f"/fhir/Condition/{secret['id']}"
    patch = [{"op": "remove", "path": "/meta/security"}]
    assert (await desk.ask("alma", "PATCH", path, patch, kind=JSON_PATCH)).status_code >= 400
    assert await desk.reads("nadia", secret) == 404


async def test_the_author_of_a_document_does_not_undo_the_holders_mask(desk: Desk) -> None:
    held = await desk.deposited("alma")
    path = f"/fhir/DocumentReference/{held['id']}"
    asked = {"resourceType": "Parameters", "parameter": [{"name": "masked", "valueBoolean": True}]}
    assert (await desk.ask("ines", "POST", f"{path}/$mask", asked)).status_code == 200
    assert await desk.reads("bruno", held) == 404
    masked = await desk.held("DocumentReference", held["id"])
    assert await desk.put("alma", {k: v for k, v in masked.items() if k != "securityLabel"}) == 403
    patch = [{"op": "remove", "path": "/securityLabel"}]
    door = f"/pdsm/DocumentReference/{held['id']}"
    assert (await desk.ask("alma", "PATCH", door, patch, kind=JSON_PATCH)).status_code == 403
    assert await desk.reads("bruno", held) == 404
    asked["parameter"][0]["valueBoolean"] = False
    assert (await desk.ask("ines", "POST", f"{path}/$mask", asked)).status_code == 200
    assert await desk.reads("bruno", held) == 200


async def test_the_holder_masks_a_document_that_names_them_by_our_whole_address(desk: Desk) -> None:
    about = {"reference": f"{desk.client.base_url}/fhir/Patient/ines"}
    held = await desk.made("loader", document(subject=about))
    assert await desk.reads("bruno", held) == 200
    path = f"/fhir/DocumentReference/{held['id']}"
    answer = await desk.ask("ines", "POST", f"{path}/$mask", {"resourceType": "Parameters"})
    assert answer.status_code == 200, answer.text
    assert await desk.reads("bruno", held) == 404
    shown = [{"op": "remove", "path": "/securityLabel"}]
    door = f"/pdsm/DocumentReference/{held['id']}"
    answer = await desk.ask("ines", "PATCH", door, shown, kind=JSON_PATCH)
    assert answer.status_code == 200, answer.text
    assert await desk.reads("bruno", held) == 200


@pytest.mark.parametrize("place", ["meta", "beside another code", "both"])
async def test_the_holder_shows_again_what_another_hand_masked(desk: Desk, place: str) -> None:
    mask, other = coding("MASQUE_PS"), {"system": "urn:t", "code": "other"}
    borne: dict[str, Any] = {"securityLabel": [{"coding": [other, mask]}, {"coding": [other]}]}
    if place != "beside another code":
        borne = ({} if place == "meta" else borne) | {"meta": {"security": [other, mask]}}
    held = await desk.made("loader", document(**borne))
    assert await desk.reads("bruno", held) == 404
    path = f"/fhir/DocumentReference/{held['id']}"
    asked = {"resourceType": "Parameters", "parameter": [{"name": "masked", "valueBoolean": True}]}
    answer = await desk.ask("ines", "POST", f"{path}/$mask", asked)
    assert answer.json()["meta"]["versionId"] == "1", "it is masked already"
    asked["parameter"][0]["valueBoolean"] = False
    assert (await desk.ask("ines", "POST", f"{path}/$mask", asked)).status_code == 200
    assert await desk.reads("bruno", held) == 200
    shown = await desk.held("DocumentReference", held["id"])
    assert shown["meta"].get("security") == ([other] if "meta" in borne else None)
    assert shown.get("securityLabel") == ([{"coding": [other]}] * 2 if place != "meta" else None)


async def test_a_consent_of_the_platform_is_not_made_into_another(desk: Desk) -> None:
    def consent(scope: str) -> dict[str, Any]:
        return {
            "resourceType": "Consent",
            "status": "active",
            "scope": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": scope}]
            },
            "category": [{"text": "t"}],
            "patient": {"reference": "Patient/ines"},
            "policyRule": {"text": "t"},
        }

    held = await desk.made("loader", consent("patient-privacy"))
    assert await desk.reads("alma", held) == 200
    assert await desk.put("alma", consent("treatment") | {"id": held["id"]}) == 422
    assert (await desk.held("Consent", held["id"]))["meta"]["versionId"] == "1"
    free = await desk.made("loader", consent("treatment"))
    assert await desk.put("alma", consent("treatment") | {"id": free["id"], "status": "inactive"}) == 200


async def test_what_changed_meanwhile_is_not_written_over(desk: Desk) -> None:
    held, store = await desk.made("loader", condition()), desk.house.context(system_actor("test")).store
    await store.update(held | {"recordedDate": "2026-01-01"}, 1)
    with pytest.raises(Problem) as refused:
        await store.update(held | {"recordedDate": "2026-01-02"}, 1)
    assert refused.value.kind == "precondition"
    assert (await desk.held("Condition", held["id"]))["recordedDate"] == "2026-01-01"


async def test_the_button_of_the_page_hides_and_shows(desk: Desk) -> None:
    held = await desk.deposited("alma")
    page = f"/citoyen/documents/{held['id']}"
    for masked, status in (("yes", 404), ("no", 200)):
        _, done = await desk.pressed("ines", page, f"{page}/masquer", masked=masked)
        assert done.status_code == 303, done.text
        assert await desk.reads("bruno", held) == status


async def test_nobody_but_the_author_puts_a_mask_on(desk: Desk) -> None:
    theirs = await desk.made("bruno", condition())
    for code in ("INVISIBLE_PATIENT", "MASQUE_PS", "CONNEXION_SECRETE"):
        assert await desk.put("alma", theirs | {"meta": {"security": [coding(code)]}}) == 403
    assert await desk.reads("ines", theirs) == 200


async def test_the_author_hides_and_shows_what_they_hid(desk: Desk) -> None:
    waiting = await desk.made("alma", condition(meta={"security": [coding("INVISIBLE_PATIENT")]}))
    assert await desk.reads("ines", waiting) == 404
    told = {k: v for k, v in waiting.items() if k != "meta"}
    assert await desk.put("alma", told) == 200
    assert await desk.reads("ines", waiting) == 200
    assert await desk.put("alma", told | {"meta": {"security": [coding("INVISIBLE_PATIENT")]}}) == 200
    assert await desk.put("alma", told) == 200


async def test_naming_oneself_gives_no_say_over_masks(desk: Desk) -> None:
    secret = await desk.made("bruno", condition(**SECRET))
    mine = {**secret, "recorder": {"identifier": {"system": IDNPS, "value": "899710000011"}}}
    await desk.put("alma", mine)
    assert await desk.put("alma", {k: v for k, v in mine.items() if k != "meta"}) == 403


# -- tokens ---------------------------------------------------------------------------------------------


MASK = [{"op": "add", "path": "/securityLabel", "value": [{"coding": [coding("MASQUE_PS")]}]}]


async def test_a_token_that_reads_changes_no_visibility(desk: Desk) -> None:
    held = await desk.deposited("alma")
    door = f"/pdsm/DocumentReference/{held['id']}"
    assert (await desk.ask("app", "GET", door)).status_code == 200
    refused = await desk.ask("app", "PATCH", door, MASK, kind=JSON_PATCH)
    assert refused.status_code == 403
    assert (await desk.ask("app", "POST", "/pdsm/DocumentReference", document())).status_code == 403
    assert (await desk.ask("ines", "PATCH", door, MASK, kind=JSON_PATCH)).status_code == 200


async def test_a_holder_lifts_no_visibility_that_is_not_theirs(desk: Desk) -> None:
    labels = [{"coding": [coding("INVISIBLE_REPRESENTANTS_LEGAUX")]}]
    held = await desk.deposited("alma", securityLabel=labels)
    door = f"/pdsm/DocumentReference/{held['id']}"
    patch = [{"op": "remove", "path": "/securityLabel"}]
    assert (await desk.ask("ines", "PATCH", door, patch, kind=JSON_PATCH)).status_code == 403


# -- contents -------------------------------------------------------------------------------------------


async def test_a_document_of_ones_own_opens_no_other_content(desk: Desk) -> None:
    held = await desk.deposited("alma", data=b"directives secretes")
    url = held["content"][0]["attachment"]["url"]
    door = f"/pdsm/DocumentReference/{held['id']}"
    assert (await desk.ask("bruno", "GET", f"/pdsm/{url}", accept="*/*")).status_code == 200
    assert (await desk.ask("ines", "PATCH", door, MASK, kind=JSON_PATCH)).status_code == 200
    assert (await desk.ask("bruno", "GET", f"/pdsm/{url}", accept="*/*")).status_code == 404
    mine = document(content=[{"attachment": {"contentType": "text/plain", "url": url}}])
    entry = {"resource": mine, "request": {"method": "POST", "url": "DocumentReference"}}
    batch = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await desk.ask("bruno", "POST", "/fhir/DocumentReference", mine)).status_code == 422
    assert (await desk.ask("bruno", "POST", "/fhir", batch)).status_code == 422
    assert (await desk.ask("bruno", "POST", "/pdsm/DocumentReference", mine)).status_code >= 400
    other = await desk.deposited("bruno", author="899710000029", data=b"a moi")
    swapped = {**other, "content": mine["content"]}
    assert await desk.put("bruno", swapped) == 422
    assert (await desk.ask("bruno", "GET", f"/pdsm/{url}", accept="*/*")).status_code == 404


async def test_a_document_keeps_the_content_it_came_with(desk: Desk) -> None:
    held = await desk.deposited("alma", data=b"le mien")
    assert await desk.put("alma", {**held, "status": "superseded"}) == 200
    url = held["content"][0]["attachment"]["url"]
    assert (await desk.ask("alma", "GET", f"/pdsm/{url}", accept="*/*")).content == b"le mien"


# -- lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["folder", ""])
@pytest.mark.parametrize("spelt", ["{0}", "http://127.0.0.1:8000/fhir/{0}", "{0}/_history/1"])
async def test_a_list_made_after_the_mask_tells_nothing(desk: Desk, code: str, spelt: str) -> None:
    held = await desk.deposited("alma")
    door = f"/pdsm/DocumentReference/{held['id']}"
    assert (await desk.ask("ines", "PATCH", door, MASK, kind=JSON_PATCH)).status_code == 200
    system = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
    named = {"reference": spelt.format(f"DocumentReference/{held['id']}"), "display": "psy"}
    folder = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "title": "Dossier psy",
        "subject": {"reference": "Patient/ines"},
    } | ({"code": {"coding": [{"system": system, "code": code}]}} if code else {})
    made = await desk.made("alma", folder | {"entry": [{"item": named}]})
    assert [await desk.reads(login, made) for login in ("alma", "ines", "bruno")] == [200, 200, 404]
    empty = await desk.made("alma", folder)
    assert await desk.reads("bruno", empty) == 200
    assert await desk.put("alma", {**empty, "entry": [{"item": named}]}) == 200
    assert await desk.reads("bruno", empty) == 404


# -- who deposited --------------------------------------------------------------------------------------

DEPOSITED_BY = "urn:aubier:deposited-by"


def depositor(held: dict[str, Any]) -> list[str]:
    return [e["valueReference"]["display"] for e in held.get("extension", []) if e["url"] == DEPOSITED_BY]


@pytest.mark.parametrize(
    "author",
    [
        {"identifier": {"system": IDNPS, "value": "899710000011"}, "display": "Dr Alma"},
        {"identifier": {"system": IDNPS, "value": "899710000037"}, "display": "Dr Alma"},
        {"reference": "Practitioner/alma", "display": "Dr Alma"},
        {"display": "Dr Alma"},
    ],
)
async def test_a_stranger_who_signs_for_another_is_named(desk: Desk, author: dict[str, Any]) -> None:
    forged = {"url": DEPOSITED_BY, "valueReference": {"display": "Dr Alma"}}
    held = await desk.deposited("stranger", author=[author], extension=[forged])
    assert depositor(held) == ["Dr Stranger"]
    page = await desk.ask("ines", "GET", f"/citoyen/documents/{held['id']}", accept="text/html")
    assert page.status_code == 200
    assert "déposé par Dr Stranger" in page.text
    listed = await desk.ask("ines", "GET", "/citoyen/documents", accept="text/html")
    assert "déposé par Dr Stranger" in listed.text.replace("\u00a0", " ")
    path = f"/pro/patients/ines/documents/{held['id']}"
    assert "déposé par Dr Stranger" in (await desk.ask("bruno", "GET", path, accept="text/html")).text


async def test_whom_a_document_names_without_their_hand_may_not_delete_it(desk: Desk) -> None:
    held = await desk.deposited("stranger")
    path = f"/fhir/DocumentReference/{held['id']}"
    assert (await desk.ask("alma", "DELETE", path)).status_code == 403
    withdrawn = {**held, "status": "entered-in-error"}
    assert await desk.put("alma", withdrawn) == 403
    bare = {k: v for k, v in held.items() if k != "extension"}
    assert await desk.put("alma", bare) == 422
    assert await desk.reads("ines", held) == 200


async def test_a_colleague_by_the_directory_is_not_doubled(desk: Desk) -> None:
    platform = desk.house.context(system_actor("test")).store
    place = {"system": IDNST, "value": "1299900035"}
    for kind, logical, identifier in (
        ("Practitioner", "alma", {"system": IDNPS, "value": "899710000011"}),
        ("Organization", "clinic", place),
    ):
        await platform.update({"resourceType": kind, "id": logical, "identifier": [identifier]})
    assert depositor(await desk.deposited("nurse")) == ["IDE Nurse"]
    role = {"practitioner": {"reference": "Practitioner/alma"}}
    role |= {"organization": {"reference": "Organization/clinic"}}
    await platform.create({"resourceType": "PractitionerRole", **role})
    assert depositor(await desk.deposited("nurse")) == []
    assert depositor(await desk.deposited("stranger")) == ["Dr Stranger"]
    elsewhere = signature("899710000029")
    assert depositor(await desk.deposited("nurse", author=[elsewhere])) == ["IDE Nurse"]


async def test_an_author_and_a_sending_system_are_not_doubled(desk: Desk) -> None:
    assert depositor(await desk.deposited("alma")) == []
    assert depositor(await desk.deposited("loader")) == []


# -- what is no text and no number ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "path", "status"),
    [
        ("ines", "/citoyen/acces?page=%C2%B2", 200),
        ("ines", "/citoyen/acces?page=%D9%A3", 200),
        ("ines", "/citoyen/acces?page=99999999999999999999", 200),
        ("ines", "/citoyen/documents/%00", 400),
        ("ines", "/citoyen/documents/%00/fichier", 400),
        ("ines", "/citoyen/partage/donner/%00", 400),
        ("ines", "/citoyen/partage/retirer/%00", 400),
        ("ines", "/citoyen/documents?q=%00", 400),
        ("ines", "/citoyen/documents?auteur=%00", 400),
        ("ines", "/citoyen?%00=1", 400),
        ("ines", "/documents/%00/parts/body", 400),
        ("ines", "/documents/x/parts/%00", 400),
        ("alma", "/pro/patients/%00", 400),
        ("alma", "/pro/patients/ines/documents/%00", 400),
        ("alma", "/pro?page=%00", 400),
    ],
)
async def test_a_strange_character_is_an_answer_never_a_fault(
    desk: Desk, login: str, path: str, status: int
) -> None:
    assert (await desk.ask(login, "GET", path, accept="text/html")).status_code == status


async def test_nor_in_a_form_or_at_the_door(desk: Desk) -> None:
    headers = {"x-login": "ines", "content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
    for path in ("/citoyen/pour-qui", "/citoyen/etape", "/citoyen/documents/x/masquer"):
        answer = await desk.client.post(path, content=b"pour=%00&csrf=%00", headers=headers)
        assert answer.status_code in (400, 403)
    kind = {"x-login": "alma", "content-type": "application/xml"}
    answer = await desk.client.post("/pdsm/cda?patient=%00", content=b"<a/>", headers=kind)
    assert answer.status_code == 400


async def test_a_document_too_long_for_a_page_keeps_its_file(desk: Desk) -> None:
    published = (SHARED / "data" / "cda" / "LDL-SES_2022.01.xml").read_bytes()
    assert b"</text>" in published
    data = published.replace(b"</text>", b"<content/>" * 41_000 + b"</text>", 1)
    kind = {"x-login": "loader", "content-type": "application/xml"}
    made = await desk.client.post("/pdsm/cda?patient=ines", content=data, headers=kind)
    assert made.status_code == 201, made.text
    logical = made.headers["location"].split("/")[-1]
    page = await desk.ask("ines", "GET", f"/citoyen/documents/{logical}", accept="text/html")
    assert page.status_code == 200
    assert "trop long pour être affiché en page" in page.text
    file = await desk.ask("ines", "GET", f"/citoyen/documents/{logical}/fichier", accept="*/*")
    assert file.content == data
    assert file.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in file.headers["content-security-policy"]


async def test_a_pdf_opens_in_the_viewer_of_the_browser(desk: Desk) -> None:
    attachment = {**document(b"%PDF-1.4 x")["content"][0]["attachment"], "contentType": "application/pdf"}
    made = await desk.deposited("alma", content=[{"attachment": attachment}])
    file = await desk.ask("ines", "GET", f"/citoyen/documents/{made['id']}/fichier", accept="*/*")
    assert file.headers["content-disposition"].startswith("inline")
    assert "sandbox" not in file.headers["content-security-policy"]
    assert file.headers["cache-control"] == "no-store"


# -- taking back ----------------------------------------------------------------------------------------


async def test_the_access_of_a_place_is_taken_back_and_closed_on_the_page(desk: Desk) -> None:
    platform = desk.house.context(system_actor("test")).store
    place = {"resourceType": "Organization", "id": "ward", "name": "Clinique des Ormes"}
    await platform.update(place | {"identifier": [{"system": IDNST, "value": "1299900077"}]})
    await platform.grant(Grant("ines", "org:1299900077", "hospital-stay", "rw"))
    patient = await desk.held("Patient", "ines")
    assert await desk.reads("ward", patient) == 200
    page = (await desk.ask("ines", "GET", "/citoyen/partage", accept="text/html")).text
    assert "/citoyen/partage/retirer/lieu:ward" in page
    assert "Ce droit vient de la loi" in page  # her mother's, which no operation takes back
    for act, status in (("retirer", 404), ("bloquer", 404), ("debloquer", 404)):
        path = f"/citoyen/partage/{act}/lieu:ward"
        asked, done = await desk.pressed("ines", path)
        assert "Clinique des Ormes" in asked and "lieu de soin" in asked
        assert done.status_code == 303, done.text
        assert await desk.reads("ward", patient) == status
