"""A statement that was kept is the one that would have been made: text, arguments, plan and order."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.ground.standing import Stands
from aubier.search.keys import Keys
from aubier.search.model import Query
from aubier.search.parameters import registry
from aubier.search.query import parse, sets_named
from aubier.store.keys import keyed_hash
from aubier.store.reading.forms.kept import Forms, Made
from aubier.store.reading.forms.values import put_back, taken_apart
from aubier.store.reading.reader import Reader
from aubier.store.sight import Sight
from tests.contract.search.corpus import make
from tests.contract.search.oracle import TABLE, Oracle
from tests.contract.search.questions import LINKS, Asker, Pairs

NOW = 1_763_900_000_000
KEYS = Keys(keyed_hash(b"of a test"))
STANDS = Stands((3, 700), 12_345)
ANNE = Sight("Practitioner/1", "Anne", NOW, keys=("ps:1", "org:9"), own=("author:ps:1",), hidden=("a",))
PAUL = Sight(
    "Practitioner/2", "Paul", NOW + 1, keys=("ps:2", "org:7", "org:8"), own=("o",), hidden=("b", "c")
)
ODILE = Sight("Patient/1", "Odile", NOW + 2, keys=("person:p1",), own=("author:person:p1",), hidden=("x",))
YANN = Sight("Patient/2", "Yann", NOW + 3, keys=("person:p2", "person:p4"), own=("o",), hidden=("a", "y"))
PAIRS = [
    (Sight("system:one", "One", NOW, unrestricted=True), Sight("system:two", "", NOW + 9, unrestricted=True)),
    (ANNE, PAUL),
    (ODILE, YANN),
    (ANNE.but(stands=STANDS), PAUL.but(stands=Stands((1, 2, 900), -5))),
    (ANNE, YANN),
]
"""Two who ask: of one form, but for the last."""
SIGHTS = [(one.but(types=None), other.but(types=None)) for one, other in PAIRS]
BESIDE = [[], [("_count", "3")], [("_summary", "count")], [("_total", "accurate")], [("_sort", "-_id")]]


def reader(sight: Sight, forms: Forms | None = None) -> Reader:
    """A reader that is asked for statements, and not to run them."""
    return Reader(None, sight, KEYS, lambda: 0, forms=forms)


def questions(kind: str, draw: Random) -> Iterator[Pairs]:
    resources = [{**r, "meta": {**r.get("meta", {}), "lastUpdated": "2026-11-22T15:00:00Z"}} for r in make()]
    asker = Asker(Oracle(resources, NOW), draw.randrange(1000))
    yield from asker.every(kind, 3)
    yield from (asker.several(kind) for _ in range(25))
    yield from (asker.filter(kind) for _ in range(10))
    if kind in LINKS:
        yield from (asker.chain(kind) for _ in range(15))
        yield from ([*asker.chain(kind), ("patient", f"p{n}")] for n in range(5) if kind != "Patient")
    if any(target == kind for links in LINKS.values() for _, target in links):
        yield from (asker.has(kind) for _ in range(15))


def queries(kind: str, draw: Random) -> Iterator[Query]:
    """What can be asked, each about other people too."""
    for pairs in questions(kind, draw):
        try:
            query = parse(kind, [*pairs, *draw.choice(BESIDE)], registry=registry())
        except Problem:
            continue
        if sets_named(query):
            continue
        form, texts = taken_apart(query, ANNE, 20, quiet=False)
        yield query
        if texts:
            yield put_back(form.query, tuple(f"other-{n}-{text[-20:]}" for n, text in enumerate(texts)))


def made(sight: Sight, query: Query, step: str, *, quiet: bool, forms: Forms | None) -> Made | str:
    """The statement; the words of the refusal when there is none."""
    size = 0 if query.summary == "count" else query.count
    try:
        return reader(sight, forms)._made(step, query, size, quiet=quiet)
    except Problem as refusal:
        return str(refusal.issues)


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_what_is_kept_is_what_would_be_made(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, forms, served = Random(kind), Forms(), [0]
    again: list[int] = []
    bound = Reader._statement

    def counted(self: Reader, *args: Any, **options: Any) -> Made:
        served[0] += 1
        return bound(self, *args, **options)

    monkeypatch.setattr(Reader, "_statement", counted)
    for query in queries(kind, draw):
        (one, other), quiet, step = draw.choice(SIGHTS), draw.random() < 0.1, draw.choice(("first", "page"))
        expected = {each: made(each, query, step, quiet=quiet, forms=None) for each in (one, other)}
        for sight in (one, one, other, one):  # seen, kept, asked of what was kept
            served[0] = 0
            assert made(sight, query, step, quiet=quiet, forms=forms) == expected[sight], (query, sight)
        again.append(served[0])
    assert sum(again) < len(again) / 10, f"{sum(again)} of {len(again)} made again"


def test_a_later_page_is_made_anew() -> None:
    forms = Forms()
    query = parse("Observation", [("patient", "p1"), ("_page", "x")], registry=registry())
    refused = [made(ANNE.but(types=None), query, "first", quiet=False, forms=forms) for _ in range(3)]
    assert not len(forms.memory)
    assert len(set(refused)) == 1 and isinstance(refused[0], str)


def test_a_value_that_decides_is_not_kept() -> None:
    """Of `ap`, the moment of the question goes into the bounds: each is made for itself."""
    forms = Forms()
    query = parse("Observation", [("patient", "p1"), ("date", "ap2026")], registry=registry())
    for later in range(4):
        sight = ANNE.but(types=None, now=NOW + later * 86_400_000_000)
        expected = made(sight, query, "page", quiet=False, forms=None)
        assert made(sight, query, "page", quiet=False, forms=forms) == expected


def test_identifiers_of_any_length() -> None:
    forms = Forms()
    for text in ("short", "other", "again", "x" * 128, "x" * 129, "x" * 170, "Patient/p1", "p"):
        query = parse("Patient", [("identifier", f"urn:a|{text}")], registry=registry())
        expected = made(ANNE.but(types=None), query, "first", quiet=False, forms=None)
        assert made(ANNE.but(types=None), query, "first", quiet=False, forms=forms) == expected


def test_what_one_asks_tells_another_nothing() -> None:
    """Who knew the made-up words could ask with them: then nothing is kept."""
    forms = Forms()
    word = f"{forms.sign}.0.text"
    for text in (word, word, "p1", "p2"):
        asked = [("patient", text[:64]), ("identifier", f"urn:a|{word}"), ("_content", word)]
        query = parse("Observation", asked, registry=registry())
        for sight in (each for pair in SIGHTS for each in pair):
            expected = made(sight, query, "page", quiet=False, forms=None)
            assert made(sight, query, "page", quiet=False, forms=forms) == expected
