"""The tables of terminology, and the statements on them.

A code system, value set or concept map is a row that never changes: writing it again makes another row, and
the old one goes. What is being loaded is not `ready`, so nobody sees half of it. Concepts keep what filters
ask (`facts`) and what a search by words asks (`words`) under indexes; `detail` is the rest, as FHIR JSON.
"""

from __future__ import annotations

from aubier.ground.rows import Migration, Statement
from aubier.store.proof.standing import mark_of

MIGRATIONS = (
    Migration(
        1,
        "concepts",
        """
create table terminology_system (
  sid bigint generated always as identity primary key,
  url text not null, version text not null, resource text not null, content text not null,
  case_sensitive boolean not null, supplements text not null, title text not null, name text not null,
  size int not null default 0, ready boolean not null default false);
create index terminology_system_url on terminology_system (url);
create index terminology_system_resource on terminology_system (resource);
create index terminology_system_supplements on terminology_system (supplements) where supplements <> '';
create table terminology_concept (
  sid bigint not null, num int not null, code text not null, display text not null, detail text not null,
  facts jsonb not null, words tsvector not null, primary key (sid, code));
create unique index terminology_concept_order on terminology_concept (sid, num);
create index terminology_concept_lower on terminology_concept (sid, lower(code));
create index terminology_concept_facts on terminology_concept using gin (facts jsonb_path_ops);
create index terminology_concept_words on terminology_concept using gin (words);
create table terminology_value_set (
  vid bigint generated always as identity primary key,
  mark uuid not null default gen_random_uuid(),
  url text not null, version text not null, resource text not null, body text not null);
create index terminology_value_set_url on terminology_value_set (url);
create index terminology_value_set_resource on terminology_value_set (resource);
""",
    ),
)

STANDING = (
    Migration(
        4,
        "standing",
        "alter table terminology_system add column language text not null default '',"
        " add column standing text not null default '';",
    ),
)
"""In which language a system says its displays, what makes it less than in force: if written from now on."""

MARKED = (
    Migration(
        5,
        "each change of a system or a value set leaves its mark",
        """
-- Apart from the places of what credentials stand on: who leaves must not make anybody read a system again.
create function terminology_place(url text) returns smallint language sql immutable parallel safe
  return (1024 + (hashtextextended(url, 0) & 1023))::smallint;
insert into standing (place) select p from generate_series(1024, 2047) p;
create function terminology_moved() returns trigger language plpgsql as $body$ begin
  insert into standing (place) select distinct terminology_place(n.url)
  from (values (to_jsonb(old)), (to_jsonb(new))) r(line)
  cross join lateral (values (r.line->>'url'), (split_part(r.line->>'supplements', '|', 1))) n(url)
  where n.url <> '';
  return null; end $body$;
create trigger moved after insert or update or delete on terminology_system
  for each row execute function terminology_moved();
create trigger moved after insert or update or delete on terminology_value_set
  for each row execute function terminology_moved();
""",
    ),
)
"""What a process remembers of a URL holds while the marks of its place are the same (`remembering`). Systems
and value sets are shown, replaced and hidden by their rows here, and concepts never change below them."""

PLANNED = (
    Migration(
        3,
        "planned each time",
        """
create function terminology_count(bigint, jsonpath, text[], text) returns bigint
  language plpgsql stable as $body$ declare n bigint; begin
  execute $query$select count(*) from terminology_concept c where c.sid = $1 and c.facts @@ $2
    and c.code <> all($3) and ($4 = '' or c.words @@ $4::tsquery)$query$
    into n using $1, $2, $3, $4; return n; end $body$;
create function terminology_page(bigint, jsonpath, text[], text, bigint, bigint)
  returns setof terminology_concept language plpgsql stable as $body$ begin
  return query execute $query$select c.* from terminology_concept c where c.sid = $1 and c.facts @@ $2
    and c.code <> all($3) and ($4 = '' or c.words @@ $4::tsquery) order by c.num offset $5 limit $6$query$
    using $1, $2, $3, $4, $5, $6; end $body$;
""",
    ),
)
"""Which index serves a condition depends on its values: the functions have each question planned with them.
Left to itself, PostgreSQL would take after five times one plan for all, and read the whole system."""

NEWEST = (
    "array(select m[1]::numeric from regexp_matches(s.version, '[0-9]{1,30}', 'g') as m) desc,"
    ' s.version collate "C" desc, s.sid desc'
)
"""Of several versions, the highest by its numbers (81 before 9, 2.10 before 2.9), then by its text."""

