"""Profiles walked over resources: every demand met and broken, with its place and rule, in both languages."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from aubier.ground.problem import Issue
from aubier.validation.drafts import LIMIT
from aubier.validation.profiles import AtHand, Coded, Library
from aubier.validation.walks import validated, walked
from aubier.validation.walks.around import resolving
from tests.unit.validation.test_snapshots import BASE, MINE, profile, row

VALUE = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
PATIENT: dict[str, Any] = {"resourceType": "Patient"}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def library(*definitions: dict[str, Any]) -> Library:
    """A library of these definitions."""
    known = {d["url"]: d for d in definitions}
    return Library(lambda canonical: known.get(canonical.partition("|")[0]))


def found(resource: dict[str, Any], *definitions: dict[str, Any], least: str = "error") -> list[Issue]:
    """The issues, errors unless more is asked, of a resource under the first of the definitions."""
    every = walked(resource, [definitions[0]["url"]] if definitions else [], library(*definitions)).issues
    assert all(i.fr for i in every)
    return [i for i in every if i.severity == "error" or least != "error"]


def places(issues: Sequence[Issue]) -> list[tuple[str, str]]:
    """Where and what kind, in order."""
    return [(i.at[0], i.kind) for i in issues]


def patient(**more: Any) -> dict[str, Any]:
    """A Patient."""
    return {**PATIENT, **more}


def observation(**more: Any) -> dict[str, Any]:
    """An Observation."""
    return {**OBSERVATION, **more}


DEMANDS: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = [
    ("least", row("Patient.name", min=1), patient(name=[{"text": "a"}]), []),
    ("least", row("Patient.name", min=1), patient(), [("Patient.name", "required")]),
    (
        "most",
        row("Patient.name", max="1"),
        patient(name=[{"text": "a"}] * 2),
        [("Patient.name", "structure")],
    ),
    (
        "none",
        row("Patient.photo", max="0"),
        patient(photo=[{"url": "a:b"}]),
        [("Patient.photo", "structure")],
    ),
    ("below", row("Patient.name.family", min=1), patient(), []),
    (
        "below",
        row("Patient.name.family", min=1),
        patient(name=[{"text": "a"}]),
        [("Patient.name[0].family", "required")],
    ),
    ("fixed", row("Patient.active", fixedBoolean=True), patient(active=True), []),
    ("fixed", row("Patient.active", fixedBoolean=True), patient(active=False), [("Patient.active", "value")]),
    ("fixed, absent", row("Patient.active", fixedBoolean=True), patient(), []),
    (
        "pattern",
        row("Observation.code", patternCodeableConcept={"coding": [{"system": "a:b", "code": "c"}]}),
        observation(
            code={"coding": [{"system": "x:y", "code": "z"}, {"system": "a:b", "code": "c", "display": "d"}]}
        ),
        [],
    ),
    (
        "pattern",
        row("Observation.code", patternCodeableConcept={"coding": [{"system": "a:b", "code": "c"}]}),
        observation(code={"coding": [{"system": "a:b", "code": "z"}]}),
        [("Observation.code", "value")],
    ),
    (
        "length",
        row("Patient.language", maxLength=2),
        patient(language="fr-FR"),
        [("Patient.language", "value")],
    ),
    (
        "low",
        row("Observation.valueInteger", minValueInteger=3),
        observation(valueInteger=2),
        [("Observation.value.ofType(integer)", "value")],
    ),
    (
        "high",
        row("Patient.birthDate", maxValueDate="2000-01-01"),
        patient(birthDate="2001"),
        [("Patient.birthDate", "value")],
    ),
    (
        "high, less precise",
        row("Patient.birthDate", maxValueDate="2000-01-01"),
        patient(birthDate="2000"),
        [],
    ),
    (
        "type",
        row("Observation.value[x]", type=[{"code": "Quantity"}]),
        observation(valueString="a"),
        [("Observation.value.ofType(string)", "structure")],
    ),
    (
        "target",
        row("Observation.subject", type=[{"code": "Reference", "targetProfile": [BASE + "Patient"]}]),
        observation(subject={"reference": "Group/1"}),
        [("Observation.subject.reference", "value")],
    ),
    (
        "invariant",
        row(
            "Patient",
            constraint=[{"key": "p-1", "severity": "error", "human": "h", "expression": "name.exists()"}],
        ),
        patient(),
        [("Patient", "invariant")],
    ),
]


@pytest.mark.parametrize(("name", "demand", "resource", "expected"), DEMANDS, ids=[d[0] for d in DEMANDS])
def test_a_demand(
    name: str, demand: dict[str, Any], resource: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    issues = found(resource, profile(resource["resourceType"], demand))
    assert places(issues) == expected, name
    assert all(MINE + "mine" in i.rule for i in issues)


def test_the_base_comes_first() -> None:
    issues = found(patient(nme=1), profile("Patient", row("Patient.name", min=1)))
    assert places(issues) == [("Patient.nme", "structure")]


# -- slices ----------------------------------------------------------------------------------------------


def sliced(**slicing: Any) -> dict[str, Any]:
    """Telecoms in slices by system: a mandatory phone with a use, at most one mail."""
    return profile(
        "Patient",
        row("Patient.telecom", slicing={**VALUE, **slicing}),
        row("Patient.telecom", "phone", min=1),
        row("Patient.telecom.system", fixedCode="phone", min=1),
        row("Patient.telecom.use", min=1),
        row("Patient.telecom", "mail", max="1"),
        row("Patient.telecom.system", patternCode="email", min=1),
    )


PHONE = {"system": "phone", "use": "home", "value": "1"}
MAIL, FAX = {"system": "email", "value": "a"}, {"system": "fax", "value": "2"}


@pytest.mark.parametrize(
    ("slicing", "telecom", "expected"),
    [
        ({}, [PHONE, MAIL, FAX], []),
        ({}, [MAIL], [("Patient.telecom", "required")]),
        ({}, [PHONE, MAIL, MAIL], [("Patient.telecom", "structure")]),
        ({}, [{"system": "phone", "value": "1"}], [("Patient.telecom[0].use", "required")]),
        ({"rules": "closed"}, [PHONE, FAX], [("Patient.telecom[1]", "structure")]),
        ({"rules": "openAtEnd"}, [PHONE, FAX], []),
        ({"rules": "openAtEnd"}, [FAX, PHONE], [("Patient.telecom[1]", "structure")]),
        ({"ordered": True}, [PHONE, MAIL], []),
        ({"ordered": True}, [MAIL, PHONE], [("Patient.telecom[1]", "structure")]),
    ],
)
def test_slices_by_value(
    slicing: dict[str, Any], telecom: list[Any], expected: list[tuple[str, str]]
) -> None:
    assert places(found(patient(telecom=telecom), sliced(**slicing))) == expected


def by(kind: str, path: str, **more: Any) -> dict[str, Any]:
    """A closed slicing by one discriminator."""
    return {"discriminator": [{"type": kind, "path": path}], "rules": "closed", **more}


def test_slices_by_existence() -> None:
    mine = profile(
        "Patient",
        row("Patient.name", slicing=by("exists", "period")),
        row("Patient.name", "past", max="1"),
        row("Patient.name.period", min=1),
        row("Patient.name", "present", min=1),
        row("Patient.name.period", max="0"),
    )
    past, present = {"text": "a", "period": {"start": "2000"}}, {"text": "b"}
    assert found(patient(name=[past, present]), mine) == []
    assert places(found(patient(name=[past, past]), mine)) == [
        ("Patient.name", "structure"),
        ("Patient.name", "required"),
    ]


def test_slices_by_type_of_a_choice() -> None:
    mine = profile(
        "Observation",
        row("Observation.value[x]", slicing=by("type", "$this")),
        row("Observation.value[x]", "valueQuantity"),
        row("Observation.value[x].code", min=1),
        row("Observation.value[x]", "valueString"),
    )
    assert found(observation(valueString="a"), mine) == []
    assert places(found(observation(valueQuantity={"value": 1}), mine)) == [
        ("Observation.value.ofType(Quantity).code", "required")
    ]
    assert places(found(observation(valueInteger=1), mine)) == [
        ("Observation.value.ofType(integer)", "structure")
    ]


def test_slices_by_type_and_profile_of_what_a_reference_names() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    contained = {"contained": [{"resourceType": "Patient", "id": "p", "name": [{"text": "a"}]}]}
    for kind in ("type", "profile"):
        aimed = [{"code": "Reference", "targetProfile": [named["url"]]}]
        mine = profile(
            "Observation",
            row("Observation.performer", slicing=by(kind, "resolve()")),
            row("Observation.performer", "who", min=1, type=aimed),
        )
        assert found(observation(performer=[{"reference": "#p"}], **contained), mine, named) == []
        issues = found(observation(performer=[{"reference": "Organization/1"}]), mine, named)
        assert ("Observation.performer", "required") in places(issues)


def test_a_reference_whose_target_is_not_here_is_of_the_type_that_it_tells() -> None:
    aimed = [{"code": "Reference", "targetProfile": [BASE + "Practitioner"]}]
    mine = profile(
        "Observation",
        row("Observation.performer", slicing=by("type", "resolve()")),
        row("Observation.performer", "who", min=1, type=aimed),
    )
    assert found(observation(performer=[{"reference": "Practitioner/far"}]), mine) == []
    assert found(observation(performer=[{"type": "Practitioner", "display": "x"}]), mine) == []
    issues = found(observation(performer=[{"reference": "Organization/far"}]), mine)
    assert {kind for _, kind in places(issues)} == {"required", "structure"}


def test_slices_by_an_extension_and_by_codes_of_a_value_set() -> None:
    place = BASE + "patient-birthPlace"
    mine = profile(
        "Patient",
        row("Patient.contact", slicing=by("value", "gender")),
        row("Patient.contact", "her", max="1"),
        row("Patient.contact.gender", fixedCode="female", min=1),
        row("Patient.extension", "birth", min=1, type=[{"code": "Extension", "profile": [place]}]),
    )
    good = {"url": place, "valueAddress": {"city": "Brest"}}
    contact = {"name": {"text": "x"}, "gender": "female"}
    assert found(patient(extension=[good], contact=[contact]), mine) == []
    assert places(found(patient(contact=[contact]), mine)) == [("Patient.extension", "required")]
    coded = profile(
        "Patient",
        row("Patient.identifier", slicing=by("value", "use")),
        row("Patient.identifier", "any"),
        row(
            "Patient.identifier.use",
            min=1,
            binding={"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/identifier-use"},
        ),
    )
    assert found(patient(identifier=[{"use": "usual", "value": "1"}]), coded) == []
    assert places(found(patient(identifier=[{"value": "1"}]), coded)) == [
        ("Patient.identifier[0]", "structure")
    ]


def test_reslices() -> None:
    mine = profile(
        "Patient",
        row("Patient.telecom", slicing=VALUE),
        {
            "id": "Patient.telecom:phone",
            **row("Patient.telecom", "phone", slicing=by("value", "use", rules="open")),
        },
        {"id": "Patient.telecom:phone.system", **row("Patient.telecom.system", fixedCode="phone", min=1)},
        {"id": "Patient.telecom:phone/home", **row("Patient.telecom", "phone/home", min=1)},
        {"id": "Patient.telecom:phone/home.use", **row("Patient.telecom.use", fixedCode="home", min=1)},
    )
    assert found(patient(telecom=[PHONE]), mine) == []
    assert places(found(patient(telecom=[{**PHONE, "use": "work"}]), mine)) == [
        ("Patient.telecom", "required")
    ]


def test_a_slice_that_cannot_be_told_apart_is_said() -> None:
    mine = profile("Patient", row("Patient.telecom", slicing=VALUE), row("Patient.telecom", "vague", min=1))
    issues = [i for i in found(patient(), mine, least="all") if i.kind == "not-supported" and i.at]
    assert places(issues) == [("Patient.telecom", "not-supported")]


# -- extensions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient(extension=[{"url": BASE + "patient-birthPlace", "valueAddress": {"city": "a"}}]), []),
        (
            patient(extension=[{"url": BASE + "patient-birthPlace", "valueString": "a"}]),
            [("Patient.extension[0].value.ofType(string)", "structure", "error")],
        ),
        (
            observation(extension=[{"url": BASE + "patient-birthPlace", "valueAddress": {"city": "a"}}]),
            [("Observation.extension[0]", "structure", "error")],
        ),
        (
            patient(extension=[{"url": "a:b", "valueString": "a"}]),
            [("Patient.extension[0]", "not-found", "information")],
        ),
        (
            patient(modifierExtension=[{"url": "a:b", "valueString": "a"}]),
            [("Patient.modifierExtension[0]", "not-found", "error")],
        ),
        (patient(extension=[{"url": "a:b"}]), [("Patient.extension[0]", "invariant", "error")]),
    ],
)
def test_extensions(resource: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    issues = [i for i in found(resource, least="all") if i.at and "extension" in i.at[0].lower()]
    assert [(i.at[0], i.kind, i.severity) for i in issues][: max(1, len(expected))] == expected


def test_a_system_is_absolute() -> None:
    concept = {"coding": [{"system": "x"}]}
    issues = found(patient(identifier=[{"system": "nir", "value": "1"}], maritalStatus=concept), least="all")
    assert [(i.at[0], i.severity) for i in issues if i.kind == "value"] == [
        ("Patient.identifier[0].system", "error"),
        ("Patient.maritalStatus.coding[0].system", "warning"),
    ]


@pytest.mark.parametrize(("size", "expected"), [(5, []), (6, [("Patient.photo[0].size", "value")])])
def test_an_attachment_has_the_size_it_says(size: int, expected: list[tuple[str, str]]) -> None:
    photo = {"contentType": "text/plain", "data": "aGVsbG8=", "size": size}
    assert places(found(patient(photo=[photo]))) == expected


def test_an_invariant_on_what_is_absent_holds() -> None:
    rule = {"key": "e-1", "severity": "error", "human": "h", "expression": "birthDate = '2000'"}
    mine = profile("Patient", row("Patient", constraint=[rule]))
    assert found(patient(), mine) == []
    assert places(found(patient(birthDate="2001"), mine)) == [("Patient", "invariant")]


# -- bundles ---------------------------------------------------------------------------------------------


def bundle(*entries: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    """A Bundle."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


