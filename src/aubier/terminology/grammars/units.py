"""Units of measure. Rule: The Unified Code for Units of Measure, version 2.2."""

from __future__ import annotations

from aubier.fhir import ucum
from aubier.fhir.definitions import definitions
from aubier.terminology.meaning.concepts import Concept, Property


def concept(code: str) -> Concept | None:
    """A unit, with its canonical form as a property; None when it is none. It has no name but its code."""
    found = ucum.unit(code)
    if found is None:
        return None
    form = Property("canonical", "valueString", found.canonical)
    return Concept(code, lineage=frozenset((code,)), properties=(form,))


def canonical(code: str) -> str:
    """The canonical form of a unit; a text that is none stays as it is."""
    found = ucum.unit(code)
    return found.canonical if found is not None else code


def common() -> dict[str, str]:
    """The units that the base specification lists as common."""
    listed = definitions().value_sets["http://hl7.org/fhir/ValueSet/ucum-common"]["compose"]["include"][0]
    return {str(row["code"]): "" for row in listed["concept"]}
