"""The operations over systems that people wrote, and over those shipped, on a real database."""

from typing import Any

import pytest

from aubier.terminology import expansion
from tests.contract.desk import Desk
from tests.contract.terminology.stock import ALL, COLOURS, URL, call, codes, filtered, told, value_set

SHIPPED = "http://hl7.org/fhir/administrative-gender"
_FEMALE = {"valueCoding": {"system": SHIPPED, "code": "female"}}


async def expand(desk: Desk, name: str, **given: Any) -> dict[str, Any]:
    """An expansion that must succeed."""
    status, body = await call(desk, "ValueSet/$expand", url=URL + "vs/" + name, **given)
    assert status == 200, body
    return body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all", "colour red crimson scarlet blue puce"),
        ("reds", "red crimson scarlet"),
        ("below-red", "crimson scarlet"),
        ("not-red", "colour blue puce"),
        ("warm", "red"),
        ("regex", "scarlet blue"),
        ("exists", "red"),
        ("above-crimson", "colour crimson red"),
        ("children", "red blue puce"),
        ("in", "red blue"),
        ("not-in", "crimson scarlet puce"),
        ("active", "colour red crimson scarlet blue"),
        ("without", "colour blue"),
        ("imports", "scarlet"),
        ("listed", "scarlet blue C A B D"),
        ("mixed", "scarlet red crimson"),
        ("elsewhere", "x"),
    ],
)
async def test_an_expansion_holds_what_the_value_set_says(desk: Desk, name: str, expected: str) -> None:
    body = await expand(desk, name)
    assert codes(body) == expected.split()
    assert body["expansion"]["total"] == len(expected.split())


async def test_a_value_set_may_be_the_body(desk: Desk) -> None:
    """Rule: FHIR R4, operations.html#request."""
    sent = value_set("sent", filtered("is-a", "red"))
    for language in ({}, {"language": "en", "_language": {"id": "l"}}):
        status, body = await desk.ask("doctor", "POST", "ValueSet/$expand", {**sent, **language})
        assert status == 200 and codes(body) == codes(await expand(desk, "reds")), body
    for path, body in (("ValueSet/$expand", {"resourceType": "Basic"}), ("ValueSet/x/$expand", sent)):
        status, refused = await desk.ask("doctor", "POST", path, body)
        assert status == 400, refused


async def test_pages_join_to_the_whole(desk: Desk) -> None:
    for name in ("all", "listed", "mixed", "without"):
        whole = codes(await expand(desk, name))
        pages = [codes(await expand(desk, name, offset=n, count=2)) for n in range(0, len(whole) + 2, 2)]
        assert [code for page in pages for code in page] == whole


async def test_words_find_names_in_any_language_without_accents(desk: Desk) -> None:
    assert codes(await expand(desk, "all", filter="ecar")) == ["scarlet"]
    assert codes(await expand(desk, "all", filter="blu")) == ["blue"]
    assert codes(await expand(desk, "listed", filter="ecar")) == ["scarlet"]
    assert codes(await expand(desk, "all", filter="nothing of the kind")) == []


async def test_an_expansion_in_french_with_its_designations(desk: Desk) -> None:
    body = await expand(desk, "reds", displayLanguage="fr-FR", includeDesignations=True)
    rows = {row["code"]: row for row in body["expansion"]["contains"]}
    assert rows["red"]["display"] == "Rouge"
    assert rows["red"]["designation"] == [{"language": "fr", "value": "Rouge"}]
    listed = await expand(desk, "listed")
    assert listed["expansion"]["contains"][0]["display"] == "Very red"


async def test_flags_and_nesting(desk: Desk) -> None:
    body = await expand(desk, "all", excludeNested=False)
    top = body["expansion"]["contains"]
    assert [row["code"] for row in top] == ["colour"]
    assert top[0]["abstract"] is True
    assert [row["code"] for row in top[0]["contains"]] == ["red", "blue", "puce"]
    assert top[0]["contains"][2]["inactive"] is True
    active = await expand(desk, "all", activeOnly=True)
    assert "puce" not in codes(active)


