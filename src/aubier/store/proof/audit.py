"""The audit line, as a part of the statement that it is the proof of."""

from __future__ import annotations

from dataclasses import dataclass

from aubier.search.sql import Args
from aubier.store.sight import Sight

LONGEST = 2000
"""Characters of what was asked that a line keeps."""


@dataclass(frozen=True, slots=True)
class Words:
    """The placeholders of what a line says; `basis` is an expression over the row `x` of its source."""

    now: str
    actor: str
    name: str
    org: str
    client: str
    purpose: str
    action: str
    what: str
    outcome: str
    basis: str

    def insert(self, source: str, *, columns: str = "pat, hits", beside: str = "", ok: str = "true") -> str:
        """An insert of one line per row of `source`, whose columns are `columns`; `beside` is joined."""
        return (
            "insert into audit (pat, at, actor, name, org, client, purpose, basis, action, what, hits,"
            f" outcome) select x.pat, {self.now}, {self.actor}, {self.name}, {self.org}, {self.client},"
            f" {self.purpose}, {self.basis}, {self.action}, {self.what}, x.hits, {self.outcome}"
            f" from ({source}) x({columns}){beside} where {ok}"
        )


def line(
    sight: Sight,
    args: Args,
    source: str,
    *,
    action: str,
    what: str,
    outcome: str = "ok",
    missed: str = "",
    ok: str = "true",
) -> str:
    """An insert of one line per (pat, hits) row of `source`; `missed` is the outcome of a row without hits.

    `basis` is the basis of the first valid grant that the actor holds on that record, `none` without one.
    """
    now = args.shared("now", sight.now, "bigint")
    texts = (sight.actor, sight.name, sight.org, sight.client, sight.purpose, action, what[:LONGEST], outcome)
    actor, name, org, client, purpose, act, wh, out = (args.add(text, "text") for text in texts)
    if missed:
        out = f"case when x.hits = 0 then {args.add(missed, 'text')} else {out} end"
    basis = "'system'" if sight.unrestricted else basis_of(args.shared("keys", sight.keys, "text[]"), now)
    return Words(now, actor, name, org, client, purpose, act, wh, out, basis).insert(source, ok=ok)


def basis_of(keys: str, now: str) -> str:
    """The basis of the first valid grant on the record `x.pat` to one of `keys`."""
    return (
        f"coalesce((select g.basis from grants g where g.pat = x.pat and g.actor = any({keys}) and not g.deny"
        f" and g.since <= {now} and g.till > {now} order by g.gid limit 1), 'none')"
    )
