"""Which questions ask for one identifier and nothing else: these are asked several at once."""

import pytest

from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.reading.links.identified import identifies


@pytest.mark.parametrize(
    ("kind", "pairs", "alone"),
    [
        ("Practitioner", [("identifier", "urn:a|1")], True),
        ("Practitioner", [("identifier", "|1")], True),
        ("Practitioner", [("identifier", "urn:a|1"), ("active", "true")], False),
        ("Practitioner", [("identifier", "urn:a|1,urn:a|2")], False),
        ("Practitioner", [("identifier", "1")], False),
        ("Practitioner", [("identifier", "urn:a|")], False),
        ("Practitioner", [("identifier:not", "urn:a|1")], False),
        ("Practitioner", [("active", "http://hl7.org/fhir/special-values|true")], False),
        ("Practitioner", [("family", "Le Goff")], False),
        ("Practitioner", [("_filter", "identifier eq urn:a|1 or active eq true")], False),
        ("Practitioner", [("_has:PractitionerRole:practitioner:identifier", "urn:a|1")], False),
        ("PractitionerRole", [("practitioner.identifier", "urn:a|1")], False),
        ("Practitioner", [], False),
    ],
)
def test_one_identifier_with_its_system(kind: str, pairs: list[tuple[str, str]], alone: bool) -> None:
    assert identifies(parse(kind, pairs, registry=registry())) is alone
