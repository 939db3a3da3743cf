"""A long body in XML is read in parts, others being served between them, and means the same."""

from aubier.fhir import xml as fhir_xml
from aubier.ground.problem import Problem
from aubier.rest.formats.conversion import LONG, long_to_read, read_between, received
from tests.unit.beside import served_beside

XML = {"content-type": "application/fhir+xml"}
NAMES = 6_000
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<p>é à <b>ü</b></p>" * 3_000 + "</div>"


def long_body(end: str = "") -> bytes:
    """A Patient of a long narrative and many names."""
    names = "".join(f'<name><family value="Né {n}"/></name>' for n in range(NAMES))
    text = f'<text><status value="generated"/>{DIV}</text>'
    return f'<Patient xmlns="http://hl7.org/fhir">{text}{names}{end}</Patient>'.encode()


async def test_others_are_served_while_long_xml_is_read() -> None:
    found, served = await served_beside(read_between(XML, long_body()))
    assert served > 5
    assert found == received(XML, long_body()) == fhir_xml.parse(long_body())
    assert isinstance(found, dict)
    assert found["text"]["div"] == DIV and found["name"][-1] == {"family": f"Né {NAMES - 1}"}


async def test_what_is_wrong_is_told_as_of_any_body() -> None:
    for end in ("<odd/>", "<name>", "&x;"):
        found = await read_between(XML, long_body(end))
        assert isinstance(found, Problem)
        try:
            received(XML, long_body(end))
        except Problem as refusal:
            assert refusal.issues == found.issues


async def test_what_is_short_or_in_json_is_not_read_here() -> None:
    assert await read_between(XML, b"<Patient xmlns='http://hl7.org/fhir'/>") is None
    assert await read_between({"content-type": "application/fhir+json"}, b" " * LONG) is None
    assert await read_between({"content-type": "image/png"}, b" " * LONG) is None


def test_what_may_be_long_is_known_by_its_headers() -> None:
    assert long_to_read(XML) and long_to_read(XML | {"content-length": str(LONG)})
    assert long_to_read(XML | {"content-length": "9", "content-encoding": "gzip"})
    assert not long_to_read(XML | {"content-length": "9"})
    assert not long_to_read({"content-type": "application/fhir+json"})
