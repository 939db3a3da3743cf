"""`X-Provenance`: who did what is written is stored with it, or the whole is refused."""

import json
from typing import Any

import pytest

from tests.contract.rest.conftest import ACTORS, Api, places
from tests.contract.rest.test_everything import observation
from tests.contract.rest.test_interactions import patient

WHO = {"who": {"display": "Zoé"}}
SENT = {"resourceType": "Provenance", "recorded": "2026-11-22T12:00:00Z", "agent": [WHO]}


def header(**parts: Any) -> dict[str, str]:
    return {"x-provenance": json.dumps({**SENT, **parts})}


async def about(api: Api, what: str) -> list[dict[str, Any]]:
    bundle = (await api.get(f"Provenance?target={what}")).json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


async def test_each_write_has_its_provenance_beside_it(api: Api) -> None:
    made = await api.ask("POST", "Patient", patient("Né"), headers=header())
    assert made.status_code == 201
    where = f"Patient/{made.json()['id']}"
    changed = made.json() | {"gender": "female"}
    assert (await api.ask("PUT", where, changed, headers=header())).status_code == 200
    patch = {"content-type": "application/json-patch+json", **header()}
    sent = b'[{"op": "replace", "path": "/gender", "value": "male"}]'
    assert (await api.ask("PATCH", where, sent, headers=patch)).status_code == 200
    kept = await about(api, where)
    assert [row["target"] for row in kept] == [[{"reference": where}]] * 3
    assert [row["agent"] for row in kept] == [[WHO]] * 3


async def test_one_that_cannot_be_stored_stops_the_write(api: Api) -> None:
    before = await api.rows()
    for sent, status in (
        (header(target=[{"reference": "Patient/1"}]), 400),
        (header(id="x"), 400),
        (header(resourceType="Basic"), 400),
        (header(agent=[{"role": []}]), 400),
        ({"x-provenance": '{"resourceType": "Provenance", "recorded": "2026-11-22T12:00:00Z"}'}, 400),
        ({"x-provenance": "{"}, 400),
        ({"x-provenance": "<Provenance/>"}, 400),
        ({**header(), "if-none-exist": "identifier=1"}, 400),
    ):
        told = await api.ask("POST", "Patient", patient("Refusé"), headers=sent)
        assert told.status_code == status, (sent, told.text)
        if sent["x-provenance"] in ("{", "<Provenance/>"):
            assert places(told) == ["http.X-Provenance"]
    assert await api.rows() == before


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "Patient/{}"), ("POST", ""), ("POST", "Patient/{}/$meta-add")]
)
async def test_where_nothing_would_come_of_it_it_is_refused(api: Api, method: str, path: str) -> None:
    logical = await api.make(patient("Reste"))
    body = {"resourceType": "Bundle", "type": "transaction"} if method == "POST" else None
    told = await api.ask(method, path.format(logical), body, headers=header())
    assert (told.status_code, places(told)) == (400, ["http.X-Provenance"])
    assert (await api.get(f"Patient/{logical}")).status_code == 200


async def test_who_may_write_the_one_needs_to_write_the_other(api: Api) -> None:
    logical = await api.make(patient("Ouvert"))
    await api.grant(logical, ACTORS["doctor"])
    told = await api.ask("POST", "Observation", observation(logical), who="doctor", headers=header())
    assert told.status_code == 201
    kept = await about(api, f"Observation/{told.json()['id']}")
    assert len(kept) == 1
    # It lives in the record of what it is about: who sees that one sees it.
    seen = (await api.get(f"Provenance?patient={logical}", who="doctor")).json()
    assert seen["resourceType"] == "Bundle"
    assert (await api.get(f"Provenance/{kept[0]['id']}", who="doctor")).status_code == 200
    assert (await api.get(f"Provenance/{kept[0]['id']}", who="citizen")).status_code in (403, 404)
