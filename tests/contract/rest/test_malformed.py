"""Whatever is wrong with a request is told: 4xx, in which place, in both languages, and nothing is stored."""

import random

import pytest

from aubier.fhir import json as fhir_json
from tests.contract.rest.conftest import Api, places
from tests.contract.rest.malformed import CHANCE, FAMILIES, SAMPLES, Wrong

EVERYDAY = 250
"""Of each family, how many are asked every day."""


async def fault(api: Api, wrong: Wrong) -> str:
    """What is wrong with the answer to a wrong request; nothing when it is a well-told refusal."""
    try:
        answer = await api.ask(wrong.method, wrong.path, wrong.body, headers=wrong.headers)
    except AssertionError as error:
        return f"{wrong.why}: {str(error)[:300]}"
    if not 400 <= answer.status_code < 500:
        return f"{wrong.why}: {answer.status_code} {answer.text[:200]}"
    if not places(answer):
        return f"{wrong.why}: no place in {answer.text[:200]}"
    return ""


async def told(api: Api, wrongs: list[Wrong]) -> None:
    """Each is refused as it should be, and the tables hold what they held."""
    before = await api.rows()
    faults = [said for wrong in wrongs if (said := await fault(api, wrong))]
    assert not faults, f"{len(faults)} of {len(wrongs)}\n" + "\n".join(faults)
    assert await api.rows() == before


def test_there_are_many() -> None:
    assert sum(len(list(family())) for family in FAMILIES.values()) > 1500
    assert all(len(list(family())) >= 25 for family in FAMILIES.values())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["resourceType"])
async def test_what_they_are_made_from_is_right(api: Api, sample: dict[str, object]) -> None:
    made = await api.ask("POST", str(sample["resourceType"]), sample)
    assert made.status_code == 201
    assert fhir_json.parse(made.content)["id"]


@pytest.mark.parametrize("family", FAMILIES)
async def test_it_is_refused_and_nothing_is_stored(api: Api, family: str) -> None:
    wrongs = list(FAMILIES[family]())
    await told(api, random.Random(CHANCE).sample(wrongs, min(EVERYDAY, len(wrongs))))


@pytest.mark.whole
@pytest.mark.parametrize("family", FAMILIES)
async def test_every_one_is_refused_and_nothing_is_stored(api: Api, family: str) -> None:
    await told(api, list(FAMILIES[family]()))
