"""`ConceptMap/$translate` and `$closure`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aubier.ground.problem import problem
from aubier.terminology.meaning import concept_map as meaning
from tests.contract.desk import Desk
from tests.contract.terminology.stock import URL, call, told

SHADES = URL + "shades"


def element(code: str, *targets: dict[str, Any]) -> dict[str, Any]:
    """One code of a map and where it leads."""
    return {"code": code, "display": code.title()} | ({"target": list(targets)} if targets else {})


def concept_map(name: str, *elements: dict[str, Any], **group: Any) -> dict[str, Any]:
    """A map from the colours to other shades."""
    return {
        "resourceType": "ConceptMap",
        "url": URL + "map/" + name,
        "version": "1",
        "status": "active",
        "sourceUri": URL + "vs/all",
        "targetUri": URL + "vs/shades",
        "group": [{"source": URL + "colours", "target": SHADES, "element": list(elements), **group}],
    }


WIDE = concept_map(
    "wide",
    element("red", {"code": "R", "display": "Shade R", "equivalence": "wider", "comment": "about"}),
    element("blue", {"code": "B1", "equivalence": "narrower"}, {"code": "B2", "equivalence": "equivalent"}),
    element("puce", {"equivalence": "unmatched"}),
    element(
        "scarlet",
        {
            "code": "S",
            "equivalence": "equivalent",
            "dependsOn": [{"property": "http://x.example/light", "value": "day"}],
            "product": [
                {"property": "http://x.example/mood", "system": "http://x.example/m", "value": "gay"}
            ],
        },
    ),
)
MIXED = WIDE | {
    "group": [
        {
            **WIDE["group"][0],
            "source": "http://x.example/others",
            "element": [element("red", {"code": "no"})],
        },
        {**WIDE["group"][0], "target": "http://x.example/more", "element": [element("red", {"code": "M"})]},
        *WIDE["group"],
    ]
}
FIXED = concept_map(
    "fixed",
    element("red", {"code": "R2", "equivalence": "equivalent"}),
    unmapped={"mode": "fixed", "code": "none", "display": "No shade"},
)
PROVIDED = concept_map("provided", element("red"), unmapped={"mode": "provided"})
OTHER = concept_map("other", element("red"), unmapped={"mode": "other-map", "url": URL + "map/wide"})


@pytest.fixture(scope="module")
async def maps(desk: Desk) -> AsyncIterator[Desk]:
    """The house with the maps of this module, and what it knew before at the end."""
    made = [await desk.make("loader", row) for row in (WIDE, FIXED, PROVIDED, OTHER)]
    yield desk
    for logical in made:
        await desk.ask("loader", "DELETE", f"ConceptMap/{logical}")


def matches(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(equivalence, code) of each match."""
    found = []
    for row in body["parameter"]:
        if row["name"] == "match":
            parts = {p["name"]: p for p in row["part"]}
            code = parts.get("concept", {}).get("valueCoding", {}).get("code", "")
            found.append((parts["equivalence"]["valueCode"], code))
    return found


@pytest.mark.parametrize(
    ("given", "result", "expected"),
    [
        ({"url": URL + "map/wide", "code": "red"}, True, [("wider", "R")]),
        ({"url": URL + "map/wide|1", "code": "blue"}, True, [("narrower", "B1"), ("equivalent", "B2")]),
        ({"url": URL + "map/wide", "code": "puce"}, False, [("unmatched", "")]),
        ({"url": URL + "map/wide", "code": "mauve"}, False, []),
        ({"url": URL + "map/wide", "code": "scarlet"}, False, []),
        ({"url": URL + "map/wide", "code": "red", "targetsystem": URL + "nowhere"}, False, []),
        ({"url": URL + "map/fixed", "code": "blue"}, True, [("inexact", "none")]),
        ({"url": URL + "map/provided", "code": "blue"}, True, [("equivalent", "blue")]),
        ({"url": URL + "map/other", "code": "blue"}, True, [("narrower", "B1"), ("equivalent", "B2")]),
        (
            {"source": URL + "vs/all", "target": URL + "vs/shades", "code": "red"},
            True,
            [("equivalent", "R2"), ("wider", "R")],
        ),
        ({"source": URL + "vs/none", "code": "red"}, False, []),
        ({"conceptMap": WIDE, "code": "red"}, True, [("wider", "R")]),
        ({"conceptMap": MIXED, "code": "red", "targetsystem": SHADES}, True, [("wider", "R")]),
    ],
)
async def test_translate(
    maps: Desk, given: dict[str, Any], result: bool, expected: list[tuple[str, str]]
) -> None:
    status, body = await call(maps, "ConceptMap/$translate", system=URL + "colours", **given)
    assert (status, told(body, "result"), matches(body)) == (200, result, expected), body
    assert bool(told(body, "message")) is not result


