"""Invented systems and value sets, and how to ask about them."""

from typing import Any

from tests.contract.desk import Desk

Resource = dict[str, Any]
URL = "https://terminology.example/"


def concept(code: str, display: str, *below: Resource, **more: Any) -> Resource:
    """A concept with those nested in it."""
    return {"code": code, "display": display, **more} | ({"concept": list(below)} if below else {})


def french(text: str) -> list[Resource]:
    """A designation."""
    return [{"language": "fr", "value": text}]


COLOURS: Resource = {
    "resourceType": "CodeSystem",
    "url": URL + "colours",
    "version": "2",
    "name": "Colours",
    "title": "Colours of the tests",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "property": [{"code": "warm", "type": "boolean"}, {"code": "wave", "type": "integer"}],
    "concept": [
        concept(
            "colour",
            "Colour",
            concept(
                "red",
                "Red",
                concept("crimson", "Crimson", designation=french("Cramoisi")),
                concept("scarlet", "Scarlet", designation=french("Écarlate")),
                designation=french("Rouge"),
                property=[{"code": "warm", "valueBoolean": True}, {"code": "wave", "valueInteger": 700}],
            ),
            concept("blue", "Blue", designation=french("Bleu"), definition="As the sky is"),
            concept("puce", "Puce", property=[{"code": "status", "valueCode": "retired"}]),
            property=[{"code": "notSelectable", "valueBoolean": True}],
        ),
    ],
}
"""Nested, with properties, designations, an abstract concept and a retired one."""

CHAPTERS: Resource = {
    "resourceType": "CodeSystem",
    "url": URL + "chapters",
    "version": "2026",
    "name": "Chapters",
    "status": "active",
    "content": "complete",
    "caseSensitive": False,
    "concept": [
        {"code": "C", "display": "Third", "property": [{"code": "parent", "valueCode": "A"}]},
        {"code": "A", "display": "First", "property": [{"code": "child", "valueCode": "B"}]},
        {"code": "B", "display": "Second"},
        {
            "code": "D",
            "display": "Fourth",
            "property": [{"code": "parent", "valueCode": "B"}, {"code": "parent", "valueCode": "C"}],
        },
    ],
}
"""Flat, its hierarchy told by properties, with a concept below two, before their own parents."""


def value_set(name: str, *include: Resource, **compose: Any) -> Resource:
    """A value set of the tests."""
    return {
        "resourceType": "ValueSet",
        "url": URL + "vs/" + name,
        "version": "1",
        "name": name.title(),
        "status": "active",
        "compose": {"include": list(include), **compose},
    }


def filtered(op: str, value: str, prop: str = "concept", system: str = "colours") -> Resource:
    """An include by one filter."""
    return {"system": URL + system, "filter": [{"property": prop, "op": op, "value": value}]}


ALL = {"system": URL + "colours"}
VALUE_SETS = [
    value_set("all", ALL),
    value_set("reds", filtered("is-a", "red")),
    value_set("below-red", filtered("descendent-of", "red")),
    value_set("not-red", filtered("is-not-a", "red")),
    value_set("warm", filtered("=", "true", "warm")),
    value_set("regex", filtered("regex", "(b|sc).*", "code")),
    value_set("exists", filtered("exists", "true", "wave")),
    value_set("above-crimson", filtered("generalizes", "crimson")),
    value_set("children", filtered("=", "colour", "parent")),
    value_set("in", filtered("in", "red,blue", "code")),
    value_set("not-in", filtered("not-in", "red,blue,colour", "code")),
    value_set("active", ALL, inactive=False),
    value_set("without", ALL, exclude=[filtered("is-a", "red"), {**ALL, "concept": [{"code": "puce"}]}]),
    value_set("imports", {"valueSet": [URL + "vs/reds", URL + "vs/regex"]}),
    value_set(
        "listed",
        {**ALL, "concept": [{"code": "scarlet", "display": "Very red"}, {"code": "blue"}]},
        {"system": URL + "chapters"},
    ),
    value_set("mixed", {**ALL, "concept": [{"code": "scarlet"}]}, filtered("is-a", "red")),
    value_set("elsewhere", {"system": URL + "absent", "concept": [{"code": "x", "display": "X"}]}),
    value_set("absent", {"system": URL + "absent"}),
]


async def call(desk: Desk, operation: str, login: str = "doctor", **given: Any) -> tuple[int, Resource]:
    """A POST; a value's type is told by the Python type, or given as {"valueX": ...}."""
    rows = [
        {"name": name.replace("_", "-"), **_typed(one)}
        for name, value in given.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return await desk.ask(login, "POST", operation, {"resourceType": "Parameters", "parameter": rows})


def _typed(value: Any) -> Resource:
    if isinstance(value, dict):
        return {"resource": value} if "resourceType" in value else value
    if isinstance(value, bool):
        return {"valueBoolean": value}
    return {"valueInteger": value} if isinstance(value, int) else {"valueString": value}


def told(parameters: Resource, name: str) -> Any:
    """The value of a parameter of an answer, or None."""
    for one in parameters.get("parameter", []):
        if one["name"] == name:
            return next(v for k, v in one.items() if k.startswith("value") or k == "part")
    return None


def codes(expanded: Resource) -> list[str]:
    """The codes of an expansion, in order."""
    return [row["code"] for row in expanded["expansion"].get("contains", [])]
