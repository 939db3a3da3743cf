"""Chains into what a resource contains: `#inside` is asked like what stands elsewhere, by who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aubier.store.intent import Grant
from tests.contract.desk import Desk, following, ids, opened
from tests.contract.search.test_kept import amount, asked, code, seen
from tests.contract.search.test_paging import put
from tests.open_house import DOCTOR

Resource = dict[str, Any]


def person(id: str, family: str, gender: str, **more: Any) -> Resource:
    kind = "Patient" if id == "p" else "Practitioner"
    return {"resourceType": kind, "id": id, "name": [{"family": family}], "gender": gender, **more}


def hers() -> Resource:
    """A measurement of somebody whom only it knows, and of whose organisation it alone tells."""
    number = {"identifier": [{"system": "urn:n", "value": "7"}], "birthDate": "1950-03"}
    place = {
        "resourceType": "Organization",
        "id": "o",
        "name": "Clinique",
        "partOf": {"reference": "Organization/big"},
    }
    subject = person("p", "Dupont", "female", managingOrganization={"reference": "#o"}, **number)
    return seen("hers", "#p", contained=[subject, place], effectiveDateTime="2026-02-01")


def by_two() -> Resource:
    one, other = person("a", "Alix", "male"), person("b", "Bo", "female")
    named = [{"reference": "#a"}, {"reference": "#b"}]
    return seen("by-two", "Patient/one", performer=named, contained=[one, other])


def report(result: Resource) -> Resource:
    return {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "code": code("panel"),
        "subject": {"reference": "Patient/one"},
        "result": [{"reference": "#r"}],
        "contained": [{k: v for k, v in result.items() if k != "id"} | {"id": "r"}],
    }


def letter() -> Resource:
    first = {
        "resourceType": "Composition",
        "id": "first",
        "status": "final",
        "type": code("letter"),
        "date": "2026-03-01",
        "author": [{"reference": "#w"}],
        "title": "Lettre",
        "contained": [person("w", "Erwan", "male")],
    }
    return {
        "resourceType": "Bundle",
        "id": "letter",
        "type": "document",
        "identifier": {"system": "urn:n", "value": "letter"},
        "timestamp": "2026-03-01T10:00:00Z",
        "entry": [{"fullUrl": "urn:uuid:0d3b5c3e-3a4f-4d6e-8f7a-1b2c3d4e5f60", "resource": first}],
    }


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Two records, of which the doctor has one; measurements that contain whom they are of, or by."""
    doctor = replace(DOCTOR, scopes=("user/*.cruds",))
    inside = seen("r", "Patient/two", effectiveDateTime="2026-01-15", **amount(8))
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": doctor}) as desk:
        await put(
            desk,
            {"resourceType": "Organization", "id": "big", "name": "Groupe"},
            {"resourceType": "Patient", "id": "one", "name": [{"family": "Un"}], "gender": "male"},
            {"resourceType": "Patient", "id": "two", "name": [{"family": "Deux"}], "gender": "female"},
            seen("outer", "Patient/one"),
            seen(
                "shut",
                "Patient/two",
                performer=[{"reference": "#a"}],
                contained=[person("a", "Alix", "male")],
            ),
            hers(),
            by_two(),
            report(inside),
            letter(),
        )
        await desk.system().store.grant(Grant("one", doctor.keys[0], "treating-doctor", "r", since=1))
        yield desk


