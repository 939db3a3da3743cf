"""Index values: each FHIR type under each parameter type, and every published example."""

import json
from dataclasses import asdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir import fhirpath
from aubier.fhir.definitions import definitions
from aubier.search.custom import with_custom
from aubier.search.extract import compiled, extract, source, value_types
from aubier.search.model import MAX_MS, MAX_NUMBER, MIN_MS, MIN_NUMBER, Terms
from aubier.search.parameters import CustomParameter, is_indexed, registry
from aubier.search.terms.dates import date_range
from aubier.search.terms.pairs import MOST
from tests.where import SHARED

D = Decimal
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def terms(type: str, **elements) -> Terms:
    return extract({"resourceType": type, **elements})


def test_observation_whole():
    found = terms(
        "Observation",
        id="o",
        meta={
            "lastUpdated": "2020-05-31T10:00:00.000Z",
            "profile": ["http://p"],
            "tag": [{"system": "t", "code": "x"}],
            "security": [{"code": "R"}],
            "source": "urn:s",
        },
        status="final",
        code={"coding": [{"system": LOINC, "code": "1-8", "display": "Name"}], "text": "Words"},
        subject={"reference": "Patient/1/_history/4"},
        effectiveDateTime="2020-05",
        valueQuantity={"value": D("5.40"), "system": UCUM, "code": "mg", "unit": "mg"},
    )
    assert found.tokens == [
        ("_id", "", "o"),
        ("_security", "", "R"),
        ("_tag", "t", "x"),
        ("status", "", "final"),
        ("code", LOINC, "1-8"),
    ]
    assert set(found.references) == {("subject", "Patient/1"), ("patient", "Patient/1")}
    assert dict(found.strings) | {} == {"code:text": "Words"}
    assert ("code:text", "Name") in found.strings
    assert found.uris == [("_profile", "http://p"), ("_source", "urn:s")]
    assert ("date", *date_range("2020-05")) in found.dates
    assert ("_lastUpdated", *date_range("2020-05-31T10:00:00.000Z")) in found.dates
    amount = (UCUM, "mg", D("5.40"), D("5.395"), D("5.405"))
    assert set(found.quantities) == {("value-quantity", *amount)}
    assert found.numbers == []
    assert found.present == {
        "_id",
        "_security",
        "_tag",
        "_profile",
        "_source",
        "_lastUpdated",
        "combo-code",
        "code",
        "status",
        "subject",
        "patient",
        "date",
        "value-quantity",
        "combo-value-quantity",
        "code-value-quantity",
        "combo-code-value-quantity",
    }


@pytest.mark.parametrize(
    ("type", "elements", "row"),
    [
        ("Patient", {"gender": "female"}, ("gender", "", "female")),
        ("Patient", {"active": True}, ("active", "", "true")),
        ("Patient", {"deceasedBoolean": True}, ("deceased", "", "true")),
        ("Patient", {"deceasedDateTime": "2020"}, ("deceased", "", "true")),
        ("Patient", {"deceasedBoolean": False}, ("deceased", "", "false")),
        ("Patient", {}, ("deceased", "", "false")),
        ("Patient", {"telecom": [{"system": "email", "value": "a@b"}]}, ("email", "", "a@b")),
        ("Patient", {"telecom": [{"system": "phone", "value": "1"}]}, ("telecom", "", "1")),
        ("Patient", {"communication": [{"language": {"coding": [{"code": "fr"}]}}]}, ("language", "", "fr")),
        ("Encounter", {"class": {"system": "s", "code": "AMB"}}, ("class", "s", "AMB")),
        ("Encounter", {"class": {"system": "s"}}, ("class", "s", "")),
        ("Group", {"characteristic": [{"valueBoolean": False}]}, ("value", "", "false")),
        ("ValueSet", {"version": "1.0"}, ("version", "", "1.0")),
        ("ImagingStudy", {"series": [{"uid": "1.2.3"}]}, ("series", "", "1.2.3")),
        (
            "Observation",
            {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene",
                        "valueCodeableConcept": {"coding": [{"system": "h", "code": "BRCA1"}]},
                    }
                ]
            },
            ("gene-identifier", "h", "BRCA1"),
        ),
    ],
)
def test_tokens(type, elements, row):
    found = terms(type, **elements)
    assert row in found.tokens
    assert row[0] in found.present


