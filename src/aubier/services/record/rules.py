"""What may never happen to a stored document, wherever the write comes from."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Kind, Problem
from aubier.ground.rows import BeforeWrite, Resource
from aubier.services.record.contents import check_contents
from aubier.services.record.depositor import say_depositor
from aubier.services.record.lists import KEEP_LIST_HIDDEN
from aubier.services.record.mhd.patch import frozen_changes
from aubier.services.record.mhd.reading import list_kind
from aubier.services.record.visibility import KEEP_HIDDEN, authored

_DOCUMENT_RULE = "PDSm 3.1.1: a document is immutable once stored"
_LIST_RULE = "PDSm 3.1.1: a submission set is immutable except its status"
_ERROR_RULE = "DMP TD3.3c: only the author withdraws a document"


def _refused(kind: Kind, text: str, fr: str, at: tuple[str, ...], rule: str) -> Problem:
    return Problem(tuple(Issue(kind, text, fr, (place,), rule=rule) for place in at))


async def keep_document(ctx: Context, document: Resource, before: Resource | None) -> Resource:
    """Lets a DocumentReference change its status, confidentiality and archived mark only.

    A new one names no other document's content, and says who deposited it when that is not its author.
    Errors: Problem `business-rule` that names each other element; `conflict` for a withdrawn document;
    `forbidden` when someone else than its author withdraws it.
    """
    check_contents(ctx, document, before)
    if before is None:
        return await say_depositor(ctx, document)
    touched = tuple(f"DocumentReference.{name}" for name in frozen_changes(before, document))
    if touched:
        raise _refused(
            "business-rule",
            "A stored document does not change: deposit a new version that replaces it",
            "Un document enregistré ne change pas : déposez une nouvelle version qui le remplace",
            touched,
            _DOCUMENT_RULE,
        )
    await _check_status(ctx, document, before)
    return document


async def _check_status(ctx: Context, document: Resource, before: Resource) -> None:
    old, new = before.get("status"), document.get("status")
    at = ("DocumentReference.status",)
    if old == "entered-in-error" and new != old:
        text, fr = "A withdrawn document stays withdrawn", "Un document retiré le reste"
        raise _refused("conflict", text, fr, at, _ERROR_RULE)
    if new == "entered-in-error" != old and not await authored(ctx, "DocumentReference", before["id"]):
        text, fr = "Only its author withdraws a document", "Seul son auteur retire un document"
        raise _refused("forbidden", text, fr, at, _ERROR_RULE)


async def keep_list(ctx: Context, found: Resource, before: Resource | None) -> Resource:
    """Lets a submission set change its status only; other Lists are free.

    Errors: Problem `business-rule` that names each other element.
    """
    if before is None or list_kind(before) != "submissionset":
        return found
    free = {"status", "meta", "text", "extension"}
    names = sorted({*before, *found} - free)
    touched = tuple(f"List.{name}" for name in names if before.get(name) != found.get(name))
    if touched:
        text = "A submission set does not change, except its status"
        fr = "Un lot de soumission ne change pas, sauf son statut"
        raise _refused("business-rule", text, fr, touched, _LIST_RULE)
    return found


async def keep_binary(ctx: Context, binary: Resource, before: Resource | None) -> Resource:
    """Keeps the content of a Binary that a document names as it is.

    Errors: Problem `business-rule` at data or contentType.
    """
    if before is None:
        return binary
    touched = tuple(f"Binary.{n}" for n in ("contentType", "data") if before.get(n) != binary.get(n))
    if not touched:
        return binary
    url = f"Binary/{before['id']}"
    naming = await ctx.store.as_system("record").search("DocumentReference", [("location", url)])
    if naming.resources:
        text = "A document names this content: it does not change"
        fr = "Un document désigne ce contenu : il ne change pas"
        raise _refused("business-rule", text, fr, touched, _DOCUMENT_RULE)
    return binary


BEFORE_WRITE = (
    KEEP_HIDDEN,
    BeforeWrite("record.document", ("DocumentReference",), keep_document, _DOCUMENT_RULE),
    BeforeWrite("record.submission-set", ("List",), keep_list, _LIST_RULE),
    KEEP_LIST_HIDDEN,
    BeforeWrite("record.content", ("Binary",), keep_binary, _DOCUMENT_RULE),
)
"""The rules above as rows."""