UUID = "urn:uuid:6f1c3c5e-0000-4000-8000-00000000000"


def test_references_inside_a_bundle_are_followed() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    aimed = [{"code": "Reference", "targetProfile": [named["url"]]}]
    mine = profile("Observation", row("Observation.subject", type=aimed))
    entry = {
        "fullUrl": UUID + "1",
        "resource": observation(subject={"reference": UUID + "2"}, meta={"profile": [mine["url"]]}),
    }
    good = bundle(entry, {"fullUrl": UUID + "2", "resource": patient(name=[{"text": "a"}])})
    bad = bundle(entry, {"fullUrl": UUID + "2", "resource": patient()})
    none = bundle(entry)
    at = "Bundle.entry[0].resource.subject.reference"
    shelf = library(mine, named)
    told = [[i for i in walked(b, [], shelf).issues if i.severity == "error"] for b in (good, bad, none)]
    assert [places(t) for t in told] == [[], [(at, "value")], [(at, "not-found")]]


def test_a_bundle_within_a_bundle_is_a_world_of_its_own() -> None:
    subject = {"fullUrl": UUID + "1", "resource": observation(subject={"reference": UUID + "2"})}
    whole = bundle(subject, {"fullUrl": UUID + "2", "resource": patient()})
    assert found(bundle({"fullUrl": UUID + "3", "resource": whole})) == []
    lost = bundle({"fullUrl": UUID + "3", "resource": bundle(subject)})
    at = "Bundle.entry[0].resource.entry[0].resource.subject.reference"
    assert places(found(lost)) == [(at, "not-found")]


