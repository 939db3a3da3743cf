"""Searches by dates over a population: what is long is found wherever it began, and in its place."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest

from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.search.sql import stretch
from aubier.store.intent import Grant
from aubier.store.reading.ahead import newest
from tests.contract.desk import following, ids, opened
from tests.contract.search.conftest import Library
from tests.contract.search.judging import agree
from tests.contract.search.oracle import Oracle
from tests.contract.search.questions import Pairs
from tests.open_house import DOCTOR

RATE, PULSE = "http://loinc.org|8867-4", "http://loinc.org|8889-8"
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = (0, 1, 30, 31, 32, 60, 400)
"""Lengths of spans, around what is long."""
EDGES = ("2025-03-01", "2025-06", "2025-09-15T12:00:00Z", "2026-01-01")


def _told(logical: str, patient: str, draw: Random) -> dict[str, Any]:
    start = FIRST + timedelta(hours=draw.randrange(24 * 400))
    when: dict[str, Any] = {"effectiveDateTime": start.isoformat()}
    if days := draw.choice(DAYS):
        ends = {"end": (start + timedelta(days=days)).isoformat()} if days < 400 else {}
        when = {"effectivePeriod": {"start": start.isoformat(), **ends}}
        if days == 60 and draw.random() < 0.3:
            del when["effectivePeriod"]["start"]
    return {
        "resourceType": "Observation",
        "id": logical,
        "status": draw.choice(["final", "amended"]),
        "code": {"coding": [{"system": "http://loinc.org", "code": draw.choice(["8867-4", "8889-8"])}]},
        "subject": {"reference": f"Patient/{patient}"},
        **({} if draw.random() < 0.05 else when),
    }


@pytest.fixture(scope="module")
async def library(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Library]:
    draw, people = Random(41), [f"s{n}" for n in range(12)]
    corpus: list[dict[str, Any]] = [{"resourceType": "Patient", "id": p} for p in people]
    corpus += [_told(f"w{n}", draw.choice(people), draw) for n in range(240)]
    doctor = replace(DOCTOR, reference="Practitioner/pr0")
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": doctor}) as desk:
        entries = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
            for r in corpus
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        status, told = await desk.ask("loader", "POST", "", bundle)
        assert status == 200, told
        mine = people[::2]
        await desk.system().store.grant(*(Grant(p, doctor.keys[0], "treating-doctor", "rw") for p in mine))
        seen = [r for r in corpus if r.get("subject", {}).get("reference", "")[8:] in mine]
        now = round(desk.now[0].timestamp() * 1000)
        yield Library(desk, {"loader": Oracle(corpus, now), "doctor": Oracle(seen, now)})


def _questions() -> list[Pairs]:
    """Each prefix at each edge, windows, one of several; with a code, a status, and alone."""
    dates: list[Pairs] = [
        [("date", prefix + edge)]
        for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
        for edge in EDGES
    ]
    dates += [[("date", f"ge{low}"), ("date", f"lt{high}")] for low, high in pairwise(EDGES)]
    dates += [[("date", "ge2025-06-01"), ("date", "eq2025-06-02")], [("date", "2025-02,2025-08")]]
    dates += [[("date", "gt2025-11,lt2025-02")], [("date", "sa2025-05"), ("date", "le2025-07")]]
    with_code: list[Pairs] = [[("code", code)] for code in (RATE, f"{RATE},{PULSE}")]
    more: list[Pairs] = [[], *with_code, [("status", "final")], [("code:not", RATE)]]
    return [[*date, *more[n % len(more)]] for n, date in enumerate(dates)] + dates[::3]


@pytest.mark.parametrize("login", ["loader", "doctor"])
async def test_the_book_agrees(library: Library, login: str) -> None:
    await agree(library, login, "Observation", _questions())


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize(("scanned", "opened_at_most"), [(5_000, 500), (40, 500), (500, 5), (6, 500)])
async def test_the_same_pages_wherever_it_stops(
    library: Library, monkeypatch: pytest.MonkeyPatch, login: str, scanned: int, opened_at_most: int
) -> None:
    monkeypatch.setattr(newest, "_SCANNED", {"post": scanned, "res": scanned})
    monkeypatch.setattr(newest, "_OPENED", opened_at_most)
    for asked in _questions()[scanned % 3 :: 3]:
        whole = await library.desk.found(
            login, "Observation", [*asked, ("_total", "accurate"), ("_count", "1000")]
        )
        bundle = await library.desk.found(login, "Observation", [*asked, ("_count", "7")])
        pages = [ids(bundle)]
        while url := following(bundle):
            bundle = (await library.desk.ask(login, "GET", url))[1]
            pages.append(ids(bundle))
        assert list(chain(*pages)) == ids(whole), asked


def test_what_criteria_say_of_where_matches_begin() -> None:
    def said(*values: str) -> tuple[int | None, int | None, int | None]:
        query = parse("Observation", [("date", value) for value in values], registry=registry())
        found = stretch(query.criteria)
        return found.first, found.end, found.cut

    day = 86_400_000
    first = 20_000 * day
    assert said("2024-10-04") == (first, first + day, None)
    assert said("ge2024-10-04", "lt2024-10-06") == (None, first + 2 * day, first - 31 * day)
    assert said("gt2024-10-04") == (None, None, first + day - 31 * day)
    assert said("sa2024-10-04") == (first + day, None, None)
    assert said("eb2024-10-04") == (None, first, None)
    assert said("2024-10-04,2024-10-08") == (first, first + 5 * day, None)
    assert said("2024-10-04,ne2024-10-08") == said("ap2024-10-04") == said() == (None, None, None)
