"""Definitions held against what they name, values and invariants that ask for more, displays."""

from collections.abc import Sequence
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.validation import validate
from aubier.validation.profiles import AtHand, Coded, Library
from aubier.validation.profiles.at_hand import told
from aubier.validation.profiles.questions import settled
from aubier.validation.service.shelf import asked_in
from aubier.validation.walks import validated, walked
from tests.unit.validation.test_profiles import found, library, places
from tests.unit.validation.test_snapshots import BASE, MINE, made, profile, row

NAME = "http://hl7.org/fhir/SearchParameter/Organization-name"
GENDER = "http://hl7.org/fhir/administrative-gender"


def parameter(**more: Any) -> dict[str, Any]:
    """A search parameter that derives from one of the specification."""
    base = {
        "resourceType": "SearchParameter",
        "url": "http://example.org/sp",
        "name": "Own",
        "status": "draft",
    }
    said = {
        "description": "x",
        "code": "name",
        "base": ["Organization"],
        "type": "string",
        "derivedFrom": NAME,
    }
    return {**base, **said, "expression": "Organization.name", **more}


def offering(kind: str) -> dict[str, Any]:
    """A server that offers a parameter of the specification with this type."""
    offered = {"name": "name", "definition": NAME, "type": kind}
    rest = {"mode": "server", "resource": [{"type": "Organization", "searchParam": [offered]}]}
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "draft",
        "date": "2026",
        "kind": "instance",
    }
    return {
        **statement,
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementation": {"description": "x"},
        "rest": [rest],
    }


