from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from aubier.access.actor import ANONYMOUS
from aubier.access.labels import labels_of
from aubier.ground.rows import Resource
from aubier.sandbox.batch import Account, Batch, Delegation, Mask, Relationship
from aubier.sandbox.plan import Settings, territory
from aubier.sandbox.stories import STORIES
from aubier.sandbox.stories.cast import STRANGER
from tests.unit.sandbox.conftest import TODAY

KEYS = [story.key for story in STORIES]


def of(batch: Batch, kind: str) -> list[Resource]:
    return [r for r in batch.resources if r["resourceType"] == kind]


def login(batches: list[Batch], name: str) -> Account:
    return next(a for b in batches for a in b.accounts if a.login == name)


def whose(resource: Resource) -> str:
    return (resource.get("subject") or resource.get("patient") or resource.get("for") or {}).get(
        "reference", ""
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_story_has_a_readme_with_its_four_parts(key: str, language: str) -> None:
    text = next(s for s in STORIES if s.key == key).readme(language)
    parts = {
        "fr": ("Qui", "Le fil", "On doit voir", "ièges"),
        "en": ("Who", "Timeline", "Expected screens", "raps"),
    }
    assert all(part in text for part in parts[language])


def test_enough_people_can_log_in_and_each_is_told_in_two_languages(batches: list[Batch]) -> None:
    accounts = [a for b in batches for a in b.accounts]
    assert len({a.login for a in accounts}) == len(accounts) >= 30
    known = {f"{r['resourceType']}/{r['id']}" for b in batches for r in b.resources}
    for account in accounts:
        assert account.description["fr"] and account.description["en"]
        if account.kind == "system":
            assert account.login == "admin"
            continue
        assert account.reference in known
        if account.kind == "professional":
            assert (
                account.idnps.startswith("89971") and account.profession and account.organization[0] in "13"
            )


def test_rights_name_people_and_carers_that_exist(batches: list[Batch]) -> None:
    people = {r["id"] for b in batches for r in b.resources if r["resourceType"] == "Patient"}
    values = {i["value"] for b in batches for r in b.resources for i in r.get("identifier", [])}
    for batch in batches:
        for right in batch.rights:
            assert right.patient in people
            actor = (
                right.by
                if isinstance(right, Mask)
                else getattr(right, "actor", getattr(right, "delegate", ""))
            )
            kind, _, value = actor.partition(":")
            assert value in (people if kind == "person" else values), right


def test_nobody_has_ties_with_the_stranger(batches: list[Batch]) -> None:
    stranger = login(batches, STRANGER)
    assert f"ps:{stranger.idnps}" not in {getattr(r, "actor", "") for b in batches for r in b.rights}
    texts = [r for b in batches if not b.name.startswith("directory/") for r in b.resources]
    assert not [r["id"] for r in texts if stranger.reference in str(r)]


def test_yann_comes_home(stories: dict[str, Batch]) -> None:
    batch = stories["discharge"]
    yann = next(r for r in of(batch, "Patient") if r["name"][0]["given"] == ["Yann"])
    assert yann["birthDate"] == "1955-03-04"
    assert "155032904611767" in {i["value"] for i in yann["identifier"]}
    documents = of(batch, "DocumentReference")
    assert len(documents) == 214
    recent = [d for d in documents if date.fromisoformat(d["date"][:10]) > TODAY - timedelta(days=80)]
    assert len(recent) == 7
    lines = {r["medicationCodeableConcept"]["text"]: r for r in of(batch, "MedicationRequest")}
    assert [n for n, r in lines.items() if r["status"] == "stopped"] == ["Furosémide 20 mg, comprimé"]
    changed = lines["Furosémide 40 mg, comprimé"]
    stopped = lines["Furosémide 20 mg, comprimé"]
    assert changed["priorPrescription"]["reference"] == f"MedicationRequest/{stopped['id']}"
    owed = next(t for t in of(batch, "Task") if t["status"] == "in-progress")
    assert owed["restriction"]["period"]["end"].startswith("2026-11-26")


def test_yanns_blood_test_has_three_versions_in_a_chain(stories: dict[str, Batch]) -> None:
    blood = [d for d in of(stories["discharge"], "DocumentReference") if d.get("docStatus")]
    assert [d["status"] for d in blood] == ["superseded", "superseded", "current"]
    for former, later in pairwise(blood):
        assert later["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{former['id']}"


def test_yanns_weights_stay_in_the_band(stories: dict[str, Batch]) -> None:
    weights = [
        o["valueQuantity"]["value"] for o in of(stories["discharge"], "Observation") if "Poids" in str(o)
    ]
    assert len(weights) == 14 and 77 <= min(weights) <= max(weights) <= 80
    assert str(weights[-1]) == "79.1"


def test_daughters_never_open_advance_directives(stories: dict[str, Batch]) -> None:
    for key in ("discharge", "elderly"):
        mandate = next(r for r in stories[key].rights if isinstance(r, Delegation))
        assert mandate.basis == "mandate" and "treatments" in mandate.scope
        directives = [d for d in of(stories[key], "DocumentReference") if "EXPPAT_3" in str(d["type"])]
        assert len(directives) == 1
        assert set(labels_of(directives[0], ANONYMOUS)) & set(mandate.withheld)


def test_twins_differ_by_status_and_share_both_parents(stories: dict[str, Batch]) -> None:
    batch = stories["newborn"]
    twins = [p for p in of(batch, "Patient") if p.get("multipleBirthInteger")]
    assert [len(p["identifier"]) for p in twins] == [2, 1], "only Louise carries her number"
    parents = Counter(r.patient for r in batch.rights if isinstance(r, Delegation))
    assert parents == {twins[0]["id"]: 2, twins[1]["id"]: 2}
    assert len(batch.identities) == 4, "the national base knows Lucas already"


def test_every_secret_thing_is_hidden_from_parents(stories: dict[str, Batch]) -> None:
    batch = stories["teenager"]
    hidden = {r.reference for r in batch.rights if isinstance(r, Mask)}
    marked = {
        f"{r['resourceType']}/{r['id']}" for r in batch.resources if "mask:rep" in labels_of(r, ANONYMOUS)
    }
    assert hidden == marked and len(hidden) == 10
    assert {name.partition("/")[0] for name in hidden} >= {
        "Binary",
        "Encounter",
        "Appointment",
        "MedicationDispense",
    }
    open_text = str([r for r in batch.resources if f"{r['resourceType']}/{r['id']}" not in marked]).lower()
    assert "contracepti" not in open_text and "prigent" not in open_text


def test_ines_is_a_minor_with_two_parents(stories: dict[str, Batch]) -> None:
    authority = [r for r in stories["teenager"].rights if isinstance(r, Delegation)]
    assert len(authority) == 2 and all(r.end and r.end > TODAY for r in authority)


def test_homonyms_differ_only_by_day_and_second_name(stories: dict[str, Batch]) -> None:
    first, second = of(stories["homonyms"], "Patient")
    assert first["gender"] == second["gender"]
    assert first["name"][0]["family"] == second["name"][0]["family"] == "Martin"
    assert first["name"][0]["given"] == second["name"][0]["given"] == ["Jean"]
    days = [date.fromisoformat(p["birthDate"]) for p in (first, second)]
    assert days[1] - days[0] == timedelta(days=4)
    assert len({i.ins for i in stories["homonyms"].identities}) == 2


def test_jean_luc_has_a_gap_a_surge_and_a_closed_alert(stories: dict[str, Batch]) -> None:
    batch = stories["chronic"]
    weights = {
        o["effectiveDateTime"][:10]: o["valueQuantity"]["value"]
        for o in of(batch, "Observation")
        if o.get("device")
    }
    assert len(weights) == 88
    silent = {(TODAY - timedelta(days=d)).isoformat() for d in (40, 41, 42)}
    assert not silent & set(weights)
    assert max(weights.values()) > 87
    assert [t["status"] for t in of(batch, "Task")] == ["completed"]


def test_special_cases_are_there(stories: dict[str, Batch]) -> None:
    batch = stories["extras"]
    people = {p["name"][0]["given"][0]: p for p in of(batch, "Patient")}
    documents = Counter(whose(d) for d in of(batch, "DocumentReference"))
    assert documents[f"Patient/{people['Yvonne']['id']}"] == 400
    assert not [r for r in batch.resources if whose(r) == f"Patient/{people['Malo']['id']}"]
    assert people["Thị-Mai"]["birthDate"] == "1955-06"
    assert people["Thị-Mai"]["name"][1]["family"] == "Le Goff"
    assert people["Gaël"]["birthDate"].endswith("-02-29")
    assert "deceasedDateTime" in people["Henri"]
    assert people["Karim"]["birthDate"] == "2008-11-23"
    assert people["João"]["id"] not in {i.patient for i in batch.identities}


def test_a_masked_summary_is_masked_with_its_content(stories: dict[str, Batch]) -> None:
    masked = [r["resourceType"] for r in stories["extras"].resources if "mask:ps" in labels_of(r, ANONYMOUS)]
    assert sorted(masked) == ["Binary", "DocumentReference"]


def test_the_hospital_loses_its_access_after_thirty_days(stories: dict[str, Batch]) -> None:
    stay = next(
        r for r in stories["discharge"].rights if isinstance(r, Relationship) and r.basis == "hospital-stay"
    )
    assert stay.end == TODAY + timedelta(days=26)


@pytest.mark.parametrize(
    "today", [date(2024, 2, 29), date(2026, 2, 28), date(2026, 12, 31), date(2027, 3, 28)]
)
def test_stories_can_be_told_any_day(today: date) -> None:
    batches = list(territory(Settings(today=today, citizens=1)))
    assert {b.name for b in batches} >= {f"stories/{key}" for key in KEYS}
