"""What terminology servers promise each other beyond R4: issues, version patterns, resources with a call."""

from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.terminology.meaning.versions import fits, is_pattern
from aubier.terminology.shelves import given
from aubier.terminology.shelves.given import Given
from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, call, codes, filtered, told, value_set

SHAPES: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": URL + "shapes",
    "version": "1.2.0",
    "name": "Shapes",
    "status": "active",
    "content": "complete",
    "concept": [
        {"code": "round", "display": "Round", "concept": [{"code": "ball", "display": "Ball"}]},
        {"code": "square", "display": "Square", "property": [{"code": "status", "valueCode": "retired"}]},
        {"code": "odd", "display": "Odd", "property": [{"code": "child", "valueCode": "round"}]},
    ],
}
OLDER = {**SHAPES, "version": "1.1.9", "concept": [{"code": "old", "display": "Old"}]}
EVERY = value_set("shapes", {"system": URL + "shapes"})


async def check(desk: Desk, code: Any, value_set_: str = "all", **more: Any) -> tuple[bool, list[list[str]]]:
    """The result of a check, and its issues as [severity, reason, place]."""
    named = {"coding": {"valueCoding": code}} if isinstance(code, dict) else {"code": code}
    status, body = await call(desk, "ValueSet/$validate-code", url=f"{URL}vs/{value_set_}", **named, **more)
    assert status == 200, body
    found = [p["resource"] for p in body["parameter"] if p["name"] == "issues"]
    rows = found[0]["issue"] if found else []
    return told(body, "result"), [
        [i["severity"], i["details"]["coding"][0]["code"], i["expression"][0]] for i in rows
    ]


def colour(code: str, display: str = "", **more: Any) -> dict[str, Any]:
    """A Coding of the colours."""
    return {"system": URL + "colours", "code": code, **({"display": display} if display else {}), **more}


async def test_issues_say_what_kind_of_fault_it_is_and_where(desk: Desk) -> None:
    assert await check(desk, colour("red")) == (True, [])
    unknown = ["error", "not-in-vs", "Coding.code"], ["error", "invalid-code", "Coding.code"]
    assert await check(desk, colour("mauve")) == (False, list(unknown))
    assert await check(desk, colour("blue"), "reds") == (False, [["error", "not-in-vs", "Coding.code"]])
    assert await check(desk, colour("red", "Green")) == (
        False,
        [["error", "invalid-display", "Coding.display"]],
    )
    assert await check(desk, colour("red", "Red ")) == (
        False,
        [["error", "invalid-display", "Coding.display"]],
    )
    plain = await check(desk, "red", system=URL + "colours", display="Green")
    assert plain == (False, [["error", "invalid-display", "display"]])
    without = await check(desk, {"code": "red"})
    assert without == (False, [["error", "not-in-vs", "Coding.code"], ["warning", "invalid-data", "Coding"]])


async def test_what_a_call_overlooks(desk: Desk) -> None:
    lenient = await check(desk, colour("red", "Green"), lenient_display_validation=True)
    assert lenient == (True, [["warning", "invalid-display", "Coding.display"]])
    assert await check(desk, colour("red", "Green"), valueset_membership_only=True) == (True, [])
    assert (await check(desk, colour("puce")))[0] is True
    assert (await check(desk, colour("puce"), activeOnly=True))[0] is False
    # In a language that is asked, what the code is called in others does not count.
    assert (await check(desk, colour("red", "Rouge"), displayLanguage="fr"))[0] is True
    assert (await check(desk, colour("red", "Rouge"), displayLanguage="en"))[0] is False


