"""Nothing that is sent makes the service fail: what cannot be understood is refused, and says why."""

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from aubier.terminology.api import Terminology
from aubier.terminology.meaning import regex
from aubier.terminology.meaning.predicates import (
    All,
    Among,
    AnyOf,
    Below,
    Has,
    Like,
    Not,
    Predicate,
    holds,
)
from tests.contract.desk import Desk
from tests.contract.terminology.stock import ALL, URL, call, filtered, value_set
from tests.contract.terminology.test_maps import WIDE

CODES = ("colour", "red", "crimson", "scarlet", "blue", "puce", "absent")
JUNK = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    '"',
    "\\",
    "é" * 300,
    [],
    ["x"],
    [[]],
    {},
    {"a": 1},
    "$.code",
    "'; drop",
)


def some(dice: random.Random, depth: int = 3) -> Predicate:
    """A condition by chance."""
    if depth and dice.random() < 0.6:
        parts = tuple(some(dice, depth - 1) for _ in range(dice.randint(0, 3)))
        return dice.choice([All(parts), AnyOf(parts), Not(some(dice, depth - 1))])
    code = dice.choice(CODES)
    return dice.choice(
        [
            Among(dict.fromkeys(dice.sample(CODES, 2))),
            Below(code, dice.random() < 0.5),
            Has(dice.choice(["warm", "wave", "status", "parent", "inactive", "display", 'o"dd'])),
            Has("status", ("retired", "x")),
            Has("parent", (code,)),
            Has("notSelectable", ("true",)),
            Like(
                dice.choice(["code", "display"]),
                regex.parse(dice.choice(["[a-d].*", "(re|bl)\\w+", "\\D{4}"])),
            ),
        ]
    )


async def test_both_readers_of_a_condition_agree(desk: Desk) -> None:
    library = Terminology(desk.system().store).library
    system = await library.system(URL + "colours")
    known = (await library.concepts(system, CODES)).values()
    dice = random.Random(3)
    answers = set()
    for _ in range(300):
        condition = some(dice)
        found = await library.page(system, condition, [], offset=0, limit=100)
        assert {c.code for c in found} == {c.code for c in known if holds(condition, c)}, condition
        assert await library.count(system, condition, []) == len(found)
        answers.add(len(found))
    assert len(answers) > 4


def damaged(resource: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """A copy with something replaced somewhere."""
    copy: dict[str, Any] = json.loads(json.dumps(resource))
    places = list(_places(copy))
    holder, key = dice.choice([p for p in places if p[1] != "resourceType"])
    holder[key] = dice.choice(JUNK)
    return copy


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


RICH = value_set(
    "rich",
    {**ALL, "concept": [{"code": "red", "display": "R", "designation": [{"language": "fr", "value": "x"}]}]},
    filtered("regex", "b.*", "code"),
    {"valueSet": [URL + "vs/reds"]},
    exclude=[filtered("in", "red,blue", "code")],
    inactive=False,
)


@pytest.mark.parametrize(
    ("operation", "name", "resource"),
    [
        ("ValueSet/$expand", "valueSet", RICH),
        ("ValueSet/$validate-code", "valueSet", RICH),
        ("ConceptMap/$translate", "conceptMap", WIDE),
    ],
)
async def test_damaged_resources(desk: Desk, operation: str, name: str, resource: dict[str, Any]) -> None:
    dice = random.Random(11)
    statuses = set()
    for _ in range(120):
        given: dict[str, Any] = {name: damaged(resource, dice)}
        if operation != "ValueSet/$expand":
            given |= {"system": URL + "colours", "code": "scarlet"}
        status, body = await call(desk, operation, **given)
        assert status < 500, (given, body)
        statuses.add(status)
    assert 200 in statuses and len(statuses) > 1


@pytest.mark.parametrize("text", ["\x00", "\ud800", "'", '"', "\\", "%", "é" * 5000, " ", "a:*|b", "!(&"])
async def test_texts_of_any_kind(desk: Desk, text: str) -> None:
    sent = quote(text, errors="surrogatepass")
    for path in (
        f"ValueSet/$expand?url={URL}vs/all&filter={sent}",
        f"ValueSet/$expand?url={sent}",
        f"CodeSystem/$lookup?system={URL}colours&code={sent}",
        f"CodeSystem/$lookup?system={sent}&code=x&displayLanguage={sent}",
        f"CodeSystem/$validate-code?url={URL}chapters&code={sent}&display={sent}",
        f"ValueSet/$expand?url={URL}vs/all&count={sent}",
    ):
        status, body = await desk.ask("doctor", "GET", path)
        assert status < 500, (path[:80], body)


@pytest.mark.parametrize(
    "body", [{}, {"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": 1}]
)
async def test_bodies_that_are_no_parameters(desk: Desk, body: dict[str, Any]) -> None:
    for operation in ("ValueSet/$expand", "CodeSystem/$lookup", "ConceptMap/$translate", "$closure"):
        assert (await desk.ask("doctor", "POST", operation, body))[0] == 400


async def test_value_sets_in_a_circle(desk: Desk) -> None:
    for name, other in (("ring-a", "ring-b"), ("ring-b", "ring-a")):
        await desk.make("loader", value_set(name, {"valueSet": [URL + "vs/" + other]}))
    status, body = await call(desk, "ValueSet/$expand", url=URL + "vs/ring-a")
    assert (status, body["issue"][0]["code"]) == (422, "processing")
