"""The national base of invented identities: its table, its statements, its rows. A number is in it once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aubier.ground.rows import Statement
from aubier.ground.text import fold_name
from aubier.referentials.identity.insi.matching import Person, birth_key
from aubier.referentials.identity.patient import Ins, Traits

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
        "identity.people",
        f"select {_LISTED} from identity_base join unnest($1::text[], $2::text[]) u(system, ins)"  # noqa: S608
        " using (system, ins)",
        "The people of the base with these numbers",
    ),
    Statement(
        "identity.live",
        "update identity_base set life = $3, replaced_by = $4 where system = $1 and ins = $2 returning ins",
        "Mark a person of the base merged into another number, dead, or active again",
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
