"""What an actor may see, as one SQL predicate, and what the audit line says of the actor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import msgspec

from aubier.ground.standing import Stands
from aubier.search.model import Query
from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.limits.constraints import CONTENT, DOCUMENT, Constraints, of_document

ANYONE = "anyone"
"""The grant key that every actor but the platform's own bears: a deny to it closes a record to all."""

SHARED = "many"
"""The label of a resource that concerns several patients: it obeys the rules of every one (`stub`)."""

_OPENS = "(s.about or g.basis = 'self')"
"""A right on a record opens what is about its holder too; what merely names them is for themselves alone."""

FOREVER = 253_402_300_800_000
"""`till` of a grant without end, milliseconds of the epoch."""


class Sight(msgspec.Struct, frozen=True):
    """An actor as the store needs it.

    `keys` are the actor's grant keys. `hidden` are labels the actor may never see, unless one of `own` (the
    author labels of the actor) is on the row. `types` are the readable types (None: all). `now` in ms.
    `author_only` are the writes (update, patch, delete) that this actor may do on own resources only.
    `unrestricted` is for the platform's own actors: they see everything and are audited all the same.
    `unhurried`: nobody waits for the answer, whose statements may take their time.
    `stands`: who asks was recognised a moment ago, and what answers them must ask this again; see `Unproven`.
    `constraints`: what the scopes open of some types only; None, which costs nothing, when there is no such.
    """

    actor: str
    name: str
    now: int
    unrestricted: bool = False
    keys: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    types: frozenset[str] | None = frozenset()
    org: str = ""
    client: str = ""
    purpose: str = ""
    author_only: frozenset[str] = frozenset()
    unhurried: bool = False
    stands: Stands | None = None
    constraints: Constraints | None = None

    def but(self, **changes: Any) -> Sight:
        """The same with these fields changed: each request takes one as of its own moment."""
        return msgspec.structs.replace(self, **changes)

    def sees_type(self, type_name: str) -> bool:
        """Whether the actor's scopes let this type be read at all."""
        return self.types is None or type_name in self.types

    def limits(self, type_name: str) -> tuple[Query, ...]:
        """The queries of which a resource of this type must meet one to be seen; none: there is no limit."""
        return self.constraints.shown.get(type_name, ()) if self.constraints else ()

    def narrowed(self, type_name: str) -> bool:
        """Whether limits leave out some of a type: its own, or, of contents, those of documents."""
        return bool(self.limits(type_name) or (type_name == CONTENT and self.limits(DOCUMENT)))

    @property
    def whole_types(self) -> frozenset[str] | None:
        """The readable types of which no limit leaves some out (None: all)."""
        if self.constraints is None:
            return self.types
        opened = frozenset(type_numbers()) if self.types is None else self.types
        return opened.difference(self.constraints.shown)

    @property
    def searching(self) -> Sight:
        """The same for a search and all that it goes through or brings."""
        return self.but(constraints=self.constraints.searching) if self.constraints else self

    def predicate(
        self,
        row: str,
        args: Args,
        *,
        directory: bool,
        kind: str = "",
        grants: str = "grants",
        plain: str = "",
    ) -> str:
        """The condition under which the row `row` exists for this actor.

        `kind` is the type of every such row, where it is known; `grants` what holds the rights and denies of
        their records, where these few were gathered first (`held`); `plain` the records of which most rows
        need no look at these, where they were (`plain`).

        A valid grant to read covers it, no valid deny does, no label is hidden from the actor, and neither
        is the document that a content belongs to. An author's own rows pass labels and scopes but never a
        deny. Rows of the directory are open to whoever's scopes allow.

        What concerns several patients is opened by a right on the record of any whom it is about, and to
        those it merely names; a deny in the record of any one of them closes it.

        And it is within the limits of the actor's scopes, in each of these.
        """
        if self.unrestricted or directory:
            rule = "true"
        else:
            rule = seen_with_document(row, replace(self._seen(args, grants), plain=plain), kind)
        if self.constraints is None:
            return rule
        return f"{rule} and {self.constraints.rule(row, args, self.now, directory=directory, kind=kind)}"

    def gone(self, row: str, args: Args, kind: str) -> str:
        """The same of a deletion, the last version of a resource of type `kind`.

        Nothing tells whether what was deleted was within the limits of scopes: through these none is seen.
        """
        if self.narrowed(kind):
            return "false"
        return self.predicate(row, args, directory=bool(family(kind)), kind=kind)

    def plain(self, own: str, args: Args) -> str:
        """The compartments with a valid right to read all types, and no valid deny at all, each with the
        labels that this right withholds; `own` holds the actor's rights and denies (`gathered`).

        What is in them needs no look at each right, unless its own labels say so: see `Seen.of`.
        """
        now = args.shared("now", self.now, "bigint")
        # Fenced: where no record is closed to all, PostgreSQL would read whatever is, for each record.
        return (
            f"select g.pat, g.withheld from {own} g where not g.deny and g.rights like '%r%'"
            f" and g.scope = '{{}}' and g.pat not in (select d.pat from {own} d where d.deny)"
            f" and not exists (select 1 from grants d where d.pat = g.pat"
            f" and (d.actor = '{ANYONE}') is true and d.deny and d.since <= {now} and d.till > {now})"
        )

    def gathered(self, args: Args) -> str:
        """The valid rights and denies that name this actor, whatever the record."""
        keys, now = args.shared("keys", self.keys, "text[]"), args.shared("now", self.now, "bigint")
        return (
            "select g.pat, g.actor, g.basis, g.rights, g.scope, g.withheld, g.since, g.till, g.deny"
            f" from grants g where g.actor = any({keys}) and g.since <= {now} and g.till > {now}"
        )

    def held(self, pats: str, args: Args) -> str:
        """The valid rights and denies of this actor in the compartments that `pats` selects."""
        keys, now = (
            args.shared("all_keys", (*self.keys, ANYONE), "text[]"),
            args.shared("now", self.now, "bigint"),
        )
        return (
            f"select g.* from grants g where g.pat = any(array({pats})) and g.actor = any({keys})"
            f" and g.since <= {now} and g.till > {now}"
        )

    def past(self, row: str, args: Args, *, directory: bool, judged: str = "false") -> str:
        """The same for a version of the history: hidden too when what it became, or last was, is hidden now.

        Otherwise a document that was masked would still show as it was before.

        Of a version that was replaced no index row is left: `judged` is the condition that it was within the
        limits of scopes, for who has looked at it (`limits.judging`).
        """
        within = self._within(row, args, judged, directory=directory)
        if self.unrestricted or directory:
            return within or "true"
        rule = self._past(row, args)
        return f"{rule} and {within}" if within else rule

    def _within(self, row: str, args: Args, judged: str, *, directory: bool) -> str:
        """The condition that a version and what it became are within the limits; empty when there is none."""
        limited = self.constraints.shown_in(directory=directory) if self.constraints else {}
        if self.constraints is None or not limited:
            return ""
        there = _there(row).format("dir_res" if directory else "res", "c")
        now = self.constraints.rule("c", args, self.now, directory=directory)
        types = ", ".join(str(type_numbers()[kind]) for kind in limited)
        kept = f"exists (select 1 {there} where (c.ver = {row}.ver or {judged}) and {now})"
        contents = self.constraints.rule(row, args, self.now, directory=directory, kind=CONTENT)
        none = f"{row}.type <> {type_numbers()[CONTENT]}"
        return f"({row}.type not in ({types}) or {kept}) and ({none} or {contents})"

    def _past(self, row: str, args: Args) -> str:
        seen, there = self._seen(args), _there(row)
        current = f"select 1 {there.format('res', 'c')}"
        last = f"select max(h.ver) {there.format('hist', 'h')}"
        return (
            f"{seen_with_document(row, seen)} and not exists ({current} where not ({seen.of('c')}))"
            f" and not exists (select 1 {there.format('hist', 'l')} where l.ver = ({last})"
            f" and not exists ({current}) and not ({seen.of('l')}))"
        )

    def _seen(self, args: Args, grants: str = "grants") -> Seen:
        return Seen(
            keys=args.shared("keys", self.keys, "text[]"),
            all_keys=args.shared("all_keys", (*self.keys, ANYONE), "text[]"),
            own=args.shared("own", self.own, "text[]"),
            hidden=args.shared("hidden", self.hidden, "text[]"),
            now=args.shared("now", self.now, "bigint"),
            grants=grants,
        )

    def mine(self, args: Args, grants: str = "grants") -> str:
        """A SELECT of the compartments where this actor holds any grant: where a search without patient has
        to look. `grants` holds them, where they were `gathered`.
        """
        held = self._valid(args)
        return (
            f"select g.pat from {grants} g where {held} union"
            f" select s.home from stub s join {grants} g on g.pat = s.pat where {_OPENS} and {held}"
        )

    def holds(self, pat: str, args: Args) -> str:
        """The condition under which `pat` is one of them: looked for there, not among all that are held
        (`offset 0`).
        """
        if self.unrestricted:
            return "true"
        held = self._valid(args)
        return (
            f"(exists (select 1 from grants g where g.pat = {pat} and {held} offset 0)"
            f" or exists (select 1 from stub s join grants g on g.pat = s.pat"
            f" where s.home = {pat} and {_OPENS} and {held} offset 0))"
        )

    def _valid(self, args: Args) -> str:
        keys, now = args.shared("keys", self.keys, "text[]"), args.shared("now", self.now, "bigint")
        return f"g.actor = any({keys}) and not g.deny and g.since <= {now} and g.till > {now}"

    def may_write(self, pats: str, kinds: str, args: Args, *, feed: bool) -> str:
        """The condition under which the actor may write each of `kinds` (labels `kind:<type>`) in the
        compartment that stands at the same place in the array `pats`.

        A grant with `w`, or, with `feed`, merely no opposition. Rule: order of 26 Oct 2023, and the DMP
        rule that feeding needs non-opposition only while reading needs an authorisation.
        """
        if self.unrestricted:
            return "true"
        allowed = self.writable(args, feed=feed)
        return f"not exists (select 1 from unnest({pats}, {kinds}) as p(pat, kind) where not ({allowed}))"

    def writable(self, args: Args, *, feed: bool) -> str:
        """The condition over a row `p(pat, kind)` that this actor may write there.

        A number below 1 stands for a record that is not here: nobody may write in it.
        """
        if feed:
            return f"p.pat > 0 and not {self.closed('p', args)}"
        right = "g.rights like '%w%' and (g.scope = '{}' or p.kind = any(g.scope))"
        return f"{self._held(args, right)} and not {self.closed('p', args)}"

    def knows(self, args: Args) -> str:
        """The condition over a row `p(pat)` that this actor has a right on that record, whatever it opens."""
        held = self._held(args, "g.basis <> 'author'")
        return f"{held} and not {self.closed('p', args)}"

    def _held(self, args: Args, right: str) -> str:
        return f"exists (select 1 from grants g where g.pat = p.pat and {self._valid(args)} and {right})"

    def closed(self, row: str, args: Args) -> str:
        """The condition that the record of `row` is closed whole to this actor, by a deny to them or all."""
        keys, now = (
            args.shared("all_keys", (*self.keys, ANYONE), "text[]"),
            args.shared("now", self.now, "bigint"),
        )
        return (
            f"exists (select 1 from grants d where d.pat = {row}.pat and d.actor = any({keys}) and d.deny"
            f" and d.since <= {now} and d.till > {now} and d.scope = '{{}}')"
        )


