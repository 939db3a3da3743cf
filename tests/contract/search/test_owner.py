"""Whose record a resource is in, its compartment says: it is found as if a reference were kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tests.contract.desk import Desk, opened
from tests.contract.search.test_kept import amount, asked, code, seen
from tests.contract.search.test_paging import put


@pytest.fixture(scope="module")
async def shared(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """Measurements of a patient, one by another; of a group, of nobody, of one who has not come yet."""
    async with opened(database, tmp_path_factory.mktemp("house"), {}) as desk:
        await put(
            desk,
            {"resourceType": "Patient", "id": "one", "name": [{"family": "Un"}]},
            {"resourceType": "Patient", "id": "two", "name": [{"family": "Deux"}]},
            {"resourceType": "Group", "id": "herd", "type": "person", "actual": True},
            seen("hers", "Patient/one", **amount(5)),
            seen("theirs", "Group/herd"),
            seen("away", "http://elsewhere.example/fhir/Patient/far"),
            seen("alone", "", component=[{"code": code("inner"), **amount(70)}]),
            seen("helped", "Patient/one", performer=[{"reference": "Patient/two"}], **amount(9)),
            seen("early", "Patient/later", performer=[{"reference": "Patient/later"}]),
        )
        yield desk


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Observation?subject=one", {"hers", "helped"}),
        ("Observation?subject=Patient/one,Group/herd", {"hers", "helped", "theirs"}),
        ("Observation?performer=Patient/two", {"helped"}),
        ("Observation?performer=two&subject=one", {"helped"}),
        ("Observation?patient=two", set()),
        ("Observation?patient=later", {"early"}),
        ("Observation?performer:missing=false", {"helped", "early"}),
        ("Observation?subject:missing=true", {"alone"}),
        ("Observation?performer:Patient.family=Deux", {"helped"}),
        ("Observation?patient.family=Un", {"hers", "helped"}),
        ("Observation?patient=one&performer:Patient.family=Deux", {"helped"}),
        ("Observation?patient=one&subject:Patient.family=Un", {"hers", "helped"}),
        ("Observation?patient=one&performer:Patient.family=Un", set()),
        ("Observation?_filter=patient eq Patient/one and not (performer eq Patient/two)", {"hers"}),
        ("Observation?_filter=subject ne Patient/one", {"theirs", "away", "early"}),
        ("Patient?_has:Observation:subject:code=x", {"one"}),
        ("Patient?_has:Observation:performer:value-quantity=9", {"two"}),
        ("Patient?_id=two&_has:Observation:performer:code=x", {"two"}),
        ("Patient?_id=two&_has:Observation:subject:code=x", set()),
        ("Patient?_id=two&_revinclude=Observation:performer", {"two", "helped"}),
        ("Patient?_id=two&_revinclude=Observation:subject", {"two"}),
        ("Patient?_revinclude=Observation:subject", {"one", "two", "hers", "helped"}),
        ("Observation?_id=helped&_include=Observation:performer", {"helped", "two"}),
        ("Observation?_id=helped&_include=Observation:*", {"helped", "one", "two"}),
        ("Observation?_id=early&_include=Observation:subject", {"early"}),
        ("Patient/two/Observation", {"helped"}),
        ("Patient/one/Observation?value-quantity=gt6", {"helped"}),
    ],
)
async def test_whose_record_it_is_needs_no_row(shared: Desk, query: str, found: set[str]) -> None:
    assert set(await asked(shared, query)) == found


async def test_the_order_is_that_of_what_is_named(shared: Desk) -> None:
    by_subject = await asked(shared, "Observation?_sort=subject")
    assert by_subject[:2] == ["theirs", "hers"] or by_subject[:2] == ["theirs", "helped"]
    assert set(by_subject[1:3]) == {"hers", "helped"} and by_subject[3] == "away"
    assert (await asked(shared, "Observation?_sort=-performer"))[0] == "helped"


async def test_who_comes_later_finds_what_was_there(shared: Desk) -> None:
    await put(shared, {"resourceType": "Patient", "id": "later", "name": [{"family": "Tard"}]})
    assert await asked(shared, "Observation?patient.family=Tard") == ["early"]
    assert await asked(shared, "Patient?_has:Observation:performer:code=x&family=Tard") == ["later"]
    await shared.system().store.delete("Patient", "later")
    assert await asked(shared, "Observation?patient=later") == ["early"]
    assert await asked(shared, "Observation?patient.family=Tard") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient?link=Patient/one", {"twin"}),
        ("Patient?link=one&family=Deux", {"twin"}),
        ("Patient?link:Patient.family=Un", {"twin"}),
        ("Patient?link:Patient.family=Un&_id=twin,one", {"twin"}),
        ("Patient?link:Patient._id=one", {"twin"}),
        ("Patient?_filter=link eq Patient/one", {"twin"}),
        ("Patient?_has:Patient:link:_id=twin", {"one"}),
        ("Patient?_id=one&_revinclude=Patient:link", {"one", "twin"}),
        ("Patient/one/Patient", {"twin"}),
    ],
)
async def test_who_names_another_is_not_in_that_record(shared: Desk, query: str, found: set[str]) -> None:
    twin = {"resourceType": "Patient", "id": "twin", "name": [{"family": "Deux"}]}
    await put(shared, twin | {"link": [{"other": {"reference": "Patient/one"}, "type": "seealso"}]})
    assert set(await asked(shared, query)) == found
    await shared.system().store.delete("Patient", "twin")