async def test_a_map_that_comes_with_the_call_is_read_once(
    maps: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, mappings = [], meaning.mappings

    def counted(given: dict[str, Any], *args: Any, **of: Any) -> Any:
        read.append(given)
        return mappings(given, *args, **of)

    monkeypatch.setattr(meaning, "mappings", counted)
    codings = [{"system": URL + "colours", "code": code} for code in ("red", "blue", "mauve")]
    concept = {"valueCodeableConcept": {"coding": codings}}
    _, body = await call(maps, "ConceptMap/$translate", conceptMap=WIDE, codeableConcept=concept)
    assert [code for _, code in matches(body)] == ["R", "B1", "B2"] and len(read) == 1


async def test_a_map_asked_by_its_id_answers_as_when_it_comes_along_and_is_not_read(
    maps: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kept in (WIDE, FIXED, PROVIDED, OTHER):
        own = {**kept, "url": f"{kept['url']}/by-id", "version": "0"}
        logical = await maps.make("loader", own)
        for code in ("red", "blue", "puce", "mauve", "R", "B2"):
            given = {"system": URL + "colours" if code.islower() else SHADES, "code": code}
            given |= {} if code.islower() else {"reverse": True}
            along = await call(maps, "ConceptMap/$translate", conceptMap=own, **given)
            with monkeypatch.context() as patch:
                patch.setattr(meaning, "mappings", None)
                assert await call(maps, f"ConceptMap/{logical}/$translate", **given) == along
        await maps.ask("loader", "DELETE", f"ConceptMap/{logical}")
        status, _ = await call(maps, f"ConceptMap/{logical}/$translate", **given)
        assert status in (404, 410)


async def test_translate_backwards(maps: Desk) -> None:
    given = {"url": URL + "map/wide", "system": SHADES, "code": "R", "reverse": True}
    status, body = await call(maps, "ConceptMap/$translate", **given)
    assert (status, matches(body)) == (200, [("narrower", "red")])
    given = {"conceptMap": WIDE, "system": SHADES, "code": "B2", "reverse": True}
    status, body = await call(maps, "ConceptMap/$translate", **given)
    assert (status, matches(body)) == (200, [("equivalent", "blue")])


async def test_a_mapping_that_depends_on_something(maps: Desk) -> None:
    parts = [
        {"name": "element", "valueUri": "http://x.example/light"},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "day"}]}},
    ]
    rows = [
        {"name": "url", "valueUri": URL + "map/wide"},
        {"name": "coding", "valueCoding": {"system": URL + "colours", "code": "scarlet"}},
        {"name": "dependency", "part": parts},
    ]
    body = {"resourceType": "Parameters", "parameter": rows}
    status, found = await maps.ask("doctor", "POST", "ConceptMap/$translate", body)
    assert (status, matches(found)) == (200, [("equivalent", "S")])
    match = next(row for row in found["parameter"] if row["name"] == "match")
    product = next(p for p in match["part"] if p["name"] == "product")
    assert product["part"][1]["valueCoding"] == {"system": "http://x.example/m", "code": "gay"}


async def test_of_several_versions_of_a_map_the_newest_answers(maps: Desk) -> None:
    for version, code in (("9", "old"), ("10", "new")):
        row = concept_map("dated", element("dated", {"code": code, "equivalence": "equal"}))
        await maps.make("loader", {**row, "version": version})
    for given in ({"url": URL + "map/dated"}, {"source": URL + "vs/all"}):
        given |= {"system": URL + "colours", "code": "dated"}
        _, body = await call(maps, "ConceptMap/$translate", **given)
        assert matches(body) == [("equal", "new")]


async def test_what_the_newest_version_no_longer_maps_is_not_mapped(maps: Desk) -> None:
    for version, *rows in (("1", "kept", "dropped"), ("2", "kept")):
        mapped = [element(row, {"code": version, "equivalence": "equal"}) for row in rows]
        fixed = {"mode": "fixed", "code": f"none-{version}"}
        row = concept_map("shrunk", *mapped, unmapped=fixed)
        await maps.make("loader", {**row, "version": version, "sourceUri": URL + "vs/shrunk"})
    for code, expected in (("kept", ("equal", "2")), ("dropped", ("inexact", "none-2"))):
        given = {"source": URL + "vs/shrunk", "system": URL + "colours", "code": code}
        _, body = await call(maps, "ConceptMap/$translate", **given)
        assert matches(body) == [expected]
    given = {"url": URL + "map/shrunk|1", "system": URL + "colours", "code": "dropped"}
    _, body = await call(maps, "ConceptMap/$translate", **given)
    assert matches(body) == [("equal", "1")]


