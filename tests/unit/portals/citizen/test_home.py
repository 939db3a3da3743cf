from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.portals.citizen.circle import found_professionals, rights
from aubier.portals.citizen.home import HomeFacts, home
from aubier.portals.citizen.rights_pages import end_of, terms
from aubier.portals.citizen.space import choose
from aubier.portals.citizen.steps import answer_task, complaint_task
from aubier.portals.frame.texts import texts
from aubier.validation import check
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR, EN = texts("fr"), texts("en")
OWN = ("Patient/yann", "yann")


def of(*kinds: str) -> list[dict[str, Any]]:
    return [r for r in story.around() if r["resourceType"] in kinds]


FACTS = HomeFacts(
    story.YANN,
    story.treatments(),
    story.documents(),
    32,
    of("Consent"),
    of("CareTeam"),
    of("RelatedPerson"),
    story.audits(),
    of("Task"),
    story.weights(),
)


def test_the_home_of_the_story() -> None:
    found = home(FACTS, OWN, NOW, FR)
    assert found.first_name == "Yann"
    assert found.step is not None and found.step.title == "Votre vaccin contre la grippe"
    assert "Dr Anne Morvan" in found.step.why
    assert [p.name for p in found.circle] == [
        "Dr Anne Morvan",
        "Soizic Kerjean",
        "Gaëlle Le Goff",
        "Paul Le Gall",
    ]
    assert [v.name for v in found.visits] == ["Dr Anne Morvan", "Paul Le Gall", "Dr Hervé Tanguy"]
    assert len(found.papers) == 3


def test_an_empty_record_still_opens_on_something_useful() -> None:
    found = home(HomeFacts(story.EMPTY), ("Patient/vide",), NOW, FR)
    assert found.step is not None and found.step.key == "share"
    assert not (found.medicines or found.papers or found.circle or found.visits)


def test_nothing_is_proposed_to_the_dead() -> None:
    dead = {**story.YANN, "deceasedDateTime": "2026-11-13"}
    assert home(replace(FACTS, patient=dead), OWN, NOW, FR).step is None


def test_who_only_helps_is_not_asked_to_open_the_record() -> None:
    found = home(HomeFacts(story.EMPTY, consents=None), ("Patient/gaelle",), NOW, FR)
    assert found.step is None
    assert found.closed


def test_an_answer_is_remembered_and_the_next_step_comes() -> None:
    task = {**of("Task")[0], "status": "rejected"}
    second = home(replace(FACTS, tasks=[task]), OWN, NOW, FR).step
    assert second is not None and second.key == "read-sortie"
    told = answer_task(second.key, "done", "yann", "2026-11-22T08:30:00.000Z")
    check(told)
    third = home(replace(FACTS, tasks=[task, told]), OWN, NOW, FR).step
    assert third is None


def test_a_prescription_that_ends_soon_is_a_step() -> None:
    ending = story.prescription("b", "Bisoprolol 5 mg", {"MORN": "1"}, "2026-09-03", "2026-11-25")
    found = home(replace(FACTS, requests=[ending], tasks=[]), OWN, NOW, FR).step
    assert found is not None
    assert found.title == "Faire renouveler Bisoprolol 5\u00a0mg"
    assert "3 jours" in found.reason


def test_a_complaint_of_mine_is_not_a_step_for_me() -> None:
    told = {
        **complaint_task(
            "Patient/yann", "unknown-person", "Qui ?", patient="yann", now="2026-11-22T08:30:00Z"
        ),
        "id": "c",
    }
    check({k: v for k, v in told.items() if k != "id"})
    found = home(replace(FACTS, tasks=[told], documents=[]), OWN, NOW, FR).step
    assert found is None


def test_rights_are_open_blocked_or_over() -> None:
    state = rights(of("Consent"), NOW, FR)
    assert [r.name for r in state.open] == ["Paul Le Gall", "Soizic Kerjean", "Dr Anne Morvan"]
    assert [r.name for r in state.blocked] == ["Dr Maud Le Bras"]
    assert [r.name for r in state.ended] == ["Dr Hervé Tanguy"]
    by = {r.ref.split("/")[1]: r for r in state.open}
    assert by["morvan"].until == "jusqu'à ce que je le retire"
    assert by["legall"].basis == "Cette personne a déclaré vous soigner."
    assert by["kerjean"].until == "jusqu'au 15\u00a0janvier\u00a02027"


def test_a_right_given_again_is_not_also_over() -> None:
    state = rights([story.consent("a", "morvan"), story.consent("b", "morvan", status="inactive")], NOW, FR)
    assert (len(state.open), len(state.ended)) == (1, 0)


def test_the_directory_gives_one_line_per_professional() -> None:
    found = found_professionals(story.directory())
    assert len(found) == len(story.PEOPLE)
    maud = next(p for p in found if p.ref == "Practitioner/lebras")
    assert (maud.name, maud.role, maud.place) == (
        "Dr Maud Le Bras",
        "Ophtalmologue",
        "Centre Atlantique, Quimper",
    )


def test_terms_say_their_day() -> None:
    assert [t[2] for t in terms(NOW, FR)] == ["jusqu'à demain", "jusqu'au 21\u00a0février\u00a02027", ""]
    assert end_of("always", NOW) == ""
    assert end_of("P1D", NOW) == "2026-11-23T08:30:00.000Z"


def test_for_whom() -> None:
    people = [story.YANN, story.LEO]
    assert choose(people, "leo", "yann")["id"] == "leo"
    assert choose(people, "stranger", "yann")["id"] == "yann"
    assert choose(people, "", "nobody")["id"] == "yann"
    with pytest.raises(Problem):
        choose([], "leo", "yann")


def test_english_says_it_too() -> None:
    found = home(FACTS, OWN, NOW, EN)
    assert found.visits[0].what == "looked at a document and your treatments"
    assert found.visits[0].day == "yesterday"


def test_two_rights_of_one_person_are_one_line_and_places_keep_their_name() -> None:
    place = story.consent("p", "morvan")
    place["provision"]["actor"][0]["reference"] = {
        "reference": "Organization/chu",
        "display": "CHU de Rennes",
    }
    state = rights([story.consent("a", "morvan"), story.consent("b", "morvan"), place], NOW, FR)
    assert sorted(r.name for r in state.open) == ["CHU de Rennes", "Dr Anne Morvan"]
