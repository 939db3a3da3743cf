"""Who deposited a document, told in it when that is not whom it names as author."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.access.labels import IDNPS, IDNST, declared_authors
from aubier.ground.rows import Resource
from aubier.ground.text import fold_name
from aubier.services.record.mhd.reading import listed

DEPOSITED_BY = "urn:aubier:deposited-by"
"""The extension that names the depositor: `valueReference`, written by the platform only."""
_TITLES = frozenset({"dr", "docteur", "pr", "professeur", "m", "mme", "ide"})


def _words(name: str) -> set[str]:
    return set(fold_name(name).replace(".", " ").split()) - _TITLES


def _own(ctx: Context, document: Resource) -> bool:
    """Whether the document names its depositor as author, and under their own name."""
    if any(f"author:{key}" in declared_authors(document) for key in ctx.actor.keys):
        return all(_same(ctx, author) for author in listed(document.get("author")))
    return any(a.get("reference") == ctx.actor.reference != "" for a in listed(document.get("author")))


def _same(ctx: Context, author: Resource) -> bool:
    """Whether the words shown for an author are the actor's; a reference without words shows none."""
    shown = _words(str(author.get("display") or ""))
    return not shown or bool(shown & _words(ctx.actor.name))


async def _colleague(ctx: Context, document: Resource) -> bool:
    """Whether each author named practises, by the directory, in the place where the depositor works."""
    named = {label.removeprefix("author:ps:") for label in declared_authors(document)}
    if not named or not ctx.actor.organization:
        return False
    return all([await _practises(ctx, number) for number in sorted(named)])


async def _practises(ctx: Context, number: str) -> bool:
    asked = [
        ("practitioner.identifier", f"{IDNPS}|{number}"),
        ("organization.identifier", f"{IDNST}|{ctx.actor.organization}"),
        ("_count", "1"),
    ]
    return bool((await ctx.store.as_system("record").search("PractitionerRole", asked)).resources)


async def say_depositor(ctx: Context, document: Resource) -> Resource:
    """A new document with the extension that names its depositor, when the author is someone else elsewhere.

    What the sender wrote there is not kept. The platform's own actors send for others by nature: no mention.
    """
    if ctx.actor.kind == "system":
        return document
    others = [e for e in listed(document.get("extension")) if e.get("url") != DEPOSITED_BY]
    bare = {k: v for k, v in document.items() if k != "extension"}
    if not (_own(ctx, document) or await _colleague(ctx, document)):
        others.append({"url": DEPOSITED_BY, "valueReference": _reference(ctx)})
    return bare | ({"extension": others} if others else {})


def _reference(ctx: Context) -> Resource:
    number = next((k.removeprefix("ps:") for k in ctx.actor.keys if k.startswith("ps:")), "")
    told: Resource = {"display": ctx.actor.name}
    if ctx.actor.kind == "professional" and ctx.actor.reference:
        told = {"reference": ctx.actor.reference} | told
    return told | ({"identifier": {"system": IDNPS, "value": number}} if number else {})