def system(**more: Any) -> dict[str, Any]:
    """A code system."""
    return {"resourceType": "CodeSystem", "status": "draft", "content": "complete", "name": "Own", **more}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (parameter(), []),
        (parameter(derivedFrom=NAME + "|4.0.1", type="token"), [("SearchParameter.type", "value")]),
        (parameter(base=["Organization", "Patient"]), [("SearchParameter.base", "value")]),
        (parameter(derivedFrom="http://example.org/unknown", type="token"), []),
        (offering("string"), []),
        (offering("date"), [("CapabilityStatement.rest[0].resource[0].searchParam[0].type", "value")]),
        (system(), []),
        (system(supplements="http://loinc.org", content="supplement"), []),
        (system(supplements="http://loinc.org"), [("CodeSystem.content", "value")]),
        (system(content="supplement"), [("CodeSystem.content", "value")]),
    ],
    ids=[
        "derived",
        "type",
        "base",
        "unknown",
        "offered",
        "offered type",
        "system",
        "supplement",
        "no supplement",
        "supplement of nothing",
    ],
)
def test_a_definition_agrees_with_those_it_names(
    resource: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert places(found(resource)) == expected


@pytest.mark.parametrize(("parts", "right"), [(0, False), (1, False), (2, True)])
def test_a_composite_combines_two_components(parts: int, right: bool) -> None:
    part = {"definition": NAME, "expression": "name"}
    more = {"component": [part] * parts} if parts else {}
    resource = parameter(type="composite", derivedFrom="http://example.org/unknown", **more)
    assert places(found(resource)) == ([] if right else [("SearchParameter.component", "required")])


SELECTABLE = "http://hl7.org/fhir/concept-properties#notSelectable"


def property(code: str, kind: str = "boolean", uri: str = "") -> dict[str, Any]:
    """A property of a code system."""
    return {"code": code, "type": kind, **({"uri": uri} if uri else {})}


def filtering(name: str, value: str, op: str = "=") -> dict[str, Any]:
    """A value set that filters a system of its own."""
    row = {"property": name, "op": op, "value": value}
    return {
        "resourceType": "ValueSet",
        "status": "draft",
        "name": "Own",
        "compose": {"include": [{"system": "urn:x:y", "filter": [row]}]},
    }


def worked_out() -> dict[str, Any]:
    """A value set whose filter is worked out by an extension."""
    made = filtering("inactive", "%given")
    row = made["compose"]["include"][0]["filter"][0]
    row["_value"] = {"extension": [{"url": "http://example.org/expression", "valueString": "%given"}]}
    return made


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (system(property=[property("a"), property("b", uri=SELECTABLE)]), []),
        (system(property=[property("a"), property("a")]), [("CodeSystem.property[1].code", "duplicate")]),
        (
            system(property=[property("a", uri="urn:x:y"), property("b", uri="urn:x:y")]),
            [("CodeSystem.property[1].uri", "duplicate")],
        ),
        (system(property=[property("a", "code", SELECTABLE)]), [("CodeSystem.property[0].type", "value")]),
        (filtering("notSelectable", "true"), []),
        (filtering("notSelectable", "1"), [("ValueSet.compose.include[0].filter[0].value", "value")]),
        (filtering("notSelectable", "true,false", "in"), []),
        (filtering("parent", "1"), []),
        (worked_out(), []),
    ],
)
def test_properties_of_code_systems(resource: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert places(found(resource)) == expected


@pytest.mark.parametrize(
    ("named", "refused"),
    [
        ("#local", True),
        ("http://hl7.org/fhir/ValueSet/measure-type", True),
        ("http://hl7.org/fhir/ValueSet/administrative-gender", True),
        ("http://example.org/ValueSet/mine", False),
        ("urn:oid:1.2.3", False),
    ],
)
def test_a_coding_names_a_code_system(named: str, refused: bool) -> None:
    basic = {"resourceType": "Basic", "code": {"coding": [{"system": named, "code": "x"}]}}
    assert places(found(basic)) == ([("Basic.code.coding[0].system", "value")] if refused else [])


R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
LEAST = {"url": "http://hl7.org/fhir/StructureDefinition/minLength", "valueInteger": 3}
VALUED = {"url": R5 + "mustHaveValue", "valueBoolean": True}
INSTEAD = {"url": R5 + "valueAlternatives", "valueCanonical": ABSENT}
WHY = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
OTHER = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/rendered-value", "valueString": "x"}]}


@pytest.mark.parametrize(
    ("said", "given", "expected"),
    [
        (LEAST, {"birthDate": "2026"}, []),
        (LEAST | {"valueInteger": 5}, {"birthDate": "2026"}, [("Patient.birthDate", "value")]),
        (VALUED, {"birthDate": "2026"}, []),
        (VALUED, {}, []),
        (VALUED, {"_birthDate": WHY}, [("Patient.birthDate", "required")]),
        (INSTEAD, {"_birthDate": WHY}, []),
        (INSTEAD, {"_birthDate": OTHER}, [("Patient.birthDate", "required")]),
    ],
)
def test_what_extensions_say_of_a_value(
    said: dict[str, Any], given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    definition = profile("Patient", row("Patient.birthDate", extension=[said]))
    assert places(found({"resourceType": "Patient", **given}, definition)) == expected


OWN = "http://example.org/ValueSet/own"


@pytest.mark.parametrize(("code", "expected"), [("a", []), ("b", [("Basic.code", "invariant")])])
def test_an_invariant_asks_for_members(code: str, expected: list[tuple[str, str]]) -> None:
    rule = {"key": "own-1", "severity": "error", "human": "x", "expression": f"memberOf('{OWN}')"}
    definition = profile("Basic", row("Basic.code", constraint=[rule]))
    values = {"resourceType": "ValueSet", "url": OWN}
    values["compose"] = {"include": [{"system": "urn:x:y", "concept": [{"code": "a"}]}]}
    known = {OWN: values, definition["url"]: definition}
    library = Library(known.get, lambda url: told(url, known.get))
    basic = {"resourceType": "Basic", "code": {"coding": [{"system": "urn:x:y", "code": code}]}}
    assert places(
        [i for i in walked(basic, [definition["url"]], library).issues if i.severity == "error"]
    ) == (expected)
    unknown = Library({definition["url"]: definition}.get)
    result = walked(basic, [definition["url"]], unknown)
    assert result.unevaluated == {"own-1": 1} and not [i for i in result.issues if i.severity == "error"]


def test_the_value_sets_that_invariants_name_are_brought() -> None:
    asked = f"code.memberOf('{OWN}') and x.memberOf( 'b:c' ) and y.conformsTo('d:e')"
    assert asked_in(asked) == [("ValueSet", OWN), ("ValueSet", "b:c"), ("StructureDefinition", "d:e")]
    assert asked_in("'memberOf' = 'a'") == []
    assert asked_in("memberOf('") == []


async def test_another_display_is_a_warning() -> None:
    async def shown(display: str, code: str = "female") -> list[tuple[str, str, str]]:
        coding = {"system": GENDER, "code": code, "display": display}
        patient = {"resourceType": "Patient", "maritalStatus": {"coding": [coding]}}
        questions = [q for q in walked(patient, [], Library()).questions if q.strength == "system"]
        return [(i.severity, i.kind, i.at[0]) for i in await settled(questions, AtHand())]

    assert await shown("Female") == [] and await shown("FEMALE") == []
    place = "Patient.maritalStatus.coding[0]"
    assert await shown("Woman") == [("warning", "invalid", f"{place}.display")]
    assert await shown("Woman", "wombat") == [("error", "code-invalid", f"{place}.code")]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"name": [{"id": "a"}]}, "Patient.name[0]"),
        ({"_birthDate": {"id": "a"}}, "Patient.birthDate"),
        ({"name": [{"given": ["x", None], "_given": [None, {"id": "a"}]}]}, "Patient.name[0].given[1]"),
        ({"name": [{"_given": [{"id": "a"}]}]}, "Patient.name[0].given[0]"),
    ],
)
def test_an_id_alone_says_nothing(more: dict[str, Any], place: str) -> None:
    issues = validate({"resourceType": "Patient", **more})
    assert [(i.at[0], i.rule) for i in issues] == [(place, "FHIR R4 4.0.1 ele-1")]


