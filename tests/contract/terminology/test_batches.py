"""Several checks in one call, two value sets side by side, translation in the words of R5."""

from typing import Any

import pytest

from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, call, filtered, told, value_set

Resource = dict[str, Any]
ALL = {"system": URL + "colours"}


def check(code: str, **more: Any) -> Resource:
    """One check of a batch."""
    rows: list[Resource] = [{"name": "code", "valueCode": code}] if code else []
    rows += [{"name": name, "valueString": value} for name, value in more.items()]
    return {"resource": {"resourceType": "Parameters", "parameter": rows}}


def concept(count: int) -> Resource:
    """A check of a CodeableConcept of so many codings."""
    coding = [{"system": URL + "colours", "code": f"c{n}"} for n in range(count)]
    row = {"name": "codeableConcept", "valueCodeableConcept": {"coding": coding}}
    return {"resource": {"resourceType": "Parameters", "parameter": [row]}}


async def test_each_check_has_its_own_answer(desk: Desk) -> None:
    asks = [
        check("red"),
        check("mauve"),
        check(""),
        check("red", url=URL + "vs/nothing"),
        check("C", system=""),
    ]
    asks += [check("red", display="Green"), check("C", system=URL + "chapters", url=URL + "vs/listed")]
    status, body = await call(
        desk, "ValueSet/$batch-validate-code", url=URL + "vs/all", system=URL + "colours", validation=asks
    )
    assert status == 200
    found = [p["resource"] for p in body["parameter"]]
    kinds = [one["resourceType"] for one in found]
    assert kinds == ["Parameters"] * 2 + ["OperationOutcome"] * 3 + ["Parameters"] * 2
    assert [told(one, "result") for one in found] == [True, False, None, None, None, False, True]
    assert {p["name"] for p in body["parameter"]} == {"validation"}


async def test_what_comes_along_is_read_once_for_all(desk: Desk) -> None:
    hues = {**COLOURS, "url": URL + "hues", "concept": [{"code": "teal", "display": "Teal"}]}
    mine = value_set("hues", {"system": URL + "hues"})
    status, body = await call(
        desk,
        "ValueSet/$batch-validate-code",
        url=mine["url"],
        tx_resource=[hues, mine],
        validation=[check("teal")] * 50,
    )
    assert status == 200
    assert [told(p["resource"], "display") for p in body["parameter"]] == ["Teal"] * 50
    status, body = await call(
        desk,
        "CodeSystem/$batch-validate-code",
        url=URL + "hues",
        tx_resource=hues,
        validation=[check("teal"), check("x")],
    )
    assert [told(p["resource"], "result") for p in body["parameter"]] == [True, False]


async def test_a_batch_answers_in_the_language_of_its_header(desk: Desk) -> None:
    shared = [{"name": "url", "valueUri": URL + "colours"}, {"name": "validation", **check("red")}]
    body = {"resourceType": "Parameters", "parameter": shared}
    for language, display in (("fr", "Rouge"), ("en", "Red")):
        path = "CodeSystem/$batch-validate-code"
        status, answer = await desk.ask("doctor", "POST", path, body, accept_language=language)
        assert (status, told(answer["parameter"][0]["resource"], "display")) == (200, display)


async def test_what_a_batch_refuses(desk: Desk) -> None:
    for given, status in (
        ({"validation": []}, 400),
        ({"validation": [check("red")] * 1001}, 422),
        ({"validation": [concept(100)] * 11}, 422),
        ({"validation": {"valueString": "x"}}, 400),
        ({"validation": [check("red")], "nonsense": "x"}, 400),
    ):
        got, body = await call(desk, "ValueSet/$batch-validate-code", **given)
        assert (got, body["resourceType"]) == (status, "OperationOutcome"), body
    assert (await call(desk, "ValueSet/$batch-validate-code", "narrow", validation=[check("red")]))[0] == 403
    assert (await call(desk, "ValueSet/$related", "narrow", thisUrl="x", otherUrl="y"))[0] == 403