def test_no_flood_of_warnings_hides_an_error() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    declared = patient(meta={"profile": [named["url"]]})
    held = [patient()] * LIMIT * 2 + [declared]
    entries = [
        {"fullUrl": f"urn:uuid:6f1c3c5e-0000-4000-8000-{n:012}", "resource": r} for n, r in enumerate(held)
    ]
    issues = walked(bundle(*entries), [], library(named)).issues
    at = f"Bundle.entry[{LIMIT * 2}].resource.name"
    assert places([i for i in issues if i.severity == "error"]) == [(at, "required")]
    assert [i.severity for i in issues if i.rule == "dom-6"] == ["warning"] * LIMIT
    assert [i.severity for i in issues if i.kind == "too-costly"] == ["information"]


def test_errors_are_counted_beyond_those_shown() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    held = [patient(meta={"profile": [named["url"]]})] * (LIMIT + 1)
    entries = [
        {"fullUrl": f"urn:uuid:6f1c3c5e-0000-4000-8000-{n:012}", "resource": r} for n, r in enumerate(held)
    ]
    issues = [i for i in walked(bundle(*entries), [], library(named)).issues if i.severity == "error"]
    assert [i.kind for i in issues] == ["required"] * LIMIT + ["too-costly"]


def test_what_a_part_of_a_parameter_holds_follows_what_it_declares() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    part = {"name": "b", "resource": patient(meta={"profile": [named["url"]]})}
    whole = {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [part]}]}
    issues = [i for i in walked(whole, [], library(named)).issues if i.severity == "error"]
    assert places(issues) == [("Parameters.parameter[0].part[0].resource.name", "required")]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("2026-01-01T00:30:00+01:00", True),
        ("2026-01-01T00:30:00Z", False),
        ("2025-12-31T23:30:00-01:00", False),
        ("2026", False),
        ("2024", True),
    ],
)
def test_edges_of_times_are_compared_across_zones(given: str, wrong: bool) -> None:
    edge = row("Observation.effective[x]", type=[{"code": "dateTime"}])
    lately = profile("Observation", edge | {"minValueDateTime": "2026-01-01T00:00:00Z"})
    assert bool(found(observation(effectiveDateTime=given), lately)) is wrong


