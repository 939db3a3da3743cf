"""What a job keeps: the request with its place in the walk, the files that are done, what it wrote.

One statement writes files and the place after them: whoever goes on after a process was killed goes on
exactly there. Files lie in the database, alike for every process, deleted with a row; file 0 is the answer.
"""

# ruff: noqa: S608 (the only thing interpolated is the store's own moment)

from __future__ import annotations

from aubier.ground.rows import Migration, Statement, Stuck
from aubier.store.reading.row import SETTLED

MIGRATIONS = (
    Migration(
        1,
        "jobs",
        """
create table job (
  id text primary key, kind text not null, owner text not null, actor text not null, base text not null,
  request text not null, asked text not null, body bytea, mark bigint not null, at bigint not null,
  state text not null check (state in ('running', 'done')), place text not null default '{}',
  progress text not null default '', answer text not null default '',
  files int not null default 0, tries int not null default 0,
  holder text not null default '', lease bigint not null default 0, ends bigint not null);
create index job_running on job (lease) where state = 'running';
create index job_owner on job (owner) where state = 'running';
create table job_file (
  id text not null, no int not null, kind text not null, hits int not null, body bytea not null,
  primary key (id, no));
create table job_receipt (id text not null, no bigint not null, written bytea not null, primary key (id, no));
""",
    ),
)

STATEMENTS = (
    Statement(
        "asynchronous.begin",
        # Nothing is committed below the mark later. What comes after has its date or a later one, where dates
        # are the database's ($12); else as much before the moment of asking as the mark is before now.
        f"with s as (select {SETTLED} as mark, (extract(epoch from now()) * 1000000)::bigint as ticks)"
        " insert into job (id, kind, owner, actor, base, request, asked, body, mark, at, state, ends)"
        " select $1, $2, $3, $4, $5, $6, $7, $8::bytea, s.mark, case when $12 then s.mark / 1000"
        " else $9::bigint - (s.ticks - s.mark) / 1000 end, 'running', $10::bigint from s"
        " where (select count(*) from job e where e.owner = $3 and e.kind = $2 and e.state = 'running')"
        " < $11::int returning at",
        "A job asked; nothing when its owner has too many of that kind under way",
    ),
    Statement(
        "asynchronous.take",
        "update job set lease = $3::bigint, holder = $4, tries = tries + 1"
        " where id = $1 and state = 'running' and lease <= $2::bigint returning *",
        "A job that nobody is walking, taken for a while",
    ),
    Statement(
        "asynchronous.keep",
        "update job set lease = $3::bigint where id = $1 and holder = $2 and state = 'running' returning id",
        "A step takes its time: the job stays its holder's",
    ),
    Statement(
        "asynchronous.step",
        "with p as (update job set place = $3, progress = $4, lease = $5::bigint, tries = 0,"
        " files = files + cardinality($6::text[]) where id = $1 and holder = $2 and state = 'running'"
        " returning id, files),"
        " r as (delete from job_receipt where id in (select id from p)),"
        " f as (insert into job_file (id, no, kind, hits, body)"
        " select p.id, p.files - cardinality($6::text[]) + u.n, u.kind, u.hits, u.body"
        " from p, unnest($6::text[], $7::int[], $8::bytea[]) with ordinality u(kind, hits, body, n))"
        " select files from p",
        "A step that is done: its files, the place after it; nothing when the job is another's by now",
    ),
    Statement(
        "asynchronous.end",
        "with p as (update job set state = 'done', answer = $3, ends = $4::bigint, body = null,"
        " files = case when $6 then 0 else files end"
        " where id = $1 and holder = $2 and state = 'running' returning id),"
        " r as (delete from job_receipt where id in (select id from p))"
        " insert into job_file (id, no, kind, hits, body) select id, 0, '', 0, $5::bytea from p returning id",
        "A job is done: its answer; with `$6` its files are no longer its own",
    ),
    Statement(
        "asynchronous.one",
        "select id, state, progress, answer, ends from job"
        " where id = $1 and owner = $2 and ends > $3::bigint",
        "A job of this owner's",
    ),
    Statement(
        "asynchronous.files",
        "select no, kind, hits from job_file where id = $1 and no > 0 order by no",
        "The files of a job",
    ),
    Statement(
        "asynchronous.file",
        "select f.kind, f.body from job_file f join job j on j.id = f.id and f.no <= j.files"
        " where f.id = $1 and f.no = $2::int",
        "One file of a job",
    ),
    Statement(
        "asynchronous.delete",
        "delete from job where id = $1 and owner = $2 returning id",
        "A job that its owner cancels or has had",
    ),
    Statement(
        "asynchronous.waiting",
        "select id, kind from job where state = 'running' and lease <= $1::bigint order by lease limit 20",
        "Jobs that nobody is walking",
    ),
    Statement(
        "asynchronous.sweep",
        "delete from job where ends <= $1::bigint",
        "Delete what nobody came for in time; its files are orphans then",
    ),
    Statement(
        "asynchronous.orphans",
        # So many at a time: a statement has ten seconds, and an export of a country millions of pages.
        "with r as (delete from job_receipt p using (select o.id, o.no from job_receipt o"
        " where not exists (select 1 from job x where x.id = o.id) limit $1::int) g"
        " where p.id = g.id and p.no = g.no returning p.id),"
        " f as (delete from job_file p using (select o.id, o.no from job_file o"
        " where not exists (select 1 from job x where x.id = o.id and o.no <= x.files) limit $1::int) g"
        " where p.id = g.id and p.no = g.no returning p.id)"
        " select greatest((select count(*) from r), (select count(*) from f)) as n",
        "Delete files and receipts that are no job's any more, so many at most",
    ),
    Statement(
        "asynchronous.receipt",
        "select written from job_receipt where id = $1 and no = $2::bigint",
        "What a job wrote under this number, if it did",
    ),
    Statement(
        "asynchronous.receipts",
        "select no, written from job_receipt where id = $1 and no between $2::bigint and $3::bigint"
        " order by no",
        "What a job wrote under these numbers",
    ),
    Statement(
        "asynchronous.receive",
        "insert into job_receipt (id, no, written) select id, $3::bigint, $4::bytea from job"
        " where id = $1 and holder = $2 and state = 'running' for update returning no",
        "What a job writes, in that transaction; nothing when the job is not its holder's any more",
    ),
)

STUCK = Stuck(
    Statement(
        "asynchronous.stuck",
        # Whoever walks a job holds it, and each process takes up once a minute what nobody holds; one that
        # was never begun may wait for its turn behind others.
        "select id as what, 1::bigint as n, kind || case when tries > 1 then ' ×' || tries else '' end"
        " || case when progress <> '' then ', ' || progress else '' end as error"
        " from job where state = 'running' and greatest(lease, at) < $1::bigint - 300000 and (lease > 0"
        " or not exists (select from job b where b.state = 'running' and b.lease > $1::bigint))"
        " order by greatest(lease, at) limit 20",
        "Jobs that nobody has walked for five minutes",
    ),
    {
        "fr": "Demande asynchrone que personne ne traite depuis cinq minutes : {what} ({error})",
        "en": "Asynchronous request that nobody has gone on with for five minutes: {what} ({error})",
    },
    {
        "fr": "le journal dit pourquoi ; « aubier retry {what} » la fait reprendre à la minute suivante",
        "en": "the log says why; aubier retry {what} has it taken up within a minute",
    },
    Statement(
        "asynchronous.again",
        "update job set lease = 0, tries = 0 where state = 'running' and id = $1 returning id",
        "A job is taken up as if it had never been stopped",
    ),
    served=True,
)
"""Jobs that stand still."""