@pytest.mark.parametrize(
    ("this", "other", "result"),
    [
        (ALL, ALL, "same"),
        (ALL, filtered("is-a", "red"), "superset"),
        (filtered("is-a", "red"), filtered("is-a", "colour"), "subset"),
        (filtered("is-a", "red"), {**ALL, "concept": [{"code": "red"}, {"code": "blue"}]}, "overlapping"),
        (filtered("is-a", "red"), {**ALL, "concept": [{"code": "blue"}]}, "disjoint"),
        (filtered("=", "no", "warm"), filtered("=", "none", "warm"), "empty"),
        (ALL, {"system": URL + "absent"}, "indeterminate"),
        ({"system": URL + "absent", "concept": [{"code": "x"}]}, ALL, "disjoint"),
        ({"system": "http://unitsofmeasure.org"}, ALL, "indeterminate"),
    ],
)
async def test_how_two_value_sets_stand(desk: Desk, this: Resource, other: Resource, result: str) -> None:
    given = {"thisValueSet": value_set("this", this), "otherValueSet": value_set("other", other)}
    status, body = await call(desk, "ValueSet/$related", **given, diagnostics=True)
    assert (status, told(body, "result")) == (200, result)
    if result == "overlapping":
        named = [told(body, f"{n}-codes") for n in ("common", "missing", "extra")]
        assert named == ["red", "crimson,scarlet", "blue"]


async def test_value_sets_by_name_too(desk: Desk) -> None:
    _, body = await call(desk, "ValueSet/$related", thisUrl=URL + "vs/reds", otherUrl=URL + "vs/all")
    assert told(body, "result") == "subset"
    assert (await call(desk, "ValueSet/$related", thisUrl=URL + "vs/reds", otherUrl=URL + "vs/no"))[0] == 404
    assert (await call(desk, "ValueSet/$related", thisUrl=URL + "vs/reds"))[0] == 400


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"sourceSystem": URL + "colours", "sourceCode": "red", "targetSystem": "urn:warm"}, "hot"),
        ({"sourceCoding": {"valueCoding": {"system": URL + "colours", "code": "red"}}}, "hot"),
        ({"targetSystem": "urn:warm", "targetCode": "hot", "sourceSystem": URL + "colours"}, "red"),
        ({"targetCoding": {"valueCoding": {"system": "urn:warm", "code": "hot"}}}, "red"),
        ({"sourceSystem": URL + "colours", "sourceCode": "blue"}, None),
    ],
)
async def test_translation_in_the_words_of_r5(desk: Desk, asked: Resource, found: str | None) -> None:
    target = [{"code": "hot", "relationship": "source-is-narrower-than-target"}]
    group = {"source": URL + "colours", "target": "urn:warm", "element": [{"code": "red", "target": target}]}
    brought = {"resourceType": "ConceptMap", "url": URL + "warmth", "status": "active", "group": [group]}
    status, body = await call(desk, "ConceptMap/$translate", **asked, tx_resource=[brought, COLOURS])
    assert (status, told(body, "result")) == (200, found is not None)
    parts = {p["name"]: p for p in told(body, "match") or ()}
    if found:
        assert parts["concept"]["valueCoding"]["code"] == found
        assert parts["equivalence"]["valueCode"] == ("wider" if found == "hot" else "narrower")


async def test_the_capabilities_say_what_an_expansion_takes(desk: Desk) -> None:
    _, body = await desk.ask("doctor", "GET", "metadata?mode=terminology")
    names = {p["name"] for p in body["expansion"]["parameter"]}
    assert names >= {
        "activeOnly",
        "check-system-version",
        "count",
        "displayLanguage",
        "excludeNested",
        "property",
    }
    assert names >= {"force-system-version", "includeDesignations", "offset", "system-version", "tx-resource"}