@pytest.mark.parametrize(
    ("modes", "alone", "inside", "within", "beyond"),
    [
        (["contained"], False, True, False, False),
        (["bundled"], True, False, True, False),
        (["referenced"], True, False, True, True),
        (["contained", "bundled"], True, True, True, False),
        ([], True, True, True, True),
    ],
)
def test_what_is_named_is_where_the_profile_wants_it(
    modes: list[str], alone: bool, inside: bool, within: bool, beyond: bool
) -> None:
    """A reference from a resource alone, to what is contained, to an entry of its Bundle, and beyond that."""
    aimed = {"code": "Reference", "targetProfile": [BASE + "Patient"]} | (
        {"aggregation": modes} if modes else {}
    )
    mine = profile("Observation", row("Observation.subject", type=[aimed]))

    def held(name: str, *entries: dict[str, Any], **more: Any) -> bool:
        one = observation(subject={"reference": name}, meta={"profile": [mine["url"]]}, **more)
        whole = bundle({"fullUrl": UUID + "1", "resource": one}, *entries) if entries else one
        issues = [i for i in walked(whole, [], library(mine)).issues if i.severity == "error"]
        assert all(kind == "structure" and at.endswith("subject.reference") for at, kind in places(issues))
        return not issues

    other = {"fullUrl": UUID + "2", "resource": patient()}
    assert held("Patient/far") is alone
    assert held("Patient/far", other) is beyond
    assert held(UUID + "2", other) is within
    assert held("#p", contained=[patient(id="p")]) is inside
    assert held("#p", other, contained=[patient(id="p")]) is inside


