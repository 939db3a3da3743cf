"""What is sent to exhaust the service is refused before it does, or costs what its size says."""

import asyncio
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.terminology.meaning import hierarchy
from aubier.terminology.meaning.code_system import concepts_of
from aubier.terminology.meaning.hierarchy import check_lineage, with_lineage
from aubier.terminology.operations.expand import DEEPEST
from tests.contract.desk import Desk
from tests.contract.terminology.stock import URL, call, codes, value_set

Resource = dict[str, Any]
ODD = {"system": URL + "odd"}


def odd(*concepts: Resource, url: str = URL + "odd") -> Resource:
    """An invented system."""
    head = {"resourceType": "CodeSystem", "url": url, "status": "active", "content": "complete"}
    return {**head, "concept": list(concepts)}


def below(code: str, *parents: str) -> Resource:
    """A concept below others, by their codes."""
    rows = [{"code": "parent", "valueCode": parent} for parent in parents]
    return {"code": code, **({"property": rows} if rows else {})}


def chain(length: int) -> list[Resource]:
    """Each below the one before."""
    return [below(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(length)]


def depth(rows: list[Resource]) -> int:
    """How deep an expansion is."""
    found, rows_ = 0, rows
    while rows_:
        found, rows_ = found + 1, [inner for row in rows_ for inner in row.get("contains", ())]
    return found


async def test_a_hierarchy_without_end_is_refused_wherever_it_comes_from(desk: Desk) -> None:
    deep = odd(*chain(2_000))
    for path, body in (
        ("CodeSystem", {**deep, "url": URL + "deep"}),
        (
            "ValueSet/$expand",
            {"resourceType": "Parameters", "parameter": [{"name": "tx-resource", "resource": deep}]},
        ),
    ):
        status, told = await desk.ask("loader", "POST", path, body)
        assert (status, told["issue"][0]["code"]) == (422, "too-costly"), told


def test_wide_hierarchies_count_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [[f"{level}-{n}" for n in range(10)] for level in range(10)]
    rows = [
        below(code, *(levels[level - 1] if level else [])) for level in range(10) for code in levels[level]
    ]
    found = with_lineage({c.code: c for c in concepts_of(odd(*rows))})
    assert len(found["9-0"].lineage) == 91
    monkeypatch.setattr(hierarchy, "MOST_STEPS", 5_000)
    for check in (
        lambda r: with_lineage({c.code: c for c in concepts_of(r)}),
        lambda r: check_lineage(concepts_of(r)),
    ):
        with pytest.raises(Problem, match="too deep"):
            check(odd(*rows))
        check(odd(*rows[:30]))


async def test_a_nested_answer_is_only_so_deep(desk: Desk) -> None:
    deep = odd(*chain(DEEPEST + 100))
    status, body = await call(
        desk, "ValueSet/$expand", valueSet=value_set("deep", ODD), tx_resource=deep, excludeNested=False
    )
    assert (status, depth(body["expansion"]["contains"])) == (200, DEEPEST)
    assert len(body["expansion"]["contains"]) == 101


async def test_what_stands_above_itself_is_lost_to_nobody(desk: Desk) -> None:
    ring = odd(below("a", "c"), below("b", "a"), below("c", "b"), below("d", "a"))
    _, body = await call(
        desk, "ValueSet/$expand", valueSet=value_set("ring", ODD), tx_resource=ring, excludeNested=False
    )
    rows = body["expansion"]["contains"]
    assert [row["code"] for row in rows] == ["a", "b", "c"]
    assert [row["code"] for row in rows[0]["contains"]] == ["d"]


async def test_value_sets_that_take_from_each_other_end(desk: Desk) -> None:
    twice = [
        value_set(f"t{n}", {"valueSet": [f"{URL}vs/t{n + 1}"]}, {"valueSet": [f"{URL}vs/t{n + 1}"]})
        for n in range(15)
    ]
    last = value_set("t15", ODD)
    status, body = await call(
        desk, "ValueSet/$expand", url=URL + "vs/t0", tx_resource=[odd(below("a")), *twice, last]
    )
    assert (status, body["issue"][0]["code"]) == (422, "too-costly")
    ring = [value_set(f"r{n}", {"valueSet": [f"{URL}vs/r{(n + 1) % 5}"]}) for n in range(5)]
    for operation, more in (("$expand", {}), ("$validate-code", {"code": "a", "system": URL + "odd"})):
        status, body = await call(desk, f"ValueSet/{operation}", url=URL + "vs/r0", tx_resource=ring, **more)
        said = body["issue"][0]
        assert (status, said["code"], said["details"]["coding"][0]["code"]) == (
            422,
            "processing",
            "vs-invalid",
        )


async def test_everything_at_once_is_refused_and_pages_are_not(desk: Desk) -> None:
    many = odd(*({"code": f"c{n}"} for n in range(10_001)))
    everything = {"valueSet": value_set("many", ODD), "tx_resource": many}
    status, body = await call(desk, "ValueSet/$expand", **everything)
    assert (status, body["issue"][0]["code"]) == (422, "too-costly")
    assert "count" in body["issue"][0]["details"]["text"]
    found = [
        codes((await call(desk, "ValueSet/$expand", **everything, count=3, offset=n))[1]) for n in (0, 9_999)
    ]
    assert found == [["c0", "c1", "c2"], ["c9999", "c10000"]]


async def test_others_are_served_while_a_long_list_is_gone_through(desk: Desk) -> None:
    many = odd(*({"code": f"c{n}"} for n in range(20_000)))
    listed = [{"code": f"c{n}"} for n in range(0, 20_000, 2)]
    slow = value_set("slow", {**ODD, "concept": listed}, ODD)
    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(ticking())
    status, body = await call(
        desk, "ValueSet/$expand", valueSet=slow, tx_resource=many, count=2, offset=10_000
    )
    ticker.cancel()
    assert (status, codes(body), body["expansion"]["total"]) == (200, ["c1", "c3"], 20_000)
    assert turns > 40


LANGUAGES = {
    "sign": "-",
    "open": "fr-",
    "spaces": "fr" + " " * 3_000 + "!",
    "parts": "fr" + "-aa" * 1_300,
    "long": "a" * 9,
    "weight": "*;q=x",
}


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
async def test_a_language_that_is_none_is_refused(desk: Desk, language: str) -> None:
    status, body = await call(desk, "ValueSet/$expand", url=URL + "vs/all", displayLanguage=language)
    assert (status, body["issue"][0]["code"]) == (422, "processing")
