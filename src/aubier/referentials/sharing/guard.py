"""What keeps Consents and grants saying the same: whose hand writes them, and when they are over."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.ground.clock import instant
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing import rules


async def guard(ctx: Context, consent: Resource, before: Resource | None) -> Resource:
    """Keeps Consents that state rights to this room: written elsewhere, they would say what no grant does.

    The platform's own actors load what they are given. Problem `business-rule` for anyone else's hand on a
    Consent of scope patient-privacy. Rule: GDPR art. 7(1), a consent can be shown to have been given.
    """
    if ctx.actor.kind == "system" or ctx.store.trusted:
        return consent
    known = before if before is not None else await _present(ctx, consent)
    if rules.is_ours(consent) or rules.is_ours(known) or _is_privacy(consent) or _is_privacy(known):
        raise problem(
            "business-rule",
            "Rights on a record are changed by $share, $unshare, $block, $unblock on Patient",
            "Les droits sur un dossier changent par $share, $unshare, $block, $unblock sur Patient",
            at="Consent.scope",
        )
    return consent


async def _present(ctx: Context, asked: Resource) -> Resource:
    """The Consent about to be deleted, any of them for a conditional delete; nothing for one being made."""
    if "scope" in asked:
        return {}
    if not asked.get("id"):
        return {"meta": {"security": [rules.PARTIES]}}
    try:
        return await ctx.store.as_system("sharing").read("Consent", str(asked["id"]))
    except Problem as refusal:
        if refusal.kind not in ("not-found", "deleted"):  # whether it states a right is not known
            raise
        return {}


def _is_privacy(found: Resource) -> bool:
    codings = found.get("scope", {}).get("coding", [])
    return any(c.get("code") == "patient-privacy" for c in codings if isinstance(c, dict))


async def close_ended(ctx: Context) -> None:
    """The job that marks as over the Consents whose term has come; their grants ended by themselves."""
    asked = [
        ("status", "active"),
        ("purpose", f"{rules.BASIS}|"),
        ("period", f"eb{instant(ctx.now)}"),
        ("_count", "200"),
    ]
    for found in (await ctx.store.search("Consent", asked)).resources:
        try:
            version = int(found["meta"]["versionId"])
            await ctx.store.update(rules.ended(found, ctx.now), version)
        except Problem as refusal:
            if refusal.kind != "precondition":  # another process was first
                raise
