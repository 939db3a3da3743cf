"""Units, languages, countries and the like, through the operations, a search and a binding."""

from typing import Any

import pytest

from tests.contract.desk import Desk
from tests.contract.terminology.stock import URL, call, codes, told, value_set

UCUM, TAGS, COUNTRY = "http://unitsofmeasure.org", "urn:ietf:bcp:47", "urn:iso:std:iso:3166"


@pytest.mark.parametrize(
    ("system", "code", "display"),
    [
        (UCUM, "mg/dL{of blood}", "mg/dL{of blood}"),
        (TAGS, "fr-FR", "French (France)"),
        (COUNTRY, "FRA", "France"),
    ],
)
async def test_any_code_can_be_looked_up(desk: Desk, system: str, code: str, display: str) -> None:
    status, body = await call(desk, "CodeSystem/$lookup", system=system, code=code)
    assert (status, told(body, "display")) == (200, display)
    status, body = await call(desk, "CodeSystem/$validate-code", url=system, code=code)
    assert (status, told(body, "result"), told(body, "display")) == (200, True, display)
    assert (await call(desk, "CodeSystem/$lookup", system=system, code="??"))[0] == 404


@pytest.mark.parametrize(
    ("include", "code", "result"),
    [
        ({"system": UCUM}, "kg", True),
        ({"system": UCUM}, "kgXX", False),
        ({"system": UCUM, "version": "2.1"}, "kg", True),
        ({"system": UCUM, "filter": [{"property": "canonical", "op": "=", "value": "g"}]}, "mg", True),
        ({"system": UCUM, "filter": [{"property": "canonical", "op": "=", "value": "t"}]}, "mg", True),
        ({"system": UCUM, "filter": [{"property": "canonical", "op": "=", "value": "g"}]}, "mL", False),
        ({"system": UCUM, "concept": [{"code": "mg", "display": "milligram"}]}, "mg", True),
        ({"system": UCUM, "concept": [{"code": "mg"}]}, "kg", False),
        ({"system": TAGS}, "fr-CH", True),
        ({"system": TAGS}, "fr-ZY", False),
        (
            {"system": COUNTRY, "filter": [{"property": "code", "op": "regex", "value": "[A-Z]{3}"}]},
            "FRA",
            True,
        ),
        (
            {"system": COUNTRY, "filter": [{"property": "code", "op": "regex", "value": "[A-Z]{3}"}]},
            "FR",
            False,
        ),
    ],
)
async def test_value_sets_of_them(desk: Desk, include: dict[str, Any], code: str, result: bool) -> None:
    vs = value_set("shaped", include)
    for given in ({"code": code, "system": include["system"]}, {"code": code}):
        status, body = await call(desk, "ValueSet/$validate-code", valueSet=vs, **given)
        assert (status, told(body, "result")) == (200, result)


async def test_a_unit_has_no_display_to_be_wrong(desk: Desk) -> None:
    coding = {"valueCoding": {"system": UCUM, "version": "1.9", "code": "mg", "display": "milligrams"}}
    _, body = await call(
        desk, "ValueSet/$validate-code", valueSet=value_set("u", {"system": UCUM}), coding=coding
    )
    assert (told(body, "result"), told(body, "display")) == (True, "mg")


async def test_a_list_of_what_has_no_end_says_so(desk: Desk) -> None:
    units = value_set("units", {"system": UCUM})
    _, body = await call(desk, "ValueSet/$expand", valueSet=units, count=5)
    assert len(codes(body)) == 5
    assert body["expansion"]["extension"][0]["url"].endswith("valueset-unclosed")
    _, closed = await call(
        desk, "ValueSet/$expand", valueSet=value_set("c", {"system": COUNTRY}), filter="france", count=9
    )
    assert {"FR", "FRA", "250"} <= set(codes(closed)) and "extension" not in closed["expansion"]


async def test_what_was_loaded_comes_before_the_grammar(desk: Desk) -> None:
    own = {"resourceType": "CodeSystem", "url": "urn:ietf:bcp:13", "status": "active", "content": "complete"}
    brought = {**own, "concept": [{"code": "text/own", "display": "Own"}]}
    vs = value_set("m", {"system": "urn:ietf:bcp:13"})
    for code, result in (("text/own", True), ("text/plain", False)):
        _, body = await call(
            desk,
            "ValueSet/$validate-code",
            valueSet=vs,
            code=code,
            system="urn:ietf:bcp:13",
            tx_resource=brought,
        )
        assert told(body, "result") is result
    assert vs["url"].startswith(URL)


async def test_a_binding_asks_for_a_unit(desk: Desk) -> None:
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Weight"},
        "valueQuantity": {"value": 70, "unit": "kg", "system": UCUM, "code": "kg"},
    }
    profile = {
        "resourceType": "StructureDefinition",
        "url": URL + "weighed",
        "name": "Weighed",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Observation", "path": "Observation"},
                {
                    "id": "Observation.value[x]",
                    "path": "Observation.value[x]",
                    "type": [{"code": "Quantity"}],
                    "binding": {
                        "strength": "required",
                        "valueSet": "http://hl7.org/fhir/ValueSet/ucum-units",
                    },
                },
            ]
        },
    }
    await desk.make("loader", profile)
    for unit, severity in (("kg", None), ("kilos", "error")):
        observation["valueQuantity"]["code"] = unit
        _, told_ = await desk.ask(
            "doctor", "POST", f"Observation/$validate?profile={URL}weighed", observation
        )
        said = [i["severity"] for i in told_["issue"] if "ucum-units" in str(i)]
        assert said[:1] == ([severity] if severity else []), told_