def test_full_urls_agree_with_ids() -> None:
    entries = [
        {"fullUrl": "http://a.b/Patient/1", "resource": patient(id="1")},
        {"fullUrl": "http://a.b/Patient/2", "resource": patient(id="3")},
        {"fullUrl": "Patient/4", "resource": patient(id="4")},
        {"fullUrl": "http://a.b/Patient/5", "resource": patient()},
        {"fullUrl": "five", "resource": patient()},
    ]
    told = found(bundle(*entries))
    assert places(told) == [(f"Bundle.entry[{n}].fullUrl", "value") for n in (1, 2, 3, 4)]
    assert told[-2].text == "fullUrl says Patient/5, the resource has no id: make them agree"


def test_what_the_composition_of_a_document_names_is_in_it() -> None:
    def composition(entry: str) -> dict[str, Any]:
        section = {"title": "a", "section": [{"title": "b", "entry": [{"reference": entry}]}]}
        made = {
            "resourceType": "Composition",
            "status": "final",
            "type": {"text": "x"},
            "title": "t",
            "id": "c",
        }
        return {**made, "date": "2026", "author": [{"reference": "Patient/1"}], "section": [section]}

    rest = {
        "type": "document",
        "timestamp": "2026-11-22T08:00:00Z",
        "identifier": {"system": "a:b", "value": "1"},
    }

    def document(entry: str) -> dict[str, Any]:
        entries = [
            {"fullUrl": "http://a.b/Composition/c", "resource": composition(entry)},
            {"fullUrl": "http://a.b/Patient/1", "resource": patient(id="1")},
        ]
        return {**bundle(*entries), **rest}

    assert found(document("Patient/1")) == []
    lost = "Bundle.entry[0].resource.section[0].section[0].entry[0].reference"
    assert places(found(document("Patient/2"))) == [(lost, "not-found")]


def test_what_is_said_of_a_repeated_element_holds_at_every_depth() -> None:
    questionnaire = {"resourceType": "Questionnaire", "status": "active"}
    display = {"linkId": "2", "type": "display", "text": "x", "required": True}
    item = {"linkId": "1", "type": "group", "item": [display]}
    issues = found({**questionnaire, "item": [item]})
    assert ("Questionnaire.item[0].item[0]", "invariant") in places(issues)


