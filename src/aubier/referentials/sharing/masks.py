"""Hiding a document from professionals, and showing it again."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.access.decide import require
from aubier.access.labels import VISIBILITY
from aubier.access.view import Write
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing import rules
from aubier.referentials.sharing.holder import only_holder

_MASK = {"system": VISIBILITY, "code": "MASQUE_PS"}


async def mask(ctx: Context, parameters: Resource) -> Resource:
    """The holder hides a document from professionals (`masked` true, the default) or shows it again.

    It stays visible to the holder, its author and the treating doctor; its content follows. Gives the
    document. Problem: not-found, precondition when it changes meanwhile. Rule: DMP TD3.3a, TRE_A07 MASQUE_PS.
    """
    require(ctx.actor, "DocumentReference", "update")
    hidden = _hidden(parameters)
    logical = str(parameters["_id"])
    document = await ctx.store.read("DocumentReference", logical)
    await only_holder(ctx, str(document.get("subject", {}).get("reference", "")).removeprefix("Patient/"))
    changed = _marked(document, hidden)
    if changed == document:
        return document
    version = int(document["meta"]["versionId"])
    written = await ctx.store.decided().transact(
        [Write("update", changed, if_match=version)],
        action="mask" if hidden else "unmask",
        what=f"DocumentReference/{logical}",
    )
    return {**changed, "meta": {**changed["meta"], "versionId": str(written[0].version)}}


def _hidden(parameters: Resource) -> bool:
    masked = rules.asked(parameters, "masked").get("masked", True)
    if str(masked).lower() not in ("true", "false"):
        raise problem(
            "value",
            "'masked' is true or false",
            "« masked » vaut true ou false",
            at="Parameters.parameter.where(name='masked')",
        )
    return str(masked).lower() == "true"


def _marked(document: Resource, hidden: bool) -> Resource:
    """The document with or without the mask; the same one when it is so already."""
    labels = document.get("securityLabel", [])
    rest = [c for c in labels if not _is_mask(c)]
    if hidden and len(rest) < len(labels):
        return document
    if hidden:
        rest = [*rest, {"coding": [{**_MASK, "display": "Masqué aux professionnels"}]}]
    bare = {k: v for k, v in document.items() if k != "securityLabel"}
    return {**bare, "securityLabel": rest} if rest else bare


def _is_mask(concept: Resource) -> bool:
    return any(c.get("code") == _MASK["code"] for c in concept.get("coding", []))
