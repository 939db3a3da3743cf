"""Every expression that the specification publishes compiles, and runs on every published example."""

import json
from decimal import Decimal

import pytest

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import Environment, compile, source
from aubier.fhir.fhirpath.evaluation.runtime import children
from aubier.fhir.fhirpath.types import steps
from aubier.ground.problem import Problem
from tests.where import SHARED

CORE = SHARED / "fixtures/fhir-r4-core-examples"


WRONG = {"que-7"}
"""Asks whether an answer `is Boolean`, which no FHIR boolean is: in the official file, `active` is none."""


def rules():
    """The invariants of each type, and of each element by the type it stands in and its name."""
    known, of_types, of_elements = definitions(), {}, {}

    def walk(type, elements):
        for name, element in elements.items():
            of_elements[type, name.removesuffix("[x]")] = element.invariants
            if element.children and not element.content:
                walk(element.path, element.children)

    for name in known.types:
        of_types[name] = known.type(name).invariants
        walk(name, known.type(name).elements)
    return of_types, of_elements


OF_TYPES, OF_ELEMENTS = rules()


def kinds(type, name):
    """The types of an element, one that a profile names with its slices included."""
    path = ".".join(part.partition(":")[0] for part in name.split("."))
    found = definitions().type(type).find(path) if path else None
    if found is None:
        return [type]
    return [found.path] if found.children else [t.code for t in found.types]


def test_every_invariant_compiles():
    asked = {(r.expression, type) for type, found in OF_TYPES.items() for r in found}
    for (type, name), found in OF_ELEMENTS.items():
        asked |= {(r.expression, kind) for r in found for _, kind in steps(type)[name].keys}
    for profile in definitions().profiles.values():
        for element in ({"p": "", "i": profile.get("i", [])}, *profile.get("e", [])):
            places = kinds(profile["t"], element["p"]) if element.get("i") else []
            asked |= {(row[3], kind) for row in element.get("i", []) for kind in places}
    assert len(asked) > 900
    assert all(expression for expression, _ in asked)
    refused = []
    for expression, type in sorted(asked):
        try:
            compile(expression, type)
        except Problem as problem:
            refused.append(f"{type}: {problem}")
    assert refused == []


def test_every_search_expression_compiles():
    expressions = {
        (p.expression, b) for p in definitions().search_parameters for b in p.bases if p.expression
    }
    assert len({p.url + p.code for p in definitions().search_parameters if p.expression}) > 1_300
    assert all(compile(expression, base) for expression, base in expressions)


@pytest.mark.parametrize(
    "expression",
    ["name.given.upper()", "name.count() + 1", "name.where(use > 'a')", "name.where(use in 'a')",
     "iif(true, id)", "name.where(use ~ 'a')", "-multipleBirth", "today()", "descendants()",
     "repeat(extension)"],
)  # fmt: skip
def test_what_could_be_an_error_is_not_for_search(expression):
    with pytest.raises(Problem, match="is not for search parameters"):
        source(expression, "Patient", indexing=True)


def test_what_search_may_use():
    for expression in ("name.where(use = 'a').given | %resource.id", "link.other.resolve().ofType(Patient)"):
        assert "w.spend" not in source(expression, "Patient", indexing=True)


def broken(resource):
    """The invariants that a resource or anything inside it breaks, by key and place."""
    found = []

    def hold(checks, value, type, inside):
        world = Environment(resource=inside, root_resource=resource, html_checks=lambda text: "<div" in text)
        errors = [rule for rule in checks if rule.severity == "error"]
        found.extend(r.key for r in errors if compile(r.expression, type)(value, world) == [False])

    def visit(value, type, inside):
        inside = value if "resourceType" in value else inside
        hold(OF_TYPES.get(type, OF_TYPES["BackboneElement"]), value, type, inside)
        for name in steps(type):
            for below, _, kind in children(None, value, None, type, name):
                if below is not None and kind:
                    hold(OF_ELEMENTS.get((type, name), ()), below, kind, inside)
                if below.__class__ is dict and kind:
                    visit(below, kind, inside)

    visit(resource, resource["resourceType"], resource)
    return found


def test_published_examples_hold():
    known = definitions().resource_types
    examples = [path for path in sorted(CORE.glob("*.json")) if path.name.partition("-")[0] in known]
    read = {path.name: json.loads(path.read_text(), parse_float=Decimal) for path in examples}
    assert len(read) > 300
    assert {name: keys for name, data in read.items() if (keys := set(broken(data)) - WRONG)} == {}


def test_a_broken_resource_is_found_out():
    twice = {"url": "http://x", "valueString": "a", "extension": [{"url": "y", "valueString": "b"}]}
    assert compile("extension.exists() != value.exists()", "Extension")(twice) == [False]
    contact = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
    assert "pat-1" in broken(contact)
    backwards = {"resourceType": "Patient", "name": [{"period": {"start": "2020", "end": "2019-12"}}]}
    assert "per-1" in broken(backwards)
    loose = {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
    }
    assert "dom-3" in broken(loose)
    held = {**loose, "managingOrganization": {"reference": "#o"}}
    assert broken(held) == []