def test_entries_sliced_by_profile() -> None:
    named = profile("Patient", row("Patient.name", min=1), name="named")
    mine = profile(
        "Bundle",
        row("Bundle.entry", slicing=by("profile", "resource")),
        row("Bundle.entry", "patient", min=1, max="1"),
        row("Bundle.entry.resource", type=[{"code": "Patient", "profile": [named["url"]]}]),
    )
    good = {"fullUrl": UUID + "1", "resource": patient(name=[{"text": "a"}])}
    assert found(bundle(good), mine, named) == []
    bad = {"fullUrl": UUID + "1", "resource": patient()}
    assert ("Bundle.entry[0]", "structure") in places(found(bundle(bad), mine, named))
    nameless = [{"resource": patient()}]
    assert places(found(bundle(*nameless))) == [("Bundle.entry[0].fullUrl", "required")]
    assert found(bundle({**nameless[0], "response": {"status": "200"}}, kind="batch-response")) == []


def test_a_published_invariant_that_nothing_can_satisfy_is_read_as_later_releases_write_it() -> None:
    def asked(**answer: Any) -> dict[str, Any]:
        when = {"question": "a", "operator": "exists", **answer}
        items = [{"linkId": "a", "type": "string"}, {"linkId": "b", "type": "string", "enableWhen": [when]}]
        return {"resourceType": "Questionnaire", "status": "draft", "item": items}

    assert found(asked(answerBoolean=True)) == []
    assert [i.rule for i in found(asked(answerInteger=1))] == ["que-7"]


# -- terminology -----------------------------------------------------------------------------------------

SET = "http://example.org/ValueSet/s"


@pytest.mark.parametrize(
    ("strength", "code", "expected"),
    [
        ("required", "in", []),
        ("required", "out", ["error"]),
        ("extensible", "out", ["warning"]),
        ("preferred", "out", ["information"]),
        ("example", "out", []),
    ],
)
async def test_bindings(strength: str, code: str, expected: list[str]) -> None:
    value_set = {
        "resourceType": "ValueSet",
        "url": SET,
        "compose": {"include": [{"system": "a:b", "concept": [{"code": "in"}]}]},
    }
    mine = profile("Observation", row("Observation.code", binding={"strength": strength, "valueSet": SET}))
    resource = observation(code={"coding": [{"system": "a:b", "code": code}]})
    answers = AtHand({SET: value_set}.get)
    issues = await validated(resource, [mine["url"]], library(mine), answers)
    assert [i.severity for i in issues if i.kind == "code-invalid"] == expected


async def test_a_maximum_value_set_and_one_that_is_not_known() -> None:
    most = {
        "url": BASE + "elementdefinition-maxValueSet",
        "valueCanonical": "http://hl7.org/fhir/ValueSet/observation-status",
    }
    binding = {"strength": "preferred", "valueSet": SET, "extension": [most]}
    mine = profile("Observation", row("Observation.code", binding=binding))
    resource = observation(code={"coding": [{"system": "a:b", "code": "x"}]})
    issues = await validated(resource, [mine["url"]], library(mine), AtHand())
    assert [(i.kind, i.severity) for i in issues if i.at == ("Observation.code",)] == [
        ("code-invalid", "error")
    ]


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        ({"purpose": "required"}, True),
        ({"purpose": "preferred"}, False),
        ({"purpose": "required", "usage": "anything"}, False),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
        "tools/StructureDefinition/additional-binding",
    ],
)
async def test_an_additional_binding_holds_whatever_the_strength(
    place: str, parts: dict[str, str], refused: bool
) -> None:
    rows = [{"url": name, "valueCode": value} for name, value in parts.items()]
    rows.append({"url": "valueSet", "valueCanonical": "http://hl7.org/fhir/ValueSet/observation-status"})
    said = {"url": f"http://hl7.org/fhir/{place}", "extension": rows}
    binding = {"strength": "example", "valueSet": SET, "extension": [said]}
    mine = profile("Observation", row("Observation.code", binding=binding))
    resource = observation(code={"coding": [{"system": "a:b", "code": "x"}]})
    issues = await validated(resource, [mine["url"]], library(mine), AtHand())
    assert ("code-invalid" in {i.kind for i in issues if i.at == ("Observation.code",)}) is refused


@pytest.mark.parametrize(
    ("start", "end", "held"),
    [
        ("2023-06-21", "2023-06-21T06:20:00Z", False),
        ("2023-06-21", "2023-06-22T06:20:00Z", True),
        ("2023-06-21", "2023-06-21", True),
        ("2023-06-22", "2023-06-21", False),
    ],
)
def test_a_period_says_which_end_is_first(start: str, end: str, held: bool) -> None:
    issues = found(observation(effectivePeriod={"start": start, "end": end}))
    assert bool([i for i in issues if i.text.startswith("per-1")]) is not held