@pytest.mark.parametrize(
    ("type", "elements", "rows"),
    [
        (
            "Patient",
            {"identifier": [{"system": "s", "value": "1"}, {"value": "2"}]},
            [("identifier", "s", "1"), ("identifier", "", "2")],
        ),
        ("Patient", {"identifier": [{"system": "s"}, {"value": ""}, {"value": 3}]}, []),
        (
            "Composition",
            {"relatesTo": [{"code": "x", "targetIdentifier": {"system": "s", "value": "1"}}]},
            [("related-id", "s", "1")],
        ),
        (
            "Observation",
            {"subject": {"identifier": {"system": "s", "value": "1"}}},
            [("subject:identifier", "s", "1")],
        ),
        (
            "Observation",
            {"subject": {"type": "Patient", "identifier": {"system": "s", "value": "1"}}},
            [("subject:identifier", "s", "1"), ("patient:identifier", "s", "1")],
        ),
    ],
)
def test_identifiers(type, elements, rows):
    assert terms(type, **elements).identifiers == rows


@pytest.mark.parametrize(
    ("reference", "rows"),
    [
        ({"reference": "Patient/1"}, [("subject", "Patient/1"), ("patient", "Patient/1")]),
        ({"reference": "Patient/1/_history/7"}, [("subject", "Patient/1"), ("patient", "Patient/1")]),
        ({"reference": "Group/1"}, [("subject", "Group/1")]),
        (
            {"reference": "http://x/fhir/Patient/1"},
            [("subject", "http://x/fhir/Patient/1"), ("patient", "http://x/fhir/Patient/1")],
        ),
        (
            {"reference": "http://x/fhir/Patient/1/_history/2"},
            [
                ("subject", "http://x/fhir/Patient/1/_history/2"),
                ("patient", "http://x/fhir/Patient/1/_history/2"),
            ],
        ),
        ({"reference": "urn:uuid:1"}, [("subject", "urn:uuid:1")]),
        (
            {"reference": "urn:uuid:1", "type": "Patient"},
            [("subject", "urn:uuid:1"), ("patient", "urn:uuid:1")],
        ),
        ({"reference": "#p"}, []),
        ({"reference": ""}, []),
        ({"reference": 5}, []),
        ({"display": "somebody"}, []),
    ],
)
def test_references(reference, rows):
    assert terms("Observation", subject=reference).references == rows


def test_references_by_other_ways():
    assert terms("PlanDefinition", library=["http://x/Library/l|1"]).references == [
        ("depends-on", "http://x/Library/l|1")
    ]
    assert terms("ConceptMap", sourceUri="http://x/vs").references == [("source-uri", "http://x/vs")]
    bundle = terms(
        "Bundle", entry=[{"resource": {"resourceType": "Composition", "id": "c"}}, {"resource": {}}]
    )
    assert ("composition", "Composition/c") in bundle.references


def test_contained_reference_is_present():
    assert "subject" in terms("Observation", subject={"reference": "#p"}).present
    assert "subject" not in terms("Observation", subject={"extension": []}).present


