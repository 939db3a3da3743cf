from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aubier.portals.frame.texts import texts
from aubier.portals.reading.plot import HEIGHT, WIDTH, plot
from tests.browser import story

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR = texts("fr")


def test_the_weights_of_the_story() -> None:
    found = plot(story.weights(), NOW, FR)
    assert found is not None
    assert found.title == "Poids"
    said = found.sentence.replace("\u00a0", " ")
    assert said == "De 78,2 kg à 79,1 kg en 13 jours. C'est dans la zone visée, de 77 à 80 kg."
    assert len(found.rows) == 14
    assert found.rows[0] == ("aujourd'hui", "79,1\u00a0kg")
    assert found.band is not None


def test_one_point_is_no_curve() -> None:
    assert plot(story.weights()[:1], NOW, FR) is None
    assert plot([], NOW, FR) is None


def test_another_unit_cannot_share_the_axis() -> None:
    pounds = {**story.weights()[0], "valueQuantity": {"value": Decimal(172), "unit": "lb"}}
    found = plot([pounds, *story.weights()[1:]], NOW, FR)
    assert found is not None
    assert len(found.rows) == 13


def test_above_and_below_the_target_are_said() -> None:
    high = [
        {**w, "valueQuantity": {"value": Decimal(90 - n), "unit": "kg"}}
        for n, w in enumerate(story.weights()[:3])
    ]
    found = plot(high, NOW, FR)
    assert found is not None
    assert "au-dessus de la zone visée" in found.sentence


def test_the_newest_value_is_written_above_what_it_would_cover() -> None:
    weights = [
        {**w, "valueQuantity": {"value": Decimal(v), "unit": "kg"}}
        for v, w in zip((78, 84, 80, 83, 78), story.weights()[-5:], strict=True)
    ]
    longer = [{**weights[0], "effectiveDateTime": "2026-09-01"}, *weights]
    found = plot(longer, NOW, FR)
    assert found is not None
    assert float(found.last_anchor) < min(float(y) for x, y in found.dots[1:])


@given(st.lists(st.decimals(-50, 500, allow_nan=False, places=1), min_size=2, max_size=14))
def test_every_point_is_inside_the_box(values: list[Decimal]) -> None:
    points = [
        {**w, "valueQuantity": {"value": v, "unit": "kg"}}
        for v, w in zip(values, story.weights(), strict=False)
    ]
    found = plot(points, NOW, FR)
    assert found is not None
    for x, y in found.dots:
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
