"""Keyed 64-bit hashes of index terms, and the numbers of resource types."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

from aubier.fhir.definitions import definitions

CONTEXT = 0
"""The `ref.param` under which a content (Binary) keeps the document it belongs to: its security context."""

SECURED = 1
"""The `ref.param` of a security context that is no document: a content lives with it, and that is all."""

DIRECTORY = frozenset(
    [
        "ActivityDefinition",
        "CapabilityStatement",
        "CatalogEntry",
        "ChargeItemDefinition",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "DeviceDefinition",
        "EffectEvidenceSynthesis",
        "Endpoint",
        "EventDefinition",
        "Evidence",
        "EvidenceVariable",
        "ExampleScenario",
        "GraphDefinition",
        "HealthcareService",
        "ImplementationGuide",
        "InsurancePlan",
        "Library",
        "Location",
        "Measure",
        "Medication",
        "MedicationKnowledge",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "MessageDefinition",
        "NamingSystem",
        "ObservationDefinition",
        "OperationDefinition",
        "Organization",
        "OrganizationAffiliation",
        "PlanDefinition",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "ResearchDefinition",
        "ResearchElementDefinition",
        "ResearchStudy",
        "RiskEvidenceSynthesis",
        "Schedule",
        "SearchParameter",
        "Slot",
        "SpecimenDefinition",
        "StructureDefinition",
        "StructureMap",
        "Substance",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
        "TerminologyCapabilities",
        "TestReport",
        "TestScript",
        "ValueSet",
    ]
)
"""Types of no patient: directory, definitions, agendas. They live in the dir_ tables and are readable by
whoever's scopes allow the type. Every other type is a record: invisible without a grant."""


@lru_cache(maxsize=1)
def type_numbers() -> dict[str, int]:
    """The number of each resource type: its place, from 1, in the alphabetical list of R4 4.0.1."""
    return {name: n for n, name in enumerate(sorted(definitions().resource_types), 1)}


@lru_cache(maxsize=1)
def type_names() -> dict[int, str]:
    """The resource type of each number."""
    return {n: name for name, n in type_numbers().items()}


def family(type_name: str) -> str:
    """The table prefix of a type: empty for the record, `dir_` for resources of no patient."""
    return "dir_" if type_name in DIRECTORY else ""


Hash = Callable[..., int]
_SHORT = 100
"""Characters of what is remembered: others choose how long the systems and codes are that they send."""


def keyed_hash(secret: bytes) -> Hash:
    """A function of strings to a signed 64-bit number under `secret`; remembers 100,000 of the short."""

    def hashed(*parts: str) -> int:
        text = "\x1f".join(parts).encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=secret).digest(), "big", signed=True)

    remembered = lru_cache(maxsize=100_000)(hashed)

    def term(*parts: str) -> int:
        # What others send stands at the end: a code, and before it its system.
        short = len(parts[-1]) <= _SHORT and len(parts[-2]) <= _SHORT
        return remembered(*parts) if short else hashed(*parts)

    return term
