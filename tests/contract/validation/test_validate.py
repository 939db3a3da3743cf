"""$validate and $snapshot over HTTP, profiles on writes, and definitions that change under them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aubier.access.actor import system_actor
from aubier.access.view import Access
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.store.bulk import load
from aubier.validation import validate
from aubier.validation.service import on_write
from aubier.validation.service.targets import Stored
from tests.open_house import DOCTOR, JSON, OpenHouse, open_house
from tests.unit.validation.test_snapshots import profile, row
from tests.where import SHARED

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
GOOD = SHARED / "fixtures/ips-2.0.0/examples/Patient-patient-example-female.json"


@pytest.fixture(scope="module")
async def house(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenHouse]:
    """A house that holds the definitions of the International Patient Summary."""
    data = tmp_path_factory.mktemp("house")
    async with open_house(
        database(), data, lambda: START, {"dr": DOCTOR, "loader": system_actor("loader")}
    ) as opened:
        await stored(opened, *(fhir_json.parse(p.read_bytes()) for p in ips()))
        yield opened


def ips() -> list[Path]:
    """The definitions of the summary."""
    folder = SHARED / "fixtures/ips-2.0.0/conformance"
    return [
        p for p in sorted(folder.glob("*.json")) if p.name.startswith(("StructureDefinition", "ValueSet"))
    ]


async def stored(house: OpenHouse, *definitions: dict[str, Any]) -> None:
    """Puts definitions into the store as a load does."""
    view = replace(house.system().store, access=replace(house.house.access, check=lambda resource: None))
    await load(house.house.store, view.sight, list(definitions), view.prepare)


async def verdict(
    house: OpenHouse, path: str, body: Any = None, login: str = "dr"
) -> list[tuple[str, str, str]]:
    """(severity, code, place) of each issue; the answer is a valid OperationOutcome in two languages."""
    status, answer = await house.ask(login, "POST" if body is not None else "GET", f"/fhir/{path}", body)
    assert status == 200, answer
    assert answer["resourceType"] == "OperationOutcome" and not validate(answer)
    assert all(i["details"]["text"] and "_text" in i["details"] for i in answer["issue"])
    return [(i["severity"], i["code"], (i.get("expression") or [""])[0]) for i in answer["issue"]]


def errors(rows: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """The errors alone."""
    return [(code, place) for severity, code, place in rows if severity == "error"]


def example(**more: Any) -> dict[str, Any]:
    """A published example that declares its profile."""
    return {**fhir_json.parse(GOOD.read_bytes()), **more}


def parameters(**given: Any) -> dict[str, Any]:
    """Parameters with a resource, a mode, profiles."""
    rows: list[dict[str, Any]] = [{"name": "resource", "resource": given["resource"]}]
    rows += [{"name": "mode", "valueCode": given["mode"]}] if "mode" in given else []
    rows += [{"name": "profile", "valueUri": p} for p in given.get("profile", ())]
    return {"resourceType": "Parameters", "parameter": rows}


async def test_a_resource_by_itself_under_the_profile_it_declares(house: OpenHouse) -> None:
    assert errors(await verdict(house, "Patient/$validate", example())) == []
    nameless = {k: v for k, v in example().items() if k != "name"}
    assert errors(await verdict(house, "Patient/$validate", nameless)) == [("required", "Patient.name")]


async def test_the_language_of_the_request_is_no_part_of_the_resource(house: OpenHouse) -> None:
    headers = {"x-login": "dr", "accept": JSON, "content-type": JSON, "accept-language": "en"}
    mine = profile("Patient", row("Patient.active", min=1), name="spoken")
    for path, body in (("Patient/$validate", example()), ("StructureDefinition/$snapshot", mine)):
        content = fhir_json.dumps(body)
        answer = await house.client.post(f"/fhir/{path}", headers=headers, content=content)
        told = fhir_json.parse(answer.content)
        assert answer.status_code == 200 and "_language" not in told
        assert "error" not in {i["severity"] for i in told.get("issue", ())}, told


async def test_a_resource_of_any_type_is_asked_about_on_the_server_itself(house: OpenHouse) -> None:
    assert errors(await verdict(house, "$validate", example())) == []
    broken = parameters(resource={"resourceType": "Patient", "name": "John"})
    assert errors(await verdict(house, "$validate", broken)) == [("structure", "Patient.name")]


async def test_parameters_with_profiles_and_the_query(house: OpenHouse) -> None:
    bare = {"resourceType": "Patient", "name": [{"text": "Ana"}]}
    one = IPS + "Patient-uv-ips"
    assert errors(await verdict(house, "Patient/$validate", bare)) == []
    named = await verdict(
        house, "Patient/$validate", parameters(resource=bare, profile=[one, one + "|2.0.0"])
    )
    assert ("required", "Patient.birthDate") in errors(named)
    by_query = await verdict(house, f"Patient/$validate?profile={one}", bare)
    assert ("required", "Patient.birthDate") in errors(by_query)
    absent = await verdict(house, "Patient/$validate", parameters(resource=bare, profile=[one + "|9"]))
    assert errors(absent) == [("not-found", "Patient")]


async def test_parameters_of_the_url_stand_beside_those_of_the_body(house: OpenHouse) -> None:
    bare, one = {"resourceType": "Patient", "name": [{"text": "Ana"}]}, IPS + "Patient-uv-ips"
    wrapped = await verdict(house, f"Patient/$validate?profile={one}", parameters(resource=bare))
    assert ("required", "Patient.birthDate") in errors(wrapped)
    # Parameters that are themselves asked about: theirs are content, those of the URL are ours.
    content = {"resourceType": "Parameters", "parameter": [{"name": "one", "valueString": "x"}]}
    assert errors(await verdict(house, "Parameters/$validate", content)) == []
    rows = await verdict(house, f"Parameters/$validate?profile={one}", content)
    assert errors(rows) == [("structure", "Parameters")]
    assert errors(await verdict(house, "Parameters/$validate", {"resourceType": "Parameters"})) == []
    status, answer = await house.ask(
        "dr", "POST", "/fhir/Patient/$validate?wish=1", parameters(resource=bare)
    )
    assert (status, answer["issue"][0]["code"]) == (400, "invalid")


async def test_a_response_names_a_form(house: OpenHouse) -> None:
    response = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    named = {**response, "questionnaire": "http://hl7.org/fhir/ValueSet/example-extensional"}
    path = "QuestionnaireResponse/$validate"
    assert errors(await verdict(house, path, named)) == [("value", "QuestionnaireResponse.questionnaire")]
    other = {**response, "questionnaire": "http://hl7.org/fhir/Questionnaire/none"}
    assert errors(await verdict(house, path, other)) == []


async def test_the_target_of_a_reference_is_read_as_whoever_asks_sees_it(house: OpenHouse) -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named", status="draft", abstract=False)
    reached = profile("Organization", row("Organization.telecom", min=1), name="reached", status="draft")
    to = [{"code": "Reference", "targetProfile": [one["url"]]} for one in (named, reached)]
    rows = (row("PractitionerRole.organization", type=[to[1]]), row("Observation.subject", type=[to[0]]))
    role = profile("PractitionerRole", rows[0], name="role", status="draft")
    measure = profile("Observation", rows[1], name="measure", status="draft")
    held = [{**one, "id": f"target-{n}"} for n, one in enumerate((named, reached, role, measure))]
    organization, phone = {"resourceType": "Organization", "name": "x"}, [{"system": "phone", "value": "1"}]
    await stored(
        house,
        *({**one, "name": "N", "kind": "resource", "abstract": False} for one in held),
        {**organization, "id": "silent"},
        {**organization, "id": "reached", "telecom": phone},
        {"resourceType": "Patient", "id": "nameless"},
    )

    async def told(kind: str, element: str, target: str, canonical: str) -> list[tuple[str, str]]:
        body = {"resourceType": kind, element: {"reference": target}, "meta": {"profile": [canonical]}}
        more = {"status": "final", "code": {"text": "x"}} if kind == "Observation" else {}
        return errors(await verdict(house, f"{kind}/$validate", body | more))

    place = [("value", "PractitionerRole.organization.reference")]
    assert await told("PractitionerRole", "organization", "Organization/reached", role["url"]) == []
    assert await told("PractitionerRole", "organization", "Organization/silent", role["url"]) == place
    assert await told("PractitionerRole", "organization", "Organization/nowhere", role["url"]) == []
    # A patient whom this professional may not see is as one who is not there.
    assert await told("Observation", "subject", "Patient/nameless", measure["url"]) == []
    assert await told("Observation", "subject", "Patient/nobody", measure["url"]) == []


async def test_strict_handling_refuses_what_could_not_be_checked(house: OpenHouse) -> None:
    doubtful = {
        "resourceType": "Patient",
        "meta": {"profile": ["http://example.org/StructureDefinition/none"]},
        "extension": [{"url": "http://example.org/StructureDefinition/unknown", "valueString": "x"}],
    }
    assert errors(await verdict(house, "Patient/$validate", doubtful)) == []
    assert await strictly(house, doubtful) == {"Patient", "Patient.extension[0]"}
    assert await strictly(house, {"resourceType": "Patient"}) == set()


async def test_strict_handling_refuses_a_display_that_is_none_of_its_code(house: OpenHouse) -> None:
    marital = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
    body: dict[str, Any] = {"resourceType": "Patient", "maritalStatus": {"coding": []}}
    for display, wrong in (("Never Married", set()), ("Divorced", {"display"})):
        body["maritalStatus"]["coding"] = [{"system": marital, "code": "S", "display": display}]
        assert errors(await verdict(house, "Patient/$validate", body)) == []
        assert {place.rpartition(".")[2] for place in await strictly(house, body)} == wrong


async def strictly(house: OpenHouse, body: dict[str, Any]) -> set[str]:
    """Where $validate finds errors when it is asked for strict handling."""
    headers = {"x-login": "dr", "accept": JSON, "content-type": JSON, "prefer": "handling=strict"}
    content = fhir_json.dumps(body)
    answer = await house.client.post("/fhir/Patient/$validate", headers=headers, content=content)
    assert answer.status_code == 200
    issues = fhir_json.parse(answer.content)["issue"]
    return {i["expression"][0] for i in issues if i["severity"] == "error"}


async def test_what_is_broken_in_the_base_is_an_answer_too(house: OpenHouse) -> None:
    rows = await verdict(house, "Patient/$validate", {"resourceType": "Patient", "nme": 1})
    assert errors(rows) == [("structure", "Patient.nme")]
    rows = await verdict(house, "Patient/$validate", {"resourceType": "Basic", "code": {"text": "x"}})
    assert errors(rows) == [("structure", "Patient.resourceType")] or (
        "structure",
        "Basic.resourceType",
    ) in errors(rows)


async def test_a_profile_is_held_against_its_base(house: OpenHouse) -> None:
    def sent(base: str, *rows: dict[str, Any]) -> dict[str, Any]:
        made = profile("Patient", *rows, name="sent", status="draft", abstract=False)
        return {**made, "name": "Sent", "kind": "resource", "baseDefinition": base}

    base, path = "http://hl7.org/fhir/StructureDefinition/Patient", "StructureDefinition/$validate"
    refused = [("invariant", "StructureDefinition.differential.element[0]")]
    good, wrong = row("Patient.name", id="Patient.name", min=1), row("Patient.nme", id="Patient.nme", min=1)
    assert errors(await verdict(house, path, sent(base, good))) == []
    assert errors(await verdict(house, path, sent(base, wrong))) == refused
    absent = await verdict(house, path, sent("https://example.org/none", wrong))
    assert errors(absent) == []
    assert ("information", "not-found", "StructureDefinition.baseDefinition") in absent
    on_ours = await verdict(house, path, sent(IPS + "Patient-uv-ips", wrong))
    assert errors(on_ours) == refused


async def test_an_instance_and_its_mode(house: OpenHouse) -> None:
    _, made = await house.ask("dr", "POST", "/fhir/Basic", {"resourceType": "Basic", "code": {"text": "x"}})
    place = f"Basic/{made['id']}/$validate"
    assert errors(await verdict(house, place)) == []
    other = parameters(resource={**made, "id": "other"}, mode="update")
    assert errors(await verdict(house, place, other)) == [("value", "Basic.id")]
    status, _ = await house.ask("dr", "GET", "/fhir/Basic/none/$validate")
    assert status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "create"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "guess"}]},
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "profile", "valueUri": "a:b"}, {"name": "odd"}],
        },
    ],
)
async def test_what_cannot_be_asked(house: OpenHouse, body: dict[str, Any]) -> None:
    status, answer = await house.ask("dr", "POST", "/fhir/Patient/$validate", body)
    assert 400 <= status < 500 and answer["issue"][0]["details"]["text"]


async def test_a_definition_that_changes_counts_at_once(house: OpenHouse) -> None:
    mine = profile("Basic", row("Basic.subject", min=1), name="changing", version="1")
    mine |= {"id": "changing", "name": "C", "status": "active", "kind": "resource", "abstract": False}
    body = {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"profile": [mine["url"]]}}
    assert errors(await verdict(house, "Basic/$validate", body)) == []
    await stored(house, mine)
    assert errors(await verdict(house, "Basic/$validate", body)) == [("required", "Basic.subject")]
    await stored(house, {**mine, "differential": {"element": [row("Basic.created", min=1)]}})
    assert errors(await verdict(house, "Basic/$validate", body)) == [("required", "Basic.created")]


async def test_snapshot(house: OpenHouse) -> None:
    mine = profile(
        "Patient", row("Patient.active", min=1), name="snap", baseDefinition=IPS + "Patient-uv-ips"
    )
    status, made = await house.ask("dr", "POST", "/fhir/StructureDefinition/$snapshot", mine)
    assert status == 200
    found = {e["id"]: e for e in made["snapshot"]["element"]}
    assert (found["Patient.active"]["min"], found["Patient.name"]["min"]) == (1, 1)
    status, answer = await house.ask(
        "dr", "POST", "/fhir/StructureDefinition/$snapshot", profile("Patient", row("Patient.nme", min=1))
    )
    assert status == 422 and answer["issue"][0]["expression"] == [
        "StructureDefinition.differential.element[0]"
    ]
    status, made = await house.ask(
        "dr", "GET", f"/fhir/StructureDefinition/$snapshot?url={IPS}Flag-alert-uv-ips"
    )
    assert status == 200 and made["snapshot"]["element"][0]["id"] == "Flag"


@pytest.mark.parametrize("versions", [("9.0.0", "10.0.0"), ("10.0.0", "9.0.0")])
async def test_a_snapshot_by_url_is_that_of_the_highest_version(
    house: OpenHouse, versions: tuple[str, str]
) -> None:
    name = f"by-url-{versions[0]}"
    rows = [
        profile("Basic", row("Basic.created", min=1), name=name, version=v, id=f"v{v}-{name}")
        for v in versions
    ]
    await stored(house, *rows)
    for asked, version in ((rows[0]["url"], "10.0.0"), (f"{rows[0]['url']}|9.0.0", "9.0.0")):
        status, made = await house.ask("dr", "GET", f"/fhir/StructureDefinition/$snapshot?url={asked}")
        assert (status, made["version"]) == (200, version)


async def test_a_store_that_does_not_answer_is_not_taken_for_a_target_that_is_not_there(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: Any, **__: Any) -> None:
        raise problem("transient", "The store does not answer", "La base ne répond pas")

    monkeypatch.setattr(type(house.house.store), "search", silent)
    with pytest.raises(Problem) as refused:
        await Stored(house.system().store).read(["Basic/1"])
    assert refused.value.kind == "transient"


async def test_a_snapshot_has_the_words_of_what_it_rests_on(house: OpenHouse) -> None:
    mine = profile(
        "Patient",
        row("Patient.active", definition="... Here."),
        name="worded",
        baseDefinition=IPS + "Patient-uv-ips",
    )
    _, made = await house.ask("dr", "POST", "/fhir/StructureDefinition/$snapshot", mine)
    found = {e["id"]: e for e in made["snapshot"]["element"]}
    file = next(p for p in ips() if p.name == "StructureDefinition-Patient-uv-ips.json")
    base = fhir_json.parse(file.read_bytes())
    for theirs in base["snapshot"]["element"]:
        own = found[theirs["id"]]
        more = "\r\n Here." if theirs["id"] == "Patient.active" else ""
        assert own["definition"] == theirs["definition"] + more
        for part in ("short", "comment", "requirements", "alias", "mapping"):
            assert own.get(part) == theirs.get(part), (theirs["id"], part)
    assert {m["identity"] for m in made["mapping"]} >= {m["identity"] for m in base["mapping"]}


async def test_a_snapshot_reads_whatever_it_rests_on(house: OpenHouse) -> None:
    def whole(of: str, name: str, element: dict[str, Any], base: str) -> dict[str, Any]:
        about = {"name": name.title(), "status": "active", "kind": "resource", "abstract": False}
        return profile(of, element, name=name, baseDefinition=base, version="1", id=name) | about

    base = "http://hl7.org/fhir/StructureDefinition/"
    part = [{"code": "Extension", "profile": ["http://example.org/StructureDefinition/part"]}]
    value = row("Extension.value[x]", type=[{"code": "string"}], definition="What it says.")
    inner = whole("Extension", "part", value, base + "Extension")
    one = whole("Patient", "one", row("Patient.extension", "part", type=part), base + "Patient")
    two = whole("Patient", "two", row("Patient.active", comment="Said."), one["url"])
    await stored(house, inner, one, two)
    below = row("Patient.extension.value[x]", min=1) | {"id": "Patient.extension:part.value[x]"}
    three = profile("Patient", below, name="three", baseDefinition=two["url"])
    status, made = await house.ask("dr", "POST", "/fhir/StructureDefinition/$snapshot", three)
    assert status == 200, made
    found = {e["id"]: e for e in made["snapshot"]["element"]}
    assert found["Patient.extension:part.value[x]"]["definition"] == "What it says."
    assert found["Patient.active"]["comment"] == "Said."
    status, answer = await house.ask(
        "dr", "POST", "/fhir/StructureDefinition/$snapshot", {**three, "baseDefinition": IPS + "none"}
    )
    assert status == 422 and "is not here" in answer["issue"][0]["details"]["text"]


def bound(access: Access, mode: str) -> Access:
    """The same access with the content rule of a mode."""
    rules = {
        kind: [*access.before_write.get(kind, ()), rule] for rule in on_write(mode) for kind in rule.types
    }
    return replace(access, before_write={**access.before_write, **rules})


@pytest.mark.parametrize(("mode", "stands"), [("off", True), ("declared", False), ("required", False)])
async def test_profiles_on_writes(house: OpenHouse, mode: str, stands: bool) -> None:
    view = replace(house.system().store, access=bound(house.house.access, mode))
    wrong = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"display": "y"}}
    wrong |= {"meta": {"profile": [IPS + "Flag-alert-uv-ips"]}}
    if stands:
        assert (await view.create(wrong)).version == 1
        return
    with pytest.raises(Problem) as refused:
        await view.create(wrong)
    assert refused.value.issues[0].at[0].startswith("Flag.subject")


async def test_a_profile_may_be_required(house: OpenHouse) -> None:
    view = replace(house.system().store, access=bound(house.house.access, "required"))
    with pytest.raises(Problem) as refused:
        await view.create({"resourceType": "Basic", "code": {"text": "x"}})
    assert refused.value.issues[0].at == ("Basic.meta.profile",)
    assert (await view.create({"resourceType": "Location", "name": "x"})).version == 1


async def preferring(house: OpenHouse, path: str, body: Any, prefer: str) -> tuple[int, Any]:
    """Status and body of a write with that preference."""
    headers = {"x-login": "loader", "accept": JSON, "content-type": JSON, "prefer": prefer}
    answer = await house.client.post(path, headers=headers, content=fhir_json.dumps(body))
    return answer.status_code, fhir_json.parse(answer.content) if answer.content else {}


WRONG = {
    "resourceType": "Flag",
    "status": "active",
    "code": {"text": "x"},
    "subject": {"display": "y"},
    "meta": {"profile": [IPS + "Flag-alert-uv-ips"]},
}


@pytest.mark.parametrize("shape", ["create", "batch", "transaction"])
async def test_who_asks_for_strict_handling_is_held_to_what_is_declared(house: OpenHouse, shape: str) -> None:
    """Without asking it is stored; another request of the same actor is held to nothing more."""
    path, body = "/fhir/Flag", dict(WRONG)
    if shape != "create":
        entry = {"resource": WRONG, "request": {"method": "POST", "url": "Flag"}}
        path, body = "/fhir", {"resourceType": "Bundle", "type": shape, "entry": [entry]}
    status, answer = await preferring(house, path, body, "handling=strict")
    told = answer["entry"][0]["response"]["outcome"] if shape == "batch" else answer
    assert status in ((200,) if shape == "batch" else (400, 422))
    place = "Bundle.entry[0].resource.subject" if shape == "transaction" else "Flag.subject"
    assert told["issue"][0]["expression"][0].startswith(place)
    status, answer = await preferring(house, path, body, "return=OperationOutcome")
    assert status in (200, 201), answer


async def test_strict_handling_asks_for_profiles_that_are_here(house: OpenHouse) -> None:
    body = {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"profile": ["http://x.example/none"]}}
    status, answer = await preferring(house, "/fhir/Basic", body, "handling=strict")
    assert status == 422 and "http://x.example/none" in str(answer)
    del body["meta"]
    status, _ = await preferring(house, "/fhir/Basic", body, "handling=strict")
    assert status == 201


async def test_a_value_set_that_takes_from_one_that_is_not_here_is_no_refusal(house: OpenHouse) -> None:
    taking = {"resourceType": "ValueSet", "url": "https://example.org/vs/taking", "status": "active"}
    taking |= {"compose": {"include": [{"valueSet": ["https://example.org/vs/nowhere"]}]}}
    bound = row("Basic.code", binding={"strength": "required", "valueSet": taking["url"]})
    mine = profile("Basic", bound, row("Basic.subject", min=1), name="taking")
    mine |= {"name": "T", "status": "active", "kind": "resource", "abstract": False}
    view = replace(house.system().store, access=replace(house.house.access, check=lambda resource: None))
    await view.create(taking)
    await view.create(mine)
    coding = {"system": "http://hl7.org/fhir/administrative-gender", "code": "none"}
    body = {"resourceType": "Basic", "code": {"coding": [coding]}, "meta": {"profile": [mine["url"]]}}
    rows = await verdict(house, "Basic/$validate", body)
    assert ("information", "not-supported", "Basic.code") in rows
    assert sorted(errors(rows)) == [
        ("code-invalid", "Basic.code.coding[0].code"),
        ("required", "Basic.subject"),
    ]


async def test_a_unit_is_one_of_ucum(house: OpenHouse) -> None:
    def measured(code: str) -> dict[str, Any]:
        amount = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": amount,
        }

    wrong = await verdict(house, "Observation/$validate", measured("years"))
    assert errors(wrong) == [("code-invalid", "Observation.value.ofType(Quantity).code")]
    assert errors(await verdict(house, "Observation/$validate", measured("a"))) == []


async def test_a_work_group_of_later_years_may_be_one(house: OpenHouse) -> None:
    said = {"url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-wg", "valueCode": "cgp"}
    base = {"resourceType": "StructureDefinition", "url": "https://example.org/sd", "name": "S"}
    base |= {
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Basic",
        "derivation": "constraint",
    }
    body = base | {"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic", "extension": [said]}
    body |= {"differential": {"element": [{"id": "Basic", "path": "Basic"}]}}
    assert errors(await verdict(house, "StructureDefinition/$validate", body)) == []


# -- responses and their forms ----------------------------------------------------------------------

URL = "https://example.org/Questionnaire/tobacco"
BARRED = replace(DOCTOR, login="dr.barred", scopes=("user/QuestionnaireResponse.cruds", "user/Patient.r"))
"""A doctor whose software may not read forms."""


@pytest.fixture(scope="module")
async def forms(house: OpenHouse) -> OpenHouse:
    """The house with two versions of a form: the second takes a number."""
    house.actors["barred"] = BARRED
    for version, kind in (("1.0", "boolean"), ("2.0", "integer")):
        await house.system().store.create(form(version, kind))
    return house


def form(version: str, kind: str) -> dict[str, Any]:
    """A version of the form."""
    item = {"linkId": "smokes", "type": kind, "required": True}
    row = {"resourceType": "Questionnaire", "url": URL, "version": version, "status": "active"}
    return {**row, "item": [item]}


def response(canonical: str = URL, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A finished response."""
    item = {"linkId": "smokes", **({"answer": list(answers)} if answers else {})}
    row = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": canonical}
    return {**row, "item": [item], **more}