def test_an_id_beside_a_value_is_right() -> None:
    named = {"given": ["x"], "_given": [{"id": "a"}], "id": "n", "family": "y"}
    assert (
        validate({"resourceType": "Patient", "birthDate": "2026", "_birthDate": {"id": "b"}, "name": [named]})
        == []
    )


def test_a_type_follows_profiles_of_its_own_type() -> None:
    count = {"code": "Quantity", "profile": ["http://hl7.org/fhir/StructureDefinition/Count"]}
    with pytest.raises(Problem, match="is a profile of Count"):
        made(profile("Observation", row("Observation.value[x]", type=[count])))
    own = {"code": "Quantity", "profile": ["http://hl7.org/fhir/StructureDefinition/SimpleQuantity"]}
    held = {"code": "Resource", "profile": ["http://hl7.org/fhir/StructureDefinition/bp"]}
    assert made(profile("Observation", row("Observation.value[x]", type=[own])))["Observation.value[x]"]
    assert made(profile("Bundle", row("Bundle.entry.resource", type=[held])))["Bundle.entry.resource"]


SECTIONS = profile(
    "Composition",
    row(
        "Composition.section",
        slicing={"discriminator": [{"type": "pattern", "path": "code"}], "rules": "open"},
    ),
    row("Composition.section", "plan"),
    row("Composition.section.code", min=1, patternCodeableConcept={"text": "plan"}),
    row("Composition.section.title", min=1),
    name="sections",
)
PART = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element",
            "valueString": "Composition.section:plan",
        }
    ]
}


