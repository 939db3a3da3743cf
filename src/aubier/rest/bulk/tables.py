"""The tables that exports had of their own, before they became one kind of asynchronous request."""

from __future__ import annotations

from aubier.ground.rows import Migration

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
    Migration(
        2,
        "exports are asynchronous requests",
        # Those that are done walk no further, and write the manifest that is now kept with a request.
        """
insert into job (id, kind, owner, actor, base, request, asked, mark, at, state, place, files, lease, ends)
select id, 'export', owner, actor, split_part(request, '/fhir/', 1) || '/fhir', request,
  jsonb_build_object('kinds', kinds, 'members', members, 'since', since, 'until', null,
    'elements', '[]'::jsonb, 'filters', '{}'::jsonb)::text, mark, at, 'running',
  jsonb_build_object('kind_no', kind_no, 'seq', seq, 'rid', rid, 'gone', false)::text, parts, lease, ends
from export where state <> 'failed';
insert into job_file (id, no, kind, hits, body) select p.id, p.no, p.kind, p.hits, p.body
from export_part p join export e on e.id = p.id where e.state <> 'failed';
drop table export;
drop table export_part;
""",
    ),
)