async def test_questions_are_asked_once_and_in_one_batch() -> None:
    asked: list[list[tuple[str, Coded]]] = []

    class Counting:
        async def members(self, rows: Sequence[tuple[str, Coded]]) -> list[bool]:
            asked.append(list(rows))
            return [True] * len(rows)

    mine = profile(
        "Observation", row("Observation.category", binding={"strength": "required", "valueSet": SET})
    )
    one = {"coding": [{"system": "a:b", "code": "x"}]}
    await validated(observation(category=[one, one]), [mine["url"]], library(mine), Counting())
    mine_only = [r for r in asked[0] if r[0] == SET]
    assert (len(asked), mine_only) == (1, [(SET, Coded("x", "a:b"))])


# -- what is not here, and bounds ------------------------------------------------------------------------


def test_a_profile_that_is_not_here_or_cannot_be_made() -> None:
    issues = walked(patient(meta={"profile": [MINE + "none"]}), [], library()).issues
    assert ("Patient", "not-found", "information") in [(i.at[0], i.kind, i.severity) for i in issues if i.at]
    broken = profile("Patient", row("Patient.nme", min=1))
    issues = walked(patient(), [broken["url"]], library(broken)).issues
    assert any(i.kind == "processing" and "Patient.nme" in i.text for i in issues)


def test_a_profile_of_another_type() -> None:
    assert places(found(patient(), profile("Observation"))) == [("Patient", "structure")]


def test_an_invariant_that_does_not_compile_is_counted() -> None:
    odd = {"key": "odd-1", "severity": "error", "human": "h", "expression": "name.thisIsNoFunction()"}
    result = walked(patient(), [MINE + "mine"], library(profile("Patient", row("Patient", constraint=[odd]))))
    assert result.unevaluated["odd-1"] == 1
    assert any(i.rule == "odd-1" and i.severity == "information" for i in result.issues)


def test_profiles_that_refer_to_each_other_end() -> None:
    def about(name: str, other: str) -> dict[str, Any]:
        aimed = [{"code": "Reference", "targetProfile": [MINE + other]}]
        return profile("Observation", row("Observation.hasMember", type=aimed), name=name)

    one, two = about("one", "two"), about("two", "one")
    entries = [
        {
            "fullUrl": UUID + "1",
            "resource": observation(hasMember=[{"reference": UUID + "2"}], meta={"profile": [one["url"]]}),
        },
        {"fullUrl": UUID + "2", "resource": observation(hasMember=[{"reference": UUID + "1"}])},
    ]
    assert [i for i in walked(bundle(*entries), [], library(one, two)).issues if i.severity == "error"] == []


def test_compiled_profiles_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from aubier.validation.profiles import library as module

    monkeypatch.setattr(module, "KEPT", 5)
    many = [profile("Patient", row("Patient.name", min=1), name=f"p{n}") for n in range(12)]
    shelf = library(*many)
    for one in many * 2:
        assert shelf.profile(one["url"]) is not None
    assert len(shelf) == 5


