"""What an actor may see, as one SQL predicate, and what the audit line says of the actor."""

from __future__ import annotations

from dataclasses import dataclass, field

from aubier.search.sql import Args

ANYONE = "anyone"
"""The grant key that every actor but the platform's own bears: a deny to it closes a record to all."""

FOREVER = 253_402_300_800_000
"""`till` of a grant without end, milliseconds of the epoch."""


@dataclass(frozen=True, slots=True)
class Sight:
    """An actor as the store needs it.

    `keys` are the actor's grant keys. `hidden` are labels the actor may never see, unless one of `own` (the
    author labels of the actor) is on the row. `types` are the readable types (None: all). `now` in ms.
    `author_only` are the writes (update, patch, delete) that this actor may do on own resources only.
    `unrestricted` is for the platform's own actors: they see everything and are audited all the same.
    """

    actor: str
    name: str
    now: int
    unrestricted: bool = False
    keys: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    types: frozenset[str] | None = field(default=frozenset())
    org: str = ""
    client: str = ""
    purpose: str = ""
    author_only: frozenset[str] = frozenset()

    def sees_type(self, type_name: str) -> bool:
        """Whether the actor's scopes let this type be read at all."""
        return self.types is None or type_name in self.types

    def predicate(self, row: str, args: Args, *, directory: bool) -> str:
        """The condition under which the row `row` exists for this actor.

        A valid grant covers it, no valid deny does, and no label is hidden from the actor; an author's
        own rows pass the labels but never a deny. Rows of the directory are open to whoever's scopes allow.
        """
        if self.unrestricted or directory:
            return "true"
        keys = args.add(list(self.keys), "text[]")
        all_keys = args.add([*self.keys, ANYONE], "text[]")
        own = args.add(list(self.own), "text[]")
        hidden = args.add(list(self.hidden), "text[]")
        now = args.add(self.now, "bigint")
        valid = f"since <= {now} and till > {now}"
        return (
            f"exists (select 1 from grants g where g.pat = {row}.pat and g.actor = any({keys}) and not g.deny"
            f" and g.{valid.replace('till', 'g.till')} and (g.scope = '{{}}' or g.scope && {row}.labels)"
            f" and (not g.withheld && {row}.labels or {row}.labels && {own}))"
            f" and not exists (select 1 from grants d where d.pat = {row}.pat and d.actor = any({all_keys})"
            f" and d.deny and d.{valid.replace('till', 'd.till')}"
            f" and (d.scope = '{{}}' or d.scope && {row}.labels))"
            f" and (not {row}.labels && {hidden} or {row}.labels && {own})"
        )

    def may_write(self, pats: str, args: Args, *, feed: bool) -> str:
        """The condition under which the actor may write in every compartment of the array `pats`.

        A grant with `w`, or, with `feed`, merely no opposition. Rule: order of 26 Oct 2023, and the DMP
        rule that feeding needs non-opposition only while reading needs an authorisation.
        """
        if self.unrestricted:
            return "true"
        all_keys = args.add([*self.keys, ANYONE], "text[]")
        now = args.add(self.now, "bigint")
        denied = (
            f"exists (select 1 from grants d where d.pat = p.pat and d.actor = any({all_keys}) and d.deny"
            f" and d.since <= {now} and d.till > {now} and d.scope = '{{}}')"
        )
        if feed:
            return f"not exists (select 1 from unnest({pats}) as p(pat) where {denied})"
        keys = args.add(list(self.keys), "text[]")
        granted = (
            f"exists (select 1 from grants g where g.pat = p.pat and g.actor = any({keys}) and not g.deny"
            f" and g.since <= {now} and g.till > {now} and g.rights like '%w%')"
        )
        return f"not exists (select 1 from unnest({pats}) as p(pat) where not ({granted} and not {denied}))"
