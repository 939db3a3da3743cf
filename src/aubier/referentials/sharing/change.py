"""One change of rights: Consents ended, one made, with their grants, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aubier.access.actor import Context
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing import rules
from aubier.referentials.sharing.rules import Party
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.intent import Grant, Intent, Revoke


async def stated(ctx: Context, patient: str, to: Party, kind: str) -> list[Resource]:
    """The Consents of this room, `permit` or `deny`, about `to` on a record, that have not been ended."""
    page = await ctx.store.decided().search("Consent", [*_criteria(patient, to), ("_count", "100")])
    return [c for c in page.resources if rules.is_ours(c) and rules.kind_of(c) == kind]


def _criteria(patient: str, to: Party) -> list[tuple[str, str]]:
    return [("patient", patient), ("actor", str(to.reference["reference"])), ("status", "active")]


@dataclass(frozen=True, slots=True)
class Change:
    """Consents `over`, one `made` with what is `given`, grants revoked. `action` is the audit line's."""

    patient: str
    to: Party
    action: str
    over: Sequence[Resource] = ()
    made: Resource | None = None
    given: Grant | None = None
    revokes: tuple[Revoke, ...] = ()

    async def write(self, ctx: Context) -> Resource | None:
        """Writes all or nothing; gives the Consent made (`{}` without one), None when another was first.

        Two who state the same right at once take turns: the second finds the first's Consent and decides
        again.
        """
        intents = [self._over(ctx, found) for found in self.over]
        if self.made:
            intents.append(self._made(self.made))
        given = [self.given] if self.given else []
        try:
            written = await ctx.store.decided().write(
                intents,
                grants=given,
                revokes=self.revokes,
                action=self.action,
                what=f"Patient/{self.patient}",
            )
        except Problem as refusal:
            if refusal.kind in ("precondition", "conflict"):
                return None
            raise
        if not self.made:
            return {}
        return {**self.made, "id": written[-1].id} if written[-1].status == "created" else None

    def _over(self, ctx: Context, found: Resource) -> Intent:
        version = int(found["meta"]["versionId"])
        over = rules.ended(found, ctx.now)
        return Intent("update", "Consent", found["id"], resource=over, if_match=version)

    def _made(self, wanted: Resource) -> Intent:
        purpose = wanted["provision"]["purpose"][0]
        pairs = [*_criteria(self.patient, self.to), ("purpose", f"{rules.BASIS}|{purpose['code']}")]
        condition = None if self.over else parse("Consent", pairs, registry=registry())
        return Intent("create", "Consent", resource=dict(wanted), condition=condition)
