"""Conditions of a large transaction: the time that looking at them takes."""

import time
from typing import Any

from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.intent import Intent
from aubier.store.sight import Sight
from aubier.store.writing import Finder
from aubier.store.writing.step import Present, Step

MANY = 16_000
ROOT = Sight("system:test", "test", 0, unrestricted=True)
NOTHING: Any = None


def finder(names: list[str]) -> Finder:
    """What has found that nothing meets the conditions of as many creates."""
    made = Finder(NOTHING, ROOT, NOTHING, NOTHING, NOTHING)
    for name in names:
        condition = parse("Practitioner", [("identifier", f"urn:a|{name}")], registry=registry())
        intent = Intent("create", "Practitioner", condition=condition)
        made.steps.append(Step(intent, name, Present(0, 0), condition))
    return made


def test_thousands_of_conditions_are_compared_in_no_time() -> None:
    found = finder([str(n) for n in range(MANY)])
    begun = time.process_time()
    found._refuse_same_conditions()
    assert time.process_time() - begun < 0.3
