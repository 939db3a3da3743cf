"""Published examples under the profiles they declare: refused where the official validator refuses them too.

What the base check alone refuses is in `test_published.py`; it is left out here, as are FHIRPath invariants.
"""

import re
from collections import Counter
from functools import cache
from typing import Any

from aubier.fhir.json import parse
from aubier.ground.problem import Issue
from aubier.validation import validate
from aubier.validation.profiles import Library
from aubier.validation.profiles.at_hand import told
from aubier.validation.walks import walked
from tests.where import SHARED

FIXTURES = SHARED / "fixtures"
CONFORMS = 129
"""Examples without such an error."""
WHY: dict[str, str] = {
    "DocumentReference.contained.telecom.extension.extension.url": "a part its definition does not have",
    "Bundle.entry.fullUrl": "the entries of a collection must have a fullUrl (27 prescriptions)",
    "DocumentReference.content.attachment.size": "it says 250,000 bytes and holds 11",
    "DocumentReference.content.attachment.hash": "the SHA-1 of nothing, where there are 11 bytes",
    "Patient.extension": "ext-1: an extension has neither value nor extensions",
    "Person.meta.profile": "the profile wants its own canonical with its version in meta.profile",
}
"""Where examples break their profiles or the specification, and how."""
_index = re.compile(r"\[\d+\]")


@cache
def definitions_at_hand() -> dict[str, Any]:
    """Every published definition by URL."""
    files = sorted((FIXTURES).glob("*/conformance/*.json"), reverse=True)
    rows = [parse(p.read_bytes()) for p in files]
    return {r["url"]: r for r in rows if "url" in r}


def find(canonical: str) -> Any:
    """A definition by canonical."""
    return definitions_at_hand().get(canonical.partition("|")[0])


def _formula(issue: Issue) -> bool:
    """Whether an issue comes from a FHIRPath invariant: how many there are depends on what compiles."""
    return issue.kind == "invariant" and not issue.rule.startswith("FHIR R4")


def test_published_examples_under_their_profiles() -> None:
    library = Library(
        lambda c: r if (r := find(c)) and "baseDefinition" in r else None, lambda u: told(u, find)
    )
    counts: Counter[str] = Counter()
    for path in sorted(FIXTURES.glob("*/examples/*.json")):
        resource = parse(path.read_bytes())
        if "resourceType" not in resource or validate(resource):
            continue
        errors = [
            i for i in walked(resource, [], library).issues if i.severity == "error" and not _formula(i)
        ]
        counts["conforms" if not errors else "refused"] += 1
        for place in {_index.sub("", i.at[0]) for i in errors}:
            counts[place] += 1
    assert {k for k in counts if k not in ("conforms", "refused")} == set(WHY)
    assert counts["conforms"] == CONFORMS
