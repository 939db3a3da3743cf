"""What a resource names by canonical URL and answers or reports: forms and measures, read from the store."""

from __future__ import annotations

from typing import Any

from aubier.fhir.packages import Canonicals, split
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource

_MOST = 50
"""Different definitions that one resource may name so, at most; of more, the first are read."""


async def read_named(store: Any, kind: str, named: list[str]) -> Canonicals[Resource]:
    """The definitions of this type with these canonicals, as whoever asks sees them."""
    found: Canonicals[Resource] = Canonicals()
    urls = list(dict.fromkeys(split(n)[0] for n in named))[:_MOST]
    if urls:
        text = ",".join(u.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|") for u in urls)
        try:
            page = await store.search(kind, [("url", text), ("_count", "200")])
        except Problem:  # whoever may not search these has none
            return found
        for one in page.resources:
            found.add(str(one.get("url", "")), str(one.get("version", "")), one)
    return found
