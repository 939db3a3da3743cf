"""What `$validate-code` says beside its result: standing, status, case, versions, languages, what lacks."""

from typing import Any

import pytest

from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, call, codes, concept, french, told, value_set

Resource = dict[str, Any]
STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
OPTION = "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter"


def marked(status: str) -> list[Resource]:
    """The extension that says how far something stands."""
    return [{"url": STATUS, "valueCode": status}]


METALS: Resource = {
    "resourceType": "CodeSystem",
    "url": URL + "metals",
    "version": "1.0",
    "name": "Metals",
    "language": "en",
    "status": "draft",
    "experimental": True,
    "content": "complete",
    "caseSensitive": False,
    "property": [
        {"code": "group", "uri": "http://hl7.org/fhir/concept-properties#notSelectable", "type": "boolean"}
    ],
    "concept": [
        concept("Fe", "Iron", designation=[*french("Fer"), {"language": "en", "value": "Ferrum"}]),
        concept("Hg", "Mercury", extension=marked("deprecated")),
        concept(
            "Al",
            "Aluminium",
            designation=[{"language": "en", "value": "Aluminum", "extension": marked("withdrawn")}],
        ),
        concept("noble", "Noble metals", property=[{"code": "group", "valueBoolean": True}]),
        concept("Pu", "Plutonium", property=[{"code": "inactive", "valueBoolean": True}]),
    ],
}
NEWER = {**METALS, "version": "2.0", "status": "active", "experimental": False}
ALL = value_set("metals", {"system": METALS["url"]})
FIRST = value_set("metals-1", {"system": METALS["url"], "version": "1.0"})


async def asked(desk: Desk, vs: Resource, coding: Resource, *brought: Resource, **more: Any) -> Resource:
    """The answer to a check of one Coding."""
    given = {"valueSet": vs, "coding": {"valueCoding": {"system": METALS["url"], **coding}}}
    status, body = await call(
        desk, "ValueSet/$validate-code", **given, **more, tx_resource=[*(brought or (METALS,))]
    )
    assert status == 200, body
    return body


def issues(body: Resource) -> list[list[str]]:
    """The issues of an answer, as [severity, reason, place], in alphabetical order."""
    rows = [p["resource"]["issue"] for p in body["parameter"] if p["name"] == "issues"]
    return sorted(
        [i["severity"], i["details"]["coding"][0]["code"], *i.get("expression", [])]
        for i in (rows[0] if rows else ())
    )


STANDING = [["information", "status-check"], ["information", "status-check"]]


@pytest.mark.parametrize(
    ("coding", "result", "expected"),
    [
        ({"code": "Fe"}, True, STANDING),
        ({"code": "FE"}, True, [["information", "code-rule", "Coding.code"], *STANDING]),
        ({"code": "Hg"}, True, [*STANDING, ["warning", "code-comment", "Coding.code"]]),
        ({"code": "Pu"}, True, [*STANDING, ["warning", "code-comment", "Coding"]]),
        (
            {"code": "Al", "display": "Aluminum"},
            True,
            [*STANDING, ["warning", "display-comment", "Coding.display"]],
        ),
        ({"code": "Al", "display": "aluminium"}, True, STANDING),
        (
            {"code": "Xx"},
            False,
            [["error", "invalid-code", "Coding.code"], ["error", "not-in-vs", "Coding.code"]],
        ),
    ],
)
async def test_remarks_change_no_result(desk: Desk, coding: Resource, result: bool, expected: Any) -> None:
    body = await asked(desk, ALL, coding)
    assert (told(body, "result"), issues(body)) == (result, expected)


async def test_an_answer_says_what_the_code_is(desk: Desk) -> None:
    body = await asked(desk, ALL, {"code": "pu"})
    assert [told(body, n) for n in ("code", "normalized-code", "inactive", "display", "version")] == [
        *("pu", "Pu", True, "Plutonium", "1.0"),
    ]
    assert told(await asked(desk, ALL, {"code": "Hg"}), "status") == "deprecated"
    gone = await asked(desk, {**ALL, "compose": {**ALL["compose"], "inactive": False}}, {"code": "Pu"})
    assert (told(gone, "result"), [i[1] for i in issues(gone)]) == (
        False,
        ["code-rule", "not-in-vs", "code-comment"],
    )
    alone = await asked(desk, ALL, {"code": "noble"}, abstract=False)
    assert [i[1] for i in issues(alone)] == ["code-rule", "not-in-vs"]


async def test_a_value_set_may_mark_what_it_lists(desk: Desk) -> None:
    row = {
        "code": "Fe",
        "extension": [
            {
                "url": STATUS.replace("structuredefinition-standards-status", "valueset-deprecated"),
                "valueBoolean": True,
            }
        ],
    }
    marks = {
        **value_set("marks", {"system": METALS["url"], "concept": [row]}),
        "extension": marked("withdrawn"),
    }
    body = await asked(desk, marks, {"code": "Fe"}, NEWER)
    assert issues(body) == [["information", "status-check"], ["warning", "code-comment", "Coding.code"]]
    outer = value_set("outer", {"valueSet": [marks["url"]]})
    assert ["information", "status-check"] in issues(await asked(desk, outer, {"code": "Fe"}, NEWER, marks))


