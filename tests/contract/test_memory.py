"""Memory is bounded: neither a large code system nor a large guide makes each question cost more of it."""

import gc
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.terminology.nomenclatures.load import load, recognise
from tests.contract.validation.test_validate import GOOD, START, ips, stored
from tests.open_house import DOCTOR, OpenHouse, open_house
from tests.where import SHARED

LOADING = 96 << 20
"""Bytes that a load of the largest published table here may add, and a guide's definitions."""
ASKING = 8 << 20
"""Bytes that going on asking may add: nothing is kept per question, allocators keep some of what they had."""


def resident() -> int:
    """Bytes of memory this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
async def house(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenHouse]:
    async with open_house(
        database(), tmp_path_factory.mktemp("house"), lambda: START, {"dr": DOCTOR}
    ) as opened:
        yield opened


async def _steady(ask: Callable[[int], Any], rounds: int) -> int:
    """Bytes by which `rounds` more questions grow this process, after as many to warm up."""
    for n in range(rounds):
        await ask(n)
    before = resident()
    for n in range(rounds):
        await ask(rounds + n)
    return resident() - before


@pytest.mark.parametrize("published", ["ccam_v81_2026.csv.gz", pytest.param("bdpm", marks=pytest.mark.whole)])
async def test_a_large_code_system_costs_no_memory_to_ask(house: OpenHouse, published: str) -> None:
    found = recognise(SHARED / "data" / published)
    assert found
    before = resident()
    assert await load(house.system().store, found) > 8000
    assert resident() - before < LOADING
    chosen = {"resourceType": "ValueSet", "compose": {"include": [{"system": found.system.url}]}}

    async def expand(n: int) -> None:
        asked = [{"name": "valueSet", "resource": chosen}, {"name": "count", "valueInteger": 100}]
        asked.append({"name": "offset", "valueInteger": 60 * n})
        body = {"resourceType": "Parameters", "parameter": asked}
        status, told = await house.ask("dr", "POST", "/fhir/ValueSet/$expand", body)
        assert status == 200 and len(told["expansion"]["contains"]) == 100

    assert await _steady(expand, 30) < ASKING


async def test_a_large_guide_costs_no_memory_to_validate_against(house: OpenHouse) -> None:
    before = resident()
    await stored(house, *(fhir_json.parse(p.read_bytes()) for p in ips()))
    example = fhir_json.parse(GOOD.read_bytes())

    async def validate(n: int) -> None:
        status, told = await house.ask("dr", "POST", "/fhir/Patient/$validate", {**example, "id": f"p{n}"})
        assert status == 200 and told["resourceType"] == "OperationOutcome"

    assert await _steady(validate, 40) < ASKING
    assert resident() - before < LOADING
