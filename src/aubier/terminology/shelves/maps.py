"""The tables of concept maps and of closures, and the statements on them."""

from __future__ import annotations

from aubier.ground.rows import Migration, Statement
from aubier.terminology.shelves.tables import NEWEST

MIGRATIONS = (
    Migration(
        2,
        "maps",
        """
create table terminology_map (
  mid bigint generated always as identity primary key,
  url text not null, version text not null, resource text not null, source text not null,
  target text not null, head text not null);
create index terminology_map_url on terminology_map (url);
create index terminology_map_resource on terminology_map (resource);
create table terminology_link (
  mid bigint not null, num int not null, source_system text not null, source_code text not null,
  target_system text not null, target_code text not null, equivalence text not null, detail text not null,
  primary key (mid, num));
create index terminology_link_source on terminology_link (source_code, source_system);
create index terminology_link_target on terminology_link (target_code, target_system);
create table terminology_closure (
  owner text not null, name text not null, seq bigint generated always as identity,
  system text not null, code text not null, primary key (owner, name, system, code));
""",
    ),
)

_LINK = (
    "l.source_system, l.source_code, l.target_system, l.target_code, l.equivalence, l.detail,"
    " m.url, m.version"
)


def _rank(map: str) -> str:
    """What `NEWEST` orders by, as one value."""
    numbers = f"array(select r[1]::numeric from regexp_matches({map}.version, '[0-9]{{1,30}}', 'g') as r)"
    return f'({numbers}, {map}.version collate "C", {map}.mid)'


def _asked(number: str, source: str, target: str) -> str:
    """The map of that number; else those that join these value sets, of each the newest version alone.

    Whether the newest says anything of a code does not matter: what it no longer maps is not mapped.
    """
    newer = f"select from terminology_map n where n.url = m.url and {_rank('n')} > {_rank('m')}"
    return (
        f"(m.mid = {number}::bigint or {number} is null and (m.url = '' or not exists ({newer})))"
        f" and ({source} = '' or m.source = {source}) and ({target} = '' or m.target = {target})"
    )


STATEMENTS = (
    Statement(
        "terminology.map",
        "select s.sid as mid from (select mid as sid, url, version from terminology_map) s"
        f" where s.url = $1 and ($2 = '' or s.version = $2) order by {NEWEST} limit 1",
        "A concept map by its URL and, unless empty, its version",
    ),
    Statement(
        "terminology.map-of",
        "select mid from terminology_map where resource = $1",
        "The concept map of a resource",
    ),
    Statement(
        "terminology.map-heads",
        "select m.url, m.version, m.head from terminology_map m"
        f" where {_asked('$1', '$2', '$3')} order by m.mid desc limit $4",
        "What maps say of codes that they do not map",
    ),
    Statement(
        "terminology.add-map",
        "insert into terminology_map (url, version, resource, source, target, head)"
        " values ($1, $2, $3, $4, $5, $6) returning mid",
        "Begins a concept map",
    ),
    Statement(
        "terminology.add-links",
        "insert into terminology_link select $1, n.* from unnest($2::int[], $3::text[], $4::text[],"
        " $5::text[], $6::text[], $7::text[], $8::text[]) as n",
        "Adds mappings",
    ),
    Statement(
        "terminology.forget-maps",
        "with old as (delete from terminology_map where resource = $1 returning mid)"
        " delete from terminology_link l using old where l.mid = old.mid",
        "Takes away the map of a resource",
    ),
    Statement(
        "terminology.links",
        f"select {_LINK} from terminology_link l join terminology_map m on m.mid = l.mid"
        f" where l.source_code = $1 and l.source_system = any($2::text[])"
        f" and ($3 = '' or l.target_system = $3) and {_asked('$4', '$5', '$6')}"
        " order by m.mid desc, l.num limit $7",
        "Where a code leads",
    ),
    Statement(
        "terminology.links-to",
        f"select {_LINK} from terminology_link l join terminology_map m on m.mid = l.mid"
        f" where l.target_code = $1 and l.target_system = any($2::text[])"
        f" and ($3 = '' or l.source_system = $3) and {_asked('$4', '$5', '$6')}"
        " order by m.mid desc, l.num limit $7",
        "What leads to a code",
    ),
    Statement(
        "terminology.closure",
        "select system, code, seq from terminology_closure where owner = $1 and name = $2 and code <> ''"
        " order by seq limit $3",
        "The concepts of a closure",
    ),
    Statement(
        "terminology.closure-begun",
        "select 1 as here from terminology_closure where owner = $1 and name = $2 and code = ''",
        "Whether a closure was begun",
    ),
    Statement(
        "terminology.begin-closure",
        "with old as (delete from terminology_closure where owner = $1 and name = $2 and code <> '')"
        " insert into terminology_closure (owner, name, system, code) values ($1, $2, '', '')"
        " on conflict do nothing",
        "Begins a closure, or empties it",
    ),
    Statement(
        "terminology.add-closure",
        "insert into terminology_closure (owner, name, system, code)"
        " select $1, $2, n.system, n.code from unnest($3::text[], $4::text[]) as n(system, code)"
        " on conflict do nothing",
        "Adds concepts to a closure",
    ),
)
