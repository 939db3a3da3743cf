"""The audit lines of a record as its holder reads them, and as who stands for the holder may read them.

A person has a right to secrets from their own representatives: that somebody wrote, that somebody looked, in
which hospital, is as telling as the document itself. Rule: CSP L1111-5 and L1111-5-1 (minors); DMP, secret
connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aubier.search.sql import Args
from aubier.store.keys import DIRECTORY, type_numbers
from aubier.store.pool import answered
from aubier.store.sight import Sight
from aubier.store.store import Store

_SEARCH = "^[A-Z][A-Za-z]+([?].*)?$"
_TARGETS = "^[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(, [A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})*$"
_TARGET = "([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})"
_PAT = "(select m.pat from id_map m where m.type = $1 and m.id = $2)"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a record keeps from a viewer: whether anything, whose presence, and who is known to be there.

    `actors` and `known` hold grant keys (`ps:..`, `org:..`) and FHIR references (`Practitioner/..`).
    """

    some: bool = False
    actors: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


async def secret_actors(store: Store, sight: Sight, patient: str) -> frozenset[str]:
    """The actors whose very presence in the record of the Patient of that id is secret for this viewer.

    Grant keys (`ps:..`, `org:..`, `system:..`) and FHIR references (`Practitioner/..`) of those of whose work
    there the viewer may see nothing, and of the places they work from. Empty for the holder, for the
    platform's own actors, and where nothing is hidden.
    """
    return (await secrets(store, sight, patient)).actors


async def secrets(store: Store, sight: Sight, patient: str) -> Secrets:
    """The same, with those who are known to be there."""
    if sight.unrestricted or f"person:{patient}" in sight.keys:
        return Secrets()
    async with answered():
        rows = await _labels(store, sight, patient)
        seen = {r["label"]: r["seen"] for r in rows}
        if seen.pop("*", True):
            return Secrets()
        spared = {f"person:{patient}", *sight.keys}
        hidden = {_key(label) for label, shown in seen.items() if not shown} - spared
        known = {_key(label) for label, shown in seen.items() if shown}
        hidden |= {ref for key, ref in await _references(store, hidden)}
        known |= {ref for key, ref in await _references(store, known)}
        hidden |= await _places(store, patient, hidden) - known
    return Secrets(True, frozenset(hidden), frozenset(known))


def _key(label: str) -> str:
    return label.removeprefix("author:")


async def _labels(store: Store, sight: Sight, patient: str) -> list[Mapping[str, Any]]:
    """Each label of who wrote what is there or was deleted, and whether the viewer sees one such row.

    The label `*` tells whether everything is seen.
    """
    args = Args([type_numbers()["Patient"], patient])
    now, past = (see(row, args, directory=False) for see, row in ((sight.predicate, "r"), (sight.past, "h")))
    rows: list[Mapping[str, Any]] = await store.pool.fetch(
        f"with x as (select r.labels, ({now}) as seen from res r where r.pat = {_PAT}"
        f" union all select h.labels, ({past}) from hist h where h.pat = {_PAT}"
        " and not exists (select 1 from id_map i join res c on c.pat = i.pat and c.rid = i.rid"
        " where i.type = h.type and i.id = h.id and i.rid = h.rid))"
        " select l as label, bool_or(seen) as seen from x, unnest(labels) l"
        " where l like 'author:%' or l like 'org:%' group by l"
        " union all select '*', coalesce(bool_and(seen), true) from x",
        *args,
    )
    return rows


async def _references(store: Store, keys: set[str]) -> list[tuple[str, str]]:
    """Pairs of a key and the reference of its Practitioner or Patient."""
    people = [(k, f"Patient/{k.removeprefix('person:')}") for k in keys if k.startswith("person:")]
    rows = await store.pool.fetch(
        "select 'ps:' || i.value as key, 'Practitioner/' || r.id as ref from dir_ident i"
        " join dir_res r on r.pat = i.pat and r.rid = i.rid where i.param = $1 and i.value = any($2::text[])",
        store.keys.param("Practitioner", "identifier"),
        [k.removeprefix("ps:") for k in keys if k.startswith("ps:")],
    )
    return [*people, *((r["key"], r["ref"]) for r in rows)]


