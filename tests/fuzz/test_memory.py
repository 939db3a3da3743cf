"""Many long inputs, each another, leave a bounded memory of themselves: what readers remember is in bytes."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aubier.fhir import fhirpath
from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath.grammar import parser
from aubier.fhir.fhirpath.patterns import machine
from aubier.ground.memory import Memory
from aubier.ground.problem import Problem
from aubier.referentials.signon.tokens import grants, keys
from aubier.rest import exchange
from aubier.rest.formats import negotiation
from aubier.services.subscriptions.asking import triggers
from aubier.store.keys import keyed_hash
from aubier.terminology.shelves import shipped
from aubier.validation.profiles import Library, items, library
from aubier.validation.service.shelf import Shelf
from aubier.validation.snapshots import base
from aubier.validation.walks.around import invariants
from aubier.validation.walks.slices import discriminate

MEMORIES: dict[str, tuple[Memory[Any, Any], Callable[[str], object]]] = {
    "fhirpath": (fhirpath._KEPT, lambda text: fhirpath.typed(f"name.where(use = '{text}')", "Patient")),
    "fhirpath trees": (parser.parse.memory, lambda text: parser.parse(f"'{text}'")),
    "patterns": (machine.pattern.memory, lambda text: machine.pattern(text[:100])),
    "accept": (negotiation._best.memory, lambda text: negotiation._best(f"application/json, {text}")),
    "queries": (exchange._decoded.memory, lambda text: exchange.decoded(f"name={text}")),
    "triggers": (
        triggers.read_trigger.memory,
        lambda text: triggers.read_trigger(f'{{"type":"Patient","ops":[],"fhirpath":"{text}"}}'),
    ),
    "criteria": (triggers.pairs_of.memory, lambda text: triggers.pairs_of(f"name={text}")),
    "paths": (discriminate.steps.memory, lambda text: discriminate.steps(f"name.{text}")),
    "invariants": (invariants._UNREADABLE, lambda text: invariants._evaluate(f"'{text}", "Patient")),
}
_LIBRARY = Library()
BY_NAME = pytest.mark.parametrize("name", MEMORIES)


def inputs(length: int, count: int = 40) -> list[str]:
    """Long texts, each another."""
    return [f"{n:06}".ljust(length, "a") for n in range(count)]


def kept(of: Memory[Any, Any]) -> int:
    """Characters of the texts of all keys: what is counted is never less."""
    keys = [key if isinstance(key, tuple) else (key,) for key in {**of._old, **of._new}]
    return sum(len(part) for key in keys for part in key if isinstance(part, str))


@BY_NAME
def test_many_long_ones_take_no_more_than_the_bound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, call = MEMORIES[name]
    memory.clear()
    monkeypatch.setattr(memory, "most", 400_000)
    for text in inputs(800, 600):
        try:
            call(text)
        except Problem:
            continue
        assert kept(memory) <= memory.held <= 400_000
    assert 0 < len(memory) < 600
    memory.clear()
    assert memory.held == 0


@BY_NAME
def test_the_bound_is_some_megabytes(name: str) -> None:
    assert MEMORIES[name][0].most <= 32_000_000


@pytest.mark.parametrize(
    ("call", "count"),
    [
        (definitions().value_set, lambda: len(definitions()._value_sets)),
        (definitions().code_system, lambda: len(definitions()._code_systems)),
        (shipped.system, lambda: shipped._system.cache_info().currsize),
        (shipped.find_value_set, lambda: shipped._value_set.cache_info().currsize),
        (base.base_tree, lambda: base._base_tree.cache_info().currsize),
        (_LIBRARY.profile, lambda: len(_LIBRARY)),
    ],
    ids=["value sets", "systems", "shelved systems", "shelved value sets", "trees", "profiles"],
)
def test_what_is_nowhere_is_not_remembered(call: Callable[[str], object], count: Callable[[], int]) -> None:
    before = count()
    for n in range(5):
        assert call(f"{base.BASE}{n}" + "a" * 1_000) is None
    assert count() == before


async def test_a_canonical_too_long_to_be_one_is_not_looked_for() -> None:
    shelf = Shelf()
    await shelf.bring(None, [("StructureDefinition", "http://a/" + "a" * library.LONGEST)])
    assert shelf._asked == set()


def test_the_name_of_a_type_is_cut() -> None:
    assert len(items.root({"resourceType": "a" * 1_000}).type) < 100


def test_hashes_of_long_texts_are_not_remembered() -> None:
    term, long = keyed_hash(b"secret"), "a" * 300
    assert term("t", long) == term("t", long) != term("t", long + "b")
    remembers = inspect.getclosurevars(term).nonlocals["remembered"]
    assert remembers.cache_info().currsize == 0
    assert term("a", "b") == term("a", "b") != term("b", "a")
    assert remembers.cache_info().currsize == 2


async def test_a_token_too_long_is_not_taken_apart() -> None:
    grants._named.cache_clear()
    with pytest.raises(Problem):
        await grants.read_bearer(SimpleNamespace(), "a" * (keys.MAX_TOKEN + 1))  # type: ignore[arg-type]
    assert grants._named.cache_info().currsize == 0


def test_trees_of_definitions_are_let_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MOST_ELEMENTS", 300)
    patient = "http://hl7.org/fhir/StructureDefinition/Patient"

    def find(canonical: str) -> dict[str, Any]:
        rows = [{"id": "Patient.name", "path": "Patient.name", "min": 1}]
        return {"type": "Patient", "baseDefinition": patient, "differential": {"element": rows}}

    shelf = Library(find)
    for n in range(100):
        assert shelf.profile(f"http://a/{n}") is not None
        assert shelf._snapshots.elements <= 400
    assert 0 < len(shelf) < 20
