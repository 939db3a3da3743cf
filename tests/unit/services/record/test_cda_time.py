"""HL7 timestamps of every precision."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.services.record.cda.time import fhir_time, paris_offset, plain_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        (None, ""),
        ("1979", "1979"),
        ("197903", "1979-03"),
        ("19790328", "1979-03-28"),
        ("2021072911+0200", "2021-07-29T11:00:00+02:00"),
        ("202107291117+0100", "2021-07-29T11:17:00+01:00"),
        ("20210729111733+0100", "2021-07-29T11:17:33+01:00"),
        ("20210729111733.25-0330", "2021-07-29T11:17:33.25-03:30"),
        ("20210729111733Z", "2021-07-29T11:17:33Z"),
        ("20240106113623+100", "2024-01-06T11:36:23+01:00"),
        ("20240106113623+1", "2024-01-06T11:36:23+01:00"),
        ("202101041600", "2021-01-04T16:00:00+01:00"),
        ("202107041600", "2021-07-04T16:00:00+02:00"),
        ("20161231235960+0000", "2016-12-31T23:59:60+00:00"),
    ],
)
def test_precision_is_kept_and_seconds_completed(value: str | None, expected: str) -> None:
    assert fhir_time(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "abc",
        "197",
        "19791",
        "20211301",
        "20210230",
        "2021072925",
        "202107291160",
        "20210729111761+0100",
        "20210729111700+1500",
        "20210729111700+0160",
        "2021-07-29",
        "٢٠٢١",
        "20210729111733.+0100",
    ],
)
def test_what_is_no_moment_is_refused_in_its_place(value: str) -> None:
    with pytest.raises(Problem) as refused:
        fhir_time(value, "ClinicalDocument.effectiveTime")
    assert refused.value.issues[0].at == ("ClinicalDocument.effectiveTime",)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)))
def test_every_second_comes_back(moment: datetime) -> None:
    told = fhir_time(moment.strftime("%Y%m%d%H%M%S") + "+0000")
    assert datetime.fromisoformat(told).replace(tzinfo=None) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("moment", "offset"),
    [
        (datetime(2026, 3, 29, 1, 59), "+01:00"),
        (datetime(2026, 3, 29, 3, 0), "+02:00"),
        (datetime(2026, 10, 25, 1, 59), "+02:00"),
        (datetime(2026, 10, 25, 3, 0), "+01:00"),
        (datetime(2026, 1, 1), "+01:00"),
    ],
)
def test_summer_time_begins_and_ends_as_the_directive_says(moment: datetime, offset: str) -> None:
    assert paris_offset(moment) == offset


@pytest.mark.parametrize(
    ("value", "fr", "en"),
    [
        ("", "", ""),
        ("1979", "1979", "1979"),
        ("1979-03", "mars 1979", "March 1979"),
        ("1979-03-01", "1er mars 1979", "1 March 1979"),
        ("2021-07-29T11:07:00+01:00", "29 juillet 2021 à 11\u00a0h\u00a007", "29 July 2021 at 11:07"),
    ],
)
def test_dates_in_words(value: str, fr: str, en: str) -> None:
    assert (plain_time(value), plain_time(value, "en")) == (fr, en)
