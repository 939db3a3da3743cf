"""Documents of the sandbox: read back, valid, the same every time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from lxml import etree

from aubier.services.record import demo
from aubier.services.record.cda.document import document_reference
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.page.html import render
from aubier.services.record.page.text import plain_text
from aubier.validation import validate

WHEN = datetime(2026, 11, 20, 14, 30, tzinfo=timezone(timedelta(hours=1)))
PLACE = demo.Place("1350000012", "CHU de Rennes")
DOCTOR = demo.Writer("810000000012", "Kermarec", "Anne", ("G15_10/SM26", "Médecin généraliste"), PLACE)
NURSE = demo.Writer("810000000020", "Le Goff", "Yann", ("G15_60", "Infirmier"), PLACE, sex="M")
PERSON = demo.Person(
    "279035121518989",
    "1.2.250.1.213.1.4.10",
    "L'HOSTIS",
    "SOAZIG <MARIE> & ANNE",
    "SOAZIG",
    "1979-03-28",
    "F",
    "35238",
    "Rennes",
    "RIOU",
)
STORY = demo.Story(
    "1.2.250.99.1",
    WHEN,
    PERSON,
    DOCTOR,
    start=WHEN - timedelta(days=5),
    end=WHEN,
    recipients=(NURSE,),
    replaces="1.2.250.99.0",
    version=2,
)
MADE: dict[str, bytes] = {
    "11490-0": demo.discharge_letter(
        STORY,
        reason="Chute à domicile",
        summary=["Fracture du col fémoral droit, ostéosynthèse."],
        treatments=[("Paracétamol 1 g", "3 par jour", "30/11/2026")],
        follow_up=["Kinésithérapie", "Contrôle à 6 semaines"],
    ),
    "11488-4": demo.consultation_report(STORY, reason="Suivi", findings=["TA < 140/90"], plan=["Revoir"]),
    "11502-2": demo.laboratory_report(STORY, results=[("HbA1c", "7,2 %", "< 7 %")], conclusion="Stable"),
    "57833-6": demo.prescription(STORY, lines=[("Metformine 1 g", "2 par jour", "3 mois")]),
    "18748-4": demo.imaging_report(STORY, examination="Radiographie", findings=["Normal"], conclusion="RAS"),
}


@pytest.mark.parametrize("kind", sorted(MADE))
def test_each_kind_reads_back_as_it_was_told(kind: str) -> None:
    data = MADE[kind]
    header = read_header(parse_document(data))
    assert header.code.code == kind
    assert header.id.unique == "urn:oid:1.2.250.99.1"
    assert header.date == "2026-11-20T14:30:00+01:00"
    assert header.patient.ins is not None and header.patient.ins.extension == PERSON.ins
    assert header.patient.name.birth_givens == "SOAZIG <MARIE> & ANNE"
    assert header.patient.name.text == "SOAZIG RIOU (nom de naissance : L'HOSTIS)"
    assert (header.authors[0].text, header.recipients[0].text) == ("Dr Anne KERMAREC", "M Yann LE GOFF")
    assert (header.related[0].how, header.related[0].id.unique) == ("RPLC", "urn:oid:1.2.250.99.0")
    assert header.events[0].end == "2026-11-20T14:30:00+01:00"
    document: dict[str, Any] = document_reference(
        header, data, subject="Patient/1", url="Binary/1", now=datetime(2026, 11, 22, tzinfo=UTC)
    )
    assert [i for i in validate(document) if i.severity != "warning"] == []
    assert "modelesHorsProfils" not in document["content"][0]["format"]["code"] or kind == "11488-4"
    assert document["context"]["practiceSetting"]["coding"][0]["code"] == "ETABLISSEMENT"
    etree.fromstring(render(data))


def test_what_was_written_is_read() -> None:
    letter = plain_text(MADE["11490-0"]).splitlines()
    assert "Paracétamol 1 g | 3 par jour | 30/11/2026" in letter
    assert "Kinésithérapie" in letter
    assert "TA < 140/90" in plain_text(MADE["11488-4"])


def test_there_is_a_builder_for_each_kind() -> None:
    assert set(demo.BUILDERS) == set(MADE)


def test_the_same_story_gives_the_same_bytes() -> None:
    again = demo.prescription(STORY, lines=[("Metformine 1 g", "2 par jour", "3 mois")])
    assert again == MADE["57833-6"]
