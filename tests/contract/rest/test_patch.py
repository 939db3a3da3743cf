"""PATCH over HTTP: both forms, by id and by criteria, alone and in Bundles, as safe as an update."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.store.intent import Grant
from tests.contract.rest.conftest import ACTORS, Api, places
from tests.contract.rest.test_interactions import patient

JSON_PATCH = {"content-type": "application/json-patch+json"}


def steps(*operations: dict[str, Any]) -> bytes:
    return fhir_json.dumps(list(operations))  # type: ignore[arg-type]


def replaced(path: str, **value: Any) -> dict[str, Any]:
    """Parameters that replace one element."""
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", **value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def binary(content: bytes, kind: str = "application/json-patch+json") -> dict[str, Any]:
    return {"resourceType": "Binary", "contentType": kind, "data": b64encode(content).decode()}


ACTIVE = {"op": "replace", "path": "/active", "value": False}


async def test_a_json_patch(api: Api) -> None:
    logical = await api.make(patient("jp", active=True))
    body = b'[{"op":"add","path":"/extension","value":[{"url":"http://x","valueDecimal":1.50}]}]'
    answer = await api.ask("PATCH", f"Patient/{logical}", body, headers=JSON_PATCH)
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"'
    found = fhir_json.parse(answer.content)
    assert found["extension"][0]["valueDecimal"] == Decimal("1.50") and b"1.50" in answer.content
    assert found["active"] is True and found["meta"]["versionId"] == "2"
    history = (await api.get(f"Patient/{logical}/_history")).json()
    assert history["entry"][0]["request"] == {"method": "PATCH", "url": f"Patient/{logical}"}


async def test_a_fhirpath_patch_in_json_and_in_xml(api: Api) -> None:
    logical = await api.make(patient("fp", active=True))
    body = replaced("Patient.active", valueBoolean=False)
    assert (await api.ask("PATCH", f"Patient/{logical}", body)).json()["active"] is False
    xml = fhir_xml.dumps(replaced("Patient.active", valueBoolean=True))
    sent = {"content-type": "application/fhir+xml"}
    assert (await api.ask("PATCH", f"Patient/{logical}", xml, headers=sent)).json()["active"] is True


async def test_by_criteria(api: Api) -> None:
    await api.make(patient("by-criteria"))
    path = "Patient?identifier=urn:test|by-criteria"
    answer = await api.ask("PATCH", path, steps({**ACTIVE, "op": "add"}), headers=JSON_PATCH)
    assert answer.json()["active"] is False
    none = await api.ask("PATCH", "Patient?identifier=urn:test|nobody", steps(ACTIVE), headers=JSON_PATCH)
    assert none.status_code == 404 and places(none) == ["http.query"]
    assert "No Patient meets the condition" in none.text
    await api.make(patient("by-criteria"))
    assert (await api.ask("PATCH", path, steps(ACTIVE), headers=JSON_PATCH)).status_code == 412
    assert (await api.ask("PATCH", "Patient", steps(ACTIVE), headers=JSON_PATCH)).status_code == 412


async def test_what_a_patch_leaves_as_it_was_is_no_version_more(api: Api) -> None:
    logical = await api.make(patient("same", active=True))
    path, lines = f"Patient/{logical}", await api.lines()
    same = [
        (b"[]", JSON_PATCH),
        (steps({**ACTIVE, "value": True}), JSON_PATCH),
        (steps({"op": "replace", "path": "/meta/versionId", "value": "7"}), JSON_PATCH),
        (fhir_json.dumps(replaced("Patient.active", valueBoolean=True)), {}),
    ]
    for body, kind in same:
        answer = await api.ask("PATCH", path, body, headers={**kind, "if-match": 'W/"1"'})
        assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
        assert answer.json()["meta"]["versionId"] == "1"
    assert await api.lines() == lines + len(same)
    bundled = {"resource": binary(b"[]"), "request": {"method": "PATCH", "url": path}}
    answered = (await api.post("transaction", bundled)).json()["entry"][0]["response"]
    assert (answered["status"], answered["etag"]) == ("200 OK", 'W/"1"')
    stale = await api.ask("PATCH", path, b"[]", headers={**JSON_PATCH, "if-match": 'W/"2"'})
    assert stale.status_code == 412
    assert len((await api.get(f"{path}/_history")).json()["entry"]) == 1


async def test_who_may_only_read_may_not_patch_even_nothing(api: Api) -> None:
    record = await api.make(patient("read-only"))
    allergy = {"resourceType": "AllergyIntolerance", "patient": {"reference": f"Patient/{record}"}}
    path = f"AllergyIntolerance/{await api.make(allergy)}"
    context = api.house.context(ACTORS["admin"])
    await context.store.grant(Grant(record, ACTORS["doctor"].keys[0], "treating-doctor", "r"))
    assert (await api.get(path, who="doctor")).status_code == 200
    answer = await api.ask("PATCH", path, b"[]", headers=JSON_PATCH, who="doctor")
    assert answer.status_code == 403, answer.text


async def test_if_match_and_prefer(api: Api) -> None:
    logical = await api.make(patient("match", active=True))
    stale = await api.ask(
        "PATCH", f"Patient/{logical}", steps(ACTIVE), headers={**JSON_PATCH, "if-match": 'W/"7"'}
    )
    assert stale.status_code == 412
    headers = {**JSON_PATCH, "if-match": 'W/"1"', "prefer": "return=minimal"}
    good = await api.ask("PATCH", f"Patient/{logical}", steps(ACTIVE), headers=headers)
    assert good.status_code == 200 and not good.content and good.headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (steps({"op": "test", "path": "/active", "value": False}), "application/json-patch+json", 409),
        (steps({"op": "remove", "path": "/gender"}), "application/json-patch+json", 422),
        (steps({"op": "add", "path": "/gender", "value": "x"}), "application/json-patch+json", 422),
        (steps({"op": "add", "path": "/foo", "value": "x"}), "application/json-patch+json", 400),
        (steps({"op": "replace", "path": "/id", "value": "x"}), "application/json-patch+json", 400),
        (steps({"op": "spam", "path": "/id"}), "application/json-patch+json", 400),
        (b"{}", "application/json-patch+json", 400),
        (b"[" * 200, "application/json-patch+json", 413),
        (b"<x/>", "application/xml-patch+xml", 415),
        (b"x", "text/plain", 415),
        (b'{"resourceType":"Patient"}', "application/fhir+json", 400),
        (fhir_json.dumps(replaced("Patient.name", valueString="x")), "application/fhir+json", 422),
        (fhir_json.dumps(replaced("Patient.(", valueString="x")), "application/fhir+json", 400),
    ],
)
async def test_a_refused_patch_changes_nothing(api: Api, body: bytes, kind: str, status: int) -> None:
    logical = await api.make(patient("refused", active=True))
    answer = await api.ask("PATCH", f"Patient/{logical}", body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert places(answer)
    assert (await api.get(f"Patient/{logical}")).json()["meta"]["versionId"] == "1"


async def test_what_is_not_there_or_hidden_is_not_patched(api: Api) -> None:
    logical = await api.make(patient("hidden", active=True))
    for path, who in (("Patient/absent", "admin"), (f"Patient/{logical}", "doctor")):
        answer = await api.ask("PATCH", path, steps(ACTIVE), headers=JSON_PATCH, who=who)
        assert answer.status_code == 404
    gone = await api.make(patient("gone"))
    await api.ask("DELETE", f"Patient/{gone}")
    for who, status in (("admin", 410), ("doctor", 404)):
        answer = await api.ask("PATCH", f"Patient/{gone}", steps(ACTIVE), headers=JSON_PATCH, who=who)
        assert answer.status_code == status


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_in_a_bundle(api: Api, kind: str) -> None:
    first, second = (
        await api.make(patient("in-one", active=True)),
        await api.make(patient("in-two", active=True)),
    )
    request = {"method": "PATCH", "url": f"Patient/{first}", "ifMatch": 'W/"1"'}
    entries = [
        {"resource": binary(steps(ACTIVE)), "request": request},
        {
            "resource": replaced("Patient.active", valueBoolean=False),
            "request": {"method": "PATCH", "url": f"Patient/{second}"},
        },
    ]
    answer = await api.post(kind, *entries)
    assert [e["response"]["status"] for e in answer.json()["entry"]] == ["200 OK", "200 OK"]
    for logical in (first, second):
        assert (await api.get(f"Patient/{logical}")).json()["active"] is False


async def test_a_reference_to_another_entry_is_resolved_in_a_patch(api: Api) -> None:
    logical = await api.make(patient("linked"))
    made = {"fullUrl": "urn:uuid:7b1f6d3a-0000-4000-8000-000000000001", "resource": patient("other")}
    link = {"other": {"reference": made["fullUrl"]}, "type": "seealso"}
    patch = binary(steps({"op": "add", "path": "/link", "value": [link]}))
    answer = await api.post(
        "transaction",
        {**made, "request": {"method": "POST", "url": "Patient"}},
        {"resource": patch, "request": {"method": "PATCH", "url": f"Patient/{logical}"}},
    )
    assert answer.status_code == 200, answer.text
    reference = (await api.get(f"Patient/{logical}")).json()["link"][0]["other"]["reference"]
    assert reference.startswith("Patient/")


async def test_one_patch_that_fails_undoes_the_whole_transaction(api: Api) -> None:
    logical = await api.make(patient("undone", active=True))
    answer = await api.post(
        "transaction",
        {"resource": patient("never"), "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": binary(steps({"op": "remove", "path": "/gender"})),
            "request": {"method": "PATCH", "url": f"Patient/{logical}"},
        },
    )
    assert answer.status_code == 422 and places(answer) == ["Bundle.entry[1].resource"]
    assert (await api.get("Patient?identifier=urn:test|never&_total=accurate")).json()["total"] == 0
    absent = replaced("Patient.address", valueAddress={"city": "x"})
    sent = {"resource": absent, "request": {"method": "PATCH", "url": f"Patient/{logical}"}}
    answer = await api.post("transaction", sent)
    assert places(answer) == ["Bundle.entry[0].resource.parameter[0].part[1]"]
    wrong = await api.post(
        "batch",
        {
            "resource": binary(b"[]", "text/plain"),
            "request": {"method": "PATCH", "url": f"Patient/{logical}"},
        },
    )
    assert wrong.json()["entry"][0]["response"]["status"] == "415"


async def test_the_statement_says_so(api: Api) -> None:
    statement = (await api.get("metadata")).json()
    assert "application/json-patch+json" in statement["patchFormat"]
    assert {"code": "patch"} in statement["rest"][0]["resource"][0]["interaction"]
