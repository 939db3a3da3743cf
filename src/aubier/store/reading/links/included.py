"""What a page includes: what its rows name, and what names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aubier.fhir import json as fhir_json
from aubier.fhir.references import Reference, iter_references
from aubier.ground.problem import Problem, problem
from aubier.search.keys import bounded
from aubier.search.model import Include, Query
from aubier.search.sql import Args
from aubier.search.terms.kept import link, typed
from aubier.search.terms.layout import is_canonical
from aubier.store.compartment import owned
from aubier.store.keys import family, type_numbers
from aubier.store.reading.links.canonicals import having, names_of
from aubier.store.reading.row import ROW, Row, row_of

if TYPE_CHECKING:
    from aubier.store.reading.reader import Reader

MOST_INCLUDED = 5_000
"""The most resources that a page includes beside its matches."""
_number = re.compile("[0-9]{1,9}").fullmatch
"""A version of ours."""
_FEW_TYPES = 20
"""Up to so many types are looked through one by one for what refers to a page, each with its audit lines."""


async def included(reader: Reader, query: Query, rows: Sequence[Row]) -> list[Row]:
    """What a page includes beside its rows, step by step, each once. Problem (too-costly): too many."""
    if not query.includes or not rows:
        return []
    seen = {key for r in rows for key in _keys(r)}
    out: list[Row] = []
    fresh: Sequence[Row] = rows
    wanted: Sequence[Include] = query.includes
    while fresh and wanted:
        found: list[Row] = []
        past: list[Row] = []
        for together in _together(wanted):
            current, named = await _include(reader, together, [r for r in fresh if _starts(together[0], r)])
            found += current
            past += named
        fresh = []
        for row, keys in [*((r, _keys(r)) for r in found), *((r, _keys(r)[1:]) for r in past)]:
            if seen.isdisjoint(keys):
                seen.update(keys)
                fresh.append(row)
        out += fresh
        if len(out) > MOST_INCLUDED:
            raise _too_many_included()
        wanted = [i for i in query.includes if i.iterate]
    return out


def _keys(row: Row) -> tuple[tuple[str, str, int], ...]:
    """What a resource is known by that is there as it is now: as such, and by its version."""
    return (row.type, row.id, 0), (row.type, row.id, row.version)


def _starts(include: Include, row: Row) -> bool:
    return (
        (not include.target or row.type == include.target) if include.reverse else row.type == include.source
    )


async def _include(
    reader: Reader, together: Sequence[Include], rows: Sequence[Row]
) -> tuple[list[Row], list[Row]]:
    """What these includes bring as it is now, and the versions that references name.

    Rule: HL7 FHIR R4 4.0.1, search 3.1.1.5.5: of a versioned reference, the version that it names.
    """
    if not rows:
        return [], []
    include = together[0]
    if include.reverse:
        return await _reverse(reader, [i for i in together if reader.sight.sees_type(i.source)], rows), []
    kinds = [include.target] if include.target else list(include.parameter.targets) or list(type_numbers())
    args = Args([[r.rid for r in rows], [r.pat for r in rows]])
    code = include.parameter.code
    codes = {code, *(link(include.source, code, kind) for kind in kinds)}
    params = args.add([reader.keys.param(include.source, each) for each in sorted(codes)], "bigint[]")
    targets = await reader.conn.fetch(
        f"select distinct f.target from unnest($1::bigint[], $2::bigint[]) h(rid, pat)"
        f" join {family(include.source)}ref f on f.rid = h.rid and f.pat = h.pat"
        f" and f.param = any({params}){_owners(include, kinds, args)}",
        *args,
    )
    by_kind: dict[str, list[str]] = {}
    versions = _versions_named(rows)
    out: list[Row] = []
    past: list[Row] = []
    if is_canonical(include.parameter):
        out += await having(reader, [record["target"] for record in targets], kinds)
    for record in targets:
        kind, _, logical = record["target"].partition("/")
        if kind in kinds and kind in type_numbers():
            by_kind.setdefault(kind, []).append(logical)
    for kind, ids in sorted(by_kind.items()):
        named = {logical: versions.get(f"{kind}/{logical}", {0}) for logical in ids}
        current = [logical for logical in ids if 0 in named[logical]]
        out += await reader.several(kind, current, most=MOST_INCLUDED + 1)
        past += await reader.versions(kind, [(i, version) for i in ids for version in named[i] if version])
    return out, past


def _versions_named(rows: Sequence[Row]) -> dict[str, set[int]]:
    """The versions that references of these rows name, by the `Type/id` of what is here; 0: none."""
    found: dict[str, set[int]] = {}
    for row in rows if any(b"/_history/" in row.raw for row in rows) else ():
        for place in iter_references(fhir_json.parse(row.raw)):
            one = Reference.parse(place.text)
            version = int(one.version) if _number(one.version) else 0
            found.setdefault(one.local, set()).add(version)
    return found


def _owners(include: Include, kinds: Sequence[str], args: Args) -> str:
    """The Patients whose records the rows are in, where these name them: their references are not kept."""
    mask = _mask(include) if "Patient" in kinds else 0
    if not mask:
        return ""
    return (
        f" union select 'Patient/' || o.id from unnest($1::bigint[], $2::bigint[]) h(rid, pat)"
        f" join res r on r.pat = h.pat and r.rid = h.rid join res o on o.pat = r.pat"
        f" and o.type = {type_numbers()['Patient']} where r.has & {args.add(mask, 'bigint')} <> 0"
    )


def _mask(include: Include) -> int:
    """The bit by which a source says that it names by this link the Patient whose record it is in."""
    return owned(include.source).get(link(include.source, include.parameter.code, "Patient"), 0)


async def _reverse(reader: Reader, includes: Sequence[Include], rows: Sequence[Row]) -> list[Row]:
    """What refers to the rows by any of these links, whose sources stand in the same tables."""
    if not includes:
        return []
    prefix, args = family(includes[0].source), Args()
    naming = _naming(reader, includes, rows, args)
    sources = {i.source for i in includes}
    what = sources.pop() if len(sources) == 1 else "*"
    seen = reader.sight.predicate("r", args, directory=bool(prefix))
    found = f"select {ROW}, r.lo from {prefix}ref f join {prefix}res r on r.pat = f.pat and r.rid = f.rid"
    found += f" where {naming} and {seen}"
    if own := _of_owners(includes, rows, args):
        found += f" union all select {ROW}, r.lo from res r where {own} and {seen}"
    hit = (
        f"select distinct on (u.lo, u.rid) u.* from ({found}) u order by u.lo desc, u.rid"
        f" limit {MOST_INCLUDED + 1}"
    )
    records = await reader.proved(prefix, args, hit, "include", what, plan="once")
    return [row_of(r) for r in records]


def _of_owners(includes: Sequence[Include], rows: Sequence[Row], args: Args) -> str:
    """The condition that `r` names, by one of these links, the Patient of the rows whose record it is."""
    pats = [row.pat for row in rows if row.type == "Patient"]
    masks: dict[str, int] = {}
    for include in includes:
        if mask := _mask(include):
            masks[include.source] = masks.get(include.source, 0) | mask
    if not pats or not masks:
        return ""
    of_types = " or ".join(
        f"r.type = {type_numbers()[source]} and r.has & {args.add(mask, 'bigint')} <> 0"
        for source, mask in sorted(masks.items())
    )
    return f"r.pat = any({args.add(pats, 'bigint[]')}) and ({of_types})"


def _naming(reader: Reader, includes: Sequence[Include], rows: Sequence[Row], args: Args) -> str:
    """The condition that a reference `f` is one of these links, and names one of the rows."""
    links: dict[str, set[int]] = {"": set()}
    canonical = [include for include in includes if is_canonical(include.parameter)]
    for include in includes:
        of = include.parameter.code
        code, held = typed(include.source).get(of, (of, ""))
        links.setdefault(held, set()).add(reader.keys.param(include.source, code))
    tests = []
    for held, params in links.items():
        if some := sorted(params - links[""] if held else params):
            named = args.add([f"{r.type}/{r.id}" for r in rows if held in ("", r.type)], "text[]")
            one = len(some) == 1
            of = args.add(some[0], "bigint") if one else f"any({args.add(some, 'bigint[]')})"
            tests.append(f"f.param = {of} and f.target = any({named})")
    if canonical and (urls := [bounded(url) for row in rows for url in names_of(row)]):
        params = {reader.keys.param(i.source, i.parameter.code) for i in canonical}
        of, named = args.add(sorted(params), "bigint[]"), args.add(urls, "text[]")
        tests.append(f"f.param = any({of}) and f.target = any({named})")
    return " or ".join(tests) if len(tests) == 1 else f"({' or '.join(f'({t})' for t in tests)})"


def _together(includes: Sequence[Include]) -> list[list[Include]]:
    """The includes in their order; reverse ones that one statement answers stand together.

    Those of one type, so that the audit line says which it was; of all types when nearly all are asked for.
    """
    every = len({i.source for i in includes if i.reverse}) > _FEW_TYPES
    groups: dict[object, list[Include]] = {}
    for number, include in enumerate(includes):
        of = family(include.source) if every else include.source
        groups.setdefault((of, include.target) if include.reverse else number, []).append(include)
    return list(groups.values())


def _too_many_included() -> Problem:
    """Leaving some out would be an answer that looks whole."""
    return problem(
        "too-costly",
        f"This page would include more than {MOST_INCLUDED} resources; ask for fewer matches with _count",
        f"Cette page inclurait plus de {MOST_INCLUDED} ressources ; demandez moins de réponses avec _count",
        at="http._include",
    )
