"""Under scopes with a query every search answers as the book does out of which was torn what is outside."""

from dataclasses import replace
from random import Random

import pytest

from aubier.access.finer import read_query
from aubier.access.scopes import Scope, parse
from aubier.ground.problem import Problem
from tests.contract.desk import ids
from tests.contract.search.conftest import DIRECTORY, Library
from tests.contract.search.judging import agree
from tests.contract.search.oracle import TABLE, Oracle
from tests.contract.search.questions import LINKS, Asker
from tests.contract.search.test_oracle import INCLUDES, included

_LIMITED = ("Condition", "Encounter", "Observation", "Organization", "Patient", "Practitioner")
SEEDS = pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.whole) for n in range(2, 8))]
)


def _scope(oracle: Oracle, asker: Asker, kind: str) -> Scope:
    """A scope with one or two plain parameters, that leaves some of a type and not all."""
    while True:
        names = asker.at.sample([name for name in TABLE[kind] if ":" not in name], asker.at.choice((1, 1, 2)))
        pairs = tuple(asker.ask(kind, name, 0) for name in names)
        try:
            read_query(kind, pairs)
        except Problem:
            continue
        scope = Scope("user", kind, "rs", pairs)
        if 0 < len(oracle.search(kind, pairs)) < len(oracle.of(kind)) and parse(str(scope)).smart == (scope,):
            return scope


def limited(library: Library, seed: int) -> str:
    """A reader under limits of their own on three types; the book that is left is put beside the others."""
    login = f"limited{seed}"
    if login in library.oracles:
        return login
    as_ = "doctor" if seed % 2 else "loader"
    whole, at = library.oracles[as_], Random(seed)
    asker, chosen = Asker(whole, seed), at.sample(_LIMITED, 3)
    scopes, left = [Scope("user", kind, "rs") for kind in TABLE if kind not in chosen], whole.resources
    for kind in chosen:
        some = [_scope(whole, asker, kind) for _ in range(at.choice((1, 1, 2)))]
        within = {r["id"] for scope in some for r in whole.search(kind, scope.query)}
        left = [r for r in left if r["resourceType"] != kind or r["id"] in within]
        scopes += some
    actor = library.desk.actors[as_]
    library.desk.actors[login] = replace(actor, login=login, scopes=tuple(map(str, scopes)))
    library.oracles[login] = Oracle(left, whole.now)
    return login


def _kinds(seed: int) -> list[str]:
    return sorted(set(TABLE) - DIRECTORY if seed % 2 else TABLE)


_NAMED = ("Patient", "Encounter")


@SEEDS
async def test_every_parameter(library: Library, seed: int) -> None:
    login = limited(library, seed)
    for kind in _kinds(seed):
        questions = list(Asker(library.oracles["loader"], seed).every(kind, 1))
        await agree(library, login, kind, Random(seed).sample(questions, min(25, len(questions))), telling=50)


@SEEDS
@pytest.mark.parametrize("way", ["several", "chain", "has", "filter"])
async def test_several_links_and_filters(library: Library, seed: int, way: str) -> None:
    """Asked of all that is there, so that what is outside would answer too."""
    login, asked = limited(library, seed), 0
    for kind in _kinds(seed):
        if kind not in {"chain": LINKS, "has": _NAMED}.get(way, TABLE):
            continue
        asker = Asker(library.oracles["doctor" if seed % 2 else "loader"], seed)
        made = [getattr(asker, way)(kind) for _ in range(60)]
        questions = [q for q in made if asker.oracle.search(kind, q)][:10]
        await agree(library, login, kind, questions, telling=1000)
        asked += len(questions)
    assert asked >= 10


@SEEDS
async def test_one_by_one(library: Library, seed: int) -> None:
    login = limited(library, seed)
    left, whole = library.oracles[login], library.oracles["doctor" if seed % 2 else "loader"]
    outside = [name for name in whole.named if name not in left.named]
    assert outside
    for name in [*Random(seed).sample(sorted(left.named), 40), *outside[:40]]:
        for path in (name, f"{name}/_history/1"):
            status, _ = await library.desk.ask(login, "GET", path)
            assert status == (200 if name in left.named else 404), path


@SEEDS
@pytest.mark.parametrize(("kind", "way", "link"), INCLUDES)
async def test_includes(library: Library, seed: int, kind: str, way: str, link: str) -> None:
    login = limited(library, seed)
    oracle = library.oracles[login]
    source, code, target = (*(link if link != "*" else f"{kind}:*").split(":"), "")[:3]
    matched = oracle.of(kind)[:60]
    asked = [("_id", ",".join(r["id"] for r in matched)), (way, link), ("_count", "1000")]
    bundle = await library.desk.found(login, kind, asked)
    assert set(ids(bundle)) == {f"{kind}/{r['id']}" for r in matched}
    expected = included(oracle, matched, way, (source, code, target)) - set(ids(bundle))
    assert sorted(ids(bundle, "include")) == sorted(expected)
