"""What the tests of FHIRPath ask with: an expression on data, in strict mode, and the refusal it meets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aubier.fhir.fhirpath import Environment, compile, typed
from aubier.ground.problem import Problem

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "gender": "female",
    "birthDate": "1980-02-29",
    "name": [
        {"use": "official", "family": "Kervella", "given": ["Maëlle", "Anne"]},
        {"use": "usual", "given": ["Mael"]},
        {"use": "maiden", "family": "Abgrall", "given": ["Maëlle"]},
    ],
    "telecom": [{"system": "phone", "value": "+33 2 98 00 00 00", "rank": 2}, {"system": "email", "rank": 1}],
    "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "Le Goff"}}],
    "extension": [{"url": "http://x/weight", "valueQuantity": {"value": Decimal("3.50"), "unit": "kg",
                   "system": "http://unitsofmeasure.org", "code": "kg"}}],
}  # fmt: skip


def ask(expression: str, environment: Environment = Environment(), data: Any = None) -> list[Any]:  # noqa: B008
    """The values of an expression, unknown elements refused."""
    data = PATIENT if data is None else data
    return compile(expression, data["resourceType"], strict=True)(data, environment)


def types(expression: str, data: Any = None) -> list[str]:
    """The types of what an expression finds."""
    data = PATIENT if data is None else data
    return [kind for _, _, kind in typed(expression, data["resourceType"], strict=True)(data)]


def refused(expression: str, environment: Environment = Environment(), data: Any = None) -> Problem:  # noqa: B008
    """The refusal of an expression, when it is compiled or evaluated; said in both languages."""
    with pytest.raises(Problem) as found:
        ask(expression, environment, data)
    issue = found.value.issues[0]
    assert issue.text.startswith("FHIRPath") and issue.fr.startswith("FHIRPath") and issue.fr != issue.text
    return found.value
