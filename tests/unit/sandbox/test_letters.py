"""Documents of the territory as CDA: what software writes so, and only that."""

import base64
from collections import Counter
from datetime import date

import pytest

from aubier.ground.rows import Resource
from aubier.sandbox.letters import cda_letter
from aubier.sandbox.plan import Settings, territory
from aubier.services.record.api import parse_document, plain_text, render_cda


@pytest.fixture(scope="module")
def contents() -> list[Resource]:
    made = territory(Settings(today=date(2026, 11, 22), citizens=40, writer=cda_letter))
    return [r for batch in made for r in batch.resources if r["resourceType"] == "Binary"]


def test_every_cda_is_one_that_the_record_room_reads_and_shows(contents: list[Resource]) -> None:
    shown = Counter()
    for content in contents:
        if content["contentType"] == "application/xml":
            data = base64.b64decode(content["data"])
            assert plain_text(data).strip()
            assert "<script" not in render_cda(data)
            shown[parse_document(data).findtext("{urn:hl7-org:v3}title") != ""] += 1
    assert shown[True] > 50


def test_what_patients_deposit_stays_as_it_is(contents: list[Resource]) -> None:
    kinds = Counter(c["contentType"] for c in contents)
    assert kinds["text/plain"] > 50
    assert set(kinds) == {"text/plain", "application/xml"}


def test_the_same_letter_gives_the_same_bytes(contents: list[Resource]) -> None:
    made = territory(Settings(today=date(2026, 11, 22), citizens=40, writer=cda_letter))
    again = [r for batch in made for r in batch.resources if r["resourceType"] == "Binary"]
    assert again == contents


def test_the_set_of_a_document_is_its_own(contents: list[Resource]) -> None:
    sets = [
        parse_document(base64.b64decode(c["data"])).find("{urn:hl7-org:v3}setId").get("root")
        for c in contents
        if c["contentType"] == "application/xml"
    ]
    assert len(sets) == len(set(sets))