@pytest.mark.parametrize(
    ("vs", "version", "expected", "missing"),
    [
        (FIRST, "1.0", STANDING, None),
        (FIRST, "2.0", [["error", "vs-invalid", "Coding.version"]], None),
        (ALL, "1.0", [["error", "vs-invalid", "Coding.version"]], None),
        (
            FIRST,
            "3.0",
            [["error", "not-found", "Coding.system"], ["error", "vs-invalid", "Coding.version"]],
            "|3.0",
        ),
        (
            ALL,
            "3.0",
            [["error", "not-found", "Coding.system"], ["warning", "vs-invalid", "Coding.version"]],
            "|3.0",
        ),
    ],
)
async def test_versions_that_do_not_meet(
    desk: Desk, vs: Resource, version: str, expected: Any, missing: Any
) -> None:
    body = await asked(desk, vs, {"code": "Fe", "version": version}, METALS, NEWER)
    assert issues(body) == expected
    assert told(body, "result") is (expected == STANDING)
    assert told(body, "x-caused-by-unknown-system") == (METALS["url"] + missing if missing else None)
    assert told(body, "display") == "Iron"


async def test_a_version_that_the_call_demands(desk: Desk) -> None:
    pinned = value_set("metals-2", {"system": METALS["url"], "version": "2.0"})
    body = await asked(
        desk, pinned, {"code": "Fe"}, METALS, NEWER, check_system_version=METALS["url"] + "|1.x"
    )
    assert (told(body, "result"), issues(body)) == (False, [["error", "version-error", "Coding.version"]])


async def test_a_system_that_is_none(desk: Desk) -> None:
    for system, expected in (
        (URL + "nowhere", [["error", "not-found", "Coding.system"], ["error", "not-in-vs", "Coding.code"]]),
        ("here", [["error", "invalid-data", "Coding.system"], ["error", "not-found", "Coding.system"]]),
        (URL + "vs/all", [["error", "invalid-data", "Coding.system"], ["error", "not-in-vs", "Coding.code"]]),
    ):
        body = await asked(desk, ALL, {"system": system, "code": "Fe"})
        assert [one for one in expected if one not in issues(body)] == []
        assert told(body, "x-unknown-system") == (None if "vs/" in system else system)
    status, body = await call(desk, "CodeSystem/$validate-code", url=URL + "nowhere", code="x")
    assert (status, told(body, "result"), issues(body)) == (200, False, [["error", "not-found", "system"]])
    status, body = await call(desk, "CodeSystem/$validate-code", coding={"valueCoding": {"code": "x"}})
    assert (status, told(body, "result"), issues(body)) == (
        200,
        False,
        [["warning", "invalid-data", "Coding"]],
    )


async def test_a_code_alone_is_of_one_system_or_of_none(desk: Desk) -> None:
    two = value_set("two", {"system": METALS["url"]}, {"system": URL + "alloys"})
    alloys = {**NEWER, "url": URL + "alloys", "concept": [concept("Fe", "Cast iron"), concept("br", "Brass")]}
    for code, system in (("br", URL + "alloys"), ("Hg", METALS["url"]), ("Fe", None), ("zz", None)):
        _, body = await call(
            desk,
            "ValueSet/$validate-code",
            valueSet=two,
            code=code,
            inferSystem=True,
            tx_resource=[METALS, alloys],
        )
        assert (told(body, "result"), told(body, "system")) == (system is not None, system)
        if system is None:
            assert [i[1] for i in issues(body)] == ["cannot-infer", "not-in-vs"]


def spoken(vs: Resource, tongue: str) -> Resource:
    """A value set that sets the language of its expansions."""
    parts = [{"url": "name", "valueCode": "displayLanguage"}, {"url": "value", "valueCode": tongue}]
    return {**vs, "compose": {**vs["compose"], "extension": [{"url": OPTION, "extension": parts}]}}


async def test_who_says_the_language(desk: Desk) -> None:
    for more, vs, display in (
        ({}, ALL, "Iron"),
        ({"displayLanguage": "fr"}, ALL, "Fer"),
        ({"displayLanguage": "en-GB, fr; q=0.2"}, ALL, "Iron"),
        ({}, spoken(ALL, "fr"), "Fer"),
        ({}, {**ALL, "language": "fr"}, "Fer"),
        ({"displayLanguage": "en"}, spoken(ALL, "fr"), "Iron"),
        ({"displayLanguage": "de"}, ALL, "Iron"),
        ({"displayLanguage": "de,*;q=0"}, ALL, None),
    ):
        _, body = await call(desk, "ValueSet/$expand", valueSet=vs, tx_resource=METALS, **more)
        assert body["expansion"]["contains"][0].get("display") == display, (more, vs)
    status, body = await call(desk, "ValueSet/$expand", valueSet=ALL, tx_resource=METALS, displayLanguage="-")
    assert (status, body["issue"][0]["details"]["coding"][0]["code"]) == (422, "invalid-display")


