"""JSON Patch: every operation, what is refused, and what it may cost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir.json import parse_list
from aubier.fhir.patch import json_patch
from aubier.fhir.patch.json import apply, read, same
from aubier.ground.problem import Problem

DOCUMENT = {"a": [1, {"b": Decimal("1.50")}], "c/d": {"e~f": "x"}, "g": None}

WORKS: list[tuple[list[dict[str, Any]], Any]] = [
    ([{"op": "add", "path": "/h", "value": [1]}], {**DOCUMENT, "h": [1]}),
    ([{"op": "add", "path": "/a/0", "value": 0}], {**DOCUMENT, "a": [0, 1, {"b": Decimal("1.50")}]}),
    ([{"op": "add", "path": "/a/-", "value": 2}], {**DOCUMENT, "a": [1, {"b": Decimal("1.50")}, 2]}),
    ([{"op": "add", "path": "/a/2", "value": 2}], {**DOCUMENT, "a": [1, {"b": Decimal("1.50")}, 2]}),
    ([{"op": "add", "path": "/a", "value": 2}], {**DOCUMENT, "a": 2}),
    ([{"op": "add", "path": "", "value": {"z": 1}}], {"z": 1}),
    ([{"op": "add", "path": "/", "value": 1}], {**DOCUMENT, "": 1}),
    ([{"op": "remove", "path": "/a/0"}], {**DOCUMENT, "a": [{"b": Decimal("1.50")}]}),
    ([{"op": "remove", "path": "/c~1d/e~0f"}], {**DOCUMENT, "c/d": {}}),
    ([{"op": "replace", "path": "/a/1/b", "value": 2}], {**DOCUMENT, "a": [1, {"b": 2}]}),
    ([{"op": "replace", "path": "/g", "value": 2}], {**DOCUMENT, "g": 2}),
    ([{"op": "move", "from": "/a/0", "path": "/a/1"}], {**DOCUMENT, "a": [{"b": Decimal("1.50")}, 1]}),
    ([{"op": "move", "from": "/g", "path": "/c~1d/g"}, {"op": "test", "path": "/c~1d/g", "value": None}],
     {"a": DOCUMENT["a"], "c/d": {"e~f": "x", "g": None}}),
    ([{"op": "move", "from": "/a", "path": "/a"}], DOCUMENT),
    ([{"op": "copy", "from": "/a/0", "path": "/h"}], {**DOCUMENT, "h": 1}),
    ([{"op": "test", "path": "/a/1/b", "value": Decimal("1.5")}], DOCUMENT),
    ([{"op": "test", "path": "", "value": DOCUMENT}], DOCUMENT),
    ([], DOCUMENT),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "expected"), WORKS)
def test_an_operation(operations: list[dict[str, Any]], expected: Any) -> None:
    before = repr(DOCUMENT)
    assert apply(read(operations), DOCUMENT) == expected
    assert repr(DOCUMENT) == before


REFUSED = [
    ({"op": "add", "path": "/x/y", "value": 1}, "processing", "$this[0].path"),
    ({"op": "add", "path": "/a/3", "value": 1}, "processing", "$this[0].path"),
    ({"op": "add", "path": "/a/01", "value": 1}, "processing", "$this[0].path"),
    ({"op": "add", "path": "/a/-1", "value": 1}, "processing", "$this[0].path"),
    ({"op": "add", "path": "/a/²", "value": 1}, "processing", "$this[0].path"),
    ({"op": "add", "path": "/a/0/x", "value": 1}, "processing", "$this[0].path"),
    ({"op": "remove", "path": "/a/-"}, "processing", "$this[0].path"),
    ({"op": "remove", "path": "/x"}, "processing", "$this[0].path"),
    ({"op": "replace", "path": "/x", "value": 1}, "processing", "$this[0].path"),
    ({"op": "replace", "path": "/a/2", "value": 1}, "processing", "$this[0].path"),
    ({"op": "move", "from": "/x", "path": "/y"}, "processing", "$this[0].from"),
    ({"op": "move", "from": "/a", "path": "/a/b"}, "structure", "$this[0].path"),
    ({"op": "copy", "from": "/a/9", "path": "/y"}, "processing", "$this[0].from"),
    ({"op": "test", "path": "/a/0", "value": True}, "conflict", "$this[0].value"),
    ({"op": "test", "path": "/a/0", "value": "1"}, "conflict", "$this[0].value"),
    ({"op": "test", "path": "/g", "value": False}, "conflict", "$this[0].value"),
    ({"op": "add", "path": "a", "value": 1}, "structure", "$this[0].path"),
    ({"op": "add", "path": "/a~2", "value": 1}, "structure", "$this[0].path"),
    ({"op": "add", "path": "/a~", "value": 1}, "structure", "$this[0].path"),
    ({"op": "add", "path": 1, "value": 1}, "structure", "$this[0].path"),
    ({"op": "add", "path": "/a"}, "structure", "$this[0].value"),
    ({"op": "move", "path": "/a"}, "structure", "$this[0].from"),
    ({"op": "remove"}, "structure", "$this[0].path"),
    ({"op": "spam", "path": "/a"}, "structure", "$this[0].op"),
    ({"op": ["add"], "path": "/a"}, "structure", "$this[0].op"),
    ({"path": "/a"}, "structure", "$this[0].op"),
    ("x", "structure", "$this[0].op"),
]


@pytest.mark.parametrize(("operation", "kind", "at"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(operation: Any, kind: str, at: str) -> None:
    with pytest.raises(Problem) as caught:
        apply(read([operation]), DOCUMENT)
    issue = caught.value.issues[0]
    assert (issue.kind, issue.at) == (kind, (at,)) and issue.text != issue.fr


@pytest.mark.parametrize("operations", [{}, "x", None, [{"op": "remove", "path": "/a"}] * 1001])
def test_a_patch_is_a_list_of_bounded_length(operations: Any) -> None:
    with pytest.raises(Problem) as caught:
        json_patch(operations)
    assert caught.value.kind == "structure"


PATIENT = {"resourceType": "Patient", "id": "p", "active": True, "name": [{"family": "A", "given": ["B"]}]}


def test_what_a_removal_empties_goes_too() -> None:
    emptied = json_patch(
        [{"op": "remove", "path": "/name/0/given/0"}, {"op": "remove", "path": "/name/0/family"}]
    )
    assert emptied(PATIENT) == {"resourceType": "Patient", "id": "p", "active": True}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "replace", "path": "/id", "value": "q"}, "value"),
        ({"op": "remove", "path": "/resourceType"}, "value"),
        ({"op": "replace", "path": "", "value": []}, "processing"),
        ({"op": "remove", "path": ""}, "processing"),
    ],
)
def test_a_resource_stays_that_resource(operation: dict[str, Any], kind: str) -> None:
    with pytest.raises(Problem) as caught:
        json_patch([operation])(PATIENT)
    assert caught.value.kind == kind


def test_copies_of_copies_are_stopped() -> None:
    deep = [{"op": "copy", "from": "/name", "path": "/name/0/x"}] * 80
    wide = [{"op": "copy", "from": "", "path": f"/x{n}"} for n in range(40)]
    for operations, kind in ((deep, "too-long"), (wide, "too-costly")):
        with pytest.raises(Problem) as caught:
            json_patch(operations)(PATIENT)
        assert caught.value.kind == kind


def test_nesting_by_moves_is_stopped() -> None:
    steps: list[dict[str, Any]] = [{"op": "add", "path": "/x", "value": {}}]
    for _ in range(300):
        steps += [{"op": "add", "path": "/y", "value": {}}, {"op": "move", "from": "/x", "path": "/y/x"}]
        steps += [{"op": "move", "from": "/y", "path": "/x"}]
    with pytest.raises(Problem) as caught:
        json_patch(steps)(PATIENT)
    assert caught.value.kind == "too-long"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~01", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
TOKEN = st.sampled_from(["", "a", "b", "0", "1", "-", "~0", "~1", "~", "00"])
STEP = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"])},
    optional={
        "path": st.lists(TOKEN, max_size=3).map(lambda t: "".join(f"/{x}" for x in t)),
        "from": st.lists(TOKEN, max_size=3).map(lambda t: "".join(f"/{x}" for x in t)),
        "value": JSON,
    },
)


@settings(max_examples=60)
@given(JSON, st.lists(STEP, max_size=6))
def test_any_patch_is_applied_or_refused(document: Any, steps: list[Any]) -> None:
    before = repr(document)
    try:
        apply(read(steps), document)
    except Problem as refusal:
        assert refusal.kind in ("structure", "processing", "conflict", "too-long", "too-costly")
    assert repr(document) == before


@given(JSON, JSON)
def test_same_is_what_it_says(left: Any, right: Any) -> None:
    assert same(left, left)
    if not same(left, right):
        assert left != right or repr(left) != repr(right)


def test_a_list_is_read_with_the_bounds_of_json() -> None:
    assert parse_list(b'[{"op":"add","value":1.50}]')[0]["value"] == Decimal("1.50")
    for data in (b"{}", b"1", b"", b'[{"op":1,"op":2}]', b"[" * 100 + b"]" * 100):
        with pytest.raises(Problem):
            parse_list(data)


def test_what_is_taken_from_one_name_stays_beside_the_others() -> None:
    mark = {"extension": [{"url": "http://x", "valueCode": "a"}]}
    other = {"extension": [{"url": "http://x", "valueCode": "b"}]}

    def without(place: int, **name: Any) -> Any:
        patient = {"resourceType": "Patient", "id": "p", "name": [name]}
        steps = [{"op": "remove", "path": f"/name/0/_given/{place}/extension"}]
        return json_patch(steps)(patient).get("name")

    left = [{"given": ["A", "B"], "_given": [None, other]}]
    assert without(0, given=["A", "B"], _given=[mark, other]) == left
    assert without(0, given=["A", "B"], _given=[mark, None]) == [{"given": ["A", "B"]}]
    assert without(0, given=[None, "B"], _given=[mark, None]) == [{"given": ["B"]}]
    assert without(1, _given=[other, mark]) == [{"_given": [other]}]
    assert without(0, _given=[mark], use="usual") == [{"use": "usual"}]
    assert without(0, _given=[mark]) is None


def test_what_a_removal_leaves_empty_goes_and_what_is_given_empty_stays() -> None:
    start = {"resourceType": "Patient", "id": "p", "contact": [{"name": {"given": ["A"]}}], "active": True}

    def after(*steps: dict[str, Any]) -> Any:
        return {k: v for k, v in json_patch(list(steps))(start).items() if k not in ("resourceType", "id")}

    gone = {"op": "remove", "path": "/contact/0/name/given/0"}
    again = {"op": "add", "path": "/contact/0/name/given/-", "value": "B"}
    assert after(gone) == {"active": True}
    assert after(gone, again) == {"active": True, "contact": [{"name": {"given": ["B"]}}]}
    assert after({"op": "add", "path": "/name", "value": [{}]}) == {**after(), "name": [{}]}
    assert after({"op": "replace", "path": "/contact", "value": []}) == {"active": True, "contact": []}
