"""The room's part of the sandbox stories: plausible documents, as CDA R2 bytes."""

from aubier.services.record.demo.letters import (
    BUILDERS,
    Person,
    Place,
    Section,
    Story,
    Table,
    Writer,
    cda,
    consultation_report,
    discharge_letter,
    imaging_report,
    laboratory_report,
    prescription,
)

__all__ = [
    "BUILDERS",
    "Person",
    "Place",
    "Section",
    "Story",
    "Table",
    "Writer",
    "cda",
    "consultation_report",
    "discharge_letter",
    "imaging_report",
    "laboratory_report",
    "prescription",
]
