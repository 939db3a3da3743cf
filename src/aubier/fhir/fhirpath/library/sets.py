"""Collections: subsets, unions, membership. Rule: FHIRPath N1 2.0.0, sections 5.1 to 5.4 and 6.4."""

from __future__ import annotations

from collections.abc import Iterator

from aubier.fhir.fhirpath.evaluation.run import Items, Run, Triple
from aubier.fhir.fhirpath.library.arguments import boolean_in, integer_in, of, one, text_in
from aubier.fhir.fhirpath.values import equality
from aubier.fhir.fhirpath.values.equality import keyed

_EACH = 8
"""What one round of `repeat()` counts for: it costs more than an item looked at."""


def distinct(run: Run, items: Items) -> Items:
    """`distinct()`: the items without repetition, in order."""
    found = dict.fromkeys(keyed(run, items))
    if len(found) == len(items):
        return items
    kept: dict[object, Triple] = {}
    for item, key in zip(items, keyed(run, items), strict=True):
        kept.setdefault(key, item)
    return list(kept.values())


def is_distinct(run: Run, items: Items) -> Items:
    """`isDistinct()`: true of an empty collection."""
    return of(len(set(keyed(run, items))) == len(items), "Boolean")


def union(run: Run, items: Items, other: Items) -> Items:
    """`union(other)`, `|`: both without repetition."""
    return distinct(run, items + other)


def combine(run: Run, items: Items, other: Items) -> Items:
    """`combine(other)`: both, repetitions kept."""
    return items + other


def intersect(run: Run, items: Items, other: Items) -> Items:
    """`intersect(other)`: what is in both, without repetition."""
    there = set(keyed(run, other))
    pairs = zip(items, keyed(run, items), strict=True)
    return distinct(run, [item for item, key in pairs if key in there])


def exclude(run: Run, items: Items, other: Items) -> Items:
    """`exclude(other)`: what is not in the other, repetitions kept."""
    there = set(keyed(run, other))
    return [item for item, key in zip(items, keyed(run, items), strict=True) if key not in there]


def subset_of(run: Run, items: Items, other: Items) -> Items:
    """`subsetOf(other)`: true of an empty collection."""
    return of(set(keyed(run, items)) <= set(keyed(run, other)), "Boolean")


def superset_of(run: Run, items: Items, other: Items) -> Items:
    """`supersetOf(other)`: true for an empty other."""
    return of(set(keyed(run, items)) >= set(keyed(run, other)), "Boolean")


def member(run: Run, wanted: Items, items: Items) -> bool | None:
    """`in`, and `contains` the other way round: empty when nothing is looked for."""
    item = one(wanted)
    if item is None:
        return None
    if len(items) == 1:
        return equality.equal(run, wanted, items) is True
    return keyed(run, [item])[0] in set(keyed(run, items))


def single(run: Run, items: Items) -> Items:
    """`single()`: the one item; several: Problem `invalid`."""
    item = one(items)
    return [] if item is None else [item]


def skip(run: Run, items: Items, count: Items) -> Items:
    """`skip(n)`: all but the first n."""
    number = integer_in(count)
    return [] if number is None else items[max(number, 0) :]


def take(run: Run, items: Items, count: Items) -> Items:
    """`take(n)`: the first n."""
    number = integer_in(count)
    return [] if number is None else items[: max(number, 0)]


def all_true(run: Run, items: Items) -> Items:
    """`allTrue()`: true of an empty collection."""
    return of(False not in _booleans(items), "Boolean")


def any_true(run: Run, items: Items) -> Items:
    """`anyTrue()`."""
    return of(True in _booleans(items), "Boolean")


def all_false(run: Run, items: Items) -> Items:
    """`allFalse()`: true of an empty collection."""
    return of(True not in _booleans(items), "Boolean")


def any_false(run: Run, items: Items) -> Items:
    """`anyFalse()`."""
    return of(False in _booleans(items), "Boolean")


def _booleans(items: Items) -> list[bool | None]:
    return [boolean_in([item]) for item in items]


class Repeated:
    """`repeat()`: what was found is looked at again, until nothing new is found."""

    def __init__(self, run: Run, items: Items) -> None:
        self.items: Items = []
        self._run = run
        self._waiting = list(reversed(items))
        self._known: set[object] = set()

    def __iter__(self) -> Iterator[Triple]:
        while self._waiting:
            self._run.charge(_EACH)
            yield self._waiting.pop()

    def add(self, found: Items) -> None:
        """What one item led to."""
        new = []
        for item, key in zip(found, keyed(self._run, found), strict=True):
            if key not in self._known:
                self._known.add(key)
                new.append(item)
        self.items += new
        self._waiting += reversed(new)


def traced(run: Run, name: Items, shown: Items) -> None:
    """`trace(name)`: shows values to whoever asked for it."""
    if run.environment.trace is not None:
        run.environment.trace(text_in(name) or "", [value for value, _, _ in shown])
