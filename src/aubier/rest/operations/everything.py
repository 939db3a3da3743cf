"""`$everything`: a whole record, or all of an encounter, page by page.

Rule: FHIR R4, Patient-operation-everything, Encounter-operation-everything.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from aubier.access.view import View
from aubier.ground.problem import problem
from aubier.rest.exchange import Answer, Call, Limits
from aubier.rest.operations.standard import count_of, given, types_of
from aubier.rest.reading.spans import span
from aubier.rest.searching.searchset import bundle, entry
from aubier.store.reading.record import Asked

_PAGE = 100
_PARAMETERS = ("_since", "_type", "_count", "_page")


async def patient_everything(call: Call, view: View, limits: Limits) -> Answer:
    """What the actor may see of a record, and of what it refers to.

    Asked of nobody in particular: the record of the citizen on whose behalf it is asked. Problem (invalid)
    for anybody else.
    """
    logical = call.path[1] if len(call.path) > 2 else view.actor.patient
    if not logical:
        raise problem(
            "invalid",
            "Ask it as Patient/[id]/$everything: your token is for no record of your own",
            "Demandez-la ainsi : Patient/[id]/$everything ; votre jeton ne vaut pas pour un dossier à vous",
            at="http.path",
        )
    return await _everything(call, view, limits, logical, ("start", "end", *_PARAMETERS))


async def encounter_everything(call: Call, view: View, limits: Limits) -> Answer:
    """What the actor may see of what names an encounter, and of what that refers to."""
    return await _everything(call, view, limits, call.path[1], _PARAMETERS)


async def _everything(call: Call, view: View, limits: Limits, logical: str, names: tuple[str, ...]) -> Answer:
    pairs, kind = given(call, *names, many=("_type",)), call.path[0]
    walked = await view.walk(Asked(kind, logical, **_options(pairs, limits)))
    here = f"{call.base}/{kind}/{logical}/$everything"
    kept = [(name, value) for name, value in pairs if name != "_page"]
    links = [("self", _url(here, pairs))]
    if walked.next is not None:
        links.append(
            ("next", _url(here, [*kept, ("_page", ".".join(str(n) for n in walked.next if n is not None))]))
        )
    entries = [entry(call.base, row, "match") for row in walked.rows]
    entries += [entry(call.base, row, "include") for row in walked.included]
    total = None if walked.next is not None or len(kept) < len(pairs) else len(walked.rows)
    return Answer(200, bundle("searchset", total, links, entries))


def _options(pairs: list[tuple[str, str]], limits: Limits) -> dict[str, Any]:
    options: dict[str, Any] = {"count": min(_PAGE, limits.largest)}
    for name, value in pairs:
        match name:
            case "_count":
                options["count"] = count_of(value, limits)
            case "_type":
                options["types"] = (*options.get("types", ()), *types_of(value))
            case "start" | "_since":
                options[name.removeprefix("_")] = span(name, value)[0]
            case "end":
                options["end"] = span(name, value)[1]
            case "_page" if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", value):
                options.update(zip(("after", "below"), map(int, value.split(".")), strict=False))
            case _:
                raise problem(
                    "invalid",
                    "The page mark is not one of this answer; start again from its first page",
                    "Le repère de page ne vient pas de cette réponse ; repartez de la première page",
                    at="http._page",
                )
    return options


def _url(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
