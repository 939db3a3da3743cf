from datetime import UTC, datetime

from aubier.portals.citizen.looks import read_looks, visits
from aubier.portals.frame.texts import texts
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR, EN = texts("fr"), texts("en")
OWN = ("Patient/yann", "yann")


def test_lines_are_grouped_per_day_and_person() -> None:
    days = visits(read_looks(story.audits()), OWN, NOW, FR)
    assert [d.day.replace("\u00a0", " ") for d in days] == [
        "Hier",
        "18 novembre",
        "13 novembre",
        "12 novembre",
    ]
    mine, morvan = days[0].visits
    assert (mine.name, mine.mine) == ("Vous", True)
    assert morvan.name == "Dr Anne Morvan"
    assert morvan.hours.replace("\u00a0", " ") == "de 17 h 12 à 17 h 40"
    assert morvan.what == "a regardé un document et vos traitements"
    assert morvan.why == "pour vous soigner"


def test_an_emergency_and_a_refusal_stand_out() -> None:
    days = visits(read_looks(story.audits()), OWN, NOW, FR)
    assert (days[2].visits[0].why, days[2].visits[0].tone) == ("urgence", "rose")
    assert (days[3].visits[0].refused, days[3].visits[0].tone) == (True, "amber")
    assert "refusé" in days[3].visits[0].what


def test_what_founds_the_access_is_said_in_words() -> None:
    event = story.audit("x", "morvan", "2026-11-21T10:00:00Z", [])
    event["agent"][0]["purposeOfUse"] = [{"coding": [{"code": "TREAT"}], "text": "treating-doctor"}]
    event["entity"] = [{"what": {"type": "DocumentReference"}, "query": "eA=="}]
    visit = visits(read_looks([event]), OWN, NOW, FR)[0].visits[0]
    assert visit.why == "votre médecin traitant"
    assert visit.what == "a regardé vos documents"


def test_the_reader_is_known_by_login_too() -> None:
    event = story.audit("x", "morvan", "2026-11-21T10:00:00Z", ["Patient/yann"])
    event["agent"][0]["altId"] = "yann"
    assert visits(read_looks([event]), OWN, NOW, EN)[0].visits[0].name == "You"


def test_a_line_without_a_time_or_a_name_breaks_nothing() -> None:
    assert read_looks([{"resourceType": "AuditEvent"}]) == []
    bare = {"resourceType": "AuditEvent", "recorded": "2026-11-21T10:00:00Z"}
    assert visits(read_looks([bare]), OWN, NOW, FR)[0].visits[0].name == "Personne non nommée"


def test_a_month_keeps_its_capital_in_english() -> None:
    days = visits(read_looks(story.audits()), OWN, NOW, EN)
    assert days[1].day.replace("\u00a0", " ") == "18 November"
