"""What is done aside is answered as what is done at once, also to several clients together."""

import asyncio
import gzip
import json
import sys
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.store import aside
from tests.contract.rest.conftest import Api
from tests.contract.rest.test_bundles import entry, weight

CODES = [{"code": f"c{n}", "display": f"Concept {n}"} for n in range(60)]


def kept(name: str) -> list[dict[str, Any]]:
    """Resources of many parts under a name."""
    links = [{"code": f"c{n}", "target": [{"code": f"t{n}", "equivalence": "equal"}]} for n in range(60)]
    common = {"id": name, "url": f"urn:test:{name}", "status": "active"}
    names = [{"family": f"{name} {n}", "given": ["Éva"]} for n in range(60)]
    return [
        {"resourceType": "Patient", "id": name, "name": names, "contact": [{"name": {"text": "x"}}]},
        {"resourceType": "CodeSystem", **common, "content": "complete", "concept": CODES},
        {
            "resourceType": "ConceptMap",
            **common,
            "group": [{"source": f"urn:test:{name}", "target": "urn:t", "element": links}],
        },
        {
            "resourceType": "ValueSet",
            **common,
            "compose": {
                "include": [{"system": f"urn:test:{name}", "concept": [{"code": "c7"}, {"code": "d9"}]}]
            },
        },
    ]


async def story(api: Api, name: str) -> list[tuple[int, str]]:
    """What is answered to one client who writes, changes, asks and errs; under any name alike."""
    found: list[tuple[int, str]] = []

    async def ask(method: str, path: str, body: Any = None, **headers: str) -> None:
        answer = await api.ask(method, path, body, headers=headers)
        text = answer.text.replace(name, "NAME")
        if "json" in answer.headers["content-type"]:
            text = json.dumps(_without_moments(json.loads(text)))
        found.append((answer.status_code, text))

    mine = kept(name)
    for one in mine:
        await ask("PUT", f"{one['resourceType']}/{name}", one)
    changed = {**mine[0], "active": True}
    await ask("PUT", f"Patient/{name}", fhir_xml.dumps(changed), **{"content-type": "application/fhir+xml"})
    await ask(
        "PUT", f"Patient/{name}", gzip.compress(fhir_json.dumps(mine[0])), **{"content-encoding": "gzip"}
    )
    patch = b'[{"op":"remove","path":"/name/3"}]'
    await ask("PATCH", f"Patient/{name}", patch, **{"content-type": "application/json-patch+json"})
    await ask("PUT", f"Patient/{name}", {**mine[0], "name": [{"family": name, "odd": 1}]})
    await ask("PUT", f"Patient/{name}", b'{"resourceType":"Patient","id":1,"id":2}')
    good = entry("PUT", f"Observation/{name}", weight(f"Patient/{name}", id=name))
    await ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [good, good | {"x": 1}]})
    await ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [good]})
    gone = entry("POST", "Observation", weight("Patient/1", zzz=1))
    await ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [good, gone]})
    await ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [good, gone]})
    for path in (
        f"Patient/{name}?_summary=true",
        f"Patient?_id={name}&_elements=name",
        f"Patient?family={name}&_revinclude=Observation:subject&_format=json",
        f"Patient/{name}/$everything",
        f"ConceptMap/{name}/$translate?system=urn:test:{name}&code=c7",
        f"ValueSet/{name}/$expand",
        f"ValueSet/{name}/$validate-code?system=urn:test:{name}&code=c9",
        f"CodeSystem/$lookup?system=urn:test:{name}&code=c8",
    ):
        await ask("GET", path)
    await ask("GET", f"Patient/{name}", accept="application/fhir+xml; fhirVersion=4.0")
    for one in mine:
        await ask("POST", f"{one['resourceType']}/$validate", one)
    rows = [{"name": "conceptMap", "resource": mine[2]}, {"name": "code", "valueCode": "c7"}]
    rows += [{"name": "system", "valueUri": f"urn:test:{name}"}]
    await ask("POST", "ConceptMap/$translate", {"resourceType": "Parameters", "parameter": rows})
    return found


def _without_moments(told: Any) -> Any:
    """The same without what each writing has of its own."""
    own = ("lastUpdated", "timestamp", "lastModified", "identifier", "id")
    if isinstance(told, dict):
        return {key: _without_moments(one) for key, one in told.items() if key not in own}
    return [_without_moments(one) for one in told] if isinstance(told, list) else told


async def test_everything_aside_for_several_at_once_is_as_at_once_for_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "LONG", sys.maxsize)
    alone = await story(api, "alone")
    assert {status for status, _ in alone} >= {200, 201, 400}
    monkeypatch.setattr(aside, "LONG", 0)
    monkeypatch.setattr(aside, "LONGER", 2_000)
    together = await asyncio.gather(*(story(api, f"client-{n}") for n in range(4)))
    for found in together:
        assert found == alone
