"""`metadata?mode=terminology`: what can be asked about codes, from the same rows as the operations.

Rule: FHIR R4, http.html#capabilities and TerminologyCapabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.rows import Operation, Resource


def terminology_capabilities(
    statement: Resource, operations: Mapping[tuple[str, str], Operation]
) -> Resource:
    """The TerminologyCapabilities of the base whose CapabilityStatement is given.

    It names the code systems that are shipped; those written or loaded since are found by their resources.
    """
    kept = ("status", "date", "publisher", "kind", "software", "implementation")
    row: Resource = {
        "resourceType": "TerminologyCapabilities",
        **{name: statement[name] for name in kept if name in statement},
        "codeSystem": _systems(),
        "codeSearch": "all",
    }
    if ("ValueSet", "expand") in operations:
        row["expansion"] = {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in _parameters(operations["ValueSet", "expand"])],
            "textFilter": "Each word begins a word of the code or of a name, accents and case apart",
        }
    if ("ValueSet", "validate-code") in operations:
        row["validateCode"] = {"translations": True}
    if ("ConceptMap", "translate") in operations:
        row["translation"] = {"needsMap": False}
    if ("", "closure") in operations:
        row["closure"] = {"translation": False}
    return row


@lru_cache(maxsize=1)
def _systems() -> list[Mapping[str, Any]]:
    """The systems of the base specification that hold concepts."""
    known = (definitions().code_system(url) for url in sorted(definitions().code_system_urls))
    return [
        {"uri": one.url, **({"version": [{"code": one.version}]} if one.version else {})}
        for one in known
        if one is not None and one.content not in ("not-present", "supplement")
    ]


def _parameters(operation: Operation) -> list[str]:
    """What an operation takes: by its published definition, and beyond."""
    found = (o for o in definitions().operations if o.code == operation.name and operation.on in o.resources)
    return sorted({*operation.also, *(p.name for o in found for p in o.parameters if p.use == "in")})
