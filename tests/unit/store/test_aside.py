"""Long work goes aside, and means there what it means in the loop."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, get_ident
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.fhir.patch import fhirpath_patch, json_patch
from aubier.search.extract import extract
from aubier.search.terms.words import words_of
from aubier.store.aside import LONG, LONGER, by_length, by_size
from aubier.store.packing import codec
from aubier.terminology.meaning import code_system, concept_map, value_set
from aubier.validation import structure
from aubier.validation.resource import validate

MANY = 12


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


async def test_the_loop_goes_on_while_something_long_is_done() -> None:
    begun = Event()
    waiting = asyncio.create_task(by_size(LONG, begun.wait, 60))
    await asyncio.sleep(0)
    begun.set()
    assert await waiting


async def test_what_is_short_is_done_at_once() -> None:
    here = get_ident()
    assert await by_size(LONG - 1, get_ident) == here != await by_size(LONG, get_ident)
    assert await by_length(lambda _: get_ident(), {"a": "b"}) == here
    assert await by_length(lambda _: get_ident(), {"a": "b" * LONG}) != here


async def test_the_long_does_not_wait_for_the_longer() -> None:
    let = Event()
    longer = asyncio.create_task(by_size(LONGER, let.wait, 60))
    await asyncio.sleep(0)
    assert await by_size(LONG, str, 7) == "7"
    assert not longer.done()
    let.set()
    assert await longer


async def test_what_is_no_longer_wanted_is_not_begun() -> None:
    let, done = Event(), list[int]()
    first = asyncio.create_task(by_size(LONG, let.wait, 60))
    second = asyncio.create_task(by_size(LONG, done.append, 2))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    let.set()
    assert await first and await by_size(LONG, str, "") == "" and done == []


def test_a_process_that_is_forked_has_threads_of_its_own() -> None:
    asyncio.run(_both())
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            asyncio.run(_both())
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    assert os.waitpid(child, 0)[1] == 0


async def _both() -> None:
    assert [await by_size(size, str, 7) for size in (LONG, LONGER)] == ["7", "7"]


PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "name": [{"family": f"N{n}", "given": ["Éva", f"G{n}"], "foo": n} for n in range(40)],
    "identifier": [{"system": f"urn:s:{n}", "value": f"v{n}"} for n in range(40)],
    "contained": [{"resourceType": "Organization", "id": f"o{n}", "name": f"O{n}"} for n in range(20)],
    "birthDate": "2020-13-40",
}
MAP = {
    "resourceType": "ConceptMap",
    "url": "urn:m",
    "status": "active",
    "group": [
        {
            "source": "urn:a",
            "target": "urn:b",
            "element": [
                {"code": f"c{n}", "target": [{"code": f"t{n}", "equivalence": "equal"}]} for n in range(90)
            ],
        }
    ],
}
SYSTEM = {
    "resourceType": "CodeSystem",
    "url": "urn:a",
    "status": "active",
    "content": "complete",
    "concept": [{"code": f"c{n}", "concept": [{"code": f"d{n}", "display": "x"}]} for n in range(90)],
}
SET = {
    "resourceType": "ValueSet",
    "url": "urn:v",
    "status": "active",
    "compose": {"include": [{"system": "urn:a", "concept": [{"code": f"c{n}"} for n in range(90)]}]},
}
PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.name.where(family = 'N7').family"},
                {"name": "value", "valueString": "M"},
            ],
        }
    ],
}
BODY = fhir_json.dumps({**PATIENT, "name": [{"family": "Né", "given": ["é"] * 50}]})
PACKED = [BODY * n for n in range(1, 20)]
WORKS: dict[str, Callable[[], Any]] = {
    "JSON in": lambda: fhir_json.parse(BODY),
    "packing": lambda: [codec.pack(one) for one in PACKED],
    "unpacking": lambda: [codec.unpack(*codec.pack(one), b"x") for one in PACKED],
    "JSON out": lambda: fhir_json.dumps(PATIENT),
    "XML out": lambda: fhir_xml.dumps(fhir_json.parse(BODY)),
    "XML in": lambda: fhir_xml.parse(fhir_xml.dumps(fhir_json.parse(BODY))),
    "check": lambda: validate(PATIENT),
    "index values": lambda: [vars_of(extract(one)) for one in (PATIENT, MAP, SYSTEM, SET)],
    "words": lambda: words_of(PATIENT),
    "map": lambda: (list(concept_map.mappings(MAP)), concept_map.unmapped(MAP)),
    "concepts": lambda: (code_system.system_of(SYSTEM), list(code_system.concepts_of(SYSTEM))),
    "value set": lambda: value_set.read(SET),
    "FHIRPath Patch": lambda: fhirpath_patch(PATCH)(PATIENT),
    "JSON Patch": lambda: json_patch([{"op": "remove", "path": "/name/3"}])(PATIENT),
}


def vars_of(found: Any) -> dict[str, Any]:
    """What a struct holds."""
    return {name: getattr(found, name) for name in found.__struct_fields__}


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("name", WORKS)
async def test_the_same_is_found_in_the_loop_and_aside_at_once(name: str) -> None:
    work = WORKS[name]
    alone = work()
    beside = [asyncio.create_task(by_size((LONG, LONGER)[n % 2], work)) for n in range(MANY)]
    for _ in range(MANY):
        assert work() == alone
        await asyncio.sleep(0)
    assert await asyncio.gather(*beside) == [alone] * MANY


@pytest.mark.usefixtures("restless")
def test_no_thread_sees_a_checker_that_another_one_is_still_making() -> None:
    alone, threads = validate(PATIENT), 4
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(20):
            together = Barrier(threads)
            structure._checkers.clear()

            def found(together: Barrier = together) -> object:
                together.wait()
                return validate(PATIENT)

            assert all(one.result() == alone for one in [pool.submit(found) for _ in range(threads)])
