from collections import Counter
from datetime import date

import pytest

from aubier.sandbox.territory.days import age, at, french
from aubier.sandbox.territory.draw import Draw, Weighted, fixed_id, zipf


def test_a_stream_depends_on_its_key_alone() -> None:
    first, again, other = Draw(1, "life", 2), Draw(1, "life", 2), Draw(1, "life", 3)
    drawn = [first.unit() for _ in range(5)]
    assert drawn == [again.unit() for _ in range(5)]
    assert drawn != [other.unit() for _ in range(5)]


def test_the_bytes_of_a_seed_never_change() -> None:
    draw = Draw("seed", 1)
    assert draw.uuid() == Draw("seed", 1).uuid()
    assert fixed_id(1, "story", "discharge", "yann") == "edde57a1-8905-4773-9855-f2c2e02720e9"
    assert draw.between(1, 6) in range(1, 7)


def test_a_uuid_has_the_shape_of_version_4() -> None:
    for number in range(50):
        text = Draw(number).uuid()
        assert len(text) == 36 and text[14] == "4" and text[19] in "89ab"


def test_weights_are_respected() -> None:
    draw, table = Draw("weights"), Weighted([("often", 9), ("never", 0), ("rarely", 1)])
    counts = Counter(draw.of(table) for _ in range(5000))
    assert "never" not in counts
    assert 0.87 < counts["often"] / 5000 < 0.93


def test_the_last_item_is_reachable_and_nothing_beyond() -> None:
    table = zipf(["a", "b", "c"])
    assert table.at(0.0) == "a"
    assert table.at(0.9999999999999999) == "c"


def test_rounding_keeps_the_mean_and_bells_stay_bounded() -> None:
    draw = Draw("rounded")
    values = [draw.rounded(2.3) for _ in range(4000)]
    assert set(values) == {2, 3}
    assert 2.25 < sum(values) / 4000 < 2.35
    assert all(abs(draw.around(100, 10) - 100) <= 10 * 1.7320508 * 2 for _ in range(2000))


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(2026, 11, 22), "2026-11-22T09:00:00+01:00"),
        (date(2026, 7, 14), "2026-07-14T09:00:00+02:00"),
        (date(2026, 3, 28), "2026-03-28T09:00:00+01:00"),
        (date(2026, 3, 29), "2026-03-29T09:00:00+02:00"),
        (date(2026, 10, 25), "2026-10-25T09:00:00+01:00"),
    ],
)
def test_instants_are_in_french_legal_time(day: date, written: str) -> None:
    assert at(day) == written


def test_ages_and_days() -> None:
    assert age(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert age(date(2008, 2, 29), date(2026, 3, 1)) == 18
    assert french(date(2027, 3, 1)) == "1er mars 2027"
