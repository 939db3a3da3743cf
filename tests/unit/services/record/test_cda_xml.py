"""XML of strangers: nothing it asks is done."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.services.record.cda import xml
from aubier.services.record.cda.xml import first, parse_document, text_of
from tests.where import SHARED

CDA = SHARED / "data" / "cda"
SMALL = b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Bonjour</title></ClinicalDocument>'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(
        b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n > 1 else b"&lol;" * 10)
        for n in range(1, 10)
    )
    + b']><ClinicalDocument xmlns="urn:hl7-org:v3"><title>&lol9;</title></ClinicalDocument>'
)


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        parse_document(data)
    return caught.value


@pytest.mark.parametrize(
    "prolog",
    [
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE a PUBLIC "-//x" "http://127.0.0.1:9/x.dtd">',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
        b"\n<!-- a comment --><?pi x?>\n<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]>",
        b'\xef\xbb\xbf<?xml version="1.0"?><!DOCTYPE a>',
    ],
)
def test_a_document_type_is_refused_before_it_is_read(prolog: bytes) -> None:
    assert "DTD" in refusal(prolog + SMALL).issues[0].text or "type" in refusal(prolog + SMALL).issues[0].text


def test_a_document_type_hidden_in_another_encoding_is_refused() -> None:
    hidden = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]>' + SMALL.decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert refusal(hidden.encode(encoding)).kind == "structure"
    utf7 = b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-' + SMALL
    assert "encoding" in refusal(utf7).issues[0].text


def test_a_bomb_of_entities_is_refused_at_once() -> None:
    start = time.perf_counter()
    assert refusal(BOMB).kind == "structure"
    assert time.perf_counter() - start < 5, "opened, it would take hours"


def test_an_undeclared_entity_is_not_well_formed() -> None:
    assert refusal(SMALL.replace(b"Bonjour", b"&secret;")).kind == "structure"


def test_an_include_stays_text_of_its_own() -> None:
    inner = b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
    root = parse_document(SMALL.replace(b"Bonjour", inner))
    assert text_of(root) == ""


def test_depth_size_and_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = SMALL.replace(b"Bonjour", b"<a>" * 100 + b"</a>" * 100)
    assert "levels" in refusal(deep).issues[0].text
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 50)
    assert "elements" in refusal(SMALL.replace(b"Bonjour", b"<a/>" * 60)).issues[0].text
    monkeypatch.setattr(xml, "MAX_BYTES", 60)
    assert refusal(SMALL).kind == "too-long"


def test_very_deep_xml_is_refused_by_the_parser_itself() -> None:
    assert refusal(b"<a>" * 100_000).kind == "structure"


def test_utf_16_is_read() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + SMALL.decode().replace("Bonjour", "Été")
    assert text_of(first(parse_document(text.encode("utf-16")), "title")) == "Été"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"hello",
        b"<a/>",
        b"<ClinicalDocument/>",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>",
        b"\xff\xfe<\x00",
        b"\xff\xfea",
        b"<?xml version='1.0' encoding='utf-8'?>" + SMALL.replace(b"Bonjour", b"\xe9"),
        b"\x00" * 40,
        b'<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>',
        b'<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        + SMALL * 2
        + b"</xsl:stylesheet>",
        b"<html>" + SMALL + b"</html>",
    ],
)
def test_what_is_no_cda_is_refused_with_a_place(data: bytes) -> None:
    issue = refusal(data).issues[0]
    assert issue.kind == "structure" and issue.at and issue.fr != issue.text


def test_a_self_presenting_document_is_found_in_its_stylesheet() -> None:
    root = parse_document((CDA / "CANCER-PPS_2022.01_Autopresentable.xml").read_bytes())
    assert first(root, "recordTarget/patientRole") is not None


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_give_a_document_or_a_problem(data: bytes) -> None:
    for candidate in (data, b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + data):
        try:
            parse_document(candidate)
        except Problem as found:
            assert found.kind in ("structure", "too-long")