async def test_expansion_of_a_resource_and_of_an_instance(desk: Desk) -> None:
    status, body = await call(desk, "ValueSet/$expand", valueSet=value_set("new", filtered("is-a", "red")))
    assert (status, codes(body)) == (200, ["red", "crimson", "scarlet"])
    logical = await desk.make("loader", value_set("by-id", ALL))
    status, body = await desk.ask("doctor", "GET", f"ValueSet/{logical}/$expand?count=1&offset=1")
    assert (status, codes(body)) == (200, ["red"])
    assert {p["name"]: p for p in body["expansion"]["parameter"]}["count"]["valueInteger"] == 1


async def test_what_the_definition_and_the_designations_say(desk: Desk) -> None:
    uses = [{"use": {"system": "u", "code": "short"}, "value": "R"}, {"language": "fr", "value": "Rouge"}]
    listed = value_set("uses", {**ALL, "concept": [{"code": "blue", "designation": uses}]})
    for token, expected in (("u|short", ["R"]), ("urn:ietf:bcp:47|fr", ["Rouge", "Bleu"]), ("x|short", None)):
        given = {"valueSet": listed, "includeDesignations": True, "designation": token}
        _, body = await call(desk, "ValueSet/$expand", **given, includeDefinition=True)
        row = body["expansion"]["contains"][0]
        assert [d["value"] for d in row.get("designation", [])] == (expected or [])
        assert body["compose"] == listed["compose"]


async def test_what_is_excluded_without_a_version_is_so_in_every_version(desk: Desk) -> None:
    for version in ("1", "2"):
        rows = [{"code": "a"}, {"code": "b"}]
        await desk.make("loader", {**COLOURS, "url": URL + "twice", "version": version, "concept": rows})
    old, one = (
        {"system": URL + "twice", "version": "1"},
        {"system": URL + "twice", "concept": [{"code": "a"}]},
    )
    _, body = await call(desk, "ValueSet/$expand", valueSet=value_set("old", old, exclude=[one]))
    assert codes(body) == ["b"]
    used = [p["valueUri"] for p in body["expansion"]["parameter"] if p["name"] == "used-codesystem"]
    assert used == [URL + "twice|1", URL + "twice|2"]


async def test_a_list_may_write_codes_in_other_letters_where_case_means_nothing(desk: Desk) -> None:
    chapters = {"system": URL + "chapters"}
    lower = value_set("lower", {**chapters, "concept": [{"code": "a", "display": "One"}, {"code": "B"}]})
    _, body = await call(desk, "ValueSet/$expand", valueSet=lower)
    assert codes(body) == ["A", "B"] and body["expansion"]["contains"][0]["display"] == "One"
    for code, result in (("a", True), ("A", True), ("b", True), ("c", False)):
        given = {"valueSet": lower, "system": URL + "chapters", "code": code}
        _, body = await call(desk, "ValueSet/$validate-code", **given)
        assert told(body, "result") is result, code
    more = value_set(
        "more", *lower["compose"]["include"], {**chapters, **filtered("is-a", "C", system="chapters")}
    )
    _, body = await call(desk, "ValueSet/$expand", valueSet=more)
    assert codes(body) == ["A", "B", "C", "D"]


