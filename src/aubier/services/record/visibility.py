"""Who may hide a resource, and above all who may show it again: one rule for every type of the record."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.access.actor import ANONYMOUS, Context
from aubier.access.decide import type_number
from aubier.access.labels import labels_of
from aubier.access.records import RECORD_TYPES
from aubier.ground.problem import problem
from aubier.ground.rows import BeforeWrite, Resource, Statement

HOLDERS = "mask:ps"
"""The label of MASQUE_PS: the holder's own choice, which a carer does not undo."""
_CLOSED = ("conf:R", "conf:V")
_BY_PLATFORM = "author:system:"
_RULE = "DMP TD3.3a; TRE_A07: who masks, unmasks"

VERSIONS = Statement(
    "record.versions",
    "select v.ver, v.labels from id_map m cross join lateral ("
    " select r.ver, r.labels from res r where r.pat = m.pat and r.rid = m.rid"
    " union all select h.ver, h.labels from hist h where h.pat = any(m.was || m.pat) and h.rid = m.rid) v"
    " where m.type = $1 and m.id = $2 order by v.ver",
    "The labels of each version of a resource, oldest first",
)


def visibility(resource: Resource) -> frozenset[str]:
    """The labels by which a resource hides: `mask:ps|patient|rep`, `conf:R`, `conf:V`.

    From securityLabel and meta.security alike, as access reads them.
    """
    labels = labels_of(resource, ANONYMOUS)
    return frozenset(x for x in labels if x.startswith("mask:") or x in _CLOSED)


async def _versions(ctx: Context, kind: str, logical: str) -> list[Sequence[str]]:
    rows = await ctx.store.run(VERSIONS.name, type_number(kind), logical)
    return [row["labels"] for row in rows]


def _among(ctx: Context, labels: Sequence[str]) -> bool:
    return any(f"author:{key}" in labels for key in ctx.actor.keys[:1])


async def authored(ctx: Context, kind: str, logical: str) -> bool:
    """Whether the actor wrote this resource, as the store noted it; the platform's own actors always did.

    Being named as author inside the resource proves nothing.
    """
    if ctx.actor.kind == "system":
        return True
    found = await _versions(ctx, kind, logical)
    return bool(found) and _among(ctx, found[-1])


def _undoes(versions: Sequence[Sequence[str]], code: str) -> bool:
    """Whether its author may take `code` off: not the platform's, nor what may be the holder's."""
    brought = any(label.startswith(_BY_PLATFORM) for label in versions[0])
    if code == HOLDERS:
        return not brought and all(code in labels for labels in versions)
    return not (brought and code in versions[0])


async def keep_hidden(ctx: Context, resource: Resource, before: Resource | None) -> Resource:
    """Lets the codes that hide a resource change only by whom they belong to.

    A create sets any. Later: the platform; an operation that decided itself (the holder's $mask); the author,
    who adds any and removes those they set. Errors: Problem `forbidden` for anyone else.
    """
    if before is None or ctx.actor.kind == "system" or ctx.store.trusted:
        return resource
    old, new = visibility(before), visibility(resource)
    if old == new:
        return resource
    versions = await _versions(ctx, before["resourceType"], str(before["id"]))
    writer = bool(versions) and _among(ctx, versions[-1])
    if not writer or not all(_undoes(versions, code) for code in old - new):
        raise problem(
            "forbidden",
            "Only whoever set a visibility code takes it off; the holder hides and shows with $mask",
            "Seul celui qui a posé une visibilité la retire ; le titulaire masque et démasque avec $mask",
            at=f"{before['resourceType']}.meta.security",
            rule=_RULE,
        )
    return resource


def only_holders(before: Resource, after: Resource) -> bool:
    """Whether no other visibility code differs than the holder's own."""
    return not (visibility(before) ^ visibility(after)) - {HOLDERS}


KEEP_HIDDEN = BeforeWrite("record.visibility", RECORD_TYPES, keep_hidden, _RULE)
"""The rule as a row, for every type of the record."""
