from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aubier.portals.frame.texts import texts
from aubier.portals.professional.chart import ChartFacts, allergies, chart
from aubier.portals.professional.query import as_author, read_query
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR = texts("fr")


def of(*kinds: str) -> list[dict[str, Any]]:
    return [r for r in story.around() if r["resourceType"] in kinds]


FACTS = ChartFacts(
    story.YANN,
    "Practitioner/morvan",
    of("AllergyIntolerance"),
    story.treatments(),
    story.documents(),
    of("Condition"),
    of("Encounter"),
    of("MedicationDispense"),
    (),
    story.weights(),
)


def test_the_page_of_the_story() -> None:
    found = chart(FACTS, NOW, FR)
    assert found.since.title == "Depuis votre dernière visite"
    assert found.since.day.replace("\u00a0", " ") == "3 septembre, 80 jours"
    assert [(n, tone) for n, _, tone in found.since.lines] == [("1", "rose"), ("1", "sky"), ("3", "")]
    assert found.history[0] == ("Insuffisance cardiaque", "2021")
    assert [a.text for a in found.allergies] == ["Pénicilline (choc, 2011)"]


def test_the_line_of_time() -> None:
    found = chart(FACTS, NOW, FR)
    assert [m.title for m in found.months] == ["Novembre 2026", "Octobre 2026", "Septembre 2026"]
    assert [e.tone for e in found.months[0].events] == ["document", "care", "document", "alert"]
    assert found.months[0].events[1].title == "Délivrance\u00a0: apixaban, bisoprolol, furosémide"
    assert found.months[0].events[3].text == "CHU de Rennes. Décompensation cardiaque, 5 jours"
    assert [y.title for y in found.years] == ["2026", "2025", "2024"]
    assert sum(y.count for y in found.years) + sum(len(m.events) for m in found.months) == 34


def test_a_search_leaves_the_documents_alone_but_not_the_last_visit() -> None:
    found = chart(replace(FACTS, narrowed=True, dispenses=()), NOW, FR)
    assert {e.tone for m in found.months for e in m.events} == {"document"}
    assert found.since.title == "Depuis votre dernière visite"


def test_without_a_visit_the_last_month_counts() -> None:
    found = chart(replace(FACTS, me="Practitioner/other"), NOW, FR)
    assert (found.since.title, found.since.day) == ("Ces derniers temps", "30 derniers jours")


def test_an_empty_record() -> None:
    found = chart(ChartFacts({"resourceType": "Patient", "id": "x"}), NOW, FR)
    assert not (found.months or found.years or found.history or found.medicines or found.since.lines)
    assert found.plot is None


def test_resolved_allergies_are_left_out_and_severe_ones_come_first() -> None:
    mild = {"code": {"text": "Acariens"}}
    over = {"code": {"text": "Œuf"}, "clinicalStatus": {"coding": [{"code": "resolved"}]}}
    found = allergies([mild, over, *of("AllergyIntolerance")])
    assert [a.text for a in found] == ["Pénicilline (choc, 2011)", "Acariens"]


@pytest.mark.parametrize(
    ("typed", "words", "kind", "since", "until"),
    [
        ("bnp", "bnp", "", "", ""),
        ("ordonnance Morvan", "Morvan", "prescriptions", "", ""),
        ("mars 2024", "", "", "2024-03-01", "2024-03-31"),
        ("février 2024", "", "", "2024-02-01", "2024-02-29"),
        ("biologie 2025", "", "biology", "2025-01-01", "2025-12-31"),
        ("mars", "mars", "", "", ""),
        ("", "", "", "", ""),
    ],
)
def test_one_box_understands_words(typed: str, words: str, kind: str, since: str, until: str) -> None:
    found = read_query(typed)
    assert (found.words, found.kind, found.since, found.until) == (words, kind, since, until)


def test_words_may_be_an_author() -> None:
    found = as_author(read_query("ordonnance Morvan"))
    assert (found.words, found.author, found.kind) == ("", "Morvan", "prescriptions")


def test_a_chip_wins_over_a_word() -> None:
    assert read_query("ordonnance", kind="biology").kind == "biology"
