"""The operations of the standard that are about resources as such and belong to no room.

Each is a row of `OPERATIONS`: the interactions find it there, and the capability statement tells it.
"""

from aubier.rest.operations.everything import encounter_everything, patient_everything
from aubier.rest.operations.standard import Standard

__all__ = ["OPERATIONS"]

OPERATIONS: tuple[Standard, ...] = (
    Standard(
        "everything",
        "Patient",
        patient_everything,
        {"en": "All of a record", "fr": "Tout un dossier"},
        "FHIR R4, Patient-operation-everything",
    ),
    Standard(
        "everything",
        "Encounter",
        encounter_everything,
        {"en": "All of an encounter", "fr": "Tout d'une venue"},
        "FHIR R4, Encounter-operation-everything",
    ),
)