@pytest.mark.parametrize(
    ("type", "elements", "param", "texts"),
    [
        (
            "Patient",
            {
                "name": [
                    {
                        "family": "Le Goff",
                        "given": ["Anne", "Marie"],
                        "prefix": ["Mme"],
                        "suffix": ["II"],
                        "text": "Anne Le Goff",
                    }
                ]
            },
            "name",
            {"Le Goff", "Anne", "Marie", "Mme", "II", "Anne Le Goff"},
        ),
        ("Patient", {"name": [{"family": "A"}, {"family": "A"}]}, "family", {"A"}),
        (
            "Patient",
            {
                "address": [
                    {
                        "line": ["1 rue X", "Bât. B"],
                        "city": "Brest",
                        "district": "d",
                        "state": "s",
                        "postalCode": "29200",
                        "country": "FR",
                        "text": "t",
                    }
                ]
            },
            "address",
            {"1 rue X", "Bât. B", "Brest", "d", "s", "29200", "FR", "t"},
        ),
        ("Patient", {"address": [{"city": "Brest"}]}, "address-city", {"Brest"}),
        ("Condition", {"onsetString": "in youth"}, "onset-info", {"in youth"}),
        ("ValueSet", {"description": "*md*"}, "description", {"*md*"}),
        ("Patient", {"name": [{"family": "  "}]}, "family", set()),
    ],
)
def test_strings(type, elements, param, texts):
    rows = [text for code, text in terms(type, **elements).strings if code == param]
    assert sorted(rows) == sorted(texts)


@pytest.mark.parametrize(
    ("type", "elements", "row"),
    [
        ("Patient", {"birthDate": "1980-02-29"}, ("birthdate", *date_range("1980-02-29"))),
        ("Encounter", {"period": {"start": "2020"}}, ("date", date_range("2020")[0], MAX_MS)),
        ("Encounter", {"period": {"end": "2020"}}, ("date", MIN_MS, date_range("2020")[1])),
        (
            "Observation",
            {"effectiveInstant": "2020-01-01T00:00:00Z"},
            ("date", *date_range("2020-01-01T00:00:00Z")),
        ),
        (
            "Observation",
            {"effectiveTiming": {"event": ["2020", "2022"]}},
            ("date", date_range("2020")[0], date_range("2022")[1]),
        ),
        ("Condition", {"onsetPeriod": {"start": "2020", "end": "2020"}}, ("onset-date", *date_range("2020"))),
    ],
)
def test_dates(type, elements, row):
    assert terms(type, **elements).dates == [row]


@pytest.mark.parametrize(
    ("type", "elements", "row"),
    [
        (
            "Condition",
            {"onsetAge": {"value": 5, "unit": "years"}},
            ("onset-age", "", "years", 5, D("4.5"), D("5.5")),
        ),
        (
            "Condition",
            {"onsetRange": {"low": {"value": 5, "code": "a", "system": UCUM}, "high": {"value": 7}}},
            ("onset-age", UCUM, "a", 5, 5, 7),
        ),
        (
            "Condition",
            {"onsetRange": {"low": {"value": 5, "unit": "y"}, "high": {"value": D("5.0")}}},
            ("onset-age", "", "y", 5, D("4.5"), D("5.5")),
        ),
        (
            "Condition",
            {"onsetRange": {"high": {"value": 7, "unit": "y"}}},
            ("onset-age", "", "y", 7, MIN_NUMBER, D("7.5")),
        ),
        (
            "Invoice",
            {"totalNet": {"value": D("9.90"), "currency": "EUR"}},
            ("totalnet", "urn:iso:std:iso:4217", "EUR", D("9.90"), D("9.895"), D("9.905")),
        ),
        (
            "Observation",
            {"valueQuantity": {"value": 5, "comparator": "<", "code": "mg"}},
            ("value-quantity", "", "mg", 5, MIN_NUMBER, 5),
        ),
        (
            "Observation",
            {"valueQuantity": {"value": 5, "comparator": ">="}},
            ("value-quantity", "", "", 5, D("4.5"), MAX_NUMBER),
        ),
        (
            "Observation",
            {
                "valueSampledData": {
                    "origin": {"value": 10, "code": "mV"},
                    "period": 1,
                    "dimensions": 1,
                    "factor": D("0.5"),
                    "data": "2 E -4 U 8",
                }
            },
            ("value-quantity", "", "mV", 8, 8, 14),
        ),
    ],
)
def test_quantities(type, elements, row):
    assert row in terms(type, **elements).quantities