async def test_a_long_list_is_paged_as_a_short_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def listing(system: str, *listed: str) -> dict[str, Any]:
        return {
            "system": URL + system,
            "concept": [{"code": code, "display": code.upper()} for code in listed],
        }

    colours = listing("colours", "red", "none", "puce", "blue", "crimson", "colour")
    sets = [
        value_set("long", colours),
        value_set("without", colours, exclude=[listing("colours", "red"), filtered("is-a", "crimson")]),
        value_set("active", colours, inactive=False),
        value_set("mixed", colours, filtered("is-a", "red")),
        value_set("letters", listing("chapters", "a", "A", "d", "b")),
        value_set("elsewhere", listing("absent", "x", "y", "z"), exclude=[listing("absent", "y")]),
    ]
    asks: list[dict[str, Any]] = [{"valueSet": one, **more} for one in sets for more in ({}, {"filter": "r"})]
    short = [(await call(desk, "ValueSet/$expand", **ask))[1]["expansion"] for ask in asks]
    monkeypatch.setattr(expansion, "_BLOCK", 2)
    for ask, whole in zip(asks, short, strict=True):
        rows: list[Any] = []
        for offset in range(0, 9, 3):
            _, body = await call(desk, "ValueSet/$expand", **ask, offset=offset, count=3)
            assert body["expansion"]["total"] == whole["total"]
            rows += body["expansion"].get("contains", [])
        assert rows == whole.get("contains", []), ask


async def test_what_cannot_be_taken_away_is_not_passed_over(desk: Desk) -> None:
    listed = {"system": URL + "absent", "concept": [{"code": "x"}]}
    filtering = filtered("is-a", "top", system="absent")
    for exclude, status in (([{"system": URL + "absent"}], 200), ([listed], 200), ([filtering], 404)):
        found, body = await call(
            desk, "ValueSet/$expand", valueSet=value_set("less", listed, exclude=exclude)
        )
        assert (found, codes(body) if status == 200 else []) == (status, [])
    given = {
        "valueSet": value_set("less", listed, exclude=[filtering]),
        "system": URL + "absent",
        "code": "x",
    }
    found, body = await call(desk, "ValueSet/$validate-code", **given)
    assert (found, told(body, "result")) == (200, False)


async def test_a_code_of_a_system_that_comes_with_the_call(desk: Desk) -> None:
    for code, result in (("scarlet", True), ("mauve", False)):
        status, body = await call(desk, "CodeSystem/$validate-code", codeSystem=COLOURS, code=code)
        assert (status, told(body, "result")) == (200, result)


async def test_shipped_systems_and_value_sets(desk: Desk) -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    status, body = await desk.ask("doctor", "GET", f"ValueSet/$expand?url={url}")
    assert (status, codes(body)) == (200, ["male", "female", "other", "unknown"])
    url = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
    status, body = await desk.ask("doctor", "GET", f"ValueSet/$expand?url={url}&filter=ambul")
    assert (status, codes(body)) == (200, ["AMB"])


async def test_lookup(desk: Desk) -> None:
    status, body = await call(
        desk, "CodeSystem/$lookup", system=URL + "colours", code="red", displayLanguage="fr"
    )
    assert status == 200
    assert (told(body, "name"), told(body, "version")) == ("Colours", "2")
    assert (told(body, "system"), told(body, "code")) == (URL + "colours", "red")
    assert told(body, "display") == "Rouge"
    properties = [
        tuple(next(v for k, v in p.items() if k.startswith("value")) for p in row["part"])
        for row in body["parameter"]
        if row["name"] == "property"
    ]
    assert properties == [
        ("warm", True),
        ("wave", 700),
        ("parent", "colour"),
        ("inactive", False),
        ("child", "crimson"),
        ("child", "scarlet"),
    ]
    status, body = await desk.ask("doctor", "GET", f"CodeSystem/$lookup?system={SHIPPED}&code=male")
    assert (status, told(body, "display")) == (200, "Male")


