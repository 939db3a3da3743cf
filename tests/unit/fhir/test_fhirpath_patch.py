"""FHIRPath Patch: every operation at every kind of place, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from aubier.fhir.fhirpath import Tally
from aubier.fhir.patch import fhirpath_patch
from aubier.fhir.patch.places import Place, places
from aubier.ground.problem import Problem

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": False,
    "name": [
        {"use": "usual", "family": "A", "given": ["X", None, "Z"], "_given": [None, {"id": "g"}, None]},
        {"use": "official", "family": "B", "_family": {"extension": [{"url": "u", "valueCode": "c"}]}},
    ],
    "birthDate": "2000-01-01",
    "contact": [{"name": {"family": "C"}}],
    "deceasedBoolean": False,
}


NAME = {"valueHumanName": {"text": "x"}}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """A Parameters of operations; a part is a dict of its own, or the text of its value."""
    parameters = []
    for operation in operations:
        parts = []
        for name, value in operation.items():
            if isinstance(value, int):
                parts.append({"name": name, "valueInteger": value})
            elif isinstance(value, str):
                parts.append({"name": name, "valueCode" if name == "type" else "valueString": value})
            else:
                parts.append({"name": name, **value})
        parameters.append({"name": "operation", "part": parts})
    return {"resourceType": "Parameters", "parameter": parameters}


def changed(*operations: dict[str, Any], of: dict[str, Any] = PATIENT) -> dict[str, Any]:
    before = repr(of)
    after = fhirpath_patch(patch(*operations))(of)
    assert repr(of) == before
    return after


def string(text: str) -> dict[str, Any]:
    return {"valueString": text}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Patient", [Place()]),
        ("Patient.active", [Place((), "active")]),
        ("active", [Place((), "active")]),
        ("Patient.name", [Place((), "name", 0), Place((), "name", 1)]),
        ("Patient.name.where(use = 'official').family", [Place(("name", 1), "family")]),
        ("Patient.name[0].given", [Place(("name", 0), "given", n) for n in range(3)]),
        ("Patient.name.given.last()", [Place(("name", 0), "given", 2)]),
        ("Patient.deceased", [Place((), "deceasedBoolean")]),
        ("Patient.deceased.ofType(boolean)", [Place((), "deceasedBoolean")]),
        ("Patient.name.family.extension", [Place(("name", 1, "_family"), "extension", 0)]),
        ("Patient.contact.name.family", [Place(("contact", 0, "name"), "family")]),
        ("Patient.gender", []),
    ],
)
def test_a_path_leads_to_places(path: str, found: list[Place]) -> None:
    assert places(PATIENT, path, Tally(1_000)) == found


def test_a_value_that_is_made_has_no_place() -> None:
    assert places(PATIENT, "Patient.name.count()", Tally(1_000)) is None


def test_add() -> None:
    assert (
        changed({"type": "add", "path": "Patient", "name": "gender", "value": {"valueCode": "other"}})[
            "gender"
        ]
        == "other"
    )
    more = changed({"type": "add", "path": "Patient.name[0]", "name": "given", "value": string("Q")})
    assert more["name"][0]["given"] == ["X", None, "Z", "Q"]
    assert more["name"][0]["_given"] == [None, {"id": "g"}, None, None]
    first = changed({"type": "add", "path": "Patient.contact[0].name", "name": "given", "value": string("Q")})
    assert first["contact"][0]["name"]["given"] == ["Q"]


def test_add_a_choice_by_either_name() -> None:
    alive = {k: v for k, v in PATIENT.items() if k != "deceasedBoolean"}
    for name in ("deceased", "deceased[x]", "deceasedDateTime"):
        value = {"valueDateTime": "2020"}
        assert (
            changed({"type": "add", "path": "Patient", "name": name, "value": value}, of=alive)[
                "deceasedDateTime"
            ]
            == "2020"
        )


def test_add_an_extension_to_a_primitive() -> None:
    value = {"valueExtension": {"url": "u", "valueDecimal": Decimal("1.50")}}
    born = changed({"type": "add", "path": "Patient.birthDate", "name": "extension", "value": value})
    assert born["_birthDate"] == {"extension": [{"url": "u", "valueDecimal": Decimal("1.50")}]}
    given = changed({"type": "add", "path": "Patient.name[0].given[0]", "name": "extension", "value": value})
    assert given["name"][0]["_given"][0]["extension"][0]["url"] == "u"


def test_add_an_element_without_a_type_of_its_own() -> None:
    parts = [
        {"name": "name", "valueHumanName": {"family": "D"}},
        {"name": "relationship", "valueCodeableConcept": {"text": "r"}},
        {"name": "relationship", "valueCodeableConcept": {"text": "s"}},
        {"name": "gender", "valueCode": "other"},
    ]
    after = changed({"type": "add", "path": "Patient", "name": "contact", "value": {"part": parts}})
    assert after["contact"][1] == {
        "name": {"family": "D"},
        "relationship": [{"text": "r"}, {"text": "s"}],
        "gender": "other",
    }


def test_insert_delete_and_move_keep_siblings_alongside() -> None:
    listed = "Patient.name[0].given"
    put = changed({"type": "insert", "path": listed, "index": 0, "value": string("W")})["name"][0]
    assert put["given"] == ["W", "X", None, "Z"] and put["_given"] == [None, None, {"id": "g"}, None]
    end = changed({"type": "insert", "path": listed, "index": 3, "value": string("W")})["name"][0]
    assert end["given"] == ["X", None, "Z", "W"]
    gone = changed({"type": "delete", "path": f"{listed}[1]"})["name"][0]
    assert gone["given"] == ["X", "Z"] and "_given" not in gone
    moved = changed({"type": "move", "path": listed, "source": 1, "destination": 0})["name"][0]
    assert moved["given"] == [None, "X", "Z"] and moved["_given"] == [{"id": "g"}, None, None]


def test_delete() -> None:
    assert "birthDate" not in changed({"type": "delete", "path": "Patient.birthDate"})
    assert changed({"type": "delete", "path": "Patient.gender"}) == PATIENT
    assert "contact" not in changed({"type": "delete", "path": "Patient.contact.name"})
    assert "_family" not in changed({"type": "delete", "path": "Patient.name.family.extension"})["name"][1]


def test_replace() -> None:
    assert (
        changed({"type": "replace", "path": "Patient.active", "value": {"valueBoolean": True}})["active"]
        is True
    )
    name = changed({"type": "replace", "path": "Patient.name[1].family", "value": string("N")})["name"][1]
    assert name == {"use": "official", "family": "N"}
    other = changed({"type": "replace", "path": "Patient.deceased", "value": {"valueDateTime": "2020"}})
    assert other["deceasedDateTime"] == "2020" and "deceasedBoolean" not in other
    whole = {"valueHumanName": {"text": "T"}}
    assert changed({"type": "replace", "path": "Patient.name[0]", "value": whole})["name"][0] == {"text": "T"}


def test_what_is_replaced_or_moved_keeps_its_place_among_the_elements() -> None:
    for step in (
        {"type": "replace", "path": "Patient.active", "value": {"valueBoolean": True}},
        {"type": "replace", "path": "Patient.name[0]", "value": NAME},
        {"type": "move", "path": "Patient.name", "source": 0, "destination": 1},
    ):
        assert list(changed(step)) == list(PATIENT)


def test_operations_follow_one_another() -> None:
    after = changed(
        {"type": "add", "path": "Patient", "name": "name", "value": {"valueHumanName": {"use": "old"}}},
        {"type": "add", "path": "Patient.name.where(use = 'old')", "name": "family", "value": string("O")},
        {"type": "move", "path": "Patient.name", "source": 2, "destination": 0},
    )
    assert after["name"][0] == {"use": "old", "family": "O"}


ADD = {"type": "add", "path": "Patient", "name": "gender", "value": {"valueCode": "other"}}
REFUSED = [
    ({**ADD, "type": "spam"}, "structure"),
    ({k: v for k, v in ADD.items() if k != "name"}, "structure"),
    ({k: v for k, v in ADD.items() if k != "value"}, "structure"),
    ({**ADD, "name": "foo"}, "structure"),
    ({**ADD, "value": {"valueCode": "a", "valueString": "b"}}, "structure"),
    ({**ADD, "value": {}}, "structure"),
    ({**ADD, "value": {"part": []}}, "structure"),
    ({**ADD, "name": "active", "value": {"valueBoolean": True}}, "processing"),
    ({**ADD, "name": "deceased", "value": {"valueDateTime": "2020"}}, "processing"),
    ({**ADD, "path": "Patient.name"}, "processing"),
    ({**ADD, "path": "Patient.gender"}, "processing"),
    ({**ADD, "path": "Patient.name.count()"}, "processing"),
    ({**ADD, "path": "Patient.("}, "invalid"),
    ({**ADD, "path": "Patient.foo"}, None),
    ({"type": "insert", "path": "Patient.name", "index": 3, "value": {"valueHumanName": {}}}, "processing"),
    ({"type": "insert", "path": "Patient.active", "index": 0, "value": {"valueBoolean": True}}, "processing"),
    ({"type": "insert", "path": "Patient.address", "index": 0, "value": {"valueAddress": {}}}, "processing"),
    ({"type": "insert", "path": "Patient.name", "index": -1, "value": {"valueHumanName": {}}}, "structure"),
    (
        {"type": "insert", "path": "Patient.name | Patient.contact", "index": 0, "value": string("x")},
        "processing",
    ),
    ({"type": "delete", "path": "Patient.name"}, "processing"),
    ({"type": "delete", "path": "Patient"}, "processing"),
    ({"type": "replace", "path": "Patient", "value": string("x")}, "processing"),
    ({"type": "replace", "path": "Patient.id", "value": {"valueId": "q"}}, "value"),
    ({"type": "replace", "path": "Patient.deceased", "value": {"valueQuantity": {}}}, "structure"),
    ({"type": "move", "path": "Patient.name", "source": 2, "destination": 0}, "processing"),
    ({"type": "move", "path": "Patient.name", "source": 0}, "structure"),
    ({"type": "move", "path": "Patient.name", "source": 0, "destination": "1"}, "structure"),
]


@pytest.mark.parametrize(("operation", "kind"), REFUSED)
def test_what_does_not_fit_is_refused(operation: dict[str, Any], kind: str | None) -> None:
    with pytest.raises(Problem) as caught:
        fhirpath_patch(patch(operation))(PATIENT)
    issue = caught.value.issues[0]
    assert issue.text != issue.fr and (kind is None or issue.kind == kind)


PLACED = [
    ({**ADD, "index": 0}, 4, "structure"),
    ({**ADD, "vaule": string("x")}, 4, "structure"),
    ({"type": "delete", "path": "Patient.active", "value": {"valueBoolean": False}}, 2, "structure"),
    ({"type": "replace", "path": "Patient.active", "name": "active", "value": {}}, 3, "structure"),
    ({"type": "move", "path": "Patient.name", "source": 0, "destination": 1, "value": NAME}, 4, "structure"),
    ({**ADD, "value": {"valueCode": "a", "valueString": "b"}}, 3, "structure"),
    ({**ADD, "value": {"valueCode": "a", "modifierExtension": [{"url": "http://x"}]}}, 3, "structure"),
    ({**ADD, "value": {"vaulueCode": "a"}}, 3, "structure"),
    ({**ADD, "value": {"valueHumanName": {}, "_valueHumanName": {"id": "a"}}}, 3, "structure"),
    ({**ADD, "value": {"resource": {"resourceType": "Basic"}, "valueCode": "a"}}, 3, "structure"),
    ({**ADD, "value": {"resource": {"resourceType": "Basic"}}}, 3, "structure"),
    ({**ADD, "path": {"valueInteger": 1}}, 1, "structure"),
    ({**ADD, "name": "gendre"}, 2, "structure"),
    ({**ADD, "name": "birthDate", "value": string("2000-01-01")}, 3, "structure"),
    ({**ADD, "name": "gender", "value": string("other")}, 3, "structure"),
    ({**ADD, "name": "contact", "value": NAME}, 3, "structure"),
    (
        {"type": "move", "path": "Patient.name", "source": 0, "destination": {"valueDecimal": 1}},
        3,
        "structure",
    ),
    ({"type": "delete", "path": "Patient.nme"}, 1, "invalid"),
    ({"type": "delete", "path": "Patient.deceasedBoolean"}, 1, "invalid"),
    ({"type": "delete", "path": "Patient.contact.where(nme.exists())"}, 1, "invalid"),
    ({"type": "delete", "path": "Observation.status"}, 1, "invalid"),
    ({"type": "delete", "path": "Patient.managingOrganization.resolve().name"}, 1, "not-supported"),
    ({"type": "insert", "path": "Patient.name[1]", "index": 0, "value": NAME}, 1, "processing"),
    ({"type": "move", "path": "Patient.name[1]", "source": 0, "destination": 1}, 1, "processing"),
    ({**ADD, "name": "active", "value": {"valueBoolean": True}}, 2, "processing"),
    ({"type": "insert", "path": "Patient.name", "index": 3, "value": NAME}, 2, "processing"),
]


@pytest.mark.parametrize(("operation", "part", "kind"), PLACED)
def test_a_refusal_names_the_part_and_nothing_is_passed_over(
    operation: dict[str, Any], part: int, kind: str
) -> None:
    start = {**PATIENT, "managingOrganization": {"reference": "Organization/1"}}
    with pytest.raises(Problem) as caught:
        fhirpath_patch(patch(operation))(start)
    issue = caught.value.issues[0]
    assert (issue.kind, issue.at) == (kind, (f"Parameters.parameter[0].part[{part}]",))


def test_a_part_of_parts_is_held_to_the_same() -> None:
    contact = {"type": "add", "path": "Patient", "name": "contact"}
    right, wrong = {"name": "gender", "valueCode": "other"}, {"name": "gendre", "valueCode": "other"}
    empty = {"name": "gender"}
    for inner in (wrong, right, empty, {"name": "period", "valueString": "x"}, {"gender": "other"}):
        with pytest.raises(Problem) as caught:
            changed({**contact, "value": {"part": [right, inner]}})
        assert caught.value.issues[0].at == ("Parameters.parameter[0].part[3].part[1]",)


def test_a_part_that_stands_twice_and_what_stands_beside_parts_are_refused() -> None:
    sent = patch(ADD)
    operation = sent["parameter"][0]
    operation["part"].append({"name": "path", "valueString": "Patient.name[0]"})
    with pytest.raises(Problem) as caught:
        fhirpath_patch(sent)
    assert caught.value.issues[0].at == ("Parameters.parameter[0].part[4]",)
    del operation["part"][-1]
    for beside in ({"valueString": "x"}, {"modifierExtension": [{"url": "http://x"}]}):
        with pytest.raises(Problem) as caught:
            fhirpath_patch({**sent, "parameter": [{**operation, **beside}]})
        assert caught.value.issues[0].at == ("Parameters.parameter[0]",)


def test_a_more_special_type_and_an_extension_by_its_parts_fit() -> None:
    text = {"type": "replace", "path": "Patient.name[1].family", "value": {"valueCode": "N"}}
    assert changed(text)["name"][1]["family"] == "N"
    parts = [{"name": "url", "valueUri": "u"}, {"name": "value", "valueDate": "2000"}]
    extension = {"type": "add", "path": "Patient", "name": "extension", "value": {"part": parts}}
    assert changed(extension)["extension"] == [{"url": "u", "valueDate": "2000"}]


def test_a_contained_resource_is_followed_by_its_reference() -> None:
    held = [{"resourceType": "Organization", "id": "o", "name": "A"}]
    start = {**PATIENT, "contained": held, "managingOrganization": {"reference": "#o"}}
    path = "Patient.managingOrganization.resolve().ofType(Organization).name"
    after = changed({"type": "replace", "path": path, "value": string("B")}, of=start)
    assert after["contained"] == [{"resourceType": "Organization", "id": "o", "name": "B"}]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": {}},
        {"resourceType": "Parameters", "parameter": ["x"]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "other", "part": [{"name": "type"}]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [{"name": "a"}] * 2}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": ["x"]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": []}] * 1001},
    ],
)
def test_what_is_no_patch_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(Problem) as caught:
        fhirpath_patch(parameters)
    assert caught.value.kind == "structure"


def test_nesting_by_additions_is_stopped() -> None:
    deeper = {"type": "add", "path": "Patient.repeat(extension).last()", "name": "extension"}
    value = {"valueExtension": {"url": "u"}}
    start = {"resourceType": "Patient", "extension": [{"url": "u"}]}
    with pytest.raises(Problem) as caught:
        changed(*[{**deeper, "value": value}] * 80, of=start)
    assert caught.value.kind in ("too-long", "not-supported")


def test_a_narrative_may_be_replaced() -> None:
    told = {**PATIENT, "text": {"status": "generated", "div": "<div>a</div>"}}
    after = changed({"type": "replace", "path": "Patient.text.div", "value": string("<div>b</div>")}, of=told)
    assert after["text"] == {"status": "generated", "div": "<div>b</div>"}


def test_an_extension_that_goes_leaves_those_of_other_values_where_they_are() -> None:
    rows = [{"extension": [{"url": "http://x", "valueCode": code}]} for code in "ab"]
    start = {"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": rows}]}
    after = changed({"type": "delete", "path": "Patient.name.given[0].extension"}, of=start)
    assert after["name"] == [{"given": ["A", "B"], "_given": [None, rows[1]]}]


def test_what_the_paths_of_a_patch_look_at_is_bounded_together() -> None:
    start = {"resourceType": "Patient", "name": [{"given": [str(n)]} for n in range(300)]}
    costly = {"type": "delete", "path": "Patient.name.where(%resource.name.given.count() < 0)"}
    assert changed(costly, of=start) == start
    with pytest.raises(Problem) as caught:
        changed(*[costly] * 20, of=start)
    assert caught.value.kind == "too-costly"