def _there(row: str) -> str:
    """A FROM of the rows `{1}` of the table `{0}` that are of the resource of which `row` is a version."""
    # Wherever it is by now: what was moved to another record is judged by what it is there.
    places = (
        f"coalesce((select im.was || im.pat from id_map im where im.type = {row}.type"
        f" and im.id = {row}.id and im.rid = {row}.rid), array[{row}.pat])"
    )
    # One place after the other: older PostgreSQL enters no index by a list that it has yet to find.
    here = f"select * from {{0}} o where o.pat = e.pat and o.rid = {row}.rid offset 0"
    return f"from unnest({places}) e(pat) cross join lateral ({here}) {{1}}"


@lru_cache(maxsize=1024)
def seen_with_document(row: str, seen: Seen, kind: str = "") -> str:
    """The rule of `Sight.predicate` over the row `row`, for the actor that the placeholders tell of."""
    rule = seen.of(row)
    if kind not in ("", CONTENT):
        return rule
    documents = of_document(row, replace(seen, grants="grants", plain="").of("cd"))
    if kind:
        return f"{rule} and {documents}"
    return f"{rule} and ({row}.type <> {type_numbers()[CONTENT]} or {documents})"


def concerns(stub: str, row: str) -> str:
    """The condition under which a row of `stub` tells of a version: the patient was named in it."""
    versions = f"({stub}.until_ver is null or {row}.ver <= {stub}.until_ver)"
    return f"{stub}.home = {row}.pat and {stub}.rid = {row}.rid and {versions}"


