"""Every expression that the specification publishes compiles, and runs on every published example."""

import json
from decimal import Decimal

import pytest

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import Environment, compile, source
from aubier.ground.problem import Problem
from tests.where import SHARED

CORE = SHARED / "fixtures/fhir-r4-core-examples"
WORLD = Environment(html_checks=lambda text: text.startswith("<div"))


def invariants():
    """The expressions of every type and element, with the type they are evaluated on."""
    known = definitions()
    found = {}
    for name in sorted(known.types):
        definition = known.type(name)
        found.update({(name, rule.expression): rule for rule in definition.invariants})
        waiting = list(definition.elements.values())
        while waiting:
            element = waiting.pop()
            if element.children is not definition.elements and not element.content:
                waiting += element.children.values()
            types = [element.path] if element.children else [t.code for t in element.types]
            found.update({(t, rule.expression): rule for rule in element.invariants for t in types})
    return found


INVARIANTS = invariants()


def test_every_invariant_compiles():
    assert len(INVARIANTS) > 700
    assert all(expression for _, expression in INVARIANTS)
    refused = []
    for type, expression in INVARIANTS:
        try:
            compile(expression, type if type.partition(".")[0] in definitions().types else "Element")
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
    """The invariants of its type that a resource breaks."""
    type = resource["resourceType"]
    rules = [(e, r) for (t, e), r in INVARIANTS.items() if t in (type, *definitions().type(type).bases)]
    verdicts = [(rule.key, compile(expression, type)(resource, WORLD)) for expression, rule in rules]
    return [key for key, verdict in verdicts if verdict == [False]]


@pytest.mark.parametrize("name", ["Patient-example", "Observation-bgpanel", "Bundle-bundle-example"])
def test_published_examples_hold(name):
    path = next(CORE.glob(f"{name}*.json"))
    assert broken(json.loads(path.read_text(), parse_float=Decimal)) in ([], ["dom-6"])


def test_a_broken_resource_is_found_out():
    twice = {"url": "http://x", "valueString": "a", "extension": [{"url": "y", "valueString": "b"}]}
    assert compile("extension.exists() != value.exists()", "Extension")(twice) == [False]
    contact = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
    rule = next(e for (t, e), r in INVARIANTS.items() if r.key == "pat-1")
    assert compile(rule, "Patient.contact")(contact["contact"][0]) == [False]
    loose = {"resourceType": "Patient", "contained": [{"resourceType": "Organization", "id": "o"}]}
    assert "dom-3" in broken(loose)
    held = {**loose, "managingOrganization": {"reference": "#o"}}
    assert "dom-3" not in broken(held)
