"""The operations of the standard, one row each."""

from __future__ import annotations

from aubier.rest.bulk.asking import group_export, patient_export, system_export
from aubier.rest.importing.asking import system_import
from aubier.rest.operations.document import document
from aubier.rest.operations.everything import encounter_everything, patient_everything
from aubier.rest.operations.lastn import last_n
from aubier.rest.operations.meta import add_meta, delete_meta, get_meta
from aubier.rest.operations.standard import Standard
from aubier.rest.operations.versions import fhir_versions

_BULK = "HL7 FHIR Bulk Data Access 2.0"
_DEFINITION = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"

OPERATIONS: tuple[Standard, ...] = (
    Standard(
        "everything",
        "Patient",
        patient_everything,
        {"en": "All of a record", "fr": "Tout un dossier"},
        "FHIR R4, Patient-operation-everything",
        either=True,
    ),
    Standard(
        "everything",
        "Encounter",
        encounter_everything,
        {"en": "All of an encounter", "fr": "Tout d'une venue"},
        "FHIR R4, Encounter-operation-everything",
    ),
    Standard(
        "document",
        "Composition",
        document,
        {"en": "A composition and what it names", "fr": "Une composition et ce qu'elle désigne"},
        "FHIR R4, Composition-operation-document",
        reads=False,
    ),
    Standard(
        "lastn",
        "Observation",
        last_n,
        {"en": "The latest observations of each kind", "fr": "Les dernières observations de chaque sorte"},
        "FHIR R4, Observation-operation-lastn",
        instance=False,
    ),
    Standard(
        "meta",
        "Resource",
        get_meta,
        {"en": "Profiles, tags and labels", "fr": "Profils, étiquettes et confidentialité"},
        "FHIR R4, Resource-operation-meta",
    ),
    Standard(
        "meta-add",
        "Resource",
        add_meta,
        {"en": "Add profiles, tags and labels", "fr": "Ajouter des étiquettes"},
        "FHIR R4, Resource-operation-meta-add",
        reads=False,
    ),
    Standard(
        "meta-delete",
        "Resource",
        delete_meta,
        {"en": "Take away profiles, tags and labels", "fr": "Retirer des étiquettes"},
        "FHIR R4, Resource-operation-meta-delete",
        reads=False,
    ),
    Standard(
        "export",
        "",
        system_export,
        {"en": "Everything, as files", "fr": "Tout, en fichiers"},
        _BULK,
        instance=False,
        url=f"{_DEFINITION}/export",
        reads=False,
    ),
    Standard(
        "export",
        "Patient",
        patient_export,
        {"en": "All records, as files", "fr": "Tous les dossiers, en fichiers"},
        _BULK,
        instance=False,
        url=f"{_DEFINITION}/patient-export",
        reads=False,
    ),
    Standard(
        "export",
        "Group",
        group_export,
        {"en": "The records of a group, as files", "fr": "Les dossiers d'un groupe, en fichiers"},
        _BULK,
        url=f"{_DEFINITION}/group-export",
        reads=False,
    ),
    Standard(
        "import",
        "",
        system_import,
        {"en": "Files into the store", "fr": "Des fichiers vers la base"},
        "Bulk Data Import",
        instance=False,
        url="https://aubier.example/OperationDefinition/Resource-import",
        reads=False,
    ),
    Standard(
        "versions",
        "",
        fhir_versions,
        {"en": "Which versions of FHIR are spoken", "fr": "Les versions de FHIR parlées"},
        "FHIR R5, CapabilityStatement-operation-versions",
        instance=False,
        url="http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions",
    ),
)
