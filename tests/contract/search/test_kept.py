"""What is kept under one parameter is found by the others that take it, and by no other question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.contract.desk import Desk, ids, opened
from tests.contract.search.test_paging import put

Resource = dict[str, Any]


def seen(logical: str, subject: str, **more: Any) -> Resource:
    about = {"subject": {"reference": subject}} if subject else {}
    return {
        "resourceType": "Observation",
        "id": logical,
        "status": "final",
        "code": code("x"),
        **about,
        **more,
    }


def code(code: str) -> Resource:
    return {"coding": [{"system": "urn:c", "code": code}], "text": f"words {code}"}


def amount(value: int) -> Resource:
    return {"valueQuantity": {"value": value, "unit": "mg"}}


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Measurements of a patient, of a group, of somebody elsewhere, and of nobody."""
    async with opened(database, tmp_path_factory.mktemp("house"), {}) as desk:
        await put(
            desk,
            {"resourceType": "Patient", "id": "one", "name": [{"family": "Un"}]},
            {"resourceType": "Group", "id": "herd", "type": "person", "actual": True},
            seen("hers", "Patient/one", **amount(5)),
            seen("theirs", "Group/herd"),
            seen("away", "http://elsewhere.example/fhir/Patient/far"),
            seen("alone", "", component=[{"code": code("inner"), **amount(70)}]),
        )
        yield desk


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("patient=Patient/one", {"hers"}),
        ("patient=one", {"hers"}),
        ("subject=Patient/one", {"hers"}),
        ("subject=Group/herd", {"theirs"}),
        ("patient=Group/herd", set()),
        ("patient=http://elsewhere.example/fhir/Patient/far", {"away"}),
        ("patient=Patient/one,http://elsewhere.example/fhir/Patient/far", {"hers", "away"}),
        ("patient:missing=true", {"theirs", "alone"}),
        ("patient:missing=false", {"hers", "away"}),
        ("patient.family=Un", {"hers"}),
        ("subject:Patient.family=Un", {"hers"}),
        ("combo-code=inner", {"alone"}),
        ("combo-code=urn:c|x", {"hers", "theirs", "away", "alone"}),
        ("combo-code:not=inner", {"hers", "theirs", "away"}),
        ("combo-code:text=words inner", {"alone"}),
        ("code=inner", set()),
        ("combo-code:missing=true", set()),
        ("combo-value-quantity=gt3", {"hers", "alone"}),
        ("combo-value-quantity=gt60", {"alone"}),
        ("value-quantity=gt3", {"hers"}),
        ("combo-value-quantity:missing=false", {"hers", "alone"}),
    ],
)
async def test_each_question_finds_what_it_takes(desk: Desk, query: str, found: set[str]) -> None:
    assert set(await asked(desk, f"Observation?{query}")) == found


async def test_links_follow_the_type_that_a_parameter_names(desk: Desk) -> None:
    with_patient = await asked(desk, "Observation?_include=Observation:patient&_sort=_id")
    assert "one" in with_patient and "herd" not in with_patient
    with_subject = await asked(desk, "Observation?_include=Observation:subject")
    assert {"one", "herd"} <= set(with_subject)
    assert set(await asked(desk, "Patient?_has:Observation:patient:code=x")) == {"one"}
    assert set(await asked(desk, "Group?_has:Observation:subject:code=x")) == {"herd"}
    about = await asked(desk, "Patient?_id=one&_revinclude=Observation:patient")
    assert set(about) == {"one", "hers"}
    assert set(await asked(desk, "Patient/one/Observation")) == {"hers"}


async def test_the_order_is_that_of_the_parameter(desk: Desk) -> None:
    by_patient = await asked(desk, "Observation?_sort=patient")
    assert by_patient[:2] == ["hers", "away"] and set(by_patient[2:]) == {"theirs", "alone"}
    assert (await asked(desk, "Observation?_sort=-combo-value-quantity"))[:2] == ["alone", "hers"]


async def test_what_is_about_another_now_is_found_there_only(desk: Desk) -> None:
    await put(desk, seen("moving", "Patient/one"))
    await put(desk, seen("moving", "Group/herd"))
    assert "moving" not in await asked(desk, "Observation?patient=one")
    assert "moving" in await asked(desk, "Observation?subject=Group/herd")
    await desk.system().store.delete("Observation", "moving")
    assert "moving" not in await asked(desk, "Observation?subject=Group/herd")


async def asked(desk: Desk, path: str) -> list[str]:
    """The ids of all entries, in order; those that match first."""
    status, bundle = await desk.ask("loader", "GET", path)
    assert status == 200, bundle
    named = [*ids(bundle), *ids(bundle, "include")]
    return [name.partition("/")[2] for name in named]


async def test_what_is_named_by_a_version_comes_as_that_version(desk: Desk) -> None:
    for name in ("Avant", "Après"):
        await put(desk, {"resourceType": "Practitioner", "id": "who", "name": [{"family": name}]})
    by = {
        "first": "Practitioner/who/_history/1",
        "now": "Practitioner/who",
        "none": "Practitioner/who/_history/9",
    }
    await put(desk, *(seen(f"by-{n}", "", performer=[{"reference": text}]) for n, text in by.items()))

    async def brought(ids: str) -> list[tuple[str, str]]:
        path = f"Observation?_id={ids}&_include=Observation:performer"
        bundle = (await desk.ask("loader", "GET", path))[1]
        brought = [e["resource"] for e in bundle["entry"] if e["search"]["mode"] == "include"]
        return [(r["meta"]["versionId"], r["name"][0]["family"]) for r in brought]

    assert await brought("by-first") == [("1", "Avant")]
    assert await brought("by-now") == [("2", "Après")]
    assert await brought("by-first,by-now") == [("2", "Après"), ("1", "Avant")]
    assert await brought("by-none") == []
