"""The rows that tell where resources are: by their ids, and in the records of all whom they concern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aubier.search.sql import Args
from aubier.store.keys import type_numbers
from aubier.store.sight import SHARED
from aubier.store.writing.step import Step


def filed(live: Sequence[Step], args: Args, ok: str, made: str) -> Iterator[str]:
    """The parts of a write statement that note where its resources are, each guarded by `ok`.

    `made` holds the new rows, when nothing else is written.
    """
    written = [s for s in live if s.resource is not None]
    # A new one has an id of ours: no row waits for it, as those of an update do, which are held before.
    if made:
        yield f"insert into id_map (type, id, pat, rid) select type, id, pat, rid from {made}"
    elif new := [s for s in written if not s.found.known]:
        yield (
            f"insert into id_map (type, id, pat, rid) select u.* from unnest({_places(new, args)}) u"
            f" where {ok}"
        )
    known = [s for s in written if s.found.known]
    if changed := [s for s in known if s.found.pat != s.pat or not s.found.version]:
        yield (
            "update id_map m set pat = u.pat, rid = u.rid,"
            " was = case when m.rid = 0 or m.pat = u.pat then m.was else m.was || m.pat end"
            f" from unnest({_places(changed, args)}) u(type, id, pat, rid)"
            f" where m.type = u.type and m.id = u.id and {ok}"
        )
    yield from _stubs(live, args, ok)


def _places(steps: Sequence[Step], args: Args) -> str:
    """Types, ids, compartments and row numbers, as four arrays."""
    return ", ".join(
        (
            args.add([type_numbers()[s.intent.type] for s in steps], "smallint[]"),
            args.add([s.id for s in steps], "text[]"),
            args.add([s.pat for s in steps], "bigint[]"),
            args.add([s.found.rid for s in steps], "bigint[]"),
        )
    )


def _stubs(live: Sequence[Step], args: Args, ok: str) -> Iterator[str]:
    """The stubs of what concerns several patients; of one named no more it ends with the version before."""
    concerned = [(pat, s.pat, s.found.rid, about) for s in live for pat, about in s.also.items()]
    if concerned:
        columns = _columns(concerned, ("bigint", "bigint", "bigint", "boolean"), args)
        yield (
            f"insert into stub (pat, home, rid, about) select u.* from unnest({columns}) u"
            f" where {ok} on conflict (pat, home, rid) do update set about = excluded.about, until_ver = null"
        )
    # A deletion ends none of them: by them, what is past is hidden or shown. What comes again does.
    known = [s for s in live if s.resource is not None and s.found.version]
    if shared := [s for s in known if not s.found.alive or SHARED in s.found.labels]:
        before = [(s.found.pat, s.found.rid, s.found.version) for s in shared]
        still = [(s.found.pat, s.found.rid, pat) for s in shared if s.pat == s.found.pat for pat in s.also]
        versions = _columns(before, ("bigint", "bigint", "int"), args)
        named = _columns(still, ("bigint", "bigint", "bigint"), args)
        yield (
            f"update stub s set until_ver = u.ver from unnest({versions}) u(home, rid, ver)"
            f" where s.home = u.home and s.rid = u.rid and s.until_ver is null and {ok}"
            f" and (s.home, s.rid, s.pat) not in (select k.* from unnest({named}) k)"
        )


def _columns(rows: Sequence[tuple[int, ...]], casts: Sequence[str], args: Args) -> str:
    """The rows as arrays, one for each column, also where there is none."""
    return ", ".join(args.add([row[n] for row in rows], f"{cast}[]") for n, cast in enumerate(casts))
