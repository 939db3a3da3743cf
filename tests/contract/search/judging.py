"""The server before the book: every answer the same, id by id."""

from tests.contract.desk import ids
from tests.contract.search.conftest import Library
from tests.contract.search.questions import Pairs

ALL = [("_count", "1000"), ("_total", "accurate")]


async def agree(library: Library, login: str, kind: str, questions: list[Pairs], *, telling: int = 4) -> None:
    """Each question is answered with exactly what the oracle finds; one in `telling` finds some, not all."""
    oracle = library.oracles[login]
    told = 0
    for pairs in questions:
        expected = {f"{kind}/{r['id']}" for r in oracle.search(kind, pairs)}
        bundle = await library.desk.found(login, kind, pairs + ALL)
        found = ids(bundle)
        assert len(found) == len(set(found)) == bundle["total"], (login, kind, pairs)
        wrong = {"missed": sorted(expected - set(found)), "too many": sorted(set(found) - expected)}
        assert set(found) == expected, (login, kind, pairs, wrong)
        told += 0 < len(found) < len(oracle.of(kind))
    assert told >= len(questions) // telling, f"{told} telling questions of {len(questions)}"
