"""`$lastn`: the latest of each kind of observation. Rule: FHIR R4, Observation-operation-lastn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Answer, Call, Limits
from aubier.rest.formats.parts import refuse_twice
from aubier.rest.operations.standard import pairs_of, refuse_pages
from aubier.rest.searching.searchset import bundle, entry
from aubier.search.model import Criterion
from aubier.search.query import parse
from aubier.store.reading import Row

_PAGE = 500
_MOST = 20_000
"""Observations looked at for one answer."""


@dataclass(slots=True)
class _Groups:
    """Observations by whom and what they observe, newest first: two of one subject that share a code."""

    most: int
    local: Callable[[str], str]
    known: dict[tuple[str, str, str], int] = field(default_factory=dict)
    kept: dict[int, list[Row]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Takes an observation that is not newer than those before."""
        codes = _codes(fhir_json.parse(row.raw), self.local)
        group = next((self.known[code] for code in codes if code in self.known), len(self.kept))
        for code in codes:
            self.known.setdefault(code, group)
        held = self.kept.setdefault(group, [])
        if len(held) < self.most:
            held.append(row)


async def last_n(call: Call, view: View, _: Limits) -> Answer:
    """The `max` latest observations of each code (1 unless said) of each subject that meet the other search
    parameters.
    """
    pairs = pairs_of(call)
    # `max` alone says how many are told.
    refuse_pages(name for name, _ in pairs)
    refuse_twice([name for name, _ in pairs if name == "max"])
    most = _max([value for name, value in pairs if name == "max"])
    criteria = [(name, value) for name, value in pairs if name not in ("max", "_format", "_pretty")]
    known = view.access.store.registry
    query = parse("Observation", [*criteria, ("_sort", "-date")], registry=known, default_count=_PAGE)
    named = {c.parameter.code for c in query.criteria if isinstance(c, Criterion) and not c.modifier}
    if not named & {"patient", "subject"}:
        raise problem(
            "required",
            "Say whose: patient or subject is needed",
            "Dites de qui : patient ou subject est obligatoire",
            at="http.patient",
        )
    groups = _Groups(most, view.local)
    looked = 0
    query = replace(query, count=_PAGE, total="none", summary="", includes=(), cursor="")
    while True:
        found = await view.search_rows(query)
        for row in found.rows:
            groups.add(row)
        looked += len(found.rows)
        if not found.cursor:
            break
        if looked >= _MOST:
            raise _too_many()
        query = replace(query, cursor=found.cursor)
    rows = [row for held in groups.kept.values() for row in held]
    here = f"{call.base}/Observation/$lastn" + (f"?{call.query}" if call.query else "")
    entries = [entry(call.base, row, "match") for row in rows]
    return Answer(200, bundle("searchset", len(rows), [("self", here)], entries))


def _too_many() -> Exception:
    return problem(
        "too-costly",
        f"There are more than {_MOST} observations to look at; add code, category or date",
        f"Il y a plus de {_MOST} observations à parcourir ; ajoutez code, category ou date",
        at="http.query",
    )


def _max(values: Sequence[str]) -> int:
    value = values[-1] if values else "1"
    if not re.fullmatch(r"[1-9][0-9]{0,4}", value):
        raise problem(
            "invalid", "max is a number above zero", "max est un nombre supérieur à zéro", at="http.max"
        )
    return int(value)


def _codes(resource: Resource, local: Callable[[str], str]) -> list[tuple[str, str, str]]:
    """What an observation observes, of whom: its codings, else its text. `local` gives `Type/id` for an
    absolute URL of this server.
    """
    code, whose = resource.get("code") or {}, local(str((resource.get("subject") or {}).get("reference", "")))
    codings = [(whose, c.get("system", ""), c["code"]) for c in code.get("coding", []) if c.get("code")]
    return codings or [(whose, "text", code.get("text", ""))]
