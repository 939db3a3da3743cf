"""The room's two tables: the national base of invented identities, and what is known of each Patient here.

`identity_base` plays the national reference (a number is in it once). `identity_known` has one row per
Patient stored here, written in the same transaction as the Patient: its keys for finding, and its flags.
The resource itself is never altered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aubier.ground.rows import Migration, Statement
from aubier.ground.text import fold_name
from aubier.referentials.identity.matching import Person, birth_key
from aubier.referentials.identity.patient import Ins, Traits

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
)

_BASE = "system ins birth_name given_names first_given sex birth_date birth_place name_key birth_key"
_COLUMNS = [*_BASE.split(" "), "life", "replaced_by"]
_LISTED = ", ".join(_COLUMNS)
_CHANGED = ", ".join(f"{c} = excluded.{c}" for c in _COLUMNS[2:])
_ARRAYS = ", ".join(f"${n}::text[]" for n in range(1, len(_COLUMNS) + 1))

STATEMENTS = (
    Statement(
        "identity.register",
        f"insert into identity_base ({_LISTED}) select * from unnest({_ARRAYS})"  # noqa: S608
        f" on conflict (system, ins) do update set {_CHANGED}",
        "Put people in the national base, or replace them; twelve arrays, one item per person",
    ),
    Statement(
        "identity.candidates",
        f"select {_LISTED} from identity_base where name_key = $1 and birth_key = $2 and sex = $3 limit 1000",  # noqa: S608
        "The people of the base with this folded birth name, birth date and sex",
    ),
    Statement(
        "identity.person",
        f"select {_LISTED} from identity_base where system = $1 and ins = $2",  # noqa: S608
        "The person of the base with this number",
    ),
    Statement(
        "identity.live",
        "update identity_base set life = $3, replaced_by = $4 where system = $1 and ins = $2 returning ins",
        "Mark a person of the base merged into another number, dead, or active again",
    ),
    Statement(
        "identity.turn",
        "select pg_advisory_xact_lock(hashtextextended($1 || '|' || $2, 7))",
        "Wait for the other writers of this number: two Patients never take it at once",
    ),
    Statement(
        "identity.holder",
        "select patient from identity_known where system = $1 and ins = $2 and acts and patient <> $3",
        "The other Patient under which this number acts",
    ),
    Statement(
        "identity.know",
        """insert into identity_known values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (patient) do update set system = excluded.system, ins = excluded.ins, acts = excluded.acts,
  name_key = excluded.name_key, birth_key = excluded.birth_key, sex = excluded.sex,
  birth_place = excluded.birth_place, status = excluded.status, flags = excluded.flags""",
        "What is known of a Patient, in the transaction that writes it",
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


def registration(people: Iterable[Person]) -> list[list[str]]:
    """The twelve arrays of the statement `identity.register`; of two with one number the last counts."""
    rows = {p.ins: _columns(p) for p in people}
    return [list(column) for column in zip(*rows.values(), strict=True)] or [[] for _ in _COLUMNS]


def _columns(person: Person) -> tuple[str, ...]:
    told = person.traits
    return (
        person.ins.system,
        person.ins.value,
        told.birth_name,
        told.given_names,
        told.first_given,
        told.sex,
        told.birth_date,
        told.birth_place,
        *search_key(told)[:2],
        person.life,
        person.replaced_by,
    )


def search_key(told: Traits) -> tuple[str, str, str]:
    """What the base is looked up by: folded birth name, comparable birth date, sex."""
    return fold_name(told.birth_name), birth_key(told.birth_date), told.sex


def person(row: Mapping[str, Any]) -> Person:
    """A row of the base as a Person."""
    told = Traits(*(row[c] for c in _COLUMNS[2:8]))
    return Person(Ins(row["ins"], row["system"]), told, row["life"], row["replaced_by"])
