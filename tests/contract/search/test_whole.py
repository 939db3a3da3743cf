"""Thousands of questions: every type of parameter, modifier and prefix, alone, together and through links."""

from collections.abc import Iterator
from itertools import chain, zip_longest
from random import Random

import pytest

from tests.contract.search.conftest import DIRECTORY, Library
from tests.contract.search.judging import agree
from tests.contract.search.oracle import PREFIXES, TABLE, Oracle, parameter
from tests.contract.search.questions import LINKS, Asker, Pairs

KINDS = sorted(TABLE)
EVERYDAY, EVERY = 12, 520
"""Questions on each type: in the normal run, and in the whole family."""


def questions(oracle: Oracle, kind: str, seed: int) -> Iterator[Pairs]:
    """Questions without end on a type, one shape after the other."""
    for turn in range(10**6):
        asker = Asker(oracle, seed + turn)
        shapes: list[list[Pairs]] = [
            list(asker.every(kind)),
            [asker.several(kind) for _ in range(20)],
            [asker.filter(kind) for _ in range(20)],
            [asker.deep(kind, steps) for steps in (1, 1, 2, 2, 3) for _ in range(4)] if kind in LINKS else [],
        ]
        Random(seed + turn).shuffle(shapes[0])
        yield from (q for q in chain(*zip_longest(*shapes)) if q is not None)


def some(oracle: Oracle, kind: str, seed: int, count: int) -> list[Pairs]:
    """The first `count` of them; of those with several conditions, the ones that something answers."""
    found: list[Pairs] = []
    for asked in questions(oracle, kind, seed):
        if (len(asked) == 1 and ("." not in asked[0][0])) or oracle.search(kind, asked):
            found.append(asked)
        if len(found) == count:
            break
    return found


def shape(kind: str, name: str, value: str) -> tuple[str, str, str]:
    """The type of a parameter, its modifier and its prefix."""
    code, _, modifier = name.partition(":")
    sort = parameter(kind, name if modifier in ("text", "of-type") else code)[0]
    prefix = value[:2] if sort in ("date", "number", "quantity") and modifier != "missing" else ""
    return sort, "[type]" if modifier[:1].isupper() else modifier, prefix if prefix in PREFIXES else ""


@pytest.mark.parametrize("kind", KINDS)
async def test_some_of_everything(library: Library, kind: str) -> None:
    asked = some(library.oracles["loader"], kind, 100, EVERYDAY)
    await agree(library, "loader", kind, asked, telling=4)


@pytest.mark.whole
@pytest.mark.parametrize("kind", KINDS)
async def test_everything(library: Library, kind: str) -> None:
    await agree(library, "loader", kind, some(library.oracles["loader"], kind, 1000, EVERY), telling=4)


@pytest.mark.whole
@pytest.mark.parametrize("kind", sorted(set(TABLE) - DIRECTORY))
async def test_everything_for_one_who_sees_half(library: Library, kind: str) -> None:
    asked = some(library.oracles["doctor"], kind, 2000, EVERY // 4)
    await agree(library, "doctor", kind, asked, telling=4)


@pytest.mark.whole
def test_the_whole_holds_every_shape(library: Library) -> None:
    asked = {kind: some(library.oracles["loader"], kind, 1000, EVERY) for kind in KINDS}
    assert sum(map(len, asked.values())) >= 5_000
    alone = [(kind, *pairs[0]) for kind, found in asked.items() for pairs in found if len(pairs) == 1]
    linked = [name for _, name, _ in alone if "." in name or "_has" in name]
    filtered = [name for _, name, _ in alone if name == "_filter"]
    assert len(linked) > 500 and len(filtered) > 500
    shapes = {shape(*question) for question in alone if question[1] not in {*linked, *filtered}}
    ranges = {(sort, "", prefix) for sort in ("date", "number", "quantity") for prefix in PREFIXES}
    modified = {("token", "not", ""), ("string", "exact", ""), ("string", "contains", "")}
    modified |= {("token", m, "") for m in ("in", "not-in", "above", "below")} | {("typed", "of-type", "")}
    modified |= {("composite", "", ""), ("special", "", ""), ("string", "text", "")}
    modified |= {("uri", "above", ""), ("uri", "below", ""), ("reference", "[type]", "")}
    modified |= {(sort, "missing", "") for sort in ("token", "string", "reference", "uri", "date", "number")}
    assert ranges | modified <= shapes