def sectioned(*sections: dict[str, Any]) -> list[tuple[str, str]]:
    """What is refused of a document whose profile takes a section from a library of sections."""
    part = {"code": "BackboneElement", "profile": [SECTIONS["url"]], "_profile": [PART]}
    mine = profile(
        "Composition",
        row(
            "Composition.section",
            slicing={"discriminator": [{"type": "pattern", "path": "code"}], "rules": "closed"},
        ),
        row("Composition.section", "mine", min=1, type=[part]),
    )
    base = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "x"},
        "date": "2026",
        "title": "x",
    }
    composition = {**base, "author": [{"display": "x"}], "section": list(sections)}
    return places(found(composition, mine, SECTIONS))


def test_one_element_of_another_profile() -> None:
    text = {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}}
    plan = {**text, "code": {"text": "plan"}}
    assert sectioned({**plan, "title": "x"}) == []
    assert sectioned(plan) == [("Composition.section[0].title", "required")]
    assert sectioned({**text, "code": {"text": "other"}}) == [
        ("Composition.section", "required"),
        ("Composition.section[0]", "structure"),
    ]


class Shelf:
    """Resources by name, and what was asked of it."""

    def __init__(self, *resources: dict[str, Any]) -> None:
        self.held = {f"{r['resourceType']}/{r['id']}": r for r in resources}
        self.asked: list[list[str]] = []

    async def read(self, named: Sequence[str]) -> dict[str, dict[str, Any]]:
        before = {name for names in self.asked for name in names}
        self.asked.append(list(named))
        return {n: self.held[n] for n in named if n in self.held and n not in before}


def linked(own: str, *others: str, **more: Any) -> dict[str, Any]:
    """A Patient linked to others."""
    links = [{"other": {"reference": f"Patient/{o}"}, "type": "seealso"} for o in others]
    return {"resourceType": "Patient", "id": own, **({"link": links} if links else {}), **more}


async def test_targets_are_read_step_by_step() -> None:
    aimed = {"code": "Reference", "targetProfile": [MINE + "mine"]}
    mine = profile("Patient", row("Patient.active", min=1), row("Patient.link.other", type=[aimed]))

    async def refused(resource: dict[str, Any], shelf: Shelf) -> list[tuple[str, str]]:
        issues = await validated(resource, [mine["url"]], library(mine), AtHand(), targets=shelf)
        return places([i for i in issues if i.severity == "error"])

    good = Shelf(linked("b", "c", active=True), linked("c", "a", "b", active=True))
    assert await refused(linked("a", "b", active=True), good) == []
    assert good.asked == [["Patient/b"], ["Patient/c"]]
    bad = Shelf(linked("b", "c", active=True), linked("c"))
    place = [("Patient.link[0].other.reference", "value")]
    assert await refused(linked("a", "b", active=True), bad) == place
    assert await refused(linked("a", "nobody", active=True), Shelf()) == []
    # What is read has its end, whatever refers to whatever.
    long = Shelf(*(linked(f"p{n}", f"p{n + 1}", active=True) for n in range(40)))
    assert await refused(linked("a", "p0", active=True), long) == []
    assert len(long.asked) == 5


@pytest.mark.parametrize(("absent", "seen", "told"), [(150, True, 0), (600, False, 1)])
async def test_what_is_not_there_does_not_hide_what_is(absent: int, seen: bool, told: int) -> None:
    aimed = {"code": "Reference", "targetProfile": [MINE + "mine"]}
    mine = profile("Patient", row("Patient.active", min=1), row("Patient.link.other", type=[aimed]))
    many = linked("own", *(f"a{n}" for n in range(absent)), "z", active=True)
    issues = await validated(many, [mine["url"]], library(mine), AtHand(), targets=Shelf(linked("z")))
    at = f"Patient.link[{absent}].other.reference"
    assert [i.at[0] for i in issues if i.severity == "error"] == ([at] if seen else [])
    assert len([i for i in issues if i.kind == "too-costly" and i.severity == "information"]) == told