@pytest.mark.parametrize(
    ("system", "code"), [(URL + "colours", "mauve"), (URL + "absent", "x"), (SHIPPED, "MALE")]
)
async def test_lookup_of_what_is_not_here(desk: Desk, system: str, code: str) -> None:
    status, body = await call(desk, "CodeSystem/$lookup", system=system, code=code)
    assert (status, body["issue"][0]["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"url": URL + "vs/reds", "system": URL + "colours", "code": "crimson"}, True),
        ({"url": URL + "vs/reds|1", "system": URL + "colours", "code": "blue"}, False),
        ({"url": URL + "vs/all", "system": URL + "colours", "code": "mauve"}, False),
        ({"url": URL + "vs/all", "system": URL + "colours", "code": "colour"}, True),
        ({"url": URL + "vs/all", "system": URL + "colours", "code": "colour", "abstract": False}, False),
        ({"url": URL + "vs/all", "system": URL + "colours", "code": "red", "display": "rouge"}, True),
        ({"url": URL + "vs/all", "system": URL + "colours", "code": "red", "display": "Green"}, False),
        ({"url": URL + "vs/reds", "code": "crimson"}, True),
        ({"url": URL + "vs/imports", "system": URL + "colours", "code": "scarlet"}, True),
        ({"url": URL + "vs/imports", "system": URL + "colours", "code": "red"}, False),
        ({"url": URL + "vs/elsewhere", "system": URL + "absent", "code": "x"}, True),
        ({"url": URL + "vs/elsewhere", "system": URL + "absent", "code": "y"}, False),
        ({"url": URL + "vs/absent", "system": URL + "absent", "code": "y"}, False),
        ({"url": URL + "vs/all", "system": URL + "chapters", "code": "A"}, False),
    ],
)
async def test_validate_code_in_a_value_set(desk: Desk, given: dict[str, Any], result: bool) -> None:
    status, body = await call(desk, "ValueSet/$validate-code", **given)
    assert (status, told(body, "result")) == (200, result), body
    assert bool(told(body, "message")) is not result


async def test_a_message_is_in_both_languages(desk: Desk) -> None:
    path = f"CodeSystem/$validate-code?url={URL}colours&code=mauve"
    _, body = await desk.ask("doctor", "GET", path, accept_language="fr")
    row = next(p for p in body["parameter"] if p["name"] == "message")
    other = {e["url"]: e for e in row["_valueString"]["extension"][0]["extension"]}
    assert "n'existe pas" in row["valueString"]
    assert other["lang"]["valueCode"] == "en"
    assert "does not exist" in other["content"]["valueString"]


async def test_validate_code_by_coding_and_concept(desk: Desk) -> None:
    bad = {"system": URL + "colours", "code": "mauve"}
    other = {"system": URL + "colours", "code": "blue"}
    good = {"system": URL + "colours", "code": "red"}
    # One that is only outside the value set is no fault beside one that is in it; one that does not exist is.
    for beside, result in ((other, True), (bad, False)):
        concept = {"valueCodeableConcept": {"coding": [beside, good]}}
        status, body = await call(
            desk, "ValueSet/$validate-code", url=URL + "vs/reds", codeableConcept=concept
        )
        assert (status, told(body, "result"), told(body, "code")) == (200, result, "red")
    status, body = await call(desk, "CodeSystem/$validate-code", coding={"valueCoding": bad})
    assert (status, told(body, "result")) == (200, False)
    # This system says that case does not count.
    status, body = await call(desk, "CodeSystem/$validate-code", url=URL + "chapters", code="d")
    assert (status, told(body, "result")) == (200, True)


@pytest.mark.parametrize(
    ("system", "a", "b", "outcome"),
    [
        ("colours", "red", "scarlet", "subsumes"),
        ("colours", "scarlet", "red", "subsumed-by"),
        ("colours", "blue", "blue", "equivalent"),
        ("colours", "blue", "red", "not-subsumed"),
        ("chapters", "A", "D", "subsumes"),
        ("chapters", "C", "D", "subsumes"),
        ("chapters", "B", "C", "not-subsumed"),
    ],
)
async def test_subsumes(desk: Desk, system: str, a: str, b: str, outcome: str) -> None:
    path = f"CodeSystem/$subsumes?system={URL}{system}&codeA={a}&codeB={b}"
    status, body = await desk.ask("doctor", "GET", path)
    assert (status, told(body, "outcome")) == (200, outcome)