QUESTIONS = [
    ("Observation?subject:Patient.family=Dupont", {"hers"}),
    ("Observation?subject.family=dupont", {"hers"}),
    ("Observation?patient.family=Dupont", {"hers"}),
    ("Observation?patient.name:contains=pon", {"hers"}),
    ("Observation?patient.family=Dupont,Un", {"hers", "outer", "by-two"}),
    ("Observation?patient.gender=female", {"hers", "shut"}),
    ("Observation?patient.gender:not=male", {"hers", "shut"}),
    ("Observation?patient.gender:not=female", {"outer", "by-two"}),
    ("Observation?patient.identifier=urn:n|7", {"hers"}),
    ("Observation?patient.identifier=7&code=x", {"hers"}),
    ("Observation?patient.birthdate=lt1960", {"hers"}),
    ("Observation?patient.birthdate:missing=false", {"hers"}),
    ("Observation?patient.birthdate:missing=true", {"outer", "by-two", "shut"}),
    ("Observation?patient._id=p", set()),
    ("Observation?patient.organization.name=clinique", {"hers"}),
    ("Observation?patient.organization.partof=big", {"hers"}),
    ("Observation?patient.organization.partof.name=Groupe", {"hers"}),
    ("Observation?performer:Practitioner.name=Bo", {"by-two"}),
    ("Observation?performer:Practitioner.name=Alix", {"by-two", "shut"}),
    ("Observation?performer.name=Alix&patient=one", {"by-two"}),
    ("Observation?performer:Practitioner.name=Alix&patient.family=Deux", {"shut"}),
    ("Observation?performer:Practitioner.name=Alix&date=2026", set()),
    (
        "Observation?_filter=performer:Practitioner.name eq Alix or patient.family eq Dupont",
        {"by-two", "shut", "hers"},
    ),
    ("Observation?_filter=not(patient.family eq Dupont)", {"outer", "by-two", "shut"}),
    ("DiagnosticReport?result.code=x", {"report"}),
    ("DiagnosticReport?result.combo-code=urn:c|x", {"report"}),
    ("DiagnosticReport?result.code-value-quantity=x$gt5", {"report"}),
    ("DiagnosticReport?result.code-value-quantity=x$gt9", set()),
    ("DiagnosticReport?result.date=2026-01", {"report"}),
    ("DiagnosticReport?result.date=2026-02", set()),
    ("DiagnosticReport?result.patient.family=Deux", {"report"}),
    ("DiagnosticReport?patient=one&result.subject:Patient.family=Deux", {"report"}),
    ("DiagnosticReport?result.code:text=words", {"report"}),
    ("DiagnosticReport?result.code:missing=true", set()),
    ("Patient?_has:Observation:patient:performer:Practitioner.name=Alix", {"one", "two"}),
    ("Patient?_has:DiagnosticReport:subject:result.code=x", {"one"}),
    ("Bundle?composition.type=letter", {"letter"}),
    ("Bundle?composition.author:Practitioner.name=Erwan", {"letter"}),
    ("Bundle?composition.type=other", set()),
]


@pytest.mark.parametrize(("query", "found"), QUESTIONS)
async def test_what_is_contained_is_asked_like_what_is_not(desk: Desk, query: str, found: set[str]) -> None:
    assert set(await asked(desk, query)) == found
    status, counted = await desk.ask("loader", "GET", f"{query}&_summary=count")
    assert (status, counted["total"]) == (200, len(found))


async def test_who_sees_the_holder_sees_what_it_contains(desk: Desk) -> None:
    for query, found in (
        ("Observation?performer:Practitioner.name=Alix", {"by-two"}),
        ("Observation?performer.name=Alix&_total=accurate", {"by-two"}),
        ("Observation?patient.family=Dupont", set()),
        ("Observation?patient.identifier=urn:n|7", set()),
        ("DiagnosticReport?result.code=x", {"report"}),
        # Whom the contained one names stays hidden.
        ("DiagnosticReport?result.patient.family=Deux", set()),
    ):
        status, bundle = await desk.ask("doctor", "GET", query)
        assert status == 200, bundle
        assert {name.partition("/")[2] for name in ids(bundle)} == found, query


async def test_pages_of_both_kinds_put_together_are_the_whole(desk: Desk) -> None:
    query = "Observation?patient.gender=female,male&_total=accurate&_sort=_id"
    status, bundle = await desk.ask("loader", "GET", f"{query}&_count=1")
    assert (status, bundle["total"]) == (200, 4)
    found = ids(bundle)
    while url := following(bundle):
        bundle = (await desk.ask("loader", "GET", url))[1]
        assert bundle.get("total", 4) == 4
        found += ids(bundle)
    assert found == [f"Observation/{i}" for i in ("by-two", "hers", "outer", "shut")]


async def test_what_is_contained_no_more_is_found_no_more(desk: Desk) -> None:
    async def found(family: str) -> list[str]:
        return await asked(desk, f"Observation?performer:Practitioner.name={family}")

    first = person("a", "Changeant", "male")
    await put(desk, seen("moving", "Patient/one", performer=[{"reference": "#a"}], contained=[first]))
    assert await found("Changeant") == ["moving"]
    first["name"] = [{"family": "Changé"}]
    await put(desk, seen("moving", "Patient/one", performer=[{"reference": "#a"}], contained=[first]))
    assert (await found("Changeant"), await found("Changé")) == ([], ["moving"])
    await put(desk, seen("moving", "Patient/one"))
    assert await found("Changé") == []
    await desk.system().store.delete("Observation", "moving")
