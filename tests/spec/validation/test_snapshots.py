"""Published snapshots made again from their differentials: the same elements, but where stated and why."""

import json
from collections import Counter
from functools import cache
from typing import Any

from aubier.ground.problem import Problem
from aubier.validation.snapshots import Snapshots
from aubier.validation.snapshots.base import plain_code
from tests.where import SHARED

ABSENT = 22
"""Definitions that rest on one that is not among the published files (most often the French core)."""
SAME, OTHERS = 146, 15
"""Definitions whose every element agrees, and those of which at least one does not.

Why not: the publisher unfolded extensions that nothing goes below (Address-eu), took part of its content from
a definition that is not among the files (as-person, allergyIntolerance-eu-core), wrote `slicing` on
the extensions of backbone elements (three bundle profiles), or stands by an older snapshot of its base.
"""
ELEMENTS, EQUAL = 4200, 4072
WORDS = {"definition": 3949, "comment": 3924, "requirements": 4080, "alias": 4139}
"""Of 4,157 elements that are made, those whose words are the published ones.

Why not: publishers left links to pages of the specification that lead nowhere from their own, gave an element
without comment that of its type, or an extension the words of any extension where its definition has its own.
"""


@cache
def published() -> dict[str, dict[str, Any]]:
    """Every published StructureDefinition by URL."""
    files = sorted((SHARED / "fixtures").rglob("StructureDefinition-*.json"))
    rows = [json.loads(p.read_bytes()) for p in files]
    return {r["url"]: r for r in reversed(rows)}


def bare(canonical: str) -> str:
    """The URL without version."""
    return canonical.partition("|")[0]


def facts(element: dict[str, Any]) -> dict[str, Any]:
    """What must agree: place, cardinality, types, binding, values, slicing."""
    binding = element.get("binding") or {}
    slicing = element.get("slicing")
    return {
        "place": (element["path"], element.get("sliceName"), element["min"], element["max"]),
        "types": sorted(
            (
                "string" if element["path"].endswith(".id") else plain_code(t),
                sorted(map(bare, t.get("profile", ()))),
                sorted(map(bare, t.get("targetProfile", ()))),
            )
            for t in element.get("type", ())
        ),
        "binding": (binding.get("strength"), bare(binding["valueSet"]))
        if "valueSet" in binding and binding["strength"] != "example"
        else None,
        "values": {
            k: v
            for k, v in element.items()
            if k.startswith(("fixed", "pattern", "minValue", "maxValue", "maxLength"))
        },
        "slicing": slicing
        and (slicing.get("discriminator"), slicing["rules"], slicing.get("ordered", False)),
        "content": element.get("contentReference", "").rpartition("#")[2],
    }


def test_published_snapshots_made_again() -> None:
    snapshots = Snapshots(lambda canonical: published().get(bare(canonical)))
    whole: Counter[str] = Counter()
    elements: Counter[bool] = Counter()
    for definition in published().values():
        try:
            made = {e["id"]: e for e in snapshots.snapshot(definition)["snapshot"]["element"]}
        except Problem as refusal:
            assert refusal.issues[0].fr
            whole["absent"] += 1
            continue
        theirs = {e["id"]: e for e in definition["snapshot"]["element"]}
        verdicts = [i in made and facts(made[i]) == facts(e) for i, e in theirs.items()]
        elements.update(verdicts)
        whole["same" if all(verdicts) and list(made) == list(theirs) else "others"] += 1
    print(f"snapshots: {dict(whole)}, elements equal {elements[True]} of {elements.total()}")
    assert dict(whole) == {"same": SAME, "others": OTHERS, "absent": ABSENT}
    assert (elements.total(), elements[True]) == (ELEMENTS, EQUAL)


def test_published_words_made_again() -> None:
    snapshots = Snapshots(lambda canonical: published().get(bare(canonical)), prose=True)
    same: Counter[str] = Counter()
    for definition in published().values():
        try:
            made = {e["id"]: e for e in snapshots.snapshot(definition)["snapshot"]["element"]}
        except Problem:
            continue
        pairs = [(made[e["id"]], e) for e in definition["snapshot"]["element"] if e["id"] in made]
        same["elements"] += len(pairs)
        same.update(part for ours, theirs in pairs for part in WORDS if ours.get(part) == theirs.get(part))
    print(f"words: {dict(same)}")
    assert dict(same) == {"elements": 4157, **WORDS}
