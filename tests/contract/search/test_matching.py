"""A version that is asked alone answers what a search says of it: subscribing and searching mean the same."""

from random import Random

import pytest

from aubier.store.matching.versions import AT_ONCE
from tests.contract.search.conftest import DIRECTORY, Library
from tests.contract.search.oracle import TABLE
from tests.contract.search.questions import LINKS, Asker, Pairs

KINDS = sorted(TABLE)


def _asked(asker: Asker, kind: str) -> list[Pairs]:
    """Questions of every sort on a kind."""
    found = [
        *asker.every(kind, 1),
        *(asker.filter(kind) for _ in range(4)),
        *(asker.several(kind) for _ in range(4)),
    ]
    found += [asker.chain(kind) for _ in range(4)] if kind in LINKS else []
    return found + ([asker.has(kind) for _ in range(4)] if kind in ("Patient", "Encounter") else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("login", ["loader", "doctor"])
async def test_a_version_meets_what_a_search_finds(library: Library, login: str, kind: str) -> None:
    desk, oracle = library.desk, library.oracles[login]
    # Of the directory, only who has no record to keep apart asks what goes through records.
    questions = _asked(Asker(library.oracles["loader"], 12), kind)
    if login == "doctor" and kind in DIRECTORY:
        questions = [q for q in questions if all("." not in n and not n.startswith("_") for n, _ in q)]
    chosen = Random(kind).sample(questions, min(len(questions), AT_ONCE))
    view = desk.house.context(desk.actors[login]).store
    found = [{r["id"] for r in oracle.search(kind, pairs)} for pairs in chosen]
    queries = [(view.query(kind, pairs), False) for pairs in chosen]
    telling = 0
    for resource in Random(kind).sample(library.oracles["loader"].of(kind), 3):
        met = await view.meets(kind, resource["id"], 1, queries)
        assert met.shows == any(r["id"] == resource["id"] for r in oracle.of(kind))
        if met.shows:
            wanted = tuple(resource["id"] in ids for ids in found)
            wrong = [
                p for p, is_met, is_wanted in zip(chosen, met.met, wanted, strict=True) if is_met != is_wanted
            ]
            assert not wrong, (resource["id"], wrong)
            telling += 0 < sum(met.met) < len(met.met)
    assert telling or login == "doctor"