def test_numbers():
    assert terms("ImmunizationRecommendation").numbers == []
    assert terms("MolecularSequence", variant=[{"start": 7}]).numbers == [
        ("variant-start", D(7), D("6.5"), D("7.5"))
    ]
    found = terms("RiskAssessment", prediction=[{"probabilityDecimal": D("0.10")}])
    assert found.numbers == [("probability", D("0.10"), D("0.095"), D("0.105"))]
    ranged = terms(
        "RiskAssessment", prediction=[{"probabilityRange": {"low": {"value": 1}, "high": {"value": 2}}}]
    )
    assert ranged.numbers == [("probability", D(1), D(1), D(2))]


@pytest.mark.parametrize(
    ("type", "elements"),
    [
        (
            "Patient",
            {
                "birthDate": "31/05/2020",
                "gender": 5,
                "active": "yes",
                "name": "x",
                "telecom": [{"value": {}}],
            },
        ),
        (
            "Patient",
            {"name": [{"family": 5, "given": "x"}], "address": {"city": "x"}, "identifier": {"value": "x"}},
        ),
        ("Observation", {"code": [], "valueQuantity": {"value": "5"}, "effectivePeriod": {"start": []}}),
        (
            "Observation",
            {"code": {"coding": {"code": "x"}}, "subject": "Patient/1", "component": {"code": {}}},
        ),
        (
            "Observation",
            {"valueQuantity": {"value": D("1e5000")}, "valueSampledData": {"data": "1", "origin": []}},
        ),
    ],
)
def test_bad_values_are_left_out(type, elements):
    found = terms(type, **elements)
    assert found.present <= {"deceased"}


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Nobody"}, {"resourceType": 5}, {"resourceType": ["Patient"]}]
)
def test_no_resource(resource):
    assert extract(resource) == Terms()


def test_custom_parameters():
    custom = {
        "url": "http://x/sp",
        "code": "birth-city",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-birthPlace').value.city",
    }
    patient = {
        "resourceType": "Patient",
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                "valueAddress": {"city": "Brest"},
            },
            {"url": "http://other", "valueAddress": {"city": "Quimper"}},
        ],
    }
    assert extract(patient, of=with_custom(registry(), [custom])).strings == [("birth-city", "Brest")]
    assert extract(patient).strings == []


SEQUENCE = {
    "resourceType": "MolecularSequence",
    "referenceSeq": {"chromosome": {"coding": [{"system": "s", "code": "1"}]}, "windowStart": 1},
    "variant": [{"start": 3, "end": 4}, {"start": 5}, {"start": 6, "end": 7}],
}


def test_three_parts_bear_the_mark_of_their_element():
    found = [(p.part, *p.values[::2][:2]) for p in extract(SEQUENCE).pairs]
    assert found == [
        (2, "#0", Decimal(3)),
        (3, "#0", Decimal(4)),
        (2, "#2", Decimal(6)),
        (3, "#2", Decimal(7)),
    ]
    assert {"chromosome-variant-coordinate"} == {p for p in extract(SEQUENCE).present if "coordinate" in p}


def test_parts_of_an_element_are_bounded():
    codings = [{"system": f"s{n}", "code": "c"} for n in range(MOST + 50)]
    element = {"code": {"coding": codings}, "valueQuantity": {"value": 1}}
    found = extract({"resourceType": "Observation", "component": [element]})
    assert len(found.pairs) == MOST


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"valueQuantity": {"value": 1}}, "code-value-quantity"),
        ({"valueString": "x"}, "code-value-string"),
        ({"valueDateTime": "2026"}, "code-value-date"),
        ({"valueCodeableConcept": {"coding": [{"code": "x"}]}}, "code-value-concept"),
        ({"valueSampledData": {"origin": {"value": 1}, "period": 1, "dimensions": 1}}, ""),
        ({"valueCodeableConcept": {"text": "x"}}, ""),
    ],
)
def test_parts_that_the_resource_itself_has_are_kept_once(value, code):
    """What its own parameters keep answers; that there are both is marked, and of which type."""
    found = extract({"resourceType": "Observation", "code": {"coding": [{"code": "c"}]}, **value})
    assert not found.pairs
    composites = {"code-value-concept", "code-value-date", "code-value-quantity", "code-value-string"}
    assert found.present & composites == ({code} if code else set())