def test_a_slice_is_told_by_a_part_of_the_value_it_must_have() -> None:
    by_use = {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"}
    mine = profile(
        "Patient",
        row("Patient.telecom", slicing=by_use),
        row("Patient.telecom", "home", min=1, fixedContactPoint={"use": "home"}),
    )
    assert places(found(patient(telecom=[{"use": "home"}]), mine)) == []
    more = patient(telecom=[{"use": "home", "rank": 1}])
    assert places(found(more, mine)) == [("Patient.telecom[0]", "value")]
    assert places(found(patient(telecom=[{"use": "work"}]), mine)) == [("Patient.telecom", "required")]


def test_a_slice_is_told_by_what_is_demanded_below_what_tells_it() -> None:
    """What is optional may be absent; where it is, it is as the slice says."""
    by_period = {"discriminator": [{"type": "value", "path": "period"}], "rules": "closed"}
    mine = profile(
        "Patient",
        row("Patient.telecom", slicing=by_period),
        row("Patient.telecom", "past", min=0),
        row("Patient.telecom.period", min=1),
        row("Patient.telecom.period.start", min=1, fixedDateTime="2020"),
        row("Patient.telecom.period.end", fixedDateTime="2021"),
    )
    for period in ({"start": "2020"}, {"start": "2020", "end": "2021"}):
        assert found(patient(telecom=[{"period": period}]), mine) == [], period
    for period in ({"start": "2019"}, {"end": "2021"}, {"start": "2020", "end": "2022"}):
        issues = places(found(patient(telecom=[{"period": period}]), mine))
        assert issues == [("Patient.telecom[0]", "structure")], period


def test_a_slice_is_told_by_what_it_must_not_have() -> None:
    by_use = {"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"}
    mine = profile(
        "Patient",
        row("Patient.telecom", slicing=by_use),
        row("Patient.telecom", "free", max="1"),
        row("Patient.telecom.use", max="0"),
    )
    assert places(found(patient(telecom=[{"rank": 1}]), mine)) == []
    assert places(found(patient(telecom=[{"use": "work"}]), mine)) == [("Patient.telecom[0]", "structure")]


def test_too_few_are_told_however_slices_are_told_apart() -> None:
    nothing = {"discriminator": [{"type": "value", "path": "code"}], "rules": "closed"}
    mine = profile(
        "Observation",
        row("Observation.component", slicing=nothing),
        row("Observation.component", "must", min=1),
    )
    assert ("Observation.component", "required") in places(found(observation(), mine))
    one = observation(component=[{"code": {"text": "x"}}])
    assert places(found(one, mine)) == []


def test_a_profile_of_another_type_on_any_resource() -> None:
    any = [{"code": "Resource", "profile": ["http://hl7.org/fhir/StructureDefinition/Patient"]}]
    mine = profile("Bundle", row("Bundle.entry.resource", type=any))

    def holding(resource: dict[str, Any]) -> dict[str, Any]:
        entry = {"resource": resource, "response": {"status": "200"}}
        return {"resourceType": "Bundle", "type": "batch-response", "entry": [entry]}

    assert places(found(holding(patient()), mine)) == []
    assert places(found(holding(observation()), mine)) == [("Bundle.entry[0].resource", "structure")]


def test_a_slice_by_a_profile_that_is_not_here_takes_nothing() -> None:
    sliced = {"discriminator": [{"type": "profile", "path": "resolve()"}], "rules": "open"}
    target = [{"code": "Reference", "targetProfile": [MINE + "elsewhere"]}]
    mine = profile(
        "Observation",
        row("Observation.hasMember", slicing=sliced),
        row("Observation.hasMember", "one", max="1", type=target),
    )
    several = [{"reference": UUID + n} for n in "12"]
    entries = [
        {"fullUrl": UUID + "0", "resource": observation(hasMember=several, meta={"profile": [mine["url"]]})},
        *({"fullUrl": UUID + n, "resource": observation()} for n in "12"),
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    told = walked(bundle, [], library(mine)).issues
    assert [i for i in told if i.severity == "error"] == []


def test_a_package_lets_an_extension_of_the_specification_stand_in_more_places() -> None:
    url = BASE + "patient-birthTime"
    placed = patient(extension=[{"url": url, "valueDateTime": "2020-01-01"}])
    assert places(found(placed)) == [("Patient.extension[0]", "structure")]
    wider = {**profile("Extension", name="x"), "url": url}
    wider["context"] = [{"type": "element", "expression": "Patient"}]
    every = walked(placed, [], library(wider)).issues
    assert [i for i in every if i.severity == "error"] == []


@pytest.mark.parametrize(("kind", "good"), [("ValueSet", True), ("Patient", False)])
def test_what_r5_calls_a_canonical_resource_is_a_definition(kind: str, good: bool) -> None:
    own = {**profile("Extension", name="source"), "context": [{"type": "element"}]}
    own["context"][0]["expression"] = "CanonicalResource"
    resource = {"resourceType": kind, "extension": [{"url": own["url"], "valueString": "x"}]}
    resource |= {"status": "active"} if kind == "ValueSet" else {}
    refused = [i for i in walked(resource, [], library(own)).issues if i.severity == "error"]
    assert places(refused) == ([] if good else [(f"{kind}.extension[0]", "structure")])


def test_what_is_demanded_is_said_as_it_would_be_written() -> None:
    wanted = {"value": Decimal("1.50"), "unit": "kilo's"}
    mine = profile("Observation", row("Observation.value[x]", patternQuantity=wanted))
    issues = found(observation(valueQuantity={"value": 2}), mine)
    assert ['{"value":1.50,"unit":"kilo\'s"}' in i.text for i in issues] == [True]


def test_what_expressions_may_cost_is_bounded_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {
        "key": "own-1",
        "severity": "error",
        "human": "x",
        "expression": "%resource.name.family.count() > 0",
    }
    mine = profile("Patient", row("Patient.name", constraint=[rule]))
    many = patient(name=[{"family": "a"}] * 50)
    assert found(many, mine) == []
    monkeypatch.setattr(resolving, "WORK", 1_000)
    assert [i.kind for i in found(many, mine)] == ["too-costly"]