async def test_codes_of_two_systems_do_not_subsume_each_other(desk: Desk) -> None:
    def coding(system: str, code: str) -> dict[str, Any]:
        return {"valueCoding": {"system": URL + system, "code": code}}

    red, blue = coding("colours", "red"), coding("colours", "scarlet")
    _, body = await call(desk, "CodeSystem/$subsumes", codingA=red, codingB=blue)
    assert told(body, "outcome") == "subsumes"
    await desk.make("loader", {**COLOURS, "url": URL + "paints"})
    status, body = await call(desk, "CodeSystem/$subsumes", codingA=red, codingB=coding("paints", "scarlet"))
    assert (status, body["issue"][0]["code"]) == (400, "value")
    given = {"system": URL + "paints", "codingA": red, "codeB": "scarlet"}
    assert (await call(desk, "CodeSystem/$subsumes", **given))[0] == 400


async def test_codes_of_two_versions_do_not_subsume_each_other(desk: Desk) -> None:
    def coding(code: str, version: str) -> dict[str, Any]:
        return {"valueCoding": {"system": COLOURS["url"], "code": code, "version": version}}

    given = {"codingA": coding("red", "1"), "codingB": coding("scarlet", "2")}
    status, body = await call(desk, "CodeSystem/$subsumes", **given)
    assert (status, body["issue"][0]["code"]) == (400, "value")
    assert body["issue"][0]["expression"][0].endswith("ofType(Coding).version")


async def test_a_new_version_of_a_resource_takes_the_place_of_the_old(desk: Desk) -> None:
    system = {**COLOURS, "url": URL + "changing", "concept": [{"code": "one"}]}
    logical = await desk.make("loader", system)
    changed = {**system, "id": logical, "concept": [{"code": "two"}, {"code": "three"}]}
    assert (await desk.ask("loader", "PUT", f"CodeSystem/{logical}", changed))[0] == 200
    for code, result in (("one", False), ("two", True)):
        _, body = await call(desk, "CodeSystem/$validate-code", url=URL + "changing", code=code)
        assert told(body, "result") is result
    rows = await desk.sql("select count(*) as n from terminology_system where url = $1", URL + "changing")
    assert rows[0]["n"] == 1


async def test_of_several_versions_the_one_asked_or_the_newest(desk: Desk) -> None:
    for version, display in (("2024-01", "Old"), ("2025-10", "New"), ("2025-9", "Middle")):
        row = {
            **COLOURS,
            "url": URL + "dated",
            "version": version,
            "concept": [{"code": "x", "display": display}],
        }
        await desk.make("loader", row)
    for asked, display in (({}, "New"), ({"version": "2024-01"}, "Old")):
        _, body = await call(desk, "CodeSystem/$lookup", system=URL + "dated", code="x", **asked)
        assert told(body, "display") == display


@pytest.mark.parametrize("content", ["supplement", "complete"])
@pytest.mark.parametrize(("url", "code"), [(URL + "chapters", "A"), (SHIPPED, "other")])
async def test_a_supplement_adds_names(desk: Desk, url: str, code: str, content: str) -> None:
    await desk.make(
        "loader",
        {
            "resourceType": "CodeSystem",
            "url": URL + "more-" + code,
            "status": "active",
            "content": content,
            "supplements": url,
            "concept": [{"code": code, "designation": [{"language": "fr", "value": "Autrement"}]}],
        },
    )
    _, body = await call(desk, "CodeSystem/$lookup", system=url, code=code, displayLanguage="fr")
    assert told(body, "display") == "Autrement"
    _, body = await call(desk, "CodeSystem/$validate-code", url=url, code=code, display="autrement")
    assert told(body, "result") is True
    whole = value_set("named", {"system": url})
    _, body = await call(desk, "ValueSet/$expand", valueSet=whole, displayLanguage="fr")
    assert "Autrement" in [row["display"] for row in body["expansion"]["contains"]]