async def test_what_a_value_set_takes_from_may_be_missing(desk: Desk) -> None:
    lost = value_set("lost", {"valueSet": [URL + "vs/nowhere"]})
    status, body = await call(
        desk, "ValueSet/$validate-code", valueSet=lost, coding={"valueCoding": colour("red")}
    )
    assert (status, told(body, "result")) == (200, False)
    needs = {
        **value_set("needs", {"system": URL + "colours"}),
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/valueset-supplement",
                "valueCanonical": URL + "colours-nl",
            }
        ],
    }
    more = {
        **{k: COLOURS[k] for k in ("resourceType", "status", "name")},
        "url": URL + "colours-nl",
        "content": "supplement",
        "supplements": URL + "colours",
        "concept": [{"code": "red", "designation": [{"language": "nl", "value": "Rood"}]}],
    }
    asked = {"valueSet": needs, "coding": {"valueCoding": colour("red", "Rood")}}
    assert (await call(desk, "ValueSet/$validate-code", **asked))[0] == 422
    assert (await call(desk, "ValueSet/$expand", valueSet=needs))[0] == 422
    absent = {"url": URL + "vs/all", "useSupplement": URL + "colours-nl"}
    assert (await call(desk, "ValueSet/$expand", **absent))[0] == 422
    status, body = await call(desk, "ValueSet/$validate-code", **asked, tx_resource=more)
    assert (status, told(body, "result")) == (200, True)
    status, body = await call(
        desk, "CodeSystem/$lookup", coding={"valueCoding": colour("red")}, tx_resource=more
    )
    assert "Rood" in str(body)


async def test_resources_that_come_with_a_call_are_known_for_that_call_alone(desk: Desk) -> None:
    brought = [SHAPES, OLDER, EVERY]
    whole = await call(desk, "ValueSet/$expand", url=EVERY["url"], tx_resource=brought)
    assert codes(whole[1]) == ["round", "ball", "square", "odd"]
    below = value_set("below", filtered("is-a", "odd", system="shapes"))
    found = await call(desk, "ValueSet/$expand", valueSet=below, tx_resource=brought)
    assert codes(found[1]) == ["round", "ball", "odd"]
    just = value_set("just", filtered("child-of", "round", system="shapes"))
    assert codes((await call(desk, "ValueSet/$expand", valueSet=just, tx_resource=brought))[1]) == ["ball"]
    status, body = await call(
        desk, "CodeSystem/$lookup", system=URL + "shapes", code="ball", tx_resource=brought
    )
    assert (status, told(body, "display")) == (200, "Ball")
    ends = {"system": URL + "shapes", "codeA": "odd", "codeB": "ball"}
    assert (
        told((await call(desk, "CodeSystem/$subsumes", **ends, tx_resource=brought))[1], "outcome")
        == "subsumes"
    )
    assert (await call(desk, "ValueSet/$expand", url=EVERY["url"]))[0] == 404
    assert (await call(desk, "CodeSystem/$lookup", system=URL + "shapes", code="ball"))[0] == 404
    for wrong in ({"valueString": "x"}, {"resource": {"resourceType": "CodeSystem", "concept": 7}}):
        assert (await call(desk, "ValueSet/$expand", url=EVERY["url"], tx_resource=wrong))[0] == 400


async def test_versions_may_be_asked_by_a_pattern(desk: Desk) -> None:
    brought = [SHAPES, OLDER]
    for version, code in (("1.x.x", "round"), ("1.1.x", "old"), ("1.1.9", "old")):
        pinned = value_set("pinned", {"system": URL + "shapes", "version": version})
        found = await call(desk, "ValueSet/$expand", valueSet=pinned, tx_resource=brought)
        assert codes(found[1])[0] == code
    forced = {"valueSet": EVERY, "tx_resource": brought, "force_system_version": URL + "shapes|1.1.x"}
    assert codes((await call(desk, "ValueSet/$expand", **forced))[1]) == ["old"]
    newest = value_set("newest", {"system": URL + "shapes", "version": "1.2.0"})
    strict = {"valueSet": newest, "tx_resource": brought, "check_system_version": URL + "shapes|1.1.x"}
    assert (await call(desk, "ValueSet/$expand", **strict))[0] == 422
    coding = {"valueCoding": {"system": URL + "shapes", "code": "round"}}
    status, body = await call(desk, "ValueSet/$validate-code", **strict, coding=coding)
    assert (status, told(body, "result")) == (200, False)