async def test_another_map_keeps_to_the_system_asked_and_may_be_absent(maps: Desk) -> None:
    red, teal = element("red"), element("teal", {"code": "T", "equivalence": "equal"})
    lost = concept_map("lost", red, unmapped={"mode": "other-map", "url": URL + "map/nowhere"})
    sent = concept_map("sent", red, unmapped={"mode": "other-map", "url": URL + "map/far"})
    far = concept_map("far", teal)
    far["group"][0]["target"] = URL + "far"
    for row in (lost, sent, far):
        await maps.make("loader", {**row, "sourceUri": URL + "vs/lost"})
    given = {"system": URL + "colours", "code": "teal"}
    _, body = await call(maps, "ConceptMap/$translate", source=URL + "vs/lost", **given)
    assert matches(body) == [("equal", "T")]
    given["code"] = "mauve"
    status, body = await call(maps, "ConceptMap/$translate", source=URL + "vs/lost", **given)
    assert (status, matches(body)) == (200, [])
    assert (await call(maps, "ConceptMap/$translate", url=URL + "map/lost", **given))[0] == 404
    given |= {"url": URL + "map/sent", "code": "teal"}
    _, body = await call(maps, "ConceptMap/$translate", **given)
    assert matches(body) == [("equal", "T")]
    _, body = await call(maps, "ConceptMap/$translate", targetsystem=SHADES, **given)
    assert matches(body) == []


async def test_another_map_that_nobody_can_look_for_is_not_one_that_is_absent(
    maps: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = concept_map("on", element("red"), unmapped={"mode": "other-map", "url": URL + "map/wide"})
    await maps.make("loader", {**sent, "sourceUri": URL + "vs/on"})
    store = type(maps.house.store)
    run = store.run

    async def lost(self: Any, name: str, *args: Any, **more: Any) -> Any:
        if name == "terminology.map":
            raise problem("transient", "The store does not answer", "La base ne répond pas")
        return await run(self, name, *args, **more)

    monkeypatch.setattr(store, "run", lost)
    given = {"source": URL + "vs/on", "system": URL + "colours", "code": "blue"}
    assert (await call(maps, "ConceptMap/$translate", **given))[0] == 503


async def test_a_map_that_is_not_here(maps: Desk) -> None:
    given = {"url": URL + "map/no", "system": URL + "colours", "code": "red"}
    assert (await call(maps, "ConceptMap/$translate", **given))[0] == 404
    assert (await call(maps, "ConceptMap/$translate", url=URL + "map/wide"))[0] == 400


async def test_closure(desk: Desk) -> None:
    def coding(code: str) -> dict[str, Any]:
        return {"valueCoding": {"system": URL + "colours", "code": code}}

    def pairs(body: dict[str, Any]) -> list[tuple[str, str]]:
        return [
            (row["code"], target["code"])
            for group in body.get("group", [])
            for row in group["element"]
            for target in row["target"]
        ]

    assert (await call(desk, "$closure", name="none", concept=coding("red")))[0] == 404
    status, body = await call(desk, "$closure", name="mine")
    assert (status, body["version"], pairs(body)) == (200, "0", [])
    status, body = await call(desk, "$closure", name="mine", concept=[coding("scarlet"), coding("blue")])
    assert (status, pairs(body)) == (200, [])
    first = body["version"]
    _, body = await call(desk, "$closure", name="mine", concept=coding("colour"))
    assert pairs(body) == [("blue", "colour"), ("scarlet", "colour")]
    _, body = await call(desk, "$closure", name="mine", concept=coding("red"))
    assert pairs(body) == [("red", "colour"), ("scarlet", "red")]
    _, body = await call(desk, "$closure", name="mine", version=int(first))
    assert len(pairs(body)) == 4
    status, body = await call(desk, "$closure", name="mine", concept=coding("mauve"))
    assert (status, body["issue"][0]["code"]) == (404, "not-found")
    # Somebody else's closure of the same name is another one.
    assert (await call(desk, "$closure", login="loader", name="mine", concept=coding("red")))[0] == 404
    await call(desk, "$closure", name="mine")
    _, body = await call(desk, "$closure", name="mine", version=0)
    assert pairs(body) == []


async def test_a_closure_is_bounded_before_anything_is_looked_for(desk: Desk) -> None:
    await call(desk, "$closure", name="large")
    many = [{"valueCoding": {"system": URL + "colours", "code": f"c{n}"}} for n in range(10_001)]
    status, body = await call(desk, "$closure", name="large", concept=many)
    assert (status >= 400, body["issue"][0]["code"]) == (True, "too-costly")
    red = [{"valueCoding": {"system": URL + "colours", "code": "red"}}] * 10_001
    assert (await call(desk, "$closure", name="large", concept=red))[0] == 200
