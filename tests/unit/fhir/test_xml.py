"""XML in and out: what is kept, what is refused, and what an enemy might send."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aubier.fhir.json import Limits
from aubier.fhir.xml import dumps, parse
from aubier.ground.problem import Problem

NS = 'xmlns="http://hl7.org/fhir"'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def patient(inside: str) -> bytes:
    return f"<Patient {NS}>{inside}</Patient>".encode()


def refused(data: bytes, **limits: int) -> Problem:
    """The Problem that `parse` raises, in both languages."""
    with pytest.raises(Problem) as caught:
        parse(data, Limits(**limits))
    for issue in caught.value.issues:
        assert issue.text and issue.fr and issue.text != issue.fr
    return caught.value


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient"},
    {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"versionId": "2", "tag": [{"system": "http://x", "code": "a"}]},
        "extension": [{"url": "http://x/e", "id": "e1", "valueDecimal": Decimal("1.50")}],
        "active": False,
        "name": [
            {"id": "n1", "family": 'd\'Anjou & "fils" <\t\r\n>', "given": ["Ana", "Léa"]},
            {"given": ["A", None, "C"], "_given": [None, {"id": "g2"}, {"extension": [{"url": "u"}]}]},
        ],
        "_birthDate": {"extension": [{"url": "http://x/why", "valueCode": "unknown"}]},
        "deceasedBoolean": True,
        "multipleBirthInteger": -3,
        "contact": [{"name": {"_family": {"id": "f"}, "family": "X"}}],
    },
    {
        "resourceType": "Observation",
        "valueQuantity": {"value": Decimal("0.00"), "unit": "µg"},
        "component": [{"valueSampledData": {"origin": {"value": 5}, "period": Decimal("1E+3")}}],
    },
    {
        "resourceType": "Bundle",
        "entry": [
            {
                "fullUrl": "urn:x",
                "resource": {"resourceType": "Patient", "contained": [{"resourceType": "Basic"}]},
            },
            {"resource": {"resourceType": "Binary", "data": "AAAA"}, "search": {"score": Decimal("0.10")}},
        ],
    },
    {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "a", "part": [{"name": "b", "resource": {"resourceType": "Patient", "id": "1"}}]}
        ],
    },
    {
        "resourceType": "Questionnaire",
        "item": [{"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}]}],
    },
]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_resource_comes_back_as_it_was(resource: dict[str, Any]) -> None:
    text = dumps(resource)
    again = parse(text)
    assert again == resource
    assert dumps(again) == text
    assert etree.fromstring(text).tag == f"{{http://hl7.org/fhir}}{resource['resourceType']}"


@pytest.mark.parametrize("text", ["1.10", "0.00", "-0.0", "100.0", "12345678901234567890.123", "1E+3", "7"])
def test_decimals_keep_their_digits(text: str) -> None:
    value = Decimal(text) if not text.isdigit() else int(text)
    resource = {"resourceType": "Observation", "valueQuantity": {"value": value}}
    assert f'<value value="{text}"/>'.encode() in dumps(resource)
    assert str(parse(dumps(resource))["valueQuantity"]["value"]) == text


NARRATIVES = [
    f"{DIV}x</div>",
    f"{DIV}<p></p><p/>&#160;&amp;é<br/> <a href='#a' title=\"b\">c</a><!-- d --></div>",
    f"{DIV}<br/></div>",
    '<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr"\n lang="fr"><div><div>a/></div></div></div >',
    '<div xmlns="http://www.w3.org/1999/xhtml"/>',
]


@pytest.mark.parametrize("div", NARRATIVES)
def test_a_narrative_keeps_every_byte(div: str) -> None:
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}, "active": True}
    assert parse(dumps(resource)) == resource


def test_a_narrative_with_a_prefix_is_made_to_stand_alone() -> None:
    data = (
        f'<Patient {NS} xmlns:h="http://www.w3.org/1999/xhtml"><text><h:div xml:lang="fr">a &lt; &#160;'
        '<h:br/><h:a href="x&quot;y">z</h:a></h:div></text></Patient>'
    )
    div = parse(data.encode())["text"]["div"]
    root = etree.fromstring(div)
    assert root.tag == "{http://www.w3.org/1999/xhtml}div"
    assert "".join(root.itertext()) == "a < \xa0z"
    assert root[1].get("href") == 'x"y' and "<br/>" in div and 'xml:lang="fr"' in div


@pytest.mark.parametrize(
    "div", ["<div>x", "text", f"{DIV}</div>{DIV}</div>", "<p/>", "<!DOCTYPE x><div/>", 7]
)
def test_a_narrative_that_would_break_the_document_is_not_written(div: Any) -> None:
    with pytest.raises(Problem) as caught:
        dumps({"resourceType": "Patient", "text": {"div": div}})
    assert caught.value.issues[0].at == ("Patient.text.div",)


def test_a_character_that_xml_has_not_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        dumps({"resourceType": "Patient", "name": [{"given": ["a", "b\x01"]}]})
    assert caught.value.kind == "not-acceptable"
    assert caught.value.issues[0].at == ("Patient.name[0].given[1]",)


@pytest.mark.parametrize(
    ("resource", "at"),
    [
        ({"resourceType": "Patient", "foo": 1}, "Patient.foo"),
        ({"resourceType": "Patient", "name": [{"foo": 1}]}, "Patient.name[0].foo"),
        ({"resourceType": "Patient", "name": ["x"]}, "Patient.name[0]"),
        ({"resourceType": "Patient", "active": {}}, "Patient.active"),
        ({"resourceType": "Patient", "_name": {}, "name": []}, "Patient._name"),
        ({"resourceType": "Patient", "contained": [{"id": "x"}]}, "Patient.contained[0].resourceType"),
        ({"resourceType": "Nothing"}, "Nothing"),
        ({}, "$this.resourceType"),
    ],
)
def test_what_is_no_fhir_is_not_written(resource: dict[str, Any], at: str) -> None:
    with pytest.raises(Problem) as caught:
        dumps(resource)
    assert caught.value.issues[0].at == (at,)


FAULTS = [
    (patient("<foo/>"), "Patient.foo", "structure"),
    (patient('<name><foo value="1"/></name>'), "Patient.name[0].foo", "structure"),
    (patient('<name/><name xmlns="urn:x"/>'), "Patient.name", "structure"),
    (patient('<active xmlns="" value="true"/>'), "Patient.active", "structure"),
    (patient('<active value="yes"/>'), "Patient.active", "value"),
    (patient('<active value="1"/>'), "Patient.active", "value"),
    (patient('<multipleBirthInteger value="1.0"/>'), "Patient.multipleBirthInteger", "value"),
    (patient('<active value="true" foo="1"/>'), "Patient.active", "structure"),
    (patient('<active value="true"/><active value="true"/>'), "Patient.active", "structure"),
    (patient('<name value="x"/>'), "Patient.name[0]", "structure"),
    (patient("<active/>"), "Patient.active", "structure"),
    (patient("<name><given/></name>"), "Patient.name[0].given[0]", "structure"),
    (patient("<active>true</active>"), "Patient.active", "structure"),
    (patient("hello"), "Patient", "structure"),
    (patient('<extension><url value="x"/></extension>'), "Patient.extension[0].url", "structure"),
    (patient('<name><id value="x"/></name>'), "Patient.name[0].id", "structure"),
    (patient("<contained><Patient/><Basic/></contained>"), "Patient.contained[0]", "structure"),
    (patient("<contained><Foo/></contained>"), "Patient.contained[0]", "structure"),
    (patient("<contained/>"), "Patient.contained[0]", "structure"),
    (patient("<text><div>x</div></text>"), "Patient.text.div", "structure"),
    (patient(f"<text>{DIV}a</div>{DIV}b</div></text>"), "Patient.text.div", "structure"),
    (b"<Patient/>", "Patient", "structure"),
    (b'<Patient xmlns="urn:hl7-org:v3"/>', "Patient", "structure"),
    (f"<Nothing {NS}/>".encode(), "Nothing", "structure"),
    (f"<HumanName {NS}/>".encode(), "HumanName", "structure"),
]


@pytest.mark.parametrize(("data", "at", "kind"), FAULTS)
def test_a_fault_is_told_with_its_line_and_place(data: bytes, at: str, kind: str) -> None:
    issues = refused(data).issues
    assert any(i.at == (at,) and i.kind == kind and i.text.startswith("Line 1: ") for i in issues)


def test_every_fault_is_told_at_once() -> None:
    found = refused(patient('<foo/>\n<active value="x"/>\n<bar><name/></bar>\n<name><x/></name>'))
    assert [i.at[0] for i in found.issues][:3] == ["Patient.foo", "Patient.active", "Patient.bar"]
    assert [i.text.partition(":")[0] for i in found.issues][:3] == ["Line 1", "Line 2", "Line 3"]


HOSTILE = {
    "bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + patient('<id value="&b;"/>'),
    "file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + patient('<id value="1"/>'),
    "dtd": b'<!DOCTYPE Patient SYSTEM "http://127.0.0.1/x.dtd">' + patient(""),
    "doctype after a comment": b"<!-- x --><?p?><!DOCTYPE Patient>" + patient(""),
    "entity": patient("&x;"),
    "html entity": patient(f"<text>{DIV}&nbsp;</div></text>"),
    "empty": b"",
    "json": b"{}",
    "cut": patient("")[:-3],
    "two roots": patient("") * 2,
    "utf-16": patient("").decode().encode("utf-16"),
    "latin": b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient(""),
    "not utf-8": patient("<id/>").replace(b"<id/>", b'<id value="\xff"/>'),
    "control": patient('<id value="&#1;"/>'),
    "prefix": patient("<x:id/>"),
    "twice": patient('<id value="1" value="2"/>'),
    "xinclude": patient('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_is_refused(name: str) -> None:
    assert refused(HOSTILE[name]).kind == "structure"


def test_what_says_nothing_is_passed_over() -> None:
    spaces = 'xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    data = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- a --><?b?>'
    data += f'<f:Patient {spaces} xsi:schemaLocation="http://hl7.org/fhir x">'
    data += '\n <!-- c --> <f:active value="true"/>\n</f:Patient>\n'
    assert parse(data.encode()) == {"resourceType": "Patient", "active": True}


def test_any_order_is_taken_and_ours_is_that_of_the_definitions() -> None:
    found = parse(patient('<birthDate value="2000"/><name><given value="a"/><family value="b"/></name>'))
    assert dumps(found).endswith(
        b'<name><family value="b"/><given value="a"/></name><birthDate value="2000"/></Patient>'
    )


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (patient("<name>" + '<given value="a"/>' * 50 + "</name>"), {"values": 50}),
        (patient("<extension>" * 40 + "</extension>" * 40), {}),
        (patient(" " * 200), {"size": 100}),
    ],
)
def test_what_is_too_much_is_refused(data: bytes, limits: dict[str, int]) -> None:
    assert refused(data, **limits).kind == "too-long"


@pytest.mark.parametrize("text", ["1E301", "9" * 65, "0." + "1" * 70, "1,5", "+1.0", "01", "NaN", ".5", "1."])
def test_numbers_are_bounded_and_well_written(text: str) -> None:
    data = f'<Observation {NS}><valueQuantity><value value="{text}"/></valueQuantity></Observation>'
    assert refused(data.encode()).kind == "value"


TEXT = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r&<>\"'"),
    min_size=1,
    max_size=12,
)
EXTENSION = st.fixed_dictionaries(
    {"url": TEXT},
    optional={
        "id": TEXT,
        "valueDecimal": st.decimals(allow_nan=False, allow_infinity=False, places=3, max_value=10**9),
        "valueBoolean": st.booleans(),
    },
).filter(lambda e: not ("valueDecimal" in e and "valueBoolean" in e))
EXTENSIONS = st.lists(EXTENSION, min_size=1, max_size=2)
SIBLING = st.fixed_dictionaries({"extension": EXTENSIONS}, optional={"id": TEXT})


@st.composite
def names(draw: st.DrawFn) -> dict[str, Any]:
    """A HumanName whose given names may lack a value or have extensions."""
    pairs = draw(st.lists(st.tuples(TEXT, SIBLING | st.none()) | st.tuples(st.none(), SIBLING), max_size=4))
    name: dict[str, Any] = draw(
        st.fixed_dictionaries({"family": TEXT}, optional={"id": TEXT, "_family": SIBLING})
    )
    values, siblings = [v for v, _ in pairs], [s for _, s in pairs]
    name |= {"given": values} if any(v is not None for v in values) else {}
    return name | ({"_given": siblings} if any(s is not None for s in siblings) else {})


@settings(max_examples=60)
@given(st.lists(names(), max_size=3), st.booleans() | st.none(), st.lists(TEXT, max_size=2))
def test_whatever_is_written_is_read_again(found: list[Any], active: bool | None, ids: list[str]) -> None:
    resource: dict[str, Any] = {"resourceType": "Patient"}
    resource |= {"name": found} if found else {}
    resource |= {} if active is None else {"active": active}
    resource |= {"contained": [{"resourceType": "Patient", "id": i} for i in ids]} if ids else {}
    assert parse(dumps(resource)) == resource


@settings(max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.integers(0, 400))
def test_whatever_is_sent_is_read_or_refused(piece: bytes, place: int) -> None:
    whole = dumps(RESOURCES[1])
    data = whole[:place] + piece + whole[place + len(piece) :]
    try:
        found = parse(data)
    except Problem as refusal:
        assert refusal.kind in ("structure", "value", "too-long")
    else:
        assert found["resourceType"]
