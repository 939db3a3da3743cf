"""The tables of identity, and the statements on what is known of each Patient here.

`identity_base` plays the national reference (a number is in it once). `identity_known` has one row per
Patient stored here, written in the same transaction as the Patient: its keys for finding, and its flags.
The resource itself is never altered.
"""

from __future__ import annotations

from aubier.ground.rows import Migration, Statement
from aubier.referentials.identity.insi import base

MIGRATIONS = (
    Migration(
        1,
        "identities",
        """
create table identity_base (
  system text not null, ins text not null,
  birth_name text not null, given_names text not null, first_given text not null, sex text not null,
  birth_date text not null, birth_place text not null, name_key text not null, birth_key text not null,
  life text not null check (life in ('active', 'merged', 'dead')), replaced_by text not null,
  primary key (system, ins));
create index identity_base_traits on identity_base (name_key, birth_key, sex);
create table identity_known (
  patient text primary key, system text not null, ins text not null, acts boolean not null,
  name_key text not null, birth_key text not null, sex text not null, birth_place text not null,
  status text not null, flags text[] not null);
create unique index identity_known_ins on identity_known (system, ins) where acts;
create index identity_known_traits on identity_known (name_key, birth_key, sex);
create index identity_known_flagged on identity_known (patient) where flags <> '{}';
""",
    ),
    Migration(
        2,
        "identities asked",
        "create table identity_asked (actor text primary key, since bigint not null, asked integer not null)",
    ),
)

STATEMENTS = (
    *base.STATEMENTS,
    Statement(
        "identity.turns",
        "select pg_advisory_xact_lock(k) from (select distinct hashtextextended(system || '|' || ins, 7) as k"
        " from unnest($1::text[], $2::text[]) u(system, ins) order by k) turns",
        "Wait for the other writers of these numbers: two Patients never take one at once",
    ),
    Statement(
        "identity.holders",
        "select i.system, i.ins, i.name_key, i.birth_key, i.sex from identity_known i"
        " join unnest($1::text[], $2::text[], $3::text[]) u(system, ins, patient)"
        " on i.system = u.system and i.ins = u.ins where i.acts and i.patient <> u.patient",
        "Other Patients under which these numbers act: their traits",
    ),
    Statement(
        "identity.acting",
        "select system, ins from identity_known where patient = $1 and acts",
        "The number that acts under this Patient",
    ),
    Statement(
        "identity.count_asked",
        """insert into identity_asked (actor, since, asked) values ($1, $2, $3)
on conflict (actor) do update set
  asked = case when identity_asked.since <= $4 then $3 else identity_asked.asked + $3 end,
  since = case when identity_asked.since <= $4 then $2 else identity_asked.since end
returning asked""",
        "So many more identities asked by this actor; gives how many lately",
    ),
    Statement(
        "identity.know",
        """insert into identity_known
select patient, system, ins, acts, name_key, birth_key, sex, birth_place, status,
  string_to_array(flags, E'\\x1f')
from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[],
  $9::text[], $10::text[])
  u(patient, system, ins, acts, name_key, birth_key, sex, birth_place, status, flags)
on conflict (patient) do update set system = excluded.system, ins = excluded.ins, acts = excluded.acts,
  name_key = excluded.name_key, birth_key = excluded.birth_key, sex = excluded.sex,
  birth_place = excluded.birth_place, status = excluded.status, flags = excluded.flags""",
        "What is known of Patients, in the transaction that writes them; flags parted by U+001F",
    ),
    Statement("identity.forget", "delete from identity_known where patient = $1", "Forget a deleted Patient"),
    Statement(
        "identity.by_ins",
        "select patient from identity_known where system = $1 and ins = $2 and acts",
        "The Patient under which this number acts",
    ),
    Statement(
        "identity.by_traits",
        "select patient from identity_known where name_key = $1 and birth_key = $2 and sex = $3"
        " and birth_place = $4 limit 50",
        "The Patients with these strict traits, given names aside",
    ),
    Statement(
        "identity.flags", "select flags from identity_known where patient = $1", "Why a number does not act"
    ),
)