def test_what_its_parts_tell_is_read_again_only_where_they_are_not():
    """Of an Observation, what stands in its components alone is gathered apart."""
    assert source(registry(), "Observation").count("terms.part()") == 2
    published = next(row for row in registry().rows if row.code == "code-value-quantity")
    row = CustomParameter(**asdict(published) | {"code": "both", "url": "http://x/both", "making": 1})
    alone = registry().only([row])
    measured = {"code": {"coding": [{"code": "c"}]}, "valueQuantity": {"value": 1}}
    found = extract({"resourceType": "Observation", **measured}, of=alone)
    assert (found.present, found.quantities, found.tokens) == ({"both#1"}, [], [])


@pytest.mark.parametrize("position", [{"latitude": 91, "longitude": 0}, {"latitude": 1}, {"longitude": 181}])
def test_a_place_that_is_not_on_the_globe_is_left_out(position):
    assert extract({"resourceType": "Location", "position": position}).places == []


def test_value_types():
    assert value_types(registry().get("Patient", "identifier")) == {"Identifier"}
    assert value_types(registry().get("Patient", "deceased")) == {"System.Boolean"}
    assert value_types(registry().get("Observation", "date")) == {"dateTime", "Period", "Timing", "instant"}


def test_every_type_is_generated():
    for type in definitions().resource_types:
        assert compiled(registry(), type)
    assert source(registry(), "Patient").count("r.get('name')") == 1


def _resources(node):
    yield node
    for entry in node.get("entry") or ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield from _resources(entry["resource"])


def _examples():
    for path in sorted((SHARED / "fixtures").rglob("*.json")):
        try:
            node = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
        except ValueError:
            continue
        if isinstance(node, dict) and node.get("resourceType") in definitions().resource_types:
            yield from _resources(node)


def _readable(value, kind: str, type: str) -> bool:
    """Whether a found value is one that search can use; the reasons why not are the whole list."""
    if value is None or kind == "Attachment" or (type == "date" and kind == "string"):
        return False  # no value, or a type that this kind of parameter does not search
    if kind == "canonical" and type == "reference":
        return not value.startswith("#")
    if kind == "Identifier":
        return "value" in value
    if kind == "Extension":
        return any(key.startswith("value") for key in value)
    return not (type == "reference" and "resourceType" in value and "id" not in value)


def test_published_examples():
    """Extraction never fails; a parameter is present exactly when its expression finds something readable."""
    count = 0
    for resource in _examples():
        present = extract(resource).present
        for parameter in registry().of(resource.get("resourceType", "")):
            if not is_indexed(parameter) or parameter.type == "composite":
                continue
            values = fhirpath.typed(parameter.expression, parameter.base)(resource)
            expected = any(_readable(v, kind, parameter.type) for v, _, kind in values)
            assert (parameter.code in present) is expected, (resource.get("id"), parameter, values)
            count += 1
    assert count > 30_000


_ELEMENTS = [
    "identifier",
    "name",
    "birthDate",
    "active",
    "telecom",
    "address",
    "link",
    "deceasedDateTime",
    "meta",
]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["system", "value", "family", "given", "other", "reference", "tag", "code"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(_ELEMENTS), _VALUES))
def test_nothing_raises(elements):
    found = terms("Patient", **elements)
    assert all(text for _, text in found.strings)