async def _places(store: Store, patient: str, actors: set[str]) -> set[str]:
    """The organisations from which these actors looked into the record."""
    rows = await store.pool.fetch(
        "select distinct 'org:' || split_part(a.org, ' ', 1) as place from audit a"
        f" where a.pat = {_PAT} and a.org <> '' and a.actor = any($3::text[])",
        type_numbers()["Patient"],
        patient,
        sorted(actors),
    )
    return {r["place"] for r in rows}


async def audit_lines(
    store: Store, sight: Sight, patient: str, *, limit: int, before: int = 0
) -> list[Mapping[str, Any]]:
    """The audit lines of a patient's record, newest first, for who holds or represents it; else none.

    `before` is the number (`aid`) of the line after which to go on: several may bear the same instant.
    Who represents the holder gets the lines about what they may see themselves, by those whose presence is no
    secret; without numbers of hits, which would tell how much there is beside.
    """
    kept = await secrets(store, sight, patient)
    args = Args([type_numbers()["Patient"], patient, sight.now, limit])
    older = "(a.at, a.aid) < (select x.at, x.aid from audit x where x.pat = m.pat and x.aid = {})"
    after = [older.format(args.add(before, "bigint"))] if before else []
    conditions = [*after, _held(sight, args), *(_told(sight, kept, args) if kept.some else [])]
    async with answered():
        rows = await store.pool.fetch(
            "select a.* from id_map m join audit a on a.pat = m.pat where m.type = $1 and m.id = $2"
            f" and a.at <= $3 and a.action <> 'load' and {' and '.join(conditions)}"
            " order by a.at desc, a.aid desc limit $4",
            *args,
        )
    return [_bare(dict(r)) if kept.some else dict(r) for r in rows]


def _held(sight: Sight, args: Args) -> str:
    if sight.unrestricted:
        return "true"
    keys = args.add([k for k in sight.keys if k.startswith("person:")], "text[]")
    return (
        f"exists (select 1 from grants g where g.pat = a.pat and g.actor = any({keys}) and not g.deny"
        f" and g.since <= {sight.now} and g.till > {sight.now} and g.scope = '{{}}')"
        f" and not {sight.closed('a', args)}"
    )


def _told(sight: Sight, kept: Secrets, args: Args) -> list[str]:
    """The conditions under which a line of `a` tells a representative nothing that is hidden from them.

    What a line names in free words, or a creation whose outcome has no id, cannot be judged: it stays out.
    """
    secret, known = (args.add(sorted(names), "text[]") for names in (kept.actors, kept.known))
    names, numbers = (args.add(list(part), cast) for part, cast in _types())
    directory = args.add(sorted(DIRECTORY), "text[]")
    visible = (
        "exists (select 1 from id_map v join res r on r.pat = v.pat and r.rid = v.rid where v.id = t.found[2]"
        f" and v.type = ({numbers})[array_position({names}, t.found[1])]"
        f" and {sight.predicate('r', args, directory=False)})"
    )
    open_ = f"t.found[1] = any({directory}) and t.found[1] || '/' || t.found[2] <> all({secret})"
    return [
        f"a.actor <> all({secret})",
        f"(a.org = '' or a.actor = any({known}) or 'org:' || split_part(a.org, ' ', 1) <> all({secret}))",
        f"(a.what ~ '{_SEARCH}' or a.what ~ '{_TARGETS}' and not exists (select 1 from"
        f" regexp_matches(a.what, '{_TARGET}', 'g') t(found) where not ({open_}) and not {visible}))",
    ]


def _types() -> tuple[tuple[list[str], str], tuple[list[int], str]]:
    known = type_numbers()
    return ((list(known), "text[]"), (list(known.values()), "smallint[]"))


def _bare(line: dict[str, Any]) -> dict[str, Any]:
    """The line without what was searched for and how much was found."""
    return line | {"what": str(line["what"]).partition("?")[0], "hits": None}
