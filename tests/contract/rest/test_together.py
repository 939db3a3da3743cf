"""What a transaction writes together: where it is filed, what it deletes, how much it may ask."""

from typing import Any

import pytest

from tests.contract.rest.conftest import ACTORS, Api
from tests.contract.rest.test_bundles import SYSTEM, entry, person, run, statuses, urn, weight
from tests.contract.rest.test_provenance import SENT, header


def provenance(*targets: str) -> dict[str, Any]:
    """Who wrote what."""
    return {**SENT, "target": [{"reference": target} for target in targets]}


async def homes(api: Api, answers: list[dict[str, Any]]) -> list[int]:
    """The number of the record in which each answered write is filed."""
    named = [a["response"]["location"].split("/")[:2] for a in answers]
    where = "select pat from id_map where id = $1"
    return [await api.house.store.pool.fetchval(where, logical) for _, logical in named]


async def test_what_lives_with_a_later_entry_is_filed_with_it(api: Api) -> None:
    logical = await api.make(person("placed"))
    await api.grant(logical, ACTORS["doctor"])
    entries = [
        entry("POST", "Provenance", provenance(urn("second")), urn("first")),
        entry("POST", "Provenance", provenance(urn("measured")), urn("second")),
        entry("POST", "Observation", weight(f"Patient/{logical}"), urn("measured")),
    ]
    record = await api.house.store.pool.fetchval("select pat from id_map where id = $1", logical)
    for who in ("admin", "doctor"):
        answers = await run(api, "transaction", *entries, who=who)
        assert statuses(answers) == ["201"] * 3
        assert await homes(api, answers) == [record] * 3


async def test_what_names_each_other_in_a_circle_is_filed_together(api: Api) -> None:
    around = [entry("POST", "Provenance", provenance(urn(f"c{n + 1 & 3}")), urn(f"c{n}")) for n in range(4)]
    itself = entry("POST", "Provenance", provenance(urn("itself")), urn("itself"))
    for who in ("admin", "doctor"):
        *answers, alone = await run(api, "transaction", *around, itself, who=who)
        record, *others = await homes(api, answers)
        assert others == [record] * 3 and await homes(api, [alone]) != [record]


async def test_what_concerns_nobody_and_its_provenance_are_made_together(api: Api) -> None:
    basic = {"resourceType": "Basic", "code": {"text": "note"}}
    told = await api.ask("POST", "Basic", basic, who="doctor", headers=header())
    assert told.status_code == 201, told.text
    found = await api.get(f"Provenance?target=Basic/{told.json()['id']}", who="doctor")
    assert len(found.json()["entry"]) == 1


async def test_what_is_deleted_meets_no_condition_of_the_same_transaction(api: Api) -> None:
    """Rule: FHIR R4, http.html#trules: deletes first, then creates, references by criteria last."""
    asked = f"identifier={SYSTEM}|going"
    for delete in ("Patient/{}", f"Patient?{asked}"):
        old = await api.make(person("going"))
        named = f"Patient?{asked}" if "?" not in delete else urn("p")
        answers = await run(
            api,
            "transaction",
            entry("POST", "Observation", weight(named)),
            entry("POST", "Patient", person("going"), urn("p"), ifNoneExist=asked),
            entry("DELETE", delete.format(old)),
            headers={"prefer": "return=representation"},
        )
        assert statuses(answers) == ["201", "201", "204"]
        made = answers[1]["resource"]["id"]
        assert answers[0]["resource"]["subject"]["reference"] == f"Patient/{made}" != f"Patient/{old}"
        await api.ask("DELETE", f"Patient/{made}")


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["http://[x/Patient", "http://[::1/Patient/1"])
async def test_an_address_that_nobody_can_read_is_told(api: Api, kind: str, url: str) -> None:
    answer = await api.post(kind, entry("GET", url))
    told = answer.json() if kind == "transaction" else answer.json()["entry"][0]["response"]["outcome"]
    assert told["issue"][0]["expression"] == ["Bundle.entry[0].request.url"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-None-Exist"])
async def test_a_condition_beside_a_bundle_is_not_left_out(api: Api, kind: str, name: str) -> None:
    before = await api.rows()
    answer = await api.post(kind, entry("POST", "Patient", person("beside")), headers={name.lower(): 'W/"1"'})
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, [f"http.{name}"])
    assert await api.rows() == before
