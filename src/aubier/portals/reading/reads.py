"""The searches that pages make through the actor's view: nothing else is asked of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aubier.access.actor import Context
from aubier.ground.problem import Problem, not_found
from aubier.ground.rows import Resource
from aubier.portals.frame.house import House, parameters
from aubier.portals.reading.listing import PAGE_SIZE, Filters, criteria
from aubier.portals.reading.papers import families

Criteria = Sequence[tuple[str, str]]

VITALS = "29463-7,4548-4,2339-0,8480-6"
"""LOINC codes of the curves shown, in the order tried: weight, HbA1c, glucose, systolic pressure."""


async def found(ctx: Context, kind: str, asked: Criteria) -> list[Resource]:
    """All resources of one search page, matches and included alike."""
    page = await ctx.store.search(kind, list(asked))
    return [entry.resource for entry in page.entries]


async def count(ctx: Context, kind: str, asked: Criteria) -> int:
    """How many match, as far as the actor may know."""
    page = await ctx.store.search(kind, [*asked, ("_count", "0"), ("_total", "accurate")])
    return int(page.total or 0)


async def documents(ctx: Context, patient: str, filters: Filters) -> tuple[list[Resource], int, str]:
    """One page of documents, how many there are in all, and the token of the next page (or empty)."""
    asked = [
        *criteria(patient, filters),
        ("_sort", "-date"),
        ("_count", str(PAGE_SIZE)),
        ("_total", "accurate"),
    ]
    if filters.page:
        asked.append(("_page", filters.page))
    page = await ctx.store.search("DocumentReference", asked)
    return [e.resource for e in page.entries if e.mode == "match"], int(page.total or 0), str(page.next or "")


async def document_of(ctx: Context, patient: str, id_: str) -> Resource:
    """A document of this record. Problem `not-found` for that of another record, seen or not."""
    document: Resource = await ctx.store.read("DocumentReference", id_)
    if document.get("subject", {}).get("reference", "").split("/")[-1] != patient:
        raise not_found(f"DocumentReference/{id_}")
    return document


async def counts(ctx: Context, patient: str, filters: Filters) -> tuple[Mapping[str, int], int]:
    """Documents per family, and in all, under the other filters."""
    loose = replace(filters, kind="", page="")
    total = await count(ctx, "DocumentReference", criteria(patient, loose))
    by_family: dict[str, int] = {}
    for one in families() if total else ():
        narrowed = criteria(patient, replace(loose, kind=one.key))
        by_family[one.key] = await count(ctx, "DocumentReference", narrowed)
    return by_family, total


async def treatments(ctx: Context, patient: str) -> list[Resource]:
    """The active prescriptions and statements of a patient."""
    asked = [("patient", patient), ("status", "active"), ("_count", "100")]
    return [*await found(ctx, "MedicationRequest", asked), *await found(ctx, "MedicationStatement", asked)]


async def measures(ctx: Context, patient: str) -> list[Resource]:
    """The newest points of the first vital sign that has at least two."""
    asked = [("patient", patient), ("code", VITALS), ("_sort", "-date"), ("_count", "60")]
    points = await found(ctx, "Observation", asked)
    for code in VITALS.split(","):
        same = [o for o in points if code in {c.get("code") for c in o.get("code", {}).get("coding", [])}]
        if len(same) > 1:
            return same[:30]
    return []


async def consents(house: House, ctx: Context, patient: str) -> list[Resource] | None:
    """The rights in force, then the ended Consents; None when that is not for the reader to know."""
    stated = await found(ctx, "Consent", [("patient", patient), ("_count", "100")])
    if "Patient/$rights" not in house.operations:
        return stated
    try:
        bundle = await house.call(ctx, "Patient/$rights", parameters(patient))
    except Problem as refused:
        if refused.kind in ("not-found", "forbidden"):
            return None
        raise
    return [
        *(e["resource"] for e in bundle.get("entry", [])),
        *(c for c in stated if c.get("status") != "active"),
    ]


async def read_or_none(ctx: Context, kind: str, id_: str) -> Resource | None:
    """The resource, or None when it is hidden or missing."""
    try:
        got: Resource = await ctx.store.read(kind, id_)
        return got
    except Problem as refused:
        if refused.kind in ("not-found", "deleted", "forbidden"):
            return None
        raise
