"""Every published example parses, validates and comes back the same; those that break FHIR R4 are named here.

A file of `BREAKS` must give exactly the issues listed: neither a looser nor a stricter validator passes.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aubier.fhir.definitions import definitions
from aubier.fhir.json import dumps, parse
from aubier.validation import validate
from tests.where import SHARED

FIXTURES = SHARED / "fixtures"

FAMILIES = {
    "fhir-r4-core-examples": 354,
    "sas-1.1.0": 65,
    "annuaire-1.2.0-snapshot": 63,
    "ips-2.0.0": 92,
    "eprescription-1.1.0-ballot": 106,
    "ihe-mhd-4.2.4": 69,
    "eu-base-2.0.0": 35,
    "pdsm-3.1.1": 19,
    "pdsm4dmp-0.1.0": 35,
    "gap-3.0.0": 18,
    "mss-0.1.0": 11,
    "cdl-3.0.0": 6,
    "telesurveillance-0.1.0": 9,
    "eclaire-0.3.1": 48,
    "fr-core-2023": 48,
    "nos-terminologies": 3,
}
"""Folder of examples and how many resources it holds."""

PARAMETER = "ImplementationGuide.definition.parameter.code"
"""Bound (required) to guide-parameter-code, which lacks codes that publishers write (copyrightyear...)."""

MEDICATION = "Bundle.entry.resource.medication.ofType(Reference).reference"
DOSED = "Bundle.entry.resource.dosageInstruction.doseAndRate.extension.value.ofType(Reference).reference"
INGREDIENT = "Bundle.entry.resource.ingredient.item.ofType(Reference).reference"
ACTION = "Bundle.entry.resource.action.resource.reference"
SUBJECT = "Bundle.entry.resource.subject.reference"

Places = dict[str, str]
"""Path without indexes to the kind of issue."""

REASONS: dict[str, tuple[Places, list[str]]] = {
    "Required binding: the parameter codes of newer publishers are not in guide-parameter-code": (
        {PARAMETER: "code-invalid"},
        [
            "annuaire-1.2.0-snapshot/conformance/ImplementationGuide-ans.fhir.fr.annuaire.json",
            "cdl-3.0.0/conformance/ImplementationGuide-ans.fhir.fr.cdl.json",
            "eclaire-0.3.1/conformance/ImplementationGuide-ans.fhir.fr.eclaire.json",
            "eprescription-1.1.0-ballot/conformance/ImplementationGuide-ans.fhir.fr.eprescription.json",
            "eu-base-2.0.0/conformance/ImplementationGuide-hl7.fhir.eu.base.json",
            "gap-3.0.0/conformance/ImplementationGuide-ans.fhir.fr.gap.json",
            "ihe-mhd-4.2.4/conformance/ImplementationGuide-ihe.iti.mhd.json",
            "mss-0.1.0/conformance/ImplementationGuide-ans.fhir.fr.mss.json",
            "pdsm-3.1.1/conformance/ImplementationGuide-ans.fhir.fr.pdsm.json",
            "pdsm4dmp-0.1.0/conformance/ImplementationGuide-ans.fhir.fr.pdsm4dmp.json",
            "telesurveillance-0.1.0/conformance/ImplementationGuide-ans.fhir.fr.telesurveillance.json",
        ],
    ),
    "References: ActorDefinition is a type of R5, not of R4": (
        {"ImplementationGuide.definition.resource.reference.reference": "value"},
        ["ips-2.0.0/conformance/ImplementationGuide-hl7.fhir.uv.ips.json"],
    ),
    "Target type: MedicationRequest.dispenseRequest.performer is a Reference(Organization)": (
        {"MedicationRequest.dispenseRequest.performer.reference": "value"},
        ["fhir-r4-core-examples/MedicationRequest-medrx0301.json"],
    ),
    "Target type: Observation.performer may not be an Encounter": (
        {"Observation.performer.reference": "value"},
        ["fhir-r4-core-examples/Observation-clinical-gender.json"],
    ),
    "Cardinality: ElementDefinition.example.value[x] is 1..1": (
        {
            "StructureDefinition.snapshot.element.example.value": "required",
            "StructureDefinition.differential.element.example.value": "required",
        },
        ["eprescription-1.1.0-ballot/conformance/StructureDefinition-fr-posologie.json"],
    ),
    "ref-1: #id names a contained resource; these name another entry of the Bundle": (
        {MEDICATION: "not-found"},
        [
            f"eprescription-1.1.0-ballot/examples/Bundle-{name}.json"
            for name in (
                "HAS-01-Presc-Pantoprazole-DC",
                "HAS-12-3-Presc-Enoxaparine",
                "Presc-BISOPROLOL-SANDOZ-DosesRationnelles",
                "Presc-Betamethasone-ApplCut",
                "Presc-DIPROSONE-AppCut",
                "Presc-DOLIPRANE-20DoseParKG",
                "Presc-Fentanyl-patch72h-TL3j",
                "Presc-MATRIFEN-patch-TL72h",
                "Presc-Methylpredinosolone-DosesEvolutives",
                "Presc-NICORETTESKIN-patch",
                "Presc-Nicotine-15mgPar16h",
                "Presc-Paracetamol-DoseEvolutive",
                "Presc-Paracetamol-SiDouleur-MaxPrise-DelaisMin",
                "Presc-Paracetamol",
                "Presc-ParacetamolCodeine-500mg30mg",
                "TradPN13FHIR-Presc-DOLIPRANE-Interpret",
                "TradPN13FHIR-Presc-DOLIPRANE",
            )
        ],
    ),
    "ref-1, the same, in an ingredient and a dosage too": (
        {MEDICATION: "not-found", INGREDIENT: "not-found", DOSED: "not-found"},
        [
            "eprescription-1.1.0-ballot/examples/Bundle-Presc-MiniperfCefotaxime-En20min-Pdt3j.json",
            "eprescription-1.1.0-ballot/examples/Bundle-Presc-MiniperfCefotaxime-En20min-Pdt4j.json",
            "eprescription-1.1.0-ballot/examples/Bundle-Presc-PerfDobutamine-Qsp40mL.json",
        ],
    ),
    "ref-1, the same, in an ingredient": (
        {MEDICATION: "not-found", INGREDIENT: "not-found"},
        ["eprescription-1.1.0-ballot/examples/Bundle-Presc-PerfGl-NaCl-KCl-1l.json"],
    ),
    "ref-1, the same, in a RequestGroup": (
        {ACTION: "not-found"},
        [
            "eprescription-1.1.0-ballot/examples/Bundle-MultiLine-Presc-METFORMINE-GLICLAZIDE.json",
            "eprescription-1.1.0-ballot/examples/Bundle-MultiLine-Presc-METHOTREXATE-LEDERFOLINE.json",
            "eprescription-1.1.0-ballot/examples/Bundle-MultiLine-Presc-Sucralfate-Paracetamol.json",
        ],
    ),
    "ref-1, the same, in a RequestGroup and a subject": (
        {ACTION: "not-found", SUBJECT: "not-found"},
        [
            "eprescription-1.1.0-ballot/examples/"
            "Bundle-TradPN13FHIR-MultiLine-Presc-Alt-METFORMINE-GLICLAZIDE.json"
        ],
    ),
    "ref-1, the same, for every party": (
        {
            MEDICATION: "not-found",
            SUBJECT: "not-found",
            "Bundle.entry.resource.requester.reference": "not-found",
            "Bundle.entry.resource.supportingInformation.reference": "not-found",
        },
        ["eprescription-1.1.0-ballot/examples/Bundle-TradPN13FHIR-Presc-Paracetamol-SiDouleur.json"],
    ),
    "References: Type?query is for the entries of a transaction only (http.html#trules)": (
        {"DocumentReference.subject.reference": "value"},
        [
            "pdsm4dmp-0.1.0/examples/DocumentReference-doc-x-id.json",
            "pdsm4dmp-0.1.0/examples/DocumentReference-example-annexe-docref-cda.json",
            "pdsm4dmp-0.1.0/examples/DocumentReference-example-td3-1a-cr-consultation.json",
        ],
    ),
    "References: an id without its type is not a reference": (
        {"Observation.subject.reference": "value"},
        ["telesurveillance-0.1.0/examples/Observation-TLSVObservationExampleDAS28-04.json"],
    ),
    "References: the same, subject and performer": (
        {"Observation.subject.reference": "value", "Observation.performer.reference": "value"},
        [
            "telesurveillance-0.1.0/examples/Observation-TLSVObservationExample01.json",
            "telesurveillance-0.1.0/examples/Observation-TLSVObservationExampleDAS28-01.json",
        ],
    ),
    "References: the same, subject, performer and derivedFrom": (
        {
            "Observation.subject.reference": "value",
            "Observation.performer.reference": "value",
            "Observation.derivedFrom.reference": "value",
        },
        [
            "telesurveillance-0.1.0/examples/Observation-TLSVObservationExample02.json",
            "telesurveillance-0.1.0/examples/Observation-TLSVObservationExample03.json",
        ],
    ),
}
"""Why, what exactly, and which files."""

BREAKS = {file: places for places, files in REASONS.values() for file in files}

_index = re.compile(r"\[\d+\]")


def resources(family: str) -> Iterator[tuple[str, bytes]]:
    """Path below the fixtures and bytes of each JSON file that says it is a resource."""
    for path in sorted((FIXTURES / family).rglob("*.json")):
        data = path.read_bytes()
        if b'"resourceType"' in data[:100_000] and "openapi" not in path.parts:
            yield path.relative_to(FIXTURES).as_posix(), data


def exact(text: bytes) -> Any:
    """The JSON value as another reader sees it, with decimals by sign, digits and exponent."""
    return json.loads(text, parse_float=lambda number: ("decimal", Decimal(number).as_tuple()))


@pytest.mark.parametrize("family", FAMILIES)
def test_examples_validate_and_come_back_the_same(family: str) -> None:
    wrong: dict[str, Any] = {}
    count = 0
    for name, data in resources(family):
        count += 1
        resource = parse(data)
        issues = validate(resource)
        found = {_index.sub("", i.at[0]): i.kind for i in issues}
        if found != BREAKS.get(name, {}):
            wrong[name] = [(i.at[0], i.text) for i in issues]
        assert exact(dumps(resource)) == exact(data), name
    assert wrong == {}
    assert count == FAMILIES[family]


def test_every_named_file_exists() -> None:
    assert [name for name in BREAKS if not (FIXTURES / name).is_file()] == []
    assert all(Path(name).parts[0] in FAMILIES for name in BREAKS)


def test_the_codes_named_above_are_indeed_outside_the_value_set() -> None:
    codes = definitions().value_set("http://hl7.org/fhir/ValueSet/guide-parameter-code")
    assert codes is not None and not {"copyrightyear", "releaselabel", "shownav"} & {
        code for _, code in codes
    }
    binding = definitions().type("ImplementationGuide").find("definition.parameter.code")
    assert binding is not None and binding.binding is not None and binding.binding.strength == "required"


def test_the_target_types_named_above_are_indeed_not_allowed() -> None:
    performer = definitions().type("MedicationRequest").find("dispenseRequest.performer")
    assert performer is not None and performer.types[0].targets == ("Organization",)
    assert "Encounter" not in definitions().type("Observation").elements["performer"].types[0].targets
    assert "ActorDefinition" not in definitions().types
    value = definitions().type("ElementDefinition").find("example.value[x]")
    assert value is not None and value.min == 1
