"""Whether what credentials stood on a moment ago still stands, asked by the statement that answers.

Who was recognised lately is not looked up again before each question, and a right that has ended still opens
nothing to who asks later. Every change of what credentials stand on leaves a mark of its own, at a place that
its name chooses; the marks of a place together (`bit_xor`) are never twice the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aubier.ground.rows import Migration
from aubier.ground.standing import Stands
from aubier.store.pool import Connection, answered

_encode = msgspec.json.Encoder().encode

MIGRATIONS = (
    Migration(
        1,
        "standing: marks of what credentials stand on",
        """
CREATE TABLE standing (
  place smallint NOT NULL,
  mark bigint NOT NULL DEFAULT
    ('x' || encode(substring(uuid_send(gen_random_uuid()) FROM 9), 'hex'))::bit(64)::bigint);
CREATE INDEX standing_place ON standing (place) INCLUDE (mark);
-- Marks of a new database are like those of no other.
INSERT INTO standing (place) SELECT p FROM generate_series(0, 1023) p;
CREATE FUNCTION standing_place(what text) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (hashtextextended(what, 0) & 1023)::smallint;
-- Added to, never changed: writers do not wait for each other, and a mark is seen when its change is.
CREATE FUNCTION standing_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO standing (place) SELECT DISTINCT standing_place(tg_argv[0] || ':' || (r.line ->> tg_argv[1]))
  FROM (VALUES (to_jsonb(old)), (to_jsonb(new))) r(line);
  RETURN NULL;
END $$;
-- Many go at once, when old ones are swept: a mark for each place is enough.
CREATE FUNCTION standing_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO standing (place)
  SELECT DISTINCT standing_place(tg_argv[0] || ':' || (to_jsonb(g) ->> tg_argv[1])) FROM gone g;
  RETURN NULL;
END $$;
CREATE FUNCTION standing_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO standing (place) SELECT p FROM generate_series(0, 1023) p;
  RETURN NULL;
END $$;
""",
    ),
)
"""A table that triggers write, each with a name and the column of a key: `standing_moved` after an update of
a row, `standing_gone` after a deletion of rows (`gone`). `standing_emptied`, after a truncation, needs
neither.
"""


class Unproven(Exception):
    """What the asker stood on has moved, or the question does not ask it: they must be recognised anew."""


def mark_of(places: str) -> str:
    """The marks of the places in an array, as one number."""
    return f"(select coalesce(bit_xor(s.mark), 0) from standing s where s.place = any({places}))"


_MOVED = (
    "select k.n from json_to_recordset($1::json) as k(n int, places smallint[], mark bigint)"
    f" where {mark_of('k.places')} <> k.mark"
)


async def unmoved(conn: Connection, asked: Sequence[Sequence[Stands]]) -> list[bool]:
    """For each of `asked`, whether nothing of all that it stands on has moved."""
    rows = [{"n": n, "places": s.places, "mark": s.mark} for n, each in enumerate(asked) for s in each]
    async with answered():
        moved = {row["n"] for row in await conn.fetch(_MOVED, _encode(rows).decode())}
    return [n not in moved for n in range(len(asked))]