@pytest.mark.parametrize(
    ("resource", "code", "place"),
    [
        ({**COLOURS, "concept": [{"code": "a"}, {"code": "a"}]}, "business-rule", "CodeSystem.concept"),
        (value_set("bad", filtered("like", "x")), None, "ValueSet.compose.include[0].filter[0].op"),
    ],
)
async def test_what_cannot_be_understood_is_not_stored(
    desk: Desk, resource: dict[str, Any], code: str | None, place: str
) -> None:
    status, body = await desk.ask("loader", "POST", resource["resourceType"], resource)
    assert status in (400, 422)
    assert place in str(body["issue"][0]["expression"])
    assert code is None or body["issue"][0]["code"] == code


@pytest.mark.parametrize(
    ("operation", "given", "status"),
    [
        ("ValueSet/$expand", {}, 400),
        ("ValueSet/$expand", {"url": URL + "vs/nothing"}, 404),
        ("ValueSet/$expand", {"url": URL + "vs/absent"}, 404),
        ("ValueSet/$expand", {"url": URL + "vs/all", "count": "many"}, 400),
        ("ValueSet/$expand", {"url": URL + "vs/all", "context": "x"}, 400),
        ("ValueSet/$expand", {"valueSet": value_set("r", filtered("regex", "(a+)+\\1", "code"))}, 400),
        ("ValueSet/$expand", {"valueSet": value_set("r", {"valueSet": [URL + "vs/no"]})}, 422),
        ("ValueSet/$expand", {"url": URL + "vs/all", "fitler": "red"}, 400),
        ("ValueSet/$expand", {"url": URL + "vs/all", "excludeNotForUI": True}, 400),
        ("ValueSet/$expand", {"url": URL + "vs/all", "check_system_version": URL + "colours|3"}, 404),
        ("ValueSet/$expand", {"url": URL + "vs/all", "force_system_version": URL + "colours|3"}, 404),
        ("ValueSet/$validate-code", {"url": URL + "vs/all", "code": "red", "date": "2026-01-01"}, 400),
        ("ValueSet/$validate-code", {"url": URL + "vs/all"}, 400),
        ("CodeSystem/$lookup", {"code": "x"}, 400),
        ("CodeSystem/$subsumes", {"system": URL + "colours", "codeA": "red"}, 400),
        ("CodeSystem/$lookup", {"system": SHIPPED, "code": "male", "coding": _FEMALE}, 400),
        ("ValueSet/$validate-code", {"url": URL + "vs/all", "code": "x", "coding": _FEMALE}, 400),
        ("CodeSystem/$subsumes", {"codingA": _FEMALE, "codingB": _FEMALE, "codeB": "male"}, 400),
    ],
)
async def test_refusals_say_why(desk: Desk, operation: str, given: dict[str, Any], status: int) -> None:
    got, body = await call(desk, operation, **given)
    assert (got, body["resourceType"]) == (status, "OperationOutcome"), body


async def test_rights_are_those_of_the_resources(desk: Desk) -> None:
    path = f"CodeSystem/$lookup?system={SHIPPED}&code=male"
    assert (await desk.ask("narrow", "GET", path))[0] == 403
    assert (await desk.ask("nobody", "GET", path))[0] == 401


@pytest.mark.parametrize(("code", "slip"), [("386725007", False), ("386725070", True), ("fever", True)])
async def test_a_check_digit_tells_though_the_system_is_not_here(desk: Desk, code: str, slip: bool) -> None:
    _, body = await call(desk, "CodeSystem/$validate-code", url="http://snomed.info/sct", code=code)
    assert told(body, "result") is False
    assert ("x-caused-by-unknown-system" in str(body)) is not slip
    assert ("is no code of" in str(told(body, "message"))) is slip
