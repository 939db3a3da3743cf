"""What a resource contains, as chains ask for it: `Observation?subject.name=` of a Patient that is `#inside`.

A contained resource is found through the one that holds it, and by that alone. So its index values stand with
those of its holder, under a path in place of the type (`paths`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from aubier.search.extract import extract
from aubier.search.model import Terms
from aubier.search.parameters import registry
from aubier.search.terms.kept import elsewhere
from aubier.search.terms.paths import below, type_of

MOST, MOST_VALUES = 200, 20_000
"""The most ways into what one resource contains, and values found on them; fewer steps come first."""
_DEEPEST = 8
"""Steps of the longest chain that may be asked for."""


def contained(resource: Mapping[str, Any], found: Terms) -> Iterator[tuple[str, Terms]]:
    """The path to each contained resource that is named, and its index values by the parameters of R4.

    `found` are those of `resource`. No way leads through a contained resource twice.

    Rule: HL7 FHIR R4 4.0.1, references 2.3.0.1 (contained resources), search 3.1.1.4.13 (chained parameters).
    """
    if not found.inside:
        return
    inside, made = _inside(resource), dict[str, Terms]()
    beside = [one for name, one in inside.items() if name.startswith("#")]
    ways = values = 0
    waiting: deque[tuple[str, Terms, tuple[str, ...]]] = deque([(resource["resourceType"], found, ())])
    while waiting:
        path, terms, through = waiting.popleft()
        for code, name in terms.inside:
            one = inside.get(name)
            if one is None or name in through or not _asked(type_of(path), code, one["resourceType"]):
                continue
            if name not in made:
                # Within it, `#` names what stands beside it.
                made[name] = extract({**one, "contained": beside})
            own = made[name]
            ways, values = ways + 1, values + _values(own)
            if ways > MOST or values > MOST_VALUES:
                return
            steps, there = (*through, name), below(path, code, one["resourceType"])
            yield there, own
            if len(steps) < _DEEPEST:
                waiting.append((there, own, steps))


def _asked(kind: str, code: str, target: str) -> bool:
    """Whether chains go by a reference parameter to such a type, and by no other to the same."""
    parameter = registry().get(kind, code)
    named = parameter is None or not parameter.targets or target in parameter.targets
    return named and not elsewhere(kind, code, target)


def _values(terms: Terms) -> int:
    texts = len(terms.strings) + len(terms.uris) + len(terms.identifiers) + len(terms.tokens)
    numbers = len(terms.dates) + len(terms.numbers) + len(terms.quantities) + len(terms.places)
    return texts + numbers + len(terms.references) + len(terms.pairs)


def _inside(resource: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is inside by the name it is called by: `#id`; what a Bundle begins with, by type and id."""
    found: dict[str, Any] = {}
    if resource["resourceType"] == "Bundle":
        resource = next((entry.get("resource", {}) for entry in resource.get("entry", ())), {})
        found[f"{resource.get('resourceType')}/{resource.get('id')}"] = resource
    return found | {f"#{each['id']}": each for each in resource.get("contained", ()) if "id" in each}
