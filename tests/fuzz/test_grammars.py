"""What the grammars write is read, comes back the same, and spoilt a little is refused in two languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aubier.fhir import json as fhir_json
from aubier.fhir import xml
from aubier.fhir.fhirpath import Environment, typed
from aubier.fhir.fhirpath import parse as parse_expression
from aubier.fhir.patch import fhirpath_patch, json_patch
from aubier.ground.problem import Problem
from aubier.rest.exchange import decoded
from aubier.search.extract import extract
from aubier.search.parameters import registry
from aubier.search.query import parse as parse_search
from aubier.validation.resource import validate
from tests.fuzz import seeds
from tests.fuzz.grammars import expressions, patches, resources, searches
from tests.fuzz.mutation import mutated
from tests.fuzz.target import read
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.queries import _compiled

_RUNS = {target.name: target for target in TARGETS}
SLICE = settings(
    max_examples=40,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WHOLE = settings(max_examples=3_000, suppress_health_check=list(HealthCheck))


def spoilt(random: Random, reader: str, data: bytes) -> None:
    """A valid input spoilt: a value or a refusal, as for any other."""
    target = _RUNS[reader]
    target.run(mutated(random, [data], target.words))


def a_resource(random: Random) -> None:
    """Valid by the definitions, indexed, and the same through JSON and XML."""
    made = json.dumps(resources.resource(random), ensure_ascii=False).encode()
    found = fhir_json.parse(made)
    faults = [i for i in validate(found) if i.severity in ("error", "fatal")]
    assert not faults, faults[:3]
    extract(found)
    assert fhir_json.parse(fhir_json.dumps(found)) == found
    told = xml.dumps(found)
    assert xml.parse(told) == found
    spoilt(random, "json", made)
    spoilt(random, "xml", told)


def a_search(random: Random) -> None:
    """Read without a refusal and compiled; no parameter is passed over."""
    kind = random.choice(searches.KINDS)
    text = searches.query(random, kind)
    pairs = decoded(text)
    query = parse_search(kind, pairs, registry=registry())
    assert not query.ignored
    read(lambda: _compiled(query))
    spoilt(random, "search", text.encode())


def a_filter(random: Random) -> None:
    """Read without a refusal, and compiled."""
    kind = random.choice(searches.KINDS)
    text = searches.filtered(random, kind)
    query = parse_search(kind, [("_filter", text)], registry=registry())
    read(lambda: _compiled(query))
    spoilt(random, "filter", text.encode())


def an_expression(random: Random) -> None:
    """Read as the same tree whatever stands between its words; evaluated twice with the same end."""
    words = expressions.expression(random)
    text = expressions.written(random, words)
    tree = read(lambda: parse_expression(" ".join(words)), "expression")
    assert tree is not None, "the grammar wrote what is not read"
    assert parse_expression(text) == tree
    patient = fhir_json.parse(seeds.resources()[0])
    ends = [_ended(text, patient) for _ in range(2)]
    assert ends[0] == ends[1]
    assert patient == fhir_json.parse(seeds.resources()[0])
    spoilt(random, "fhirpath", text.encode())


def _ended(text: str, patient: dict[str, object]) -> object:
    try:
        return typed(text, "Patient")(patient, Environment(budget=20_000))
    except Problem as refusal:
        return str(refusal)


_NAMES = [{"family": "Le Goff", "given": ["Anne", "Lou"]}, {"text": "b"}, {"use": "usual", "text": "c"}]


def a_json_patch(random: Random) -> None:
    """It fits, and what takes it back gives what was."""
    patient = {**fhir_json.parse(seeds.resources()[0]), "name": _NAMES}
    there, back = patches.json_pair(random, patient)
    before = fhir_json.dumps(patient)
    changed = json_patch(there)(patient)
    assert (json_patch(back)(changed) if back else changed) == patient
    assert fhir_json.dumps(patient) == before
    spoilt(random, "json-patch", json.dumps(there, default=float).encode())


def a_fhirpath_patch(random: Random) -> None:
    """The same for FHIRPath Patch."""
    patient = {**fhir_json.parse(seeds.resources()[0]), "name": _NAMES}
    there, back = patches.fhirpath_pair(random, patient)
    assert not validate(there)
    before = fhir_json.dumps(patient)
    changed = fhirpath_patch(there)(patient)
    assert (fhirpath_patch(back)(changed) if back else changed) == patient
    assert fhir_json.dumps(patient) == before
    spoilt(random, "fhirpath-patch", json.dumps(there, default=float).encode())


GRAMMARS: dict[str, Callable[[Random], None]] = {
    "resource": a_resource,
    "search": a_search,
    "filter": a_filter,
    "fhirpath": an_expression,
    "json patch": a_json_patch,
    "fhirpath patch": a_fhirpath_patch,
}
BY_NAME = pytest.mark.parametrize("name", GRAMMARS)


def tried(name: str, bounds: settings) -> int:
    """Tries what a grammar writes; gives how many."""
    count = [0]

    @bounds
    @given(st.randoms(use_true_random=False))
    def run(random: Random) -> None:
        count[0] += 1
        GRAMMARS[name](random)

    run()
    return count[0]


@BY_NAME
def test_what_a_grammar_writes_is_read(name: str) -> None:
    assert tried(name, SLICE) > 1


@pytest.mark.whole
@BY_NAME
def test_much_that_a_grammar_writes_is_read(name: str) -> None:
    assert tried(name, WHOLE) > 1


def test_every_type_of_resource_can_be_written() -> None:
    for kind in resources._types():
        assert resources.resource(Random(kind), kind)["resourceType"] == kind
