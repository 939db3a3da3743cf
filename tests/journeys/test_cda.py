"""The 52 published CDA documents: each is deposited, found, read back, and shown on a page."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from lxml import html

from aubier.access.actor import system_actor
from aubier.store.intent import Grant
from tests.open_house import DOCTOR, OpenHouse, open_house
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILES = sorted((SHARED / "data" / "cda").glob("*.xml"))
CONTENTS = {file.stem: file.read_bytes() for file in FILES}
ACTORS = {"loader": system_actor("loader"), "doctor": DOCTOR}


async def seen(desk: OpenHouse, path: str, accept: str) -> httpx.Response:
    """What the doctor is answered."""
    return await desk.client.get(path, headers={"x-login": "doctor", "accept": accept})


@pytest.fixture(scope="module")
async def desk(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenHouse]:
    async with open_house(database(), tmp_path_factory.mktemp("house"), lambda: NOW, ACTORS) as opened:
        yield opened


def test_the_published_examples_are_there() -> None:
    assert len(FILES) == 52


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem[:60])
async def test_a_published_cda_becomes_a_document_and_a_page(desk: OpenHouse, file: Path) -> None:
    data = CONTENTS[file.stem]
    headers = {"x-login": "loader", "content-type": "application/xml"}
    made = await desk.client.post("/pdsm/cda", content=data, headers=headers)
    assert made.status_code == 201, made.text[:500]
    logical = made.headers["location"].partition("/_history")[0].rpartition("/")[2]
    document = await desk.read(f"DocumentReference/{logical}")
    patient = document["subject"]["reference"].removeprefix("Patient/")
    given = Grant(patient, DOCTOR.keys[0], "treating-doctor", "rw")
    await desk.system().store.grant(given)
    read = await seen(desk, f"/fhir/DocumentReference/{logical}", "application/fhir+json")
    assert json.loads(read.content)["content"][0]["attachment"]["contentType"] in (
        "application/xml",
        "text/xml",
    )
    back = await seen(desk, f"/pdsm/{document['content'][0]['attachment']['url']}", "*/*")
    assert back.content == data
    page = await seen(desk, f"/pro/patients/{patient}/documents/{logical}", "text/html")
    assert page.status_code == 200
    shown = html.fromstring(page.text)
    assert shown.xpath("//div[@class='cda']//article//h2")
    assert not shown.xpath("//script | //@onclick | //iframe")


async def test_a_document_of_a_false_or_foreign_number_forwards_no_number(desk: OpenHouse) -> None:
    page = await desk.system().store.search("Patient", [("_count", "200")])
    numbers = [
        i
        for p in page.resources
        for i in p.get("identifier", [])
        if i.get("system", "").endswith(".213.1.4.8")
    ]
    assert page.resources
    assert not numbers