async def test_plain_types_and_entries_need_no_reading() -> None:
    aimed = {"code": "Reference", "targetProfile": [BASE + "Patient"]}
    mine = profile("Patient", row("Patient.link.other", type=[aimed]))
    shelf = Shelf(linked("b"))
    await validated(linked("a", "b"), [mine["url"]], library(mine), AtHand(), targets=shelf)
    assert shelf.asked == []


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ([{"system": "urn:s:a"}], [None, False]),
        ([{"system": "urn:s:a", "filter": [{"property": "x", "op": "=", "value": "y"}]}], [None, False]),
        ([{"system": "urn:s:a"}, {"valueSet": ["urn:v:other"]}], [None, None]),
        ([{"system": "urn:s:a"}, {"system": "urn:s:b"}], [None, None]),
        ([{"system": "urn:s:a", "concept": [{"code": "1"}]}], [True, False]),
    ],
    ids=["whole", "filter", "import", "both", "listed"],
)
async def test_a_value_set_takes_nothing_from_a_system_it_does_not_name(
    include: list[dict[str, Any]], expected: list[bool | None]
) -> None:
    own = {"resourceType": "ValueSet", "url": OWN, "compose": {"include": include}}
    asked = [(OWN, Coded("1", "urn:s:a")), (OWN, Coded("1", "urn:s:b"))]
    assert await AtHand({OWN: own}.get).members(asked) == expected


def test_the_id_of_an_element_is_its_own_within_its_resource() -> None:
    def refused(resource: dict[str, Any]) -> list[tuple[str, str]]:
        return places(found(resource))

    names = [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]
    assert refused({"resourceType": "Patient", "name": names, "id": "a"}) == []
    twice = {"resourceType": "Patient", "name": [{"id": "a", "text": "x"}] * 2}
    assert refused(twice) == [("Patient.name[1].id", "duplicate")]
    beside = {"resourceType": "Patient", "name": names, "birthDate": "2026", "_birthDate": {"id": "b"}}
    assert refused(beside) == [("Patient.birthDate.id", "duplicate")]
    # Each resource has ids of its own.
    inside = {"resourceType": "Practitioner", "id": "p", "name": names}
    around = {"resourceType": "Patient", "name": names, "contained": [inside]}
    around["generalPractitioner"] = [{"reference": "#p"}]
    assert refused(around) == []
    entries = [{"resource": {"resourceType": "Patient", "name": names}} for _ in range(50)]
    bundle = {"resourceType": "Bundle", "type": "batch-response", "entry": entries}
    assert [at for at, kind in refused(bundle) if kind == "duplicate"] == []
    rule = {"id": "r", "key": "x-1", "severity": "error", "human": "x"}
    element = {
        "id": "Patient",
        "path": "Patient",
        "definition": "x",
        "min": 0,
        "max": "*",
        "constraint": [rule],
    }
    base = {"path": "Patient", "min": 0, "max": "*"}
    definition = profile("Patient", element, name="n", status="draft", abstract=False)
    definition |= {"name": "N", "kind": "resource", "snapshot": {"element": [element | {"base": base}]}}
    assert [at for at, kind in refused(definition) if kind == "duplicate"] == []


