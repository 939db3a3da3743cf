"""A long body is read aside, others being served meanwhile, and means the same."""

from collections.abc import Mapping

import pytest

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.ground.problem import Problem
from aubier.rest.formats.conversion import read_aside, received, says_long
from aubier.store.aside import LONG
from tests.unit.beside import served_beside

XML = {"content-type": "application/fhir+xml"}
JSON = {"content-type": "application/fhir+json"}
NAMES = 6_000
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<p>é à <b>ü</b></p>" * 3_000 + "</div>"


def long_xml(end: str = "") -> bytes:
    """A Patient of a long narrative and many names."""
    names = "".join(f'<name><family value="Né {n}"/></name>' for n in range(NAMES))
    text = f'<text><status value="generated"/>{DIV}</text>'
    return f'<Patient xmlns="http://hl7.org/fhir">{text}{names}{end}</Patient>'.encode()


def long_json(end: str = "") -> bytes:
    """The same."""
    return fhir_json.dumps(fhir_xml.parse(long_xml()))[:-1] + end.encode() + b"}"


@pytest.mark.parametrize(("headers", "body"), [(XML, long_xml()), (JSON, long_json())])
async def test_others_are_served_while_a_long_body_is_read(headers: Mapping[str, str], body: bytes) -> None:
    found, served = await served_beside(read_aside(headers, body))
    assert served > 1
    assert found == received(headers, body) == fhir_xml.parse(long_xml())
    assert isinstance(found, dict)
    assert found["text"]["div"] == DIV and found["name"][-1] == {"family": f"Né {NAMES - 1}"}


async def test_what_is_wrong_is_told_as_of_any_body() -> None:
    wrong = [(XML, long_xml(end)) for end in ("<odd/>", "<name>", "&x;")]
    wrong += [(JSON, long_json(end)) for end in (',"name":1', "]")]
    wrong += [({"content-type": "application/json; charset=latin1"}, long_json())]
    for headers, body in wrong:
        found = await read_aside(headers, body)
        assert isinstance(found, Problem)
        with pytest.raises(Problem) as refusal:
            received(headers, body)
        assert refusal.value.issues == found.issues


async def test_what_is_short_or_no_resource_is_not_read_here() -> None:
    assert await read_aside(XML, b"<Patient xmlns='http://hl7.org/fhir'/>") is None
    assert await read_aside(JSON, b" " * (LONG - 1)) is None
    assert await read_aside({"content-type": "image/png"}, b" " * LONG) is None


def test_what_says_that_it_is_long_is_known_by_its_headers() -> None:
    assert says_long({"content-length": str(LONG)}) and says_long({"content-length": "9" * 30})
    assert not says_long({}) and not says_long({"content-length": "9"})
    assert not says_long({"content-length": "x"})
