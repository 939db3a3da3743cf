"""Every published example goes to XML and back, and is the same; an XML reader of others reads it too."""

from pathlib import Path

import pytest
from lxml import etree

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from tests.where import SHARED

FOLDER = SHARED / "fixtures" / "fhir-r4-core-examples"
EXAMPLES = sorted(FOLDER.glob("*.json"))


def test_the_examples_are_there() -> None:
    assert len(EXAMPLES) == 354


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_comes_back_the_same(path: Path) -> None:
    resource = fhir_json.parse(path.read_bytes())
    text = fhir_xml.dumps(resource)
    again = fhir_xml.parse(text)
    assert again == resource
    assert fhir_xml.dumps(again) == text
    assert etree.fromstring(text).tag.endswith("}" + resource["resourceType"])
