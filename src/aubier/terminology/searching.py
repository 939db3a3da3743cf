"""The codes that a search names by a value set, or by their place in a hierarchy."""

from __future__ import annotations

from typing import Any

from aubier.search.model import CodeSet
from aubier.search.query.sets import MOST, Codes
from aubier.terminology.api import Terminology
from aubier.terminology.expansion import WHOLE, Wanted
from aubier.terminology.meaning.value_set import ValueSet, read

_RELATIONS = {"below": "is-a", "above": "generalizes"}


async def codes_of(view: Any, named: CodeSet) -> Codes:
    """(system, code) of every concept of `named`, inactive ones too: what was coded stays found.

    `view` reads value sets by id and runs this room's statements. Problem `not-found` for a value set or
    system that is not here, `too-costly` beyond what one search may stand for.
    Rule: FHIR R4 4.0.1, search.html#token, modifiers in, above and below.
    """
    terminology, value_set = Terminology(view), await _value_set(view, named)
    found: list[tuple[str, str]] = []
    while True:
        page = await terminology.expand(value_set, Wanted(offset=len(found), count=WHOLE))
        found += [(member.system.url, member.concept.code) for member in page.members]
        # Beyond the bound the search itself refuses: it knows how many sets it was given.
        if len(found) >= page.total or not page.members or len(found) > MOST:
            return found


async def _value_set(view: Any, named: CodeSet) -> ValueSet:
    if named.relation != "in":
        row = {"property": "concept", "op": _RELATIONS[named.relation], "value": named.code}
        return read({"compose": {"include": [{"system": named.system, "filter": [row]}]}})
    kind, _, logical = named.value_set.rpartition("/")
    if kind == "ValueSet":
        return read(await view.read(kind, logical))
    return await Terminology(view).find_value_set(named.value_set)
