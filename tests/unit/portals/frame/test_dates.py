from datetime import UTC, datetime

import pytest

from aubier.portals.frame import dates
from aubier.portals.frame.texts import texts

FR, EN = texts("fr"), texts("en")
NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "french", "english"),
    [
        ("2026-11-22", "aujourd'hui", "today"),
        ("2026-11-21", "hier", "yesterday"),
        ("2026-11-23", "demain", "tomorrow"),
        ("2026-11-18", "18\u00a0novembre", "18\u00a0November"),
        ("2026-01-01", "1er\u00a0janvier", "1\u00a0January"),
        ("2024-03-03", "3\u00a0mars\u00a02024", "3\u00a0March\u00a02024"),
        ("2024-03", "mars\u00a02024", "March\u00a02024"),
        ("2021", "2021", "2021"),
        ("", "", ""),
        ("2026-02-31", "", ""),
        ("nonsense", "", ""),
    ],
)
def test_days(date: str, french: str, english: str) -> None:
    assert dates.say_day(date, NOW, FR) == french
    assert dates.say_day(date, NOW, EN) == english


@pytest.mark.parametrize(
    ("kind", "date", "said"),
    [
        ("on", "2026-11-18", "le 18\u00a0novembre"),
        ("on", "2026-11-21", "hier"),
        ("since", "2026-03-02", "depuis le 2\u00a0mars"),
        ("since", "2026-11-21", "depuis hier"),
        ("until", "2026-11-23", "jusqu'à demain"),
        ("until", "2027-01-15", "jusqu'au 15\u00a0janvier\u00a02027"),
        ("until", "", ""),
    ],
)
def test_dates_after_a_preposition(kind: str, date: str, said: str) -> None:
    assert dates.placed(kind, date, NOW, FR) == said


@pytest.mark.parametrize(
    ("birth", "age"),
    [
        ("1955-03-04", "71 ans"),
        ("1955-11-23", "70 ans"),
        ("2025-10-01", "13 mois"),
        ("2026-11-13", "9 jours"),
        ("2025-11-22", "12 mois"),
        ("2024", "2 ans"),
        ("", ""),
    ],
)
def test_ages(birth: str, age: str) -> None:
    assert dates.say_age(birth, NOW, FR) == age


def test_headings_and_papers() -> None:
    assert dates.say_month("2026-11", FR) == "Novembre 2026"
    assert dates.say_month("2026", FR) == "2026"
    assert dates.say_month("", FR) == "Sans date"
    assert dates.say_numeric("1955-03-04") == "04/03/1955"
    assert dates.say_weekday(NOW, FR) == "dimanche 22\u00a0novembre"
    assert dates.days_until("2026-12-04", NOW) == 12
    assert dates.days_until("2026-12", NOW) is None
