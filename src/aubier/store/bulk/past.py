"""Audit lines of things past: the accesses that a story of the sandbox tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aubier.store.keys import type_numbers
from aubier.store.pool import answered
from aubier.store.store import Store


@dataclass(frozen=True, slots=True)
class PastLine:
    """One line as the audit table holds it; `patient` is a logical id, `at` in ms."""

    patient: str
    at: int
    actor: str
    name: str
    org: str
    basis: str
    what: str
    hits: int


async def write_past(store: Store, lines: Sequence[PastLine]) -> None:
    """Adds the lines that are not there yet; those of a patient not known here are left out."""
    columns = [[getattr(line, name) for line in lines] for name in PastLine.__slots__]
    async with answered():
        await store.pool.execute(
            "insert into audit (pat, at, actor, name, org, basis, what, hits, client, purpose, action,"
            " outcome)"
            " select m.pat, u.at, u.actor, u.name, u.org, u.basis, u.what, u.hits, 'sandbox', 'TREAT',"
            " 'search',"
            " 'ok' from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],"
            " $8::text[], $9::int[]) u(patient, at, actor, name, org, basis, what, hits)"
            " join id_map m on m.type = $1 and m.id = u.patient where not exists (select 1 from audit a"
            " where a.pat = m.pat and a.at = u.at and a.actor = u.actor and a.what = u.what)",
            type_numbers()["Patient"],
            *columns,
        )
