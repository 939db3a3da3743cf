"""Lists of documents hide as soon as one of their documents does, and from their first version on."""

from __future__ import annotations

import re
from typing import Any

from aubier.access.actor import Context
from aubier.ground.rows import BeforeWrite, OnChange, Resource
from aubier.services.record.mhd.reading import list_kind, listed, masks
from aubier.store.intent import Intent

_DOCUMENT = re.compile(r"(?:^|/)DocumentReference/([A-Za-z0-9.-]{1,64})(?:/_history/|$)")
_AT_ONCE = 100


async def hide_lists(ctx: Context, change: Any) -> None:
    """After a document changed: the lists that name it bear in meta.security the masks of their documents.

    Rule: DMP TD3.3a: a hidden document is absent, and so is what would tell that it was there.
    """
    asked, cursor = [("item", f"DocumentReference/{change.id}"), ("_count", "100")], ""
    while True:
        page = await ctx.store.search("List", [*asked, ("_page", cursor)] if cursor else asked)
        for found in page.resources:
            await _hide(ctx, found)
        cursor = page.next
        if not cursor:
            return


async def _hide(ctx: Context, found: Resource) -> None:
    wanted, held = await _masks(ctx, found), masks(found.get("meta"))
    if not list_kind(found):  # another List may be hidden for reasons of its own
        wanted = [*held, *(m for m in wanted if m not in held)]
    if wanted != held:
        await ctx.store.write(
            [Intent("patch", "List", found["id"], change=lambda before: bearing(before, wanted))]
        )


async def keep_list_hidden(ctx: Context, found: Resource, before: Resource | None) -> Resource:
    """A List of any kind bears, as soon as it is written, the masks of the documents it names.

    Those that its writer gave stay.
    """
    return with_masks(found, await _masks(ctx, found))


def with_masks(found: Resource, wanted: list[Resource]) -> Resource:
    """The List with those of the visibility codings `wanted` whose code it does not bear yet."""
    given = masks(found.get("meta"))
    missing = [m for m in wanted if m["code"] not in {g["code"] for g in given}]
    return bearing(found, [*given, *missing]) if missing else found


async def _masks(ctx: Context, found: Resource) -> list[Resource]:
    """The masks of the documents that a List names, as the platform reads them, whoever writes."""
    items = [str((entry.get("item") or {}).get("reference")) for entry in listed(found.get("entry"))]
    named = list(dict.fromkeys(m[1] for item in items if (m := _DOCUMENT.search(item))))
    wanted: list[Resource] = []
    for start in range(0, len(named), _AT_ONCE):
        asked = [("_id", ",".join(named[start : start + _AT_ONCE])), ("_count", str(_AT_ONCE))]
        page = await ctx.store.as_system("record").search("DocumentReference", asked)
        wanted += [m for d in page.resources for m in masks(d) if m not in wanted]
    return list({m["code"]: m for m in wanted}.values())


def bearing(found: Resource, wanted: list[Resource]) -> Resource:
    """The List with exactly these visibility codings in its meta.security."""
    meta = found.get("meta") or {}
    kept = [c for c in listed(meta.get("security")) if c not in masks(meta)] + wanted
    bare = {k: v for k, v in meta.items() if k != "security"}
    return {**found, "meta": bare | ({"security": kept} if kept else {})}


KEEP_LIST_HIDDEN = BeforeWrite("record.list-masks", ("List",), keep_list_hidden, "DMP TD3.3a")
"""The same before a List is stored, so that it is never seen without them."""

ON_CHANGE = (OnChange("record.lists", ("DocumentReference",), hide_lists),)
"""The row of the rule above."""