def document(author: str, own: str, other: str) -> list[tuple[str, str]]:
    """What is refused of a document of two entries with these full URLs."""
    composition = {"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "x"}}
    composition |= {"date": "2026-11-22", "author": [{"reference": author}], "title": "x"}
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    bundle = {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:x:y", "value": "1"},
        "timestamp": "2026-11-22T08:00:00Z",
        "entry": [{"fullUrl": own, "resource": composition}, {"fullUrl": other, "resource": organization}],
    }
    return places(found(bundle))


UUID = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e"
HERE = "http://example.org/fhir/"


@pytest.mark.parametrize(
    ("author", "own", "other", "lost"),
    [
        ("Organization/o", HERE + "Composition/c", HERE + "Organization/o", False),
        ("Organization/o/_history/2", HERE + "Composition/c", HERE + "Organization/o", False),
        (HERE + "Organization/o", UUID + "0", HERE + "Organization/o", False),
        (UUID + "1", UUID + "0", UUID + "1", False),
        ("Organization/o", UUID + "0", UUID + "1", True),
        ("Organization/o", HERE + "Composition/c", UUID + "1", True),
        ("Organization/o", HERE + "Composition/c", "http://example.com/Organization/o", True),
    ],
)
def test_a_document_holds_what_its_composition_names(author: str, own: str, other: str, lost: bool) -> None:
    place = ("Bundle.entry[0].resource.author[0].reference", "not-found")
    assert document(author, own, other) == ([place] if lost else [])


def versions(named: str, *held: str) -> list[tuple[str, str]]:
    """What is refused of a document that names an organization of which it holds these versions."""
    author = {"resourceType": "Organization", "id": "o", "name": "x"}
    entries = [
        {"fullUrl": HERE + "Organization/o", "resource": {**author, "meta": {"versionId": v}}} for v in held
    ]
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "x"},
        "date": "2026-11-22",
        "title": "x",
        "author": [{"reference": named}],
    }
    first = {"fullUrl": HERE + "Composition/c", "resource": composition}
    identifier = {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}
    bundle = {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": identifier,
        "timestamp": "2026-11-22T08:00:00Z",
        "entry": [first, *entries],
    }
    return places(found(bundle))


def test_a_document_with_several_versions_says_which_one_is_meant() -> None:
    place = "Bundle.entry[0].resource.author[0].reference"
    assert versions("Organization/o/_history/2", "1", "2") == []
    assert versions("Organization/o/_history/3", "1", "2") == [(place, "not-found")]
    assert versions("Organization/o", "1", "2") == [(place, "multiple-matches")]
    assert versions("Organization/o", "1") == []


def spoken(asked: tuple[str, ...], *languages: str, own: str = "fr") -> bool:
    """Whether a narrative with sections in these languages does what is asked."""
    control = "http://hl7.org/fhir/StructureDefinition/narrative-language-control"
    rows = [{"url": control, "valueCode": one} for one in asked]
    sections = "".join(f'<div lang="{one}" xml:lang="{one}">x</div>' for one in languages)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{sections or "x"}</div>'
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": div}, "language": own}
    refused = places(found(patient, profile("Patient", row("Patient.text", extension=rows))))
    assert refused in ([], [("Patient.text.div", "required")])
    return not refused


def test_the_languages_of_a_narrative() -> None:
    assert spoken(("_no",)) and not spoken(("_no",), "fr")
    assert spoken(("_yes",), "en") and not spoken(("_yes",))
    assert spoken(("_resource",), "en", "fr") and not spoken(("_resource",), "en", "de")
    assert spoken(("_yes", "en"), "en") and not spoken(("_yes", "de"), "en")
    assert spoken(("_other",))


def _spoken(*codings: dict[str, str]) -> dict[str, Any]:
    return {"resourceType": "Patient", "communication": [{"language": {"coding": list(codings)}}]}


@pytest.mark.parametrize(
    ("resource", "held"),
    [
        ({"resourceType": "Patient", "language": "fr-CA"}, True),
        ({"resourceType": "Patient", "language": "english"}, False),
        ({"resourceType": "Patient", "photo": [{"language": "zz"}]}, False),
        (_spoken({"system": "urn:ietf:bcp:47", "code": "french"}), False),
        (_spoken({"code": "french"}, {"system": "urn:ietf:bcp:47", "code": "fr"}), True),
        (_spoken({"system": "urn:oid:1.2.250.1.213.1.1.4.4", "code": "french"}), True),
    ],
)
def test_a_language_is_one_that_there_is(resource: dict[str, Any], held: bool) -> None:
    said = [i for i in walked(resource, [], Library()).issues if "BCP 47" in i.text]
    assert [(i.severity, bool(i.fr)) for i in said] == ([] if held else [("error", True)])
