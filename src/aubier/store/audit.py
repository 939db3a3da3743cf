"""The audit line, as a part of the statement that it is the proof of."""

from __future__ import annotations

from aubier.search.sql import Args
from aubier.store.sight import Sight

_LONGEST = 2000


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
    beside: str = "",
) -> str:
    """An insert of one line per (pat, hits) row of `source`; `missed` is the outcome of a row without hits.

    `beside` is a table that holds the arguments, in the row whose `n` is the third column of `source`.
    `basis` is the basis of the first valid grant that the actor holds on that record, `none` without one.
    """
    now = args.add(sight.now, "bigint")
    texts = [
        sight.actor,
        sight.name,
        sight.org,
        sight.client,
        sight.purpose,
        action,
        what[:_LONGEST],
        outcome,
    ]
    actor, name, org, client, purpose, act, wh, out = (args.add(t, "text") for t in texts)
    if missed:
        out = f"case when x.hits = 0 then {args.add(missed, 'text')} else {out} end"
    basis = "'system'" if sight.unrestricted else _basis(sight, args, now)
    return (
        "insert into audit (pat, at, actor, name, org, client, purpose, basis, action, what, hits, outcome)"
        f" select x.pat, {now}, {actor}, {name}, {org}, {client}, {purpose}, {basis}, {act}, {wh}, x.hits,"
        f" {out}"
        f" from ({source}) x(pat, hits{', n' if beside else ''})"
        f"{f' join {beside} on {beside}.n = x.n' if beside else ''} where {ok}"
    )


def _basis(sight: Sight, args: Args, now: str) -> str:
    keys = args.add(list(sight.keys), "text[]")
    return (
        f"coalesce((select g.basis from grants g where g.pat = x.pat and g.actor = any({keys}) and not g.deny"
        f" and g.since <= {now} and g.till > {now} order by g.gid limit 1), 'none')"
    )
