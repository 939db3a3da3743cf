from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha1

import pytest

from aubier.access.actor import Actor
from aubier.portals.frame.forms import Form, Upload
from aubier.portals.frame.texts import texts
from aubier.portals.professional import add
from aubier.portals.professional.find import clean_ins, find_errors, find_parameters, relation_errors
from aubier.validation import check
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
GOOD = {
    "type": "11488-4",
    "title": "Visite",
    "date": "2026-11-22",
    "text": "Va bien.",
    "confidentiality": "normal",
    "submission": "6f0f1d3c-8a9e-4a0b-9d2b-0a4f9f8f2a10",
}
DOCTOR = Actor("professional", "morvan", "Dr Anne Morvan", reference="Practitioner/morvan")


def test_a_good_form_gives_a_valid_document() -> None:
    form = Form(GOOD)
    assert not add.add_errors(form, NOW)
    found = add.document(form, "yann", DOCTOR, now=NOW, language="fr")
    check(found)
    attached = found["content"][0]["attachment"]
    assert attached["size"] == len("Va bien.")
    assert b64decode(attached["hash"]) == sha1(b"Va bien.", usedforsecurity=False).digest()
    assert found["masterIdentifier"]["value"] == f"urn:uuid:{GOOD['submission']}"


def test_the_same_form_is_the_same_deposit() -> None:
    assert add.submission(Form(GOOD)) == add.submission(Form({**GOOD, "title": "Autre"}))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("type", "", "error.type"),
        ("type", "0-0", "error.type"),
        ("title", " ", "error.title"),
        ("date", "22/11/2026", "error.date"),
        ("date", "2026-11-23", "error.future"),
        ("confidentiality", "", "error.confidentiality"),
    ],
)
def test_each_wrong_answer_is_named(field: str, value: str, error: str) -> None:
    assert add.add_errors(Form({**GOOD, field: value}), NOW) == {field: error}


def test_a_file_or_a_text_but_not_both() -> None:
    pdf = {"file": Upload("a.pdf", "text/html", b"%PDF-1.7")}
    assert add.add_errors(Form({**GOOD, "text": ""}), NOW) == {"file": "error.no_content"}
    assert add.add_errors(Form(GOOD, pdf), NOW) == {"file": "error.both"}
    assert not add.add_errors(Form({**GOOD, "text": ""}, pdf), NOW)
    assert add.content_of(Form({**GOOD, "text": ""}, pdf))[1] == "application/pdf"


def test_the_bytes_decide_what_a_file_is() -> None:
    script = {"file": Upload("a.pdf", "application/pdf", b"MZ\x90")}
    assert add.add_errors(Form({**GOOD, "text": ""}, script), NOW) == {"file": "error.file_type"}
    assert add.media_type(b"\xef\xbb\xbf<?xml version='1.0'?>") == "text/xml"
    assert add.media_type(b"\xff\xd8\xff\xe0") == "image/jpeg"


def test_confidentiality_becomes_labels() -> None:
    assert len(add.labels("normal")) == 1
    assert add.labels("INVISIBLE_PATIENT")[1]["coding"][0]["code"] == "INVISIBLE_PATIENT"


def test_types_offered_are_published_ones_in_both_languages() -> None:
    assert all(k.names["fr"] and k.names["en"] for k in add.kinds())
    assert len(add.options(texts("en"))) == len({k.code for k in add.kinds()})
    published = SHARED / "fixtures" / "nos-terminologies" / "ValueSet-JDV-J07-XdsTypeCode-CISIS.partial.json"
    if not published.exists():
        pytest.skip("the published value set is not on this machine")
    text = published.read_text("utf-8")
    assert not [k.code for k in add.kinds() if f'"{k.code}"' not in text]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("1 55 03 29 046 117 67", False),
        ("155032904611767", False),
        ("1 55 03 2A 004 117 21", False),
        ("1 55 03 29 046 117", True),
        ("", True),
        ("1 55 03 2C 004 117 21", True),
    ],
)
def test_the_form_of_a_number(typed: str, wrong: bool) -> None:
    assert bool(find_errors(Form({"by": "ins", "ins": typed}))) is wrong


def test_all_five_traits_are_asked() -> None:
    assert set(find_errors(Form({"by": "traits"}))) == {
        "family",
        "given",
        "birthdate",
        "gender",
        "birthplace",
    }
    told = {"by": "traits", "family": "LE GOFF", "given": "Yann", "birthdate": "1955-03-04", "gender": "male"}
    assert find_errors(Form({**told, "birthplace": "Crozon"})) == {"birthplace": "error.birthplace"}
    form = Form({**told, "birthplace": "2a004"})
    assert not find_errors(form)
    asked = {p["name"]: p for p in find_parameters(form, sandbox=True)["parameter"]}
    assert asked["birthplace"]["valueString"] == "2A004"


def test_test_numbers_are_sought_in_the_sandbox_only() -> None:
    form = Form({"by": "ins", "ins": clean_ins("1 55 03 29 046 117 67")})
    for sandbox, end in ((True, ".10"), (False, ".8")):
        asked = {p["name"]: p for p in find_parameters(form, sandbox=sandbox)["parameter"]}
        assert asked["oid"]["valueString"].endswith(end)


def test_a_relationship_needs_a_reason_and_a_term() -> None:
    assert set(relation_errors(Form({}))) == {"reason", "term"}
    assert not relation_errors(Form({"reason": "consultation", "term": "P1D"}))
