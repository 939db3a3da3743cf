from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aubier.portals.frame.texts import texts
from aubier.portals.reading.medicines import dose, medicine_name, medicines, short_dose, with_tasks
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR, EN = texts("fr"), texts("en")


def request(repeat: dict[str, Any], value: str = "1", unit: str = "comprimé") -> dict[str, Any]:
    rate = [{"doseQuantity": {"value": Decimal(value), "unit": unit}}]
    return {"dosageInstruction": [{"timing": {"repeat": repeat}, "doseAndRate": rate}]}


def test_the_treatments_of_the_story() -> None:
    found = medicines(story.treatments(), NOW, FR)
    assert [m.name for m in found] == ["Apixaban 5\u00a0mg", "Bisoprolol 5\u00a0mg", "Furosémide 40\u00a0mg"]
    assert found[0].dose == "1\u00a0comprimé le matin et le soir"
    assert found[0].short == "1\u00a0-\u00a00\u00a0-\u00a01"
    assert found[1].left == "encore 12 jours"
    assert found[2].tag == "changé le 18\u00a0nov."
    assert found[0].by == "Dr Anne Morvan"


@pytest.mark.parametrize(
    ("repeat", "value", "said"),
    [
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, "2", "2\u00a0comprimés 3 fois par jour"),
        (
            {"frequency": 1, "period": 6, "periodUnit": "h"},
            "0.5",
            "0,5\u00a0comprimé 1 fois toutes les 6 heures",
        ),
        ({"when": ["PCM", "HS"]}, "1", "1\u00a0comprimé après le petit-déjeuner et au coucher"),
        ({"when": ["UNKNOWN"]}, "1", "1\u00a0comprimé"),
        ({}, "1", "1\u00a0comprimé"),
    ],
)
def test_structured_doses_are_said(repeat: dict[str, Any], value: str, said: str) -> None:
    assert dose(request(repeat, value), FR) == said


def test_the_prescribers_words_come_first() -> None:
    assert dose({"dosageInstruction": [{"text": "Si douleur.", "timing": {}}]}, FR) == "Si douleur"
    assert dose({"dosage": [{"patientInstruction": "Avec de l'eau"}]}, EN) == "Avec de l'eau"


def test_halves_in_the_short_form() -> None:
    assert short_dose(request({"when": ["NOON"]}, "0.5")) == "0\u00a0-\u00a00,5\u00a0-\u00a00"
    assert short_dose(request({"frequency": 2})) == ""


def test_names_from_wherever_they_are() -> None:
    contained = {
        "contained": [
            {"resourceType": "Medication", "id": "m", "code": {"coding": [{"display": "Codéine 20 mg"}]}}
        ],
        "medicationReference": {"reference": "#m"},
    }
    assert medicine_name(contained) == "Codéine 20\u00a0mg"
    assert (
        medicine_name({"medicationReference": {"reference": "Medication/1", "display": "Aspirine"}})
        == "Aspirine"
    )
    assert medicine_name({}) == ""


def test_the_newest_prescription_of_a_medicine_is_kept() -> None:
    old = story.prescription("old", "Apixaban 5 mg", {"MORN": "2"}, "2025-01-01", "2025-03-01")
    found = medicines([*story.treatments(), old], NOW, FR)
    assert [m.id for m in found if m.name.startswith("Apixaban")] == ["apixaban"]


def test_what_a_pharmacy_owes() -> None:
    task = {
        "status": "in-progress",
        "description": "Apixaban 5 mg : la pharmacie doit une boîte",
        "focus": {"reference": "MedicationRequest/apixaban"},
        "restriction": {"period": {"end": "2026-11-26T19:00:00+01:00"}},
    }
    found = with_tasks(medicines(story.treatments(), NOW, FR), [task], NOW, FR)
    assert found[0].owed == "La pharmacie doit une boîte, prévue le 26\u00a0nov."
    assert found[1].owed == ""
