"""Extensions that bring into R4 an element of another version of FHIR.

No package is needed to know that some of these elements change the meaning of what holds them: whoever passes
over `MedicationStatement.wasNotTaken` reads that a medicine was taken.

Rule: FHIR R4 4.0.1, versions.html#extensions, extensibility.html#modifierExtension.
"""

from __future__ import annotations

import re

from aubier.validation.profiles.items import Item, children

_named = re.compile(
    r"http://hl7\.org/fhir/([1-9]\.\d)/StructureDefinition/extension-(\S+)", re.ASCII
).fullmatch

_MODIFIERS = {
    "1.0": (
        "AllergyIntolerance.status CarePlan.activity.detail.prohibited ConceptMap.element.target.equivalence"
        " Goal.status Immunization.wasNotGiven MedicationAdministration.wasNotGiven"
        " MedicationStatement.wasNotTaken MessageHeader.event Observation.valueQuantity.comparator"
        " Patient.animal Procedure.notPerformed"
    ),
    "3.0": (
        "CarePlan.activity.detail.prohibited Communication.notDone FamilyMemberHistory.notDone Goal.status"
        " Immunization.notGiven MedicationAdministration.notGiven MedicationRequest.substitution.allowed"
        " MedicationStatement.taken Money.comparator Patient.animal Procedure.notDone"
    ),
    "5.0": (
        "AdverseEvent.status CommunicationRequest.intent ConceptMap.group.element.target.relationship"
        " ConceptMap.group.unmapped.relationship Consent.decision Device.name.display"
        " DeviceRequest.doNotPerform MeasureReport.dataUpdateType MeasureReport.scoring"
        " ObservationDefinition.status SpecimenDefinition.status Task.doNotPerform"
    ),
}
"""By version: the modifier elements of types that R4 has, where R4 has no such element. R4B adds none."""

_KNOWN = frozenset((version, path) for version, paths in _MODIFIERS.items() for path in paths.split())


def modifies(url: str) -> bool:
    """Whether an extension brings an element that changes the meaning of what holds it."""
    found = _named(url)
    return found is not None and (found[1], found[2]) in _KNOWN


def of_another_version(item: Item) -> bool:
    """Whether an extension gives the code that another version of FHIR has in this place."""
    urls = (one.value.get("url") for one in children(item, "extension") if one.value.__class__ is dict)
    return any(_named(url) for url in urls if isinstance(url, str))
