"""$status of SearchParameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aubier.access.decide import require
from aubier.ground.rows import Resource

_UNUSED = {
    "en": "not searched: only an active parameter that is not one of the standard has rows of its own",
    "fr": "pas cherché : seul un paramètre actif, qui n'est pas du standard, a ses propres lignes d'index",
}


async def status(ctx: Any, parameters: Resource) -> Resource:
    """Parameters, with one `parameter` for each making of a SearchParameter, or of the one asked.

    Its parts: definition (Reference), code, base (0..*), status (making, ready, leaving, unserved, unused),
    done and total (resources), percent, reason. Problem: not-found, forbidden.
    """
    logical = str(parameters.get("_id", ""))
    if logical:
        await ctx.store.read("SearchParameter", logical)
    else:
        await ctx.store.search("SearchParameter", [("_count", "0")])  # who may not search them is refused
        require(ctx.actor, "SearchParameter", "search")  # so is who may see some of them only: all are told
    rows = await ctx.store.run("parameters.status", logical)
    told = [_told(row, ctx.language) for row in rows]
    if logical and not told:
        told = [_parts(logical, "unused", reason=_UNUSED["fr" if ctx.language == "fr" else "en"])]
    return {"resourceType": "Parameters"} | ({"parameter": told} if told else {})


def _told(row: Mapping[str, Any], language: str) -> Resource:
    known = json.loads(row["definition"]) if row["definition"] else {}
    reason = row["why_fr"] if language == "fr" else row["why"]
    counts = (row["done"], row["total"]) if known else None
    return _parts(row["name"], row["state"], known=known, counts=counts, reason=reason)


def _parts(
    logical: str,
    state: str,
    *,
    known: Mapping[str, Any] | None = None,
    counts: tuple[int, int] | None = None,
    reason: str = "",
) -> Resource:
    parts: list[Resource] = [
        {"name": "definition", "valueReference": {"reference": f"SearchParameter/{logical}"}},
        {"name": "status", "valueCode": state},
    ]
    if known:
        parts.append({"name": "code", "valueCode": known["code"]})
        parts += [{"name": "base", "valueCode": base} for base in known["bases"]]
    if counts is not None:
        done, total = counts
        percent = 100 if state == "ready" else min(99, done * 100 // total) if total > 0 else 0
        parts.append({"name": "done", "valueInteger": done})
        parts += [{"name": "total", "valueInteger": total}] if total >= 0 else []
        parts.append({"name": "percent", "valueInteger": percent})
    if reason:
        parts.append({"name": "reason", "valueString": reason})
    return {"name": "parameter", "part": parts}
