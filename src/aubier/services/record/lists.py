"""Submission sets and folders hide as soon as one of their documents does."""

from __future__ import annotations

from typing import Any

from aubier.access.actor import Context
from aubier.ground.problem import Problem
from aubier.ground.rows import OnChange, Resource
from aubier.services.record.mhd.reading import list_kind, listed, masks
from aubier.store.intent import Intent


async def hide_lists(ctx: Context, change: Any) -> None:
    """After a document changed: the lists that name it bear in meta.security the masks of their documents.

    Rule: DMP TD3.3a: a hidden document is absent, and so is what would tell that it was there.
    """
    named = await ctx.store.search("List", [("item", f"DocumentReference/{change.id}"), ("_count", "100")])
    for found in named.resources:
        wanted = await _masks(ctx, found) if list_kind(found) else masks(found.get("meta"))
        if wanted != masks(found.get("meta")):
            await ctx.store.write([Intent("patch", "List", found["id"], change=_bearing(wanted))])


async def _masks(ctx: Context, found: Resource) -> list[Resource]:
    wanted: list[Resource] = []
    for entry in listed(found.get("entry")):
        kind, _, logical = str((entry.get("item") or {}).get("reference")).partition("/")
        if kind == "DocumentReference":
            try:
                wanted += [m for m in masks(await ctx.store.read(kind, logical)) if m not in wanted]
            except Problem:
                continue
    return wanted


def _bearing(wanted: list[Resource]) -> Any:
    def change(before: Resource) -> Resource:
        meta = before.get("meta") or {}
        kept = [c for c in listed(meta.get("security")) if c not in masks(meta)] + wanted
        bare = {k: v for k, v in meta.items() if k != "security"}
        return {**before, "meta": bare | ({"security": kept} if kept else {})}

    return change


ON_CHANGE = (OnChange("record.lists", ("DocumentReference",), hide_lists),)
"""The row of the rule above."""
