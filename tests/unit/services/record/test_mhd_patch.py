"""What may change of a document, and how it is asked."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.services.record.mhd import ARCHIVED
from aubier.services.record.mhd.patch import fhirpath_patch, frozen_changes, json_patch, only_permitted

N = {"coding": [{"code": "N"}]}
R = {"coding": [{"code": "R"}]}
DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "1",
    "status": "current",
    "securityLabel": [N],
    "description": "x",
    "content": [{"attachment": {"title": "t"}}],
}


def patched(*operations: dict[str, Any], of: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    return only_permitted(json_patch(list(operations)))(of)


def operation(kind: str, path: str, *parts: dict[str, Any]) -> dict[str, Any]:
    part = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}, *parts]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


def by_path(kind: str, path: str, *parts: dict[str, Any], of: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    return only_permitted(fhirpath_patch(operation(kind, path, *parts)))(of)


def test_json_patch_changes_status_labels_and_archive() -> None:
    before = copy.deepcopy(DOCUMENT)
    changed = patched(
        {"op": "test", "path": "/status", "value": "current"},
        {"op": "replace", "path": "/status", "value": "superseded"},
        {"op": "add", "path": "/securityLabel/-", "value": R},
        {"op": "add", "path": "/extension", "value": [{"url": ARCHIVED, "valueBoolean": True}]},
    )
    assert changed["status"] == "superseded" and changed["securityLabel"] == [N, R]
    assert changed["extension"][0]["valueBoolean"] is True
    assert before == DOCUMENT
    copied = patched({"op": "copy", "from": "/securityLabel/0", "path": "/securityLabel/-"})
    assert copied["securityLabel"] == [N, N]
    assert "securityLabel" not in patched({"op": "remove", "path": "/securityLabel/0"})


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "replace", "path": "/description", "value": "y"}, "method"),
        ({"op": "add", "path": "/subject", "value": {}}, "method"),
        ({"op": "remove", "path": "/content"}, "method"),
        ({"op": "add", "path": "/extension", "value": [{"url": "http://other"}]}, "method"),
        ({"op": "move", "from": "/status", "path": "/description"}, "method"),
        ({"op": "test", "path": "/status", "value": "superseded"}, "conflict"),
        ({"op": "replace", "path": "/securityLabel/7", "value": N}, "processing"),
        ({"op": "remove", "path": "/extension"}, "processing"),
        ({"op": "add", "path": "/status/x", "value": 1}, "processing"),
        ({"op": "replace", "path": "/status"}, "structure"),
        ({"op": "jump", "path": "/status"}, "structure"),
        ({"op": "add", "path": "status", "value": 1}, "structure"),
        ({"op": "add", "path": 3, "value": 1}, "structure"),
        ({"op": "copy", "from": "/securityLabel/7", "path": "/securityLabel/1"}, "processing"),
        ({"op": "copy", "from": "/description", "path": "/content/0"}, "method"),
        ({"op": "move", "from": "/description", "path": "/status"}, "method"),
        ({"op": "move", "from": "", "path": "/status"}, "structure"),
        ({"op": "replace", "path": "", "value": {}}, "value"),
        ({"op": "replace", "path": "", "value": {**DOCUMENT, "description": "y"}}, "method"),
        ({"op": "replace", "path": "/securityLabel/²", "value": N}, "processing"),
    ],
)
def test_json_patch_refusals(operation: dict[str, Any], kind: str) -> None:
    with pytest.raises(Problem) as caught:
        patched(operation)
    assert caught.value.kind == kind


@pytest.mark.parametrize("body", [None, {}, [], "x", [1], [{"op": "remove", "path": "/status"}] * 21])
def test_what_is_no_json_patch(body: Any) -> None:
    with pytest.raises(Problem) as caught:
        json_patch(body)
    assert caught.value.kind == "structure"


def test_fhirpath_patch_changes_the_same() -> None:
    value = {"name": "value", "valueCode": "superseded"}
    assert by_path("replace", "DocumentReference.status", value)["status"] == "superseded"
    label = {"name": "value", "valueCodeableConcept": R}
    assert by_path("replace", "DocumentReference.securityLabel", label)["securityLabel"] == [R]
    assert by_path("replace", "DocumentReference.securityLabel[0]", label)["securityLabel"] == [R]
    assert "securityLabel" not in by_path("delete", "DocumentReference.securityLabel")
    added = by_path("add", "DocumentReference", {"name": "name", "valueString": "securityLabel"}, label)
    assert added["securityLabel"] == [N, R]


def test_fhirpath_patch_archives_and_takes_out() -> None:
    place = f"DocumentReference.extension.where(url='{ARCHIVED}').value"
    yes = {"name": "value", "valueBoolean": True}
    extension = {"name": "value", "valueExtension": {"url": ARCHIVED, "valueBoolean": True}}
    name = {"name": "name", "valueString": "extension"}
    archived = by_path("add", "DocumentReference", name, extension)
    assert archived["extension"] == [{"url": ARCHIVED, "valueBoolean": True}]
    no = {"name": "value", "valueBoolean": False}
    assert by_path("replace", place, no, of=archived)["extension"][0]["valueBoolean"] is False
    assert "extension" not in by_path("delete", place.removesuffix(".value"), of=archived)
    assert by_path("replace", place, yes, of=archived) == archived


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("replace", "DocumentReference.description", "method"),
        ("delete", "DocumentReference.content[0]", "method"),
        ("replace", "DocumentReference.content.attachment.title", "method"),
        ("move", "DocumentReference.status", "structure"),
        ("replace", "Patient.active", "invalid"),
        ("replace", "", "invalid"),
    ],
)
def test_fhirpath_patch_refusals(kind: str, path: str, expected: str) -> None:
    parts = () if kind == "delete" else ({"name": "value", "valueString": "y"},)
    with pytest.raises(Problem) as caught:
        by_path(kind, path, *parts)
    assert caught.value.kind == expected


def test_parameters_without_operation() -> None:
    for body in ({}, {"parameter": []}, {"parameter": [{"name": "x"}]}, {"parameter": "x"}):
        with pytest.raises(Problem):
            fhirpath_patch({"resourceType": "Parameters", **body})


def test_the_frozen_elements_that_differ_are_named() -> None:
    after = DOCUMENT | {"status": "superseded", "description": "y", "meta": {"versionId": "2"}, "author": []}
    assert frozen_changes(DOCUMENT, after) == ("author", "description")
    assert frozen_changes(DOCUMENT, {k: v for k, v in DOCUMENT.items() if k != "content"}) == ("content",)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_POINTER = st.sampled_from(
    [
        "/status",
        "/securityLabel",
        "/securityLabel/0",
        "/securityLabel/0/coding",
        "/extension/-",
        "/",
        "/content/0",
        "//",
        "/a~1b",
    ]
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _POINTER},
            optional={"value": _JSON, "from": _POINTER},
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=150)
def test_any_patch_gives_a_permitted_change_or_a_problem(operations: list[dict[str, Any]]) -> None:
    try:
        changed = patched(*operations)
    except Problem:
        return
    assert frozen_changes(DOCUMENT, changed) == ()


def test_a_patch_does_not_grow_a_document_without_end() -> None:
    label = {"coding": [{"code": str(n)} for n in range(400)]}
    bomb = [{"op": "add", "path": "/securityLabel/-", "value": label} for _ in range(3)]
    with pytest.raises(Problem) as caught:
        patched(*bomb)
    assert caught.value.kind == "structure"
    twice = [{"op": "copy", "from": "/securityLabel", "path": "/securityLabel/-"}] * 20
    with pytest.raises(Problem) as caught:
        patched(*twice)
    assert caught.value.kind == "too-costly"


def test_a_value_nested_without_end_is_refused_not_followed() -> None:
    deep: Any = "x"
    for _ in range(3_000):
        deep = [deep]
    with pytest.raises(Problem) as caught:
        patched({"op": "add", "path": "/securityLabel", "value": deep})
    assert caught.value.kind == "structure"


def test_the_document_that_grew_before_is_bounded_too() -> None:
    grown = DOCUMENT | {"securityLabel": [{"coding": [{"code": str(n)} for n in range(1_300)]}]}
    with pytest.raises(Problem):
        patched({"op": "add", "path": "/securityLabel/-", "value": R}, of=grown)
