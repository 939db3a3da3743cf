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

_MASK = {"system": VISIBILITY, "code": "MASQUE_PS", "display": "Masqué aux professionnels"}


async def mask(ctx: Context, parameters: Resource) -> Resource:
    """The holder hides a document from professionals (`masked` true, the default) or shows it again.

    It stays visible to the holder, its author and the treating doctor; its content follows. Gives the
    document. Problem: not-found, precondition when it changes meanwhile. Rule: DMP TD3.3a, TRE_A07 MASQUE_PS.
    """
    require(ctx.actor, "DocumentReference", "update")
    hidden = _hidden(parameters)
    logical = str(parameters["_id"])
    document = await ctx.store.read("DocumentReference", logical)
    about = ctx.store.local(str(document.get("subject", {}).get("reference", "")))
    await only_holder(ctx, about.removeprefix("Patient/"))
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
    """The document with or without the mask, wherever it stands; the same one when it is so already."""
    labels, security = document.get("securityLabel", []), document["meta"].get("security", [])
    codings = [c for concept in labels for c in concept.get("coding", [])]
    if hidden == any(map(_is_mask, (*codings, *security))):
        return document
    if hidden:
        return {**document, "securityLabel": [*labels, {"coding": [_MASK]}]}
    meta = _with(document["meta"], "security", [c for c in security if not _is_mask(c)])
    kept = [concept for label in labels if (concept := _unmasked(label))]
    return _with({**document, "meta": meta}, "securityLabel", kept)


def _unmasked(label: Resource) -> Resource:
    """A label without the mask among its codings; empty when it said nothing else."""
    codings = label.get("coding", [])
    kept = [c for c in codings if not _is_mask(c)]
    return _with(label, "coding", kept) if kept or not codings else {}


def _with(element: Resource, name: str, values: list[Resource]) -> Resource:
    """The element with these values; without the name when there is none."""
    bare = {k: v for k, v in element.items() if k != name}
    return {**bare, name: values} if values else bare


def _is_mask(coding: Resource) -> bool:
    return bool(coding.get("code") == _MASK["code"])
