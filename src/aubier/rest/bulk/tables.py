"""What an export keeps: the request with its place in the walk, and the parts that are done.

A part and the place that follows it are written by one statement, so whoever goes on after a process was
killed goes on exactly there. Files lie in the database: alike for every process, deleted with a row.
"""

from __future__ import annotations

from aubier.ground.rows import Migration, Statement

MIGRATIONS = (
    Migration(
        1,
        "exports",
        """
create table export (
  id text primary key, owner text not null, actor text not null, request text not null,
  kinds text[] not null, members text[], since bigint, mark bigint not null, at bigint not null,
  state text not null check (state in ('running', 'done', 'failed')), error text not null default '',
  kind_no int not null default 0, seq bigint not null default 0, rid bigint not null default 0,
  parts int not null default 0, lease bigint not null default 0, ends bigint not null);
create index export_running on export (lease) where state = 'running';
create table export_part (
  id text not null, no int not null, kind text not null, hits int not null, body bytea not null,
  primary key (id, no));
""",
    ),
)

STATEMENTS = (
    Statement(
        "bulk.begin",
        # The mark is one below which every transaction has ended: nothing is committed under it later.
        "with n as (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as ticks),"
        " o as (select min(extract(epoch from a.xact_start) * 1000000)::bigint as oldest"
        " from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()),"
        " s as (select n.ticks, least(n.ticks, o.oldest) as mark from n, o)"
        " insert into export (id, owner, actor, request, kinds, members, since, mark, at, state, ends)"
        " select $1, $2, $3, $4, $5::text[], $6::text[], $7::bigint, s.mark,"
        " $8::bigint - (s.ticks - s.mark) / 1000, 'running', $9::bigint from s"
        " where (select count(*) from export e where e.owner = $2 and e.state = 'running') < $10::int"
        " returning at",
        "An export asked; nothing when its owner has too many under way",
    ),
    Statement(
        "bulk.take",
        "update export set lease = $3::bigint where id = $1 and state = 'running' and lease <= $2::bigint"
        " returning *",
        "An export that nobody is walking, taken for a while",
    ),
    Statement(
        "bulk.part",
        "with p as (update export set kind_no = $4::int, seq = $5::bigint, rid = $6::bigint,"
        " parts = parts + case when $8::int > 0 then 1 else 0 end, lease = $3::bigint"
        " where id = $1 and state = 'running' and lease = $2::bigint returning id, parts),"
        " f as (insert into export_part (id, no, kind, hits, body)"
        " select p.id, p.parts, $7, $8::int, $9::bytea from p where $8::int > 0)"
        " select parts from p",
        "A part that is done and the place after it; nothing when the export was ended or taken by another",
    ),
    Statement(
        "bulk.end",
        "update export set state = $2, error = $3, ends = $4::bigint where id = $1 and state = 'running'",
        "An export is done, or failed",
    ),
    Statement(
        "bulk.one",
        "select id, request, kinds, kind_no, parts, at, state, error, ends from export"
        " where id = $1 and owner = $2 and ends > $3::bigint",
        "An export of this owner's",
    ),
    Statement("bulk.parts", "select no, kind, hits from export_part where id = $1 order by no", "Its files"),
    Statement("bulk.file", "select body from export_part where id = $1 and no = $2::int", "One of its files"),
    Statement(
        "bulk.delete",
        "with e as (delete from export where id = $1 and owner = $2 returning id),"
        " p as (delete from export_part where id in (select id from e)) select id from e",
        "An export that its owner cancels or has had",
    ),
    Statement(
        "bulk.waiting",
        "select id from export where state = 'running' and lease <= $1::bigint order by lease limit 20",
        "Exports that nobody is walking",
    ),
    Statement(
        "bulk.sweep",
        "with e as (delete from export where ends <= $1::bigint returning id)"
        " delete from export_part p where p.id in (select id from e)"
        " or not exists (select 1 from export x where x.id = p.id)",
        "Delete what nobody came for in time",
    ),
)
