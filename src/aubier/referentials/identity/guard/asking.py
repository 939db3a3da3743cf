"""Who may ask the national base, and how often: each answer tells that somebody exists."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.access.decide import require
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.number import AUTHORITIES

MOST = 100
WINDOW = 600_000
"""At most so many identities asked by one actor in so many milliseconds."""

RULE = "RNIV 1 v2.0 (who calls INSi); GDPR art. 5(1)(c)"


async def admit(ctx: Context, operation: str, asked: int, told: frozenset[str]) -> None:
    """Lets a professional or an application ask for `asked` identities at once, and leaves the audit line.

    The line bears the operation, how many identities and the names of the traits `told`, never their values.
    Problem `login`, `forbidden`, or `throttled` past the bound.
    """
    what = f"Patient/${operation}: {asked} ({', '.join(sorted(told))})"
    try:
        _only_care(ctx)
        await count(ctx, asked)
    except Problem as refusal:
        await ctx.store.note(operation, what, refusal.kind)
        raise
    await ctx.store.note(operation, what)


def _only_care(ctx: Context) -> None:
    require(ctx.actor, "Patient", "search")
    if ctx.actor.kind not in ("professional", "system"):
        raise problem(
            "forbidden",
            "The national base is asked by professionals and their software",
            "La base nationale est interrogée par les professionnels et leurs logiciels",
            at="http.Authorization",
            rule=RULE,
        )


async def count(ctx: Context, asked: int) -> None:
    """Counts identities asked by this actor. Problem `throttled` past the bound; refusals count too."""
    now = milliseconds(ctx.now)
    who = (ctx.actor.keys or (ctx.actor.login,))[0]
    rows = await ctx.store.run("identity.count_asked", who, now, asked, now - WINDOW)
    if rows[0]["asked"] > MOST:
        refused = problem(
            "throttled",
            f"More than {MOST} identities asked in ten minutes; wait a little",
            f"Plus de {MOST} identités demandées en dix minutes ; patientez un peu",
            rule=RULE,
        )
        refused.headers["Retry-After"] = str(WINDOW // 1000)
        raise refused


async def count_written(ctx: Context, resource: Resource | None) -> None:
    """Before the transaction that writes a Patient: one that bears a number asks whether it exists.

    `resource` is None for a change whose outcome is not known yet. The platform's own actors load records
    and are not counted.
    """
    if ctx.actor.kind == "system":
        return
    known = resource is not None and not any(_national(i) for i in _identifiers(resource))
    if not known:
        await count(ctx, 1)


def _identifiers(resource: Resource) -> list[Resource]:
    found = resource.get("identifier")
    return [i for i in found if isinstance(i, dict)] if isinstance(found, list) else []


def _national(identifier: Resource) -> bool:
    return identifier.get("system") in AUTHORITIES
