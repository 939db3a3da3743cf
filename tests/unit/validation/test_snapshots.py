"""Snapshots from differentials: what merges, unfolds, is sliced, is refused and how it is said."""

from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.validation.snapshots import Snapshots

BASE = "http://hl7.org/fhir/StructureDefinition/"
MINE = "http://example.org/StructureDefinition/"
ROWS = "StructureDefinition.differential.element"


def profile(kind: str, *rows: dict[str, Any], name: str = "mine", **more: Any) -> dict[str, Any]:
    """A profile with this differential."""
    return {
        "resourceType": "StructureDefinition",
        "url": MINE + name,
        "type": kind,
        "derivation": "constraint",
        "baseDefinition": BASE + kind,
        "differential": {"element": list(rows)},
        **more,
    }


def row(path: str, slice: str = "", **more: Any) -> dict[str, Any]:
    """An element of a differential."""
    return {"path": path, **({"sliceName": slice} if slice else {}), **more}


def made(definition: dict[str, Any], *others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The elements of its snapshot by id."""
    known = {d["url"]: d for d in others}
    found = Snapshots(known.get).snapshot(definition)["snapshot"]["element"]
    return {e["id"]: e for e in found}


def test_nothing_changed_is_the_base() -> None:
    found = made(profile("Patient", row("Patient")))
    assert list(found)[:4] == ["Patient", "Patient.id", "Patient.meta", "Patient.implicitRules"]
    assert found["Patient.id"]["base"] == {"path": "Resource.id", "min": 0, "max": "1"}
    assert found["Patient.contact.name"]["type"] == [{"code": "HumanName"}]
    assert found["Patient.link.other"]["min"] == 1


def test_attributes_replace_lists_grow_and_prose_may_continue() -> None:
    rule = {"key": "own-1", "severity": "error", "human": "x", "expression": "true"}
    found = made(
        profile(
            "Patient",
            row("Patient.identifier", min=1, definition="... more", constraint=[rule], alias=["NIR"]),
            row("Patient.active", fixedBoolean=True, mustSupport=True),
        )
    )
    assert found["Patient.identifier"]["min"] == 1
    assert found["Patient.identifier"]["definition"].endswith("more")
    assert [c["key"] for c in found["Patient.identifier"]["constraint"]] == ["ele-1", "own-1"]
    assert found["Patient.active"]["fixedBoolean"] is True


def test_complex_types_and_profiles_on_types_unfold() -> None:
    coded = profile("Coding", row("Coding.system", min=1), name="coded")
    found = made(
        profile(
            "Observation",
            row("Observation.code.coding", type=[{"code": "Coding", "profile": [coded["url"]]}]),
            row("Observation.code.coding.display", min=1),
            row("Observation.subject.reference", min=1),
        ),
        coded,
    )
    assert found["Observation.code.coding.system"]["min"] == 1
    assert found["Observation.code.coding.display"]["min"] == 1
    assert found["Observation.subject.reference"]["base"]["path"] == "Reference.reference"
    assert "Observation.subject.display" in found and "Observation.method.coding" not in found


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_choice_is_sliced_by_type_also_by_its_shortcut(shortcut: bool) -> None:
    first = (
        row("Observation.valueQuantity", min=1)
        if shortcut
        else row("Observation.value[x]", "valueQuantity", min=1)
    )
    below = row("Observation.valueQuantity.code" if shortcut else "Observation.value[x].code", min=1)
    found = made(profile("Observation", first, below))
    assert found["Observation.value[x]"]["slicing"]["discriminator"] == [{"type": "type", "path": "$this"}]
    assert found["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert found["Observation.value[x]"]["type"] == [{"code": "Quantity"}]
    one = found["Observation.value[x]:valueQuantity"]
    assert (one["path"], one["min"], one["type"]) == ("Observation.value[x]", 1, [{"code": "Quantity"}])
    assert found["Observation.value[x]:valueQuantity.code"]["min"] == 1


def test_slices_in_disorder_and_reslices() -> None:
    by = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    found = made(
        profile(
            "Patient",
            row("Patient.telecom", slicing=by),
            row("Patient.telecom", "phone", max="2", slicing=by),
            row("Patient.telecom", "mail"),
            row("Patient.telecom.system", fixedCode="email"),
            row("Patient.telecom", "phone/home", max="1"),
            row("Patient.active", min=1),
            {"id": "Patient.telecom:phone.use", **row("Patient.telecom.use", min=1)},
        )
    )
    slices = [i for i in found if i.startswith("Patient.telecom:") and "." not in i.removeprefix("Patient.")]
    assert slices == ["Patient.telecom:phone", "Patient.telecom:phone/home", "Patient.telecom:mail"]
    assert found["Patient.telecom:mail.system"]["fixedCode"] == "email"
    assert found["Patient.telecom:phone.use"]["min"] == 1
    assert found["Patient.telecom:mail.use"]["min"] == 0
    assert found["Patient.telecom:phone/home"]["min"] == 0
    assert list(found).index("Patient.active") < list(found).index("Patient.telecom")


def test_an_extension_takes_what_its_definition_says() -> None:
    asked = {"code": "Extension", "profile": [BASE + "patient-birthPlace"]}
    found = made(
        profile(
            "Patient",
            row("Patient.extension", "place", type=[asked]),
            row("Patient.extension.value[x]", min=1),
        )
    )
    assert found["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    assert found["Patient.extension:place"]["max"] == "1"
    assert found["Patient.extension:place.url"]["fixedUri"] == BASE + "patient-birthPlace"
    assert found["Patient.extension:place.value[x]"]["type"] == [{"code": "Address"}]


def test_a_content_reference_unfolds_where_one_goes_below_it() -> None:
    found = made(profile("Questionnaire", row("Questionnaire.item.item.linkId", short="deep")))
    assert found["Questionnaire.item.item.linkId"]["short"] == "deep"
    assert found["Questionnaire.item.item.item"]["contentReference"] == "#Questionnaire.item"
    assert "contentReference" not in found["Questionnaire.item.item"]


def test_a_profile_of_a_profile_and_a_logical_model() -> None:
    parent = profile("Patient", row("Patient.name", min=1), name="parent")
    child = profile("Patient", row("Patient.name.family", min=1), name="child", baseDefinition=parent["url"])
    assert made(child, parent)["Patient.name"]["min"] == 1
    rows = [row("Model", min=0, max="*"), row("Model.part", type=[{"code": "string"}], min=0, max="*")]
    model = profile("Model", *rows, derivation="specialization", baseDefinition=BASE + "Element")
    assert list(made(model)) == ["Model", "Model.id", "Model.extension", "Model.part"]


@pytest.mark.parametrize(
    ("wrong", "kind", "place"),
    [
        (profile("Patient", row("Patient"), row("Patient.nme", min=1)), "invariant", f"{ROWS}[1]"),
        (profile("Patient", row("Patient.active", type=[{"code": "string"}])), "invariant", f"{ROWS}[0]"),
        (
            profile("Observation", row("Observation.value[x].unit", min=1)),
            "invariant",
            f"{ROWS}[0]",
        ),
        (profile("Patient", row("Patient.active", max="*")), "invariant", f"{ROWS}[0].max"),
        (profile("Patient", row("Patient.link.other", min=0)), "invariant", f"{ROWS}[0].min"),
        (
            profile("Patient", row("Patient.gender", binding={"strength": "preferred", "valueSet": MINE})),
            "invariant",
            f"{ROWS}[0].binding",
        ),
        (
            profile("Observation", row("Observation"), row("Observation.valueQuantity", fixedString="x")),
            "invariant",
            f"{ROWS}[1].fixedString",
        ),
        (profile("Patient", baseDefinition=MINE + "none"), "not-found", "StructureDefinition.baseDefinition"),
        (
            profile("Patient", baseDefinition=MINE + "mine"),
            "business-rule",
            "StructureDefinition.baseDefinition",
        ),
        (profile("Patient", {"min": 1}), "structure", "StructureDefinition"),
    ],
)
def test_what_does_not_fit_is_named(wrong: dict[str, Any], kind: str, place: str) -> None:
    with pytest.raises(Problem) as refused:
        made(wrong, wrong)
    issue = refused.value.issues[0]
    assert (issue.kind, issue.at) == (kind, (place,))
    assert issue.fr and issue.fr != issue.text


def test_a_definition_that_another_rests_on_is_named() -> None:
    parent = profile("Patient", row("Patient.name", min=1, max="1"), name="parent")
    child = profile("Patient", row("Patient.name", max="2"), name="child", baseDefinition=parent["url"])
    last = profile("Patient", row("Patient.name"), name="last", baseDefinition=child["url"])
    with pytest.raises(Problem) as refused:
        made(last, child, parent)
    issue = refused.value.issues[0]
    assert issue.at == (f"{ROWS}[0].max",)
    assert issue.text.startswith(f"In {child['url']}: ") and issue.fr.startswith(f"Dans {child['url']} : ")
    assert "at Patient.name.max" in issue.text


def test_slices_of_slices_have_a_bound() -> None:
    by = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    deep = row("Patient.contact.address.extension.value[x].extension", min=0)
    rows = [row("Patient.contact", slicing=by), deep]
    rows += [row("Patient.contact", f"s{n}") for n in range(15_000)]
    with pytest.raises(Problem) as refused:
        made(profile("Patient", *rows))
    assert refused.value.kind == "too-costly"


def test_constraints_of_every_element_are_written() -> None:
    found = made(profile("Patient", row("Patient.contact.name.family", min=1)))
    rules = {i: [c["key"] for c in e.get("constraint", ())] for i, e in found.items()}
    assert rules["Patient.name"] == ["ele-1"] and rules["Patient.extension"] == ["ele-1", "ext-1"]
    assert rules["Patient.contact"] == ["ele-1", "pat-1"] and "ele-1" not in rules["Patient"]
    assert rules["Patient.id"] == rules["Patient.contained"] == rules["Patient.contact.name.id"] == []


def test_elements_of_an_extension_of_the_specification_say_what_they_stand_for() -> None:
    types = [{"code": "Extension", "profile": [BASE + "geolocation"]}]
    place = "Patient.address.extension"
    found = made(
        profile(
            "Patient",
            row(place, "place", type=types),
            row(f"{place}.extension", "latitude"),
            row(f"{place}.extension.valueDecimal", mustSupport=True),
        )
    )
    latitude = "Patient.address.extension:place.extension:latitude"
    assert found[f"{latitude}.id"]["base"]["path"] == "Element.id"
    assert found[f"{latitude}.value[x]"]["base"]["path"] == "Extension.value[x]"
    # There is one type: the shortcut speaks of the element, no slice is meant.
    assert found[f"{latitude}.value[x]"]["mustSupport"] and f"{latitude}.value[x]:valueDecimal" not in found


def test_a_binding_keeps_what_the_differential_does_not_say() -> None:
    found = made(profile("Observation", row("Observation.code", binding={"strength": "required"})))
    assert found["Observation.code"]["binding"] == {
        "strength": "required",
        "valueSet": "http://hl7.org/fhir/ValueSet/observation-codes",
    }


def test_what_is_said_of_a_slicer_is_said_once_and_of_slices_with_a_profile() -> None:
    sliced = [
        row("Patient.telecom", slicing={"discriminator": [{"type": "value", "path": "system"}]}),
        row("Patient.telecom.system", min=1, mustSupport=True),
        row("Patient.telecom", "mail"),
        row("Patient.telecom.system", fixedCode="email"),
    ]
    points = profile("ContactPoint", row("ContactPoint.value", min=1), name="points")
    follows = [{"code": "ContactPoint", "profile": [MINE + "points"]}]
    found = made(profile("Patient", *sliced, row("Patient.telecom", "other", type=follows)), points)
    assert found["Patient.telecom.system"]["min"] == 1
    assert "mustSupport" not in found["Patient.telecom:mail.system"]  # said of every value, by the slicer
    assert found["Patient.telecom:other.system"]["min"] == 1
    assert found["Patient.telecom:other.value"]["min"] == 1


def test_a_choice_whose_every_type_has_a_slice_is_closed() -> None:
    slicing = {"rules": "open"}
    some = made(
        profile(
            "Observation",
            row("Observation.value[x]", slicing=slicing),
            row("Observation.value[x]", "valueQuantity", type=[{"code": "Quantity"}]),
        )
    )["Observation.value[x]"]["slicing"]
    assert some["rules"] == "open" and some["discriminator"] == [{"type": "type", "path": "$this"}]
    every = made(
        profile(
            "Observation",
            row("Observation.value[x]", type=[{"code": "Quantity"}], min=1, slicing=slicing),
            row("Observation.valueQuantity.value", min=1),
        )
    )
    assert every["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert every["Observation.value[x]:valueQuantity"]["min"] == 1


@pytest.mark.parametrize(
    ("kind", "rows", "said"),
    [
        ("Observation", [row("Observation.value[x]", fixedUri="x:y")], "cannot hold a uri"),
        ("Observation", [row("Observation.code", patternCoding={"code": "x"})], "cannot hold a Coding"),
        ("Observation", [row("Observation"), row("Observatoin.code", min=1)], "Observatoin.code"),
        ("Patient", [row("Patient", slicing={"rules": "open"})], "root cannot be sliced"),
        ("Patient", [row("Patient", type=[{"code": "Patient", "profile": [MINE + "mine"]}])], "without end"),
        (
            "Observation",
            [row("Observation.component", min=1), row("Observation.component", id="Observation.component:a")],
            "sliceName is missing",
        ),
        (
            "Observation",
            [row("Observation.valueQuantity", min=1), row("Observation.valueString", short="too")],
            "another slice of this choice is mandatory",
        ),
        (
            "Observation",
            [
                row("Observation.value[x]", slicing={"discriminator": [{"type": "type", "path": "$this"}]}),
                row("Observation.value[x]", "Quantity", type=[{"code": "Quantity"}]),
            ],
            "is called valueQuantity",
        ),
        (
            "Patient",
            [row("Patient.maritalStatus", slicing={"discriminator": [{"type": "value", "path": "text"}]})],
            "lets it stand once",
        ),
    ],
    ids=["fixed", "pattern", "path", "root", "itself", "unnamed", "impossible", "by type", "once"],
)
def test_what_no_definition_can_say_is_refused(kind: str, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(Problem) as refused:
        made(profile(kind, *rows))
    assert said in refused.value.issues[0].text and refused.value.issues[0].fr


def test_a_constraint_keeps_the_type_and_must_support() -> None:
    with pytest.raises(Problem, match="a constraint keeps the type"):
        made(profile("Patient", row("Patient"), type="Group", baseDefinition=BASE + "Patient"))
    above = profile("Patient", row("Patient.name", mustSupport=True), name="above")
    below = profile("Patient", row("Patient.name", mustSupport=False), baseDefinition=MINE + "above")
    with pytest.raises(Problem, match="cannot be taken back"):
        made(below, above)
    # Publishers take back that of the specification's own profiles.
    vital = profile("Observation", row("Observation.code", mustSupport=False), baseDefinition=BASE + "bp")
    assert made(vital)["Observation.code"]["mustSupport"] is False


def test_a_fixed_value_stays_as_it_is() -> None:
    above = profile("Patient", row("Patient.language", fixedCode="fr"), name="above")
    same = profile("Patient", row("Patient.language", fixedCode="fr", min=1), baseDefinition=MINE + "above")
    other = profile("Patient", row("Patient.language", fixedCode="en"), baseDefinition=MINE + "above")
    assert made(same, above)["Patient.language"]["min"] == 1
    with pytest.raises(Problem, match="another fixed value"):
        made(other, above)


def test_a_choice_sliced_otherwise_names_its_slices_freely() -> None:
    slicing = {"discriminator": [{"type": "pattern", "path": "$this"}], "rules": "open"}
    rows = row("Observation.value[x]", slicing=slicing), row("Observation.value[x]", "size")
    found = made(
        profile("Observation", *rows, row("Observation.value[x]", "weight", type=[{"code": "Quantity"}]))
    )
    assert {"Observation.value[x]:size", "Observation.value[x]:weight"} <= found.keys()


def test_a_slice_that_its_id_calls_otherwise_keeps_its_name_below() -> None:
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    below = row("Patient.telecom.value", id="Patient.telecom:old.value", min=1)
    deeper = row("Patient.telecom.period.start", id="Patient.telecom:old.period.start", min=1)
    sliced = row("Patient.telecom", "new", id="Patient.telecom:old")
    found = made(profile("Patient", row("Patient.telecom", slicing=slicing), sliced, below, deeper))
    assert found["Patient.telecom:new.value"]["min"] == 1
    assert found["Patient.telecom:new.period.start"]["min"] == 1
    assert not any(":old" in place for place in found)


def test_what_a_reference_once_followed_is_let_through() -> None:
    once = {"code": "Reference", "profile": [BASE + "Practitioner"]}
    assert made(profile("Patient", row("Patient.generalPractitioner", type=[once])))["Patient"]


def test_a_type_that_follows_another_profile_keeps_the_slices_that_stood() -> None:
    first = profile("Identifier", row("Identifier.value", min=1), name="first")
    second = profile(
        "Identifier",
        row("Identifier.extension", "more", min=1),
        row("Identifier.system", min=1),
        name="second",
    )
    typed = [{"code": "Identifier", "profile": [MINE + "first"]}]
    above = profile(
        "Patient",
        row("Patient.identifier", type=typed),
        row("Patient.identifier.extension", "own", min=1, max="1"),
        name="above",
    )
    follows = [{"code": "Identifier", "profile": [MINE + "second"]}]
    below = profile("Patient", row("Patient.identifier", type=follows), baseDefinition=MINE + "above")
    found = made(below, above, first, second)
    assert found["Patient.identifier.system"]["min"] == 1
    slices = [i for i in found if i.startswith("Patient.identifier.extension:") and i.count(".") == 2]
    assert slices == ["Patient.identifier.extension:own", "Patient.identifier.extension:more"]


def test_the_only_shortcut_below_a_slice_says_what_type_the_choice_has_there() -> None:
    by = {"discriminator": [{"type": "pattern", "path": "code"}], "rules": "open"}
    slice, below = "Observation.component:pulse", "Observation.component.valueQuantity"
    found = made(
        profile(
            "Observation",
            row("Observation.component", slicing=by),
            row("Observation.component", "pulse"),
            {"id": f"{slice}.valueQuantity", **row(below, mustSupport=True)},
            {"id": f"{slice}.valueQuantity.code", **row(f"{below}.code", min=1)},
            row("Observation.component", "rhythm"),
            row("Observation.component.valueString"),
            row("Observation.component.valueQuantity"),
        )
    )
    choice = found[f"{slice}.value[x]"]
    assert (choice["type"], choice["mustSupport"], "slicing" in choice) == (
        [{"code": "Quantity"}],
        True,
        False,
    )
    assert found[f"{slice}.value[x].code"]["min"] == 1 and f"{slice}.value[x]:valueQuantity" not in found
    assert len(found["Observation.component.value[x]"]["type"]) == 11
    assert found["Observation.component:rhythm.value[x]:valueString"]["type"] == [{"code": "string"}]


def test_profiles_of_the_specification_keep_what_they_rest_on() -> None:
    found = made(profile("Observation", baseDefinition=f"{BASE}bp"))
    keys = {rule["key"] for rule in found["Observation"]["constraint"]}
    assert keys >= {"dom-6", "obs-7", "vs-2"}
    assert "vs-3" in {rule["key"] for rule in found["Observation.component:SystolicBP"]["constraint"]}
    assert found["Observation.status"]["mustSupport"] is True
    assert "mustSupport" not in found["Observation.note"]


def test_an_element_takes_the_constraints_of_its_extension() -> None:
    rule = {"key": "own-1", "severity": "error", "human": "x", "expression": "true"}
    held = profile("Extension", row("Extension", constraint=[rule]), name="held")
    found = made(
        profile(
            "Patient",
            row("Patient.extension", "held", type=[{"code": "Extension", "profile": [held["url"]]}]),
        ),
        held,
    )
    assert [c["key"] for c in found["Patient.extension:held"]["constraint"]] == ["ele-1", "ext-1", "own-1"]


def test_an_extension_may_hold_itself() -> None:
    itself = [{"code": "Extension", "profile": [f"{MINE}mine"]}]
    inner = profile("Extension", row("Extension.extension", "more", type=itself, max="3"))
    found = made(inner, inner)
    assert (found["Extension.extension:more"]["type"], found["Extension.extension:more"]["max"]) == (
        itself,
        "3",
    )


def test_a_snapshot_says_why_an_element_is_a_modifier_and_what_is_an_attribute() -> None:
    found = made(
        profile("Patient", row("Patient.contact.name.family", min=1), row("Patient.extension", "one"))
    )
    assert "implicit rules" in found["Patient.implicitRules"]["isModifierReason"]
    assert all(e.get("isModifierReason") for e in found.values() if e.get("isModifier"))
    attributes = {i for i, e in found.items() if e.get("representation") == ["xmlAttr"]}
    assert {"Patient.contact.id", "Patient.contact.name.id"} <= attributes and "Patient.id" not in attributes
    held = made(profile("Observation", baseDefinition=f"{BASE}bp"))
    assert all(e.get("isModifierReason") for e in held.values() if e.get("isModifier"))


def test_what_is_pinned_to_another_release_is_not_what_is_shipped() -> None:
    def asked(version: str, *others: dict[str, Any]) -> dict[str, Any]:
        type = {"code": "Extension", "profile": [f"{BASE}patient-birthPlace{version}"]}
        rows = row("Patient.extension", "place", type=[type]), row("Patient.extension.id", max="0")
        known = {f"{d['url']}|{d['version']}": d for d in others}
        found = Snapshots(known.get).snapshot(profile("Patient", *rows))["snapshot"]["element"]
        return next(e for e in found if e["id"] == "Patient.extension:place.value[x]")

    assert asked("")["type"] == asked("|4.0.1")["type"] == [{"code": "Address"}]
    assert len(asked("|5.2.0")["type"]) > 1
    younger = profile("Extension", row("Extension.value[x]", type=[{"code": "string"}]), version="5.2.0")
    assert asked("|5.2.0", {**younger, "url": f"{BASE}patient-birthPlace"})["type"] == [{"code": "string"}]


def test_a_constraint_names_the_type_that_states_it() -> None:
    found = made(profile("Patient", row("Patient.contact", min=1)))
    sources = {rule["key"]: rule["source"] for e in found.values() for rule in e.get("constraint", ())}
    assert sources["dom-2"] == BASE + "DomainResource"
    assert sources["pat-1"] == BASE + "Patient"


def test_examples_are_added_and_the_specification_s_own_profiles_say_what_is_an_attribute() -> None:
    more = {"label": "French", "valueString": "29200"}
    mine = profile("Location", row("Location.address.postalCode", example=[more]))
    rows = Snapshots({}.get, prose=True).snapshot(mine)["snapshot"]["element"]
    said = next(e["example"] for e in rows if e["id"] == "Location.address.postalCode")
    assert said == [{"label": "General", "valueString": "9132"}, more]
    held = made(profile("Observation", baseDefinition=f"{BASE}bp"))
    assert held["Observation.category:VSCat.id"]["representation"] == ["xmlAttr"]
