"""From times to figures."""

import pytest
from bench.figures import Spread, Tally, percentile, slope


@pytest.mark.parametrize(
    ("part", "expected"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (95, 95), (99, 99), (100, 100)]
)
def test_percentiles_are_by_nearest_rank(part: float, expected: int) -> None:
    assert percentile(range(1, 101), part) == expected


def test_percentiles_of_few_and_of_none() -> None:
    assert [percentile([7.0], p) for p in (1, 50, 99)] == [7.0] * 3
    assert percentile([1.0, 2.0], 50) == 1.0 and percentile([1.0, 2.0], 51) == 2.0
    assert percentile([], 99) == 0.0


def test_only_what_was_answered_well_has_a_latency() -> None:
    tally = Tally.empty()
    for n in range(1, 11):
        tally.add(n / 1000, ok=True, size=10)
    tally.add(5.0, ok=False, said="status 500: no")
    tally.add(6.0, ok=False, said="later")
    tally.lose("closed")
    found = tally.figures(2.0)
    assert (found.requests, found.refused, found.broken, found.bytes) == (12, 2, 1, 100)
    assert found.p99 == pytest.approx(10.0) and found.rate == 5.0
    assert found.raw == "status 500: no"


def test_the_spread_of_runs() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)


def test_the_slope_of_memory() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert slope([(0.0, 5.0), (1.0, 5.0)]) == 0.0
    assert slope([(1.0, 5.0)]) == 0.0 == slope([(1.0, 5.0), (1.0, 9.0)])