async def test_an_exclusion_of_another_version_takes_its_codes(desk: Desk) -> None:
    newer = {**SHAPES, "version": "2.0.0", "concept": [*SHAPES["concept"], {"code": "new"}]}
    rest = [{"system": URL + "shapes", "version": "1.2.0"}]
    added = value_set("added", {"system": URL + "shapes", "version": "2.0.0"}, exclude=rest)
    body = (await call(desk, "ValueSet/$expand", valueSet=added, tx_resource=[SHAPES, newer]))[1]
    assert codes(body) == ["new"]
    # What cannot be counted out is not passed over.
    assert (await call(desk, "ValueSet/$expand", valueSet=added, tx_resource=[newer]))[0] in (404, 422)


async def test_an_expansion_says_what_it_took_and_what_was_asked(desk: Desk) -> None:
    inner = {**value_set("inner", filtered("is-a", "red")), "id": "inner"}
    outer = {**value_set("outer", {"valueSet": ["#inner"]}), "contained": [inner]}
    status, body = await call(desk, "ValueSet/$expand", valueSet=outer, property=["definition", "wave"])
    assert (status, codes(body)) == (200, ["red", "crimson", "scarlet"])
    said = {(p["name"], str(p.get("valueUri"))) for p in body["expansion"]["parameter"]}
    assert ("used-codesystem", URL + "colours|2") in said
    assert any(name == "used-valueset" for name, _ in said)
    (wave,) = body["expansion"]["contains"][0]["extension"]
    assert [part.get("valueCode", part.get("valueInteger")) for part in wave["extension"]] == ["wave", 700]
    logical = await desk.make("loader", {k: v for k, v in outer.items() if k != "id"})
    assert codes((await call(desk, f"ValueSet/{logical}/$expand"))[1]) == ["red", "crimson", "scarlet"]


async def test_of_a_fragment_any_code_may_be_in_the_value_set_that_takes_all(desk: Desk) -> None:
    part = {**SHAPES, "content": "fragment"}
    coding = {"valueCoding": {"system": URL + "shapes", "code": "oval"}}
    asked = {"coding": coding, "tx_resource": part}
    status, body = await call(desk, "ValueSet/$validate-code", valueSet=EVERY, **asked)
    assert (status, told(body, "result")) == (200, True)
    assert told(body, "message")
    narrow = value_set("narrow", filtered("is-a", "round", system="shapes"))
    assert told((await call(desk, "ValueSet/$validate-code", valueSet=narrow, **asked))[1], "result") is False


@pytest.mark.parametrize(
    ("have", "asked", "result"),
    [
        ("1.2.0", "", True),
        ("1.2.0", "1.2.0", True),
        ("1.2.0", "1.2.x", True),
        ("1.2.0", "*.x.X", True),
        ("1.2.0", "1.x", False),
        ("1.2.0", "1.3.x", False),
        ("", "1.x", False),
        ("x", "x", True),
    ],
)
def test_a_pattern_stands_for_versions(have: str, asked: str, result: bool) -> None:
    assert fits(have, asked) is result


def test_only_whole_parts_are_patterns() -> None:
    assert [is_pattern(v) for v in ("1.x", "*", "1.X.2", "", "1.2", "1.2x", "latex")] == [
        *(True, True, True),
        *(False, False, False, False),
    ]


def test_what_comes_with_a_call_is_bounded_and_circles_end(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {
        **SHAPES,
        "concept": [
            {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
            {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
        ],
    }
    came = Given()
    came.add(circle)
    system = came.system(URL + "shapes", "")
    assert system is not None
    assert {c.lineage for c in (came.concepts(system) or {}).values()} == {frozenset("ab")}
    monkeypatch.setattr(given, "MOST", 3)
    with pytest.raises(Problem, match="At most 3"):
        came.add(SHAPES)