async def test_the_header_says_the_language_where_nobody_else_does(desk: Desk) -> None:
    logical = await desk.make(
        "loader", {**ALL, "url": URL + "vs/headed", "compose": {"include": [{"system": URL + "colours"}]}}
    )
    for header, display in (("fr", "Rouge"), ("de, fr;q=0.5", "Rouge"), ("en", "Red"), ("%%%", "Red")):
        _, body = await desk.ask("doctor", "GET", f"ValueSet/{logical}/$expand", accept_language=header)
        assert next(r["display"] for r in body["expansion"]["contains"] if r["code"] == "red") == display


async def test_a_name_in_the_systems_own_language_is_right_where_the_asked_one_has_none(desk: Desk) -> None:
    body = await asked(desk, ALL, {"code": "Hg", "display": "Mercury"}, NEWER, displayLanguage="fr")
    assert told(body, "result") is True
    assert ["information", "invalid-display", "Coding.display"] in issues(body)
    other = await asked(desk, ALL, {"code": "Fe", "display": "Ferrum"}, NEWER, displayLanguage="fr")
    assert told(other, "result") is False


async def test_an_expansion_says_what_stands_behind_it(desk: Desk) -> None:
    part = {**METALS, "content": "fragment"}
    _, body = await call(
        desk,
        "ValueSet/$expand",
        valueSet=ALL,
        tx_resource=part,
        includeDesignations=True,
        displayLanguage="fr",
    )
    said = {p["name"] for p in body["expansion"]["parameter"]}
    assert said >= {
        "used-codesystem",
        "used-fragment",
        "warning-draft",
        "warning-experimental",
        "displayLanguage",
    }
    assert body["expansion"]["extension"][0]["valueBoolean"] is True
    iron, _, _, noble, _ = body["expansion"]["contains"]
    assert {"Iron", "Ferrum"} <= {d["value"] for d in iron["designation"]}
    assert (noble["abstract"], iron.get("version")) == (True, None)


async def test_versions_side_by_side(desk: Desk) -> None:
    old, new = ({"system": METALS["url"], "version": v} for v in ("1.0", "2.0"))
    both = value_set("both", old, new)
    more = {**NEWER, "concept": [*METALS["concept"], concept("Ti", "Titanium")]}
    for options, exclude, count in (
        (None, [], 11),
        ("true", [], 6),
        ("false", [old], 6),
        (None, [{**old, "concept": [{"code": "Fe"}]}], 10),
    ):
        compose: Resource = {**both["compose"], **({"exclude": exclude} if exclude else {})}
        if options:
            parts = [{"url": "name", "valueCode": "versionsMatch"}, {"url": "value", "valueString": options}]
            compose["extension"] = [{"url": OPTION, "extension": parts}]
        _, body = await call(
            desk, "ValueSet/$expand", valueSet={**both, "compose": compose}, tx_resource=[METALS, more]
        )
        rows = body["expansion"]["contains"]
        assert (len(rows), body["expansion"]["total"]) == (count, count), (options, exclude)
        assert {r["version"] for r in rows} <= {"1.0", "2.0"}


async def test_codes_of_another_system_stand_beside_versions_taken_together(desk: Desk) -> None:
    alike = {**METALS, "url": URL + "alike"}
    parts = [{"url": "name", "valueCode": "versionsMatch"}, {"url": "value", "valueString": "true"}]
    both = value_set("alike", {"system": METALS["url"]}, {"system": alike["url"]})
    both["compose"]["extension"] = [{"url": OPTION, "extension": parts}]
    _, body = await call(desk, "ValueSet/$expand", valueSet=both, tx_resource=[METALS, alike])
    rows = [(r["system"], r["code"]) for r in body["expansion"]["contains"]]
    assert len(rows) == 2 * len({code for _, code in rows}) > 0


async def test_a_broken_value_set_that_comes_along_is_nobodys_trouble_until_asked(desk: Desk) -> None:
    broken = value_set("broken", {"system": METALS["url"], "filter": [{"property": "concept", "op": "is-a"}]})
    _, body = await call(desk, "ValueSet/$expand", valueSet=ALL, tx_resource=[METALS, broken])
    assert "Fe" in codes(body)
    status, body = await call(desk, "ValueSet/$expand", url=broken["url"], tx_resource=[METALS, broken])
    assert (status, body["issue"][0]["details"]["coding"][0]["code"]) == (400, "vs-invalid")


async def test_what_was_stored_says_it_too(desk: Desk) -> None:
    await desk.make("loader", {**METALS, "url": URL + "stored"})
    stored = value_set("stored", {"system": URL + "stored"})
    _, body = await call(
        desk,
        "ValueSet/$validate-code",
        valueSet=stored,
        coding={"valueCoding": {"system": URL + "stored", "code": "pu"}},
    )
    assert issues(body) == [
        ["information", "code-rule", "Coding.code"],
        *STANDING,
        ["warning", "code-comment", "Coding"],
    ]
    assert COLOURS["status"] == "active"
