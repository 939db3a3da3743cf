"""`$document`: a Composition with all that it names, and nothing that its reader may not see."""

from typing import Any

import pytest

from tests.contract.rest.conftest import ACTORS, BASE, Api
from tests.contract.rest.test_everything import observation
from tests.contract.rest.test_interactions import patient, valid

Resource = dict[str, Any]


async def letter(api: Api, name: str, **more: Any) -> tuple[str, list[str]]:
    """A letter of a visit to somebody; its address, and what a document of it holds, in order."""
    logical = await api.make(patient(name))
    doctor = (
        f"Practitioner/{await api.make({'resourceType': 'Practitioner', 'name': [{'family': 'Kerbrat'}]})}"
    )
    seen = f"Observation/{await api.make(observation(logical))}"
    made = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "Lettre"},
        "subject": {"reference": f"Patient/{logical}"},
        "date": "2026-11-22",
        "author": [{"reference": doctor}, {"reference": "#w"}],
        "title": "Lettre",
        "contained": [{"resourceType": "Practitioner", "id": "w", "name": [{"family": "Dedans"}]}],
        "relatesTo": [{"code": "appends", "targetReference": {"reference": "Composition/elsewhere"}}],
        "section": [
            {"title": "Mesures", "entry": [{"reference": f"{BASE}/fhir/{seen}"}, {"reference": seen}]},
            {
                "title": "Encore",
                "section": [{"title": "Dessous", "entry": [{"reference": f"{seen}/_history/1"}]}],
            },
        ],
        **more,
    }
    where = f"Composition/{await api.make({k: v for k, v in made.items() if v})}"
    return where, [where, f"Patient/{logical}", doctor, seen]


def held(bundle: Resource) -> list[str]:
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]]


async def test_a_document_holds_what_it_names_in_its_order(api: Api) -> None:
    where, made = await letter(api, "Doc")
    changed = (await api.get(made[3])).json() | {"status": "amended"}
    await api.ask("PUT", made[3], changed)
    bundle = valid(await api.get(f"{where}/$document"))
    assert (bundle["type"], bundle["identifier"]["system"]) == ("document", "urn:ietf:rfc:3986")
    # An entry by its version is that version, beside the one that is current.
    assert held(bundle) == [*made, made[3]]
    assert [e["resource"]["status"] for e in bundle["entry"][3:]] == ["amended", "final"]
    assert [e["fullUrl"] for e in bundle["entry"]][:2] == [f"{BASE}/fhir/{name}" for name in made[:2]]


async def test_head_stores_no_document(api: Api) -> None:
    where, _ = await letter(api, "Head")
    refused = await api.ask("HEAD", f"{where}/$document?persist=true")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
    assert (await api.ask("HEAD", f"{where}/$document")).status_code == 200
    named = f"Bundle?composition={where}"
    assert (await api.get(named)).json()["total"] == 0


async def test_a_document_is_stored_once_of_the_same_versions(api: Api) -> None:
    where, made = await letter(api, "Kept", section=[])
    first = await api.get(f"{where}/$document?persist=true")
    again = await api.get(f"{where}/$document?persist=true")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == again.headers["location"]
    kept = valid(await api.get(first.headers["location"].partition("/fhir/")[2].partition("/_history")[0]))
    assert held(kept) == made[:3]
    changed = (await api.get(made[2])).json() | {"gender": "female"}
    await api.ask("PUT", made[2], changed)
    later = await api.get(f"{where}/$document?persist=true")
    assert later.status_code == 201 and later.headers["location"] != first.headers["location"]


@pytest.mark.parametrize(
    ("entry", "status", "code"),
    [
        ("Observation/nothing", 422, "business-rule"),
        ("https://elsewhere.test/fhir/Observation/1", 400, "not-supported"),
        ("urn:uuid:0d3b5c3e-3a4f-4d6e-8f7a-1b2c3d4e5f60", 400, "not-supported"),
    ],
)
async def test_a_document_with_a_part_left_out_is_refused(
    api: Api, entry: str, status: int, code: str
) -> None:
    where, _ = await letter(api, "Part", section=[{"title": "x", "entry": [{"reference": entry}]}])
    told = await api.get(f"{where}/$document")
    assert (told.status_code, told.json()["issue"][0]["code"]) == (status, code)
    assert entry in told.json()["issue"][0]["details"]["text"]
    odd = await api.get(f"{where}/$document?persist=perhaps")
    assert odd.status_code == 400


async def test_a_document_shows_nothing_that_its_reader_may_not_see(api: Api) -> None:
    hidden = await api.make(patient("Fermé"))
    entry = {"reference": f"Observation/{await api.make(observation(hidden))}"}
    where, made = await letter(api, "Open", section=[{"title": "x", "entry": [entry]}])
    await api.grant(made[1].removeprefix("Patient/"), ACTORS["doctor"])
    told = await api.get(f"{where}/$document", who="doctor")
    assert (told.status_code, told.json()["issue"][0]["code"]) == (422, "business-rule")
    whole, made = await letter(api, "Whole", section=[])
    await api.grant(made[1].removeprefix("Patient/"), ACTORS["doctor"])
    assert held(valid(await api.get(f"{whole}/$document", who="doctor"))) == made[:3]