def told(rows: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """The errors alone, without the steps that all share."""
    return [(code, at.removeprefix("QuestionnaireResponse.")) for level, code, at in rows if level == "error"]


async def test_a_response_is_held_against_the_version_it_names(forms: OpenHouse) -> None:
    path = "QuestionnaireResponse/$validate"
    assert told(await verdict(forms, path, response(f"{URL}|1.0", {"valueBoolean": True}))) == []
    assert told(await verdict(forms, path, response(URL, {"valueInteger": 20}))) == []
    wrong = await verdict(forms, path, response(f"{URL}|2.0", {"valueBoolean": True}))
    assert told(wrong) == [("structure", "item[0].answer[0].value")]
    assert told(await verdict(forms, path, response())) == [("required", "item[0]")]


async def test_in_a_bundle_and_in_its_own_resource(forms: OpenHouse) -> None:
    inside = {"resourceType": "Bundle", "type": "collection"}
    inside["entry"] = [{"fullUrl": "urn:uuid:6f6b4c3e-0f9d-4a75-9b6e-8a37b0b0a2a1", "resource": response()}]
    rows = await verdict(forms, "Bundle/$validate", inside)
    assert ("required", "Bundle.entry[0].resource.item[0]") in told(rows)
    own = {"id": "f", **{k: v for k, v in form("1", "boolean").items() if k not in ("url", "version")}}
    held = await verdict(
        forms, "QuestionnaireResponse/$validate", response("#f", {"valueInteger": 1}, contained=[own])
    )
    assert ("structure", "item[0].answer[0].value") in told(held)


@pytest.mark.parametrize(("login", "canonical"), [("dr", "https://example.org/none"), ("barred", URL)])
async def test_a_form_that_one_may_not_see_is_not_here(forms: OpenHouse, login: str, canonical: str) -> None:
    rows = await verdict(forms, "QuestionnaireResponse/$validate", response(canonical), login)
    assert ("information", "not-found", "QuestionnaireResponse.questionnaire") in rows
    assert told(rows) == []
    status, _ = await forms.ask("nobody", "POST", "/fhir/QuestionnaireResponse/$validate", response(URL))
    assert status == 401


async def test_a_form_is_told_of_conditions_that_name_nothing(forms: OpenHouse) -> None:
    when = {"question": "gone", "operator": "exists", "answerBoolean": True}
    broken = form("3", "boolean")
    broken["item"][0]["enableWhen"] = [when]
    rows = await verdict(forms, "Questionnaire/$validate", broken)
    assert told(rows) == [("not-found", "Questionnaire.item[0].enableWhen[0].question")]


# -- reports and their measures ---------------------------------------------------------------------


async def test_a_report_is_held_against_the_measure_that_one_may_see(forms: OpenHouse) -> None:
    url = "https://example.org/Measure/falls"
    kept = {"resourceType": "Measure", "url": url, "status": "active"}
    kept["group"] = [{"code": {"text": "falls"}}]
    await forms.system().store.create(kept)
    report = {"resourceType": "MeasureReport", "status": "complete", "type": "summary", "measure": url}
    report |= {"period": {"start": "2026"}, "group": [{"code": {"text": "rises"}}]}
    rows = await verdict(forms, "MeasureReport/$validate", report)
    assert ("error", "code-invalid", "MeasureReport.group[0]") in rows
    unseen = await verdict(forms, "MeasureReport/$validate", report, "barred")
    assert ("information", "not-found", "MeasureReport.measure") in unseen
    assert "error" not in [level for level, *_ in unseen]


@pytest.mark.parametrize("content", ["supplement", "complete"])
async def test_a_supplement_is_no_system_of_codes(house: OpenHouse, content: str) -> None:
    url = f"https://example.org/CodeSystem/more-words-{content}"
    row = {"resourceType": "CodeSystem", "url": url, "status": "active", "content": content}
    row |= {"supplements": "http://hl7.org/fhir/administrative-gender", "concept": [{"code": "male"}]}
    await house.system().store.create(row)

    def tagged(system: str) -> dict[str, Any]:
        return {"resourceType": "Basic", "code": {"coding": [{"system": system, "code": "male"}]}}

    rows = await verdict(house, "Basic/$validate", tagged(url))
    assert ("error", "code-invalid", "Basic.code.coding[0].code") in rows
    other = await verdict(house, "Basic/$validate", tagged("https://example.org/CodeSystem/unknown"))
    assert "error" not in [level for level, *_ in other]
