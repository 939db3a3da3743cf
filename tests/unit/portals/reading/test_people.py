from datetime import UTC, datetime

import pytest

from aubier.portals.frame.faces import initials
from aubier.portals.frame.texts import texts
from aubier.portals.reading import people
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR = texts("fr")


def test_the_strip_of_a_qualified_identity() -> None:
    found = people.strip(story.YANN, NOW, FR)
    assert found.official == "LE GOFF Yann"
    assert found.name == "Yann Le Goff"
    assert (found.born, found.age, found.sex) == ("04/03/1955", "71 ans", "homme")
    assert found.place == "Douarnenez (29046)"
    assert found.ins.replace("\u00a0", " ").startswith("1 55 03 29 046 117 ")
    assert found.status == "qualified"


def test_a_death_is_said() -> None:
    assert people.strip(story.YANN, NOW, FR).deceased == ""
    dead = {**story.YANN, "deceasedDateTime": "2026-11-13T09:00:00+01:00"}
    assert people.strip(dead, NOW, FR).deceased == "décès le 13/11/2026"
    assert people.strip({**story.YANN, "deceasedBoolean": True}, NOW, FR).deceased == "décès déclaré"
    assert not people.is_deceased({**story.YANN, "deceasedBoolean": False})


def test_a_validated_identity_without_number_is_not_qualified() -> None:
    assert people.identity_status(story.patient("x", "A", "B", status="VALI")) == "validated"
    assert people.identity_status(story.patient("x", "A", "B", status="PROV")) == "provisional"
    assert people.identity_status({"resourceType": "Patient"}) == "provisional"


def test_a_used_name_stands_beside_the_birth_name() -> None:
    patient = {
        "name": [
            {"use": "official", "family": "Guyen", "given": ["Mai"]},
            {"use": "usual", "family": "Le Goff"},
        ]
    }
    assert people.official_name(patient, FR) == "GUYEN Mai (nom utilisé\u00a0: LE GOFF)"


def test_a_patient_of_whom_nothing_is_known() -> None:
    found = people.strip({"resourceType": "Patient", "id": "x"}, NOW, FR)
    assert (found.name, found.born, found.age, found.ins) == ("", "", "", "")
    assert found.sex == "sexe inconnu"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DR Anne MORVAN", "Dr Anne Morvan"),
        ("MME Marie LE BRIS", "Marie Le Bris"),
        ("Soizic Kerjean", "Soizic Kerjean"),
        ("", ""),
    ],
)
def test_tidy_names(name: str, said: str) -> None:
    assert people.tidy_name(name) == said


@pytest.mark.parametrize(
    ("name", "face"), [("Dr Anne Morvan", "AM"), ("Yann Le Goff", "YG"), ("Léo", "L"), ("", "")]
)
def test_faces(name: str, face: str) -> None:
    assert initials(name) == face


def test_an_old_number_is_not_shown() -> None:
    old = {"identifier": [{"use": "old", "system": story.INS_TEST, "value": "1"}]}
    assert people.ins_number(old) == ""
    assert people.group_ins("2A1") == "2A1"


def test_contacts_may_lack_anything() -> None:
    assert people.contacts(story.YANN) == [
        ("phone", "06 39 98 12 34"),
        ("address", "12 rue du Port-Rhu, 29100 Douarnenez"),
    ]
    assert people.contacts({"address": [{"city": "Brest"}], "telecom": [{"value": "x"}, {}]}) == [
        ("other", "x"),
        ("address", "Brest"),
    ]
    assert people.contacts({"address": [{}]}) == []


def test_the_title_of_practice_is_a_suffix_in_the_directory() -> None:
    name = {"family": "MORVAN", "given": ["Anne"], "prefix": ["MME"], "suffix": ["DR"]}
    assert people.caregiver_name({"name": [name]}) == "Dr Anne Morvan"
    assert (
        people.caregiver_name({"name": [{"family": "Le Bris", "given": ["Marie"], "prefix": ["MME"]}]})
        == "Marie Le Bris"
    )
