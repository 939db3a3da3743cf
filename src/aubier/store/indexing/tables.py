"""The tables of what is being indexed."""

from __future__ import annotations

from aubier.ground.rows import Migration

MIGRATIONS = (
    Migration(
        1,
        "indexing",
        """
create table indexing (
  no bigint generated always as identity primary key,
  kind text not null check (kind in ('parameter', 'again', 'room')),
  name text not null,
  state text not null check (state in ('making', 'ready', 'leaving', 'unserved')),
  definition text not null default '', types smallint[] not null,
  prefix text not null default '', pat bigint not null default -1, rid bigint not null default -1,
  done bigint not null default 0, total bigint not null default -1,
  why text not null default '', why_fr text not null default '',
  begun timestamptz not null default now(), ended timestamptz);
create index indexing_name on indexing (name) where kind = 'parameter';
create unique index indexing_room on indexing (name) where kind = 'room';
create unique index indexing_again on indexing (types) where kind = 'again';
create table indexing_state (
  one boolean primary key default true check (one),
  version bigint not null default 0, news bigint not null default 0);
insert into indexing_state default values;
""",
    ),
    Migration(2, "moved", "alter table indexing add column moved timestamptz not null default now();"),
)
"""`moved`: when a walk last went on. `version`: which makings a write must know; `news`: that anything was
told since.
"""

VERSION = "select s.version from indexing_state s"
"""Read by every write in its own transaction, whose end it then awaits who changes the makings."""

UNCHANGING = "not exists (select 1 from indexing i where i.state in ('making', 'leaving'))"
"""The condition under which no walk is under way. Whoever begins one awaits the end of the writes that could
not know of it.
"""

TURN = 0x0A0B1E6
"""The advisory lock of whoever takes a walk further, or changes the makings."""
