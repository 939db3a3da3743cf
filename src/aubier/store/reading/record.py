"""All of a record, or of what belongs to one encounter: walked in the order in which it was stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from aubier.fhir import json as fhir_json
from aubier.fhir.definitions import definitions
from aubier.fhir.references import Reference, iter_references
from aubier.search.model import NO_DATE
from aubier.search.sql import Args
from aubier.search.terms.kept import link
from aubier.store.aside import by_size
from aubier.store.keys import family, type_numbers
from aubier.store.reading.reader import Reader
from aubier.store.reading.row import ROW, Row, row_of, settled


@dataclass(frozen=True, slots=True)
class Asked:
    """Which record (`Patient`) or encounter, and what of it. `types` empty: all; times in ms.

    `since` keeps what changed from then on and is settled: whoever asks again from the last date misses
    nothing. `start` and `end` keep what has its clinical date between, or has none. `after` is the row number
    where the page before ended, `below` the commit mark from which it kept nothing (`row.settled`).
    """

    kind: str
    id: str
    types: tuple[str, ...] = ()
    since: int | None = None
    start: int | None = None
    end: int | None = None
    count: int = 100
    after: int | None = None
    below: int | None = None

    def means(self, row: Row) -> bool:
        """Whether the resource itself is asked for: it is of a type named, and did not stay as it was."""
        typed = not self.types or row.type in self.types
        return typed and (self.since is None or row.updated >= self.since)


@dataclass(frozen=True, slots=True)
class Walked:
    """A page: its rows, what they refer to outside; `next`: `after` and `below` of the next page."""

    rows: list[Row]
    included: list[Row] = field(default_factory=list)
    next: tuple[int, int | None] | None = None


async def walk(reader: Reader, asked: Asked, local: Callable[[str], str]) -> Walked:
    """One page; the first one begins with the resource itself, where it is asked for.

    `local` makes `Type/id` of a URL of this server. Problem as `Reader.read`.

    The order is that of row numbers, which are given once and never change: a page costs the same in a long
    record as in a short one, and what nobody changes meanwhile is on exactly one page.
    """
    if asked.since is None or asked.below is None:
        # All pages from one moment: what is settled later may come before what is missing until then.
        asked = replace(asked, below=await settled(reader.conn) if asked.since is not None else None)
    focus = [] if asked.after is not None else [await reader.read(asked.kind, asked.id)]
    first = [row for row in focus if asked.means(row) and await _told(reader, asked)]
    size = max(asked.count - len(first), 0)
    args = Args()
    statement = _statement(reader, asked, args, size + 1)
    what = f"{asked.kind}/{asked.id}/$everything"
    records = await reader.proved("", args, statement, "operation", what, page=size)
    ordered = sorted((row_of(r) for r in records), key=lambda row: row.rid)
    rows = [*first, *ordered[:size]]
    following = (ordered[size - 1].rid if size else 0) if len(ordered) > size else None
    more = (following, asked.below) if following is not None else None
    return Walked(rows, await _named(reader, asked, rows, local), more)


async def _told(reader: Reader, asked: Asked) -> bool:
    """Whether the resource itself has a mark below that: what is not settled is told later, as of others."""
    if asked.below is None:
        return True
    found = await reader.conn.fetchval(
        "select r.seq < $3 from id_map m join res r on r.pat = m.pat and r.rid = m.rid"
        " where m.type = $1 and m.id = $2",
        type_numbers()[asked.kind],
        asked.id,
        asked.below,
    )
    return bool(found)


def _statement(reader: Reader, asked: Asked, args: Args, limit: int) -> str:
    number, name = args.add(type_numbers()[asked.kind], "smallint"), args.add(asked.id, "text")
    pat = f"(select m.pat from id_map m where m.type = {number} and m.id = {name})"
    kinds = [k for k in asked.types or sorted(type_numbers()) if not family(k) and reader.sight.sees_type(k)]
    tests = [
        f"r.type = any({args.add([type_numbers()[k] for k in kinds], 'smallint[]')})",
        f"not (r.type = {number} and r.id = {name})",
        f"r.rid > {args.add(asked.after or 0, 'bigint')}",
        reader.sight.predicate("r", args, directory=False),
        *_times(asked, args),
    ]
    if asked.kind != "Patient":
        tests.append(_linked(reader, asked, args))
    where = " and ".join(tests)
    end = f" order by r.rid limit {limit}"
    return (
        f"select * from ((select {ROW} from res r where r.pat = {pat} and {where}{end}) union all"
        f" (select {ROW} from stub s join res r on r.pat = s.home and r.rid = s.rid where s.pat = {pat}"
        f" and s.home <> s.pat and s.until_ver is null and {where}{end})) u order by u.rid limit {limit}"
    )


def _times(asked: Asked, args: Args) -> Iterator[str]:
    if asked.since is not None:
        yield f"r.upd >= {args.add(asked.since, 'bigint')} and r.seq < {args.add(asked.below, 'bigint')}"
    if asked.start is not None:
        yield f"(r.lo = {NO_DATE} or r.hi > {args.add(asked.start, 'bigint')})"
    if asked.end is not None:
        yield f"(r.lo = {NO_DATE} or r.lo < {args.add(asked.end, 'bigint')})"


def _linked(reader: Reader, asked: Asked, args: Args) -> str:
    """The condition that a row names the resource by a parameter of its compartment."""
    defined = definitions().compartment(asked.kind)
    under = [(kind, link(kind, code, asked.kind)) for kind, codes in defined.items() for code in codes]
    params = [reader.keys.param(kind, code) for kind, code in under]
    keyed, target = args.add(params, "bigint[]"), args.add(f"{asked.kind}/{asked.id}", "text")
    return (
        "exists (select 1 from ref f where f.rid = r.rid and f.pat = r.pat"
        f" and f.param = any({keyed}) and f.target = {target})"
    )


async def _named(reader: Reader, asked: Asked, rows: Sequence[Row], local: Callable[[str], str]) -> list[Row]:
    """What the rows refer to outside the record, where it is visible: who cared, where, with what; of the
    types asked for.

    Never a part of another record: what may be in the compartment of a patient comes with that patient. Nor
    what lives in this one though no compartment has it (a Device of the patient): it is on its own page.
    """
    inside = {"Patient", *definitions().compartment("Patient")} - {"Practitioner", "Group"}
    if asked.kind != "Patient":
        inside.discard("Patient")
    wanted = await by_size(sum(len(row.raw) for row in rows), _wanted, asked, rows, local, inside)
    out: list[Row] = []
    for kind, ids in sorted(wanted.items()):
        out += await reader.several(kind, sorted(ids))
    had = {(row.type, row.id) for row in rows}
    walked = {row.pat for row in rows} if asked.kind == "Patient" else set()
    return [row for row in out if (row.type, row.id) not in had and row.pat not in walked]


def _wanted(
    asked: Asked, rows: Sequence[Row], local: Callable[[str], str], inside: Set[str]
) -> dict[str, set[str]]:
    """The ids that the rows refer to outside the record, by type."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        for place in iter_references(fhir_json.parse(row.raw)):
            # What another server calls so is not what is called so here.
            found = Reference.parse(local(place.text))
            shown = not asked.types or found.type in asked.types
            if found.form == "relative" and found.type not in inside and shown:
                wanted.setdefault(found.type, set()).add(found.id)
    return wanted