_COLUMNS = (
    "s.sid, s.url, s.version, s.content, s.case_sensitive, s.title, s.name, s.size, s.language, s.standing"
)
_MORE = (
    "array(select p.sid from terminology_system p where p.supplements <> '' and p.ready"
    " and p.supplements in (s.url, s.url || '|' || s.version) order by p.sid) as supplements"
)
_CONCEPT = (
    "c.code, c.display, c.detail, array(select jsonb_array_elements_text(c.facts->'line')) as line,"
    " array(select jsonb_array_elements_text(c.facts->'par')) as par"
)


def _marked(url: str, select: str) -> str:
    """What `select` finds (with `true as here`) with the mark of the place of a URL, all of one moment.

    One row that is not `here` when it finds nothing.
    """
    mark = mark_of(f"array[terminology_place({url})]")
    return (
        f"select f.*, q.place, q.moved from (select terminology_place({url}) as place, {mark} as moved) q"
        f" left join lateral ({select}) f on true"
    )


STATEMENTS = (
    Statement(
        "terminology.systems",
        _marked(
            "$1",
            f"select true as here, {_COLUMNS}, {_MORE} from terminology_system s where s.url = $1 and s.ready"
            f" and s.supplements = '' and ($2 = '' or s.version = $2) order by {NEWEST} limit 1",
        ),
        "A code system by its URL and, unless empty, its version",
    ),
    Statement(
        "terminology.versions",
        _marked(
            "$1",
            f"select true as here, {_COLUMNS}, {_MORE} from terminology_system s where s.url = $1 and s.ready"
            f" and s.supplements = '' order by {NEWEST} limit 200",
        ),
        "The versions of a code system, the newest first",
    ),
    Statement(
        "terminology.systems-of",
        f"select distinct on (s.url) {_COLUMNS}, {_MORE} from terminology_system s"
        " where s.url = any($1::text[]) and s.ready and s.supplements = ''"
        f" order by s.url, {NEWEST}",
        "Several code systems by their URLs, the newest of each",
    ),
    Statement(
        "terminology.supplements",
        "select s.sid, s.supplements from terminology_system s"
        " where s.supplements = any($1::text[]) and s.ready order by s.sid",
        "The supplements of a system, by the ways it may be named",
    ),
    Statement(
        "terminology.supplements-of",
        _marked(
            "$1",
            "select true as here, s.sid from terminology_system s"
            " where s.supplements in ($1, $2) and s.ready order by s.sid",
        ),
        "The supplements of one system, by its URL and its canonical",
    ),
    Statement(
        "terminology.supplement",
        _marked(
            "$1",
            "select true as here, s.url, s.version from terminology_system s"
            " where s.url = $1 and s.supplements <> '' and s.ready and ($2 = '' or s.version = $2) limit 1",
        ),
        "A supplement by its own URL and, unless empty, its version",
    ),
    Statement(
        "terminology.supplements-among",
        "select distinct s.url from terminology_system s"
        " where s.url = any($1::text[]) and s.supplements <> '' and s.ready",
        "Which of several URLs are of supplements",
    ),
    Statement(
        "terminology.system",
        "insert into terminology_system (url, version, resource, content, case_sensitive, supplements, title,"
        " name, language, standing) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning sid",
        "Begins a code system",
    ),
    Statement(
        "terminology.concepts",
        f"select {_CONCEPT} from terminology_concept c where c.sid = $1 and c.code = any($2::text[])",
        "Concepts by their codes",
    ),
    Statement(
        "terminology.known",
        "select c.code from terminology_concept c where c.sid = $1 and c.code = any($2::text[])",
        "Which codes there are",
    ),
    Statement(
        "terminology.concepts-any-case",
        f"select {_CONCEPT} from terminology_concept c where c.sid = $1 and lower(c.code) = any($2::text[])"
        " order by c.num",
        "Concepts by their codes in small letters",
    ),
    Statement(
        "terminology.count",
        "select terminology_count($1, $2::jsonpath, $3, $4) as n",
        "How many concepts meet a condition, are not listed, and hold words",
    ),
    Statement(
        "terminology.page",
        f"select {_CONCEPT} from terminology_page($1, $2::jsonpath, $3, $4, $5, $6) c order by c.num",
        "A page of the concepts that meet a condition, are not listed, and hold words",
    ),
    Statement(
        "terminology.all",
        f"select {_CONCEPT} from terminology_concept c where c.sid = $1 and c.num between $2 and $3"
        " order by c.num",
        "Every concept of a system from one number to another: they are numbered without a gap",
    ),
    Statement(
        "terminology.add",
        "with fresh as (select distinct on (n.code) n.* from unnest($3::int[], $4::text[], $5::text[],"
        " $6::text[], $7::text[], $8::text[]) as n(num, code, display, detail, facts, words)"
        " where not exists (select from terminology_concept c where c.sid = $1 and c.code = n.code)"
        " order by n.code, n.num),"
        " new as (insert into terminology_concept (sid, num, code, display, detail, facts, words)"
        " select $1, $2 + row_number() over (order by n.num) - 1, n.code, n.display, n.detail,"
        " n.facts::jsonb, array_to_tsvector(array_remove(string_to_array(n.words, ' '), ''))"
        " from fresh n returning code) select code from new",
        "Adds concepts; gives the codes that were new",
    ),
    Statement(
        "terminology.adopt",
        "with links as (select k.child, c.code as parent from terminology_concept c,"
        " jsonb_array_elements_text(c.facts->'prop'->'child') as k(child)"
        " where c.sid = $1 and c.num between $2 and $3),"
        " sums as (select child, jsonb_agg(parent) as parents from links group by child)"
        " update terminology_concept c set facts = jsonb_set(c.facts, '{par}',"
        " (select jsonb_agg(distinct p) from jsonb_array_elements("
        "coalesce(c.facts->'par', '[]') || s.parents) as p))"
        " from sums s where c.sid = $1 and c.code = s.child",
        "Gives concepts the parents that name them as a child",
    ),
    Statement(
        "terminology.ancestors",
        "with recursive up(code, above) as ("
        "select c.code, c.code from terminology_concept c"
        " where c.sid = $1 and c.num between $2 and $3 and c.facts ? 'par'"
        " union select u.code, p.above from up u"
        " join terminology_concept c on c.sid = $1 and c.code = u.above"
        " cross join jsonb_array_elements_text(c.facts->'par') as p(above)),"
        " sums as (select code, jsonb_agg(above) as line from up group by code)"
        " update terminology_concept c set facts = jsonb_set(c.facts, '{line}', s.line)"
        " from sums s where c.sid = $1 and c.code = s.code",
        "Works out everything above a block of concepts",
    ),
    Statement(
        "terminology.finish",
        "update terminology_system set ready = true, size = $2 where sid = $1",
        "Shows a system that was loaded",
    ),
    Statement(
        "terminology.older",
        "select sid from terminology_system where sid <> $1 and resource = $2 and resource <> ''"
        " union select sid from terminology_system where sid <> $1 and resource = '' and $2 = ''"
        " and url = $3 and version = $4",
        "What a system that was loaded takes the place of",
    ),
    Statement(
        "terminology.forget-concepts",
        "delete from terminology_concept where sid = $1 and num between $2 and $3",
        "Takes away a block of concepts",
    ),
    Statement(
        "terminology.hide", "update terminology_system set ready = false where sid = $1", "Hides a system"
    ),
    Statement(
        "terminology.forget-system",
        "delete from terminology_system where sid = $1",
        "Takes away a system without concepts",
    ),
    Statement(
        "terminology.last",
        "select coalesce(max(num), -1) as last from terminology_concept where sid = $1",
        "The number of a system's last concept",
    ),
    Statement(
        "terminology.of-resource",
        "select sid from terminology_system where resource = $1",
        "The systems of a resource",
    ),
    Statement(
        "terminology.value-set",
        _marked(
            "$1",
            "select true as here, s.vid, s.mark"
            " from (select vid as sid, vid, mark, url, version from terminology_value_set) s"
            f" where s.url = $1 and ($2 = '' or s.version = $2) order by {NEWEST} limit 1",
        ),
        "A value set by its URL and, unless empty, its version",
    ),
    Statement(
        "terminology.value-sets",
        "select distinct on (s.url) s.url, s.vid, s.mark"
        " from (select vid as sid, vid, mark, url, version from terminology_value_set) s"
        f" where s.url = any($1::text[]) order by s.url, {NEWEST}",
        "Several value sets by their URLs, the newest of each",
    ),
    Statement(
        "terminology.value-set-body", "select body from terminology_value_set where vid = $1", "Its content"
    ),
    Statement(
        "terminology.keep-value-set",
        "with old as (delete from terminology_value_set where resource = $3 and $3 <> '')"
        " insert into terminology_value_set (url, version, resource, body) values ($1, $2, $3, $4)",
        "Keeps a value set in place of what its resource said before",
    ),
    Statement(
        "terminology.forget-value-set",
        "delete from terminology_value_set where resource = $1",
        "Takes away the value set of a resource",
    ),
)
