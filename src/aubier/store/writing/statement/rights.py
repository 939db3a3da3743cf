"""The rights that a write gives and takes: grants of the batch, of who is born, of who wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.search.sql import Args
from aubier.store.intent import Batch, Grant, Revoke
from aubier.store.keys import family, type_numbers
from aubier.store.sight import FOREVER, Sight
from aubier.store.writing.statement.parts import text_array
from aubier.store.writing.step import Step

_CREATOR_TERM = 366 * 86_400_000
"""Milliseconds for which whoever opened a record keeps a right to it without any other ground."""


@dataclass(frozen=True, slots=True)
class Rights:
    """The statements about rights of one batch, for one actor."""

    sight: Sight

    def parts(self, batch: Batch, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        """Inserts and ends of grants, each guarded by `ok`."""
        here = {s.id: s.pat for s in live if s.intent.type == "Patient" and s.resource is not None}
        rows = [self._granted(g, here) for g in batch.grants]
        now = self.sight.now
        for step in live:
            if step.resource is None or family(step.intent.type) or step.found.version:
                continue
            if step.intent.type == "Patient":
                rows.append(
                    (step.pat, None, f"person:{step.id}", "self", "rw", "{}", '{"mask:patient"}', now)
                )
                if not self.sight.unrestricted:
                    creator = (step.pat, None, self.sight.keys[0], "creator", "rw", "{}", '{"mask:ps"}', now)
                    rows.append((*creator, now + _CREATOR_TERM, False, "", ""))
            elif not self.sight.unrestricted and step.lone:
                rows.append((step.pat, None, self.sight.keys[0], "author", "rw", "{}", "{}", now))
        parts = [grants_sql(args, rows, now, ok)] if rows else []
        parts += self._authored(live, args, ok)
        parts += [self._revoked(r, args, ok) for r in batch.revokes]
        return parts

    def _authored(self, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        """Who writes in another's record may read back what they wrote, whatever becomes of the
        relationship.
        """
        pats = {s.pat for s in live if s.resource is not None and not family(s.intent.type)}
        if self.sight.unrestricted or not self.sight.own or not pats:
            return []
        key, label = args.add(self.sight.keys[0], "text"), args.add(list(self.sight.own[:1]), "text[]")
        now, end = args.add(self.sight.now, "bigint"), args.add(FOREVER, "bigint")
        return [
            "insert into grants (pat, actor, basis, rights, scope, since, till, made)"
            f" select p, {key}, 'author', 'r', {label}, {now}, {end}, {now}"
            f" from unnest({args.add(sorted(pats), 'bigint[]')}) p where {ok} and not exists (select 1"
            f" from grants g"
            # Looked for there: whoever has a thousand rights would have them all read for each write.
            f" where g.pat = p and g.actor = {key} and (g.basis = 'author' or g.basis = 'self') offset 0)"
        ]

    def _granted(self, grant: Grant, here: Mapping[str, int]) -> tuple[Any, ...]:
        return (
            here.get(grant.patient, 0),
            grant.patient,
            grant.actor,
            grant.basis,
            grant.rights,
            text_array(grant.scope),
            text_array(grant.withheld),
            grant.since or self.sight.now,
            grant.till,
            grant.deny,
            grant.reason,
            grant.origin,
        )

    def _revoked(self, revoke: Revoke, args: Args, ok: str) -> str:
        now = args.add(self.sight.now, "bigint")
        patient = args.add(revoke.patient, "text")
        actor = args.add(revoke.actor, "text")
        deny = args.add(revoke.deny, "boolean")
        basis = "g.basis not in ('self', 'author')"
        if revoke.basis:
            basis = f"g.basis = {args.add(revoke.basis, 'text')}"
        return (
            f"update grants g set till = {now} from id_map m where m.type = {type_numbers()['Patient']}"
            f" and m.id = {patient} and g.pat = m.pat and g.actor = {actor} and g.deny = {deny} and {basis}"
            f" and g.till > {now} and {ok}"
        )


_GRANT = (
    ("pat", "bigint"),
    ("patient", "text"),
    ("actor", "text"),
    ("basis", "text"),
    ("rights", "text"),
    ("scope", "text"),
    ("withheld", "text"),
    ("since", "bigint"),
    ("till", "bigint"),
    ("deny", "boolean"),
    ("reason", "text"),
    ("origin", "text"),
)


def grants_sql(args: Args, rows: Sequence[tuple[Any, ...]], now: int, ok: str) -> str:
    """An insert of grants; a row without compartment number finds it by the patient's id."""
    full = [r if len(r) == len(_GRANT) else (*r, FOREVER, False, "", "") for r in rows]
    columns = [
        args.add(list(c), f"{cast}[]") for c, (_, cast) in zip(zip(*full, strict=True), _GRANT, strict=True)
    ]
    made = args.add(now, "bigint")
    return (
        "insert into grants (pat, actor, basis, rights, scope, withheld, since, till, deny, reason,"
        " origin, made)"
        f" select case when u.pat <> 0 then u.pat else (select m.pat from id_map m"
        f" where m.type = {type_numbers()['Patient']} and m.id = u.patient) end, u.actor, u.basis, u.rights,"
        f" u.scope::text[], u.withheld::text[], u.since, u.till, u.deny, u.reason, u.origin, {made}"
        f" from unnest({', '.join(columns)}) u({', '.join(c for c, _ in _GRANT)}) where {ok}"
    )
