"""Definitions by canonical URL, read from the store: for a walk, or because a resource answers or reports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from aubier.fhir.packages import Canonicals, split
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource

_MOST = 50
"""Different definitions that one resource may name so, at most; of more, the first are read."""
_AT_ONCE = 20
_LONGEST = 3_000
"""Characters of the URLs of one search, which takes four thousand."""


async def named(view: Any, kind: str, urls: Iterable[str]) -> AsyncIterator[Resource]:
    """Every version of the definitions of these URLs, as the view sees them; none where it sees none."""
    for text in _together(urls):
        asked, cursor = [("url", text), ("_count", "200")], ""
        while True:
            try:
                page = await view.search(kind, [*asked, ("_page", cursor)] if cursor else asked)
            except Problem as refusal:
                if refusal.kind == "transient":  # nobody knows whether they are here
                    raise
                break  # whoever may not search these has none
            for found in page.resources:
                if isinstance(found.get("url"), str):
                    yield found
            cursor = page.next
            if not cursor:
                break


def _together(urls: Iterable[str]) -> Iterator[str]:
    """The values of as few searches as will do."""
    group: list[str] = []
    for url in urls:
        text = url.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|")
        if group and (len(group) == _AT_ONCE or len(",".join((*group, text))) > _LONGEST):
            yield ",".join(group)
            group = []
        group += [text] if text.strip() else []
    if group:
        yield ",".join(group)


async def read_named(store: Any, kind: str, canonicals: list[str]) -> Canonicals[Resource]:
    """The definitions of this type with these canonicals, as whoever asks sees them."""
    found: Canonicals[Resource] = Canonicals()
    urls = list(dict.fromkeys(split(canonical)[0] for canonical in canonicals))[:_MOST]
    async for one in named(store, kind, urls):
        found.add(one["url"], str(one.get("version", "")), one)
    return found
