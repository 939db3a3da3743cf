"""The DocumentReference of a CDA."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aubier.access.actor import system_actor
from aubier.access.labels import labels_of
from aubier.services.record.cda.document import document_reference, fingerprint, identifier_of
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.model import Id
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.codes import CLASSES, document_class, document_format, system_url
from aubier.validation import validate
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FILES = sorted((SHARED / "data" / "cda").glob("*.xml"))


def made(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    header = read_header(parse_document(data))
    return document_reference(header, data, subject="Patient/p1", url="Binary/" + "0" * 64, now=NOW)


def named(name: str) -> dict[str, Any]:
    return made(SHARED / "data" / "cda" / f"{name}.xml")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem[:40])
def test_every_published_document_gives_a_valid_resource(file: Path) -> None:
    document = made(file)
    assert [i for i in validate(document) if i.severity != "warning"] == []
    attachment = document["content"][0]["attachment"]
    assert attachment["size"] == file.stat().st_size
    assert attachment["hash"] == base64.b64encode(hashlib.sha1(file.read_bytes()).digest()).decode()
    assert document["category"][0]["coding"][0]["code"] in CLASSES
    assert document["content"][0]["format"]["code"].startswith("urn:")
    assert document["author"][0]["display"] and document["custodian"]["display"]
    local = {f"#{c['id']}" for c in document["contained"]}
    assert document["context"]["sourcePatientInfo"]["reference"] in local
    assert {a["reference"] for a in document["author"]} <= local


def test_a_discharge_letter_in_full() -> None:
    document = named("LDL-SES_2022.01")
    assert document["masterIdentifier"]["value"] == "urn:oid:1.2.250.1.213.1.1.1.29.2022.1.1"
    assert document["type"]["coding"][0]["system"] == "http://loinc.org"
    assert document["category"][0]["coding"][0]["display"] == "Synthèse"
    assert document["content"][0]["format"]["code"] == "urn:asip:ci-sis:ldl-ses:2017"
    assert document["content"][0]["attachment"]["creation"] == "2019-12-03T13:30:00+01:00"
    assert document["date"] == "2026-11-22T09:30:00.000Z"
    context = document["context"]
    assert context["period"] == {"start": "2019-10-29T11:17:00+01:00", "end": "2019-12-03T13:30:00+01:00"}
    assert context["facilityType"]["coding"][0]["code"] == "SA01"
    assert context["practiceSetting"]["coding"][0]["code"] == "ETABLISSEMENT"


def test_access_finds_the_author_and_the_organization_in_it() -> None:
    labels = labels_of(named("LDL-SES_2022.01"), system_actor("loader"))
    assert {"type:11490-0", "category:11", "conf:N"} <= set(labels)
    assert any(x.startswith("author:ps:8") for x in labels)
    assert any(x.startswith("org:1") for x in labels)


def test_a_device_and_a_replacement() -> None:
    document = named("CNAM-HR_2021.01_sans-info")
    device = next(c for c in document["contained"] if c["id"] == "author-1")
    assert (device["resourceType"], device["deviceName"][0]["name"]) == ("Device", "Assurance Maladie")
    (relation,) = document["relatesTo"]
    assert relation["code"] == "replaces"
    assert relation["target"]["identifier"] == {"system": "urn:oid:1.2.250.1.213.1.1.9", "value": "10002-1"}


def test_only_the_identifiers_that_may_act_are_forwarded() -> None:
    data = FILES[0].read_bytes()
    header = read_header(parse_document(data))
    document = document_reference(header, data, subject="Patient/1", url="x", now=NOW, identifiers=())
    assert "279035121518989" not in str(document)


@pytest.mark.parametrize(
    ("found", "system", "value"),
    [
        (Id("1.2.3"), "urn:ietf:rfc:3986", "urn:oid:1.2.3"),
        (Id("1.2.3", "A 1"), "urn:oid:1.2.3", "A 1"),
        (
            Id("716D9312-E95B-4A5D-AC3C-08C36251E567"),
            "urn:ietf:rfc:3986",
            "urn:uuid:716d9312-e95b-4a5d-ac3c-08c36251e567",
        ),
    ],
)
def test_identifiers(found: Id, system: str, value: str) -> None:
    assert (identifier_of(found)["system"], identifier_of(found)["value"]) == (system, value)


def test_codes_of_what_is_not_known_still_say_where_they_come_from() -> None:
    assert system_url("2.16.840.1.113883.6.1") == "http://loinc.org"
    assert system_url("1.2.3") == "urn:oid:1.2.3"
    assert document_class("no-such-type")["code"] == "10"
    assert document_format(("1.2.3",))["code"] == "urn:asipSante:modelesHorsProfils:2011"
    assert (
        document_format(("1.2.250.1.213.1.1.1.29",), "application/pdf")["code"]
        == "urn:ihe:iti:xds-sd:pdf:2008"
    )


def test_every_type_of_the_national_list_has_a_class() -> None:
    path = SHARED / "fixtures/nos-terminologies/ValueSet-JDV-J07-XdsTypeCode-CISIS.partial.json"
    listed = [c["code"] for i in json.loads(path.read_text())["compose"]["include"] for c in i["concept"]]
    assert len(listed) == 122
    assert {document_class(code)["code"] for code in listed} >= {
        "10",
        "11",
        "31",
        "42",
        "43",
        "44",
        "52",
        "60",
        "90",
    }


def test_a_fingerprint_is_the_one_of_the_published_examples() -> None:
    assert fingerprint(b"Hello World") == {"size": 11, "hash": "Ck1VqNd45QIvq3AZd8XYQLvEhtA="}
