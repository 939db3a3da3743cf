"""`metadata`: the statement as it is asked for, kept ready because everyone asks, and first of all.

Rule: FHIR R4, http.html#capabilities.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from aubier.fhir import json as fhir_json
from aubier.ground.memory import remembered
from aubier.ground.problem import problem
from aubier.ground.rows import Operation, Resource
from aubier.rest.exchange import Answer, Call
from aubier.rest.operations.capabilities import terminology_capabilities
from aubier.rest.operations.standard import check_once, check_parameters
from aubier.rest.reading.subsets import SUBSETS, part, subset_of
from aubier.search.model import Query

_MODES = ("full", "terminology")


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer ready to be sent, as it is and packed, and the mark of its bytes."""

    body: bytes
    packed: bytes
    mark: str


def metadata(
    call: Call,
    statement: bytes,
    operations: Mapping[tuple[str, str], Operation],
    modes: Sequence[str] = _MODES,
) -> Answer:
    """The CapabilityStatement, or with `mode=terminology` the TerminologyCapabilities; 304 to who has it.

    Problem: a parameter that means nothing here, a mode that is none.
    """
    check_parameters(call.query, "mode", *SUBSETS)
    check_once(call.query)
    asked = dict(call.pairs())
    mode = asked.get("mode", "full")
    if mode not in modes:
        raise problem(
            "value",
            f"mode is one of {', '.join(modes)}",
            f"mode est l'un de {', '.join(modes)}",
            at="http.mode",
        )
    if mode == "terminology":
        statement = fhir_json.dumps(terminology_capabilities(_read(statement), operations))
    subset = [(name, asked[name]) for name in SUBSETS if name in asked]
    query = subset_of(str(_read(statement)["resourceType"]), subset) if subset else None
    told = _told(statement, _alike(query) if query else None)
    # Others may keep it, and ask each time whether it is still so: what can be searched comes and goes.
    mark = f"{told.mark}-{call.format}"  # each form has its own, or who has one would be told it is the other
    headers = {"ETag": f'W/"{mark}"', "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
    has = (one.strip().removeprefix("W/") for one in call.headers.get("if-none-match", "").split(","))
    if f'"{mark}"' in has:
        return Answer(304, b"", headers)
    return Answer(200, told.body, headers, packed=told.packed)


@remembered(64_000_000, lambda found, statement: 10 * len(statement))
def _read(statement: bytes) -> Resource:
    """The statement as data, which nobody changes: reading it takes longer than all the rest."""
    return fhir_json.parse(statement)


@remembered(32_000_000, lambda told, statement, _: len(told.body) + len(told.packed) + len(statement) + 500)
def _told(statement: bytes, query: Query | None) -> _Told:
    cut = part(_read(statement), query) if query else None
    body = statement if cut is None else fhir_json.dumps(cut)
    return _Told(body, gzip.compress(body, 6, mtime=0), sha256(body).hexdigest()[:32])


def _alike(query: Query) -> Query:
    """The same for all who ask for the same elements, in whatever order."""
    return Query(query.type, summary=query.summary, elements=tuple(sorted({*query.elements})))
