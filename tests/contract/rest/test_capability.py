"""What the CapabilityStatement declares is asked for, all of it: none of it is missing or fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.rest.conftest import Api
from tests.contract.rest.test_interactions import patient, valid

Resource = dict[str, Any]
_VALUES = {
    "token": "true",
    "string": "x",
    "date": "2020-01-01",
    "number": "1",
    "quantity": "1||kg",
    "reference": "x",
    "uri": "http://x",
}
"""A value that any parameter of the type takes."""
_TOGETHER = 12


@pytest.fixture(scope="module")
async def told(api: Api) -> Resource:
    return dict((await api.get("metadata")).json()["rest"][0])


def pair(parameter: Resource) -> str:
    """A search by the parameter; of several parts, whether it has a value."""
    name, type = parameter["name"], parameter["type"]
    if type in ("composite", "special"):
        return "near=48|2|10|km" if name == "near" else f"{name}:missing=false"
    return f"{name}={_VALUES[type]}"


def searches(row: Resource, *, every: bool) -> Iterator[str]:
    """The parameters of a type, together: each is read, compiled and run; its includes too.

    The index is entered by the first, so each parameter comes first when `every`.
    """
    pairs = [pair(p) for p in row.get("searchParam", [])]
    named = [f"_include={i}" for i in row.get("searchInclude", [])]
    named += [f"_revinclude={i}" for i in row.get("searchRevInclude", [])[:_TOGETHER]]
    step = 1 if every else _TOGETHER
    for start in range(0, len(pairs), step):
        yield "&".join(pairs[start : start + step])
    for start in range(0, len(named), _TOGETHER):
        yield "&".join(["_id=x", *named[start : start + _TOGETHER]])


async def failures(api: Api, told: Resource, *, every: bool) -> list[str]:
    found = []
    for number, row in enumerate(told["resource"]):
        asked = list(searches(row, every=every))
        # Every day each type once, a part of its parameters in turn; all of them in the whole run.
        for query in asked if every else asked[number % len(asked) :][:1]:
            answer = await api.get(f"{row['type']}?_count=1&{query}")
            if answer.status_code != 200:
                found.append(f"{row['type']}?{query}: {answer.text[:300]}")
    return found


async def test_searches_that_are_declared_are_answered(api: Api, told: Resource) -> None:
    assert await failures(api, told, every=False) == []


@pytest.mark.whole
async def test_every_search_that_is_declared_is_answered(api: Api, told: Resource) -> None:
    assert await failures(api, told, every=True) == []


async def test_what_any_type_is_searched_by(api: Api, told: Resource) -> None:
    values = {
        "_id": "x",
        "_lastUpdated": "gt2020",
        "_list": "x",
        "_content": "x",
        "_text": "x",
        "_filter": "_id eq x",
        "_has": "",
        "_type": "Patient",
    }
    for parameter in told["searchParam"]:
        name = parameter["name"]
        query = (
            "_has:Observation:patient:code=x" if name == "_has" else f"{name}={values.get(name, 'http://x')}"
        )
        path = f"?{query}" if name == "_type" else f"Patient?{query}"
        assert (await api.get(path)).status_code == 200, name


async def test_interactions_that_are_declared_are_there(api: Api, told: Resource) -> None:
    for row in told["resource"]:
        assert {i["code"] for i in row["interaction"]} >= {"read", "history-type", "search-type", "create"}
        counted = await api.get(f"{row['type']}/_history?_summary=count")
        assert counted.status_code == 200, counted.text
    logical = await api.make(patient("declared"))
    path = f"Patient/{logical}"
    assert told["resource"][0]["updateCreate"] is True
    own = await api.ask("PUT", "Patient/of-my-own", {**patient("own"), "id": "of-my-own"})
    assert own.status_code == 201
    refused = await api.ask("PUT", "Patient/not-mine", {**patient("not"), "id": "not-mine"}, who="doctor")
    assert refused.status_code in (403, 404)
    for address in (path, f"{path}/_history", f"{path}/_history/1", "_history", "?_type=Patient"):
        assert (await api.get(address)).status_code == 200, address
    for kind in ("batch", "transaction"):
        assert (await api.ask("POST", "", {"resourceType": "Bundle", "type": kind})).status_code == 200
    for compartment in told["compartment"]:
        name = compartment.rpartition("/")[2]
        kind = next(r["type"] for r in told["resource"] if r["type"].lower() == name)
        assert (await api.get(f"{kind}/x/*")).status_code in (200, 404)


async def test_operations_that_are_declared_are_there(api: Api, told: Resource) -> None:
    """Asked with nothing, an operation may miss what it needs; it is never absent, nor does it fail."""
    logical = await api.make(patient("operated"))
    asked = {(row["type"], o["name"]) for row in told["resource"] for o in row["operation"]}
    asked |= {("", o["name"]) for o in told["operation"]}
    shared = {name for kind, name in asked if kind == "Basic"}
    for kind, name in sorted(asked):
        if name in shared and kind != "Patient":
            continue
        place = f"{kind}/" if kind else ""
        given = {"resourceType": "Parameters"}
        paths = [f"{place}${name}", f"{place}{logical}/${name}"] if kind else [f"${name}"]
        answers = [
            await api.ask(method, path, body)
            for path in paths
            for method, body in (("POST", given), ("GET", None))
        ]
        absent = [a for a in answers if f"${name} is not known here" in a.text or a.status_code == 405]
        assert len(absent) < len(answers), (kind, name)
        assert all(a.status_code < 500 for a in answers), (kind, name)


async def test_it_is_valid_by_our_own_judgement(api: Api) -> None:
    statement = valid(await api.get("metadata"))
    outcome = (await api.ask("POST", "CapabilityStatement/$validate", statement)).json()
    assert [i for i in outcome["issue"] if i["severity"] in ("error", "fatal")] == []
    patient_row = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    assert "Observation:subject" in patient_row["searchRevInclude"]
    assert {"*", "Patient:*", "Patient:link"} <= set(patient_row["searchInclude"])
