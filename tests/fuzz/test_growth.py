"""Crafted input costs as its size: no reader takes time as the square of what was sent, or worse."""

from collections.abc import Callable

import pytest

from tests.fuzz.families import FAMILIES
from tests.fuzz.family import Family
from tests.fuzz.work import lines, seconds

BY_NAME = pytest.mark.parametrize("family", FAMILIES, ids=[f"{f.reader}: {f.name}" for f in FAMILIES])
ALLOWED = 1.7
"""How much more than its part a larger input may cost: sorting and the filling of tables, never squares."""
FLOOR_LINES, FLOOR_SECONDS = 3_000, 0.004
"""Below these, what an input costs is what any input costs."""
TRIES = 6


def grows_too_fast(
    cost: Callable[[Callable[[], object]], float], family: Family, times: tuple[int, int], floor: float
) -> bool:
    """Whether the larger of two inputs costs more than `ALLOWED` of what its size explains."""
    small, large = (family.make(family.least * n) for n in times)
    explained = times[1] / times[0] * ALLOWED
    return cost(lambda: family.run(large)) > explained * max(cost(lambda: family.run(small)), floor)


@BY_NAME
def test_work_grows_as_the_input(family: Family) -> None:
    family.run(family.make(family.least))  # what is loaded and remembered once is not counted
    assert not grows_too_fast(lines, family, (1, 4), FLOOR_LINES)


@BY_NAME
def test_time_grows_as_the_input(family: Family) -> None:
    """Libraries do their work unseen, so their time is looked at; a busy machine gets more than one try."""
    family.run(family.make(family.least))
    assert not all(grows_too_fast(seconds, family, (2, 16), FLOOR_SECONDS) for _ in range(TRIES))


@pytest.mark.whole
@BY_NAME
def test_time_grows_as_a_large_input(family: Family) -> None:
    family.run(family.make(family.least))
    assert not all(grows_too_fast(seconds, family, (16, 128), FLOOR_SECONDS) for _ in range(TRIES))


def _square(data: bytes) -> None:
    for _ in data:
        for _ in data:
            pass


def test_what_grows_as_the_square_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Family, "run", lambda self, data: _square(data))
    family = Family("squares", "json", lambda n: b"a" * n, 40)
    assert grows_too_fast(lines, family, (1, 4), FLOOR_LINES)
    assert grows_too_fast(seconds, family, (8, 160), FLOOR_SECONDS)
