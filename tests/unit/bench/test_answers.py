"""The gate: a wrong answer is seen for what it is, a right one passes."""

import json
import random
from typing import Any

import pytest
from bench.client.connection import Answer, Connection
from bench.dataset.answers import Expected, deep, judged
from bench.workloads.shapes import SHAPES, Pairs, Shape, path
from bench.workloads.writing import _KINDS, _MARK, _changed, _kept, _made_of, _Own

PAIRS: Pairs = [("gender", "male")]
NAMES = ["Patient/a", "Patient/b", "Patient/c"]


def _shape(*extra: tuple[str, str], page: int = 1) -> Shape:
    return Shape("of the test", "Patient", lambda s, d: PAIRS, (*extra, ("_count", "2")), page=page)


SORTED = _shape(("_sort", "birthdate"))
TOTAL = _shape(("_total", "accurate"))
ALONG = _shape(("_revinclude", "Condition:patient"))


class Said(Connection):
    """A connection that answers by heart."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(0)
        self.answers = answers

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        found = self.answers.get(path)
        if isinstance(found, int) or found is None:
            return Answer(found or 404, {}, b"{}")
        return Answer(200, {}, json.dumps(found).encode())


def _bundle(
    *names: str, total: int | None = 3, along: tuple[str, ...] = (), following: str = ""
) -> dict[str, Any]:
    modes = [*((n, "match") for n in names), *((n, "include") for n in along)]
    entries = [
        {"resource": dict(zip(("resourceType", "id"), n.split("/"), strict=True)), "search": {"mode": mode}}
        for n, mode in modes
    ]
    links = [{"relation": "next", "url": f"http://here:1{following}"}] if following else []
    return {"total": total, "entry": entries, "link": links}


ALL = path("Patient", [*PAIRS, ("_count", "1000"), ("_total", "accurate")])
FIRST, BOTH = _bundle("Patient/a", "Patient/b"), _bundle(*NAMES)
RANKS = dict(zip(NAMES, (0, 1, 2), strict=True))
COMES = {"Patient/a": ["Condition/x"], "Patient/b": [], "Patient/c": []}


@pytest.mark.parametrize(
    ("shape", "first", "everything", "fault"),
    [
        (TOTAL, FIRST, BOTH, ""),
        (TOTAL, _bundle("Patient/a", "Patient/b", total=4), BOTH, "total 4, not 3"),
        (TOTAL, _bundle("Patient/a"), BOTH, "1 on the first page, of 3"),
        (TOTAL, _bundle("Patient/a", "Patient/z"), BOTH, "1 on the first page that do not match"),
        (TOTAL, FIRST, _bundle("Patient/a", "Patient/b"), "1 missing, Patient/c"),
        (TOTAL, FIRST, _bundle(*NAMES, "Patient/z"), "1 too many, Patient/z"),
        (TOTAL, FIRST, _bundle(*NAMES, "Patient/c"), "1 entries twice"),
        (TOTAL, FIRST, _bundle(*NAMES, total=2), "total 2, not 3"),
        (TOTAL, 500, BOTH, "status 500"),
        (SORTED, FIRST, BOTH, ""),
        (SORTED, _bundle("Patient/b", "Patient/a"), BOTH, "not in the order"),
        (ALONG, _bundle("Patient/a", "Patient/b", along=("Condition/x",)), BOTH, ""),
        (ALONG, FIRST, BOTH, "1 missing and 0 too many come along"),
        (
            ALONG,
            _bundle("Patient/a", "Patient/b", along=("Condition/x", "Condition/y")),
            BOTH,
            "0 missing and 1",
        ),
    ],
)
async def test_the_judge(shape: Shape, first: Any, everything: Any, fault: str) -> None:
    expected = Expected(
        PAIRS, frozenset(NAMES), RANKS if shape is SORTED else {}, COMES if shape is ALONG else {}
    )
    found = await judged(Said({shape.path(PAIRS): first, ALL: everything}), shape, expected)
    assert found.startswith(fault) and bool(found) == bool(fault)


async def test_the_judge_follows_pages_to_the_end() -> None:
    pages = {ALL: _bundle("Patient/a", "Patient/b", following="/2"), "/2": _bundle("Patient/c")}
    expected = Expected(PAIRS, frozenset(NAMES))
    assert await judged(Said({TOTAL.path(PAIRS): FIRST, **pages}), TOTAL, expected) == ""
    pages["/2"] = _bundle("Patient/b")
    assert "twice" in await judged(Said({TOTAL.path(PAIRS): FIRST, **pages}), TOTAL, expected)


async def test_a_deep_page_is_as_far_as_there_are_pages() -> None:
    shape = _shape(page=3)
    pages = {
        shape.path(PAIRS): _bundle(following="/2"),
        "/2": _bundle(following="/3"),
        "/3": _bundle(following="/4"),
    }
    assert await deep(Said(pages), shape, PAIRS) == "/3"
    pages["/2"] = _bundle()
    assert await deep(Said(pages), shape, PAIRS) == "/2"


def _marked(mark: int) -> Any:
    return {"extension": [{"url": _MARK, "valueInteger": mark}]}


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"/a": _marked(2), "/b": 410}, ""),
        ({"/a": _marked(2), "/b": 404}, ""),
        ({"/a": _marked(1), "/b": 410}, "/a is not what was acknowledged"),
        ({"/a": 404, "/b": 410}, "/a is not what was acknowledged"),
        ({"/a": _marked(2), "/b": _marked(1)}, "/b was deleted and answers"),
    ],
)
async def test_what_a_mix_wrote_is_looked_at(answers: dict[str, Any], fault: str) -> None:
    assert await _kept(Said(answers), [_Own({"/a": _marked(2)}, ["/b"], 2)]) == fault


def test_an_update_leaves_a_resource_with_its_person() -> None:
    draw = random.Random("updates")
    for kind in _KINDS:
        made = _made_of(kind, "somebody", 1, draw)
        changed = _changed(made, 2, draw)
        values = {name for name in changed if changed[name] != made.get(name)}
        assert changed["extension"] == _marked(2)["extension"] and "extension" in values
        assert values.isdisjoint(("subject", "patient", "code", "identifier")) and len(values) <= 2
    assert "Patient/somebody" in str(changed)


def test_shapes_are_many_and_each_is_itself() -> None:
    assert len(SHAPES) >= 30
    assert len({s.name for s in SHAPES}) == len(SHAPES)
    assert {s.scope for s in SHAPES} == {"record", "all", "directory"}
    extras = {name for s in SHAPES for name, _ in s.extra}
    assert extras >= {"_include", "_revinclude", "_sort", "_total", "_summary"}
    assert any(s.page > 20 for s in SHAPES)


def test_what_is_sent_is_written_as_a_url() -> None:
    asked = [("code:text", "é|à"), ("_has:Observation:patient:code", "a b&c")]
    assert (
        path("Patient", asked) == "Patient?code:text=%C3%A9%7C%C3%A0&_has:Observation:patient:code=a%20b%26c"
    )
    assert random.Random("same").random() == random.Random("same").random()