@dataclass(frozen=True, slots=True)
class Seen:
    """The placeholders of an actor's keys and labels, and the rule over a row's own labels.

    `grants` holds the rights and denies of the record that the row is in. `plain`, where it is given, the
    records where a right covers all that bears no label which some right withholds.
    """

    keys: str
    all_keys: str
    own: str
    hidden: str
    now: str
    grants: str = "grants"
    plain: str = ""

    def of(self, row: str) -> str:
        """A grant covers the row, no deny does, no label hides it."""
        if self.plain:
            # Most rights of an actor withhold the same labels: few lists are taken apart.
            withheld = (
                f"select array['{SHARED}'] || array_agg(distinct w.label) from"
                f" (select distinct o.withheld from {self.plain} o) g cross join unnest(g.withheld) w(label)"
            )
            shown = f"({row}.labels && {self.own} or not {row}.labels && {self.hidden})"
            return (
                f"case when ({row}.pat in (select o.pat from {self.plain} o)) is true"
                f" and not {row}.labels && ({withheld}) then {shown}"
                f" else {replace(self, plain='').of(row)} end"
            )
        mine = f"{row}.labels && {self.own}"
        covers = (
            f"g.actor = any({self.keys}) and not g.deny and g.since <= {self.now} and g.till > {self.now}"
            f" and g.rights like '%r%' and (g.scope = '{{}}' or g.scope && {row}.labels or {mine})"
            f" and (not g.withheld && {row}.labels or {mine})"
        )
        denies = (
            f"d.actor = any({self.all_keys}) and d.deny and d.since <= {self.now} and d.till > {self.now}"
            f" and (d.scope = '{{}}' or d.scope && {row}.labels)"
        )
        others = f"from stub s join grants {{0}} on {{0}}.pat = s.pat where {concerns('s', row)}"
        shared = f"{row}.labels @> '{{{SHARED}}}'"
        return (
            f"(exists (select 1 from {self.grants} g where g.pat = {row}.pat and {covers})"
            f" or {shared} and exists (select 1 {others.format('g')} and {_OPENS} and {covers}))"
            f" and not exists (select 1 from {self.grants} d where d.pat = {row}.pat and {denies})"
            f" and not ({shared} and exists (select 1 {others.format('d')} and {denies}))"
            f" and ({mine} or not {row}.labels && {self.hidden})"
        )
